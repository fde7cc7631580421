#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "wechat/api.h"
#include "wechat/datacube/datacube_pull.h"
#include "wechat/datacube/datacube_tables.h"
#include "wechat/errcode.h"

enum {
	STORE_MS	= 10000,	/* wait for other processes that use the store */
	CALL_MS		= 20000,	/* time for a call to WeChat */
	ANSWER_MAX	= 16 * 1024 * 1024,	/* bytes */
	KEPT_S		= 6 * 3600,	/* after that, stored pages are asked for again */
	OFF_S		= 7 * CALENDAR_DAY_S	/* pause of a forbidden end point */
};

/* A planned call to an end point, for the units in a span of days. */
struct planned_call {
	const struct datacube_endpoint	*e;
	struct datacube_span		 span;
};

/* The pull of one account. */
struct account_pull {
	struct datacube_pull		*pull;
	struct datacube_pull_sum	*sum;
	const struct account		*account;
	struct planned_call		*calls;
	size_t				 n, cap;
	struct datacube_known		*known;		/* of the end point being planned */
	struct api_answer		 answer;
	struct datacube_pull_sum	 before;	/* the sums at first */
};

/* What to do after an answer. */
enum next_step {
	GO_ON,
	SKIP_ENDPOINT,		/* skip its other calls in this run */
	SKIP_ACCOUNT
};

/* Reports a line that begins with the account. */
static void
report_line(const struct account_pull *ap, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
report_line(const struct account_pull *ap, const char *fmt, ...)
{
	char	 line[512];
	int	 n = snprintf(line, sizeof(line), "%s: ", ap->account->path);
	va_list	 args;

	if (n < 0 || (size_t)n >= sizeof(line))
		n = 0;
	va_start(args, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	va_end(args);
	ap->pull->say(ap->pull->ctx, line);
}

static bool
work_in_store(struct account_pull *ap, enum store_need need, store_work *work, void *arg)
{
	char		 why[256];
	enum error	 er;

	er = store_do(ap->pull->store, need, work, arg, clock_mono_ms() + STORE_MS);
	if (er == ERR_OK)
		return true;
	store_why(ap->pull->store, why, sizeof(why));
	report_line(ap, "%s", er == ERR_STORE && *why != '\0' ? why : error_table[er].name);
	return false;
}

static bool
is_stopping(const struct account_pull *ap)
{
	return atomic_load(ap->pull->stop_ms) != 0;
}

/*
 * Planning the calls.
 */

static enum error
add_planned_call(struct account_pull *ap, const struct datacube_endpoint *e,
    const struct datacube_span *span)
{
	struct planned_call	*p;
	size_t			 cap;

	if (ap->n == ap->cap) {
		cap = ap->cap == 0 ? 64 : ap->cap * 2;
		if ((p = realloc(ap->calls, cap * sizeof(*p))) == NULL)
			return ERR_NOMEM;
		ap->calls = p;
		ap->cap = cap;
	}
	ap->calls[ap->n++] = (struct planned_call){ e, *span };
	return ERR_OK;
}

/* The days to ask for.  Without --from they begin with the first day ever asked for. */
static enum error
range_of(struct datacube_span *range, struct db *db, const struct account_pull *ap,
    const struct datacube_endpoint *e)
{
	int64_t		 from = ap->pull->from;
	enum error	 er = ERR_OK;

	if (from == DATACUBE_DEFAULT)
		er = datacube_tables_first(db, &from, ap->account->appid, e);
	*range = datacube_range(e, from, ap->pull->to, ap->pull->now_s);
	return er;
}

/* Reads the range of an end point, and into ap->known the last answers for its days. */
static enum error
load_known(struct account_pull *ap, struct db *db, struct datacube_span *range,
    const struct datacube_endpoint *e)
{
	struct datacube_known	*p;
	enum error		 er;

	if ((er = range_of(range, db, ap, e)) != ERR_OK || range->end < range->begin)
		return er;
	p = realloc(ap->known, (size_t)(range->end - range->begin + 1) * sizeof(*p));
	if (p == NULL)
		return ERR_NOMEM;
	ap->known = p;
	return datacube_tables_known(db, p, ap->account->appid, e, range);
}

static enum error
plan_days(struct account_pull *ap, struct db *db, const struct datacube_endpoint *e)
{
	struct datacube_span	 range, call;
	enum error		 er = load_known(ap, db, &range, e);
	int64_t			 from = range.begin;

	while (er == ERR_OK && datacube_plan(&call, e, &range, ap->pull->all ? NULL : ap->known,
	    from, ap->pull->now_s)) {
		er = add_planned_call(ap, e, &call);
		from = call.end + 1;
	}
	return er;
}

static bool
is_chosen(const struct datacube_pull *p, const struct datacube_endpoint *e)
{
	return p->chosen == 0 || (p->chosen >> (e - datacube_endpoints) & 1) != 0;
}

static enum error
plan_endpoint(struct account_pull *ap, struct db *db, const struct datacube_endpoint *e)
{
	struct datacube_tables_pause	 pause;
	enum error			 er;

	if (ap->pull->retry && (er = datacube_tables_end_pause(db, ap->account->appid,
	    e)) != ERR_OK)
		return er;
	if ((er = datacube_tables_pause(db, &pause, ap->account->appid, e,
	    ap->pull->now_s)) != ERR_OK)
		return er;
	if (pause.until_s != 0) {
		ap->sum->off++;
		return ERR_OK;
	}
	return plan_days(ap, db, e);
}

/* Plans all calls of the account.  A transaction may run twice, so the sums are set back first. */
static enum error
plan_account(struct db *db, void *arg)
{
	struct account_pull		*ap = arg;
	const struct datacube_endpoint	*e;
	enum error			 er;

	*ap->sum = ap->before;
	ap->n = 0;
	if ((er = datacube_tables_prepare(db)) != ERR_OK)
		return er;
	if (ap->pull->retry && (er = datacube_tables_end_pause(db, ap->account->appid,
	    NULL)) != ERR_OK)
		return er;
	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
		if (is_chosen(ap->pull, e))
			er = plan_endpoint(ap, db, e);
	ap->sum->planned += (int64_t)ap->n;
	return er;
}

/* Counts the units of an end point that will be due later. */
static void
count_later_units(struct account_pull *ap, const struct datacube_endpoint *e,
    const struct datacube_span *range)
{
	const struct datacube_known	*k;
	int64_t				 unit, at_s;

	for (unit = range->begin; unit <= range->end; unit = datacube_unit(e, unit + 1)) {
		k = &ap->known[unit - range->begin];
		if (!datacube_is_due_later(e, unit, k, ap->pull->now_s))
			continue;
		at_s = k->asked_s + DATACUBE_AGAIN_S;
		if (ap->sum->again++ == 0 || at_s < ap->sum->again_s)
			ap->sum->again_s = at_s;
	}
}

static enum error
count_all_later_units(struct db *db, void *arg)
{
	struct account_pull		*ap = arg;
	const struct datacube_endpoint	*e;
	struct datacube_span		 range;
	enum error			 er = ERR_OK;

	ap->sum->again = ap->before.again;
	ap->sum->again_s = ap->before.again_s;
	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
		if (is_chosen(ap->pull, e) &&
		    (er = load_known(ap, db, &range, e)) == ERR_OK)
			count_later_units(ap, e, &range);
	return er;
}

/*
 * Making the calls.
 */

static enum api_result
call_wechat(struct account_pull *ap, const struct datacube_tables_call *c)
{
	char		 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT], body[96], query[160];
	struct api_call	 call = {
		.account = ap->account, .answer_max = ANSWER_MAX,
		.deadline_ms = clock_mono_ms() + CALL_MS,
	};
	char		 path[64] = "/publisher/stat";
	enum api_result	 result;

	calendar_day_text(begin, c->span.begin);
	calendar_day_text(end, c->span.end);
	if (c->e->ads) {
		(void)snprintf(query, sizeof(query), "action=%s&page=%d&page_size=%d&"
		    "start_date=%s&end_date=%s", c->e->name, c->page, DATACUBE_PAGE, begin, end);
		call.query = query;
	} else {
		(void)snprintf(path, sizeof(path), "/datacube/%s", c->e->name);
		(void)snprintf(body, sizeof(body), "{\"begin_date\":\"%s\",\"end_date\":\"%s\"}",
		    begin, end);
		call.body = slice_of(body);
	}
	call.path = path;
	result = api_call(ap->pull->tokens, ap->pull->http, &ap->answer, &ap->pull->conf->set,
	    &call);
	ap->sum->calls += ap->answer.calls;
	return result;
}

static void
report_call(const struct account_pull *ap, const struct datacube_tables_call *c, const char *why,
    const char *what)
{
	char	 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];

	calendar_day_text(begin, c->span.begin);
	calendar_day_text(end, c->span.end);
	report_line(ap, "%s %s%s%s: %s%s%s", c->e->name, begin, *end != '\0' ? " to " : "", end,
	    why, *what != '\0' ? ": " : "", what);
}

/* Arguments of store_pause(), which runs as a store_work. */
struct pause_args {
	const struct account		*a;
	const struct datacube_endpoint	*e;	/* NULL: the account */
	struct datacube_tables_pause	 pause;
};

static enum error
store_pause(struct db *db, void *arg)
{
	const struct pause_args	*w = arg;

	return datacube_tables_set_pause(db, w->a->appid, w->e, &w->pause);
}

static bool
pause_until(struct account_pull *ap, const struct datacube_endpoint *e, int64_t until_s)
{
	struct pause_args	 w = { ap->account, e, { ap->pull->now_s, until_s,
	    ap->answer.errcode } };

	return work_in_store(ap, STORE_WRITE, store_pause, &w);
}

/* Pauses an end point that WeChat does not allow. */
static enum next_step
switch_endpoint_off(struct account_pull *ap, const struct datacube_tables_call *c)
{
	if (!pause_until(ap, c->e, ap->pull->now_s + OFF_S))
		return SKIP_ACCOUNT;
	ap->sum->off++;
	report_line(ap, "%s is switched off for 7 days, or until --retry: %s", c->e->name,
	    ap->answer.why);
	return SKIP_ENDPOINT;
}

/* Pauses the account, since the quota is used up until the end of the day in China. */
static enum next_step
pause_until_tomorrow(struct account_pull *ap, const struct datacube_tables_call *c)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;

	(void)pause_until(ap, NULL, calendar_day_start(calendar_day_at(now_s) + 1));
	report_call(ap, c, ap->answer.why, "nothing more today (in China)");
	return SKIP_ACCOUNT;
}

static enum next_step
handle_refusal(struct account_pull *ap, const struct datacube_tables_call *c)
{
	switch (errcode_of(ap->answer.errcode)->kind) {
	case ERRCODE_DENIED:
		return switch_endpoint_off(ap, c);
	case ERRCODE_DAY:
		return pause_until_tomorrow(ap, c);
	case ERRCODE_BUG:
		report_call(ap, c, "qtoa made a call that WeChat does not allow; this is a bug of "
		    "qtoa, please report it", ap->answer.why);
		return SKIP_ENDPOINT;
	case ERRCODE_BUSY:
	case ERRCODE_USER:
	case ERRCODE_OTHER:
		report_call(ap, c, ap->answer.why, "left for the next run");
		return SKIP_ENDPOINT;
	case ERRCODE_TOKEN:
	case ERRCODE_ADDRESS:
	case ERRCODE_SETTING:
	case ERRCODE_MINUTE:
	case ERRCODE__MAX:
		break;
	}
	report_call(ap, c, ap->answer.why, "");
	return SKIP_ACCOUNT;
}

static enum error
find_next_page(struct db *db, void *arg)
{
	struct datacube_tables_call	*c = arg;

	return datacube_tables_page(db, c, clock_wall_ms() / 1000 - KEPT_S);
}

static enum error
store_answer(struct db *db, void *arg)
{
	return datacube_tables_put(db, arg);
}

/* Stores an answer. */
static enum next_step
keep_answer(struct account_pull *ap, struct datacube_tables_put *answer,
    const struct datacube_tables_call *c)
{
	if (!work_in_store(ap, STORE_WRITE, store_answer, answer))
		return SKIP_ACCOUNT;
	if (answer->result == DATACUBE_STRANGE) {
		report_call(ap, c, "WeChat's answer has no list", "left for the next run");
		return SKIP_ENDPOINT;
	}
	ap->sum->rows += answer->rows;
	if (answer->odd > 0)
		report_call(ap, c, "some rows have the same key, or are of another day: one row of "
		    "each key is kept", "");
	return GO_ON;
}

/* Makes a call, with all its pages. */
static enum next_step
make_call(struct account_pull *ap, const struct planned_call *call)
{
	struct datacube_tables_call	 c = {
		.appid = ap->account->appid, .e = call->e, .span = call->span, .page = 1,
	};
	struct datacube_tables_put	 answer = { .call = &c, .result = DATACUBE_MORE };
	enum next_step			 next = GO_ON;

	if (c.e->ads && !work_in_store(ap, STORE_WRITE, find_next_page, &c))
		return SKIP_ACCOUNT;
	for (; next == GO_ON && answer.result == DATACUBE_MORE; c.page++) {
		if (is_stopping(ap))
			return SKIP_ACCOUNT;
		answer.asked_s = clock_wall_ms() / 1000;
		switch (call_wechat(ap, &c)) {
		case API_OK:
			answer.body = buf_slice(&ap->answer.body);
			next = keep_answer(ap, &answer, &c);
			break;
		case API_REFUSED:
			return handle_refusal(ap, &c);
		case API_FAILED:
			report_call(ap, &c, ap->answer.why, "");
			return SKIP_ACCOUNT;
		}
	}
	return next;
}

static int64_t
count_units(const struct planned_call *call)
{
	int64_t	 n = 0, unit;

	for (unit = call->span.begin; unit <= call->span.end;
	    unit = datacube_unit(call->e, unit + 1))
		n++;
	return n;
}

/* Skips planned calls from i on: those of its end point, or all.  Returns the next call's index. */
static size_t
skip_calls(struct account_pull *ap, size_t i, enum next_step next)
{
	const struct datacube_endpoint	*e = ap->calls[i].e;
	const bool			 off =
	    errcode_of(ap->answer.errcode)->kind == ERRCODE_DENIED;

	for (; i < ap->n && (next == SKIP_ACCOUNT || ap->calls[i].e == e); i++)
		if (next == SKIP_ACCOUNT || !off)
			ap->sum->missing += count_units(&ap->calls[i]);
	return i;
}

static void
make_calls(struct account_pull *ap)
{
	enum next_step	 next;
	size_t		 i = 0;

	while (i < ap->n) {
		if (is_stopping(ap)) {
			(void)skip_calls(ap, i, SKIP_ACCOUNT);
			return;
		}
		next = make_call(ap, &ap->calls[i]);
		ap->sum->done++;
		i = next == GO_ON ? i + 1 : skip_calls(ap, i, next);
		ap->pull->progress(ap->pull->ctx, ap->sum);
	}
}

/* Arguments of read_account_pause(), which runs as a store_work. */
struct pause_query {
	const struct account_pull	*ap;
	struct datacube_tables_pause	 pause;
};

static enum error
read_account_pause(struct db *db, void *arg)
{
	struct pause_query	*k = arg;

	return datacube_tables_pause(db, &k->pause, k->ap->account->appid, NULL,
	    k->ap->pull->now_s);
}

/* False: WeChat's quota of today is used up, and the user was told so. */
static bool
has_quota(struct account_pull *ap)
{
	struct pause_query	 k = { .ap = ap };
	char			 day[CALENDAR_DAY_TEXT];

	if (!work_in_store(ap, STORE_READ, read_account_pause, &k))
		return false;
	if (k.pause.until_s == 0)
		return true;
	calendar_day_text(day, calendar_day_at(k.pause.until_s));
	report_line(ap, "WeChat's quota is used up (errcode %lld); run this again on %s (in "
	    "China), or now with --retry",
	    (long long)k.pause.errcode, day);
	return false;
}

bool
datacube_pull_account(struct datacube_pull *p, struct datacube_pull_sum *sum,
    const struct account *a)
{
	struct account_pull	 ap = { .pull = p, .sum = sum, .account = a, .before = *sum };
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	bool			 good = false;

	lock_name(key, "datacube", a->appid);
	if (lock_take(p->locks, &lock, key, 0) != LOCK_MINE) {
		report_line(&ap, "another process is pulling its statistics; wait until it has "
		    "ended");
		return false;
	}
	if ((good = work_in_store(&ap, STORE_WRITE, plan_account, &ap)) && ap.n != 0) {
		p->progress(p->ctx, sum);
		if (has_quota(&ap))
			make_calls(&ap);
		else
			(void)skip_calls(&ap, 0, SKIP_ACCOUNT);
	}
	good = good && work_in_store(&ap, STORE_READ, count_all_later_units, &ap);
	lock_release(p->locks, &lock, false);
	buf_free(&ap.answer.body);
	free(ap.known);
	free(ap.calls);
	return good;
}
