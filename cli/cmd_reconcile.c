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
#include "report/questions.h"
#include "state/host_counters.h"
#include "state/observed.h"
#include "state/table.h"
#include "wechat/datacube/datacube_tables.h"
#include "wechat/datacube/reconcile.h"

enum {
	PERIOD	 = 30,			/* days, by default */
	LONGEST	 = 366,			/* days */
	NOTED_DAYS = 3,			/* days whose missing calls are noted */
	READY_S	 = 8 * 3600		/* at 08:00 in China WeChat has the day before ready */
};

enum column {
	ACCOUNT, DAY, HOUR, CALLS, FAILED_CALLS, ACKNOWLEDGED, REFUSED, NOT_STORED, UNHEARD,
	UNCLEAR, MISSING, STATE, COLUMNS
};

static const struct report_column	 columns[COLUMNS] = {
	[ACCOUNT]	= { "account", REPORT_TEXT },
	[DAY]		= { "day", REPORT_DAY },
	[HOUR]		= { "hour", REPORT_COUNT },	/* with --hours only */
	[CALLS]		= { "calls", REPORT_COUNT },
	[FAILED_CALLS]	= { "failed_calls", REPORT_COUNT },
	[ACKNOWLEDGED]	= { "acknowledged", REPORT_COUNT },
	[REFUSED]	= { "refused", REPORT_COUNT },
	[NOT_STORED]	= { "not_stored", REPORT_COUNT },
	[UNHEARD]	= { "unheard", REPORT_COUNT },
	[UNCLEAR]	= { "unclear", REPORT_COUNT },
	[MISSING]	= { "missing", REPORT_COUNT },
	[STATE]		= { "state", REPORT_TEXT },
};

struct comparing {
	const struct conf	*conf;
	struct session		 session;
	enum term_table_form	 form;
	bool			 hours;		/* --hours */
	const char		*which;		/* account; NULL: all */
	int64_t			 from, to;	/* days */
	char			 first[CALENDAR_DAY_TEXT];	/* from and to, as text */
	char			 last[CALENDAR_DAY_TEXT];
	bool			 from_given;

	/* Of the account that is compared now: 24 rows for a day, or one for all of it. */
	const struct account	*account;
	struct reconcile_row	*rows;
	size_t			 n;
	struct hour {
		int64_t	 calls, fails;
	}			*wechat;	/* for each hour of the period; -1: not known */
	struct hour		*daily;		/* for each day of the period */
	struct counter_numbers	*ours;		/* for each hour of the period */

	struct observation	*notes;		/* of the accounts, for /-/metrics */
	size_t			 n_notes;

	struct report_question	 shape;		/* the columns of the table */
	size_t			 at[COLUMNS];	/* index of a column in the table */
	struct table		 table;
	enum reconcile_state	 worst;
};

static size_t
days_of(const struct comparing *k)
{
	return (size_t)(k->to - k->from + 1);
}

/*
 * Reads WeChat's counts of its calls.
 */

/*
 * Marks the days that were asked for and had rows: an hour without a row is zero then.  The other
 * days are not known, -1.
 */
static enum error
read_asked(struct db *db, struct comparing *k, const char *endpoint, struct hour *to,
    size_t each)
{
	struct db_rows	 rows;
	enum error	 er;
	size_t		 i;
	int64_t		 day;

	for (i = 0; i < days_of(k) * each; i++)
		to[i].calls = to[i].fails = -1;
	er = db_start(db, &rows, SQL_DATACUBE_WITH_ROWS, DB_VALUES(db_s(k->account->appid),
	    db_s(endpoint), db_s(k->first), db_s(k->last)));
	while (er == ERR_OK && db_next(&rows, &er))
		for (i = 0; i < each && calendar_parse_day(&day, db_col(&rows, 0)); i++)
			to[(size_t)(day - k->from) * each + i] = (struct hour){ 0, 0 };
	db_end(&rows);
	return er;
}

/* Adds the rows of a statement that gives the day, the index within it, calls, and failures. */
static enum error
read_calls(struct db *db, struct comparing *k, enum sql select, struct hour *to,
    size_t each)
{
	struct db_rows	 rows;
	enum error	 er;
	int64_t		 day, at;
	struct hour	*h;

	er = db_start(db, &rows, select, DB_VALUES(db_s(k->account->appid), db_s(k->first),
	    db_s(k->last)));
	while (er == ERR_OK && db_next(&rows, &er)) {
		at = db_col_int(&rows, 1);
		if (!calendar_parse_day(&day, db_col(&rows, 0)) || day < k->from || day > k->to ||
		    at < 0 || at >= (int64_t)each)
			continue;
		h = &to[(size_t)(day - k->from) * each + (size_t)at];
		if (h->calls == -1)
			continue;
		h->calls += db_col_bounded(&rows, 2);
		h->fails += db_col_bounded(&rows, 3);
	}
	db_end(&rows);
	return er;
}

static enum error
read_wechat(struct db *db, void *arg)
{
	struct comparing	*k = arg;
	enum error		 er;

	if ((er = datacube_tables_prepare(db)) != ERR_OK ||
	    (er = read_asked(db, k, "getinterfacesummaryhour", k->wechat, COUNTER_HOURS)) !=
	    ERR_OK || (er = read_asked(db, k, "getinterfacesummary", k->daily, 1)) != ERR_OK ||
	    (er = read_calls(db, k, SQL_DATACUBE_CALLS_BY_HOUR, k->wechat, COUNTER_HOURS)) !=
	    ERR_OK)
		return er;
	return read_calls(db, k, SQL_DATACUBE_CALLS, k->daily, 1);
}

/*
 * Reads our own counts.
 */

static void
add_hour_counters(void *ctx, const struct counter_hour *h)
{
	struct comparing	*k = ctx;

	if (slice_is(h->account, k->account->path))
		counters_add(&k->ours[(size_t)(h->day - k->from) * COUNTER_HOURS + (size_t)h->hour],
		    h->numbers);
}

static struct host_counters_of
counters_of(const struct comparing *k)
{
	return (struct host_counters_of){
		.set = &k->conf->set, .store = k->session.services.store,
		.until_ms = clock_mono_ms() + SESSION_PATIENCE_MS,
	};
}

/* Reads what all hosts have counted.  False: stderr says what is wrong. */
static bool
read_ours(struct comparing *k)
{
	const struct host_counters_of	 of = counters_of(k);
	bool				 whole;

	if (host_counters_read(&of, &whole, k->from, k->to, add_hour_counters, k) != ERR_OK) {
		(void)fprintf(stderr, lang_text("qtoa: %s: the counters cannot be read; run: qtoa "
		    "check\n"), k->conf->set.state_dir);
		return false;
	}
	if (!whole)
		(void)fprintf(stderr, lang_text("qtoa: the counters of the other hosts cannot be "
		    "read; run: qtoa check\n"));
	return whole;
}

/* Appends the rows of a day: 24 hours where WeChat has counted by hour, else one for the day. */
static void
append_day_rows(struct comparing *k, int64_t day)
{
	const size_t		 at = (size_t)(day - k->from);
	const struct hour	*w = &k->wechat[at * COUNTER_HOURS];
	const bool		 hourly = w->calls != -1;
	struct reconcile_row	*r = NULL;
	int			 i;

	for (i = 0; i < COUNTER_HOURS; i++) {
		if (hourly || i == 0) {
			r = &k->rows[k->n++];
			*r = (struct reconcile_row){ .day = day, .hour = hourly ? i : -1 };
			r->calls = hourly ? w[i].calls : k->daily[at].calls;
			r->fails = hourly ? w[i].fails : k->daily[at].fails;
		}
		reconcile_count(r, &k->ours[at * COUNTER_HOURS + (size_t)i]);
	}
}

/*
 * Makes the table.
 */

static enum error
append_table_row(struct comparing *k, const struct reconcile_row *r)
{
	const int64_t	 numbers[COLUMNS] = {
		[HOUR] = r->hour, [CALLS] = r->calls, [FAILED_CALLS] = r->fails,
		[ACKNOWLEDGED] = r->acknowledged, [REFUSED] = r->refused + r->proved,
		[NOT_STORED] = r->failed, [UNHEARD] = r->unheard, [UNCLEAR] = r->unclear,
		[MISSING] = r->missing,
	};
	struct table	*t = &k->table;
	char		 day[CALENDAR_DAY_TEXT];
	enum error	 er;
	enum column	 c;

	calendar_day_text(day, r->day);
	if ((er = table_row(t)) != ERR_OK ||
	    (er = table_text(t, k->at[ACCOUNT], slice_of(k->account->name))) != ERR_OK ||
	    (er = table_text(t, k->at[DAY], slice_of(day))) != ERR_OK)
		return er;
	for (c = k->hours ? HOUR : CALLS; c < STATE; c++)
		if (numbers[c] != -1)
			table_int(t, k->at[c], numbers[c]);
	return table_text(t, k->at[STATE], slice_of(k->form == TERM_TABLE_TEXT ?
	    lang_text(reconcile_states[r->state]) : reconcile_states[r->state]));
}

static bool
is_empty_row(const struct reconcile_row *r)
{
	return r->calls <= 0 && r->acknowledged + r->failed + r->proved + r->refused == 0;
}

/* Appends the hours of a day to the table, or their sum. */
static enum error
append_table_day(struct comparing *k, const struct reconcile_row *rows, size_t n)
{
	struct reconcile_row	 sum;
	enum error		 er = ERR_OK;
	size_t			 i;

	reconcile_sum(&sum, rows, n);
	if (sum.state > k->worst)
		k->worst = sum.state;
	if (sum.state == RECONCILE_UNKNOWN)
		sum.calls = sum.fails = -1;
	if (!k->hours)
		return append_table_row(k, &sum);
	for (i = 0; i < n && er == ERR_OK; i++)
		if (!is_empty_row(&rows[i]) || rows[i].state == RECONCILE_UNKNOWN)
			er = append_table_row(k, &rows[i]);
	return er;
}

static enum error
append_table_rows(struct comparing *k)
{
	enum error	 er = ERR_OK;
	size_t		 i, n;

	for (i = 0; i < k->n && er == ERR_OK; i += n) {
		for (n = 1; i + n < k->n && k->rows[i + n].day == k->rows[i].day; n++)
			;
		er = append_table_day(k, &k->rows[i], n);
	}
	return er;
}

/*
 * Notes how many calls are missing on the last NOTED_DAYS that are known: so it is still seen after
 * a weekend on which nobody ran this, and is over some days later.
 */
static void
note_missing(struct comparing *k)
{
	struct observation	*note = &k->notes[k->n_notes];
	const struct reconcile_row *r;
	int64_t			 last = -1;

	for (r = k->rows; r != k->rows + k->n; r++)
		if (r->state != RECONCILE_UNKNOWN)
			last = r->day;
	if (last == -1 || strlen(k->account->path) >= sizeof(note->key))
		return;
	*note = (struct observation){
		.kind = OBSERVED_RECONCILE, .until_s = calendar_day_start(last + 1),
		.seen_s = clock_wall_ms() / 1000,
	};
	(void)snprintf(note->key, sizeof(note->key), "%s", k->account->path);
	for (r = k->rows; r != k->rows + k->n; r++)
		if (r->day > last - NOTED_DAYS)
			note->value += r->missing;
	k->n_notes++;
}

/* Writes the notes.  Without them the comparison is as good. */
static void
save_notes(struct comparing *k)
{
	struct services	*s = &k->session.services;

	if (k->n_notes != 0 && s->locks != NULL)
		(void)observed_note(s->locks, k->conf->set.state_dir, k->notes, k->n_notes,
		    false, clock_wall_ms() / 1000);
}

/* Compares the days of one account.  False: stderr says what is wrong. */
static bool
compare_account(struct comparing *k)
{
	const size_t	 hours = days_of(k) * COUNTER_HOURS;
	int64_t		 day;

	memset(k->ours, 0, hours * sizeof(*k->ours));
	if (k->session.services.store == NULL) {
		(void)fprintf(stderr, lang_text("qtoa: nothing is stored yet; run: qtoa datacube "
		    "pull\n"));
		return false;
	}
	if (!session_do(&k->session, STORE_WRITE, read_wechat, k))
		return false;
	if (!read_ours(k))
		return false;
	for (k->n = 0, day = k->from; day <= k->to; day++)
		append_day_rows(k, day);
	reconcile_judge(k->rows, k->n);
	note_missing(k);
	return append_table_rows(k) == ERR_OK;
}

static enum error
begin_table(struct comparing *k)
{
	const char	*names[COLUMNS];
	enum column	 c;
	size_t		 n = 0;

	for (c = ACCOUNT; c < COLUMNS; c++) {
		if (c == HOUR && !k->hours)
			continue;
		k->at[c] = n;
		k->shape.columns[n] = columns[c];
		names[n++] = columns[c].name;
	}
	return table_begin(&k->table, names, n);
}

static bool
compare_all(struct comparing *k)
{
	const struct account	*a;
	bool			 any = false;

	if (begin_table(k) != ERR_OK)
		return false;
	for (a = k->conf->accounts; a != k->conf->accounts + k->conf->n; a++) {
		if (k->which != NULL && !conf_means(a, k->which))
			continue;
		any = true;
		if (session_signal() != NULL)
			break;
		k->account = a;
		if (!compare_account(k))
			return false;
	}
	if (a != k->conf->accounts + k->conf->n)
		(void)fprintf(stderr, lang_text("qtoa: stopped by %s before account %s; run it "
		    "again\n"), session_signal(), a->path);
	if (!any)
		suggest_account(k->conf, ".path or .name", k->which);
	return any;
}

static bool
print_comparison(struct comparing *k)
{
	struct buf		 out = { 0 };
	const enum error	 er = term_table_write(&out, &k->table, &k->shape, k->form,
				    term_width(STDOUT_FILENO));

	if (er == ERR_OK)
		session_print(&out);
	buf_free(&out);
	return er == ERR_OK;
}

/*
 * qtoa reconcile
 */

static void
find_first_day(void *ctx, const struct counter_hour *h)
{
	int64_t	*first = ctx;

	if (h->day < *first)
		*first = h->day;
}

/*
 * The default period ends with the last day that WeChat has ready, and begins PERIOD days before or
 * with the first day on which we counted, whichever is later.
 */
static void
set_default_period(struct comparing *k)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;
	const struct host_counters_of	 of = counters_of(k);
	int64_t		 first = INT64_MAX;

	if (k->to == 0)
		k->to = calendar_day_at(now_s - READY_S) - 1;
	if (k->from_given)
		return;
	k->from = k->to - PERIOD + 1;
	(void)host_counters_read(&of, NULL, k->from, k->to, find_first_day, &first);
	if (first != INT64_MAX && first > k->from)
		k->from = first;
}

static bool
read_period_option(struct comparing *k, const char *name, const char *value)
{
	if (strcmp(name, "--account") == 0) {
		k->which = value;
		return true;
	}
	if (strcmp(name, "--from") == 0)
		return k->from_given = calendar_parse_day(&k->from, slice_of(value));
	return strcmp(name, "--to") == 0 && calendar_parse_day(&k->to, slice_of(value));
}

static bool
read_comparison(struct comparing *k, int argc, char **argv)
{
	int	 i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--hours") == 0)
			k->hours = true;
		else if (term_table_read_form(&k->form, argv[i]))
			continue;
		else if (i + 1 == argc || !read_period_option(k, argv[i], argv[i + 1]))
			return false;
		else
			i++;
	}
	return true;
}

/* Makes room for the period.  False: it is not a period, or there is no memory. */
static bool
settle_period(struct comparing *k)
{
	size_t	 days;

	set_default_period(k);
	calendar_day_text(k->first, k->from);
	calendar_day_text(k->last, k->to);
	if (k->from > k->to || k->to - k->from >= LONGEST)
		return false;
	days = days_of(k);
	k->rows = calloc(days * COUNTER_HOURS, sizeof(*k->rows));
	k->wechat = calloc(days * COUNTER_HOURS, sizeof(*k->wechat));
	k->daily = calloc(days, sizeof(*k->daily));
	k->ours = calloc(days * COUNTER_HOURS, sizeof(*k->ours));
	k->notes = calloc(k->conf->n + 1, sizeof(*k->notes));
	return k->rows != NULL && k->wechat != NULL && k->daily != NULL && k->ours != NULL &&
	    k->notes != NULL;
}

int
cmd_reconcile_run(struct conf *c, int problems, int argc, char **argv)
{
	struct comparing	 k = { .conf = c };
	int			 rc = CLI_WRONG;

	if (!read_comparison(&k, argc, argv))
		return cli_usage("reconcile");
	session_catch_signals(NULL);
	if (session_open(&k.session, c, problems == 0)) {
		if (!settle_period(&k)) {
			rc = cli_usage("reconcile");
		} else if (compare_all(&k)) {
			save_notes(&k);
			if (print_comparison(&k) && k.worst <= RECONCILE_MORE)
				rc = CLI_DONE;
		}
	}
	session_close(&k.session);
	table_free(&k.table);
	free(k.rows);
	free(k.wechat);
	free(k.daily);
	free(k.ours);
	free(k.notes);
	return session_exit_status(rc);
}
