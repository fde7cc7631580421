#include <stdio.h>
#include <string.h>

#include "state/answer_table.h"
#include "state/lock.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static void
set_key(unsigned char key[QUEUE_KEY], unsigned n)
{
	memset(key, 0, QUEUE_KEY);
	(void)snprintf((char *)key, QUEUE_KEY, "message %u", n);
}

struct place {
	struct locks		*locks;
	struct answer_table	*table;
	struct buf		 text;
	unsigned char		 key[QUEUE_KEY];
};

static void
place_open(struct place *p, const char *dir)
{
	*p = (struct place){ .locks = lock_new(dir) };
	assert_non_null(p->locks);
	assert_non_null(p->table = answer_table_new(dir, p->locks));
	set_key(p->key, 1);
}

static void
place_close(struct place *p)
{
	answer_table_free(p->table);
	lock_free(p->locks);
	buf_free(&p->text);
}

static void
one_message(void **state)
{
	struct place	 p;
	int		 n;

	(void)state;
	place_open(&p, state_new());
	check_int("not known", answer_table_get(p.table, &p.text, p.key), ANSWER_UNKNOWN);
	check_int("the first calls", answer_table_join(p.table, &n, p.key), ANSWER_UNKNOWN);
	check_int("the first", n, 1);
	check_int("the second waits", answer_table_join(p.table, &n, p.key), ANSWER_COMING);
	check_int("the second", n, 2);
	check_int("it is coming", answer_table_get(p.table, &p.text, p.key), ANSWER_COMING);
	CHECK("nothing is late", !answer_table_take_late(p.table, &p.text, p.key));
	CHECK("an answer", answer_table_put(p.table, &n, p.key, slice_of("<xml>1</xml>")));
	check_int("deliveries", n, 2);
	check_int("it is here", answer_table_get(p.table, &p.text, p.key), ANSWER_TEXT);
	check_bytes("it", buf_slice(&p.text), slice_of("<xml>1</xml>"));
	CHECK("it was taken", !answer_table_take_late(p.table, &p.text, p.key));
	check_int("the third", answer_table_join(p.table, &n, p.key), ANSWER_TEXT);
	check_int("the same again", answer_table_get(p.table, &p.text, p.key), ANSWER_TEXT);
	place_close(&p);
}

static void
ends(void **state)
{
	static char	 longest[ANSWER_TABLE_TEXT + 1];
	struct place	 p;
	int		 n;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	place_open(&p, state_new());
	(void)answer_table_join(p.table, &n, p.key);
	CHECK("nothing", answer_table_put(p.table, &n, p.key, (struct slice){ NULL, 0 }));
	check_int("nothing", answer_table_get(p.table, &p.text, p.key), ANSWER_NOTHING);
	set_key(p.key, 2);
	(void)answer_table_join(p.table, &n, p.key);
	CHECK("too long", !answer_table_put(p.table, &n, p.key,
	    (struct slice){ longest, sizeof(longest) }));
	check_int("too long", answer_table_get(p.table, &p.text, p.key), ANSWER_NOTHING);
	set_key(p.key, 3);
	(void)answer_table_join(p.table, &n, p.key);
	CHECK("the longest", answer_table_put(p.table, &n, p.key,
	    (struct slice){ longest, ANSWER_TABLE_TEXT }));
	CHECK("late", answer_table_take_late(p.table, &p.text, p.key));
	check_int("late", (int64_t)p.text.len, ANSWER_TABLE_TEXT);
	CHECK("once", !answer_table_take_late(p.table, &p.text, p.key));
	check_int("no delivery gets it", answer_table_get(p.table, &p.text, p.key), ANSWER_LATE);
	set_key(p.key, 4);
	CHECK("no entry", !answer_table_put(p.table, &n, p.key, slice_of("x")));
	place_close(&p);
}

/* More messages than there is room for: those that are over go, those under way stay. */
static void
full(void **state)
{
	enum { MANY = 5000, KEPT = 3 };
	struct place	 p;
	unsigned	 i;
	int		 n;

	(void)state;
	place_open(&p, state_new());
	for (i = 0; i < KEPT; i++) {
		set_key(p.key, i);
		(void)answer_table_join(p.table, &n, p.key);
	}
	for (; i < MANY; i++) {
		set_key(p.key, i);
		check_int("a new one", answer_table_join(p.table, &n, p.key), ANSWER_UNKNOWN);
		(void)answer_table_put(p.table, &n, p.key, slice_of("a"));
	}
	for (i = 0; i < KEPT; i++) {
		set_key(p.key, i);
		check_int("still under way", answer_table_get(p.table, &p.text, p.key),
		    ANSWER_COMING);
	}
	set_key(p.key, MANY - 1);
	check_int("the last", answer_table_get(p.table, &p.text, p.key), ANSWER_TEXT);
	place_close(&p);
}

/* The process that has called the relay dies. */
static void
call_elsewhere(struct other *me, void *dir)
{
	struct place	 p;
	int		 n;

	place_open(&p, dir);
	OTHER_CHECK(answer_table_join(p.table, &n, p.key) == ANSWER_UNKNOWN);
	set_key(p.key, 2);
	OTHER_CHECK(answer_table_join(p.table, &n, p.key) == ANSWER_UNKNOWN);
	OTHER_CHECK(answer_table_put(p.table, &n, p.key, slice_of("from there")));
	other_say(me);
	(void)other_hear(me);
}

static void
another_process(void **state)
{
	const char	*dir = state_new();
	struct other	 o;
	struct place	 p;
	int		 n;

	(void)state;
	other_begin(&o, call_elsewhere, (void *)dir);
	assert_true(other_hear(&o));
	place_open(&p, dir);
	check_int("its call", answer_table_join(p.table, &n, p.key), ANSWER_COMING);
	check_int("the second delivery", n, 2);
	other_kill(&o);
	check_int("it died", answer_table_get(p.table, &p.text, p.key), ANSWER_LOST);
	check_int("this one calls", answer_table_join(p.table, &n, p.key), ANSWER_LOST);
	check_int("it is coming", answer_table_get(p.table, &p.text, p.key), ANSWER_COMING);
	set_key(p.key, 2);
	check_int("its answer", answer_table_get(p.table, &p.text, p.key), ANSWER_TEXT);
	check_bytes("its answer", buf_slice(&p.text), slice_of("from there"));
	place_close(&p);
}

/* A file of another layout makes way; without a file the process has a table of its own. */
static void
files(void **state)
{
	const char	*dir = state_new();
	struct place	 p;
	int		 n;

	(void)state;
	(void)state_log(dir);
	state_write(dir, "qtoa.answers", "something else that is long enough for a head, and more "
	    "than that", 66);
	place_open(&p, dir);
	check_int("a new file", answer_table_join(p.table, &n, p.key), ANSWER_UNKNOWN);
	check_int("the other one", state_count(dir, "qtoa.answers.foreign-", NULL), 1);
	place_close(&p);
	place_open(&p, "/dev/null/nowhere");
	check_int("no file", answer_table_join(p.table, &n, p.key), ANSWER_UNKNOWN);
	CHECK("no file", answer_table_put(p.table, &n, p.key, slice_of("a")));
	check_int("no file", answer_table_get(p.table, &p.text, p.key), ANSWER_TEXT);
	place_close(&p);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(another_process), TEST(one_message), TEST(ends), TEST(full), TEST(files),
	};

	return RUN("answer_table", tests);
}
