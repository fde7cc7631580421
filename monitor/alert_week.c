#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/json_write.h"
#include "core/lang.h"
#include "core/number.h"
#include "monitor/alert_week.h"
#include "report/questions.h"
#include "state/host_counters.h"
#include "state/table.h"

enum {
	WEEK	= 7,
	EPOCH_WEEKDAY = 3,	/* 1970-01-01 was a Thursday, the 3rd day after a Monday */
	HOUR	= 9,		/* on Monday: the summary comes */
	COLUMN_FOLLOWS = 1, COLUMN_UNFOLLOWS = 2	/* of the question `follows` */
};

int64_t
alert_week_due(int64_t now_s)
{
	const int64_t	 day = calendar_day_at(now_s - HOUR * 3600);

	return day - (day + EPOCH_WEEKDAY) % WEEK - WEEK;
}

/*
 * Reading the counters.
 */

/* The sums of an account in both weeks. */
struct sums {
	struct counter_numbers	 week, before;
};

struct reading {
	struct alert_week	*w;
	struct sums		*sums;	/* in the order of conf */
};

/* Adds an hour to its week, and notes the last push.  It is a counters_each. */
static void
add_hour(void *ctx, const struct counter_hour *h)
{
	struct reading			*r = ctx;
	const struct account		*a = conf_account(r->w->conf, h->account);
	struct alert_week_account	*to;
	size_t				 i;

	if (a == NULL)
		return;
	i = (size_t)(a - r->w->conf->accounts);
	to = &r->w->accounts[i];
	if (h->day < r->w->monday)
		counters_add(&r->sums[i].before, h->numbers);
	else if (h->day < r->w->monday + WEEK)
		counters_add(&r->sums[i].week, h->numbers);
	if (counters_received(h->numbers) != 0 && (h->day > to->last_day ||
	    (h->day == to->last_day && h->hour > to->last_hour))) {
		to->last_day = h->day;
		to->last_hour = h->hour;
	}
}

static int64_t
bounded(uint64_t n)
{
	return n > (uint64_t)NUMBER_BOUND ? NUMBER_BOUND : (int64_t)n;
}

static void
set_numbers(struct alert_week_numbers *to, const struct counter_numbers *n)
{
	to->received = bounded(counters_received(n));
	to->delivered = bounded(n->count[COUNTER_DELIVERED]);
	to->queued = bounded(n->count[COUNTER_QUEUED]);
	to->dead = bounded(n->count[COUNTER_DEAD]);
	to->repeats = bounded(n->count[COUNTER_REPEAT]);
	to->unsafe = bounded(n->count[COUNTER_UNSAFE]);
	to->refused = bounded(counters_refusals(n));
	to->late_delivered = bounded(n->count[COUNTER_LATE_DELIVERED]);
	to->late_dead = bounded(n->count[COUNTER_LATE_DEAD]);
	to->p50_ms = counters_percentile(n, COUNTER_WAITED, 0.5);
	to->p99_ms = counters_percentile(n, COUNTER_WAITED, 0.99);
	to->follows = to->unfollows = -1;
}

static enum error
read_counters(struct alert_week *w, struct store *store, int64_t until_ms)
{
	const struct host_counters_of	 of = {
		.set = &w->conf->set, .store = store, .until_ms = until_ms,
	};
	struct reading	 r = { .w = w };
	enum error	 er;
	size_t		 i;

	if ((r.sums = calloc(w->conf->n + 1, sizeof(*r.sums))) == NULL)
		return ERR_NOMEM;
	/* The last push may have come today, after the week. */
	er = host_counters_read(&of, NULL, w->monday - WEEK, w->monday + 2 * WEEK, add_hour, &r);
	w->is_counted = er == ERR_OK;
	for (i = 0; i < w->conf->n && er == ERR_OK; i++) {
		set_numbers(&w->accounts[i].week, &r.sums[i].week);
		set_numbers(&w->accounts[i].before, &r.sums[i].before);
	}
	free(r.sums);
	return er;
}

/*
 * Asking the report.
 */

static enum error
ask_follows(struct alert_week_numbers *to, struct db *db, const struct conf *c,
    const struct account *a, int64_t monday)
{
	const struct report_question	*q = questions_find(slice_of("follows"));
	struct report_args		 args;
	struct table			 t = { .cols = 0 };
	enum error			 er;
	size_t				 row;

	questions_defaults(&args, q, calendar_day_start(monday));
	(void)snprintf(args.account, sizeof(args.account), "%s", a->path);
	calendar_day_text(args.from, monday);
	calendar_day_text(args.to, monday + WEEK - 1);
	if ((er = questions_ask(&t, db, c, q, &args)) == ERR_OK) {
		to->follows = to->unfollows = 0;
		for (row = 0; row < t.rows; row++) {
			to->follows += table_at(&t, row, COLUMN_FOLLOWS)->i;
			to->unfollows += table_at(&t, row, COLUMN_UNFOLLOWS)->i;
		}
	}
	table_free(&t);
	return er;
}

static enum error
read_events(struct alert_week *w, struct store *store, int64_t deadline_ms)
{
	const struct conf	*c = w->conf;
	char			 why[160];
	struct db		*db;
	enum error		 er = ERR_OK;
	size_t			 i;

	if ((db = questions_open(&c->set, store, deadline_ms, why, sizeof(why))) == NULL)
		return ERR_STORE;
	for (i = 0; i < c->n && er == ERR_OK; i++)
		if ((er = ask_follows(&w->accounts[i].week, db, c, &c->accounts[i],
		    w->monday)) == ERR_OK)
			er = ask_follows(&w->accounts[i].before, db, c, &c->accounts[i],
			    w->monday - WEEK);
	db_close(db);
	return er;
}

enum error
alert_week_read(struct alert_week *w, const struct conf *c, struct store *store, int64_t monday,
    int64_t deadline_ms)
{
	enum error	 er;
	size_t		 i;

	*w = (struct alert_week){ .monday = monday, .conf = c };
	if ((w->accounts = calloc(c->n + 1, sizeof(*w->accounts))) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < c->n; i++) {
		w->accounts[i].account = &c->accounts[i];
		w->accounts[i].last_day = -1;
	}
	if ((er = read_counters(w, store, deadline_ms)) == ERR_OK && c->set.collector != 0 &&
	    store != NULL)
		er = read_events(w, store, deadline_ms);
	return er == ERR_STORE && w->is_counted ? ERR_OK : er;
}

void
alert_week_free(struct alert_week *w)
{
	free(w->accounts);
	w->accounts = NULL;
}

static bool
is_nothing(const struct alert_week_numbers *n)
{
	return n->received == 0 && n->follows <= 0 && n->unfollows <= 0;
}

bool
alert_week_is_empty(const struct alert_week *w)
{
	size_t	 i;

	for (i = 0; i < w->conf->n; i++)
		if (!is_nothing(&w->accounts[i].week) || !is_nothing(&w->accounts[i].before))
			return false;
	return true;
}

/*
 * Text.
 */

/* Writes ", +12%": how much more there is than before.  "": nothing to compare. */
static void
write_change(char text[32], int64_t n, int64_t before)
{
	*text = '\0';
	if (before > 0)
		(void)snprintf(text, 32, lang_text(", %+lld%%"),
		    (long long)((n - before) * 100 / before));
}

static enum error
append_pushes(struct buf *out, const struct alert_week_account *a)
{
	const struct alert_week_numbers	*n = &a->week;
	char				 change[32];

	write_change(change, n->received, a->before.received);
	return buf_printf(out, lang_text("%s: %lld pushes (the week before %lld%s)\n"
	    "  delivered at once %lld, queued %lld, dead %lld, repeats %lld, refused %lld, "
	    "answered 503 %lld\n"), a->account->name, (long long)n->received,
	    (long long)a->before.received, change, (long long)n->delivered, (long long)n->queued,
	    (long long)n->dead, (long long)n->repeats, (long long)n->refused,
	    (long long)n->unsafe);
}

static enum error
append_late(struct buf *out, const struct alert_week_numbers *n)
{
	return n->late_delivered == 0 && n->late_dead == 0 ? ERR_OK : buf_printf(out,
	    lang_text("  of what had waited, delivered %lld, dead %lld\n"),
	    (long long)n->late_delivered, (long long)n->late_dead);
}

static enum error
append_times(struct buf *out, const struct alert_week_account *a)
{
	return a->week.p50_ms == -1 ? ERR_OK : buf_printf(out,
	    lang_text("  half of the answers within %lld ms, 99%% within %lld ms\n"),
	    (long long)a->week.p50_ms, (long long)a->week.p99_ms);
}

static enum error
append_follows(struct buf *out, const struct alert_week_account *a)
{
	return a->week.follows == -1 ? ERR_OK : buf_printf(out,
	    lang_text("  follows %lld, unfollows %lld (the week before %lld, %lld)\n"),
	    (long long)a->week.follows, (long long)a->week.unfollows,
	    (long long)a->before.follows, (long long)a->before.unfollows);
}

static enum error
append_last(struct buf *out, const struct alert_week_account *a)
{
	char	 day[CALENDAR_DAY_TEXT];

	if (a->last_day == -1)
		return buf_puts(out, lang_text("  no push for two weeks: is the URL still set in "
		    "WeChat's console?\n"));
	calendar_day_text(day, a->last_day);
	return buf_printf(out, lang_text("  last push: %s, between %02d:00 and %02d:00\n"), day,
	    a->last_hour, a->last_hour + 1);
}

enum error
alert_week_text(struct buf *out, const struct alert_week *w)
{
	const struct alert_week_account	*a;
	char				 from[CALENDAR_DAY_TEXT], to[CALENDAR_DAY_TEXT];
	enum error			 er;

	calendar_day_text(from, w->monday);
	calendar_day_text(to, w->monday + WEEK - 1);
	er = buf_printf(out, lang_text("the week from %s to %s\n"), from, to);
	for (a = w->accounts; a != w->accounts + w->conf->n && er == ERR_OK; a++)
		if ((er = append_pushes(out, a)) == ERR_OK &&
		    (er = append_late(out, &a->week)) == ERR_OK &&
		    (er = append_times(out, a)) == ERR_OK &&
		    (er = append_follows(out, a)) == ERR_OK)
			er = append_last(out, a);
	return er;
}

/*
 * JSON.
 */

static const struct {
	const char	*name;
	size_t		 at;
} members[] = {
#define MEMBER(name)	{ #name, offsetof(struct alert_week_numbers, name) }
	MEMBER(received), MEMBER(delivered), MEMBER(queued), MEMBER(dead), MEMBER(repeats),
	MEMBER(unsafe), MEMBER(refused), MEMBER(late_delivered), MEMBER(late_dead),
	MEMBER(p50_ms), MEMBER(p99_ms), MEMBER(follows), MEMBER(unfollows),
};

static enum error
append_numbers(struct buf *out, const char *name, const struct alert_week_numbers *n)
{
	enum error	 er = buf_printf(out, ",\"%s\":{", name);
	int64_t		 i;
	size_t		 k;

	for (k = 0; k < sizeof(members) / sizeof(members[0]) && er == ERR_OK; k++) {
		memcpy(&i, (const char *)n + members[k].at, sizeof(i));
		er = i == -1 ? buf_printf(out, "%s\"%s\":null", k == 0 ? "" : ",",
		    members[k].name) : buf_printf(out, "%s\"%s\":%lld", k == 0 ? "" : ",",
		    members[k].name, (long long)i);
	}
	return er == ERR_OK ? buf_putc(out, '}') : er;
}

static enum error
append_account(struct buf *out, const struct alert_week_account *a)
{
	char		 day[CALENDAR_DAY_TEXT];
	enum error	 er;

	if ((er = buf_puts(out, "{\"account\":")) != ERR_OK ||
	    (er = json_write_string(out, slice_of(a->account->name))) != ERR_OK ||
	    (er = append_numbers(out, "week", &a->week)) != ERR_OK ||
	    (er = append_numbers(out, "before", &a->before)) != ERR_OK)
		return er;
	if (a->last_day == -1)
		return buf_puts(out, ",\"last_push\":null}");
	calendar_day_text(day, a->last_day);
	return buf_printf(out, ",\"last_push\":\"%sT%02d:00+08:00\"}", day, a->last_hour);
}

enum error
alert_week_json(struct buf *out, const struct alert_week *w)
{
	char		 from[CALENDAR_DAY_TEXT], to[CALENDAR_DAY_TEXT];
	enum error	 er;
	size_t		 i;

	calendar_day_text(from, w->monday);
	calendar_day_text(to, w->monday + WEEK - 1);
	er = buf_printf(out, "\"from\":\"%s\",\"to\":\"%s\",\"accounts\":[", from, to);
	for (i = 0; i < w->conf->n && er == ERR_OK; i++)
		if (i == 0 || (er = buf_putc(out, ',')) == ERR_OK)
			er = append_account(out, &w->accounts[i]);
	return er == ERR_OK ? buf_putc(out, ']') : er;
}
