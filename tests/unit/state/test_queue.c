#include <stdio.h>
#include <string.h>

#include "core/hex.h"
#include "state/queue.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	MANY = 10000,
	PAGE = 100
};

static struct db *
open_queue(void)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, state_new(), "db");
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	/* No test cuts the power. */
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

static void
queue_key_of(unsigned char key[QUEUE_KEY], int n)
{
	char	 hex[65];

	(void)snprintf(hex, sizeof(hex), "%064x", n);
	queue_key(key, n, hex + 32);
}

static struct queue_message
message(int n, enum queue_state state)
{
	struct queue_message	 m = {
		.account = slice_of("shop"), .code = slice_of("$$_menu_click"),
		.received_ms = 1000 + n, .state = state, .attempts = 1, .next_ms = 1000 + n,
		.outcome = slice_of("no answer"), .qt_ms = 7, .query = slice_of("a=1"),
		.body = slice_of("<xml/>"),
	};

	queue_key_of(m.key, n);
	return m;
}

static void
add_message(struct db *db, int n, enum queue_state state)
{
	struct queue_message	 m = message(n, state);

	assert_int_equal(queue_add(db, &m), ERR_OK);
}

/* The messages that came out, in order. */
struct seen {
	int			 n;
	int64_t			 id[MANY + 1];
	struct queue_message	 last;
	char			 text[5][64];
};

static struct seen	 seen;

static void
keep_text(char text[64], struct slice s)
{
	if (s.p == NULL)
		s = slice_of("-");
	(void)snprintf(text, 64, "%.*s", (int)s.len, s.p);
}

static enum error
see_message(void *ctx, const struct queue_message *m)
{
	struct seen	*s = ctx;

	if (s->n <= MANY)
		s->id[s->n++] = m->id;
	s->last = *m;
	keep_text(s->text[0], m->account);
	keep_text(s->text[1], m->code);
	keep_text(s->text[2], m->outcome);
	keep_text(s->text[3], m->query);
	keep_text(s->text[4], m->body);
	return ERR_OK;
}

static enum error
refuse(void *ctx, const struct queue_message *m)
{
	(void)m;
	++*(int *)ctx;
	return ERR_NOMEM;
}

static void
key_bytes(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 time_s;
		const char	*hex, *want;
	} cases[] = {
		{ "zero", 0, "00000000000000000000000000000000",
		    "000000000000000000000000000000000000000000000000" },
		{ "a time", 0x0102030405060708, "0123456789abcdeffedcba9876543210",
		    "01020304050607080123456789abcdeffedcba9876543210" },
		{ "the rest of the digest is not in it", 1, "ffffffffffffffffffffffffffffffff00",
		    "0000000000000001ffffffffffffffffffffffffffffffff" },
		{ "before the epoch", -1, "00000000000000000000000000000001",
		    "ffffffffffffffff00000000000000000000000000000001" },
	};
	unsigned char	 key[QUEUE_KEY];
	char		 hex[2 * QUEUE_KEY + 1];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		queue_key(key, cases[i].time_s, cases[i].hex);
		hex_encode(hex, key, QUEUE_KEY);
		check_text(cases[i].name, hex, cases[i].want);
	}
}

/* The state of a row that was added once or twice. */
static void
adding(void **state)
{
	static const struct {
		const char		*name;
		enum queue_state	 first, then, want;	/* then NEW: it is added once */
		bool			 body;
	} cases[] = {
		{ "pending", QUEUE_PENDING, QUEUE_NEW, QUEUE_PENDING, true },
		{ "dead", QUEUE_DEAD, QUEUE_NEW, QUEUE_DEAD, true },
		{ "delivered", QUEUE_DELIVERED, QUEUE_NEW, QUEUE_DELIVERED, true },
		{ "pending twice", QUEUE_PENDING, QUEUE_PENDING, QUEUE_PENDING, true },
		{ "delivered after all", QUEUE_PENDING, QUEUE_DELIVERED, QUEUE_DELIVERED, false },
		{ "delivered, not pending", QUEUE_DELIVERED, QUEUE_PENDING, QUEUE_DELIVERED, true },
		{ "delivered, not dead", QUEUE_DELIVERED, QUEUE_DEAD, QUEUE_DELIVERED, true },
		{ "pending, not dead", QUEUE_PENDING, QUEUE_DEAD, QUEUE_PENDING, true },
	};
	struct db		*db = open_queue();
	struct queue_message	 m;
	enum queue_state	 is;
	int			 i;

	(void)state;
	for (i = 0; i < (int)COUNT(cases); i++) {
		m = message(i, cases[i].first);
		check_err(cases[i].name, queue_look(db, &is, m.key), ERR_OK);
		check_int(cases[i].name, is, QUEUE_NEW);
		check_err(cases[i].name, queue_add(db, &m), ERR_OK);
		m = message(i, cases[i].then);
		m.outcome = slice_of("the second");
		if (cases[i].then != QUEUE_NEW)
			check_err(cases[i].name, queue_add(db, &m), ERR_OK);
		check_err(cases[i].name, queue_look(db, &is, m.key), ERR_OK);
		check_int(cases[i].name, is, cases[i].want);
		seen.n = 0;
		check_err(cases[i].name, queue_show(db,
		    number_in(db, "SELECT max(id) FROM message"), see_message, &seen), ERR_OK);
		check_int(cases[i].name, seen.n, 1);
		check_int(cases[i].name, seen.last.state, cases[i].want);
		check_text(cases[i].name, seen.text[4], cases[i].body ? "<xml/>" : "-");
	}
	check_int("a row each", number_in(db, "SELECT count(*) FROM message"), (int)COUNT(cases));
	check_int("only what waits has a time to be sent", number_in(db,
	    "SELECT count(*) FROM message WHERE (state = 'pending') != (next IS NOT NULL)"), 0);
	db_close(db);
}

static void
showing(void **state)
{
	struct db		*db = open_queue();
	struct queue_message	 m = message(5, QUEUE_PENDING);
	int64_t			 last = -1;

	(void)state;
	check_err("empty", queue_last(db, &last), ERR_OK);
	check_int("empty", last, 0);
	m.code = m.outcome = (struct slice){ NULL, 0 };
	m.body = (struct slice)BYTES("<x>\xFF\0</x>");
	assert_int_equal(queue_add(db, &m), ERR_OK);
	check_err("last", queue_last(db, &last), ERR_OK);
	check_int("last", last, 1);
	seen.n = 0;
	check_err("none", queue_show(db, 2, see_message, &seen), ERR_OK);
	check_int("none", seen.n, 0);
	check_err("one", queue_show(db, 1, see_message, &seen), ERR_OK);
	check_int("one", seen.n, 1);
	check_int("id", seen.last.id, 1);
	check_int("key", memcmp(seen.last.key, m.key, QUEUE_KEY), 0);
	check_int("received", seen.last.received_ms, 1005);
	check_int("state", seen.last.state, QUEUE_PENDING);
	check_int("attempts", seen.last.attempts, 1);
	check_int("next", seen.last.next_ms, 1005);
	check_int("qt_ms", seen.last.qt_ms, 7);
	check_text("account", seen.text[0], "shop");
	check_text("no code", seen.text[1], "-");
	check_text("no outcome", seen.text[2], "-");
	check_text("query", seen.text[3], "a=1");
	check_int("body", (int64_t)seen.last.body.len, 9);
	db_close(db);
}

static void
settling(void **state)
{
	static const struct {
		const char		*name;
		enum queue_state	 to;
		bool			 keep, other;	/* other: another message has the id now */
		bool			 there, settled;
	} cases[] = {
		{ "still pending", QUEUE_PENDING, false, false, true, true },
		{ "dead", QUEUE_DEAD, false, false, true, true },
		{ "delivered", QUEUE_DELIVERED, false, false, false, false },
		{ "delivered and kept", QUEUE_DELIVERED, true, false, true, true },
		{ "another is pending", QUEUE_PENDING, false, true, true, false },
		{ "another is delivered", QUEUE_DELIVERED, false, true, true, false },
		{ "another is kept", QUEUE_DELIVERED, true, true, true, false },
	};
	struct db		*db;
	struct queue_message	 m;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = open_queue();
		add_message(db, 7, QUEUE_PENDING);
		m = (struct queue_message){ .id = 1, .state = cases[i].to, .attempts = 9, .unread = 4,
		    .next_ms = 5555, .outcome = slice_of("settled"), .qt_ms = 77 };
		queue_key_of(m.key, cases[i].other ? 8 : 7);
		check_err(cases[i].name, queue_settle(db, &m, cases[i].keep), ERR_OK);
		seen.n = 0;
		check_err(cases[i].name, queue_show(db, 1, see_message, &seen), ERR_OK);
		check_int(cases[i].name, seen.n, cases[i].there);
		if (cases[i].there) {
			check_int(cases[i].name, seen.last.state,
			    cases[i].settled ? cases[i].to : QUEUE_PENDING);
			check_int(cases[i].name, seen.last.attempts, cases[i].settled ? 9 : 1);
			check_int(cases[i].name, seen.last.unread, cases[i].settled ? 4 : 0);
			check_int(cases[i].name, seen.last.qt_ms, cases[i].settled ? 77 : 7);
			check_int(cases[i].name, seen.last.received_ms, 1007);
			check_text(cases[i].name, seen.text[2],
			    cases[i].settled ? "settled" : "no answer");
			check_text(cases[i].name, seen.text[3], "a=1");
			check_text(cases[i].name, seen.text[4], "<xml/>");
			check_int(cases[i].name, number_in(db, "SELECT next IS NULL FROM message"),
			    cases[i].settled && cases[i].to != QUEUE_PENDING);
		}
		db_close(db);
	}
}

/* Messages: when they are due, their account, and in which turn they come out of their part. */
static const struct {
	int64_t		 next_ms, attempts;
	const char	*account;
	enum queue_state state;
	int		 turn;	/* 0: it does not */
} due_rows[] = {
	{ 500, 1, "shop", QUEUE_PENDING, 4 },
	{ 100, 2, "shop", QUEUE_PENDING, 1 },
	{ 300, 1, "shop", QUEUE_DEAD, 0 },
	{ 200, 1, "other", QUEUE_PENDING, 0 },
	{ 300, 9, "shop", QUEUE_PENDING, 2 },
	{ 300, 1, "shop", QUEUE_PENDING, 3 },	/* the same time: in order of ids */
	{ 501, 1, "shop", QUEUE_PENDING, 0 },	/* it is not due */
	{ 50, 1, "shop", QUEUE_DELIVERED, 0 },
	{ 90, 0, "shop", QUEUE_PENDING, 1 },	/* never sent: another part */
	{ 400, 0, "shop", QUEUE_PENDING, 2 },
	{ 80, 0, "other", QUEUE_PENDING, 0 },
};

static void
fill_due_rows(struct db *db)
{
	struct queue_message	 m;
	int64_t			 next_ms;
	size_t			 i;

	check_err("next of none", queue_next(db, "shop", QUEUE_FRESH, 500,
	    &next_ms), ERR_OK);
	check_int("next of none", next_ms, INT64_MAX);
	for (i = 0; i < COUNT(due_rows); i++) {
		m = message((int)i, due_rows[i].state);
		m.next_ms = due_rows[i].next_ms;
		m.attempts = due_rows[i].attempts;
		m.account = slice_of(due_rows[i].account);
		assert_int_equal(queue_add(db, &m), ERR_OK);
	}
}

static void
order(void **state)
{
	static const struct {
		const char	*name;
		enum queue_part	 part;
		int64_t		 until_ms;
		int		 max, n;
	} cases[] = {
		{ "failed", QUEUE_FAILED, 500, 10, 4 },
		{ "some of them", QUEUE_FAILED, 500, 2, 2 },
		{ "early", QUEUE_FAILED, 99, 10, 0 },
		{ "fresh", QUEUE_FRESH, 500, 10, 2 },
		{ "one of them", QUEUE_FRESH, INT64_MAX, 1, 1 },
	};
	struct db	*db = open_queue();
	int64_t		 next_ms;
	size_t		 i;
	int		 j;

	(void)state;
	fill_due_rows(db);
	for (i = 0; i < COUNT(cases); i++) {
		seen.n = 0;
		check_err(cases[i].name, queue_due(db, "shop", cases[i].part, cases[i].until_ms,
		    cases[i].max, see_message, &seen), ERR_OK);
		check_int(cases[i].name, seen.n, cases[i].n);
		for (j = 0; j < seen.n && j < 8; j++)
			check_int(cases[i].name, due_rows[seen.id[j] - 1].turn, 1 + j);
	}
	seen.n = 0;
	check_err("all", queue_due(db, "shop", QUEUE_FAILED, INT64_MAX, 10, see_message, &seen),
	    ERR_OK);
	check_int("all", seen.n, 5);
	check_err("next", queue_next(db, "shop", QUEUE_FRESH, 95, &next_ms), ERR_OK);
	check_int("next", next_ms, 90);
	check_err("next", queue_next(db, "shop", QUEUE_FAILED, 95, &next_ms), ERR_OK);
	check_int("next", next_ms, 100);
	j = 0;
	check_err("who cannot go on ends it", queue_due(db, "shop", QUEUE_FAILED, 500, 10, refuse,
	    &j), ERR_NOMEM);
	check_int("at once", j, 1);
	db_close(db);
}

/* Nothing waits for a clock that was ahead when the message was queued. */
static void
wrong_clock(void **state)
{
	enum { DAY_MS = 86400000, NOW = 5000000, LONGEST = QUEUE_BACKOFF_MAX_MS };
	static const struct {
		const char	*name;
		int64_t		 attempts, next_ms, want, repaired;
	} cases[] = {
		{ "never sent", 0, NOW + DAY_MS, NOW, NOW },
		{ "never sent, a little ahead", 0, NOW + 1000, NOW, NOW + 1000 },
		{ "the longest pause", 9, NOW + LONGEST, NOW + LONGEST, NOW + LONGEST },
		{ "longer", 9, NOW + LONGEST + 1, NOW, NOW },
		{ "far away", 1, INT64_MAX - 1, NOW, NOW },
	};
	const struct queue_choice	 all = { 1, 9, NULL, NULL };
	struct db			*db;
	struct queue_message		 m;
	int64_t				 next_ms, n;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = open_queue();
		m = message(1, QUEUE_PENDING);
		m.attempts = cases[i].attempts;
		m.next_ms = cases[i].next_ms;
		m.received_ms = NOW + DAY_MS;
		assert_int_equal(queue_add(db, &m), ERR_OK);
		check_err(cases[i].name, queue_next(db, "shop", cases[i].attempts == 0 ?
		    QUEUE_FRESH : QUEUE_FAILED, NOW, &next_ms), ERR_OK);
		check_int(cases[i].name, next_ms, cases[i].want);
		check_err(cases[i].name, queue_repair_times(db, "shop", NOW), ERR_OK);
		check_int(cases[i].name, number_in(db, "SELECT next FROM message"),
		    cases[i].repaired);
		check_err(cases[i].name, queue_retry(db, &all, NOW, &n), ERR_OK);
		check_int("retry means now", number_in(db, "SELECT next FROM message"), NOW);
		db_close(db);
	}
}

static void
backoff(void **state)
{
	static const struct {
		int64_t	 attempts, most;
	} cases[] = {
		{ -1, 1000 }, { 0, 1000 }, { 1, 1000 }, { 2, 2000 }, { 3, 4000 }, { 8, 128000 },
		{ 9, 256000 }, { 10, 300000 }, { 11, 300000 }, { 64, 300000 }, { 65, 300000 },
		{ INT64_MAX, 300000 },
	};
	static const uint64_t	 chances[] = { 0, 1, 12345, UINT32_MAX, UINT64_MAX };
	char			 name[32];
	size_t			 i, j;
	int64_t			 ms, least, most;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "after %lld", (long long)cases[i].attempts);
		least = INT64_MAX;
		most = 0;
		for (j = 0; j < COUNT(chances) + 1000; j++) {
			ms = queue_backoff_ms(cases[i].attempts,
			    j < COUNT(chances) ? chances[j] : j * 7919);
			least = ms < least ? ms : least;
			most = ms > most ? ms : most;
		}
		check_int(name, most, cases[i].most);
		CHECK(name, least > cases[i].most * 3 / 4 - 1 && least < cases[i].most * 8 / 10);
	}
}

static void
hurrying(void **state)
{
	struct db		*db = open_queue();
	struct queue_message	 m;
	int64_t			 n = -1, sum = 0;
	int			 i, steps = 0;

	(void)state;
	assert_int_equal(db_script(db, "BEGIN"), ERR_OK);
	for (i = 0; i < 2500; i++) {
		m = message(i, QUEUE_PENDING);
		m.next_ms = i < 100 ? 50 : 1000000 + i;
		m.account = slice_of(i % 500 == 499 ? "other" : "shop");
		assert_int_equal(queue_add(db, &m), ERR_OK);
	}
	do {
		check_err("a step", queue_make_due(db, "shop", 500000, &n), ERR_OK);
		CHECK("a small one", n <= 1000);
		sum += n;
	} while (n > 0 && steps++ < 10);
	check_int("all that wait", sum, 2500 - 100 - 5);
	check_int("due, oldest first", number_in(db, "SELECT count(*) FROM message WHERE "
	    "account = 'shop' AND next != received AND next != 50"), 0);
	check_int("not the others'", number_in(db, "SELECT count(*) FROM message WHERE "
	    "account = 'other' AND next = received"), 0);
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
	db_close(db);
}

static void
sweeping(void **state)
{
	enum { STEP = 10, DELIVERED = 40, PENDING = 10, DEAD = 10, ROWS = 60 };
	static const struct {
		const char	*name;
		int64_t		 before_ms;	/* rows were received at 1000 and later */
		int		 want;		/* how many delivered rows are left */
	} cases[] = {
		{ "nothing is old", 1000, DELIVERED }, { "some", 1025, DELIVERED - 25 },
		{ "the last of a step", 1030, DELIVERED - 30 }, { "all", INT64_MAX, 0 },
	};
	struct queue_sweep	 sw;
	struct db		*db;
	int64_t			 before, after;
	size_t			 i;
	int			 j, steps;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = open_queue();
		for (j = 0; j < ROWS; j++)
			add_message(db, j, j < DELIVERED ? QUEUE_DELIVERED :
			    j < DELIVERED + PENDING ? QUEUE_PENDING : QUEUE_DEAD);
		sw = (struct queue_sweep){ .before_ms = cases[i].before_ms, .more = true };
		after = ROWS;
		for (steps = 0; sw.more && steps < 100; steps++) {
			before = after;
			check_err(cases[i].name, queue_sweep(db, &sw, STEP), ERR_OK);
			after = number_in(db, "SELECT count(*) FROM message");
			CHECK("a small step", before - after <= STEP);
			check_int("it says that it did nothing", sw.idle, before == after);
		}
		CHECK(cases[i].name, !sw.more && steps <= ROWS / STEP + 1);
		check_int(cases[i].name, number_in(db, "SELECT count(*) FROM message WHERE "
		    "state = 'delivered'"), cases[i].want);
		check_int("what waits and what is dead stays", number_in(db, "SELECT count(*) FROM "
		    "message WHERE state != 'delivered' AND body IS NOT NULL"), PENDING + DEAD);
		db_close(db);
	}
}

/* The file gets smaller again, step by step. */
static void
giving_space_back(void **state)
{
	static char		 body[20000];
	struct queue_sweep	 sw = { .before_ms = INT64_MAX, .more = true };
	struct db		*db = open_queue();
	struct queue_message	 m;
	int64_t			 full, before, after;
	int			 i, steps;

	(void)state;
	memset(body, 'x', sizeof(body));
	assert_int_equal(db_script(db, "BEGIN"), ERR_OK);
	for (i = 0; i < 1000; i++) {
		m = message(i, QUEUE_DELIVERED);
		m.body = (struct slice){ body, sizeof(body) };
		assert_int_equal(queue_add(db, &m), ERR_OK);
	}
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
	full = after = number_in(db, "PRAGMA page_count");
	for (steps = 0; sw.more && steps < 1000; steps++) {
		before = after;
		check_err("a step", queue_sweep(db, &sw, 50), ERR_OK);
		after = number_in(db, "PRAGMA page_count");
		CHECK("a small one", before - after <= 80);
		CHECK("it gives something back", !sw.idle || !sw.more);
	}
	CHECK("an end", !sw.more && sw.idle);
	CHECK("much smaller", after < full / 5);
	db_close(db);
}

static void
paging(void **state)
{
	struct db	*db = open_queue();
	int64_t		 n, after = 0;
	int		 i, pages, at = 0, wrong = 0;

	(void)state;
	assert_int_equal(db_script(db, "BEGIN"), ERR_OK);
	for (i = 0; i < MANY; i++)
		add_message(db, i, i % 10 == 0 ? QUEUE_DELIVERED : i % 10 == 1 ? QUEUE_DEAD :
		    QUEUE_PENDING);
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
	for (pages = 0; pages < MANY; pages++) {
		seen.n = 0;
		if (queue_list(db, after, PAGE, see_message, &seen) != ERR_OK || seen.n == 0)
			break;
		for (i = 0; i < seen.n; i++) {
			at += at % 10 == 0;	/* delivered rows are not listed */
			wrong += seen.id[i] != ++at;
		}
		after = seen.id[seen.n - 1];
	}
	check_int("pages", pages, MANY * 9 / 10 / PAGE);
	check_int("in order, none twice", wrong, 0);
	check_int("to the last", after, MANY);
	check_err("pending", queue_count(db, QUEUE_PENDING, &n), ERR_OK);
	check_int("pending", n, MANY * 8 / 10);
	check_err("dead", queue_count(db, QUEUE_DEAD, &n), ERR_OK);
	check_int("dead", n, MANY / 10);
	check_err("delivered", queue_count(db, QUEUE_DELIVERED, &n), ERR_OK);
	check_int("delivered", n, MANY / 10);
	db_close(db);
}

static void
retrying(void **state)
{
	static const struct {
		const char	*name;
		struct queue_choice	 choice;
		int64_t			 want;
	} cases[] = {
		{ "one that waits", { 1, 1, NULL, NULL }, 1 },
		{ "one that is dead", { 2, 2, NULL, NULL }, 1 },
		{ "one that is delivered", { 3, 3, NULL, NULL }, 0 },
		{ "one that is not there", { 99, 99, NULL, NULL }, 0 },
		{ "all", { 1, 6, NULL, NULL }, 4 },
		{ "an account's", { 1, 6, "other", NULL }, 2 },
		{ "nobody's", { 1, 6, "nobody", NULL }, 0 },
		{ "an account's, of these", { 1, 3, "other", NULL }, 0 },
		{ "a range that is empty", { 5, 4, NULL, NULL }, 0 },
		{ "those that died of the same", { 1, 6, NULL, "HTTP 404" }, 2 },
		{ "the same, an account's", { 1, 6, "other", "HTTP 404" }, 1 },
		{ "the same, of these", { 1, 1, NULL, "HTTP 404" }, 0 },
		{ "another outcome", { 1, 6, NULL, "HTTP 40" }, 0 },
	};
	static const enum queue_state	 states[] = {
		QUEUE_PENDING, QUEUE_DEAD, QUEUE_DELIVERED,
	};
	struct queue_message	 m;
	struct db		*db;
	int64_t			 n;
	size_t			 i;
	int			 j;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = open_queue();
		for (j = 0; j < 6; j++) {	/* ids 1 to 3 are of shop, 4 to 6 of other */
			m = message(j, states[j % 3]);
			m.account = slice_of(j < 3 ? "shop" : "other");
			m.next_ms = 9999999;
			m.unread = 3;
			if (m.state == QUEUE_DEAD)
				m.outcome = slice_of("HTTP 404");
			assert_int_equal(queue_add(db, &m), ERR_OK);
		}
		n = -1;
		check_err(cases[i].name, queue_retry(db, &cases[i].choice, INT64_MAX, &n), ERR_OK);
		check_int(cases[i].name, n, cases[i].want);
		check_int(cases[i].name, number_in(db, "SELECT count(*) FROM message "
		    "WHERE state = 'pending' AND next = received AND unread = 0"), cases[i].want);
		db_close(db);
	}
}

static void
join_outcome(void *ctx, struct slice outcome)
{
	check_err("join", buf_printf(ctx, "%.*s;", (int)outcome.len, outcome.p), ERR_OK);
}

/* Each once; those of delivered messages do not count. */
static void
outcomes(void **state)
{
	static const struct {
		enum queue_state	 is;
		const char		*outcome;
	} rows[] = {
		{ QUEUE_PENDING, "HTTP 404" }, { QUEUE_DEAD, "HTTP 404" },
		{ QUEUE_DELIVERED, "good" }, { QUEUE_PENDING, "" }, { QUEUE_PENDING, NULL },
	};
	struct db		*db = open_queue();
	struct queue_message	 m;
	struct buf		 all = { 0 };
	int			 i;

	(void)state;
	for (i = 0; i < (int)COUNT(rows); i++) {
		m = message(i, rows[i].is);
		m.outcome = slice_of(rows[i].outcome);
		assert_int_equal(queue_add(db, &m), ERR_OK);
	}
	check_err("read", queue_outcomes(db, join_outcome, &all), ERR_OK);
	check_bytes("outcomes", buf_slice(&all), slice_of("HTTP 404;"));
	buf_free(&all);
	db_close(db);
}

static void
dropping(void **state)
{
	static const struct {
		const char		*name;
		enum queue_state	 is;
		int64_t			 want;
	} cases[] = {
		{ "pending", QUEUE_PENDING, 1 },
		{ "dead", QUEUE_DEAD, 1 },
		{ "delivered: it is to be known again", QUEUE_DELIVERED, 0 },
	};
	struct db	*db = open_queue();
	int64_t		 n;
	int		 i;

	(void)state;
	for (i = 0; i < (int)COUNT(cases); i++) {
		add_message(db, i, cases[i].is);
		n = number_in(db, "SELECT max(id) FROM message");
		check_err(cases[i].name, queue_drop(db, n, &n), ERR_OK);
		check_int(cases[i].name, n, cases[i].want);
	}
	check_err("none", queue_drop(db, 99, &n), ERR_OK);
	check_int("none", n, 0);
	check_int("one is left", number_in(db, "SELECT count(*) FROM message"), 1);
	db_close(db);
}

/* The depth is counted for each account and state. */
static void
depth(void **state)
{
	static const struct {
		const char		*name, *account;
		enum queue_state	 is;
		int64_t			 n, oldest;
	} cases[] = {
		{ "waiting", "shop", QUEUE_PENDING, 201, 1003 },
		{ "dead", "shop", QUEUE_DEAD, 2, 1300 },
		{ "another's", "news", QUEUE_PENDING, 1, 77 },
		{ "none", "news", QUEUE_DEAD, 0, -1 },
		{ "nobody's", "gone", QUEUE_PENDING, 0, -1 },
	};
	struct db	*db = open_queue();
	int64_t		 n, oldest;
	size_t		 i;
	int		 k;

	(void)state;
	for (k = 10; k < 60; k++)
		add_message(db, k, QUEUE_PENDING);
	/* From a file in quarantine: it is older than its id says. */
	add_message(db, 3, QUEUE_PENDING);
	for (k = 60; k < 210; k++)
		add_message(db, k, QUEUE_PENDING);
	add_message(db, 1, QUEUE_DELIVERED);
	add_message(db, 300, QUEUE_DEAD);
	add_message(db, 301, QUEUE_DEAD);
	add_message(db, 400, QUEUE_PENDING);
	assert_int_equal(db_script(db, "UPDATE message SET account = 'news', received = 77 "
	    "WHERE received = 1400"), ERR_OK);
	for (i = 0; i < COUNT(cases); i++) {
		n = oldest = -7;
		check_err(cases[i].name, queue_depth(db, cases[i].account, cases[i].is, &n,
		    &oldest), ERR_OK);
		check_int(cases[i].name, n, cases[i].n);
		check_int(cases[i].name, oldest, cases[i].oldest);
	}
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(key_bytes), TEST(adding), TEST(showing), TEST(settling), TEST(order),
		TEST(wrong_clock),
		TEST(backoff), TEST(hurrying), TEST(sweeping), TEST(giving_space_back),
		TEST(paging), TEST(retrying), TEST(outcomes), TEST(dropping), TEST(depth),
	};

	return RUN("queue", tests);
}
