#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/lang.h"
#include "state/lease.h"
#include "wechat/api.h"
#include "wechat/datacube/datacube_pull.h"
#include "wechat/datacube/datacube_tables.h"
#include "wechat/errcode.h"

enum {
	STORE_MS	= 10000,	/* wait for other processes that use the store */
	CALL_MS		= 20000,	/* time for a call to WeChat */
	ANSWER_MAX	= 16 * 1024 * 1024,	/* bytes */
	KEPT_S		= 6 * 3600,	/* after that, stored pages are asked for again */
	OFF_S		= 7 * CALENDAR_DAY_S,	/* pause of a forbidden end point */
	FAILURES_MAX	= 3,	/* calls of an end point that never answers */
	ENDPOINTS_MAX	= 64	/* see datacube_pull.chosen */
};

/* A planned call to an end point, for the units in a span of days. */
struct planned_call {
	const struct datacube_endpoint	*e;
	struct datacube_span		 span;
	bool				 inner;	/* an earlier unit was stored by another run */
};

/* The pull of one account. */
struct account_pull {
	struct datacube_pull		*pull;
	struct datacube_pull_sum	*sum;
	const struct account		*account;
	struct lease			 lease;
	struct planned_call		*calls;
	size_t				 n, cap;
	struct datacube_known		*known;		/* of the end point being planned */
	struct api_answer		 answer;
	struct datacube_pull_sum	 before;	/* the sums at first */

	/* Of the end point that is being asked: how many of its calls worked, and did not. */
	int				 answered, failed;
	bool				 inner;	/* as in the planned call that is being made */
	int				 silent;	/* end points in a row without an answer */
	char				 why[256];	/* the last call is left for this reason */
	struct pull_gap {
		int64_t			 units;
		char			 why[320];
	}				 gaps[ENDPOINTS_MAX];	/* what is missing */
};

/* What to do after an answer. */
enum next_step {
	GO_ON,
	SKIP_CALL,		/* leave this call for the next run */
	SKIP_ENDPOINT,		/* leave its other calls, too */
	SKIP_ACCOUNT,
	FORGET_ENDPOINT		/* make no other calls, and nothing is missing */
};

/* Reports a line that begins with the account, in the language of the command line. */
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
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, lang_text(fmt), args);
	va_end(args);
	ap->pull->say(ap->pull->ctx, line);
}

static bool
work_in_store(struct account_pull *ap, enum store_need need, store_work *work, void *arg)
{
	char		*why = ap->why;
	enum error	 er;

	er = store_do(ap->pull->store, need, work, arg, clock_mono_ms() + STORE_MS);
	if (er == ERR_OK)
		return true;
	store_why(ap->pull->store, why, sizeof(ap->why));
	if (er != ERR_STORE || *why == '\0')
		(void)snprintf(why, sizeof(ap->why), "%s", lang_text(error_table[er].name));
	report_line(ap, "%s", why);
	return false;
}

/* False, and why says so: nothing more may be stored. */
static bool
keep_lease(struct account_pull *ap)
{
	const bool	 kept = lease_keep(ap->pull->store, &ap->lease);

	if (!kept)
		(void)snprintf(ap->why, sizeof(ap->why), "another host may be pulling now");
	return kept;
}

/* True, and why says so: no further call is made. */
static bool
is_stopping(struct account_pull *ap)
{
	if (atomic_load(ap->pull->stop_ms) == 0)
		return !keep_lease(ap);
	(void)snprintf(ap->why, sizeof(ap->why), "stopped");
	return true;
}

/*
 * Planning the calls.
 */

static enum error
add_planned_call(struct account_pull *ap, const struct datacube_endpoint *e,
    const struct datacube_span *span, int64_t first)
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
	ap->calls[ap->n++] = (struct planned_call){ e, *span,
	    first != DATACUBE_DEFAULT && first < span->begin };
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
	int64_t			 from = range.begin, first = DATACUBE_DEFAULT;

	if (er == ERR_OK)
		er = datacube_tables_first(db, &first, ap->account->appid, e);
	while (er == ERR_OK && datacube_plan(&call, e, &range, ap->pull->all ? NULL : ap->known,
	    from, ap->pull->now_s)) {
		er = add_planned_call(ap, e, &call, first);
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
	char	 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT], said[LANG_PARTS];

	calendar_day_text(begin, c->span.begin);
	calendar_day_text(end, c->span.end);
	report_line(ap, "%s %s%s%s%s%s%s%s", c->e->name, begin,
	    *end != '\0' ? lang_text(" to ") : "", end, lang_text(": "), lang_parts(said, why),
	    *what != '\0' ? lang_text(": ") : "", lang_text(what));
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
	char	 said[LANG_PARTS];

	if (!pause_until(ap, c->e, ap->pull->now_s + OFF_S))
		return SKIP_ACCOUNT;
	ap->sum->off++;
	report_line(ap, "%s is switched off for 7 days, or until --retry: %s", c->e->name,
	    lang_parts(said, ap->answer.why));
	return FORGET_ENDPOINT;
}

/* Reports why a call is left for the next run, and keeps the reason for the summary. */
static enum next_step
leave_call(struct account_pull *ap, const struct datacube_tables_call *c, const char *why,
    const char *what, enum next_step next)
{
	report_call(ap, c, why, what);
	(void)snprintf(ap->why, sizeof(ap->why), "%s", why);
	return next;
}

/*
 * A call has failed in a way that says nothing about other end points.  The end point's next call
 * is made only if the next run asks for this one again: it does so from the first stored unit on.
 */
static enum next_step
leave_endpoint(struct account_pull *ap, const struct datacube_tables_call *c, const char *why)
{
	ap->failed++;
	return leave_call(ap, c, why, "left for the next run",
	    ap->inner && ap->answered == 0 && ap->failed < FAILURES_MAX ? SKIP_CALL :
	    SKIP_ENDPOINT);
}

/* There was no answer to a call. */
static enum next_step
handle_silence(struct account_pull *ap, const struct datacube_tables_call *c)
{
	if (++ap->silent < DATACUBE_PULL_SILENT)
		return leave_call(ap, c, ap->answer.why, "left for the next run", SKIP_ENDPOINT);
	return leave_call(ap, c, ap->answer.why, "several end points do not answer; all others of "
	    "the account are left for the next run", SKIP_ACCOUNT);
}

/* Pauses the account, since the quota is used up until the end of the day in China. */
static enum next_step
pause_until_tomorrow(struct account_pull *ap, const struct datacube_tables_call *c)
{
	const int64_t	 now_s = store_now_ms(ap->pull->store) / 1000;

	(void)pause_until(ap, NULL, calendar_day_start(calendar_day_at(now_s) + 1));
	return leave_call(ap, c, ap->answer.why, "nothing more today (in China)", SKIP_ACCOUNT);
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
		report_line(ap, "qtoa made a call that WeChat does not allow; this is a bug of "
		    "qtoa, please report it");
		return leave_endpoint(ap, c, ap->answer.why);
	case ERRCODE_BUSY:
	case ERRCODE_SETTING:
	case ERRCODE_USER:
	case ERRCODE_OTHER:
		return leave_endpoint(ap, c, ap->answer.why);
	case ERRCODE_TOKEN:
	case ERRCODE_ADDRESS:
	case ERRCODE_MINUTE:
	case ERRCODE__MAX:
		break;
	}
	return leave_call(ap, c, ap->answer.why, "", SKIP_ACCOUNT);
}

static enum error
find_next_page(struct db *db, void *arg)
{
	struct datacube_tables_call	*c = arg;

	return datacube_tables_page(db, c, db_stored_s(db, clock_wall_ms() / 1000) - KEPT_S);
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
	if (answer->result == DATACUBE_STRANGE)
		return leave_endpoint(ap, c, "WeChat's answer has no list");
	ap->sum->rows += answer->rows;
	ap->answered++;
	if (answer->odd > 0)
		report_call(ap, c, "some rows have the same key, or are of another day",
		    "one row of each key is kept");
	return GO_ON;
}

/* Makes a call for one page. */
static enum next_step
ask_page(struct account_pull *ap, struct datacube_tables_put *answer,
    const struct datacube_tables_call *c)
{
	enum api_result	 result;

	if (is_stopping(ap))
		return SKIP_ACCOUNT;
	answer->asked_s = store_now_ms(ap->pull->store) / 1000;
	result = call_wechat(ap, c);
	if (result != API_NO_ANSWER)
		ap->silent = 0;
	if (!keep_lease(ap))
		return SKIP_ACCOUNT;
	switch (result) {
	case API_OK:
		answer->body = buf_slice(&ap->answer.body);
		return keep_answer(ap, answer, c);
	case API_REFUSED:
		return handle_refusal(ap, c);
	case API_STRANGE:
		return leave_endpoint(ap, c, ap->answer.why);
	case API_NO_ANSWER:
		return handle_silence(ap, c);
	case API_NO_TOKEN:
		break;
	}
	return leave_call(ap, c, ap->answer.why, "", SKIP_ACCOUNT);
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

	ap->inner = call->inner;
	if (c.e->ads && !work_in_store(ap, STORE_WRITE, find_next_page, &c))
		return SKIP_ACCOUNT;
	for (; next == GO_ON && answer.result == DATACUBE_MORE; c.page++)
		next = ask_page(ap, &answer, &c);
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

/* Notes that the numbers of a call are missing.  The first reason of an end point counts. */
static void
add_gap(struct account_pull *ap, const struct planned_call *call, bool asked)
{
	struct pull_gap	*gap = &ap->gaps[call->e - datacube_endpoints];
	const int64_t	 units = count_units(call);
	char		 said[LANG_PARTS];

	if (gap->units == 0)
		(void)snprintf(gap->why, sizeof(gap->why), "%s%s", asked ? "" :
		    lang_text("not asked: "), lang_parts(said, ap->why));
	gap->units += units;
	ap->sum->missing += units;
}

/*
 * Skips planned calls from i on: that call, those of its end point, or all.  asked: the call was
 * made.  Returns the index of the next call.
 */
static size_t
skip_calls(struct account_pull *ap, size_t i, enum next_step next, bool asked)
{
	const struct datacube_endpoint	*e = ap->calls[i].e;
	const size_t			 end = next == SKIP_CALL ? i + 1 : ap->n;

	for (; i < end && (next == SKIP_ACCOUNT || ap->calls[i].e == e); i++)
		if (next != FORGET_ENDPOINT)
			add_gap(ap, &ap->calls[i], asked && ap->calls[i].e == e);
	return i;
}

static void
make_calls(struct account_pull *ap)
{
	enum next_step	 next;
	size_t		 i = 0;

	while (i < ap->n) {
		if (i == 0 || ap->calls[i].e != ap->calls[i - 1].e)
			ap->answered = ap->failed = 0;
		next = make_call(ap, &ap->calls[i]);
		ap->sum->done++;
		i = next == GO_ON ? i + 1 : skip_calls(ap, i, next, true);
		ap->pull->progress(ap->pull->ctx, ap->sum);
	}
}

static void
report_gaps(const struct account_pull *ap)
{
	const struct datacube_endpoint	*e;
	struct datacube_pull_gap	 gap = { .account = ap->account };

	for (e = datacube_endpoints; e->name != NULL; e++) {
		gap.e = e;
		gap.units = ap->gaps[e - datacube_endpoints].units;
		gap.why = ap->gaps[e - datacube_endpoints].why;
		if (gap.units != 0)
			ap->pull->missing(ap->pull->ctx, &gap);
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
	(void)snprintf(ap->why, sizeof(ap->why), lang_text("WeChat's quota is used up (errcode "
	    "%lld)"), (long long)k.pause.errcode);
	report_line(ap, "%s; run this again on %s (in China), or now with --retry", ap->why, day);
	return false;
}

bool
datacube_pull_account(struct datacube_pull *p, struct datacube_pull_sum *sum,
    const struct account *a)
{
	struct account_pull	 ap = { .pull = p, .sum = sum, .account = a, .before = *sum };
	bool			 good = false;

	if (lease_take_long(p->store, &ap.lease, "datacube", a->appid, 0) != LOCK_MINE) {
		report_line(&ap, "another process is pulling its statistics; wait until it has "
		    "ended");
		return false;
	}
	if ((good = work_in_store(&ap, STORE_WRITE, plan_account, &ap)) && ap.n != 0) {
		p->progress(p->ctx, sum);
		if (has_quota(&ap))
			make_calls(&ap);
		else
			(void)skip_calls(&ap, 0, SKIP_ACCOUNT, false);
		report_gaps(&ap);
	}
	good = good && work_in_store(&ap, STORE_READ, count_all_later_units, &ap);
	lease_end(p->store, &ap.lease, false);
	buf_free(&ap.answer.body);
	free(ap.known);
	free(ap.calls);
	return good;
}
