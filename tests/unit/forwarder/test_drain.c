#define _DEFAULT_SOURCE		/* syscall(2) */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "forwarder/drain.h"
#include "server/maintenance.h"
#include "state/counters.h"
#include "state/queue.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/clocks.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	FAILS = 3,		/* that open the breaker */
	STOPS = 5,		/* refusals that stop an account */
	PARALLEL = 4,
	PATIENCE_MS = 30000,	/* longer than anything takes that a test waits for */
	SHORT_MS = 150,		/* a time that a test waits for to its end */
	SLOW_MS = 1000,		/* the same, while other things must be done before it ends */
	SOON_MS = PATIENCE_MS / 2,	/* at once, even on a busy machine */
	ROWS = 500
};

static const char	 query[] = "signature=ab&timestamp=17&nonce=n%26",
			 body[] = "<xml><Encrypt>x</Encrypt></xml>";

/* Accounts a and b of one end point, c of another, and all that a drainer works with. */
struct place {
	struct account		 accounts[3];
	struct conf		 conf;
	struct services		 services;
	struct drain		*drain;
	struct maintenance	*maintenance;
	_Atomic int64_t		 stop_ms;
	char			 one[PEER_URL], two[PEER_URL];
	char			 log[STATE_PATH];
};

static struct place *
drain_place_new(const char *dir, const char *one, const char *two)
{
	static const char *const	 paths[] = { "a", "b", "c" };
	struct place			*p = calloc(1, sizeof(*p));
	size_t				 i;

	assert_non_null(p);
	(void)snprintf(p->one, sizeof(p->one), "%s", one);
	(void)snprintf(p->two, sizeof(p->two), "%s", two);
	for (i = 0; i < COUNT(paths); i++)
		p->accounts[i] = (struct account){
			.path = paths[i], .name = paths[i], .appid = "wx0",
			.qt_url = i < 2 ? p->one : p->two, .app_key = "k", .service_id = "i",
			.service_secret = "s",
		};
	p->conf = (struct conf){
		.set = {
			.state_dir = dir, .forward_ms = PATIENCE_MS, .connect_ms = PATIENCE_MS,
			.breaker_fails = FAILS, .drain_parallel = PARALLEL, .dedupe_days = 7,
		},
		.accounts = p->accounts, .n = COUNT(paths),
	};
	state_path(p->log, dir, "log");
	assert_int_equal(log_open(p->log), 0);
	assert_true(services_open(&p->services, &p->conf, SERVICES_FORWARDING, STORE_BRIEF,
	    &p->stop_ms));
	return p;
}

/* A place whose two end points do these acts (see tests/unit/peer.h). */
static struct place *
place_of(struct peer *one, const char *act, struct peer *two, const char *other)
{
	char	 first[PEER_URL], second[PEER_URL];

	peer_url(one, first, act);
	peer_url(two, second, other);
	return drain_place_new(state_new(), first, second);
}

/* Makes the drain, after the test has set what it needs. */
static void
need_drain(struct place *p)
{
	if (p->drain == NULL)
		assert_non_null(p->drain = drain_new(&p->services));
	if (p->maintenance == NULL)
		assert_non_null(p->maintenance = maintenance_new(&p->services));
}

static void
drain_place_free(struct place *p)
{
	maintenance_free(p->maintenance);
	drain_free(p->drain);
	services_close(&p->services);
	log_close();
	free(p);
}

/*
 * The store.
 */

static enum error
run_sql(struct db *db, void *arg)
{
	return db_script(db, arg);
}

static void
sql(struct place *p, const char *text)
{
	check_err(text, store_do(p->services.store, STORE_WRITE, run_sql, (void *)(uintptr_t)text,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
}

struct asking {
	const char	*sql;
	int64_t		 n;
};

static enum error
ask_number(struct db *db, void *arg)
{
	struct asking	*a = arg;

	return sqlite_db_number(db, &a->n, a->sql, DB_NO_VALUES);
}

static int64_t
count_of(struct place *p, const char *text)
{
	struct asking	 a = { text, -1 };

	check_err(text, store_do(p->services.store, STORE_READ, ask_number, &a,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	return a.n;
}

static int64_t
pending(struct place *p)
{
	return count_of(p, "SELECT count(*) FROM message WHERE state = 'pending'");
}

/* Waits until the store can be read and the SQL gives n there. */
static void
await_count(struct place *p, const char *text, int64_t n)
{
	const struct timespec	 pause = { 0, 10000000 };
	struct asking		 a = { text, -1 };
	int64_t			 end_ms = clock_mono_ms() + PATIENCE_MS;

	while ((store_do(p->services.store, STORE_READ, ask_number, &a, end_ms) != ERR_OK ||
	    a.n != n) &&
	    clock_mono_ms() < end_ms)
		(void)nanosleep(&pause, NULL);
	check_int(text, a.n, n);
}

static void
await_settled(struct place *p)
{
	await_count(p, "SELECT count(*) FROM message WHERE state = 'pending'", 0);
}

/* Rows to add: n of an account, with keys from this one on. */
struct adding {
	const char	*account, *query, *body;
	int		 key, n;
	int64_t		 late_ms;	/* how long after now they are due */
	bool		 backwards;	/* the first to be added are the youngest */
	bool		 fresh;		/* they were never sent */
};

static void
row_key(unsigned char key[QUEUE_KEY], int n)
{
	char	 hex[33];

	(void)snprintf(hex, sizeof(hex), "%08x%08x%08x%08x", n, (unsigned)n * 2654435761u, n,
	    (unsigned)n * 40503u);
	queue_key(key, n, hex);
}

static enum error
add_rows(struct db *db, void *arg)
{
	const struct adding	*a = arg;
	const int64_t		 now_ms = clock_wall_ms();
	struct queue_message	 m = {
		.account = slice_of(a->account), .code = slice_of("$$_x"), .attempts = !a->fresh,
		.state = QUEUE_PENDING, .query = slice_of(a->query), .body = slice_of(a->body),
		.outcome = slice_of("no answer"),
	};
	enum error		 er = ERR_OK;
	int			 i;

	for (i = 0; i < a->n && er == ERR_OK; i++) {
		row_key(m.key, a->key + i);
		m.received_ms = now_ms - 100000 + (a->backwards ? a->n - i : i);
		m.next_ms = a->late_ms != 0 ? now_ms + a->late_ms : m.received_ms;
		er = queue_add(db, &m);
	}
	return er;
}

static void
put_rows(struct place *p, const struct adding *a)
{
	store_raise(p->services.store);
	check_err("rows added", store_do(p->services.store, STORE_WRITE, add_rows,
	    (void *)(uintptr_t)a, clock_mono_ms() + PATIENCE_MS), ERR_OK);
	store_raise(p->services.store);
}

static void
add_to(struct place *p, const char *account, int key, int n)
{
	const struct adding	 a = { account, query, body, key, n, 0, false, false };

	put_rows(p, &a);
}

static void
add_fresh(struct place *p, const char *account, int key, int n)
{
	const struct adding	 a = { account, query, body, key, n, 0, false, true };

	put_rows(p, &a);
}

static enum error
run_drain(struct place *p, struct drain_sum *sum, bool all)
{
	const struct drain_order	 o = {
		.until_ms = clock_mono_ms() + PATIENCE_MS, .all = all,
	};
	enum error			 er;

	need_drain(p);
	er = drain_run(p->drain, sum, &o);
	maintenance_brief(&p->services);
	return er;
}

static void
check_sum(const char *name, const struct drain_sum *sum, int64_t delivered, int64_t dead,
    int64_t failed)
{
	check_int(name, sum->delivered, delivered);
	check_int(name, sum->dead, dead);
	check_int(name, sum->failed, failed);
}

/*
 * The log: the messages in the order in which they were settled.
 */

struct lines {
	int		 n;
	struct {
		int64_t	 id;
		char	 account, verdict[16];
	}		 line[2 * ROWS];
};

static struct lines	 lines;

static void
read_lines(struct place *p)
{
	struct buf	 b = { 0 };
	char		*line, *end, *at;

	lines.n = 0;
	assert_int_equal(buf_read_file(&b, p->log, 1 << 20), 0);
	assert_int_equal(buf_putc(&b, '\0'), ERR_OK);
	for (line = b.p; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (strstr(line, "what=drain ") == NULL || lines.n == (int)COUNT(lines.line))
			continue;
		if ((at = strstr(line, " id=")) != NULL)
			lines.line[lines.n].id = strtoll(at + 4, NULL, 10);
		if ((at = strstr(line, " account=")) != NULL)
			lines.line[lines.n].account = at[9];
		if ((at = strstr(line, " verdict=")) != NULL)
			(void)sscanf(at + 9, "%15s", lines.line[lines.n].verdict);
		lines.n++;
	}
	buf_free(&b);
}

static int
lines_with(struct place *p, const char *with)
{
	struct buf	 b = { 0 };
	char		*line;
	int		 n = 0;

	assert_int_equal(buf_read_file(&b, p->log, 1 << 20), 0);
	assert_int_equal(buf_putc(&b, '\0'), ERR_OK);
	for (line = b.p; (line = strstr(line, with)) != NULL; line++)
		n++;
	buf_free(&b);
	return n;
}

static int
compare_ids(const void *a, const void *b)
{
	const int64_t	 x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* How many different ids the lines name. */
static int
different(void)
{
	static int64_t	 ids[2 * ROWS];
	int		 i, n = 0;

	for (i = 0; i < lines.n; i++)
		ids[i] = lines.line[i].id;
	qsort(ids, (size_t)lines.n, sizeof(ids[0]), compare_ids);
	for (i = 0; i < lines.n; i++)
		n += i == 0 || ids[i] != ids[i - 1];
	return n;
}

/*
 * QT takes the messages.
 */

static void
all_delivered(void **state)
{
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "code", two, "code");
	struct drain_sum	 sum;
	unsigned char		 key[QUEUE_KEY];
	enum dedup_as		 as;
	int			 i, done = 0;

	(void)state;
	add_to(p, "a", 0, 300);
	add_to(p, "b", 300, 100);
	add_to(p, "c", 400, 100);
	add_to(p, "nobody", 900, 3);
	check_err("drained", run_drain(p, &sum, false), ERR_OK);
	check_sum("drained", &sum, ROWS, 0, 0);
	check_int("nowhere else", sum.elsewhere, 0);
	check_int("the first end point's", peer_requests(one), 400);
	check_int("the other's", peer_requests(two), 100);
	check_int("all but an unknown account's", count_of(p, "SELECT count(*) FROM message"), 3);
	for (i = 0; i < ROWS; i++) {
		row_key(key, i);
		done += dedup_find(p->services.dedup, &as, key) == ERR_OK && as == DEDUP_DONE;
	}
	check_int("known again", done, ROWS);
	read_lines(p);
	check_int("a line each", lines.n, ROWS);
	check_int("another one each", different(), ROWS);
	check_int("nothing to look after", store_is_raised(p->services.store), false);
	check_err("again", run_drain(p, &sum, true), ERR_OK);
	check_sum("again", &sum, 0, 0, 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
	drain_free(NULL);
}

static void
oldest_first(void **state)
{
	enum { EACH = 30 };
	const struct adding	 a = { "a", query, body, 0, EACH, 0, true, false };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "code", two, "code");
	struct drain_sum	 sum;
	int64_t			 last[3] = { 1 << 20, 0, 0 };
	int			 i, k, n[3] = { 0, 0, 0 };

	(void)state;
	p->conf.set.drain_parallel = 1;
	put_rows(p, &a);
	add_to(p, "b", 100, EACH);
	add_to(p, "c", 200, EACH);
	check_err("drained", run_drain(p, &sum, false), ERR_OK);
	read_lines(p);
	for (i = 0; i < lines.n; i++) {
		k = lines.line[i].account - 'a';
		if (k < 0 || k > 2)
			continue;
		n[k]++;
		/* In account a the last to be added are the oldest. */
		if (k == 0)
			CHECK("oldest first, a", lines.line[i].id < last[k]);
		else
			CHECK("oldest first", lines.line[i].id > last[k]);
		last[k] = lines.line[i].id;
	}
	check_int("a", n[0], EACH);
	check_int("b", n[1], EACH);
	check_int("c", n[2], EACH);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/*
 * Messages that never failed overtake those that have; but one place is for these.  QT does not
 * answer before all places are taken, so the log has those that took them.
 */
static void
fresh_first(void **state)
{
	enum { EACH = 48, LATER_MS = 1000 };
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "wait", two, "code");
	int		 i, failed = 0;

	(void)state;
	add_to(p, "a", 0, EACH);		/* the oldest; they have failed */
	add_fresh(p, "b", 100, EACH);		/* the same end point */
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, PARALLEL);
	sql(p, "DELETE FROM message");
	atomic_fetch_add(&clocks->mono_ahead_ms, LATER_MS);	/* what was read ahead is dropped */
	peer_open(one);
	maintenance_stop(p->maintenance);
	read_lines(p);
	check_int("all places are taken", lines.n, PARALLEL);
	for (i = 0; i < lines.n; i++)
		failed += lines.line[i].account == 'a';
	check_int("one of them by one that has failed", failed, 1);
	atomic_store(&clocks->mono_ahead_ms, 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/*
 * Messages that have failed wait for long.  After a while one of them is tried all the same; when QT
 * takes it, some others go, too, and so on.
 */
static void
trial(void **state)
{
	enum { MANY = 40, TURNS = 400, HALF_MS = 500 };
	const struct adding	 late = { "a", query, body, 0, MANY, 250000, false, false };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "now", two, "code");
	int			 i;

	(void)state;
	peer_now(one, "code");
	need_drain(p);
	put_rows(p, &late);
	for (i = 0; i < 3; i++, clocks->mono_ahead_ms += HALF_MS)
		check_err("a turn", drain_turn(p->drain, 1), ERR_OK);
	check_int("too early", peer_requests(one), 0);
	peer_now(one, "later");
	clocks->mono_ahead_ms += DRAIN_TRIAL_MS;
	for (i = 0; i < TURNS && count_of(p, "SELECT max(attempts) FROM message") < 2; i++)
		check_err("a turn", drain_turn(p->drain, 10), ERR_OK);
	for (i = 0; i < 3; i++, clocks->mono_ahead_ms += HALF_MS)
		check_err("a turn", drain_turn(p->drain, 1), ERR_OK);
	check_int("one is tried, and QT does not take it", peer_requests(one), 1);
	peer_now(one, "code");
	clocks->mono_ahead_ms += DRAIN_TRIAL_MS;
	for (i = 0; i < TURNS && pending(p) != 0; i++, clocks->mono_ahead_ms += HALF_MS)
		check_err("a turn", drain_turn(p->drain, 10), ERR_OK);
	check_int("QT takes one, and then all", pending(p), 0);
	check_int("each once", peer_requests(one), MANY + 1);
	clocks->mono_ahead_ms = 0;
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* While messages that have failed hold their places, fresh ones pass them. */
static void
overtaking(void **state)
{
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "now", two, "code");

	(void)state;
	peer_now(one, "silent");
	add_to(p, "a", 0, 20);
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, 1);
	peer_now(one, "code");
	add_fresh(p, "b", 100, 20);
	await_count(p, "SELECT count(*) FROM message WHERE account = 'b'", 0);
	check_int("the others have their part of the places", peer_requests(one), 20 + 1);
	p->stop_ms = clock_mono_ms();
	maintenance_stop(p->maintenance);
	check_int("and wait", pending(p), 20);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static void
broken(struct place *p, const char *probe)
{
	char	 text[300];

	(void)snprintf(text, sizeof(text), "INSERT INTO endpoint (url, fails, opened, probes, "
	    "probe, fresh_probe) VALUES ('%s', 9, 1, 0, %s, %s) ON CONFLICT (url) DO UPDATE SET "
	    "opened = 1, probe = excluded.probe, fresh_probe = excluded.probe", p->one, probe,
	    probe);
	sql(p, text);
}

/* The probe of a broken end point is one that never failed; without one, each in its turn. */
static void
probe_order(void **state)
{
	const struct adding	 late = { "a", query, body, 0, 3, 200000, false, false };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "later", two, "code");
	struct drain_sum	 sum;
	int			 i;

	(void)state;
	put_rows(p, &late);
	for (i = 0; i < 3; i++) {
		broken(p, "1");
		CHECK("its own pause does not count", maintenance_wanted(&p->services));
		check_err("a probe", run_drain(p, &sum, false), ERR_OK);
		check_sum("a probe", &sum, 0, 0, 1);
	}
	check_int("the one that waits least, as often as its pause is short", count_of(p,
	    "SELECT max(attempts) FROM message"), 4);
	add_fresh(p, "b", 100, 5);
	broken(p, "1");
	check_err("fresh ones", run_drain(p, &sum, false), ERR_OK);
	check_sum("three of them", &sum, 0, 0, 3);
	check_int("and no other", count_of(p, "SELECT count(*) FROM message WHERE account = 'b' "
	    "AND attempts = 1"), 3);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* Refused rows stay, delivered ones are kept if that is set; the standby gets messages, too. */
static void
settled_rows(void **state)
{
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "event", two, "code");
	struct drain_sum	 sum;
	char			 refused[PEER_URL], standby[PEER_URL];
	int			 fd = peer_refused(refused);

	(void)state;
	peer_url(two, standby, "code");
	(void)snprintf(p->two, sizeof(p->two), "%s", refused);
	p->accounts[2].qt_url_standby = standby;
	p->conf.set.keep_days = 1;
	add_to(p, "a", 0, 5);
	add_to(p, "c", 100, 5);
	check_err("drained", run_drain(p, &sum, false), ERR_OK);
	check_sum("drained", &sum, 5, 5, 0);
	check_int("refused ones stay", count_of(p, "SELECT count(*) FROM message WHERE "
	    "state = 'dead' AND account = 'a' AND attempts = 2 AND next IS NULL AND "
	    "outcome = 'Httpapi_300_105' AND length(body) > 0"), 5);
	check_int("delivered ones are kept", count_of(p, "SELECT count(*) FROM message WHERE "
	    "state = 'delivered' AND account = 'c' AND attempts = 2 AND length(body) > 0"), 5);
	check_int("by the standby", peer_requests(two), 5);
	drain_place_free(p);
	(void)close(fd);
	peer_free(one);
	peer_free(two);
}

/*
 * QT does not take the messages.
 */

static void
dead_end_point(void **state)
{
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "silent", two, "code");
	struct drain_sum	 sum;
	int64_t			 begun_ms;

	(void)state;
	p->conf.set.forward_ms = SLOW_MS;	/* the other one must be faster */
	add_to(p, "a", 0, 50);
	add_to(p, "c", 100, 100);
	begun_ms = clock_mono_ms();
	check_err("drained", run_drain(p, &sum, false), ERR_OK);
	CHECK("in time", clock_mono_ms() - begun_ms < SOON_MS);
	check_int("the other's are delivered", sum.delivered, 100);
	CHECK("few are tried", sum.failed >= FAILS && sum.failed <= FAILS + PARALLEL);
	check_int("as many as were sent", peer_requests(one), sum.failed);
	check_int("the rest waits", pending(p), 50);
	check_int("what was tried a little longer", count_of(p, "SELECT count(*) FROM message "
	    "WHERE attempts = 2"), sum.failed);
	check_int("one line of the breaker", lines_with(p, "what=breaker"), 1);
	check_int("and it is open", count_of(p, "SELECT count(*) FROM endpoint WHERE opened > 0"),
	    1);
	check_int("to be looked after", store_is_raised(p->services.store), true);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static void
each_tried_once(void **state)
{
	static const struct {
		const char	*name;
		bool		 all;
		int		 tried;
	} cases[] = {
		{ "not due", false, 0 }, { "all", true, 1200 }, { "not due again", false, 0 },
		{ "all again", true, 1200 },
	};
	const struct adding	 later = { "a", query, body, 0, 1200, 300000, false, false };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "union", two, "code");
	struct drain_sum	 sum;
	size_t			 i;
	int			 n = 0;

	(void)state;
	put_rows(p, &later);
	for (i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, run_drain(p, &sum, cases[i].all), ERR_OK);
		check_sum(cases[i].name, &sum, 0, 0, cases[i].tried);
		check_int(cases[i].name, peer_requests(one), n += cases[i].tried);
		/* All are due later, however long the run took. */
		sql(p, (char[]){ "UPDATE message SET next = next + 300000" });
	}
	check_int("each as often", count_of(p, "SELECT count(*) FROM message WHERE attempts = 3"),
	    1200);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* The time of a probe that is not due.  A later one would mean that the clock was set back. */
#define LATER	"strftime('%s', 'now') * 1000 + 9000"

static void
probes(void **state)
{
	static const struct {
		const char	*name, *act, *probe;
		bool		 all;
		int		 asked, delivered, failed;
	} cases[] = {
		{ "not due", "code", LATER, false, 0, 0, 0 },
		{ "due, fails", "later", "1", false, 1, 0, 1 },
		{ "due, cut", "cut", "1", false, 1, 0, 1 },
		{ "not due, but all are wanted", "later", LATER, true, 1, 0, 1 },
		{ "due, good", "code", "1", false, 40, 40, 0 },
		{ "not due, all are wanted, good", "code", LATER, true, 40, 40, 0 },
	};
	struct peer		*one, *two = peer_new();
	struct place		*p;
	struct drain_sum	 sum;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		one = peer_new();
		p = place_of(one, cases[i].act, two, "code");
		add_to(p, "a", 0, 20);
		add_to(p, "b", 100, 20);
		broken(p, cases[i].probe);
		check_int(cases[i].name, maintenance_wanted(&p->services), *cases[i].probe == '1' &&
		    cases[i].probe[1] == '\0');
		check_err(cases[i].name, run_drain(p, &sum, cases[i].all), ERR_OK);
		check_sum(cases[i].name, &sum, cases[i].delivered, 0, cases[i].failed);
		check_int(cases[i].name, peer_requests(one), cases[i].asked);
		check_int(cases[i].name, pending(p), 40 - cases[i].delivered);
		check_int("told when it closes", lines_with(p, "answers again"),
		    cases[i].delivered != 0);
		drain_place_free(p);
		peer_free(one);
	}
	peer_free(two);
}

static enum error
reset(struct db *db, void *arg)
{
	return breaker_reset(db, arg, NULL);
}

static void
stopped(void **state)
{
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "now", two, "code");
	struct drain_sum	 sum;

	(void)state;
	p->conf.set.drain_parallel = 1;
	peer_now(one, "secret");
	add_fresh(p, "a", 0, 10);
	check_err("stopped", run_drain(p, &sum, false), ERR_OK);
	check_sum("stopped", &sum, 0, 0, STOPS);
	check_int("the rest is not sent", peer_requests(one), STOPS);
	check_int("told of", lines_with(p, "what=breaker"), 1);
	CHECK("nothing that could be sent", !maintenance_wanted(&p->services));
	peer_now(one, "code");
	add_to(p, "b", 100, 10);
	CHECK("now there is", maintenance_wanted(&p->services));
	check_err("another account", run_drain(p, &sum, false), ERR_OK);
	check_sum("another account", &sum, 10, 0, 0);
	check_err("not even now", run_drain(p, &sum, true), ERR_OK);
	check_sum("not even now", &sum, 0, 0, 0);
	check_int("the rest waits", pending(p), 10);
	check_err("reset", store_do(p->services.store, STORE_WRITE, reset, &p->conf,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	check_err("goes on", run_drain(p, &sum, true), ERR_OK);
	check_sum("goes on", &sum, 10, 0, 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static char	 many[40 * 8];	/* a query of too many parameters */

static const struct {
	const char	*name, *query, *body;
	bool		 good;
} garbage_cases[] = {
	{ "no body", query, NULL, false }, { "no query", NULL, body, false },
	{ "neither", NULL, NULL, false }, { "empty query", "", body, false },
	{ "empty body", query, "", false },
	{ "a parameter twice", "nonce=1&nonce=2", body, false },
	{ "an empty one", "nonce=", body, false }, { "too many", many, body, false },
	{ "only noise", "%%%=&&\x01\xFF=%zz&;", body, true },
	{ "as it should be", query, body, true },
};

/* Rows that cannot be signed become dead, and the breaker is not told that QT answered. */
static void
garbage(void **state)
{
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "now", two, "code");
	struct drain_sum	 sum;
	struct adding		 a;
	int64_t			 begun_ms;
	size_t			 i;
	int			 asked;

	(void)state;
	for (i = 0; i < 40; i++)
		(void)strcat(many, "p=1&");
	peer_now(one, "later");
	add_fresh(p, "b", 999, 1);
	check_err("trouble", run_drain(p, &sum, false), ERR_OK);
	check_int("once", count_of(p, "SELECT fails FROM endpoint"), 1);
	sql(p, "DELETE FROM message");
	begun_ms = clock_mono_ms();
	for (i = 0; i < COUNT(garbage_cases); i++) {
		asked = peer_requests(one);
		if (garbage_cases[i].good)
			peer_now(one, "union");
		a = (struct adding){ "a", garbage_cases[i].query, garbage_cases[i].body,
		    (int)i * 10, 3, 0, false, false };
		put_rows(p, &a);
		check_err(garbage_cases[i].name, run_drain(p, &sum, false), ERR_OK);
		if (garbage_cases[i].good) {
			check_sum(garbage_cases[i].name, &sum, 0, 0, 3);
			check_int(garbage_cases[i].name, peer_requests(one), asked + 3);
			sql(p, "DELETE FROM message");
			continue;
		}
		check_sum(garbage_cases[i].name, &sum, 0, 3, 0);
		check_int(garbage_cases[i].name, peer_requests(one), asked);
		check_int(garbage_cases[i].name, count_of(p, "SELECT count(*) FROM message WHERE "
		    "state = 'dead' AND outcome LIKE 'cannot be signed%'"), ((int)i + 1) * 3);
		check_int("that is no answer of QT's", count_of(p, "SELECT fails FROM endpoint"),
		    1);
	}
	CHECK("no row delays the others", clock_mono_ms() - begun_ms < SOON_MS);
	check_int("QT's answer ends the failures", count_of(p, "SELECT fails FROM endpoint"), 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* A run whose time is over before it begins. */
static void
no_time(void **state)
{
	struct peer			*one = peer_new(), *two = peer_new();
	struct place			*p = place_of(one, "code", two, "code");
	const struct drain_order	 o = { .until_ms = 1 };
	struct drain_sum		 sum;

	(void)state;
	add_to(p, "a", 0, 10);
	need_drain(p);
	check_err("no time", drain_run(p->drain, &sum, &o), ERR_OK);
	check_sum("no time", &sum, 0, 0, 0);
	p->stop_ms = 1;
	check_err("stopped", run_drain(p, &sum, false), ERR_OK);
	check_sum("stopped", &sum, 0, 0, 0);
	check_int("nothing is begun", peer_requests(one), 0);
	check_int("all waits", pending(p), 10);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static void
wanted(void **state)
{
	const struct adding	 later = { "a", query, body, 0, 3, 200000, false, false };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "code", two, "code");

	(void)state;
	CHECK("nothing there", !maintenance_wanted(&p->services));
	check_int("and the database is not even made", state_count(p->conf.set.state_dir,
	    "qtoa.db", NULL), 0);
	put_rows(p, &later);
	CHECK("not due", !maintenance_wanted(&p->services));
	add_to(p, "c", 100, 1);
	CHECK("due", maintenance_wanted(&p->services));
	store_lower(p->services.store);
	CHECK("nobody has said so", !maintenance_wanted(&p->services));
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/*
 * Several processes.
 */

/* Another process that holds the lock of an end point, as if it drained it. */
struct holding {
	const char	*dir, *url;
};

static void
hold_endpoint(struct other *me, void *arg)
{
	struct holding	*h = arg;
	struct locks	*cs = lock_new(h->dir);
	struct lock	 c;
	unsigned char	 key[LOCK_KEY];

	(void)other_hear(me);
	lock_name(key, "drain", h->url);
	OTHER_CHECK(lock_take(cs, &c, key, 0) == LOCK_MINE);
	other_say(me);
	(void)other_hear(me);
}

static void
elsewhere(void **state)
{
	char			 one_url[PEER_URL], two_url[PEER_URL];
	struct holding		 h = { state_new(), one_url };
	struct peer		*one, *two;
	struct place		*p;
	struct other		 o;
	struct drain_sum	 sum;
	int			 fd = peer_refused(one_url);

	(void)state;
	/* The other process must exist before our threads do, and must know the port. */
	other_begin(&o, hold_endpoint, &h);
	one = peer_new();
	two = peer_new();
	peer_url(two, two_url, "code");
	p = drain_place_new(h.dir, one_url, two_url);
	peer_url(one, two_url, "code");
	p->accounts[0].qt_url_standby = p->accounts[1].qt_url_standby = two_url;
	add_to(p, "a", 0, 20);
	add_to(p, "c", 100, 20);
	other_say(&o);
	(void)other_hear(&o);
	check_err("one is taken", run_drain(p, &sum, false), ERR_OK);
	check_sum("one is taken", &sum, 20, 0, 0);
	check_int("it is told", sum.elsewhere, 1);
	check_int("nothing of it is sent", peer_requests(one), 0);
	other_kill(&o);
	check_err("its process died", run_drain(p, &sum, false), ERR_OK);
	check_sum("its process died", &sum, 20, 0, 0);
	check_int("now it is ours", sum.elsewhere, 0);
	(void)close(fd);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/*
 * The thread.
 */

static void
thread(void **state)
{
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "code", two, "code");
	int64_t		 begun_ms;

	(void)state;
	need_drain(p);
	maintenance_stop(p->maintenance);	/* there is no thread */
	CHECK("started", maintenance_start(p->maintenance));
	begun_ms = clock_mono_ms();
	add_to(p, "a", 0, 100);
	add_to(p, "c", 100, 100);
	peer_await(one, 100);
	peer_await(two, 100);
	CHECK("soon", clock_mono_ms() - begun_ms < SOON_MS);
	begun_ms = clock_mono_ms();
	maintenance_stop(p->maintenance);
	CHECK("it stops at once", clock_mono_ms() - begun_ms < SOON_MS);
	check_int("what QT has is settled", count_of(p, "SELECT count(*) FROM message"), 0);
	check_int("nothing is sent twice", peer_requests(one) + peer_requests(two), 200);
	CHECK("started again", maintenance_start(p->maintenance));
	add_to(p, "b", 200, 1);
	peer_await(one, 101);
	maintenance_stop(p->maintenance);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static atomic_bool	 is_inotify_used_up;

/* Takes the place of the C library's. */
int
inotify_init1(int flags)
{
	if (!is_inotify_used_up)
		return (int)syscall(SYS_inotify_init1, flags);
	errno = EMFILE;
	return -1;
}

/*
 * A message comes while the thread sleeps, after a pause that is long enough for that.  Nothing in
 * this process tells the thread of it.
 */
static void
asleep(void **state)
{
	const struct timespec	 pause = { 1, 500000000 };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p;
	int64_t			 begun_ms;
	int			 used_up;

	(void)state;
	for (used_up = 0; used_up < 2; used_up++) {
		is_inotify_used_up = used_up != 0;
		p = place_of(one, "code", two, "code");
		need_drain(p);
		CHECK("started", maintenance_start(p->maintenance));
		(void)nanosleep(&pause, NULL);
		begun_ms = clock_mono_ms();
		add_to(p, "a", used_up, 1);
		peer_await(one, used_up + 1);
		CHECK("soon", clock_mono_ms() - begun_ms < SOON_MS);
		maintenance_stop(p->maintenance);
		drain_place_free(p);
	}
	is_inotify_used_up = false;
	peer_free(one);
	peer_free(two);
}

/* The program is told to stop while QT is silent. */
static void
told_to_stop(void **state)
{
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "silent", two, "code");
	int64_t		 begun_ms;

	(void)state;
	add_fresh(p, "a", 0, 20);
	add_to(p, "c", 100, 20);
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, PARALLEL);
	peer_await(two, 20);
	begun_ms = clock_mono_ms();
	p->stop_ms = begun_ms + SHORT_MS;
	maintenance_wake(p->maintenance);
	maintenance_stop(p->maintenance);
	CHECK("after a while", clock_mono_ms() - begun_ms >= SHORT_MS);
	CHECK("but soon", clock_mono_ms() - begun_ms < SOON_MS);
	check_int("no more is begun", peer_requests(one), PARALLEL);
	check_int("what was under way waits as before", count_of(p, "SELECT count(*) FROM message "
	    "WHERE state = 'pending' AND account = 'a' AND attempts = 0 AND "
	    "outcome = 'no answer'"), 20);
	check_int("the other's have gone", pending(p), 20);
	check_int("QT is not blamed", count_of(p, "SELECT count(*) FROM endpoint"), 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* While a probe is under way, its end point gets nothing else; other end points do. */
static void
probe_under_way(void **state)
{
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "wait", two, "code");

	(void)state;
	add_to(p, "a", 0, 20);
	add_to(p, "b", 100, 20);
	broken(p, "1");
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, 1);
	add_to(p, "c", 200, 20);
	peer_await(two, 20);
	add_to(p, "c", 300, 1);	/* so there was another fetch */
	peer_await(two, 21);
	check_int("one probe", peer_requests(one), 1);
	peer_open(one);
	peer_await(one, 40);
	maintenance_stop(p->maintenance);
	check_int("all are delivered", pending(p), 0);
	check_int("nothing is sent twice", peer_requests(one), 40);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* Many messages are read at once.  Those that wait for a place are read again if that takes long. */
static void
read_ahead(void **state)
{
	enum { LATER_MS = 1000 };
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "wait", two, "code");

	(void)state;
	add_fresh(p, "a", 0, 50);
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, PARALLEL);
	add_to(p, "c", 100, 20);
	peer_await(two, 20);
	check_int("places on the wire", peer_requests(one), PARALLEL);
	sql(p, "DELETE FROM message");
	add_fresh(p, "b", 200, 1);
	atomic_fetch_add(&clocks->mono_ahead_ms, LATER_MS);
	peer_open(one);
	peer_await(one, PARALLEL + 1);
	await_settled(p);
	maintenance_stop(p->maintenance);
	check_int("what was dropped meanwhile is not sent", peer_requests(one), PARALLEL + 1);
	check_int("nothing is left", count_of(p, "SELECT count(*) FROM message"), 0);
	atomic_store(&clocks->mono_ahead_ms, 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/* The operator drops messages that are under way. */
static void
dropped(void **state)
{
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "wait", two, "code");

	(void)state;
	add_fresh(p, "a", 0, PARALLEL);
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, PARALLEL);
	sql(p, "DELETE FROM message");
	add_fresh(p, "b", 100, PARALLEL);
	peer_open(one);
	peer_await(one, 2 * PARALLEL);
	await_settled(p);
	maintenance_stop(p->maintenance);
	check_int("nothing is left", count_of(p, "SELECT count(*) FROM message"), 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/*
 * A store that fails: a limit on the size of files stands for a full disk.
 */

static void
limit_file_size(rlim_t bytes)
{
	struct rlimit	 r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes < r.rlim_max ? bytes : r.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* Waits until the store works again. */
static void
await_store(struct place *p)
{
	const struct timespec	 pause = { 0, 10000000 };
	struct asking		 a = { "SELECT 1", 0 };
	int64_t			 end_ms = clock_mono_ms() + PATIENCE_MS;

	while (store_do(p->services.store, STORE_READ, ask_number, &a, end_ms) != ERR_OK &&
	    clock_mono_ms() < end_ms)
		(void)nanosleep(&pause, NULL);
	check_int("the store works again", a.n, 1);
}

static void
fill_disk(void *ctx, const struct drain_sum *sum)
{
	(void)ctx;
	if (sum->delivered != 0)
		limit_file_size(512);
}

static void
store_fails(void **state)
{
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "code", two, "now");
	struct drain_order	 o = { .progress = fill_disk };
	struct drain_sum	 sum;
	int64_t			 begun_ms = clock_mono_ms();
	int			 asked, n;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	peer_now(two, "silent");
	add_to(p, "a", 0, 50);
	add_to(p, "c", 100, 1);	/* under way all the time */
	need_drain(p);
	o.until_ms = clock_mono_ms() + PATIENCE_MS;
	check_err("the store fails", drain_run(p->drain, &sum, &o), ERR_STORE);
	CHECK("that is known at once", clock_mono_ms() - begun_ms < SOON_MS);
	limit_file_size(RLIM_INFINITY);
	await_store(p);
	asked = peer_requests(one);
	CHECK("in the middle", sum.delivered > 0 && sum.delivered < 50 && asked < 50);
	drain_free(p->drain);	/* while some are under way */
	p->drain = NULL;
	n = (int)pending(p);
	check_int("what is not settled waits", n, 51 - sum.delivered);
	peer_now(two, "code");
	check_err("the rest", run_drain(p, &sum, false), ERR_OK);
	check_sum("the rest", &sum, n, 0, 0);
	CHECK("hardly any twice", peer_requests(one) <= 50 + PARALLEL);
	check_int("nothing is left", count_of(p, "SELECT count(*) FROM message"), 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static enum error
touch(struct db *db, void *arg)
{
	(void)arg;
	return db_script(db, "UPDATE message SET code = 'x' "
	    "WHERE id = (SELECT min(id) FROM message)");
}

/* While the store fails, the thread keeps QT's answers, and settles them later. */
static void
store_fails_a_while(void **state)
{
	const struct timespec	 pause = { 0, 10000000 };
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p = place_of(one, "wait", two, "code");
	const int64_t		 end_ms = clock_mono_ms() + PATIENCE_MS;
	int			 tries;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	add_fresh(p, "a", 0, 30);
	need_drain(p);
	CHECK("started", maintenance_start(p->maintenance));
	peer_await(one, PARALLEL);
	limit_file_size(512);
	peer_open(one);
	/* Nobody can write now. */
	for (tries = 0; tries < 5 && clock_mono_ms() < end_ms; tries++) {
		CHECK("it fails", store_do(p->services.store, STORE_SYNC, touch, NULL, end_ms) !=
		    ERR_OK);
		(void)nanosleep(&pause, NULL);
	}
	limit_file_size(RLIM_INFINITY);
	peer_await(one, 30);
	await_settled(p);
	maintenance_stop(p->maintenance);
	check_int("nothing is sent twice", peer_requests(one), 30);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

static void
add_unsettled(void *ctx, struct slice account, const struct counter_total *t)
{
	int64_t	*n = ctx;

	(void)account;
	*n += (int64_t)t->sum.count[COUNTER_UNSETTLED];
}

/* Waits until the drain has tried so often in vain to settle; its patience is soon over. */
static void
await_unsettled(struct place *p, int64_t least)
{
	const struct timespec	 pause = { 0, 10000000 };
	int64_t			 n = 0;
	int			 i;

	for (i = 0; n < least && i < PATIENCE_MS / 10; i++) {
		atomic_fetch_add(&clocks->mono_ahead_ms, 100);
		(void)nanosleep(&pause, NULL);
		n = 0;
		check_err("counted", counters_totals(p->conf.set.state_dir, add_unsettled, &n),
		    ERR_OK);
	}
	CHECK("it was tried again", n >= least);
}

/* While another program holds the store, no more messages are sent than a fetch or two have read. */
static void
store_takes_nothing(void **state)
{
	enum { TRIES = 4, ALL = 1000, MANY = 64, SOME = 200 };
	struct peer	*one = peer_new(), *two = peer_new();
	struct place	*p = place_of(one, "code", two, "code");
	struct db	*other;
	char		 path[STATE_PATH];
	int		 i;

	(void)state;
	p->conf.set.drain_parallel = MANY;
	add_fresh(p, "a", 0, ALL);
	state_path(path, p->conf.set.state_dir, "qtoa.db");
	check_err("open", sqlite_db_open(&other, path, SQLITE_DB_WRITE), ERR_OK);
	need_drain(p);
	check_err("hold", db_script(other, "BEGIN IMMEDIATE"), ERR_OK);
	CHECK("started", maintenance_start(p->maintenance));
	for (i = 1; i <= TRIES; i++)
		await_unsettled(p, i);
	CHECK("what is sent is limited", peer_requests(one) <= SOME);
	check_err("let go", db_script(other, "ROLLBACK"), ERR_OK);
	db_close(other);
	await_settled(p);
	maintenance_stop(p->maintenance);
	check_int("nothing is sent twice", peer_requests(one), ALL);
	atomic_store(&clocks->mono_ahead_ms, 0);
	drain_place_free(p);
	peer_free(one);
	peer_free(two);
}

/*
 * An answer that may have been QT's is asked for five times; what is not QT's is waited for, and so
 * is a page, but only 300 times.
 */
static void
not_qts_answers(void **state)
{
	static const struct {
		const char	*name, *status, *body;
		const char	*outcome;	/* of each attempt but the last */
		const char	*then;		/* SQL before the last of six attempts */
		int		 dead;		/* after so many attempts; 0: never */
	} cases[] = {
		{ "nothing", "200 OK", "", "QT''s answer cannot be read", NULL, 5 },
		{ "204", "204 No Content", "", "QT''s answer cannot be read", NULL, 5 },
		{ "words", "202 Accepted", "ok", "QT''s answer cannot be read", NULL, 5 },
		{ "no code", "201 Created", "{}", "QT''s answer cannot be read", NULL, 5 },
		{ "another's code", "200 OK", "{\"code\":\"0\"}", "QT''s answer cannot be read",
		    NULL, 5 },
		{ "page", "200 OK", "\xEF\xBB\xBF\n<html>", "a page instead of QT''s answer", NULL,
		    0 },
		{ "page for a day", "200 OK", "<html>", "a page instead of QT''s answer",
		    "UPDATE message SET unread = 299", 6 },
		{ "404", "404 Not Found", "<html>", "HTTP 404", NULL, 0 },
		{ "401", "401 Unauthorized", "{}", "HTTP 401", NULL, 0 },
		{ "408", "408 Request Timeout", "", "HTTP 408", NULL, 0 },
		{ "425", "425 Too Early", "", "HTTP 425", NULL, 0 },
		{ "301", "301 Moved", "", "HTTP 301", NULL, 0 },
		{ "503", "503 Busy", "{\"code\":\"Httpapi_300_200\"}", "HTTP 503", NULL, 0 },
		{ "413", "413 Too Large", "<html>", "", NULL, 1 },
		{ "a code with 404", "404 Not Found", "{\"code\":\"Httpapi_300_107\"}", "", NULL,
		    1 },
	};
	struct peer		*one = peer_new(), *two = peer_new();
	struct place		*p;
	struct drain_sum	 sum;
	char			 text[160];
	size_t			 i;
	int			 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = place_of(one, "x", two, "code");
		peer_say(one, "/x", cases[i].status, cases[i].body, false);
		add_to(p, "a", (int)i, 1);
		for (n = 1; n <= 6; n++) {
			if (n == 6 && cases[i].then != NULL)
				sql(p, cases[i].then);
			check_err(cases[i].name, run_drain(p, &sum, true), ERR_OK);
			check_int(cases[i].name, sum.dead, n == cases[i].dead);
			(void)snprintf(text, sizeof(text), "SELECT count(*) FROM message WHERE "
			    "state = 'pending' AND outcome = '%s'", cases[i].outcome);
			check_int(cases[i].name, count_of(p, text),
			    cases[i].dead == 0 || n < cases[i].dead);
		}
		check_int(cases[i].name, count_of(p, "SELECT count(*) FROM message WHERE "
		    "state = 'dead' AND outcome = 'QT''s answer cannot be read'"),
		    cases[i].dead > 1);
		drain_place_free(p);
	}
	peer_free(one);
	peer_free(two);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(elsewhere), TEST(all_delivered), TEST(oldest_first), TEST(fresh_first), TEST(trial),
		TEST(overtaking), TEST(probe_order), TEST(settled_rows), TEST(dead_end_point),
		TEST(each_tried_once), TEST(probes), TEST(stopped),
		TEST(garbage), TEST(no_time), TEST(wanted), TEST(thread), TEST(asleep), TEST(told_to_stop),
		TEST(probe_under_way), TEST(read_ahead), TEST(dropped), TEST(store_fails),
		TEST(store_fails_a_while), TEST(store_takes_nothing), TEST(not_qts_answers),
	};

	return RUN("drain", tests);
}
