#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/hex.h"
#include "core/log.h"
#include "core/thread.h"
#include "crypto.h"
#include "forwarder/caller.h"
#include "forwarder/destination.h"
#include "net/http_multi.h"
#include "passive.h"
#include "relay/late_reply.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/log_ratelimit.h"
#include "state/store.h"
#include "wechat/api.h"

enum {
	PLACES_MAX	= 512,		/* calls on the wire at once */
	TURN_MS		= 500,
	IDLE_MS		= 60000,
	BUSY_MS		= 2000,		/* the longest wait for other processes at the store */
	USUAL_SHARE	= 8,		/* the last answer's share in what is usual */
	DELIVERIES	= 3,		/* of one message by WeChat, at most */
	TAKEN_MS	= 1000,		/* within which the last delivery takes an answer */
	NEXT_MS		= 6000,		/* within which the next delivery takes it: WeChat's 5 s */
	SEND_MS		= 5000,		/* for a customer-service message */
	DOING_MAX	= 8		/* workers that make a call themselves */
};

/* Calls in the order in which they came. */
struct call_list {
	struct call	*first, **end;
};

struct caller {
	const struct services	*s;
	struct http_multi	*multi;
	bool			 threads;
	pthread_mutex_t		 lock;		/* of all that follows but for what is atomic */
	struct call_list	 added;		/* not yet with the multi */
	struct call_list	 left;		/* done, to be settled */
	struct call_list	 late;		/* settled, with a reply that nobody has taken yet;
						   the settler's */
	struct answer_table	*answers;	/* NULL: no relay answers */
	struct crypto		*crypto;	/* these two are the calling thread's */
	struct passive_judged	 judged;
	pthread_cond_t		 settle;	/* left has one more, or it stops */
	struct call		*idle;
	_Atomic int		*under_way;	/* of each destination */
	int			 all;		/* under way, or to be settled */
	bool			 asleep;	/* the thread must be woken */
	bool			 stopping, ended;
	bool			 started[2];
	pthread_t		 thread[2];
	_Atomic int		*usual_ms;	/* of each destination */
	_Atomic int		 doing;		/* workers that make a call themselves */
};

static void
append_call(struct call_list *list, struct call *call)
{
	call->next = NULL;
	*list->end = call;
	list->end = &call->next;
}

static struct call *
take_call(struct call_list *list)
{
	struct call	*call = list->first;

	if (call != NULL && (list->first = call->next) == NULL)
		list->end = &list->first;
	return call;
}

void
caller_group_init(struct call_group *g)
{
	thread_cond_init(&g->changed);
	g->events = g->seen = 0;
}

void
caller_group_fini(struct call_group *g)
{
	(void)pthread_cond_destroy(&g->changed);
}

static size_t
number_of(const struct caller *c, const struct account *to)
{
	return (size_t)(to - c->s->conf->accounts);
}

/* So many calls may be on the wire: one to each destination from each worker. */
static int
places_of(const struct conf *c)
{
	const size_t	 n = (size_t)c->set.threads * conf_destinations(c);

	return n < PLACES_MAX ? (int)n : PLACES_MAX;
}

/* True: some relay answers users. */
static bool
has_answers(const struct conf *c)
{
	size_t	 i;

	for (i = c->n; i < conf_destinations(c); i++)
		if (conf_relay(c, &c->accounts[i])->answers == 1)
			return true;
	return false;
}

struct answer_table *
caller_answers(const struct caller *c)
{
	return c->answers;
}

struct caller *
caller_new(const struct services *services, bool threads)
{
	const size_t	 n = conf_destinations(services->conf);
	struct caller	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->s = services;
	c->threads = threads;
	c->added.end = &c->added.first;
	c->left.end = &c->left.first;
	c->late.end = &c->late.first;
	(void)pthread_mutex_init(&c->lock, NULL);
	thread_cond_init(&c->settle);
	c->under_way = calloc(n + 1, sizeof(*c->under_way));
	c->usual_ms = calloc(n + 1, sizeof(*c->usual_ms));
	c->multi = http_multi_new(services->http, places_of(services->conf));
	if (has_answers(services->conf)) {
		c->answers = answer_table_new(services->conf->set.state_dir, services->locks);
		c->crypto = crypto_new();
	}
	if (c->under_way == NULL || c->usual_ms == NULL || c->multi == NULL ||
	    (has_answers(services->conf) && (c->answers == NULL || c->crypto == NULL))) {
		caller_free(c);
		return NULL;
	}
	return c;
}

static void
free_call(struct call *call)
{
	relay_request_free(&call->request);
	qt_client_result_free(&call->result);
	buf_free(&call->user);
	buf_free(&call->reply);
	free(call);
}

void
caller_free(struct caller *c)
{
	struct call	*call;

	if (c == NULL)
		return;
	http_multi_free(c->multi);
	while ((call = c->idle) != NULL) {
		c->idle = call->next;
		free_call(call);
	}
	while ((call = take_call(&c->added)) != NULL || (call = take_call(&c->left)) != NULL ||
	    (call = take_call(&c->late)) != NULL)
		free_call(call);
	answer_table_free(c->answers);
	crypto_free(c->crypto);
	passive_judged_free(&c->judged);
	(void)pthread_cond_destroy(&c->settle);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->under_way);
	free(c->usual_ms);
	free(c);
}

struct call *
caller_take(struct caller *c)
{
	struct call	*call;

	(void)pthread_mutex_lock(&c->lock);
	if ((call = c->idle) != NULL)
		c->idle = call->next;
	(void)pthread_mutex_unlock(&c->lock);
	if (call == NULL && (call = calloc(1, sizeof(*call))) == NULL)
		return NULL;
	call->to = NULL;
	call->group = NULL;
	call->claimed = call->left = call->answers = false;
	atomic_store(&call->done, false);
	call->report = (struct breaker_report){ .change = BREAKER_SAME };
	return call;
}

void
caller_give_back(struct caller *c, struct call *call)
{
	buf_reset(&call->request.url);
	buf_reset(&call->request.headers);
	buf_reset(&call->request.body);
	buf_reset(&call->result.http.body);
	buf_reset(&call->user);
	buf_reset(&call->reply);
	(void)pthread_mutex_lock(&c->lock);
	call->next = c->idle;
	c->idle = call;
	(void)pthread_mutex_unlock(&c->lock);
}

bool
caller_is_jammed(const struct caller *c, const struct account *to)
{
	return atomic_load_explicit(&c->under_way[number_of(c, to)], memory_order_relaxed) >=
	    c->s->conf->set.threads;
}

int64_t
caller_usual_ms(const struct caller *c, const struct account *to)
{
	return atomic_load_explicit(&c->usual_ms[number_of(c, to)], memory_order_relaxed);
}

/* Learns from an answer.  If two threads do so at once, one answer may be forgotten. */
static void
note_usual(struct caller *c, const struct account *to, int ms)
{
	_Atomic int	*usual = &c->usual_ms[number_of(c, to)];
	const int	 was = atomic_load_explicit(usual, memory_order_relaxed);

	atomic_store_explicit(usual, was == 0 ? ms + 1 : was + (ms + 1 - was) / USUAL_SHARE,
	    memory_order_relaxed);
}

void
caller_begin(struct caller *c, struct call *call, struct call_group *g)
{
	const struct relay	*relay = conf_relay(c->s->conf, call->to);
	bool			 wake;

	call->http = (struct http_call){
		.url = relay == NULL ? call->to->qt_url : call->request.url.p,
		.headers = relay == NULL ? NULL : call->request.headers.p,
		.body = buf_slice(&call->request.body), .deadline_ms = call->deadline_ms,
	};
	call->group = g;
	call->begun_ms = clock_mono_ms();
	breaker_enter(c->s->breakers, call->to, &call->mark);
	(void)pthread_mutex_lock(&c->lock);
	append_call(&c->added, call);
	(void)atomic_fetch_add(&c->under_way[number_of(c, call->to)], 1);
	c->all++;
	wake = c->asleep;
	c->asleep = false;
	(void)pthread_mutex_unlock(&c->lock);
	if (wake)
		http_multi_wake(c->multi);
}

/* Reads an answer.  A message that was delivered is marked before anything else happens. */
static void
read_result(struct caller *c, struct call *call)
{
	destination_classify(&call->result, c->s->conf, call->to);
	if (call->result.outcome == QT_DELIVERED) {
		(void)dedup_mark(c->s->dedup, call->key, DEDUP_DONE);
		call->claimed = false;
		note_usual(c, call->to, call->result.http.ms);
	} else if (!call->result.alive) {
		atomic_store(&c->usual_ms[number_of(c, call->to)], 0);
	}
	breaker_leave(c->s->breakers, call->to, call->mark);
}

bool
caller_may_do(const struct caller *c, const struct account *to)
{
	return caller_usual_ms(c, to) != 0 &&
	    atomic_load_explicit(&c->doing, memory_order_relaxed) < DOING_MAX;
}

void
caller_do(struct caller *c, struct call *call)
{
	const struct services	*s = c->s;

	(void)atomic_fetch_add(&c->doing, 1);
	call->begun_ms = clock_mono_ms();
	breaker_enter(s->breakers, call->to, &call->mark);
	qt_client_post(s->http, &s->conf->set, &call->result, call->to,
	    buf_slice(&call->request.body), call->deadline_ms);
	read_result(c, call);
	atomic_store(&call->done, true);
	(void)atomic_fetch_sub(&c->doing, 1);
}

/*
 * The thread that makes the calls.
 */

static void
log_answer(const struct call *call, const char *what, const char *why)
{
	char	 hex[17];

	hex_encode(hex, call->message + 8, 8);
	log_msg(LEVEL_WARNING, "answer", "%s: %s%s%s; the user got no answer of it; key=%s",
	    call->to->name, what, *why != '\0' ? ": " : "", why, hex);
}

/*
 * Finds what the relay has answered, call->reply, and lets all deliveries of the message know.
 */
static void
read_answer(struct caller *c, struct call *call)
{
	const struct services	*s = c->s;
	const struct account	*owner = conf_owner(s->conf, call->to);
	struct passive_judged	*j = &c->judged;
	int			 n;

	if (call->result.outcome != QT_DELIVERED) {
		counters_late(s->counters, call->to, COUNTER_RELAY_SILENT, clock_wall_ms());
	} else if (passive_judge(j, c->crypto, owner, buf_slice(&call->user),
	    buf_slice(&call->result.http.body)) != ERR_OK || j->is == PASSIVE_BAD) {
		counters_late(s->counters, call->to, COUNTER_RELAY_UNUSABLE, clock_wall_ms());
		log_answer(call, "its answer is no reply of WeChat's", j->why);
	} else if (j->xml.p != NULL && buf_put(&call->reply, j->xml.p, j->xml.len) != ERR_OK) {
		call->reply.len = 0;
	}
	(void)answer_table_put(c->answers, &n, call->message, buf_slice(&call->reply));
	call->late_ms = clock_mono_ms() + (n >= DELIVERIES ? TAKEN_MS : NEXT_MS);
}

/* A call is done: the worker that waits for it gets it, or it is settled. */
static void
finish_call(struct caller *c, struct call *call)
{
	const struct services	*s = c->s;

	if (!services_stopping(s) && conf_relay(s->conf, call->to) == NULL &&
	    qt_client_standby(&call->http, call->to, &call->result.http)) {
		http_multi_add(c->multi, call, &call->result.http, &call->http);
		return;
	}
	read_result(c, call);
	if (call->answers)
		read_answer(c, call);
	(void)atomic_fetch_sub(&c->under_way[number_of(c, call->to)], 1);
	(void)pthread_mutex_lock(&c->lock);
	atomic_store(&call->done, true);
	if (call->left) {
		append_call(&c->left, call);
		(void)pthread_cond_signal(&c->settle);
	} else {
		c->all--;
		call->group->events++;
		(void)pthread_cond_signal(&call->group->changed);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

/* Gives the multi what was added.  The lock is held. */
static void
add_calls(struct caller *c)
{
	struct call	*call;

	while ((call = take_call(&c->added)) != NULL)
		http_multi_add(c->multi, call, &call->result.http, &call->http);
}

static void
work_on_calls(struct caller *c, int ms)
{
	struct call	*call;

	http_multi_wait(c->multi, ms);
	while ((call = http_multi_done(c->multi)) != NULL)
		finish_call(c, call);
}

static void *
run_calls(void *arg)
{
	struct caller	*c = arg;
	bool		 over = false;
	int		 ms;

	while (!over) {
		(void)pthread_mutex_lock(&c->lock);
		c->asleep = false;
		add_calls(c);
		over = c->stopping && c->all == 0;
		ms = c->all != 0 || c->stopping ? TURN_MS : IDLE_MS;
		c->asleep = true;
		(void)pthread_mutex_unlock(&c->lock);
		if (!over)
			work_on_calls(c, ms);
	}
	(void)pthread_mutex_lock(&c->lock);
	c->ended = true;
	(void)pthread_cond_signal(&c->settle);
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/*
 * The thread that settles what was left.
 */

struct settling {
	const struct services	*s;
	struct call_list	 calls;
};

static void
judge_call(const struct services *s, struct call *call)
{
	const int64_t	 now_ms = clock_wall_ms();

	memset(&call->row, 0, sizeof(call->row));
	memcpy(call->row.key, call->key, QUEUE_KEY);
	call->row.attempts = 1;
	call->row.state = QUEUE_PENDING;
	destination_judge(&call->row, &call->result, s->conf, call->to);
	call->row.next_ms = now_ms + queue_backoff_ms(1, hash_jitter(now_ms, 0));
	if (!(call->result.http.status == 0 && services_stopping(s)))
		breaker_judge(s->breakers, &call->report, call->to, &call->result, 0);
}

/* A store_work. */
static enum error
settle_calls(struct db *db, void *arg)
{
	struct settling	*st = arg;
	struct call	*call;
	enum error	 er = ERR_OK;

	for (call = st->calls.first; call != NULL && er == ERR_OK; call = call->next)
		if ((er = queue_settle_key(db, &call->row)) == ERR_OK)
			er = breaker_settle(st->s->breakers, &call->report, db);
	return er;
}

static void
log_call(const struct services *s, const struct call *call)
{
	const bool				 delivered = call->row.state == QUEUE_DELIVERED;
	const struct log_ratelimit_failure	 failure = {
		.level = delivered ? LEVEL_INFO : LEVEL_WARNING, .what = "relay",
		.account = call->to->name, .error = qt_client_names[call->result.outcome],
		.reason = "",
	};
	unsigned char				 key[QUEUE_KEY];
	struct logline				 l;
	char					 hex[17];

	if (log_wants(failure.level)) {
		log_begin(&l, failure.level, failure.what);
		log_str(&l, "account", call->to->name);
		log_str(&l, "verdict", delivered ? "delivered" :
		    call->row.state == QUEUE_DEAD ? "dead" : "queued");
		if (!delivered)
			log_str(&l, "class", qt_client_names[call->result.outcome]);
		memcpy(key, call->key, sizeof(key));
		destination_key(key, s->conf, call->to);
		hex_encode(hex, key + 8, 8);
		log_str(&l, "key", hex);
		if (call->result.http.status != 0)
			log_int(&l, "relay_status", call->result.http.status);
		log_int(&l, "relay_ms", call->result.http.ms);
		if (*call->result.http.why != '\0')
			log_str(&l, "detail", call->result.http.why);
	}
	if (!delivered)
		log_ratelimit_end(s->log_ratelimit, log_wants(failure.level) ? &l : NULL,
		    &failure);
	else if (log_wants(failure.level))
		log_end(&l);
}

/* Settles some calls, and makes them idle. */
static void
settle_list(struct caller *c, struct settling *st)
{
	static const enum counter	 counts[QUEUE__MAX] = {
		[QUEUE_PENDING]		= COUNTER_LATE_FAILED,
		[QUEUE_DELIVERED]	= COUNTER_LATE_DELIVERED,
		[QUEUE_DEAD]		= COUNTER_LATE_DEAD,
	};
	const struct services		*s = c->s;
	struct call			*call;
	enum error			 er;
	bool				 stopping = false;

	for (call = st->calls.first; call != NULL; call = call->next)
		judge_call(s, call);
	er = store_do(s->store, STORE_WRITE, settle_calls, st, clock_mono_ms() + BUSY_MS);
	while ((call = take_call(&st->calls)) != NULL) {
		if (er != ERR_OK)
			(void)breaker_settle(s->breakers, &call->report, NULL);
		breaker_log(s->breakers, &call->report);
		log_call(s, call);
		counters_late(s->counters, call->to, counts[call->row.state], clock_wall_ms());
		if (call->claimed)
			(void)dedup_mark(s->dedup, call->key, DEDUP_QUEUED);
		if (call->answers && call->reply.len != 0)
			append_call(&c->late, call);
		else
			caller_give_back(c, call);
		(void)pthread_mutex_lock(&c->lock);
		c->all--;
		stopping = c->stopping;
		(void)pthread_mutex_unlock(&c->lock);
	}
	if (stopping)	/* the other thread ends when nothing is left */
		http_multi_wake(c->multi);
}

/*
 * Replies that come late.
 */

/* Sends a reply as a customer-service message, once: a second one could be a repeat. */
static void
send_late_reply(struct caller *c, const struct call *call, struct slice xml)
{
	const struct account	*owner = conf_owner(c->s->conf, call->to);
	struct buf		 json = { 0 };
	struct api_answer	 answer = { .errcode = 0 };
	struct api_call		 send = {
		.account = owner, .path = LATE_REPLY_PATH,
		.deadline_ms = clock_mono_ms() + SEND_MS,
	};
	enum error		 er = late_reply_write(&json, xml, buf_slice(&call->user));

	if (er != ERR_OK) {
		log_answer(call, "its answer was late, and there is no customer-service message "
		    "of its type", "");
	} else {
		send.body = buf_slice(&json);
		if (api_call(c->s->tokens, c->s->http, &answer, &c->s->conf->set, &send) != API_OK)
			log_answer(call, "its answer was late, and WeChat did not take it as a "
			    "customer-service message", answer.why);
		else
			log_msg(LEVEL_NOTICE, "answer", "%s: its answer was late: the user got it "
			    "as a customer-service message", call->to->name);
	}
	buf_free(&answer.body);
	buf_free(&json);
}

/* A reply that no delivery has taken: the user gets it in another way, or not. */
static void
end_late_call(struct caller *c, struct call *call)
{
	const struct relay	*relay = conf_relay(c->s->conf, call->to);
	struct buf		 xml = { 0 };

	if (answer_table_take_late(c->answers, &xml, call->message)) {
		counters_late(c->s->counters, call->to, COUNTER_RELAY_LATE, clock_wall_ms());
		if (relay->late_reply == 1 && c->s->tokens != NULL)
			send_late_reply(c, call, buf_slice(&xml));
		else
			log_answer(call, "it answered when WeChat no longer asked", "");
	}
	buf_free(&xml);
	caller_give_back(c, call);
}

/* Looks at the late replies whose time has come, all of them if it stops; when the next one is. */
static int64_t
work_on_late(struct caller *c, bool stopping)
{
	struct call_list	 all = c->late;
	struct call		*call;
	int64_t			 next_ms = INT64_MAX;

	if (all.first == NULL)
		return next_ms;
	c->late.first = NULL;
	c->late.end = &c->late.first;
	while ((call = take_call(&all)) != NULL)
		if (stopping || clock_mono_ms() >= call->late_ms) {
			end_late_call(c, call);
		} else {
			if (call->late_ms < next_ms)
				next_ms = call->late_ms;
			append_call(&c->late, call);
		}
	return next_ms;
}

/* Waits until a call was left, the caller stops, or a late reply is due.  The lock is held. */
static void
wait_for_left(struct caller *c, int64_t until_ms)
{
	while (c->left.first == NULL && !c->ended && thread_wait(&c->settle, &c->lock, until_ms))
		;
}

static void *
run_settler(void *arg)
{
	struct caller	*c = arg;
	struct settling	 st = { .s = c->s };
	int64_t		 next_ms = INT64_MAX;
	bool		 over = false;

	while (!over) {
		st.calls.end = &st.calls.first;
		(void)pthread_mutex_lock(&c->lock);
		wait_for_left(c, next_ms);
		if ((st.calls.first = c->left.first) != NULL)
			st.calls.end = c->left.end;
		c->left.first = NULL;
		c->left.end = &c->left.first;
		over = c->ended && st.calls.first == NULL;
		(void)pthread_mutex_unlock(&c->lock);
		if (st.calls.first != NULL)
			settle_list(c, &st);
		next_ms = work_on_late(c, over);
	}
	return NULL;
}

bool
caller_start(struct caller *c)
{
	static void	*(*const run[2])(void *) = { run_calls, run_settler };
	int		 i;

	(void)pthread_mutex_lock(&c->lock);
	for (i = 0; i < 2; i++)
		c->started[i] = thread_start(&c->thread[i], run[i], c);
	(void)pthread_mutex_unlock(&c->lock);
	return c->started[0] && c->started[1];
}

void
caller_stop(struct caller *c)
{
	int	 i;

	if (c == NULL || !c->threads)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->stopping = true;
	if (!c->started[0])
		c->ended = true;
	(void)pthread_cond_signal(&c->settle);
	(void)pthread_mutex_unlock(&c->lock);
	http_multi_wake(c->multi);
	for (i = 0; i < 2; i++)
		if (c->started[i])
			(void)pthread_join(c->thread[i], NULL);
	c->started[0] = c->started[1] = false;
}

/*
 * Workers.
 */

void
caller_wait(struct caller *c, struct call_group *g, int64_t until_ms)
{
	int64_t	 left_ms = until_ms - clock_mono_ms();

	if (!c->threads) {
		add_calls(c);
		if (g->events == g->seen)
			work_on_calls(c, left_ms < 0 ? 0 : (int)left_ms);
	}
	(void)pthread_mutex_lock(&c->lock);
	while (c->threads && g->events == g->seen && thread_wait(&g->changed, &c->lock, until_ms))
		;
	g->seen = g->events;
	(void)pthread_mutex_unlock(&c->lock);
}

bool
caller_is_done(const struct call *call)
{
	return atomic_load_explicit(&call->done, memory_order_acquire);
}

void
caller_leave(struct caller *c, struct call *call)
{
	(void)pthread_mutex_lock(&c->lock);
	call->left = true;
	if (caller_is_done(call)) {
		c->all++;
		append_call(&c->left, call);
		(void)pthread_cond_signal(&c->settle);
	}
	(void)pthread_mutex_unlock(&c->lock);
}
