#include <stdio.h>
#include <string.h>

#include "collector/arrival_fold.h"
#include "core/clock.h"
#include "monitor/health.h"
#include "monitor/health_state.h"
#include "monitor/metrics.h"
#include "report/page.h"
#include "server/docroot.h"
#include "server/endpoints.h"
#include "server/guard.h"
#include "state/lock.h"

enum {
	REPORTS	  = 4,		/* workers that make one or wait; the others are for messages */
	TURN_MS	  = 4000,	/* to wait for the report of another worker or process */
	FOLD_MS	  = 500,	/* to count what came since the last look */
	REPORT_MS = 20000	/* for a report's questions to the store */
};

/*
 * Servers that have no files give "/" as the root: it tells nothing.  Roots are the same in every
 * request, so the worker remembers those that are good.
 */
enum error
endpoints_check_docroot(struct worker *w)
{
	struct slice	 root;
	struct buf	*known;
	size_t		 i;

	for (i = 0; i < REQUEST_ROOTS; i++) {
		root = w->request->roots[i];
		known = &w->roots[i];
		if (root.len <= 1 ||
		    (root.len == known->len && memcmp(root.p, known->p, root.len) == 0))
			continue;
		known->len = 0;
		if (buf_put(known, root.p, root.len) != ERR_OK || buf_putc(known, '\0') != ERR_OK)
			return ERR_OK;
		known->len = 0;
		if (docroot_has(known->p, w->app->conf.set.state_dir))
			return ERR_SERVED;
		known->len = root.len;
	}
	return ERR_OK;
}

static void
answer_json(struct worker *w)
{
	w->reply.type = "application/json";
	w->reply.body = buf_slice(&w->out);
}

/* Tells the log what was collected, or why it was not. */
static void
log_collected(struct worker *w)
{
	const struct collect_result	*c = &w->collected;

	w->entry.account = c->account;
	w->entry.detail = c->repeat ? "counted before" : c->why;
	w->entry.again = c->repeat;
	if (c->read) {
		w->entry.event = c->event != NULL ? c->event : "-";
		w->entry.user = c->user;
	}
}

enum error
endpoints_collect(struct worker *w)
{
	/* An envelope has WeChat's body as a JSON string, where a byte may become six. */
	const size_t	 max = (size_t)w->app->conf.set.body_max * 6 + 4096;
	const int64_t	 deadline_ms = worker_deadline(w);
	enum error	 er;
	bool		 entered;

	w->entry.verdict = "collect";
	w->entry.counts_as = COUNTER_COLLECTED;
	if (w->collector == NULL && (w->collector = collect_new(&w->app->conf,
	    w->app->services.store, w->app->unionid)) == NULL)
		return ERR_NOMEM;
	if ((er = request_body(w->request, max, deadline_ms)) != ERR_OK)
		return er;
	entered = worker_enter_network(w);
	er = collect_message(w->collector, &w->collected, &w->out, &w->request->body, deadline_ms);
	worker_leave_network(w, entered);
	log_collected(w);
	if (er != ERR_OK)
		return er;
	w->entry.code = w->collected.code;
	if (strcmp(w->collected.code, COLLECT_DONE) != 0)
		w->entry.level = LEVEL_NOTICE;
	answer_json(w);
	return ERR_OK;
}

/*
 * Makes a page, while no other worker or process makes one: a question about a million events takes
 * memory and a processor for seconds.  ERR_BUSY: the others take too long.
 */
static enum error
make_page(struct worker *w, struct page_reply *page, const struct page_request *q)
{
	const struct services	*s = &w->app->services;
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	enum error		 er;

	lock_name(key, "report", "");
	if (lock_take(s->locks, &lock, key, clock_mono_ms() + TURN_MS) != LOCK_MINE)
		return ERR_BUSY;
	arrival_fold_all(s->conf, s->store, s->arrivals, FOLD_MS);
	er = page_make(page, &w->out, &w->app->conf, s->store, q, w->why, sizeof(w->why));
	lock_release(s->locks, &lock, false);
	return er;
}

/* Fewer than the workers, so that one is left for a message. */
static int
reports_of(const struct worker *w)
{
	const int	 n = w->app->conf.set.threads - 1;

	return n < 1 ? 1 : n < REPORTS ? n : REPORTS;
}

enum error
endpoints_report(struct worker *w)
{
	const struct request		*r = w->request;
	const struct page_request	 q = {
		.path = r->path, .query = &r->query, .language = r->language,
		.deadline_ms = r->accepted_ms + REPORT_MS,
	};
	struct page_reply		 page;
	enum error			 er;

	w->entry.verdict = "page";
	if ((er = guard_check(w, w->app->conf.set.report_allow)) != ERR_OK)
		return er;
	er = ERR_BUSY;
	if (atomic_fetch_add(&w->app->reports, 1) < reports_of(w))
		er = make_page(w, &page, &q);
	(void)atomic_fetch_sub(&w->app->reports, 1);
	w->entry.detail = w->why;
	if (er == ERR_BUSY)
		w->reply = (struct reply){
			.headers = "Retry-After: 5\r\n",
			.body = slice_of("another report is being made: try again soon\n"),
		};
	if (er == ERR_OK)
		w->reply = (struct reply){
			.status = page.status, .type = page.type, .headers = page.headers,
			.body = buf_slice(&w->out),
		};
	return er;
}

/* Reads the state of the program.  ERR_ADDRESS, ERR_HOST: the client may not see it. */
static enum error
read_health_state(struct worker *w, struct health_state *h)
{
	const struct services	*s = &w->app->services;
	enum error		 er;

	if ((er = guard_check(w, w->app->conf.set.metrics_allow)) != ERR_OK)
		return er;
	return health_state_read(h, s->conf, s->store, s->breakers, true, worker_deadline(w));
}

enum error
endpoints_metrics(struct worker *w)
{
	struct health_state	 h = { .conf = NULL };
	enum error		 er;

	w->entry.verdict = "metrics";
	if ((er = read_health_state(w, &h)) == ERR_OK &&
	    (er = metrics_make(&w->out, &h)) == ERR_OK) {
		w->entry.level = LEVEL_DEBUG;
		w->reply.type = METRICS_TYPE;
		w->reply.body = buf_slice(&w->out);
	}
	health_state_free(&h);
	return er;
}

enum error
endpoints_health(struct worker *w)
{
	struct health_state	 h = { .conf = NULL };
	enum error		 er;
	bool			 good;

	w->entry.verdict = "health";
	if ((er = read_health_state(w, &h)) == ERR_OK &&
	    (er = health_make(&w->out, &good, &h)) == ERR_OK) {
		w->entry.level = good ? LEVEL_DEBUG : LEVEL_NOTICE;
		w->reply.status = good ? 200 : 503;
		answer_json(w);
	}
	health_state_free(&h);
	return er;
}

/* ERR_OFTEN: so many wrong keys came from the client's address that no key is looked at. */
static enum error
check_tries(struct worker *w)
{
	const int64_t	 left_ms = key_limit_left_ms(w->app->keys, w->entry.account,
			    w->request->peer, clock_mono_ms());

	if (left_ms == 0)
		return ERR_OK;
	(void)snprintf(w->token.headers, sizeof(w->token.headers), "Retry-After: %d\r\n",
	    (int)((left_ms + 999) / 1000));
	w->reply.headers = w->token.headers;
	w->entry.detail = "too many wrong keys";
	w->entry.hint = "somebody at this address guesses at .control_key, or has an old one";
	return ERR_OFTEN;
}

enum error
endpoints_token(struct worker *w)
{
	const struct request			*r = w->request;
	const struct services			*s = &w->app->services;
	const struct token_server_request	 q = {
		.account = w->entry.account, .query = &r->query, .authorization = r->authorization,
		.peer = r->peer, .deadline_ms = worker_deadline(w),
		.hidden = guard_hides_client(w, w->entry.account->control_allow),
	};
	enum error				 er;
	bool					 entered;

	w->entry.verdict = "token";
	w->entry.counts_as = COUNTER_TOKEN;
	if ((er = check_tries(w)) != ERR_OK)
		return er;
	w->token.body = &w->out;
	entered = worker_enter_network(w);
	er = token_server_answer(&w->token, &w->app->conf.set, s->tokens, s->store, &q);
	worker_leave_network(w, entered);
	w->entry.detail = w->token.why;
	if (er == ERR_KEY)
		key_limit_add(w->app->keys, w->entry.account, r->peer, clock_mono_ms());
	if (er == ERR_ADDRESS && q.hidden)
		guard_explain(w);
	else if (er == ERR_ADDRESS)
		w->entry.hint = "list the address in the account's .control_allow if it may have "
		    "the token";
	if (er != ERR_KEY && er != ERR_ADDRESS) {
		answer_json(w);
		w->reply.headers = w->token.headers;
	}
	return er;
}
