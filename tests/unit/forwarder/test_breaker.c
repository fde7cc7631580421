#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "forwarder/breaker.h"
#include "state/queue.h"
#include "state/schema.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	FAILS = 3,		/* that open it */
	ROWS = 20
};

/* Two of one end point, one of another. */
static struct account	 accounts[] = {
	{ .path = "a", .name = "a", .appid = "wxA", .qt_url = "http://one/", .app_key = "k",
	    .service_id = "i", .service_secret = "s" },
	{ .path = "b", .name = "b", .appid = "wxB", .qt_url = "http://one/", .app_key = NULL,
	    .service_id = "i", .service_secret = "s" },
	{ .path = "c", .name = "c", .appid = "wxC", .qt_url = "http://two/", .app_key = "k",
	    .service_id = "i", .service_secret = "s" },
};

static const struct account	*const a = &accounts[0], *const b = &accounts[1],
				*const c = &accounts[2];

static struct conf	 conf = {
	.set = { .breaker_fails = FAILS }, .accounts = accounts, .n = COUNT(accounts),
};

static struct db *
open_store(void)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, state_new(), "db");
	assert_int_equal(db_open(&db, path, DB_READ_WRITE), ERR_OK);
	/* No power is cut here. */
	assert_int_equal(db_script(db, "PRAGMA synchronous = OFF"), ERR_OK);
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	return db;
}

static int64_t
number(struct db *db, const char *sql)
{
	int64_t	 i = -1;

	(void)db_number(db, &i, sql, DB_NO_VALUES);
	return i;
}

static enum breaker_gate
gate(struct breakers *br, const struct account *of)
{
	int64_t	 probe_ms;

	return breaker_gate(br, of, &probe_ms);
}

static int64_t
probe_of(struct breakers *br, const struct account *of)
{
	int64_t	 probe_ms = -1;

	(void)breaker_gate(br, of, &probe_ms);
	return probe_ms;
}

static enum breaker_change
note(struct breakers *br, struct db *db, const struct account *of, enum breaker_news news)
{
	enum breaker_change	 change = BREAKER_SAME;

	check_err("noted", breaker_note(br, &change, db, of, news, "why"), ERR_OK);
	return change;
}

static void
what_an_answer_says(void **state)
{
	static const struct {
		const char		*name;
		enum qt_outcome		 outcome;
		bool			 alive;
		enum breaker_news	 want;
	} cases[] = {
		{ "delivered", QT_DELIVERED, true, NEWS_ALIVE },
		{ "refused by QT", QT_REFUSED, true, NEWS_ALIVE },
		{ "QT asks for patience", QT_RETRY, true, NEWS_ALIVE },
		{ "keys refused by QT", QT_CONFIG, true, NEWS_STOP },
		{ "no answer", QT_RETRY, false, NEWS_TROUBLE },
		{ "refused by another", QT_REFUSED, false, NEWS_TROUBLE },
		{ "moved", QT_CONFIG, false, NEWS_TROUBLE },
	};
	struct qt_result	 res = { .alive = false };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		res.outcome = cases[i].outcome;
		res.alive = cases[i].alive;
		check_int(cases[i].name, breaker_news(&res), cases[i].want);
	}
}

static void
opening(void **state)
{
	/* t: trouble, a: alive, s: stop; then whether each of the accounts may be sent. */
	static const struct {
		const char		*name, *news;
		enum breaker_gate	 want[3];
		char			 last[4];	/* what the last one changed */
	} cases[] = {
		{ "nothing yet", "", { GATE_GO, GATE_GO, GATE_GO }, "" },
		{ "one fewer", "tt", { GATE_GO, GATE_GO, GATE_GO }, "" },
		{ "enough", "ttt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "o" },
		{ "more", "tttt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "" },
		{ "a success between", "ttatt", { GATE_GO, GATE_GO, GATE_GO }, "" },
		{ "in a row after it", "ttattt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "o" },
		{ "closed again", "tttta", { GATE_GO, GATE_GO, GATE_GO }, "c" },
		{ "alive is no change", "aa", { GATE_GO, GATE_GO, GATE_GO }, "" },
		{ "open once more", "tttattt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "o" },
		{ "stopped", "s", { GATE_STOPPED, GATE_GO, GATE_GO }, "s" },
		{ "stopped, not broken: QT answers", "tts", { GATE_STOPPED, GATE_GO, GATE_GO },
		    "s" },
		{ "a stop closes", "ttts", { GATE_STOPPED, GATE_GO, GATE_GO }, "s" },
		{ "stopped and broken", "sttt", { GATE_STOPPED, GATE_BROKEN, GATE_GO }, "o" },
	};
	static const enum breaker_news	 news[] = {
		['t'] = NEWS_TROUBLE, ['a'] = NEWS_ALIVE, ['s'] = NEWS_STOP,
	};
	static const char	 letters[] = {
		[BREAKER_SAME] = '\0', [BREAKER_OPENED] = 'o', [BREAKER_CLOSED] = 'c',
		[BREAKER_STOPPED] = 's',
	};
	struct breakers		*br, *other;
	enum breaker_change	 change = BREAKER_SAME;
	struct db		*db;
	const char		*p;
	size_t			 i, j;
	int			 with;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (with = 0; with < 2; with++) {	/* without a store, and with one */
			db = with ? open_store() : NULL;
			br = breaker_new(&conf);
			other = breaker_new(&conf);
			assert_non_null(br);
			assert_non_null(other);
			change = BREAKER_SAME;
			for (p = cases[i].news; *p != '\0'; p++)
				change = note(br, db, a, news[(unsigned char)*p]);
			check_int(cases[i].name, letters[change], cases[i].last[0]);
			if (with)
				check_err(cases[i].name, breaker_load(db, other), ERR_OK);
			for (j = 0; j < COUNT(accounts); j++) {
				check_int(cases[i].name, gate(br, &accounts[j]), cases[i].want[j]);
				check_int("another process", gate(other, &accounts[j]),
				    with ? cases[i].want[j] : GATE_GO);
			}
			breaker_free(other);
			breaker_free(br);
			db_close(db);
		}
	breaker_free(NULL);
}

static void
heeding(void **state)
{
	struct breakers	*br = breaker_new(&conf);

	(void)state;
	CHECK("success after success", !breaker_changes(br, a, NEWS_ALIVE));
	CHECK("a failure", breaker_changes(br, a, NEWS_TROUBLE));
	CHECK("a stop", breaker_changes(br, a, NEWS_STOP));
	(void)note(br, NULL, a, NEWS_TROUBLE);
	CHECK("success after a failure", breaker_changes(br, a, NEWS_ALIVE));
	CHECK("for who shares the end point", breaker_changes(br, b, NEWS_ALIVE));
	CHECK("not for others", !breaker_changes(br, c, NEWS_ALIVE));
	(void)note(br, NULL, b, NEWS_ALIVE);
	CHECK("not any more", !breaker_changes(br, a, NEWS_ALIVE));
	breaker_free(br);
}

/* Failures of two processes count together. */
static void
together(void **state)
{
	struct db	*db = open_store();
	struct breakers	*one = breaker_new(&conf), *two = breaker_new(&conf);

	(void)state;
	check_int("first", note(one, db, a, NEWS_TROUBLE), BREAKER_SAME);
	check_int("second", note(two, db, b, NEWS_TROUBLE), BREAKER_SAME);
	check_int("third", note(one, db, a, NEWS_TROUBLE), BREAKER_OPENED);
	check_int("the other does not know", gate(two, a), GATE_GO);
	check_err("looks", breaker_load(db, two), ERR_OK);
	check_int("and knows", gate(two, a), GATE_BROKEN);
	check_int("the same time to probe", probe_of(two, a), probe_of(one, a));
	check_int("it closes it", note(two, db, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_err("the first looks", breaker_load(db, one), ERR_OK);
	check_int("and sends", gate(one, a), GATE_GO);
	breaker_free(two);
	breaker_free(one);
	db_close(db);
}

/* When the store cannot be read what is known stays. */
static void
store_fails(void **state)
{
	struct db		*db = open_store();
	struct breakers		*br = breaker_new(&conf);
	enum breaker_change	 change = BREAKER_SAME;
	int			 i;

	(void)state;
	for (i = 0; i < FAILS; i++)
		(void)note(br, db, a, NEWS_TROUBLE);
	check_err("gone", db_script(db, "DROP TABLE endpoint"), ERR_OK);
	check_err("cannot be loaded", breaker_load(db, br), ERR_STORE);
	check_int("still open", gate(br, a), GATE_BROKEN);
	check_err("cannot be noted", breaker_note(br, &change, db, a, NEWS_ALIVE, ""), ERR_STORE);
	check_int("still open", gate(br, a), GATE_BROKEN);
	check_int("noted without it", note(br, NULL, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("closed", gate(br, a), GATE_GO);
	breaker_free(br);
	db_close(db);
}

static void
probing(void **state)
{
	/* Most of the pauses; up to a quarter less by chance. */
	static const int64_t	 most[] = { 1000, 2000, 4000, 8000, 10000, 10000, 10000 };
	struct db		*db = open_store();
	struct breakers		*br = breaker_new(&conf);
	int64_t			 at;
	char			 name[32];
	size_t			 i;

	(void)state;
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	(void)note(br, db, a, NEWS_TROUBLE);
	(void)note(br, db, a, NEWS_TROUBLE);
	for (i = 0; i < COUNT(most); i++) {
		(void)snprintf(name, sizeof(name), "probe %zu", i + 1);
		(void)note(br, db, a, NEWS_TROUBLE);
		at = probe_of(br, a);
		CHECK(name, at >= clocks->wall_ms + most[i] * 3 / 4 &&
		    at <= clocks->wall_ms + most[i]);
		/* What was under way as it opened changes nothing. */
		(void)note(br, db, b, NEWS_TROUBLE);
		check_int("not put off", probe_of(br, a), at);
		atomic_store(&clocks->wall_ms, at);	/* the time comes */
	}
	atomic_store(&clocks->wall_ms, 0);
	check_int("closes", note(br, db, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("from the beginning", number(db, "SELECT fails + opened + probes + probe "
	    "FROM endpoint WHERE url = 'http://one/'"), 0);
	breaker_free(br);
	db_close(db);
}

/* What waits in back-off for the end point is due when it is back. */
static void
hurrying(void **state)
{
	struct db		*db = open_store();
	struct breakers		*br = breaker_new(&conf);
	int64_t			 now_ms = clock_wall_ms();
	struct queue_message	 m;
	int			 i;

	(void)state;
	for (i = 0; i < ROWS; i++) {
		m = (struct queue_message){
			.account = slice_of(accounts[i % 3].path), .state = QUEUE_PENDING,
			.received_ms = now_ms - i, .attempts = 3, .next_ms = now_ms + 200000,
			.query = slice_of("q"), .body = slice_of("b"),
		};
		m.key[0] = (unsigned char)i;
		assert_int_equal(queue_add(db, &m), ERR_OK);
	}
	for (i = 0; i < FAILS; i++) {
		check_int("all wait", number(db, "SELECT count(*) FROM message "
		    "WHERE next = received"), 0);
		(void)note(br, db, a, NEWS_TROUBLE);
	}
	check_int("open: there is something to probe with", number(db, "SELECT count(*) "
	    "FROM message WHERE account = 'a' AND next <= received"), 7);
	check_err("back-off", db_script(db, "UPDATE message SET next = next + 200000"), ERR_OK);
	check_int("closes", note(br, db, b, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("all of the end point are due", number(db, "SELECT count(*) FROM message WHERE "
	    "account IN ('a', 'b') AND next != received"), 0);
	check_int("those of others wait", number(db, "SELECT count(*) FROM message WHERE "
	    "account = 'c' AND next = received"), 0);
	breaker_free(br);
	db_close(db);
}

static void
stops(void **state)
{
	static const struct {
		const char		*name;
		struct account		 with;		/* the next start's */
		enum breaker_gate	 want;
	} cases[] = {
		{ "the same", { .qt_url = "http://one/", .app_key = "k", .service_id = "i",
		    .service_secret = "s", .appid = "wxA" }, GATE_STOPPED },
		{ "another secret", { .qt_url = "http://one/", .app_key = "k", .service_id = "i",
		    .service_secret = "S", .appid = "wxA" }, GATE_GO },
		{ "another ServiceID", { .qt_url = "http://one/", .app_key = "k",
		    .service_id = "j", .service_secret = "s", .appid = "wxA" }, GATE_GO },
		{ "another application key", { .qt_url = "http://one/", .app_key = "l",
		    .service_id = "i", .service_secret = "s", .appid = "wxA" }, GATE_GO },
		{ "no application key", { .qt_url = "http://one/", .service_id = "i",
		    .service_secret = "s", .appid = "wxA" }, GATE_GO },
		{ "another AppID", { .qt_url = "http://one/", .app_key = "k", .service_id = "i",
		    .service_secret = "s", .appid = "wxB" }, GATE_GO },
		{ "another URL", { .qt_url = "http://uno/", .app_key = "k", .service_id = "i",
		    .service_secret = "s", .appid = "wxA" }, GATE_GO },
	};
	struct account	 row;
	struct conf	 next = { .set = { .breaker_fails = FAILS }, .accounts = &row, .n = 1 };
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	size_t		 i;

	(void)state;
	check_int("stopped", note(br, db, a, NEWS_STOP), BREAKER_STOPPED);
	check_int("no secret is kept", number(db, "SELECT count(*) FROM stopped WHERE "
	    "instr(config, 's') OR length(config) != 64"), 0);
	breaker_free(br);
	for (i = 0; i < COUNT(cases); i++) {
		row = cases[i].with;
		row.path = row.name = "a";
		br = breaker_new(&next);
		check_err(cases[i].name, breaker_load(db, br), ERR_OK);
		check_int(cases[i].name, gate(br, &row), cases[i].want);
		breaker_free(br);
	}
	/* An account that is not there any more. */
	row = cases[0].with;
	row.path = row.name = "other";
	br = breaker_new(&next);
	check_err("unknown", breaker_load(db, br), ERR_OK);
	check_int("unknown", gate(br, &row), GATE_GO);
	breaker_free(br);
	db_close(db);
}

static void
resetting(void **state)
{
	static const struct {
		const char	*name, *account;
		bool		 a_goes, c_goes;	/* the stopped ones */
		bool		 one, two;		/* end points probed at once */
	} cases[] = {
		{ "all", NULL, true, true, true, true },
		{ "an account", "a", true, false, true, false },
		{ "the other", "c", false, true, false, true },
		{ "nobody", "nobody", false, false, false, false },
	};
	struct breakers	*br;
	struct db	*db;
	size_t		 i;
	int		 j;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = open_store();
		br = breaker_new(&conf);
		(void)note(br, db, a, NEWS_STOP);
		(void)note(br, db, c, NEWS_STOP);
		for (j = 0; j < FAILS; j++) {
			(void)note(br, db, b, NEWS_TROUBLE);
			(void)note(br, db, c, NEWS_TROUBLE);
		}
		check_err(cases[i].name, breaker_reset(db, &conf, cases[i].account), ERR_OK);
		check_err(cases[i].name, breaker_load(db, br), ERR_OK);
		check_int(cases[i].name, gate(br, a) != GATE_STOPPED, cases[i].a_goes);
		check_int(cases[i].name, gate(br, c) != GATE_STOPPED, cases[i].c_goes);
		check_int(cases[i].name, probe_of(br, a) <= clock_wall_ms(), cases[i].one);
		check_int(cases[i].name, probe_of(br, c) <= clock_wall_ms(), cases[i].two);
		breaker_free(br);
		db_close(db);
	}
}

/* A line where something changed, with what to do; never the keys. */
static void
telling(void **state)
{
	static const struct {
		const char		*name;
		enum breaker_change	 change;
		const char		*want;
	} cases[] = {
		{ "nothing", BREAKER_SAME, NULL },
		{ "opened", BREAKER_OPENED, "qtoa check" },
		{ "closed", BREAKER_CLOSED, "answers again" },
		{ "stopped", BREAKER_STOPPED, "qtoa queue retry a" },
	};
	struct breakers	*br = breaker_new(&conf);
	char		 path[STATE_PATH];
	struct buf	 text = { 0 };
	size_t		 i;

	(void)state;
	state_path(path, state_new(), "log");
	assert_int_equal(log_open(path), 0);
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(truncate(path, 0), 0);
		breaker_tell(br, a, cases[i].change, "because");
		check_int(cases[i].name, buf_read_file(&text, path, 4096), 0);
		check_err(cases[i].name, buf_putc(&text, '\0'), ERR_OK);
		if (cases[i].want == NULL)
			check_text(cases[i].name, text.p, "");
		else
			CHECK(cases[i].name, strstr(text.p, cases[i].want) != NULL);
		CHECK(cases[i].name, cases[i].change == BREAKER_SAME ||
		    cases[i].change == BREAKER_CLOSED || strstr(text.p, "because") != NULL);
	}
	buf_free(&text);
	log_close();
	breaker_free(br);
}

/* Who comes while half of the workers have waited half of QT's time had better not wait. */
static void
jams(void **state)
{
	enum { THREADS = 8, HALF_MS = 100 };
	const struct timespec	 half = { 0, (HALF_MS + 150) * 1000000 };
	struct conf		 with = conf;
	struct breakers		*br;
	const struct account	*of = &with.accounts[0];
	int64_t			 marks[THREADS];
	int			 i;

	(void)state;
	with.set.threads = THREADS;
	with.set.forward_ms = 2 * HALF_MS;
	assert_non_null(br = breaker_new(&with));
	CHECK("nobody waits", !breaker_is_saturated(br, of));
	for (i = 0; i < THREADS / 2; i++)
		breaker_enter(br, of, &marks[i]);
	CHECK("they have just begun", !breaker_is_saturated(br, of));
	(void)nanosleep(&half, NULL);
	CHECK("they have waited", breaker_is_saturated(br, of));
	breaker_enter(br, of, &marks[i]);
	breaker_leave(br, of, marks[0]);
	CHECK("too few have", !breaker_is_saturated(br, of));
	for (; i > 0; i--)
		breaker_leave(br, of, marks[i]);
	CHECK("nobody waits", !breaker_is_saturated(br, of));
	breaker_free(br);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(what_an_answer_says), TEST(opening), TEST(heeding), TEST(together),
		TEST(store_fails), TEST(probing), TEST(hurrying), TEST(stops), TEST(resetting),
		TEST(telling), TEST(jams),
	};

	return RUN("breaker", tests);
}
