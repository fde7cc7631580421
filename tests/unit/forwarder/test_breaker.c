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
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	FAILS = 3,		/* that open the breaker */
	ROWS = 20
};

/* Two accounts of one end point, one of another. */
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
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	/* Tests cut no power: this is faster. */
	assert_int_equal(db_script(db, "PRAGMA synchronous = OFF"), ERR_OK);
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	return db;
}

static int64_t
number_in(struct db *db, const char *sql)
{
	int64_t	 i = -1;

	(void)sqlite_db_number(db, &i, sql, DB_NO_VALUES);
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

/* A result of an attempt that means this news. */
static struct qt_result
result_of(enum breaker_news news)
{
	return (struct qt_result){ .alive = news == NEWS_ALIVE || news == NEWS_STOP,
	    .outcome = news == NEWS_STOP ? QT_CONFIG : QT_RETRY,
	    .http = { .why = "why", .status = news == NEWS_TROUBLE ? 0 : 200 } };
}

static enum error
settle_news(struct breakers *br, enum breaker_change *change, struct db *db,
    const struct account *of, enum breaker_news news, int64_t again)
{
	const struct qt_result	 res = result_of(news);
	struct breaker_report	 report;
	enum error		 er;

	breaker_judge(br, &report, of, &res, again);
	er = breaker_settle(br, &report, db);
	*change = report.change;
	return er;
}

static enum breaker_change
report_news(struct breakers *br, struct db *db, const struct account *of, enum breaker_news news)
{
	enum breaker_change	 change = BREAKER_SAME;

	check_err("settled", settle_news(br, &change, db, of, news, 0), ERR_OK);
	return change;
}

/* The same for a message that had failed before, with that id. */
static enum breaker_change
report_again(struct breakers *br, struct db *db, const struct account *of, enum breaker_news news,
    int64_t id)
{
	enum breaker_change	 change = BREAKER_SAME;

	check_err("settled", settle_news(br, &change, db, of, news, id), ERR_OK);
	return change;
}

static bool
has_changed(struct breakers *br, const struct account *of, enum breaker_news news, int64_t again)
{
	const struct qt_result	 res = result_of(news);
	struct breaker_report	 report;

	breaker_judge(br, &report, of, &res, again);
	return report.matters;
}

static void
judging(void **state)
{
	static const struct {
		const char		*name;
		enum qt_outcome		 outcome;
		bool			 alive;
		int			 status;
		enum breaker_news	 want;
		bool			 news_matters;
	} cases[] = {
		{ "delivered", QT_DELIVERED, true, 200, NEWS_ALIVE, false },
		{ "refused by QT", QT_REFUSED, true, 200, NEWS_ALIVE, false },
		{ "QT asks for patience", QT_RETRY, true, 200, NEWS_ALIVE, false },
		{ "keys refused by QT", QT_CONFIG, true, 200, NEWS_STOP, true },
		{ "no answer", QT_RETRY, false, 0, NEWS_TROUBLE, true },
		{ "too large for another server", QT_REFUSED, false, 413, NEWS_GATEWAY, false },
		{ "moved", QT_CONFIG, false, 302, NEWS_GATEWAY, true },
		{ "not there", QT_GATEWAY, false, 404, NEWS_GATEWAY, true },
		{ "unreadable", QT_UNREADABLE, false, 200, NEWS_GATEWAY, true },
	};
	struct breakers		*br = breaker_new(&conf);
	struct qt_result	 res = { .http.why = "words" };
	struct breaker_report	 report;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		res.outcome = cases[i].outcome;
		res.alive = cases[i].alive;
		res.http.status = cases[i].status;
		breaker_judge(br, &report, a, &res, 0);
		check_int(cases[i].name, report.news, cases[i].want);
		check_text(cases[i].name, report.why, "words");
		check_int(cases[i].name, report.matters, cases[i].news_matters);
	}
	res.alive = true;
	(void)strcpy(res.code, "Httpapi_300_105");
	breaker_judge(br, &report, a, &res, 0);
	check_text("a code says more", report.why, "Httpapi_300_105");
	report = (struct breaker_report){ .change = BREAKER_SAME };
	check_err("no attempt", breaker_settle(br, &report, NULL), ERR_OK);
	check_int("no attempt", report.change, BREAKER_SAME);
	breaker_free(br);
}

/* Since when it is not QT who answers: the first such answer in a row of them. */
static void
gateways(void **state)
{
	static const struct {
		enum breaker_news	 news;
		bool			 want;
	} cases[] = {
		{ NEWS_TROUBLE, false }, { NEWS_GATEWAY, true }, { NEWS_GATEWAY, true },
		{ NEWS_ALIVE, false }, { NEWS_GATEWAY, true }, { NEWS_TROUBLE, false },
		{ NEWS_GATEWAY, true }, { NEWS_STOP, false },
	};
	struct breakers		*br = breaker_new(&conf);
	struct db		*db = open_store();
	struct breaker_state	 now, then = { .gateway_ms = 0 };
	char			 name[16];
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "step %zu", i);
		(void)report_news(br, db, a, cases[i].news);
		check_err(name, breaker_load(db, br), ERR_OK);
		breaker_look(br, &now, a);
		check_int(name, now.gateway_ms != 0, cases[i].want);
		check_text(name, now.why, "why");
		if (now.gateway_ms != 0 && then.gateway_ms != 0)
			check_int(name, now.gateway_ms, then.gateway_ms);
		then = now;
	}
	db_close(db);
	breaker_free(br);
}

static void
endpoints(void **state)
{
	struct breakers	*br = breaker_new(&conf);

	(void)state;
	check_int("two URLs", (int64_t)breaker_endpoints(br), 2);
	check_int("the first", (int64_t)breaker_endpoint(br, a), 0);
	check_int("the same", (int64_t)breaker_endpoint(br, b), 0);
	check_int("another", (int64_t)breaker_endpoint(br, c), 1);
	CHECK("the first of its URL", breaker_is_first(br, a) && breaker_is_first(br, c));
	CHECK("the second", !breaker_is_first(br, b));
	breaker_free(br);
}

/* Only one at a time may probe an end point. */
static void
probe_taken(void **state)
{
	const struct settings	 set = { .state_dir = state_new() };
	struct locks		*locks = lock_new(set.state_dir);
	struct store		*s = store_new(&set, locks, STORE_BRIEF);
	struct lease		 one, two;

	(void)state;
	CHECK("free", breaker_take_probe(s, &one, a));
	CHECK("the same end point", !breaker_take_probe(s, &two, b));
	CHECK("another", breaker_take_probe(s, &two, c));
	lease_end(s, &one, false);
	CHECK("free again", breaker_take_probe(s, &one, b));
	lease_end(s, &one, false);
	lease_end(s, &two, false);
	store_free(s);
	lock_free(locks);
}

static const struct {
	const char		*name, *news;
	enum breaker_gate	 want[3];
	char			 last[4];	/* what the last of the news changed */
} opening_cases[] = {
	{ "nothing yet", "", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "one fewer", "tt", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "enough", "ttt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "o" },
	{ "more", "tttt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "" },
	{ "a success between", "ttatt", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "in a row after it", "ttattt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "o" },
	{ "closed again", "tttta", { GATE_GO, GATE_GO, GATE_GO }, "c" },
	{ "alive is no change", "aa", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "open once more", "tttattt", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "o" },
	{ "one that fails again is no news", "tTttT", { GATE_BROKEN, GATE_BROKEN, GATE_GO }, "" },
	{ "nor are many of them", "ttTTTTTT", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "they are while it is open", "tttA", { GATE_GO, GATE_GO, GATE_GO }, "c" },
	{ "four refusals", "ssss", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "stopped", "sssss", { GATE_STOPPED, GATE_GO, GATE_GO }, "s" },
	{ "stopped, only once", "ssssss", { GATE_STOPPED, GATE_GO, GATE_GO }, "" },
	{ "an accepted one between", "ssssas", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "no answer between", "sstsss", { GATE_STOPPED, GATE_GO, GATE_GO }, "s" },
	{ "the same messages refused again", "ssssSSSS", { GATE_GO, GATE_GO, GATE_GO }, "" },
	{ "accepted", "sssssa", { GATE_GO, GATE_GO, GATE_GO }, "r" },
	{ "one that failed is accepted", "sssssA", { GATE_GO, GATE_GO, GATE_GO }, "r" },
	{ "stopped, not broken: QT answers", "ttsssss", { GATE_STOPPED, GATE_GO, GATE_GO },
	    "s" },
	{ "a refusal closes", "ttts", { GATE_GO, GATE_GO, GATE_GO }, "c" },
	{ "stopped and broken", "sssssttt", { GATE_STOPPED, GATE_BROKEN, GATE_GO }, "o" },
};

static void
opening(void **state)
{
	/* t: trouble, a: alive, s: stop; T, A, S: of a message that had failed before. */
	static const enum breaker_news	 news[] = {
		['t'] = NEWS_TROUBLE, ['a'] = NEWS_ALIVE, ['s'] = NEWS_STOP,
		['T'] = NEWS_TROUBLE, ['A'] = NEWS_ALIVE, ['S'] = NEWS_STOP,
	};
	static const char	 letters[] = {
		[BREAKER_SAME] = '\0', [BREAKER_OPENED] = 'o', [BREAKER_CLOSED] = 'c',
		[BREAKER_STOPPED] = 's', [BREAKER_RESUMED] = 'r',
	};
	struct breakers		*br, *other;
	enum breaker_change	 change = BREAKER_SAME;
	struct db		*db;
	const char		*p;
	size_t			 i, j;
	int			 with;

	(void)state;
	for (i = 0; i < COUNT(opening_cases); i++)
		for (with = 0; with < 2; with++) {	/* without a store, and with one */
			db = with ? open_store() : NULL;
			br = breaker_new(&conf);
			other = breaker_new(&conf);
			assert_non_null(br);
			assert_non_null(other);
			change = BREAKER_SAME;
			for (p = opening_cases[i].news; *p != '\0'; p++)
				change = *p < 'a' ?
				    report_again(br, db, a, news[(unsigned char)*p], 9) :
				    report_news(br, db, a, news[(unsigned char)*p]);
			check_int(opening_cases[i].name, letters[change], opening_cases[i].last[0]);
			if (with)
				check_err(opening_cases[i].name, breaker_load(db, other), ERR_OK);
			for (j = 0; j < COUNT(accounts); j++) {
				check_int(opening_cases[i].name, gate(br, &accounts[j]),
				    opening_cases[i].want[j]);
				check_int("another process", gate(other, &accounts[j]),
				    with ? opening_cases[i].want[j] : GATE_GO);
			}
			breaker_free(other);
			breaker_free(br);
			db_close(db);
		}
	breaker_free(NULL);
}

static void
changing(void **state)
{
	struct breakers	*br = breaker_new(&conf);

	(void)state;
	CHECK("success after success", !has_changed(br, a, NEWS_ALIVE, 0));
	CHECK("a failure", has_changed(br, a, NEWS_TROUBLE, 0));
	CHECK("a stop", has_changed(br, a, NEWS_STOP, 0));
	CHECK("a failure again", has_changed(br, a, NEWS_TROUBLE, 7));
	CHECK("a stop again", !has_changed(br, a, NEWS_STOP, 7));
	(void)report_news(br, NULL, a, NEWS_TROUBLE);
	CHECK("success after a failure", has_changed(br, a, NEWS_ALIVE, 0));
	CHECK("for accounts of the same end point", has_changed(br, b, NEWS_ALIVE, 0));
	CHECK("not for others", !has_changed(br, c, NEWS_ALIVE, 0));
	(void)report_news(br, NULL, b, NEWS_ALIVE);
	CHECK("not any more", !has_changed(br, a, NEWS_ALIVE, 0));
	(void)report_news(br, NULL, a, NEWS_STOP);
	CHECK("accepted after a refusal", has_changed(br, a, NEWS_ALIVE, 0));
	CHECK("another account", !has_changed(br, b, NEWS_ALIVE, 0));
	breaker_free(br);
}

/* Failures of two processes count together. */
static void
together(void **state)
{
	struct db	*db = open_store();
	struct breakers	*one = breaker_new(&conf), *two = breaker_new(&conf);

	(void)state;
	check_int("first", report_news(one, db, a, NEWS_TROUBLE), BREAKER_SAME);
	check_int("second", report_news(two, db, b, NEWS_TROUBLE), BREAKER_SAME);
	check_int("third", report_news(one, db, a, NEWS_TROUBLE), BREAKER_OPENED);
	check_int("the other does not know", gate(two, a), GATE_GO);
	check_err("looks", breaker_load(db, two), ERR_OK);
	check_int("and knows", gate(two, a), GATE_BROKEN);
	check_int("the same time to probe", probe_of(two, a), probe_of(one, a));
	check_int("it closes it", report_news(two, db, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_err("the first looks", breaker_load(db, one), ERR_OK);
	check_int("and sends", gate(one, a), GATE_GO);
	breaker_free(two);
	breaker_free(one);
	db_close(db);
}

/* While the store cannot be read, the copy stays as it is. */
static void
store_fails(void **state)
{
	struct db		*db = open_store();
	struct breakers		*br = breaker_new(&conf);
	enum breaker_change	 change = BREAKER_SAME;
	int			 i;

	(void)state;
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	check_err("gone", db_script(db, "DROP TABLE endpoint"), ERR_OK);
	check_err("cannot be loaded", breaker_load(db, br), ERR_STORE);
	check_int("still open", gate(br, a), GATE_BROKEN);
	check_err("cannot be settled", settle_news(br, &change, db, a, NEWS_ALIVE, 0), ERR_STORE);
	check_int("still open", gate(br, a), GATE_BROKEN);
	check_int("settled without it", report_news(br, NULL, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("closed", gate(br, a), GATE_GO);
	breaker_free(br);
	db_close(db);
}

/* A breaker that was closed while the store failed stays so, and the next success tells the store. */
static void
closed_without_store(void **state)
{
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf), *other = breaker_new(&conf);
	int		 i;

	(void)state;
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	check_int("settled without it", report_news(br, NULL, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_err("the store says otherwise", breaker_load(db, br), ERR_OK);
	check_int("it stays closed", gate(br, a), GATE_GO);
	check_err("another process", breaker_load(db, other), ERR_OK);
	check_int("does not know", gate(other, a), GATE_BROKEN);
	CHECK("the next success matters", has_changed(br, a, NEWS_ALIVE, 0));
	(void)report_news(br, db, a, NEWS_ALIVE);
	check_err("another process", breaker_load(db, other), ERR_OK);
	check_int("knows", gate(other, a), GATE_GO);
	CHECK("and then no more", !has_changed(br, a, NEWS_ALIVE, 0));
	breaker_free(other);
	breaker_free(br);
	db_close(db);
}

/* The longest pauses before probes; chance makes them up to a quarter shorter. */
static const int64_t	 pauses_ms[] = { 1000, 2000, 4000, 8000, 10000, 10000, 10000 };

static void
check_pause(int i, int64_t at)
{
	char	 name[32];

	(void)snprintf(name, sizeof(name), "probe %d", i + 1);
	CHECK(name, at >= clocks->wall_ms + pauses_ms[i] * 3 / 4 &&
	    at <= clocks->wall_ms + pauses_ms[i]);
}

/* Probes with messages that had failed before do not put off those with others. */
static void
probing(void **state)
{
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	int64_t		 at, fresh;
	int		 i;

	(void)state;
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	fresh = breaker_fresh_ms(br, a);
	check_int("at first the same time", fresh, probe_of(br, a));
	for (i = 0; i < (int)COUNT(pauses_ms); i++) {
		if (i > 0)
			(void)report_again(br, db, a, NEWS_TROUBLE, 20 - i);
		at = probe_of(br, a);
		check_pause(i, at);
		check_int("others are due as before", breaker_fresh_ms(br, a), fresh);
		/* An attempt that was under way when it opened changes nothing. */
		(void)report_again(br, db, b, NEWS_TROUBLE, 30);
		check_int("not put off", probe_of(br, a), at);
		atomic_store(&clocks->wall_ms, at);	/* the time of the probe comes */
	}
	atomic_store(&clocks->wall_ms, 0);
	check_int("closes", report_news(br, db, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("from the beginning", number_in(db, "SELECT fails + opened + probes + probe + "
	    "fresh_probes + fresh_probe FROM endpoint WHERE url = 'http://one/'"), 0);
	breaker_free(br);
	db_close(db);
}

/* A message that never failed may have a fault of its own: three are probes before a pause. */
static void
fresh_probing(void **state)
{
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	int64_t		 at;
	int		 i, j;

	(void)state;
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	for (i = 0; i < (int)COUNT(pauses_ms); i++) {
		for (j = 0; j < 3 && i > 0; j++) {
			CHECK("the next one at once", breaker_fresh_ms(br, a) <= clocks->wall_ms);
			(void)report_news(br, db, a, NEWS_TROUBLE);
		}
		at = breaker_fresh_ms(br, a);
		check_pause(i, at);
		CHECK("those that failed are not earlier", probe_of(br, a) >= at);
		(void)report_news(br, db, b, NEWS_TROUBLE);
		check_int("not put off", breaker_fresh_ms(br, a), at);
		atomic_store(&clocks->wall_ms, at);
	}
	atomic_store(&clocks->wall_ms, 0);
	breaker_free(br);
	db_close(db);
}

/* Messages that fail again open the breaker if many do and none passes for a while. */
static void
failing_again(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 ids[6];
		int		 after;		/* of these, one passes */
		int64_t		 step_ms;
		bool		 opens;
	} cases[] = {
		{ "different ones", { 1, 2, 3 }, 9, 1000, true },
		{ "two", { 1, 2 }, 9, 1000, false },
		{ "all at once", { 1, 2, 3, 4, 5, 6 }, 9, 10, false },
		{ "the same one", { 4, 4, 4, 4, 4, 4 }, 9, 1000, false },
		{ "the same two", { 4, 5, 4, 5, 4, 5 }, 9, 1000, false },
		{ "one passes between", { 1, 2, 3, 4 }, 2, 1000, false },
	};
	struct breakers	*br;
	struct db	*db;
	size_t		 i;
	int		 j;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = open_store();
		br = breaker_new(&conf);
		atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
		for (j = 0; j < 6 && cases[i].ids[j] != 0; j++) {
			if (j == cases[i].after)
				(void)report_news(br, db, b, NEWS_ALIVE);
			(void)report_again(br, db, a, NEWS_TROUBLE, cases[i].ids[j]);
			atomic_store(&clocks->wall_ms, clocks->wall_ms + cases[i].step_ms);
		}
		check_int(cases[i].name, gate(br, a), cases[i].opens ? GATE_BROKEN : GATE_GO);
		if (cases[i].opens)
			CHECK("others are probes at once",
			    breaker_fresh_ms(br, a) <= clocks->wall_ms);
		breaker_free(br);
		db_close(db);
	}
	atomic_store(&clocks->wall_ms, 0);
}

/*
 * A stopped account is probed slowly, and goes on when QT accepts its keys.  Probes of messages
 * that were refused before do not put off those of others.
 */
static void
stop_probing(void **state)
{
	static const int64_t	 pauses_s[] = { 5, 60, 120, 240, 480, 600, 600 };
	struct db		*db;
	struct breakers		*br;
	char			 name[32];
	int64_t			 at;
	size_t			 i;
	int			 id;

	(void)state;
	for (id = 0; id < 2; id++) {
		db = open_store();
		br = breaker_new(&conf);
		atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
		for (i = 0; i < 5; i++)
			(void)report_news(br, db, a, NEWS_STOP);
		for (i = 0; i < COUNT(pauses_s); i++) {
			(void)snprintf(name, sizeof(name), "probe %zu", i + 1);
			check_err(name, breaker_load(db, br), ERR_OK);
			check_int(name, gate(br, a), GATE_STOPPED);
			at = id ? probe_of(br, a) : breaker_fresh_ms(br, a);
			check_int(name, at, clocks->wall_ms + pauses_s[i] * 1000);
			(void)report_again(br, db, a, NEWS_STOP, id);	/* it was under way */
			check_int("not put off", id ? probe_of(br, a) : breaker_fresh_ms(br, a),
			    at);
			CHECK("those that failed are not earlier",
			    probe_of(br, a) >= breaker_fresh_ms(br, a));
			check_int("the others", breaker_fresh_ms(br, a), id ?
			    CLOCKS_LAST_MS + 5000 : at);
			atomic_store(&clocks->wall_ms, at);
			(void)report_again(br, db, a, NEWS_STOP, id);
		}
		check_int("goes on", report_news(br, db, a, NEWS_ALIVE), BREAKER_RESUMED);
		check_int("forgotten", number_in(db, "SELECT count(*) FROM stopped"), 0);
		breaker_free(br);
		db_close(db);
	}
	atomic_store(&clocks->wall_ms, 0);
}

/* A probe that gets no answer comes again after the same pause. */
static void
stop_unanswered(void **state)
{
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	int		 i;

	(void)state;
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	for (i = 0; i < 5; i++)
		(void)report_news(br, db, a, NEWS_STOP);
	for (i = 0; i < 2; i++) {
		atomic_store(&clocks->wall_ms, breaker_fresh_ms(br, a));
		(void)report_news(br, db, a, NEWS_TROUBLE);
		check_int("later", breaker_fresh_ms(br, a), clocks->wall_ms + 5000);
	}
	atomic_store(&clocks->wall_ms, 0);
	breaker_free(br);
	db_close(db);
}

/* Nothing waits for a clock that was ahead: what lies too far away is due now. */
static void
set_back(void **state)
{
	enum { DAY_MS = 86400000 };
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	int		 i;

	(void)state;
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	for (i = 0; i < 5; i++)
		(void)report_news(br, db, c, NEWS_STOP);
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS - DAY_MS);
	check_err("loaded", breaker_load(db, br), ERR_OK);
	check_int("still open", gate(br, a), GATE_BROKEN);
	check_int("still stopped", gate(br, c), GATE_STOPPED);
	CHECK("its probe is due", probe_of(br, a) <= clocks->wall_ms);
	CHECK("and the other", probe_of(br, c) <= clocks->wall_ms);
	CHECK("and with others", breaker_fresh_ms(br, a) <= clocks->wall_ms &&
	    breaker_fresh_ms(br, c) <= clocks->wall_ms);
	check_int("closes", report_news(br, db, a, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("goes on", report_news(br, db, c, NEWS_ALIVE), BREAKER_RESUMED);
	atomic_store(&clocks->wall_ms, 0);
	breaker_free(br);
	db_close(db);
}

/* A stop that an earlier version wrote: it is probed at once. */
static void
earlier_stop(void **state)
{
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	int		 i;

	(void)state;
	for (i = 0; i < 5; i++)
		(void)report_news(br, db, a, NEWS_STOP);
	check_err("as it was", db_script(db, "UPDATE stopped SET refusals = 0, probes = 0, "
	    "probe = 0"), ERR_OK);
	check_err("loaded", breaker_load(db, br), ERR_OK);
	check_int("stopped", gate(br, a), GATE_STOPPED);
	CHECK("its probe is due", probe_of(br, a) <= clock_wall_ms());
	check_int("refused", report_again(br, db, a, NEWS_STOP, 1), BREAKER_SAME);
	CHECK("slowly", probe_of(br, a) >= clock_wall_ms() + 50000);
	check_int("goes on", report_news(br, db, a, NEWS_ALIVE), BREAKER_RESUMED);
	breaker_free(br);
	db_close(db);
}

/* Messages in back-off for the end point are due when it answers again after an outage. */
static void
due_again(void **state)
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
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	check_int("closes at once", report_news(br, db, b, NEWS_ALIVE), BREAKER_CLOSED);
	check_int("open, closed: all keep their pauses", number_in(db, "SELECT count(*) "
	    "FROM message WHERE next != received + 200000 + id - 1"), 0);
	for (i = 0; i < FAILS; i++)
		(void)report_news(br, db, a, NEWS_TROUBLE);
	atomic_store(&clocks->wall_ms, clock_wall_ms() + 10000);
	check_int("closes", report_news(br, db, b, NEWS_ALIVE), BREAKER_CLOSED);
	atomic_store(&clocks->wall_ms, 0);
	check_int("all of the end point are due", number_in(db,
	    "SELECT count(*) FROM message WHERE account IN ('a', 'b') AND next != received"), 0);
	check_int("those of others wait", number_in(db, "SELECT count(*) FROM message WHERE "
	    "account = 'c' AND next = received"), 0);
	breaker_free(br);
	db_close(db);
}

static const struct {
	const char		*name;
	struct account		 with;		/* of the next start */
	enum breaker_gate	 want;
} stops_cases[] = {
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

static void
stops(void **state)
{
	struct account	 row;
	struct conf	 next = { .set = { .breaker_fails = FAILS }, .accounts = &row, .n = 1 };
	struct db	*db = open_store();
	struct breakers	*br = breaker_new(&conf);
	size_t		 i;

	(void)state;
	for (i = 0; i < 4; i++)
		(void)report_news(br, db, a, NEWS_STOP);
	check_int("stopped", report_news(br, db, a, NEWS_STOP), BREAKER_STOPPED);
	check_int("no secret is kept", number_in(db, "SELECT count(*) FROM stopped WHERE "
	    "instr(config, 's') OR length(config) != 64"), 0);
	breaker_free(br);
	for (i = 0; i < COUNT(stops_cases); i++) {
		row = stops_cases[i].with;
		row.path = row.name = "a";
		br = breaker_new(&next);
		check_err(stops_cases[i].name, breaker_load(db, br), ERR_OK);
		check_int(stops_cases[i].name, gate(br, &row), stops_cases[i].want);
		breaker_free(br);
	}
	/* A stop of an account that the configuration no longer has. */
	row = stops_cases[0].with;
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
		bool		 a_goes, c_goes;	/* no longer stopped */
		bool		 one, two;		/* the end points may be probed at once */
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
		for (j = 0; j < 5; j++) {
			(void)report_news(br, db, a, NEWS_STOP);
			(void)report_news(br, db, c, NEWS_STOP);
		}
		for (j = 0; j < FAILS; j++) {
			(void)report_news(br, db, b, NEWS_TROUBLE);
			(void)report_news(br, db, c, NEWS_TROUBLE);
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

/* A line if something has changed, which says what to do. */
static void
logging(void **state)
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
		{ "goes on", BREAKER_RESUMED, "accepts" },
	};
	struct breakers		*br = breaker_new(&conf);
	struct breaker_report	 report;
	char			 path[STATE_PATH];
	struct buf		 text = { 0 };
	size_t			 i;

	(void)state;
	state_path(path, state_new(), "log");
	assert_int_equal(log_open(path), 0);
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(truncate(path, 0), 0);
		report = (struct breaker_report){ .account = a, .change = cases[i].change,
		    .why = "because" };
		breaker_log(br, &report);
		check_int(cases[i].name, buf_read_file(&text, path, 4096), 0);
		check_err(cases[i].name, buf_putc(&text, '\0'), ERR_OK);
		if (cases[i].want == NULL)
			check_text(cases[i].name, text.p, "");
		else
			CHECK(cases[i].name, strstr(text.p, cases[i].want) != NULL);
		CHECK(cases[i].name, (cases[i].change != BREAKER_OPENED &&
		    cases[i].change != BREAKER_STOPPED) || strstr(text.p, "because") != NULL);
	}
	buf_free(&text);
	log_close();
	breaker_free(br);
}

/* Half of the workers have waited half of forward_ms: other requests must not wait too. */
static void
saturation(void **state)
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
		TEST(judging), TEST(gateways), TEST(endpoints), TEST(probe_taken), TEST(opening),
		TEST(changing), TEST(together), TEST(store_fails), TEST(closed_without_store),
		TEST(probing), TEST(fresh_probing), TEST(failing_again), TEST(stop_probing),
		TEST(stop_unanswered), TEST(set_back), TEST(earlier_stop), TEST(due_again),
		TEST(stops), TEST(resetting), TEST(logging), TEST(saturation),
	};

	return RUN("breaker", tests);
}
