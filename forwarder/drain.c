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
	HASTENED = 16,		/* messages that a success of one that had failed makes due */
	BUSY_MS = 2000,		/* the longest wait for other processes at the store */
	STORE_PAUSE_MS = 250,	/* between two tries while the store fails */
	AHEAD = 64,		/* messages that a fetch reads for an end point: those on the wire
				   are fewer, so most of them wait for a place there */
	AHEAD_BYTES = 256 * 1024, /* of all that one fetch reads */
	AHEAD_MS = 200,		/* what was read before is read again before it is sent */
	SETTLED = 64,		/* answers that are settled together, in one transaction */
	SETTLE_MS = 20,		/* the longest wait of an answer for others */
	PROBES_MAX = 3		/* fresh ones that fail in a run that does not wait for others */
};

/* How far a message is, from the fetch on. */
enum stage {
	STAGE_READY,	/* it waits for a place on the wire */
	STAGE_WIRE,	/* QT was asked */
	STAGE_ANSWERED,	/* the store does not know the answer yet */
	STAGES,
	STAGE_IDLE	/* of a struct sending: it has no message */
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
	enum stage		 stage;
	bool			 probe;		/* it was fetched though there is trouble */
	struct http_call	 call;
	struct qt_result	 qt;
	bool			 asked;		/* QT was asked: qt is its answer */
	struct breaker_report	 report;
};

/* Sendings in the order in which they were appended. */
struct sending_list {
	struct sending	*first, **end;
};

/* The messages that wait for one end point. */
struct endpoint_queue {
	struct lock	 lock;		/* keeps other processes from draining it */
	bool		 locked;
	int64_t		 lock_ms;	/* when to try to lock again; 0: no other process had it */
	struct lock	 probe;
	bool		 probing;	/* probe is locked: the message under way is a probe */
	int		 under_way;	/* messages, from the fetch on */
	int		 n[STAGES][QUEUE__PARTS];	/* how far they are */
	struct sending_list ready[QUEUE__PARTS];
	int64_t		 ready_ms;	/* when the oldest of those were read; monotonic */
	bool		 wanted[QUEUE__PARTS];	/* by the fetch that runs */
	int		 retry_places;	/* messages that have failed may take so many on the wire:
					   see judge_retry() */
	int		 failures;	/* attempts that failed in this run */
	bool		 more[QUEUE__PARTS];	/* the last fetch may have left some */
};

struct drain {
	const struct services	*s;
	struct http_multi	*multi;
	struct signer		*signer;
	struct endpoint_queue	*queues;	/* index: breaker_endpoint() */
	size_t			 nqueues;
	int			*under_way;	/* messages of each account, from the fetch on */
	int64_t			*tried_ms;	/* of each account, monotonic: see is_trial_due() */
	size_t			 first;		/* the account with which a fetch begins */
	int64_t			 fetch_ms;	/* when the last fetch was */
	struct sending		*made;		/* all of them, in use or not */
	struct sending		*idle;
	struct sending_list	 fetched;	/* by the fetch that runs */
	struct sending_list	 answered;	/* to be settled */
	int			 nanswered;
	int64_t			 settle_ms;	/* when they must be settled; monotonic */
	bool			 stuck;		/* the store did not take them: see begin_more() */
	bool			 unasked;	/* some were answered without QT: do not wait */
	int64_t			 start_ms;	/* when the run began, ms since the epoch */
	bool			 all;		/* see struct drain_order */
	struct {
		int	 n;		/* answers that one transaction settles */
		bool	 bare;		/* without a word of the breaker */
	} step;
	struct drain_sum	 sum;
};

/* So many places messages that have failed always have: a quarter. */
static int
least_retries(const struct drain *d)
{
	const int	 all = d->s->conf->set.drain_parallel;

	return all < 4 ? 1 : all / 4;
}

static void
init_list(struct sending_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

struct drain *
drain_new(const struct services *services)
{
	const size_t	 n = breaker_endpoints(services->breakers);
	struct drain	*d;
	size_t		 i;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->s = services;
	init_list(&d->fetched);
	init_list(&d->answered);
	d->queues = calloc(n + 1, sizeof(*d->queues));
	d->under_way = calloc(services->conf->n + 1, sizeof(*d->under_way));
	d->tried_ms = calloc(services->conf->n + 1, sizeof(*d->tried_ms));
	d->signer = sign_new();
	d->multi = http_multi_new(services->http, (int)n * services->conf->set.drain_parallel);
	if (d->queues == NULL || d->under_way == NULL || d->tried_ms == NULL ||
	    d->signer == NULL || d->multi == NULL) {
		drain_free(d);
		return NULL;
	}
	for (i = 0; i < services->conf->n; i++)	/* a CGI does not live long enough for a trial */
		d->tried_ms[i] = clock_mono_ms();
	for (d->nqueues = 0; d->nqueues < n; d->nqueues++) {
		d->queues[d->nqueues].retry_places = least_retries(d);
		init_list(&d->queues[d->nqueues].ready[QUEUE_FRESH]);
		init_list(&d->queues[d->nqueues].ready[QUEUE_FAILED]);
	}
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
	free(d->under_way);
	free(d->tried_ms);
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
		s->stage = STAGE_IDLE;
		s->made = d->made;
		d->made = s;
	}
	return s;
}

static bool
has_failed(const struct queue_message *row)
{
	return row->attempts > 0;
}

static enum queue_part
part_of(const struct sending *s)
{
	return has_failed(&s->row) ? QUEUE_FAILED : QUEUE_FRESH;
}

/* How many messages of both parts are at a stage. */
static int
count_at(const struct endpoint_queue *q, enum stage stage)
{
	return q->n[stage][QUEUE_FRESH] + q->n[stage][QUEUE_FAILED];
}

static void
set_stage(struct sending *s, enum stage stage)
{
	if (s->stage < STAGES)
		s->queue->n[s->stage][part_of(s)]--;
	if (stage < STAGES)
		s->queue->n[stage][part_of(s)]++;
	s->stage = stage;
}

/* A message that was fetched is one of those under way. */
static void
take_place(struct drain *d, struct sending *s)
{
	set_stage(s, STAGE_READY);
	s->queue->under_way++;
	d->under_way[account_index(d, s->account)]++;
}

/* The message is not under way any more.  The sending is idle, and keeps no large buffer. */
static void
leave_place(struct drain *d, struct sending *s)
{
	buf_reset(&s->query);
	buf_reset(&s->body);
	buf_reset(&s->envelope);
	set_stage(s, STAGE_IDLE);
	s->queue->under_way--;
	d->under_way[account_index(d, s->account)]--;
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
	struct db		*db;
	const struct account	*account;
	struct endpoint_queue	*queue;
	enum breaker_gate	 gate;
	bool			 trial;		/* a message is fetched before it is due */
	int			 room;		/* for so many more messages */
	size_t			 bytes;		/* that were read so far */
};

/* True: the message is under way, and the store does not know yet how it ended. */
static bool
is_busy(const struct drain *d, const struct queue_message *row)
{
	const struct sending	*s;

	for (s = d->made; s != NULL; s = s->made)
		if (s->stage != STAGE_IDLE && s->row.id == row->id &&
		    memcmp(s->row.key, row->key, QUEUE_KEY) == 0)
			return true;
	return false;
}

/* Appends one row to d->fetched. */
static enum error
fetch_row(void *ctx, const struct queue_message *row)
{
	struct fetching	*f = ctx;
	struct sending	*s;
	enum error	 er;

	if (f->room <= 0 || is_busy(f->d, row))
		return ERR_OK;
	if ((s = take_idle(f->d)) == NULL)
		return ERR_NOMEM;
	append_sending(&f->d->fetched, s);
	s->account = f->account;
	s->queue = f->queue;
	s->row = *row;
	s->probe = f->gate != GATE_GO;
	take_place(f->d, s);
	f->bytes += row->query.len + row->body.len;
	f->room = f->bytes < AHEAD_BYTES ? f->room - 1 : 0;
	(void)snprintf(s->code, sizeof(s->code), "%.*s", (int)row->code.len,
	    row->code.p != NULL ? row->code.p : "");
	if ((er = copy_column(&s->query, &s->row.query)) == ERR_OK)
		er = copy_column(&s->body, &s->row.body);
	return er;
}

/* How many messages may be read for an end point that has no trouble. */
static int
room_of(const struct drain *d, const struct endpoint_queue *q, enum queue_part part)
{
	const int	 all = d->s->conf->set.drain_parallel;
	const int	 ready = q->n[STAGE_READY][part];

	if (!q->wanted[part])
		return 0;
	if (part == QUEUE_FRESH || q->retry_places == all)
		return AHEAD - ready;
	return q->retry_places - q->n[STAGE_WIRE][part] - ready;
}

/* 1 if a probe may be sent now to an end point or for an account that is in trouble, else 0. */
static int
probe_room_of(const struct fetching *f, enum queue_part part, int64_t probe_ms)
{
	const struct drain	*d = f->d;
	const bool		 stopped = f->gate == GATE_STOPPED;
	const int		 under_way = stopped ?
				    d->under_way[account_index(d, f->account)] :
				    f->queue->under_way;

	if (under_way != 0)
		return 0;
	if (d->all && !stopped)
		return f->queue->failures < (part == QUEUE_FRESH ? PROBES_MAX : 1);
	return clock_wall_ms() >= (part == QUEUE_FRESH ?
	    breaker_fresh_ms(d->s->breakers, f->account) : probe_ms);
}

/* True: there is something to fetch, and this process may fetch it. */
static bool
may_fetch(const struct fetching *f, enum error *er, enum queue_part part)
{
	struct drain	*d = f->d;
	const int64_t	 now_ms = clock_wall_ms();
	int64_t		 next_ms;

	*er = queue_next(f->db, f->account->path, part, now_ms, &next_ms);
	if (*er != ERR_OK || next_ms == INT64_MAX ||
	    (f->gate == GATE_GO && next_ms > now_ms && !f->trial) ||
	    !lock_queue(d, f->queue, f->account))
		return false;
	return f->gate != GATE_BROKEN || hold_probe(d, f->queue, f->account);
}

/*
 * True: no message of the account that had failed was sent for so long that one is, whatever its
 * own pause: perhaps QT takes them now.
 */
static bool
is_trial_due(const struct fetching *f, enum queue_part part)
{
	const struct drain	*d = f->d;

	return part == QUEUE_FAILED && f->gate == GATE_GO && !d->all &&
	    clock_mono_ms() >= d->tried_ms[account_index(d, f->account)] + DRAIN_TRIAL_MS;
}

/*
 * Fetches messages of one account.  A probe is sent whatever its own back-off says: perhaps no
 * other message waits.
 */
static enum error
fetch_account(struct fetching *f, enum queue_part part)
{
	struct drain	*d = f->d;
	bool		*more = &f->queue->more[part];
	int64_t		 probe_ms, until_ms = INT64_MAX;
	enum error	 er = ERR_OK;

	f->gate = breaker_gate(d->s->breakers, f->account, &probe_ms);
	f->room = f->gate == GATE_GO ? room_of(d, f->queue, part) :
	    probe_room_of(f, part, probe_ms);
	if (f->room <= 0) {
		*more = *more || (f->gate != GATE_STOPPED && f->queue->under_way != 0);
		return ERR_OK;
	}
	if ((f->trial = is_trial_due(f, part)))
		f->room = 1;
	if (!may_fetch(f, &er, part))
		return er;
	if (d->all)
		until_ms = d->start_ms;
	else if (part == QUEUE_FAILED && f->gate == GATE_GO && !f->trial)
		until_ms = clock_wall_ms();
	er = queue_due(f->db, f->account->path, part, until_ms,
	    f->room + d->under_way[account_index(d, f->account)], fetch_row, f);
	*more = *more || f->room == 0;
	return er;
}

/* Gives back what was fetched and is not sent. */
static void
drop_fetched(struct drain *d)
{
	struct sending	*s;

	while ((s = take_sending(&d->fetched)) != NULL)
		leave_place(d, s);
}

/* Notes which end points want messages: those of which no message waits for a place. */
static void
note_wanted(struct drain *d)
{
	struct endpoint_queue	*q;
	enum queue_part		 part;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		for (part = QUEUE_FRESH; part < QUEUE__PARTS; part++) {
			q->wanted[part] = q->n[STAGE_READY][part] == 0;
			q->more[part] = false;
		}
}

/*
 * A store_work: fills d->fetched.  A message that has failed may hold its place for long and fail
 * again, so each part is fetched for itself; take_ready() chooses between them.
 */
static enum error
fetch_all(struct db *db, void *arg)
{
	struct drain		*d = arg;
	const struct conf	*c = d->s->conf;
	struct fetching		 f = { .d = d, .db = db };
	enum queue_part		 part;
	enum error		 er;
	size_t			 i;

	drop_fetched(d);
	note_wanted(d);
	er = breaker_load(db, d->s->breakers);
	for (part = QUEUE_FRESH; part < QUEUE__PARTS; part++)
		for (i = 0; i < c->n && er == ERR_OK; i++) {
			f.account = &c->accounts[(d->first + i) % c->n];
			f.queue = queue_of(d, f.account);
			er = fetch_account(&f, part);
		}
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

/* Appends a message to those that are to be settled. */
static void
append_answered(struct drain *d, struct sending *s)
{
	const int64_t	 now_ms = clock_mono_ms();

	set_stage(s, STAGE_ANSWERED);
	if (d->answered.first == NULL)
		d->settle_ms = now_ms + SETTLE_MS;
	/* What may be news for the breaker, or makes the message wait, does not wait itself. */
	if (s->probe || s->qt.outcome != QT_DELIVERED)
		d->settle_ms = now_ms;
	d->nanswered++;
	append_sending(&d->answered, s);
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
	append_answered(d, s);
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
		set_stage(s, STAGE_WIRE);
		if (has_failed(&s->row))
			d->tried_ms[account_index(d, s->account)] = clock_mono_ms();
		http_multi_add(d->multi, s, &s->qt.http, &s->call);
	}
}

/* The messages that were fetched wait for a place on the wire. */
static void
keep_fetched(struct drain *d)
{
	struct endpoint_queue	*q;
	struct sending		*s;

	while ((s = take_sending(&d->fetched)) != NULL) {
		q = s->queue;
		if (q->ready[QUEUE_FRESH].first == NULL && q->ready[QUEUE_FAILED].first == NULL)
			q->ready_ms = d->fetch_ms;
		append_sending(&q->ready[part_of(s)], s);
	}
}

/* The message is not sent now; it is fetched again. */
static void
give_back(struct drain *d, struct sending *s)
{
	s->queue->more[part_of(s)] = true;
	leave_place(d, s);
}

/* Gives back what waits for a place. */
static void
drop_ready(struct drain *d, struct endpoint_queue *q)
{
	struct sending	*s;
	enum queue_part	 part;

	for (part = QUEUE_FRESH; part < QUEUE__PARTS; part++)
		while ((s = take_sending(&q->ready[part])) != NULL)
			give_back(d, s);
}

static void
drop_all_ready(struct drain *d)
{
	size_t	 i;

	for (i = 0; i < d->nqueues; i++)
		drop_ready(d, &d->queues[i]);
}

/*
 * The next message that has a place on the wire; NULL: there is no such message.  Fresh ones come
 * first; but one place is for those that have failed, or a long queue of fresh ones would keep them
 * for ever.
 */
static struct sending *
take_ready(const struct drain *d, struct endpoint_queue *q)
{
	const int		 all = d->s->conf->set.drain_parallel;
	const int		 retries = q->n[STAGE_WIRE][QUEUE_FAILED];
	struct sending_list	*failed = &q->ready[QUEUE_FAILED];
	struct sending		*s;

	if (count_at(q, STAGE_WIRE) >= all)
		return NULL;
	if (all > 1 && retries == 0 && (s = take_sending(failed)) != NULL)
		return s;
	if ((s = take_sending(&q->ready[QUEUE_FRESH])) != NULL)
		return s;
	return retries < q->retry_places ? take_sending(failed) : NULL;
}

/* Sends what has a place.  Where trouble has begun since the fetch, only probes are sent. */
static void
send_ready(struct drain *d)
{
	struct endpoint_queue	*q;
	struct sending		*s;
	int64_t			 probe_ms;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		while ((s = take_ready(d, q)) != NULL)
			if (s->probe ||
			    breaker_gate(d->s->breakers, s->account, &probe_ms) == GATE_GO)
				send_message(d, s);
			else
				give_back(d, s);
}

/* Drops what was read too long ago, where it could be sent now. */
static void
drop_stale(struct drain *d)
{
	const int64_t		 oldest_ms = clock_mono_ms() - AHEAD_MS;
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->ready_ms < oldest_ms &&
		    count_at(q, STAGE_WIRE) < d->s->conf->set.drain_parallel)
			drop_ready(d, q);
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
			leave_place(d, s);
			continue;
		}
		qt_client_explain(&s->qt);
		/* Mark it before its row goes, so that a repeat in between is not sent. */
		if (s->qt.outcome == QT_DELIVERED)
			(void)dedup_mark(d->s->dedup, s->row.key, DEDUP_DONE);
		append_answered(d, s);
	}
}

/*
 * Settling: results into the store.
 */

/* Tells the breaker what QT's answer says of it; db NULL: only the copy of this process. */
static enum error
report_sending(struct drain *d, struct sending *s, struct db *db)
{
	breaker_judge(d->s->breakers, &s->report, s->account, &s->qt,
	    has_failed(&s->row) ? s->row.id : 0);
	return breaker_settle(d->s->breakers, &s->report, db);
}

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
	/* What waits for QT needs the room of a full disk more than a copy does. */
	if ((er = queue_settle(db, &row, d->s->conf->set.keep_days != 0 &&
	    store_has_room(d->s->store))) != ERR_OK || !s->asked || d->step.bare)
		return er;
	if (row.state == QUEUE_DELIVERED && has_failed(&s->row) &&
	    (er = queue_hasten(db, s->account->path, now_ms, HASTENED)) != ERR_OK)
		return er;
	return report_sending(d, s, db);
}

/* A store_work: settles some answers in one transaction. */
static enum error
settle_some(struct db *db, void *arg)
{
	struct drain	*d = arg;
	struct sending	*s;
	enum error	 er = ERR_OK;
	int		 n = 0;

	for (s = d->answered.first; n++ < d->step.n && s != NULL && er == ERR_OK; s = s->next)
		er = settle_sending(d, db, s);
	return er;
}

/* On a full disk: lets the next transaction need less room.  False: nothing more can be done. */
static bool
settle_less(struct drain *d)
{
	if (!store_is_full(d->s->store))
		return false;
	if (d->step.n > 1)
		d->step.n /= 2;
	else if (!d->step.bare)
		d->step.bare = true;
	else
		return store_give_room(d->s->store);
	return true;
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

/*
 * After an outage nearly all that waits has failed, and can be sent now: each such success gives
 * messages that have failed another place.  A failure takes back all but the least.
 */
static void
judge_retry(const struct drain *d, const struct sending *s, bool pending)
{
	int	*places = &s->queue->retry_places;

	if (!has_failed(&s->row))
		return;
	if (!pending && *places < d->s->conf->set.drain_parallel)
		++*places;
	else if (pending && !s->qt.alive)
		*places = least_retries(d);
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
	if (d->step.bare && s->asked)
		(void)report_sending(d, s, NULL);
	d->sum.delivered += row.state == QUEUE_DELIVERED;
	d->sum.dead += row.state == QUEUE_DEAD;
	d->sum.failed += row.state == QUEUE_PENDING;
	counters_late(d->s->counters, s->account, counts[row.state], clock_wall_ms());
	log_result(d, s, row.state);
	breaker_log(d->s->breakers, &s->report);
	s->queue->failures += row.state == QUEUE_PENDING;
	judge_retry(d, s, row.state == QUEUE_PENDING);
	leave_place(d, s);
}

static enum error
settle_answered(struct drain *d)
{
	struct sending	*s;
	enum error	 er;
	int		 n;

	d->step.n = d->nanswered;
	d->step.bare = false;
	while (d->answered.first != NULL) {
		er = store_do(d->s->store, STORE_WRITE, settle_some, d,
		    clock_mono_ms() + BUSY_MS);
		if (er == ERR_OK) {
			for (n = 0; n < d->step.n && (s = take_sending(&d->answered)) != NULL; n++)
				finish_sending(d, s);
			d->nanswered -= n;
		} else if (!settle_less(d)) {
			counters_late(d->s->counters, d->answered.first->account,
			    COUNTER_UNSETTLED, clock_wall_ms());
			d->settle_ms = clock_mono_ms() + STORE_PAUSE_MS;
			d->stuck = true;
			return er;
		}
	}
	d->stuck = false;
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

/* True: a fetch would read messages of a part, as far as the last one tells. */
static bool
can_fetch(const struct endpoint_queue *q, enum queue_part part)
{
	return q->more[part] && q->n[STAGE_READY][part] == 0;
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
		if (count_at(q, STAGE_WIRE) * 2 <= d->s->conf->set.drain_parallel &&
		    (can_fetch(q, QUEUE_FRESH) || (can_fetch(q, QUEUE_FAILED) &&
		    q->n[STAGE_WIRE][QUEUE_FAILED] * 2 <= q->retry_places)))
			return true;
	return false;
}

/* True: it is time to tell the store what QT has answered. */
static bool
is_settle_due(const struct drain *d)
{
	const struct endpoint_queue	*q;

	if (clock_mono_ms() >= d->settle_ms)
		return true;
	if (d->stuck)
		return false;
	if (d->nanswered >= SETTLED || is_fetch_due(d))
		return true;
	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (count_at(q, STAGE_WIRE) + count_at(q, STAGE_READY) != 0)
			return false;
	return true;
}

/*
 * Begins the messages that can be sent.  *more: some are under way.  While the store does not take
 * the answers that are here, no message is begun: the answers would fill the memory.
 */
static enum error
begin_more(struct drain *d, bool *more)
{
	const struct conf	*c = d->s->conf;
	enum error		 er = ERR_OK;

	*more = true;
	if (d->stuck)
		return ERR_OK;
	drop_stale(d);
	if (is_fetch_due(d)) {
		d->first = (d->first + 1) % c->n;
		d->fetch_ms = clock_mono_ms();
		er = store_do(d->s->store, STORE_READ, fetch_all, d, clock_mono_ms() + BUSY_MS);
		if (er == ERR_OK)
			keep_fetched(d);
		else
			drop_fetched(d);
	}
	send_ready(d);
	*more = is_under_way(d);
	return er;
}

static enum error
work_on_sendings(struct drain *d, int timeout_ms)
{
	const int		 longest_ms = d->stuck ? STORE_PAUSE_MS : SETTLE_MS;
	struct endpoint_queue	*q;
	enum error		 er = ERR_OK;

	if (d->answered.first != NULL && timeout_ms > longest_ms)
		timeout_ms = longest_ms;
	http_multi_wait(d->multi, d->unasked ? 0 : timeout_ms);
	d->unasked = false;
	receive_answers(d);
	if (is_settle_due(d))
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
	/* On a full disk those that are due go first: that makes room. */
	return er == ERR_STORE && store_is_full(d->s->store) ? ERR_OK : er;
}

static void
begin_run(struct drain *d, const struct drain_order *o)
{
	struct endpoint_queue	*q;

	memset(&d->sum, 0, sizeof(d->sum));
	d->all = o->all;
	d->start_ms = clock_wall_ms();
	for (q = d->queues; q != d->queues + d->nqueues; q++) {
		q->failures = 0;
		memset(q->more, true, sizeof(q->more));
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
		if (!services_stopping(d->s) && clock_mono_ms() < o->until_ms) {
			er = begin_more(d, &more);
		} else {
			drop_all_ready(d);
			more = is_under_way(d);
		}
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
	drop_all_ready(d);
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
