#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/hex.h"
#include "core/log.h"
#include "core/query.h"
#include "forwarder/breaker.h"
#include "forwarder/deliver.h"
#include "forwarder/drain.h"
#include "forwarder/qt_client.h"
#include "net/http_multi.h"
#include "sign.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "state/log_ratelimit.h"
#include "state/queue.h"
#include "state/store.h"
#include "wechat/push.h"

enum {
	FETCH_MS = 500,		/* an idle drainer fetches so often */
	LOCK_PAUSE_MS = 1000,	/* between two tries for an end point that others drain */
	BUSY_MS = 2000,		/* the longest wait for other processes at the store */
	STORE_PAUSE_MS = 250	/* between two tries while the store fails */
};

/* A message of the queue on its way to QT; the struct is used again and again. */
struct sending {
	struct sending		*next;		/* in its list */
	struct sending		*made;		/* the one that was allocated before it */
	struct endpoint_queue	*queue;
	const struct account	*account;
	struct queue_message	 row;		/* its slices point into the bufs below */
	char			 code[64];
	struct buf		 query, body, envelope;
	struct queue_place	 place;		/* its place in the queue when it was fetched */
	struct http_call	 call;
	struct qt_result	 qt;
	bool			 asked;		/* QT was asked: qt is its answer */
	struct breaker_report	 report;
};

/* The messages that wait for one end point. */
struct endpoint_queue {
	struct lock	 lock;		/* keeps other processes from draining it */
	bool		 locked;
	int64_t		 lock_ms;	/* when to try to lock again; 0: no other process had it */
	struct lock	 probe;
	bool		 probing;	/* probe is locked: the message under way is a probe */
	int		 fetched;	/* messages that the present fetch has found */
	int		 under_way;
	bool		 failed;	/* an attempt failed in this run */
	bool		 exhausted;	/* the last fetch found all that could be sent */
};

/* Sendings in the order in which they were appended. */
struct sending_list {
	struct sending	*first, **end;
};

struct drain {
	const struct services	*s;
	struct http_multi	*multi;
	struct signer		*signer;
	struct endpoint_queue	*queues;	/* index: breaker_endpoint() */
	size_t			 nqueues;
	struct queue_place	*place;		/* of each account: how far it was fetched */
	size_t			 first;		/* the account with which a fetch begins */
	int64_t			 fetch_ms;	/* when the last fetch was */
	struct sending		*made;		/* all of them, in use or not */
	struct sending		*idle;
	struct sending_list	 fetched;	/* to be sent */
	struct sending_list	 answered;	/* to be settled */
	bool			 unasked;	/* some were answered without QT: do not wait */
	int64_t			 start_ms;	/* when the run began, ms since the epoch */
	bool			 all;		/* see struct drain_order */
	struct drain_sum	 sum;
};

struct drain *
drain_new(const struct services *services)
{
	const size_t	 n = breaker_endpoints(services->breakers);
	struct drain	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->s = services;
	d->fetched.end = &d->fetched.first;
	d->answered.end = &d->answered.first;
	d->queues = calloc(n + 1, sizeof(*d->queues));
	d->place = calloc(services->conf->n + 1, sizeof(*d->place));
	d->signer = sign_new();
	d->multi = http_multi_new(services->http, (int)n * services->conf->set.drain_parallel);
	if (d->queues == NULL || d->place == NULL || d->signer == NULL || d->multi == NULL) {
		drain_free(d);
		return NULL;
	}
	d->nqueues = n;
	return d;
}

static struct endpoint_queue *
queue_of(const struct drain *d, const struct account *a)
{
	return &d->queues[breaker_endpoint(d->s->breakers, a)];
}

static size_t
account_index(const struct drain *d, const struct account *a)
{
	return (size_t)(a - d->s->conf->accounts);
}

/* True: this process is the one that drains the end point. */
static bool
lock_queue(struct drain *d, struct endpoint_queue *q, const struct account *a)
{
	unsigned char	 key[LOCK_KEY];

	if (q->locked || clock_mono_ms() < q->lock_ms)
		return q->locked;
	lock_name(key, "drain", a->qt_url);
	q->locked = lock_take(d->s->locks, &q->lock, key, 0) == LOCK_MINE;
	q->lock_ms = q->locked ? 0 : clock_mono_ms() + LOCK_PAUSE_MS;
	return q->locked;
}

static void
unlock_queue(struct drain *d, struct endpoint_queue *q)
{
	if (q->locked)
		lock_release(d->s->locks, &q->lock, false);
	q->locked = false;
}

/* True: we may probe a broken end point, and no request probes it at the same time. */
static bool
hold_probe(struct drain *d, struct endpoint_queue *q, const struct account *a)
{
	if (!q->probing)
		q->probing = breaker_take_probe(d->s->locks, &q->probe, a);
	return q->probing;
}

static void
end_probe(struct drain *d, struct endpoint_queue *q)
{
	if (q->probing)
		lock_release(d->s->locks, &q->probe, false);
	q->probing = false;
}

void
drain_free(struct drain *d)
{
	struct sending	*s;
	size_t		 i;

	if (d == NULL)
		return;
	http_multi_free(d->multi);
	for (i = 0; i < d->nqueues; i++) {
		end_probe(d, &d->queues[i]);
		unlock_queue(d, &d->queues[i]);
	}
	while ((s = d->made) != NULL) {
		d->made = s->made;
		buf_free(&s->query);
		buf_free(&s->body);
		buf_free(&s->envelope);
		qt_client_result_free(&s->qt);
		free(s);
	}
	sign_free(d->signer);
	free(d->queues);
	free(d->place);
	free(d);
}

static void
append_sending(struct sending_list *list, struct sending *s)
{
	s->next = NULL;
	*list->end = s;
	list->end = &s->next;
}

static struct sending *
take_sending(struct sending_list *list)
{
	struct sending	*s = list->first;

	if (s != NULL && (list->first = s->next) == NULL)
		list->end = &list->first;
	return s;
}

static struct sending *
take_idle(struct drain *d)
{
	struct sending	*s;

	if ((s = d->idle) != NULL) {
		d->idle = s->next;
	} else if ((s = calloc(1, sizeof(*s))) != NULL) {
		s->made = d->made;
		d->made = s;
	}
	return s;
}

static void
put_idle(struct drain *d, struct sending *s)
{
	s->next = d->idle;
	d->idle = s;
}

/*
 * Fetching: messages out of the store.
 */

/* Copies a column of a row into b and lets *s point there, since the row dies. */
static enum error
copy_column(struct buf *b, struct slice *s)
{
	enum error	 er;

	buf_reset(b);
	if (s->p == NULL)
		return ERR_OK;
	er = buf_put(b, s->p, s->len);
	*s = buf_slice(b);
	return er;
}

struct fetching {
	struct drain		*d;
	const struct account	*account;
};

/* Appends one row to d->fetched. */
static enum error
fetch_row(void *ctx, const struct queue_message *row)
{
	struct fetching	*f = ctx;
	struct sending	*s;
	enum error	 er;

	if ((s = take_idle(f->d)) == NULL)
		return ERR_NOMEM;
	append_sending(&f->d->fetched, s);
	s->account = f->account;
	s->queue = queue_of(f->d, f->account);
	s->queue->fetched++;
	s->row = *row;
	s->place = (struct queue_place){ row->next_ms, row->id };
	(void)snprintf(s->code, sizeof(s->code), "%.*s", (int)row->code.len,
	    row->code.p != NULL ? row->code.p : "");
	if ((er = copy_column(&s->query, &s->row.query)) == ERR_OK)
		er = copy_column(&s->body, &s->row.body);
	return er;
}

/* How many messages may be under way to an end point now; *probe: a message would be a probe. */
static int
places_of(const struct drain *d, bool *probe, const struct endpoint_queue *q,
    const struct account *a)
{
	int64_t	 probe_ms;

	*probe = false;
	switch (breaker_gate(d->s->breakers, a, &probe_ms)) {
	case GATE_GO:
		return d->s->conf->set.drain_parallel;
	case GATE_BROKEN:
		*probe = true;
		return d->all ? !q->failed : clock_wall_ms() >= probe_ms;
	case GATE_STOPPED:
		break;
	}
	return 0;
}

/* Fetches messages of one account, as many as its end point has free places. */
static enum error
fetch_account(struct drain *d, struct db *db, const struct account *a)
{
	struct endpoint_queue	*q = queue_of(d, a);
	struct fetching		 f = { d, a };
	int64_t			 due_ms = d->all ? d->start_ms : clock_wall_ms(), next_ms;
	bool			 probe;
	const int		 places = places_of(d, &probe, q, a);
	const int		 most = places - q->under_way;
	enum error		 er;

	if (most <= q->fetched) {
		/* The queue may have more messages than those under way. */
		q->exhausted = q->exhausted && places == 0;
		return ERR_OK;
	}
	if ((er = queue_next(db, a->path, &next_ms)) != ERR_OK || next_ms > due_ms ||
	    !lock_queue(d, q, a) || (probe && !hold_probe(d, q, a)))
		return er;
	er = queue_due(db, a->path, &d->place[account_index(d, a)], due_ms, most - q->fetched,
	    fetch_row, &f);
	q->exhausted = q->exhausted && q->fetched < most;
	return er;
}

/* A store_work: fills d->fetched. */
static enum error
fetch_all(struct db *db, void *arg)
{
	struct drain		*d = arg;
	const struct conf	*c = d->s->conf;
	struct sending		*s;
	enum error		 er;
	size_t			 i;

	while ((s = take_sending(&d->fetched)) != NULL)	/* left from a fetch that failed */
		put_idle(d, s);
	for (i = 0; i < d->nqueues; i++) {
		d->queues[i].fetched = 0;
		d->queues[i].exhausted = true;
	}
	er = breaker_load(db, d->s->breakers);
	for (i = 0; i < c->n && er == ERR_OK; i++)
		er = fetch_account(d, db, &c->accounts[(d->first + i) % c->n]);
	return er;
}

/*
 * Sending.
 */

static enum error
make_envelope(struct drain *d, struct sending *s)
{
	enum push_key	 which;
	struct query	 q;
	struct push	 p;
	enum error	 er;

	if (s->row.body.len == 0 || s->row.query.len == 0)
		return ERR_REQUEST;
	if ((er = query_parse(&q, s->query.p, s->query.len)) != ERR_OK ||
	    (er = push_read(&p, &which, &q, 0)) != ERR_OK)
		return er;
	return sign_envelope(d->signer, &s->envelope, s->account, &p, s->row.body,
	    clock_wall_ms());
}

/* Gives a message a result without asking QT. */
static void
answer_without_qt(struct drain *d, struct sending *s, enum qt_outcome outcome, const char *why)
{
	s->qt.code[0] = '\0';
	s->qt.alive = s->qt.page = false;
	s->qt.outcome = outcome;
	s->qt.http.status = s->qt.http.ms = 0;
	(void)snprintf(s->qt.http.why, sizeof(s->qt.http.why), "%s", why);
	s->asked = false;
	d->unasked = true;
	append_sending(&d->answered, s);
}

static void
send_message(struct drain *d, struct sending *s)
{
	enum dedup_as	 as;
	char		 why[64];
	enum error	 er;

	if (dedup_find(d->s->dedup, &as, s->row.key) == ERR_OK && as == DEDUP_DONE) {
		/* The process that sent it died before it could say so in the queue. */
		answer_without_qt(d, s, QT_DELIVERED, "QT has it already");
	} else if ((er = make_envelope(d, s)) != ERR_OK) {
		(void)snprintf(why, sizeof(why), "cannot be signed: %s", error_table[er].name);
		answer_without_qt(d, s, er == ERR_REQUEST || er == ERR_PARAM ?
		    QT_REFUSED : QT_RETRY, why);
	} else {
		s->call = (struct http_call){
			.url = s->account->qt_url, .body = buf_slice(&s->envelope),
			.deadline_ms = clock_mono_ms() + d->s->conf->set.forward_ms,
		};
		s->asked = true;
		http_multi_add(d->multi, s, &s->qt.http, &s->call);
	}
}

static void
send_fetched(struct drain *d)
{
	struct sending	*s;

	while ((s = take_sending(&d->fetched)) != NULL) {
		d->place[account_index(d, s->account)] = s->place;
		s->queue->under_way++;
		send_message(d, s);
	}
}

static void
receive_answers(struct drain *d)
{
	const bool	 stopping = services_stopping(d->s);
	struct sending	*s;

	while ((s = http_multi_done(d->multi)) != NULL) {
		if (!stopping && qt_client_standby(&s->call, s->account, &s->qt.http)) {
			http_multi_add(d->multi, s, &s->qt.http, &s->call);
			continue;
		}
		(void)qt_client_classify(&s->qt);
		if (s->qt.http.status == 0 && stopping) {
			s->queue->under_way--;
			put_idle(d, s);
			continue;
		}
		qt_client_explain(&s->qt);
		append_sending(&d->answered, s);
	}
}

/*
 * Settling: results into the store.
 */

static enum error
settle_sending(struct drain *d, struct db *db, struct sending *s)
{
	const int64_t		 now_ms = clock_wall_ms();
	struct queue_message	 row = s->row;
	enum error		 er;

	row.attempts++;
	deliver_judge(&row, &s->qt);
	row.next_ms = now_ms + queue_backoff_ms(row.attempts, hash_jitter(now_ms, row.id));
	s->report = (struct breaker_report){ .change = BREAKER_SAME };
	if ((er = queue_settle(db, &row, d->s->conf->set.keep_days != 0)) != ERR_OK || !s->asked)
		return er;
	breaker_judge(d->s->breakers, &s->report, s->account, &s->qt);
	return breaker_settle(d->s->breakers, &s->report, db);
}

/* A store_work: settles all answers in one transaction. */
static enum error
settle_all(struct db *db, void *arg)
{
	struct drain	*d = arg;
	struct sending	*s;
	enum error	 er = ERR_OK;

	for (s = d->answered.first; s != NULL && er == ERR_OK; s = s->next)
		er = settle_sending(d, db, s);
	return er;
}

static void
log_sending(struct logline *l, const struct sending *s, const char *verdict)
{
	char	 key[17];

	log_str(l, "account", s->account->name);
	log_str(l, "verdict", verdict);
	if (s->qt.outcome != QT_DELIVERED)
		log_str(l, "class", qt_client_names[s->qt.outcome]);
	if (*s->qt.code != '\0')
		log_str(l, "qt", s->qt.code);
	log_int(l, "id", s->row.id);
	log_str(l, "event", *s->code != '\0' ? s->code : "-");
	hex_encode(key, s->row.key + 8, 8);
	log_str(l, "key", key);
	if (s->qt.http.status != 0)
		log_int(l, "qt_status", s->qt.http.status);
	log_int(l, "attempts", s->row.attempts + 1);
	log_int(l, "age_s", (clock_wall_ms() - s->row.received_ms) / 1000);
	log_int(l, "qt_ms", s->qt.http.ms);
	if (*s->qt.http.why != '\0')
		log_str(l, "detail", s->qt.http.why);
}

/* A line for one result; failures are counted, and many of a kind give fewer lines. */
static void
log_result(const struct drain *d, const struct sending *s, enum queue_state state)
{
	const enum qt_outcome			 outcome = s->qt.outcome;
	const struct log_ratelimit_failure	 failure = {
		.level = state == QUEUE_DELIVERED ? LEVEL_INFO :
		    state == QUEUE_DEAD ? LEVEL_ERROR : LEVEL_WARNING,
		.what = "drain", .account = s->account->name, .error = qt_client_names[outcome],
		.reason = s->qt.code,
	};
	const bool				 wanted = log_wants(failure.level);
	struct logline				 l;

	if (wanted) {
		log_begin(&l, failure.level, failure.what);
		log_sending(&l, s, state == QUEUE_PENDING ? "queued" : queue_states[state]);
	}
	if (outcome != QT_DELIVERED)
		log_ratelimit_end(d->s->log_ratelimit, wanted ? &l : NULL, &failure);
	else if (wanted)
		log_end(&l);
}

/* The store has the result: counts and logs it, and the sending is idle again. */
static void
finish_sending(struct drain *d, struct sending *s)
{
	static const enum counter	 counts[QUEUE__MAX] = {
		[QUEUE_PENDING]		= COUNTER_LATE_FAILED,
		[QUEUE_DELIVERED]	= COUNTER_LATE_DELIVERED,
		[QUEUE_DEAD]		= COUNTER_LATE_DEAD,
	};
	struct queue_message		 row = s->row;

	deliver_judge(&row, &s->qt);
	d->sum.delivered += row.state == QUEUE_DELIVERED;
	d->sum.dead += row.state == QUEUE_DEAD;
	d->sum.failed += row.state == QUEUE_PENDING;
	counters_late(d->s->counters, s->account, counts[row.state], clock_wall_ms());
	log_result(d, s, row.state);
	breaker_log(d->s->breakers, &s->report);
	s->queue->failed = s->queue->failed || row.state == QUEUE_PENDING;
	s->queue->under_way--;
	put_idle(d, s);
}

static enum error
settle_answered(struct drain *d)
{
	struct sending	*s;
	enum error	 er;

	if (d->answered.first == NULL)
		return ERR_OK;
	/* Mark them before their rows go, so that a repeat in between is not sent. */
	for (s = d->answered.first; s != NULL; s = s->next)
		if (s->qt.outcome == QT_DELIVERED)
			(void)dedup_mark(d->s->dedup, s->row.key, DEDUP_DONE, DEDUP_QUEUED);
	er = store_do(d->s->store, STORE_WRITE, settle_all, d, clock_mono_ms() + BUSY_MS);
	if (er != ERR_OK) {
		counters_late(d->s->counters, d->answered.first->account, COUNTER_UNSETTLED,
		    clock_wall_ms());
		return er;
	}
	while ((s = take_sending(&d->answered)) != NULL)
		finish_sending(d, s);
	return ERR_OK;
}

/*
 * Turns: fetch, send, receive, settle.
 */

static bool
is_under_way(const struct drain *d)
{
	size_t	 i;

	for (i = 0; i < d->nqueues; i++)
		if (d->queues[i].under_way != 0)
			return true;
	return false;
}

/* Unlocks the end points to which nothing is under way, for other processes. */
static void
release_queues(struct drain *d)
{
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->under_way == 0) {
			end_probe(d, q);
			unlock_queue(d, q);
		}
}

/*
 * A fetch costs a look into the store.  So the drainer does not fetch single messages, and an
 * empty queue is fetched only every FETCH_MS.
 */
static bool
is_fetch_due(const struct drain *d)
{
	const struct endpoint_queue	*q;

	if (clock_mono_ms() >= d->fetch_ms + FETCH_MS)
		return true;
	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (!q->exhausted && q->under_way * 2 <= d->s->conf->set.drain_parallel)
			return true;
	return false;
}

/* Begins the messages that can be sent.  *more: some are under way. */
static enum error
begin_more(struct drain *d, bool *more)
{
	const struct conf	*c = d->s->conf;
	enum error		 er = ERR_OK;
	size_t			 i;

	if (is_fetch_due(d)) {
		/* A fetch begins behind the messages under way, or at the front of the queue. */
		for (i = 0; i < c->n; i++)
			if (queue_of(d, &c->accounts[i])->under_way == 0)
				d->place[i] = (struct queue_place){ 0, 0 };
		d->first = (d->first + 1) % c->n;
		d->fetch_ms = clock_mono_ms();
		er = store_do(d->s->store, STORE_READ, fetch_all, d, clock_mono_ms() + BUSY_MS);
		if (er == ERR_OK)
			send_fetched(d);
	}
	*more = is_under_way(d);
	return er;
}

static enum error
work_on_sendings(struct drain *d, int timeout_ms)
{
	struct endpoint_queue	*q;
	enum error		 er;

	http_multi_wait(d->multi, d->unasked ? 0 : timeout_ms);
	d->unasked = false;
	receive_answers(d);
	er = settle_answered(d);
	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->under_way == 0)
			end_probe(d, q);
	return er;
}

struct due_making {
	const struct drain	*d;
	int64_t			 n;	/* messages that became due */
};

/* A store_work that makes some messages of one account due: the transaction must be short. */
static enum error
make_some_due(struct db *db, void *arg)
{
	struct due_making	*m = arg;
	const struct conf	*c = m->d->s->conf;
	enum error		 er = ERR_OK;
	size_t			 i;

	m->n = 0;
	for (i = 0; i < c->n && er == ERR_OK && m->n == 0; i++)
		er = queue_make_due(db, c->accounts[i].path, m->d->start_ms, &m->n);
	return er;
}

/* All messages in back-off are due now, so that each of them is tried once. */
static enum error
make_all_due(struct drain *d)
{
	struct due_making	 m = { .d = d };
	enum error		 er;

	do
		er = store_do(d->s->store, STORE_WRITE, make_some_due, &m,
		    clock_mono_ms() + BUSY_MS);
	while (er == ERR_OK && m.n != 0);
	return er;
}

static void
begin_run(struct drain *d, const struct drain_order *o)
{
	struct endpoint_queue	*q;

	memset(&d->sum, 0, sizeof(d->sum));
	d->all = o->all;
	d->start_ms = clock_wall_ms();
	for (q = d->queues; q != d->queues + d->nqueues; q++) {
		q->failed = q->exhausted = false;
		q->lock_ms = 0;
	}
}

enum error
drain_run(struct drain *d, struct drain_sum *sum, const struct drain_order *o)
{
	enum error	 er = ERR_OK;
	bool		 more = true;
	size_t		 i;

	begin_run(d, o);
	if (o->all)
		er = make_all_due(d);
	while (er == ERR_OK && more) {
		more = is_under_way(d);
		if (!services_stopping(d->s) && clock_mono_ms() < o->until_ms)
			er = begin_more(d, &more);
		if (more && er == ERR_OK)
			er = work_on_sendings(d, FETCH_MS);
		if (o->progress != NULL)
			o->progress(o->ctx, &d->sum);
	}
	for (i = 0; i < d->nqueues; i++)
		d->sum.elsewhere += d->queues[i].lock_ms != 0;
	if (er == ERR_OK)
		release_queues(d);
	*sum = d->sum;
	return er;
}

enum error
drain_turn(struct drain *d, int pause_ms)
{
	enum error	 er;
	bool		 more;

	if ((er = begin_more(d, &more)) != ERR_OK && pause_ms > STORE_PAUSE_MS)
		pause_ms = STORE_PAUSE_MS;
	if (!more)
		release_queues(d);
	return work_on_sendings(d, more && pause_ms > FETCH_MS ? FETCH_MS : pause_ms);
}

void
drain_finish(struct drain *d)
{
	while (is_under_way(d) && work_on_sendings(d, FETCH_MS) == ERR_OK)
		;
	release_queues(d);
}

void
drain_watch(struct drain *d, int fd)
{
	http_multi_watch(d->multi, fd);
}

void
drain_wake(struct drain *d)
{
	http_multi_wake(d->multi);
}
