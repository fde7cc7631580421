#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/failure_table.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { OWN = 192, MINUTE_MS = FAILURE_TABLE_MINUTE_S * 1000 };

static const int64_t	 noon_ms = INT64_C(1795348800000);

static struct failure_search
search_of(const char *account, const char *peer)
{
	struct failure_search	 s = {
		.text = {
			[FAILURE_WHAT] = slice_of("request"),
			[FAILURE_ACCOUNT] = slice_of(account),
			[FAILURE_ERROR] = slice_of("an error"),
			[FAILURE_PEER] = slice_of(peer),
		},
		.level = LEVEL_NOTICE, .now_ms = noon_ms,
	};

	failure_table_hash(&s);
	return s;
}

static void
scopes(void **state)
{
	static const struct {
		const char	*name, *account, *peer;
		bool		 same[FAILURE_SCOPES];
	} cases[] = {
		{ "the same", "a", "p", { true, true, true } },
		{ "another peer", "a", "q", { false, true, true } },
		{ "another account", "b", "p", { false, false, true } },
		{ "a text that is moved", "ap", "", { false, false, true } },
	};
	const struct failure_search	 first = search_of("a", "p");
	struct failure_search		 s;
	size_t				 i;
	int				 k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		s = search_of(cases[i].account, cases[i].peer);
		for (k = 0; k < FAILURE_SCOPES; k++)
			CHECK(cases[i].name, (s.hash[k] == first.hash[k]) == cases[i].same[k]);
		CHECK(cases[i].name, s.hash[0] != s.hash[1] && s.hash[1] != s.hash[2]);
	}
}

static void
texts(void **state)
{
	static const char *const	 want[FAILURE_SCOPES][2] = {
		{ "shop", "1.2.3.4" }, { "shop", "*" }, { "*", "*" },
	};
	static struct failure_table	 t;
	const struct failure_search	 s = search_of("shop", "1.2.3.4");
	struct failure_place		*p;
	char				 text[FAILURE_TABLE_TEXT];
	size_t				 i;
	int				 k;

	(void)state;
	for (k = 0; k < FAILURE_SCOPES; k++) {
		CHECK("not there",
		    failure_table_find(&t, (enum failure_scope)k, s.hash[k]) == NULL);
		i = failure_table_find_room(&t, &s, (enum failure_scope)k);
		CHECK("free", i < FAILURE_TABLE_PLACES && !failure_table_is_taken(&t, i));
		p = failure_table_take(&t, i, &s, (enum failure_scope)k);
		CHECK("taken", failure_table_is_taken(&t, i));
		CHECK("found", failure_table_find(&t, (enum failure_scope)k, s.hash[k]) == p);
		failure_table_text(text, p, FAILURE_ACCOUNT);
		check_text("account", text, want[k][0]);
		failure_table_text(text, p, FAILURE_PEER);
		check_text("peer", text, want[k][1]);
		check_int("level", failure_table_level(p), LEVEL_NOTICE);
	}
}

/* Takes a place for so many accounts or peers; returns how many got one of their own. */
static int
take_many(struct failure_table *t, int n, bool peers)
{
	struct failure_search	 s;
	char			 name[16];
	size_t			 i;
	int			 k, own = 0;

	for (k = 0; k < n; k++) {
		(void)snprintf(name, sizeof(name), "n%d", k);
		s = search_of(peers ? "shop" : name, peers ? name : "");
		i = failure_table_find_room(t, &s, FAILURE_ONE_PEER);
		if (i == FAILURE_TABLE_PLACES)
			continue;
		(void)failure_table_take(t, i, &s, FAILURE_ONE_PEER);
		own++;
	}
	return own;
}

static void
room(void **state)
{
	static struct failure_table	 many, full;
	struct failure_search		 s = search_of("late", "");

	(void)state;
	check_int("peers", take_many(&many, 100, true), FAILURE_TABLE_PEERS);
	check_int("accounts", take_many(&full, 300, false), OWN);
	s.now_ms = noon_ms + MINUTE_MS - 1;
	check_int("within a minute", (int64_t)failure_table_find_room(&full, &s, FAILURE_ONE_PEER),
	    FAILURE_TABLE_PLACES);
	s.now_ms = noon_ms + MINUTE_MS;
	full.place[7].last = noon_ms - 1;
	check_int("the oldest goes", (int64_t)failure_table_find_room(&full, &s, FAILURE_ONE_PEER),
	    7);
}

static void
file(void **state)
{
	static struct failure_table	 t;
	const char			*dir = state_new();
	char				 path[STATE_FILE_PATH];
	struct state_file		 f = { .fd = -1 };

	(void)state;
	failure_table_path(path, dir);
	check_err("absent", failure_table_read(&t, dir), ERR_OK);
	check_int("new", failure_table_open(&f, path, O_RDWR | O_CREAT), STATE_FILE_EMPTY);
	CHECK("begun", failure_table_begin(&f));
	state_file_close(&f);
	check_int("sound", failure_table_open(&f, path, O_RDWR), STATE_FILE_SOUND);
	t.index[3] = t.place[3].hash = 9;
	assert_int_equal(pwrite(f.fd, t.index, sizeof(t.index), 64), sizeof(t.index));
	assert_int_equal(pwrite(f.fd, t.place, sizeof(t.place), 4096), sizeof(t.place));
	memset(&t, 0, sizeof(t));
	check_err("read", failure_table_read(&t, dir), ERR_OK);
	CHECK("what was written", failure_table_is_taken(&t, 3) && !failure_table_is_taken(&t, 4));
	assert_int_equal(ftruncate(f.fd, (off_t)sizeof(t) - 1), 0);
	state_file_close(&f);
	check_int("cut short", failure_table_open(&f, path, O_RDWR), STATE_FILE_OTHER);
	state_file_close(&f);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(scopes), TEST(texts), TEST(room), TEST(file),
	};

	return RUN("failure_table", tests);
}
