#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/term.h"
#include "cli/term_table.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/lang.h"
#include "core/log.h"
#include "state/store.h"
#include "state/table.h"
#include "wechat/access_token.h"
#include "wechat/datacube/datacube.h"
#include "wechat/datacube/datacube_pull.h"
#include "wechat/datacube/datacube_tables.h"

enum {
	SHOWN_DAYS	= 30,		/* days of a table that are shown by default */
	SHOWN_ROWS	= 100000,
	EXPORT_DAYS	= 31		/* days of a table in memory at a time */
};

/* Monotonic time at which a signal told us to stop; 0: no signal has. */
static _Atomic int64_t	 stop_ms;

/* What the command line says.  datacube_pull.h says what chosen, all and retry mean. */
struct datacube_order {
	const char			*what;		/* pull, show, export */
	const char			*name;		/* a table; NULL: not given */
	const struct account		*account;	/* NULL: all */
	uint64_t			 chosen;
	int64_t				 from, to;	/* days, or DATACUBE_DEFAULT */
	bool				 all, retry, json, csv;
};

static void
on_stop(int sig)
{
	(void)sig;
	atomic_store(&stop_ms, clock_mono_ms());
}

/*
 * Arguments of the command line.
 */

static bool
read_day(int64_t *day, const char *option, const char *text)
{
	if (calendar_parse_day(day, slice_of(text)))
		return true;
	(void)fprintf(stderr, lang_text("qtoa: %s %s: this is not a day; write it as "
	    "YYYY-MM-DD\n"), option, text);
	return false;
}

static void
complain_unknown(const char *what, const char *name, const struct nearest *n)
{
	struct suggest	 s;

	(void)fprintf(stderr, lang_text("qtoa: there is no %s %s%s\n"), lang_text(what), name,
	    *suggest_best(&s, n) != '\0' ? s.text : lang_text("; run: qtoa datacube show"));
}

/* Adds an end point to those that are pulled.  False: there is no such end point. */
static bool
choose_endpoint(struct datacube_order *o, const char *name)
{
	const struct datacube_endpoint	*e = datacube_find(name);
	struct nearest			 n;

	if (e != NULL) {
		o->chosen |= UINT64_C(1) << (e - datacube_endpoints);
		return true;
	}
	nearest_begin(&n, slice_of(name));
	for (e = datacube_endpoints; e->name != NULL; e++)
		nearest_try_text(&n, e->name);
	complain_unknown("end point", name, &n);
	return false;
}

/* Reads an option and its value.  False: stderr says what is wrong, or there is no such option. */
static bool
read_valued_option(struct datacube_order *o, const struct conf *c, const char *option,
    const char *value)
{
	if (strcmp(option, "--from") == 0)
		return read_day(&o->from, option, value);
	if (strcmp(option, "--to") == 0)
		return read_day(&o->to, option, value);
	if (strcmp(option, "--account") == 0) {
		if ((o->account = conf_find(c, value)) == NULL)
			suggest_account(c, ".path or .name", value);
		return o->account != NULL;
	}
	if (strcmp(option, "--endpoint") == 0 && strcmp(o->what, "pull") == 0)
		return choose_endpoint(o, value);
	return false;
}

static bool
read_switch(struct datacube_order *o, const char *option)
{
	const struct {
		const char	*what, *option;
		bool		*is;
	} switches[] = {
		{ "pull", "--all", &o->all }, { "pull", "--retry", &o->retry },
		{ "export", "--csv", &o->csv }, { "export", "--json", &o->json },
	};
	size_t	 i;

	for (i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (strcmp(option, switches[i].option) == 0 &&
		    strcmp(o->what, switches[i].what) == 0)
			return *switches[i].is = true;
	return false;
}

static bool
read_datacube_order(struct datacube_order *o, const struct conf *c, int argc, char **argv)
{
	int	 i = 2;

	*o = (struct datacube_order){ .from = DATACUBE_DEFAULT, .to = DATACUBE_DEFAULT };
	if (argc < 2)
		return false;
	o->what = argv[1];
	if (strcmp(o->what, "pull") != 0 && strcmp(o->what, "show") != 0 &&
	    strcmp(o->what, "export") != 0)
		return false;
	if (strcmp(o->what, "pull") != 0 && argc > 2 && argv[2][0] != '-')
		o->name = argv[i++];
	for (; i < argc; i++) {
		if (read_switch(o, argv[i]))
			continue;
		if (i + 1 == argc || !read_valued_option(o, c, argv[i], argv[i + 1]))
			return false;
		i++;
	}
	if (o->from != DATACUBE_DEFAULT && o->to != DATACUBE_DEFAULT && o->to < o->from)
		return false;
	return !(o->json && o->csv) && (strcmp(o->what, "export") != 0 || o->name != NULL);
}

/*
 * qtoa datacube pull
 */

struct pulling {
	struct datacube_pull		 pull;
	struct datacube_pull_sum	 sum;
	int64_t				 begin_ms;
	struct term_progress		 bar;
	int64_t				 accounts, begun; /* to be pulled, and of them begun */
	struct buf			 missing;	/* lines of the summary */
};

static void
print_pull_line(void *ctx, const char *line)
{
	const struct pulling	*p = ctx;

	term_wipe(p->bar.width);
	(void)fflush(stdout);
	(void)fprintf(stderr, "qtoa: %s\n", line);
}

static void
draw_pull_bar(void *ctx, const struct datacube_pull_sum *sum)
{
	struct pulling	*p = ctx;
	char		 text[80];
	int64_t		 total = sum->planned;

	/* The accounts that have not begun probably need as many calls each. */
	if (p->begun != 0)
		total += sum->planned / p->begun * (p->accounts - p->begun);
	if (!term_progress_due(&p->bar, sum->done, total))
		return;
	(void)snprintf(text, sizeof(text), lang_text("%lld/%lld calls, %lld rows"),
	    (long long)sum->done, (long long)sum->planned, (long long)sum->rows);
	term_progress_draw(&p->bar, sum->done, total, text);
}

/* Adds to the summary what is missing of an end point, and why. */
static void
keep_missing(void *ctx, const struct datacube_pull_gap *gap)
{
	static const char *const	 units[][2] = {
		[DATACUBE_DAY]		= { "day", "days" },
		[DATACUBE_WEEK]		= { "week", "weeks" },
		[DATACUBE_MONTH]	= { "month", "months" },
		[DATACUBE_HALF]		= { "half of a month", "halves of a month" },
	};
	struct pulling			*p = ctx;

	(void)buf_printf(&p->missing, lang_text("missing: %s %s, %lld %s: %s\n"),
	    gap->account->path, gap->e->name, (long long)gap->units,
	    lang_text(units[gap->e->unit][gap->units != 1]), gap->why);
}

static void
print_pull_sum(const struct pulling *p)
{
	const struct datacube_pull_sum	*s = &p->sum;
	const int64_t			 ms = clock_mono_ms() - p->begin_ms;
	char				 time[TERM_TIME];

	term_wipe(p->bar.width);
	(void)printf(lang_text("pulled: %lld calls, %lld rows, %lld missing, %lld switched off, "
	    "%lld.%lld s\n"), (long long)s->calls, (long long)s->rows, (long long)s->missing,
	    (long long)s->off, (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	if (p->missing.len != 0)
		(void)fwrite(p->missing.p, 1, p->missing.len, stdout);
	if (s->again == 0)
		return;
	term_time(time, s->again_s);
	(void)printf(lang_text("%lld were still empty; qtoa datacube pull asks for them again "
	    "from %.16s (China) on\n"), (long long)s->again, time);
}

/* True: an account before this one has the same AppID, which is pulled once. */
static bool
is_appid_repeated(const struct conf *c, size_t i)
{
	size_t	 j;

	for (j = 0; j < i; j++)
		if (conf_is_set(c->accounts[j].secret) &&
		    strcmp(c->accounts[j].appid, c->accounts[i].appid) == 0)
			return true;
	return false;
}

/* True: the account is one of those that are pulled. */
static bool
is_pulled(const struct conf *c, const struct datacube_order *o, size_t i)
{
	const struct account	*a = &c->accounts[i];

	return conf_is_set(a->secret) &&
	    (o->account != NULL ? a == o->account : !is_appid_repeated(c, i));
}

static bool
pull_accounts(struct pulling *p, const struct datacube_order *o)
{
	const struct conf	*c = p->pull.conf;
	bool			 good = true;
	size_t			 i;

	for (i = 0; i < c->n; i++)
		p->accounts += is_pulled(c, o, i);
	for (i = 0; i < c->n && atomic_load(&stop_ms) == 0; i++) {
		if (!is_pulled(c, o, i))
			continue;
		p->begun++;
		good = datacube_pull_account(&p->pull, &p->sum, &c->accounts[i]) && good;
	}
	if (p->accounts != 0 || atomic_load(&stop_ms) != 0)
		return good;
	(void)fprintf(stderr, lang_text("qtoa: %s; set .secret, so that qtoa can ask WeChat\n"),
	    o->account != NULL ? lang_text("this account has no .secret") :
	    lang_text("no account has .secret"));
	return false;
}

static void
say_not_ready(const struct datacube_order *o, int64_t now_s)
{
	char	 text[CALENDAR_DAY_TEXT];

	if (o->to == DATACUBE_DEFAULT || o->to <= datacube_ready(now_s))
		return;
	calendar_day_text(text, datacube_ready(now_s));
	(void)printf(lang_text("the statistics are ready up to %s; WeChat has those of a day at "
	    "08:00 (China) on the next\n"), text);
}

static int
pull_all(struct pulling *p, const struct datacube_order *o)
{
	bool	 good;

	p->begin_ms = p->bar.begin_ms = clock_mono_ms();
	say_not_ready(o, p->pull.now_s);
	good = pull_accounts(p, o);
	print_pull_sum(p);
	if (atomic_load(&stop_ms) != 0)
		(void)fprintf(stderr, lang_text("qtoa: stopped by %s after %lld of %lld calls; the "
		    "next run goes on\n"), session_signal(), (long long)p->sum.calls,
		    (long long)p->sum.planned);
	return good && p->sum.missing == 0 && atomic_load(&stop_ms) == 0 ? CLI_DONE : CLI_WRONG;
}

static int
run_pull(const struct conf *c, const struct datacube_order *o)
{
	struct pulling	 p = { .pull = {
		.conf = c, .now_s = clock_wall_ms() / 1000, .chosen = o->chosen, .from = o->from,
		.to = o->to, .all = o->all, .retry = o->retry || o->all, .stop_ms = &stop_ms,
		.say = print_pull_line, .progress = draw_pull_bar,
		.missing = keep_missing,
	} };
	struct services	 s;
	int		 rc = CLI_WRONG;

	p.pull.ctx = &p;
	if (session_state(c) == SESSION_FAULT)
		return CLI_WRONG;
	session_catch_signals(on_stop);
	p.bar.width = term_width(STDOUT_FILENO);
	if (services_open(&s, c, SERVICES_TOKENS, STORE_BRIEF, NULL)) {
		p.pull.http = s.http;
		p.pull.store = s.store;
		p.pull.tokens = s.tokens;
		rc = pull_all(&p, o);
	}
	services_close(&s);
	buf_free(&p.missing);
	log_close();
	return session_exit_status(rc);
}

/*
 * qtoa datacube show
 */

struct datacube_view {
	const struct conf		*conf;
	const struct datacube_order	*o;
	const struct datacube_table	*t;	/* NULL: a summary of all end points */
	const struct datacube_endpoint	*e;	/* the end point of t */
	int64_t				 from, to;	/* DATACUBE_DEFAULT: no limit */
	int64_t				 now_s;
	struct table			 table;
};

static enum error
read_table_rows(struct db *db, void *arg)
{
	struct datacube_view	*s = arg;
	char			 from[CALENDAR_DAY_TEXT] = "", to[CALENDAR_DAY_TEXT] = "";
	struct db_named		 v[] = {
		{ ":appid", db_s(s->o->account != NULL ? s->o->account->appid : NULL) },
		{ ":from", db_s(NULL) }, { ":to", db_s(NULL) },
	};
	struct db_rows		 rows = { 0 };
	struct buf		 sql = { 0 };
	enum error		 er;

	if (!datacube_tables_is_there(db))
		return ERR_OK;
	calendar_day_text(from, s->from);
	calendar_day_text(to, s->to);
	if (s->from != DATACUBE_DEFAULT)
		v[1].v = db_s(from);
	if (s->to != DATACUBE_DEFAULT)
		v[2].v = db_s(to);
	if ((er = datacube_tables_select(&sql, s->t, s->e)) == ERR_OK &&
	    (er = db_start_text(db, &rows, sql.p, v, 3)) == ERR_OK)
		er = table_from_rows(&s->table, &rows, SHOWN_ROWS);
	else
		db_end(&rows);
	buf_free(&sql);
	return er;
}

/* The days and rows of an end point that are in the store, and the units that are missing. */
struct stock {
	int64_t				 first, last, days, rows;
	int64_t				 due, again;	/* to ask for now, and later */
	struct datacube_tables_pause	 pause;
};

static enum error
count_missing(struct db *db, struct stock *k, const struct datacube_view *s,
    const struct account *a, const struct datacube_endpoint *e)
{
	struct datacube_span	 range = datacube_range(e, k->first, DATACUBE_DEFAULT, s->now_s);
	struct datacube_known	*known;
	int64_t			 unit;
	enum error		 er;

	if (range.end < range.begin)
		return ERR_OK;
	if ((known = calloc((size_t)(range.end - range.begin + 1), sizeof(*known))) == NULL)
		return ERR_NOMEM;
	er = datacube_tables_known(db, known, a->appid, e, &range);
	for (unit = range.begin; er == ERR_OK && datacube_unit_end(e, unit) <= range.end;
	    unit = datacube_unit(e, unit + 1)) {
		k->due += datacube_is_due(e, unit, &known[unit - range.begin], s->now_s);
		k->again += datacube_is_due_later(e, unit, &known[unit - range.begin], s->now_s);
	}
	free(known);
	return er;
}

static enum error
read_stock(struct db *db, struct stock *k, const struct datacube_view *s, const struct account *a,
    const struct datacube_endpoint *e)
{
	struct db_rows	 rows;
	enum error	 er;

	*k = (struct stock){ .first = DATACUBE_DEFAULT, .last = DATACUBE_DEFAULT };
	er = db_start(db, &rows, SQL_DATACUBE_SPAN_OF, DB_VALUES(db_s(a->appid), db_s(e->name)));
	if (er == ERR_OK && db_next(&rows, &er) && db_col_int(&rows, 2) != 0) {
		(void)calendar_parse_day(&k->first, db_col(&rows, 0));
		(void)calendar_parse_day(&k->last, db_col(&rows, 1));
		k->days = db_col_int(&rows, 2);
		k->rows = db_col_int(&rows, 3);
	}
	db_end(&rows);
	if (er == ERR_OK)
		er = datacube_tables_pause(db, &k->pause, a->appid, e, s->now_s);
	if (er == ERR_OK && k->days != 0)
		er = count_missing(db, k, s, a, e);
	return er;
}

static void
write_stock_state(char *text, size_t size, const struct stock *k)
{
	char	 day[CALENDAR_DAY_TEXT];

	calendar_day_text(day, calendar_day_at(k->pause.since_s));
	if (k->pause.until_s != 0)
		(void)snprintf(text, size, lang_text("off since %s (%lld)"), day,
		    (long long)k->pause.errcode);
	else if (k->days == 0)
		(void)snprintf(text, size, "%s", lang_text("never pulled"));
	else if (k->due != 0)
		(void)snprintf(text, size, lang_text("%lld to ask for"), (long long)k->due);
	else if (k->again != 0)
		(void)snprintf(text, size, lang_text("%lld empty, to ask again later"),
		    (long long)k->again);
	else
		(void)snprintf(text, size, "%s", lang_text("there"));
}

static enum error
append_stock_row(struct table *t, const struct stock *k, const struct account *a,
    const struct datacube_endpoint *e)
{
	char		 first[CALENDAR_DAY_TEXT], last[CALENDAR_DAY_TEXT], state[64];
	enum error	 er;

	calendar_day_text(first, k->first);
	calendar_day_text(last, k->last);
	write_stock_state(state, sizeof(state), k);
	if ((er = table_row(t)) != ERR_OK || (er = table_text(t, 0, slice_of(a->path))) != ERR_OK ||
	    (er = table_text(t, 1, slice_of(e->name))) != ERR_OK ||
	    (k->days != 0 && ((er = table_text(t, 2, slice_of(first))) != ERR_OK ||
	    (er = table_text(t, 3, slice_of(last))) != ERR_OK)) ||
	    (er = table_text(t, 6, slice_of(state))) != ERR_OK)
		return er;
	table_int(t, 4, k->days);
	table_int(t, 5, k->rows);
	return ERR_OK;
}

static enum error
read_all_stock(struct db *db, void *arg)
{
	static const char *const	 names[] = {
		"account", "end point", "first", "last", "asked", "rows", "state"
	};
	struct datacube_view		*s = arg;
	const struct datacube_endpoint	*e;
	const struct account		*a;
	struct stock			 k;
	enum error			 er;
	size_t				 i;

	er = table_begin(&s->table, names, sizeof(names) / sizeof(names[0]));
	if (!datacube_tables_is_there(db))
		return er;
	for (i = 0; i < s->conf->n && er == ERR_OK; i++) {
		a = &s->conf->accounts[i];
		if ((s->o->account != NULL && s->o->account != a) ||
		    is_appid_repeated(s->conf, i) ||
		    !conf_is_set(a->secret))
			continue;
		for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
			if ((er = read_stock(db, &k, s, a, e)) == ERR_OK)
				er = append_stock_row(&s->table, &k, a, e);
	}
	return er;
}

/* Appends a line for each other table of the same end point. */
static enum error
append_see_also(struct buf *out, const struct datacube_view *s)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < DATACUBE_TABLES && s->e->tables[i].name != NULL && er == ERR_OK; i++)
		if (&s->e->tables[i] != s->t)
			er = buf_printf(out, lang_text("see also: qtoa datacube show %s\n"),
			    s->e->tables[i].name);
	return er;
}

static int
print_view(const struct datacube_view *s)
{
	struct buf	 out = { 0 };
	enum error	 er;

	er = s->table.rows == 0 ? buf_puts(&out, "nothing\n") :
	    term_table(&out, &s->table, NULL, term_width(STDOUT_FILENO));
	if (er == ERR_OK && s->t != NULL)
		er = append_see_also(&out, s);
	if (er == ERR_OK)
		session_print(&out);
	buf_free(&out);
	return er == ERR_OK ? CLI_DONE : CLI_WRONG;
}

static int
show_view(struct session *session, struct datacube_view *s)
{
	if (s->t != NULL && s->from == DATACUBE_DEFAULT)
		s->from = (s->to != DATACUBE_DEFAULT ? s->to : datacube_ready(s->now_s)) -
		    SHOWN_DAYS + 1;
	return session_do(session, STORE_READ, s->t == NULL ? read_all_stock : read_table_rows, s) ?
	    print_view(s) : CLI_WRONG;
}

/*
 * qtoa datacube export
 */

/* Reads the first and the last day of the end point in the store, over all accounts. */
static enum error
read_span(struct db *db, void *arg)
{
	struct datacube_view	*s = arg;
	struct db_rows		 rows;
	enum error		 er;

	if (!datacube_tables_is_there(db))
		return ERR_OK;
	er = db_start(db, &rows, SQL_DATACUBE_SPAN, DB_VALUES(db_s(s->e->name)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		(void)calendar_parse_day(&s->from, db_col(&rows, 0));
		(void)calendar_parse_day(&s->to, db_col(&rows, 1));
	}
	db_end(&rows);
	return er;
}

/* Prints a part of the table; only the first part has the line of names. */
static bool
print_export_part(const struct datacube_view *s, bool first)
{
	struct buf	 out = { 0 };
	enum error	 er;

	if (s->o->json)
		er = table_json_lines(&out, &s->table);
	else
		er = first ? table_csv(&out, &s->table) : table_csv_more(&out, &s->table);
	if (er == ERR_OK)
		session_print(&out);
	buf_free(&out);
	return er == ERR_OK;
}

/*
 * Exports EXPORT_DAYS at a time, so that a large table fits into memory.  The first and the last
 * part have no outer limit unless --from or --to gives one.
 */
static int
export_view(struct session *session, struct datacube_view *s)
{
	const struct datacube_order	*o = s->o;
	int64_t				 day, first, last;

	if (!session_do(session, STORE_READ, read_span, s))
		return CLI_WRONG;
	first = o->from != DATACUBE_DEFAULT ? o->from : s->from;
	last = o->to != DATACUBE_DEFAULT ? o->to : s->to;
	for (day = first; day <= last; day += EXPORT_DAYS) {
		s->from = day == first ? o->from : day;
		s->to = last - day < EXPORT_DAYS ? o->to : day + EXPORT_DAYS - 1;
		if (s->t->list == NULL)		/* the table has no days: one part */
			day = last;
		if (!session_do(session, STORE_READ, read_table_rows, s) ||
		    !print_export_part(s, day == first || s->t->list == NULL))
			return CLI_WRONG;
	}
	return CLI_DONE;
}

static void
complain_no_table(const char *name)
{
	const struct datacube_endpoint	*e;
	struct nearest			 n;
	size_t				 i;

	nearest_begin(&n, slice_of(name));
	for (e = datacube_endpoints; e->name != NULL; e++)
		for (i = 0; i < DATACUBE_TABLES && e->tables[i].name != NULL; i++)
			nearest_try_text(&n, e->tables[i].name);
	complain_unknown("table", name, &n);
}

static int
run_view(const struct conf *c, const struct datacube_order *o, bool usable)
{
	struct datacube_view	 s = {
		.conf = c, .o = o, .from = o->from, .to = o->to, .now_s = clock_wall_ms() / 1000,
	};
	struct session	 session;
	int		 rc = CLI_WRONG;

	if (o->name != NULL && (s.t = datacube_table(o->name, &s.e)) == NULL) {
		complain_no_table(o->name);
		return CLI_USAGE;
	}
	if (session_open(&session, c, usable))
		rc = (strcmp(o->what, "show") == 0 ? show_view : export_view)(&session, &s);
	session_close(&session);
	table_free(&s.table);
	return rc;
}

static int
complain_usage(const char *what)
{
	char	 verb[32];

	(void)snprintf(verb, sizeof(verb), "datacube %s", what != NULL ? what : "");
	return cli_usage(verb);
}

int
cmd_datacube_run(struct conf *c, int problems, int argc, char **argv)
{
	struct datacube_order	 o;

	if (!read_datacube_order(&o, c, argc, argv))
		return complain_usage(o.what);
	if (strcmp(o.what, "pull") != 0)
		return run_view(c, &o, problems == 0);
	return problems != 0 ? CLI_WRONG : run_pull(c, &o);	/* messages have told them */
}
