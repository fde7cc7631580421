#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/hash.h"
#include "state/reply_table.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static const int64_t	 noon_s = INT64_C(1795348800);

struct bench {
	const char		*dir;
	struct locks		*locks;
	struct reply_table	*t;
};

static void
bench_init(struct bench *b)
{
	b->dir = state_new();
	b->locks = lock_new(b->dir);
	b->t = reply_table_new(b->dir, b->locks);
	assert_non_null(b->t);
}

static void
bench_fini(struct bench *b)
{
	reply_table_free(b->t);
	lock_free(b->locks);
}

static uint64_t
hash_number(uint64_t n)
{
	return hash_add(HASH_EMPTY, &n, sizeof(n));
}

/* Once an hour for a user, but again for the same message. */
static void
once_an_hour(void **state)
{
	static const struct {
		const char	*name;
		int		 user, message;
		int64_t		 after_s;
		bool		 may;
	} cases[] = {
		{ "first", 1, 1, 0, true },
		{ "the same message", 1, 1, 10, true },
		{ "another message", 1, 2, 20, false },
		{ "the first message again", 1, 1, 25, true },
		{ "another user", 2, 3, 30, true },
		{ "after 59 min", 1, 4, 59 * 60, false },
		{ "after an hour", 1, 5, 61 * 60, true },
		{ "its repeat", 1, 5, 61 * 60 + 5, true },
		{ "the next", 1, 6, 61 * 60 + 10, false },
		{ "days later", 1, 7, 86400 * 40, true },
		{ "the clock was set back", 1, 8, 0, true },
	};
	struct bench	 b;
	size_t		 i;

	(void)state;
	bench_init(&b);
	for (i = 0; i < COUNT(cases); i++)
		CHECK(cases[i].name, reply_table_may(b.t, hash_number((uint64_t)cases[i].user),
		    hash_number((uint64_t)cases[i].message + 1000), noon_s + cases[i].after_s,
		    60) == cases[i].may);
	bench_fini(&b);
}

/* 10000 users in an hour: nobody is mistaken for another one. */
static void
many_users(void **state)
{
	struct bench	 b;
	uint64_t	 i;
	int		 lacks = 0, again = 0;

	(void)state;
	bench_init(&b);
	for (i = 0; i < 10000; i++)
		lacks += !reply_table_may(b.t, hash_number(i), hash_number(i + 1), noon_s, 60);
	for (i = 0; i < 10000; i++)
		again += reply_table_may(b.t, hash_number(i), hash_number(i + 2), noon_s + 60, 60);
	check_int("got none", lacks, 0);
	CHECK("got it twice", again < 100);
	bench_fini(&b);
}

static int	 entries;
static struct reply_table_entry	 last;

static void
note(void *ctx, const struct reply_table_entry *e)
{
	(void)ctx;
	entries++;
	last = *e;
}

static void
counted(void **state)
{
	const int64_t	 day = calendar_day_at(noon_s);
	struct bench	 b, other;
	int		 i;

	(void)state;
	bench_init(&b);
	other = b;
	other.t = reply_table_new(b.dir, b.locks);
	entries = 0;
	check_err("no file", reply_table_read(b.dir, note, NULL), ERR_OK);
	check_int("no file", entries, 0);
	for (i = 0; i < 10; i++)
		reply_table_count((i % 2 == 0 ? b : other).t, slice_of("shop"), "keyword",
		    slice_of("prices"), i * 3, noon_s + (i < 3 ? 0 : 86400));
	reply_table_count(b.t, slice_of("shop"), "follow", slice_of("follow"), 99999, noon_s);
	reply_table_count(b.t, slice_of("bar"), "keyword", slice_of("prices"), 0, noon_s);
	check_err("read", reply_table_read(b.dir, note, NULL), ERR_OK);
	check_int("rules", entries, 3);
	check_text("account", last.account, "shop");
	check_text("kind", last.kind, "keyword");
	check_text("rule", last.rule, "prices");
	check_int("count", (int64_t)last.count, 10);
	check_int("sum", (int64_t)last.sum_ms, 135);
	check_int("first day", (int64_t)reply_table_in(&last, day, day), 3);
	check_int("second day", (int64_t)reply_table_in(&last, day + 1, day + 1), 7);
	check_int("both", (int64_t)reply_table_in(&last, day - 100, day + 100), 10);
	check_int("none", (int64_t)reply_table_in(&last, day + 2, day + 100), 0);
	/* Eighty days later the first day's word is used again. */
	reply_table_count(b.t, slice_of("shop"), "keyword", slice_of("prices"), 1,
	    noon_s + INT64_C(80) * 86400);
	check_err("read", reply_table_read(b.dir, note, NULL), ERR_OK);
	check_int("forgotten", (int64_t)reply_table_in(&last, day, day), 0);
	check_int("the new day", (int64_t)reply_table_in(&last, day + 80, day + 80), 1);
	check_int("up to 1 ms", (int64_t)last.bucket[0], 2);
	check_int("up to 5 ms", (int64_t)last.bucket[2], 1);
	check_int("up to 10 ms", (int64_t)last.bucket[3], 2);
	check_int("up to 40 ms", (int64_t)last.bucket[5], 3);
	reply_table_free(other.t);
	bench_fini(&b);
}

/* More rules than there is room for share the last place; no count is lost. */
static uint64_t	 sum;

static void
add_count(void *ctx, const struct reply_table_entry *e)
{
	(void)ctx;
	entries++;
	sum += e->count;
	if (strcmp(e->rule, "*") == 0)
		last = *e;
}

static void
many_rules(void **state)
{
	struct bench	 b;
	char		 name[32];
	int		 i;

	(void)state;
	bench_init(&b);
	for (i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "rule %d", i % 300);
		reply_table_count(b.t, slice_of("shop"), "keyword", slice_of(name), 1, noon_s);
	}
	entries = 0;
	sum = 0;
	memset(&last, 0, sizeof(last));
	check_err("read", reply_table_read(b.dir, add_count, NULL), ERR_OK);
	check_int("places", entries, REPLY_TABLE_PLACES);
	check_int("all", (int64_t)sum, 600);
	check_text("others", last.rule, "*");
	check_int("others", (int64_t)last.count, 90);
	bench_fini(&b);
}

/* Texts that are too long or not printable. */
static void
odd_texts(void **state)
{
	struct bench	 b;
	char		 text[400];

	(void)state;
	bench_init(&b);
	memset(text, 'x', sizeof(text));
	text[5] = '\n';
	reply_table_count(b.t, slice_of("shop"), "click",
	    (struct slice){ text, sizeof(text) }, 1, noon_s);
	check_err("read", reply_table_read(b.dir, note, NULL), ERR_OK);
	check_int("length", (int64_t)strlen(last.rule), REPLY_TABLE_RULE - 1);
	CHECK("printable", unit_is_printable(last.rule));
	bench_fini(&b);
}

/* Without the file the process remembers what it did itself. */
static void
no_file(void **state)
{
	struct bench	 b;

	(void)state;
	bench_init(&b);
	(void)state_log(b.dir);
	(void)signal(SIGXFSZ, SIG_IGN);
	state_limit_files(4096);
	CHECK("first", reply_table_may(b.t, 1, 1, noon_s, 60));
	CHECK("second", !reply_table_may(b.t, 1, 2, noon_s + 1, 60));
	reply_table_count(b.t, slice_of("shop"), "click", slice_of("x"), 1, noon_s);
	state_limit_files(RLIM_INFINITY);
	bench_fini(&b);
}

/* Another program's file makes way, and a file that is cut short does not end the process. */
static void
foreign_file(void **state)
{
	struct bench	 b;
	char		 path[STATE_PATH], found[STATE_PATH];

	(void)state;
	bench_init(&b);
	(void)state_log(b.dir);
	state_write(b.dir, "qtoa.replied", "something else, long enough", 27);
	CHECK("first", reply_table_may(b.t, 1, 1, noon_s, 60));
	CHECK("second", !reply_table_may(b.t, 1, 2, noon_s + 1, 60));
	check_int("set aside", state_count(b.dir, "qtoa.replied.foreign-", found), 1);
	state_path(path, b.dir, "qtoa.replied");
	assert_int_equal(truncate(path, 100), 0);
	(void)reply_table_may(b.t, 1, 3, noon_s + 2, 60);
	reply_table_count(b.t, slice_of("shop"), "click", slice_of("x"), 1, noon_s);
	CHECK("lives", true);
	bench_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(once_an_hour), TEST(many_users), TEST(counted), TEST(many_rules),
		TEST(odd_texts), TEST(no_file), TEST(foreign_file),
	};

	return RUN("reply_table", tests);
}
