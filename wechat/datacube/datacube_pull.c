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
	STORE_MS	= 10000,	/* patience with other processes */
	CALL_MS		= 20000,	/* for a call to WeChat */
	ANSWER_MAX	= 16 * 1024 * 1024,
	KEPT_S		= 6 * 3600,	/* pages of an answer not older than that are its pages */
	OFF_S		= 7 * 86400,	/* until WeChat is asked again what it did not allow */
	DAY_S		= 86400,
	CHINA_S		= 8 * 3600
};

struct job {
	const struct datacube_endpoint	*e;
	struct datacube_span		 span;
};

/* One account's turn. */
struct pulling {
	struct datacube_pull		*p;
	struct datacube_pull_sum	*sum;
	const struct account		*a;
	struct job			*jobs;
	size_t				 n, cap;
	struct datacube_known		*known;		/* of the end point that is planned */
	struct api_answer		 answer;
	struct datacube_pull_sum	 before;	/* a transaction may run twice */
};

/* What an answer means for what is still to be asked. */
enum next {
	GO_ON,
	LEAVE_ENDPOINT,		/* in this run */
	LEAVE_ACCOUNT
};

static void
say(const struct pulling *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(const struct pulling *g, const char *fmt, ...)
{
	char	 line[512];
	int	 n = snprintf(line, sizeof(line), "%s: ", g->a->path);
	va_list	 ap;

	if (n < 0 || (size_t)n >= sizeof(line))
		n = 0;
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	g->p->say(g->p->ctx, line);
}

static bool
in_store(struct pulling *g, enum store_need need, store_work *work, void *arg)
{
	char		 why[256];
	enum error	 er;

	er = store_do(g->p->store, need, work, arg, clock_mono_ms() + STORE_MS);
	if (er == ERR_OK)
		return true;
	store_why(g->p->store, why, sizeof(why));
	say(g, "%s", er == ERR_STORE && *why != '\0' ? why : error_table[er].name);
	return false;
}

static bool
stopping(const struct pulling *g)
{
	return atomic_load(g->p->stop_ms) != 0;
}

/*
 * The plan.
 */

static enum error
add_job(struct pulling *g, const struct datacube_endpoint *e, const struct datacube_span *span)
{
	struct job	*p;
	size_t		 cap;

	if (g->n == g->cap) {
		cap = g->cap == 0 ? 64 : g->cap * 2;
		if ((p = realloc(g->jobs, cap * sizeof(*p))) == NULL)
			return ERR_NOMEM;
		g->jobs = p;
		g->cap = cap;
	}
	g->jobs[g->n++] = (struct job){ e, *span };
	return ERR_OK;
}

/* The days of the range; without --from from the first that was ever asked for. */
static enum error
range_of(struct datacube_span *range, struct db *db, const struct pulling *g,
    const struct datacube_endpoint *e)
{
	int64_t		 from = g->p->from;
	enum error	 er = ERR_OK;

	if (from == DATACUBE_DEFAULT)
		er = datacube_tables_first(db, &from, g->a->appid, e);
	*range = datacube_range(e, from, g->p->to, g->p->now_s);
	return er;
}

/* The range of an end point, and in g->known what is known of its days. */
static enum error
load(struct pulling *g, struct db *db, struct datacube_span *range,
    const struct datacube_endpoint *e)
{
	struct datacube_known	*p;
	enum error		 er;

	if ((er = range_of(range, db, g, e)) != ERR_OK || range->end < range->begin)
		return er;
	p = realloc(g->known, (size_t)(range->end - range->begin + 1) * sizeof(*p));
	if (p == NULL)
		return ERR_NOMEM;
	g->known = p;
	return datacube_tables_known(db, p, g->a->appid, e, range);
}

static enum error
plan_days(struct pulling *g, struct db *db, const struct datacube_endpoint *e)
{
	struct datacube_span	 range, call;
	enum error		 er = load(g, db, &range, e);
	int64_t			 from = range.begin;

	while (er == ERR_OK && datacube_plan(&call, e, &range, g->p->all ? NULL : g->known, from,
	    g->p->now_s)) {
		er = add_job(g, e, &call);
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
plan_endpoint(struct pulling *g, struct db *db, const struct datacube_endpoint *e)
{
	struct datacube_tables_pause	 pause;
	enum error			 er;

	if (g->p->retry && (er = datacube_tables_end_pause(db, g->a->appid, e)) != ERR_OK)
		return er;
	if ((er = datacube_tables_pause(db, &pause, g->a->appid, e, g->p->now_s)) != ERR_OK)
		return er;
	if (pause.until_s != 0) {
		g->sum->off++;
		return ERR_OK;
	}
	return plan_days(g, db, e);
}

/* Begins from the start each time: a transaction may run twice. */
static enum error
plan(struct db *db, void *arg)
{
	struct pulling			*g = arg;
	const struct datacube_endpoint	*e;
	enum error			 er;

	*g->sum = g->before;
	g->n = 0;
	if ((er = datacube_tables_prepare(db)) != ERR_OK)
		return er;
	if (g->p->retry && (er = datacube_tables_end_pause(db, g->a->appid, NULL)) != ERR_OK)
		return er;
	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
		if (is_chosen(g->p, e))
			er = plan_endpoint(g, db, e);
	g->sum->planned += (int64_t)g->n;
	return er;
}

/* What was empty, or delayed, and is to be asked for again. */
static void
count_again(struct pulling *g, const struct datacube_endpoint *e,
    const struct datacube_span *range)
{
	const struct datacube_known	*k;
	int64_t				 unit, at_s;

	for (unit = range->begin; unit <= range->end; unit = datacube_unit(e, unit + 1)) {
		k = &g->known[unit - range->begin];
		if (!datacube_again(e, unit, k, g->p->now_s))
			continue;
		at_s = k->asked_s + DATACUBE_AGAIN_S;
		if (g->sum->again++ == 0 || at_s < g->sum->again_s)
			g->sum->again_s = at_s;
	}
}

static enum error
look_again(struct db *db, void *arg)
{
	struct pulling			*g = arg;
	const struct datacube_endpoint	*e;
	struct datacube_span		 range;
	enum error			 er = ERR_OK;

	g->sum->again = g->before.again;
	g->sum->again_s = g->before.again_s;
	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
		if (is_chosen(g->p, e) &&
		    (er = load(g, db, &range, e)) == ERR_OK)
			count_again(g, e, &range);
	return er;
}

/*
 * One call.
 */

static enum api_result
ask(struct pulling *g, const struct datacube_tables_call *c)
{
	char		 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT], body[96], query[160];
	struct api_call	 call = {
		.account = g->a, .answer_max = ANSWER_MAX,
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
	result = api_call(g->p->tokens, g->p->http, &g->answer, &g->p->conf->set, &call);
	g->sum->calls += g->answer.calls;
	return result;
}

static void
say_call(const struct pulling *g, const struct datacube_tables_call *c, const char *why,
    const char *what)
{
	char	 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];

	calendar_day_text(begin, c->span.begin);
	calendar_day_text(end, c->span.end);
	say(g, "%s %s%s%s: %s%s%s", c->e->name, begin, *end != '\0' ? " to " : "", end, why,
	    *what != '\0' ? ": " : "", what);
}

struct pausing {
	const struct account		*a;
	const struct datacube_endpoint	*e;	/* NULL: the account */
	struct datacube_tables_pause	 pause;
};

static enum error
set_pause(struct db *db, void *arg)
{
	const struct pausing	*w = arg;

	return datacube_tables_set_pause(db, w->a->appid, w->e, &w->pause);
}

static bool
pause_until(struct pulling *g, const struct datacube_endpoint *e, int64_t until_s)
{
	struct pausing	 w = { g->a, e, { g->p->now_s, until_s, g->answer.errcode } };

	return in_store(g, STORE_WRITE, set_pause, &w);
}

static enum next
switch_off(struct pulling *g, const struct datacube_tables_call *c)
{
	if (!pause_until(g, c->e, g->p->now_s + OFF_S))
		return LEAVE_ACCOUNT;
	g->sum->off++;
	say(g, "%s is switched off for 7 days, or until --retry: %s", c->e->name, g->answer.why);
	return LEAVE_ENDPOINT;
}

/* The quota is one of China's days. */
static enum next
until_tomorrow(struct pulling *g, const struct datacube_tables_call *c)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;

	(void)pause_until(g, NULL, (calendar_day_at(now_s) + 1) * DAY_S - CHINA_S);
	say_call(g, c, g->answer.why, "nothing more today (in China)");
	return LEAVE_ACCOUNT;
}

static enum next
refused(struct pulling *g, const struct datacube_tables_call *c)
{
	switch (errcode_of(g->answer.errcode)->kind) {
	case ERRCODE_DENIED:
		return switch_off(g, c);
	case ERRCODE_DAY:
		return until_tomorrow(g, c);
	case ERRCODE_BUG:
		say_call(g, c, "qtoa asks what WeChat does not allow, which is a fault of qtoa: "
		    "please report it", g->answer.why);
		return LEAVE_ENDPOINT;
	case ERRCODE_BUSY:
	case ERRCODE_OTHER:
		say_call(g, c, g->answer.why, "left for the next run");
		return LEAVE_ENDPOINT;
	case ERRCODE_TOKEN:
	case ERRCODE_ADDRESS:
	case ERRCODE_SETTING:
	case ERRCODE_MINUTE:
	case ERRCODE__MAX:
		break;
	}
	say_call(g, c, g->answer.why, "");
	return LEAVE_ACCOUNT;
}

static enum error
find_page(struct db *db, void *arg)
{
	struct datacube_tables_call	*c = arg;

	return datacube_tables_page(db, c, clock_wall_ms() / 1000 - KEPT_S);
}

static enum error
put(struct db *db, void *arg)
{
	return datacube_tables_put(db, arg);
}

/* An answer goes into the store. */
static enum next
keep(struct pulling *g, struct datacube_tables_put *put_, const struct datacube_tables_call *c)
{
	if (!in_store(g, STORE_WRITE, put, put_))
		return LEAVE_ACCOUNT;
	if (put_->result == DATACUBE_STRANGE) {
		say_call(g, c, "WeChat's answer has no list", "left for the next run");
		return LEAVE_ENDPOINT;
	}
	g->sum->rows += put_->rows;
	if (put_->odd > 0)
		say_call(g, c, "some rows have the keys of others, or another day: of each key one "
		    "is kept", "");
	return GO_ON;
}

/* A call with all its pages. */
static enum next
do_job(struct pulling *g, const struct job *job)
{
	struct datacube_tables_call	 c = {
		.appid = g->a->appid, .e = job->e, .span = job->span, .page = 1,
	};
	struct datacube_tables_put	 put_ = { .call = &c, .result = DATACUBE_MORE };
	enum next			 next = GO_ON;

	if (c.e->ads && !in_store(g, STORE_WRITE, find_page, &c))
		return LEAVE_ACCOUNT;
	for (; next == GO_ON && put_.result == DATACUBE_MORE; c.page++) {
		if (stopping(g))
			return LEAVE_ACCOUNT;
		put_.asked_s = clock_wall_ms() / 1000;
		switch (ask(g, &c)) {
		case API_OK:
			put_.body = buf_slice(&g->answer.body);
			next = keep(g, &put_, &c);
			break;
		case API_REFUSED:
			return refused(g, &c);
		case API_FAILED:
			say_call(g, &c, g->answer.why, "");
			return LEAVE_ACCOUNT;
		}
	}
	return next;
}

static int64_t
count_units(const struct job *job)
{
	int64_t	 n = 0, unit;

	for (unit = job->span.begin; unit <= job->span.end;
	    unit = datacube_unit(job->e, unit + 1))
		n++;
	return n;
}

/* What is left undone from this job on: of its end point, or of all. */
static size_t
leave(struct pulling *g, size_t i, enum next next)
{
	const struct datacube_endpoint	*e = g->jobs[i].e;
	const bool			 off = errcode_of(g->answer.errcode)->kind == ERRCODE_DENIED;

	for (; i < g->n && (next == LEAVE_ACCOUNT || g->jobs[i].e == e); i++)
		if (next == LEAVE_ACCOUNT || !off)
			g->sum->missing += count_units(&g->jobs[i]);
	return i;
}

static void
run(struct pulling *g)
{
	enum next	 next;
	size_t		 i = 0;

	while (i < g->n) {
		if (stopping(g)) {
			(void)leave(g, i, LEAVE_ACCOUNT);
			return;
		}
		next = do_job(g, &g->jobs[i]);
		g->sum->done++;
		i = next == GO_ON ? i + 1 : leave(g, i, next);
		g->p->progress(g->p->ctx, g->sum);
	}
}

struct looking {
	const struct pulling		*g;
	struct datacube_tables_pause	 pause;
};

static enum error
look_pause(struct db *db, void *arg)
{
	struct looking	*k = arg;

	return datacube_tables_pause(db, &k->pause, k->g->a->appid, NULL, k->g->p->now_s);
}

/* Whether WeChat's quota of today allows anything. */
static bool
may_run(struct pulling *g)
{
	struct looking	 k = { .g = g };
	char		 day[CALENDAR_DAY_TEXT];

	if (!in_store(g, STORE_READ, look_pause, &k))
		return false;
	if (k.pause.until_s == 0)
		return true;
	calendar_day_text(day, calendar_day_at(k.pause.until_s));
	say(g, "WeChat's quota is used up (errcode %lld): asked on %s (China), or with --retry",
	    (long long)k.pause.errcode, day);
	return false;
}

bool
datacube_pull_account(struct datacube_pull *p, struct datacube_pull_sum *sum, const struct account *a)
{
	struct pulling	 g = { .p = p, .sum = sum, .a = a, .before = *sum };
	unsigned char	 key[LOCK_KEY];
	struct lock	 claim;
	bool		 good = false;

	lock_name(key, "datacube", a->appid);
	if (lock_take(p->locks, &claim, key, 0) != LOCK_MINE) {
		say(&g, "another process is pulling its statistics");
		return false;
	}
	if ((good = in_store(&g, STORE_WRITE, plan, &g)) && g.n != 0) {
		p->progress(p->ctx, sum);
		if (may_run(&g))
			run(&g);
		else
			(void)leave(&g, 0, LEAVE_ACCOUNT);
	}
	good = good && in_store(&g, STORE_READ, look_again, &g);
	lock_release(p->locks, &claim, false);
	buf_free(&g.answer.body);
	free(g.known);
	free(g.jobs);
	return good;
}
