/*
 * tables_tool.c: runs what it reads on the tables of the collector and of WeChat's statistics, for
 * tests/cluster.
 *
 *	tables_tool STATE_DIR URL|sqlite MS
 *
 * A line is a command with words, and each gets a line as its answer.  A ! before it makes the
 * command wait before it commits: it answers "held", and goes on after another line.
 *
 *	answer ENDPOINT BEGIN END PAGE JSON	stores WeChat's answer: stored, more or strange, rows, odd
 *	table NAME			the rows of a table of statistics, as JSON lines, with / for the ends
 *	stock ENDPOINT			what datacube_day knows of it
 *	count USER SECONDS N CODE [JSON]	counts message N of a user: new, repeat or forgotten
 *	join USER UNIONID		stores the UnionID of a user
 *	age TODAY DAYS			forgets old events
 *	leave USER			notes that the user has left, as an event of leaving does
 *	depart				forgets users who have left
 *	erase USER			forgets a user
 *	turn USER SECONDS 0|1		notes an unfollow or a follow
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_store.h"
#include "collector/follower_store.h"
#include "collector/forget.h"
#include "collector/unionid.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "state/lock.h"
#include "state/postgres/pg_store.h"
#include "state/store.h"
#include "state/table.h"
#include "wechat/datacube/datacube_tables.h"

enum { WORDS = 7, PATIENCE_MS = 20000, LINE = 1 << 20, STEP = 5 };

static const struct account	 shop = {
	.path = "shop", .name = "Shop", .appid = "wx1", .app_key = "k", .secret = "s",
};

struct order {
	char		*word[WORDS];
	bool		 hold;
	struct buf	 out;
	bool		 more;
};

static int64_t
number(const struct order *o, int i)
{
	return o->word[i] == NULL ? 0 : strtoll(o->word[i], NULL, 10);
}

static struct slice
text(const struct order *o, int i)
{
	return slice_of(o->word[i] == NULL ? "" : o->word[i]);
}

static enum error
answer(struct db *db, struct order *o)
{
	static const char *const	 results[] = { "stored", "more", "strange" };
	struct datacube_tables_call	 c = {
		.appid = "wx1", .e = datacube_find(o->word[1]), .page = (int)number(o, 4),
	};
	struct datacube_tables_put	 p = {
		.call = &c, .body = text(o, 5), .asked_s = 1773968400,
	};
	enum error			 er;

	if (!calendar_parse_day(&c.span.begin, text(o, 2)) ||
	    !calendar_parse_day(&c.span.end, text(o, 3)))
		return ERR_REQUEST;
	if ((er = datacube_tables_prepare(db)) == ERR_OK &&
	    (er = datacube_tables_put(db, &p)) == ERR_OK)
		er = buf_printf(&o->out, "%s %lld %lld", results[p.result], (long long)p.rows,
		    (long long)p.odd);
	return er;
}

static enum error
print_rows(struct order *o, struct db_rows *rows, enum error er)
{
	struct table	 t = { 0 };
	size_t		 i;

	if (er == ERR_OK && (er = table_from_rows(&t, rows, 1000)) == ERR_OK)
		er = table_json_lines(&o->out, &t);
	else
		db_end(rows);
	for (i = 0; i < o->out.len; i++)
		if (o->out.p[i] == '\n')
			o->out.p[i] = '/';
	table_free(&t);
	return er;
}

static enum error
table(struct db *db, struct order *o)
{
	const struct db_named			 v[] = {
		{ ":appid", db_s(NULL) }, { ":from", db_s(NULL) }, { ":to", db_s(NULL) },
	};
	const struct datacube_endpoint		*e;
	const struct datacube_table		*t = datacube_table(o->word[1], &e);
	struct db_rows				 rows = { .db = db };
	struct buf				 sql = { 0 };
	enum error				 er = ERR_REQUEST;

	if (t != NULL && (er = datacube_tables_select(&sql, t, e)) == ERR_OK)
		er = print_rows(o, &rows, db_start_text(db, &rows, sql.p, v, 3));
	buf_free(&sql);
	return er;
}

static enum error
stock(struct db *db, struct order *o)
{
	struct db_rows	 rows;

	return print_rows(o, &rows, db_start(db, &rows, SQL_DATACUBE_KNOWN, DB_VALUES(db_s("wx1"),
	    db_s(o->word[1]), db_s(""), db_s("~"))));
}

static enum error
count(struct db *db, struct order *o)
{
	static const char *const		 results[] = { "new", "repeat", "forgotten" };
	const struct event_store_event		 e = {
		o->word[4], slice_of(o->word[5] == NULL ? "{}" : o->word[5]),
	};
	const struct event_store_message	 base = {
		.account = &shop, .device = text(o, 1), .openid_only = true, .time_s = number(o, 2),
		.received_ms = number(o, 2) * 1000, .events = &e, .n = 1,
	};
	struct event_store_message		 m = base;
	enum event_store_result			 result = EVENT_STORE_REPEAT;
	char					 hex[33];
	enum error				 er;

	(void)snprintf(hex, sizeof(hex), "%032llx", (unsigned long long)number(o, 3));
	queue_key(m.key, m.time_s, hex);
	er = event_store_add(db, &result, &m);
	return er == ERR_OK ? buf_puts(&o->out, results[result]) : er;
}

static enum error
join(struct db *db, struct order *o)
{
	return unionid_store(db, shop.appid, text(o, 1), text(o, 2));
}

static enum error
age(struct db *db, struct order *o)
{
	return event_store_forget(db, &o->more, calendar_day_start(number(o, 1)),
	    (int)number(o, 2), STEP);
}

static enum error
leave(struct db *db, struct order *o)
{
	return db_run(db, NULL, SQL_DEPARTED_PUT, DB_VALUES(db_i(-1), db_i(clock_wall_ms()),
	    db_i(INT64_C(4000000000)), db_s(shop.appid), db_text(text(o, 1))));
}

static enum error
depart(struct db *db, struct order *o)
{
	struct account		 accounts[] = { shop };
	const struct conf	 conf = { .accounts = accounts, .n = 1 };

	return forget_departed(db, &o->more, &conf, clock_wall_ms(), STEP);
}

static enum error
erase(struct db *db, struct order *o)
{
	const struct forget_order	 order = { NULL, INT64_MAX, INT64_C(4000000000) };
	struct forget_count		 n = { 0 };
	struct buf			 names = { 0 };
	enum error			 er;

	if ((er = forget_names(db, &names, NULL, text(o, 1))) == ERR_OK &&
	    (er = forget_events(db, &n, &names, &order)) == ERR_OK)
		er = buf_printf(&o->out, "%lld", (long long)n.events);
	buf_free(&names);
	return er;
}

static enum error
turn(struct db *db, struct order *o)
{
	return follower_store_turn(db, &shop, text(o, 1), number(o, 3) != 0, number(o, 2));
}

static const struct {
	const char	*name;
	enum error	 (*run)(struct db *db, struct order *o);
} commands[] = {
	{ "answer", answer }, { "table", table }, { "stock", stock }, { "count", count },
	{ "join", join }, { "age", age }, { "leave", leave }, { "depart", depart },
	{ "erase", erase }, { "turn", turn },
};

/* A store_work. */
static enum error
run_command(struct db *db, void *arg)
{
	struct order	*o = arg;
	char		 line[16];
	enum error	 er = ERR_REQUEST;
	size_t		 i;

	buf_reset(&o->out);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(o->word[0], commands[i].name) == 0)
			er = commands[i].run(db, o);
	if (o->hold) {
		o->hold = false;
		(void)printf("held\n");
		(void)fflush(stdout);
		if (fgets(line, sizeof(line), stdin) == NULL)
			er = ERR_REQUEST;
		db_patience(db, clock_mono_ms() + PATIENCE_MS);
	}
	return er;
}

static void
run_line(struct store *store, char *line)
{
	struct order	 o = { .hold = *line == '!' };
	char		 why[1240], *next = line + o.hold;
	enum error	 er;
	size_t		 i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < WORDS && next != NULL; i++) {
		o.word[i] = next;
		/* The last word of an answer may have blanks. */
		if ((next = i == 5 ? NULL : strchr(next, ' ')) != NULL)
			*next++ = '\0';
	}
	do
		er = store_do(store, STORE_SYNC, run_command, &o, clock_mono_ms() + PATIENCE_MS);
	while (er == ERR_OK && o.more);
	store_why(store, why, sizeof(why));
	(void)printf("%s %.*s\n", er == ERR_OK ? "ok" : "failed",
	    er == ERR_OK ? (int)o.out.len : (int)strlen(why), er == ERR_OK ?
	    (o.out.p == NULL ? "" : o.out.p) : why);
	(void)fflush(stdout);
	buf_free(&o.out);
}

int
main(int argc, char **argv)
{
	struct settings	 set = { .dedupe_days = 3 };
	static char	 line[LINE];
	struct locks	*locks;
	struct store	*store;

	if (argc != 4)
		return 2;
	set.state_dir = argv[1];
	if ((locks = lock_new(set.state_dir)) == NULL ||
	    (store = strcmp(argv[2], "sqlite") == 0 ? store_new_local(&set, locks, STORE_BRIEF) :
	    store_new_on(&set, locks, pg_store_new(argv[2], PG_STORE_DISK, atoi(argv[3])))) ==
	    NULL)
		return 2;
	while (fgets(line, sizeof(line), stdin) != NULL)
		run_line(store, line);
	store_free(store);
	lock_free(locks);
	return 0;
}
