#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "report/delivery_stats.h"
#include "state/counters.h"
#include "state/queue.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { COLS = 12, OLDEST = 8, NONE = -1, AGE = -2 };

/* Three accounts, the third of them idle, with counters and a store. */
struct place {
	struct account	 accounts[3];
	struct conf	 conf;
	struct locks	*locks;
	struct counters	*counters;
	struct db	*db;
	struct table	 table;
};

static struct place *
stats_place_new(void)
{
	static const struct account	 accounts[3] = {
		{ .path = "shop", .name = "The Shop", .appid = "wx1" },
		{ .path = "news", .name = "news", .appid = "wx2" },
		{ .path = "idle", .name = "idle", .appid = "wx2" },
	};
	struct place			*p = calloc(1, sizeof(*p));
	char				 path[STATE_PATH];

	assert_non_null(p);
	memcpy(p->accounts, accounts, sizeof(accounts));
	p->conf.accounts = p->accounts;
	p->conf.n = COUNT(accounts);
	p->conf.set.state_dir = state_new();
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->counters = counters_new(&p->conf, p->locks));
	state_path(path, p->conf.set.state_dir, "qtoa.db");
	assert_int_equal(sqlite_db_open(&p->db, path, SQLITE_DB_WRITE), ERR_OK);
	/* The test needs no data that survives a power cut. */
	assert_int_equal(db_script(p->db, "PRAGMA synchronous = OFF"), ERR_OK);
	assert_int_equal(schema_prepare(p->db), SCHEMA_READY);
	return p;
}

static void
stats_place_free(struct place *p)
{
	table_free(&p->table);
	db_close(p->db);
	counters_free(p->counters);
	lock_free(p->locks);
	free(p);
}

/* Noon of a day in China, in epoch ms. */
static int64_t
noon_of(const char *day)
{
	int64_t	 number = -1;

	assert_true(calendar_parse_day(&number, slice_of(day)));
	return (calendar_day_start(number) + CALENDAR_DAY_S / 2) * 1000;
}

static void
count_requests(struct place *p, int account, const char *day, enum counter end, int times)
{
	for (; times > 0; times--)
		counters_request(p->counters, &(struct counters_request){
			.account = &p->accounts[account], .end = end, .came_ms = noon_of(day),
			.ms = times, .qt_ms = -1,
		});
}

static void
count_late(struct place *p, int account, const char *day, enum counter end, int times)
{
	for (; times > 0; times--)
		counters_late(p->counters, &p->accounts[account], end, noon_of(day));
}

static void
add_message(struct place *p, const char *account, int n, enum queue_state state, int64_t age_ms)
{
	struct queue_message	 m = {
		.account = slice_of(account), .received_ms = clock_wall_ms() - age_ms,
		.state = state, .next_ms = 1,
	};
	char			 hex[65];

	(void)snprintf(hex, sizeof(hex), "%064x", n);
	queue_key(m.key, n, hex + 32);
	assert_int_equal(queue_add(p->db, &m), ERR_OK);
}

/* Fills a month with requests, and the store with messages. */
static void
fill_stats(struct place *p)
{
	count_requests(p, 0, "2026-11-01", COUNTER_DELIVERED, 5);
	count_requests(p, 0, "2026-11-02", COUNTER_DELIVERED, 10);
	count_requests(p, 0, "2026-11-02", COUNTER_QUEUED, 4);
	count_requests(p, 0, "2026-11-02", COUNTER_DEAD, 2);
	count_requests(p, 0, "2026-11-02", COUNTER_REPEAT, 3);
	count_requests(p, 0, "2026-11-02", COUNTER_UNSAFE, 1);
	count_requests(p, 0, "2026-11-02", counters_refused(ERR_SIGNATURE, true), 6);
	count_requests(p, 0, "2026-11-03", counters_refused(ERR_LATE, true), 1);
	count_requests(p, 0, "2026-11-03", counters_refused(ERR_SIGNATURE, false), 50);
	count_requests(p, 0, "2026-11-03", COUNTER_HANDSHAKE, 50);
	count_late(p, 0, "2026-11-03", COUNTER_LATE_DELIVERED, 3);
	count_late(p, 0, "2026-11-03", COUNTER_LATE_FAILED, 70);
	count_late(p, 0, "2026-11-03", COUNTER_LATE_DEAD, 1);
	count_requests(p, 1, "2026-11-03", COUNTER_DELIVERED, 100);
	add_message(p, "shop", 1, QUEUE_PENDING, 5000);
	add_message(p, "shop", 2, QUEUE_PENDING, 60000);
	add_message(p, "shop", 3, QUEUE_DEAD, 90000);
	add_message(p, "shop", 4, QUEUE_DELIVERED, 95000);
	add_message(p, "news", 5, QUEUE_DEAD, 1000);
	add_message(p, "gone", 6, QUEUE_PENDING, 1000);
}

static const char *const	 columns[COLS] = {
	"account", "received", "acknowledged", "delivered", "pending", "dead", "repeats",
	"refused", "oldest_ms", "p50_ms", "p90_ms", "p99_ms",
};

struct want {
	const char	*account;
	int64_t		 v[COLS - 1];	/* NONE: NULL; AGE: 60 s or more */
};

static const struct stats_case {
	const char	*name, *account, *from, *to;
	size_t		 rows;
	struct want	 want[3];
} stats_cases[] = {
	{ "all of it", "", "2026-11-01", "2026-11-30", 3, {
		{ "The Shop", { 32, 24, 18, 2, 1, 3, 7, AGE, 3, 8, 10 } },
		{ "news", { 100, 100, 100, 0, 1, 0, 0, NONE, 50, 90, 101 } },
		{ "idle", { 0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE, NONE } },
	} },
	{ "a day", "", "2026-11-01", "2026-11-01", 3, {
		{ "The Shop", { 5, 5, 5, 2, 1, 0, 0, AGE, 3, 5, 5 } },
		{ "news", { 0, 0, 0, 0, 1, 0, 0, NONE, NONE, NONE, NONE } },
		{ "idle", { 0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE, NONE } },
	} },
	{ "by path", "shop", "2026-11-03", "2026-11-03", 1, {
		{ "The Shop", { 1, 0, 3, 2, 1, 0, 1, AGE, NONE, NONE, NONE } },
	} },
	{ "by name", "The Shop", "2026-10-01", "2026-10-31", 1, {
		{ "The Shop", { 0, 0, 0, 2, 1, 0, 0, AGE, NONE, NONE, NONE } },
	} },
	{ "by AppID", "wx2", "2026-11-03", "2026-11-03", 2, {
		{ "news", { 100, 100, 100, 0, 1, 0, 0, NONE, 50, 90, 101 } },
		{ "idle", { 0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE, NONE } },
	} },
	{ "nobody", "nobody", "2026-11-01", "2026-11-30", 0, { { "", { 0 } } } },
};

static void
check_row(const char *name, const struct table *t, size_t i, const struct want *w)
{
	const struct table_cell	*c;
	size_t			 k;

	check_bytes(name, table_str(t, i, 0), slice_of(w->account));
	for (k = 1; k < COLS; k++) {
		c = table_at(t, i, k);
		if (w->v[k - 1] == NONE)
			check_int(columns[k], c->type, CELL_NULL);
		else if (w->v[k - 1] == AGE)
			CHECK(name, c->type == CELL_INT && c->i >= 60000 && c->i < 1000000);
		else if (check_int(columns[k], c->type, CELL_INT))
			check_int(columns[k], c->i, w->v[k - 1]);
	}
}

static void
tables(void **state)
{
	struct place	*p = stats_place_new();
	size_t		 i, k;

	(void)state;
	fill_stats(p);
	for (i = 0; i < COUNT(stats_cases); i++) {
		check_err(stats_cases[i].name, delivery_stats_table(&p->table, p->db, &p->conf,
		    stats_cases[i].account, stats_cases[i].from, stats_cases[i].to), ERR_OK);
		check_int(stats_cases[i].name, (int64_t)p->table.cols, COLS);
		for (k = 0; k < COLS; k++)
			check_text(stats_cases[i].name, p->table.name[k], columns[k]);
		if (check_int(stats_cases[i].name, (int64_t)p->table.rows,
		    (int64_t)stats_cases[i].rows))
			for (k = 0; k < stats_cases[i].rows; k++)
				check_row(stats_cases[i].name, &p->table, k,
				    &stats_cases[i].want[k]);
	}
	stats_place_free(p);
}

/* Before anything is counted, there is a row of zeros for each account. */
static void
empty(void **state)
{
	struct place	*p = stats_place_new();
	size_t		 i;

	(void)state;
	check_err("asked", delivery_stats_table(&p->table, p->db, &p->conf, "", "1970-01-01",
	    "9999-12-31"), ERR_OK);
	check_int("rows", (int64_t)p->table.rows, 3);
	for (i = 0; i < p->table.rows; i++)
		check_row("idle", &p->table, i, &(struct want){ p->accounts[i].name,
		    { 0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE, NONE } });
	stats_place_free(p);
}

static void
stats_faults(void **state)
{
	struct place	*p = stats_place_new();
	struct db	*none;
	char		 path[STATE_PATH];

	(void)state;
	check_err("no day", delivery_stats_table(&p->table, p->db, &p->conf, "", "2026-02-30",
	    "2026-11-30"), ERR_REQUEST);
	state_path(path, p->conf.set.state_dir, "other.db");
	assert_int_equal(sqlite_db_open(&none, path, SQLITE_DB_WRITE), ERR_OK);
	check_err("no tables", delivery_stats_table(&p->table, none, &p->conf, "", "2026-11-01",
	    "2026-11-30"), ERR_STORE);
	db_close(none);
	state_path(path, p->conf.set.state_dir, "qtoa.tally-20261122");
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("no file", delivery_stats_table(&p->table, p->db, &p->conf, "", "2026-11-01",
	    "2026-11-30"), ERR_STORE);
	(void)rmdir(path);
	/* A message from the future, as after a clock was set back, has age 0. */
	add_message(p, "shop", 1, QUEUE_PENDING, -3600000);
	check_err("asked", delivery_stats_table(&p->table, p->db, &p->conf, "shop", "2026-11-01",
	    "2026-11-30"), ERR_OK);
	check_int("no age", table_at(&p->table, 0, OLDEST)->i, 0);
	stats_place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(tables), TEST(empty),
	    TEST(stats_faults) };

	return RUN("delivery_stats", tests);
}
