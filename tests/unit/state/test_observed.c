#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/observed.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { NOW = 1795363200, DAY = 86400 };

static const char	 file[] = "qtoa.observed";

/* All notes as "KIND KEY VALUE UNTIL SEEN|", in their order. */
static const char *
notes_of(const char *dir)
{
	static char	 text[4096];
	struct observed	 o;
	size_t		 i, len = 0;

	*text = '\0';
	check_err("read", observed_read(&o, dir, NOW), ERR_OK);
	for (i = 0; i < o.n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d %s %lld %lld %lld|",
		    (int)o.v[i].kind, o.v[i].key, (long long)o.v[i].value,
		    (long long)(o.v[i].until_s - NOW), (long long)(o.v[i].seen_s - NOW));
	observed_free(&o);
	return text;
}

static struct observation
note(enum observed_kind kind, const char *key, int64_t value, int64_t until_s, int64_t seen_s)
{
	struct observation	 v = { .kind = kind, .value = value };

	v.until_s = NOW + until_s;
	v.seen_s = NOW + seen_s;
	(void)snprintf(v.key, sizeof(v.key), "%s", key);
	return v;
}

static void
noting(void **state)
{
	const char		*dir = state_new();
	struct locks		*locks = lock_new(dir);
	struct observation	 v[3];
	struct observed		 o;

	(void)state;
	assert_non_null(locks);
	check_text("before", notes_of(dir), "");
	v[0] = note(OBSERVED_CERTIFICATE, "qt.example:8443", 0, 9 * DAY, 0);
	v[1] = note(OBSERVED_RECONCILE, "shop", 7, -DAY, 0);
	v[2] = note(OBSERVED_CERTIFICATE, "shop", 0, DAY, -10);
	check_err("first", observed_note(locks, dir, v, 3, false, NOW), ERR_OK);
	check_text("first", notes_of(dir), "0 qt.example:8443 0 777600 0|1 shop 7 -86400 0|"
	    "0 shop 0 86400 -10|");
	/* A certificate may end earlier than before.  An earlier day does not count any more. */
	v[0] = note(OBSERVED_CERTIFICATE, "qt.example:8443", 0, DAY, 1);
	v[1] = note(OBSERVED_RECONCILE, "shop", 9, -2 * DAY, 1);
	v[2] = note(OBSERVED_RECONCILE, "news", 0, -2 * DAY, 1);
	check_err("second", observed_note(locks, dir, v, 3, false, NOW), ERR_OK);
	check_text("second", notes_of(dir), "0 qt.example:8443 0 86400 1|1 shop 7 -86400 0|"
	    "0 shop 0 86400 -10|1 news 0 -172800 1|");
	v[0] = note(OBSERVED_RECONCILE, "shop", 0, -DAY, 2);
	check_err("the same day", observed_note(locks, dir, v, 1, false, NOW), ERR_OK);
	/* A host that is still there but was not seen, one that is new, and one that is gone. */
	v[0] = note(OBSERVED_CERTIFICATE, "qt.example:8443", 0, -NOW, 9);
	v[1] = note(OBSERVED_CERTIFICATE, "new.example", 0, 3, 9);
	check_err("all", observed_note(locks, dir, v, 2, true, NOW), ERR_OK);
	check_text("all", notes_of(dir), "0 qt.example:8443 0 86400 1|1 shop 0 -86400 2|"
	    "1 news 0 -172800 1|0 new.example 0 3 9|");
	check_err("read", observed_read(&o, dir, NOW), ERR_OK);
	check_int("missing", observed_find(&o, OBSERVED_RECONCILE, "shop")->value, 0);
	CHECK("no such key", observed_find(&o, OBSERVED_RECONCILE, "qt.example:8443") == NULL);
	observed_free(&o);
	check_int("files", state_count(dir, file, NULL), 1);
	lock_free(locks);
}

/* Keys that would make another line are left out; the others are noted. */
static void
odd_keys(void **state)
{
	static const char *const	 keys[] = { "", " ", "a b", "a\nreconcile", "a\t", "\x7f" };
	const char			*dir = state_new();
	struct locks			*locks = lock_new(dir);
	struct observation		 v[COUNT(keys) + 1];
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(keys); i++)
		v[i] = note(OBSERVED_RECONCILE, keys[i], 1, 0, 0);
	v[i] = note(OBSERVED_RECONCILE, "\xE5\xBA\x97", 2, 0, 0);
	check_err("noted", observed_note(locks, dir, v, COUNT(v), false, NOW), ERR_OK);
	check_text("one", notes_of(dir), "1 \xE5\xBA\x97 2 0 0|");
	lock_free(locks);
}

static void
odd_files(void **state)
{
#define OBSERVED_HEAD	"qtoa-observed 1\n"
	static const struct {
		const char	*name, *bytes, *notes;
	} cases[] = {
		{ "empty", "", "" },
		{ "another's", "hello\ncertificate h 0 1795363200 1795363200\n", "" },
		{ "a later one", "qtoa-observed 2\ncertificate h 0 1795363200 1795363200\n", "" },
		{ "no note", OBSERVED_HEAD, "" },
		{ "one", OBSERVED_HEAD "certificate h 0 1795363201 1795363199\n", "0 h 0 1 -1|" },
		{ "cut off", OBSERVED_HEAD "certificate h 0 1795363201 17953631", "" },
		{ "unknown kind", OBSERVED_HEAD "weather h 0 1 1795363200\n"
		    "reconcile a 3 1795363200 1795363200\n", "1 a 3 0 0|" },
		{ "no number", OBSERVED_HEAD "reconcile a -3 1795363200 1795363200\n"
		    "reconcile a 3 x 1795363200\nreconcile a 3\nreconcile\n\n"
		    "reconcile a 3 1795363200 1795363200 4\n", "" },
		{ "twice", OBSERVED_HEAD "certificate h 0 1795363201 1795363199\n"
		    "certificate h 0 1795363202 1795363200\n", "0 h 0 2 0|" },
		{ "old", OBSERVED_HEAD "certificate h 0 1795363200 1792771200\n"
		    "certificate i 0 1795363200 1792771201\n", "0 i 0 0 -2591999|" },
		{ "of a clock ahead", OBSERVED_HEAD "certificate h 0 1795363200 1795449600\n"
		    "certificate i 0 1795363200 1795449599\n", "0 i 0 0 86399|" },
	};
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		state_write(dir, file, cases[i].bytes, strlen(cases[i].bytes));
		check_text(cases[i].name, notes_of(dir), cases[i].notes);
	}
	state_path(path, dir, file);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check_text("a directory", notes_of(dir), "");
	assert_int_equal(rmdir(path), 0);
}

/* Where nothing can be written, what was there stays. */
static void
faults(void **state)
{
	const char		*dir = state_new();
	struct locks		*locks = lock_new(dir);
	struct observation	 v = note(OBSERVED_RECONCILE, "a", 3, 0, 0);
	struct observed		 o;
	char			 path[STATE_PATH];
	unsigned		 n;
	enum error		 er;

	(void)state;
	check_err("noted", observed_note(locks, dir, &v, 1, false, NOW), ERR_OK);
	v.value = 4;
	for (n = 1;; n++) {
		unit_memory = n;
		er = observed_note(locks, dir, &v, 1, false, NOW);
		if (unit_memory != 0)
			break;
		CHECK("no memory", er == ERR_NOMEM || er == ERR_STORE);
		check_text("as before", notes_of(dir), "1 a 3 0 0|");
	}
	unit_memory = 1;
	check_err("no memory", observed_read(&o, dir, NOW), ERR_NOMEM);
	observed_free(&o);
	unit_memory = 0;
	check_text("enough", notes_of(dir), "1 a 4 0 0|");
	state_path(path, dir, "qtoa.observed.new");
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("in the way", observed_note(locks, dir, &v, 1, false, NOW), ERR_STORE);
	assert_int_equal(rmdir(path), 0);
	lock_free(locks);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(noting), TEST(odd_keys), TEST(odd_files), TEST(faults),
	};

	return RUN("observed", tests);
}
