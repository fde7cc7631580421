#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "forwarder/destination.h"
#include "forwarder/drain.h"
#include "forwarder/drain_fetch.h"
#include "state/dedup.h"
#include "state/lease.h"
#include "state/store.h"

enum {
	FETCH_MS = 500,		/* an idle drainer fetches so often */
	LEASE_PAUSE_MS = 1000,	/* between two tries for an end point that others drain */
	BUSY_MS = 2000,		/* the longest wait for other processes at the store */
	AHEAD = 64,		/* messages that a fetch reads for an end point: those on the wire
				   are fewer, so most of them wait for a place there */
	AHEAD_BYTES = 256 * 1024, /* of all that one fetch reads */
	AHEAD_MS = 200,		/* what was read before is read again before it is sent */
	PROBES_MAX = 3		/* fresh ones that fail in a run that does not wait for others */
};

/* The messages that wait for one end point. */
struct endpoint_queue {
	struct lease	 lease;		/* keeps other processes and hosts from draining it */
	bool		 leased;
	int64_t		 lease_ms;	/* when to try to take it again; 0: nobody else had it */
	struct lease	 probe;
	bool		 probing;	/* probe is ours: the message under way is a probe */
	const struct account *wants;	/* an account whose messages need the lease; or NULL */
	bool		 wants_probe;	/* and the right to probe */
	int		 under_way;	/* messages, from the fetch on */
	int		 n[STAGES][QUEUE__PARTS];	/* how far they are */
	struct sending_list ready[QUEUE__PARTS];
	int64_t		 ready_ms;	/* when the oldest of those were read; monotonic */
	bool		 wanted[QUEUE__PARTS];	/* by the fetch that runs */
	int		 retry_places;	/* messages that have failed may take so many on the wire:
					   see drain_fetch_judge() */
	int		 failures;	/* attempts that failed in this run */
	bool		 more[QUEUE__PARTS];	/* the last fetch may have left some */
};

struct drain_fetch {
	const struct services	*s;
	struct endpoint_queue	*queues;	/* index: breaker_endpoint() */
	size_t			 nqueues;
	size_t			 at;		/* the queue that drain_fetch_next() looks at */
	int			*under_way;	/* messages of each account, from the fetch on */
	int64_t			*tried_ms;	/* of each account, monotonic: see is_trial_due() */
	size_t			 first;		/* the account with which a fetch begins */
	int64_t			 fetch_ms;	/* when the last fetch was */
	struct sending		*made;		/* all of them, in use or not */
	struct sending		*idle;
	struct sending_list	 fetched;	/* by the fetch that runs */
	int64_t			 start_ms;	/* when the run began, ms since the epoch */
	bool			 all;		/* see struct drain_order */
};

/* So many places messages that have failed always have: a quarter. */
static int
least_retries(const struct drain_fetch *d)
{
	const int	 all = d->s->conf->set.drain_parallel;

	return all < 4 ? 1 : all / 4;
}

void
drain_fetch_list_init(struct sending_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

struct drain_fetch *
drain_fetch_new(const struct services *services)
{
	const size_t		 n = breaker_endpoints(services->breakers);
	struct drain_fetch	*d;
	size_t			 i;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->s = services;
	drain_fetch_list_init(&d->fetched);
	d->queues = calloc(n + 1, sizeof(*d->queues));
	d->under_way = calloc(conf_destinations(services->conf) + 1, sizeof(*d->under_way));
	d->tried_ms = calloc(conf_destinations(services->conf) + 1, sizeof(*d->tried_ms));
	if (d->queues == NULL || d->under_way == NULL || d->tried_ms == NULL) {
		drain_fetch_free(d);
		return NULL;
	}
	/* A CGI does not live long enough for a trial. */
	for (i = 0; i < conf_destinations(services->conf); i++)
		d->tried_ms[i] = clock_mono_ms();
	for (d->nqueues = 0; d->nqueues < n; d->nqueues++) {
		d->queues[d->nqueues].retry_places = least_retries(d);
		drain_fetch_list_init(&d->queues[d->nqueues].ready[QUEUE_FRESH]);
		drain_fetch_list_init(&d->queues[d->nqueues].ready[QUEUE_FAILED]);
	}
	return d;
}

static struct endpoint_queue *
queue_of(const struct drain_fetch *d, const struct account *a)
{
	return &d->queues[breaker_endpoint(d->s->breakers, a)];
}

static size_t
account_index(const struct drain_fetch *d, const struct account *a)
{
	return (size_t)(a - d->s->conf->accounts);
}

/* True: this process is the one that drains the end point, of all hosts. */
static bool
take_lease(struct drain_fetch *d, struct endpoint_queue *q, const struct account *a)
{
	if (q->leased || clock_mono_ms() < q->lease_ms)
		return q->leased;
	q->leased = lease_take(d->s->store, &q->lease, "drain", a->qt_url, 0) == LOCK_MINE;
	q->lease_ms = q->leased ? 0 : clock_mono_ms() + LEASE_PAUSE_MS;
	return q->leased;
}

static void
end_lease(struct drain_fetch *d, struct endpoint_queue *q)
{
	if (q->leased)
		lease_end(d->s->store, &q->lease, false);
	q->leased = false;
}

/* True: we may probe a broken end point, and no request probes it at the same time. */
static bool
take_probe(struct drain_fetch *d, struct endpoint_queue *q, const struct account *a)
{
	if (!q->probing)
		q->probing = breaker_take_probe(d->s->store, &q->probe, a);
	return q->probing;
}

static void
end_probe(struct drain_fetch *d, struct endpoint_queue *q)
{
	if (q->probing)
		lease_end(d->s->store, &q->probe, false);
	q->probing = false;
}

void
drain_fetch_free(struct drain_fetch *d)
{
	struct sending	*s;
	size_t		 i;

	if (d == NULL)
		return;
	for (i = 0; i < d->nqueues; i++) {
		end_probe(d, &d->queues[i]);
		end_lease(d, &d->queues[i]);
	}
	while ((s = d->made) != NULL) {
		d->made = s->made;
		buf_free(&s->query);
		buf_free(&s->body);
		buf_free(&s->envelope);
		relay_request_free(&s->request);
		qt_client_result_free(&s->qt);
		free(s);
	}
	free(d->queues);
	free(d->under_way);
	free(d->tried_ms);
	free(d);
}

void
drain_fetch_begin(struct drain_fetch *d, bool all, int64_t start_ms)
{
	struct endpoint_queue	*q;

	d->all = all;
	d->start_ms = start_ms;
	for (q = d->queues; q != d->queues + d->nqueues; q++) {
		q->failures = 0;
		memset(q->more, true, sizeof(q->more));
		q->lease_ms = 0;
	}
}

void
drain_fetch_append(struct sending_list *list, struct sending *s)
{
	s->next = NULL;
	*list->end = s;
	list->end = &s->next;
}

struct sending *
drain_fetch_take(struct sending_list *list)
{
	struct sending	*s = list->first;

	if (s != NULL && (list->first = s->next) == NULL)
		list->end = &list->first;
	return s;
}

static struct sending *
take_idle(struct drain_fetch *d)
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

static enum queue_part
part_of(const struct sending *s)
{
	return s->row.attempts > 0 ? QUEUE_FAILED : QUEUE_FRESH;
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
take_place(struct drain_fetch *d, struct sending *s)
{
	set_stage(s, STAGE_READY);
	s->queue->under_way++;
	d->under_way[account_index(d, s->account)]++;
}

void
drain_fetch_sent(struct drain_fetch *d, struct sending *s)
{
	set_stage(s, STAGE_WIRE);
	if (part_of(s) == QUEUE_FAILED)
		d->tried_ms[account_index(d, s->account)] = clock_mono_ms();
}

void
drain_fetch_answered(struct sending *s)
{
	set_stage(s, STAGE_ANSWERED);
}

void
drain_fetch_leave(struct drain_fetch *d, struct sending *s)
{
	buf_reset(&s->query);
	buf_reset(&s->body);
	buf_reset(&s->envelope);
	buf_reset(&s->request.body);
	set_stage(s, STAGE_IDLE);
	s->queue->under_way--;
	d->under_way[account_index(d, s->account)]--;
	s->next = d->idle;
	d->idle = s;
}

/*
 * Messages out of the store.
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
	struct drain_fetch	*d;
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
is_busy(const struct drain_fetch *d, const struct queue_message *row)
{
	const struct sending	*s;

	for (s = d->made; s != NULL; s = s->made)
		if (s->stage != STAGE_IDLE && s->row.id == row->id &&
		    memcmp(s->row.key, row->key, QUEUE_KEY) == 0)
			return true;
	return false;
}

/*
 * True: this process or another one has a call with the message under way (forwarder/caller.h).  A
 * probe or a trial would fetch it before it is due.
 */
static bool
has_call(const struct drain_fetch *d, const struct queue_message *row)
{
	enum dedup_as	 as;
	enum error	 er;

	if (!slice_is(row->outcome, destination_under_way))
		return false;
	er = dedup_claim(d->s->dedup, &as, row->key, 0);
	if (er == ERR_OK && as != DEDUP_DONE)
		(void)dedup_mark(d->s->dedup, row->key, DEDUP_QUEUED);
	return er == ERR_LATE;
}

/* Appends one row to d->fetched. */
static enum error
fetch_row(void *ctx, const struct queue_message *row)
{
	struct fetching	*f = ctx;
	struct sending	*s;
	enum error	 er;

	if (f->room <= 0 || is_busy(f->d, row) || has_call(f->d, row))
		return ERR_OK;
	if ((s = take_idle(f->d)) == NULL)
		return ERR_NOMEM;
	drain_fetch_append(&f->d->fetched, s);
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
room_of(const struct drain_fetch *d, const struct endpoint_queue *q, enum queue_part part)
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
	const struct drain_fetch	*d = f->d;
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

/*
 * True: this process may send messages of the account.  A lease cannot be taken within a
 * transaction, so take_wanted() does it after that.
 */
static bool
holds_queue(const struct fetching *f)
{
	struct drain_fetch	*d = f->d;
	struct endpoint_queue	*q = f->queue;
	const bool		 probes = f->gate == GATE_BROKEN;

	if (!store_is_shared(d->s->store))
		return take_lease(d, q, f->account) &&
		    (!probes || take_probe(d, q, f->account));
	if (q->leased && (!probes || q->probing))
		return true;
	q->wants = f->account;
	q->wants_probe = q->wants_probe || probes;
	return false;
}

/* Takes what a fetch did not have and needed.  True: fetch again. */
static bool
take_wanted(struct drain_fetch *d)
{
	struct endpoint_queue	*q;
	bool			 again = false;

	for (q = d->queues; q != d->queues + d->nqueues; q++) {
		if (q->wants != NULL && take_lease(d, q, q->wants))
			again = again || !q->wants_probe || take_probe(d, q, q->wants);
		q->wants = NULL;
		q->wants_probe = false;
	}
	return again;
}

/* True: there is something to fetch, and this process may fetch it. */
static bool
may_fetch(const struct fetching *f, enum error *er, enum queue_part part)
{
	const int64_t	 now_ms = clock_wall_ms();
	int64_t		 next_ms;

	*er = queue_next(f->db, f->account->path, part, now_ms, &next_ms);
	return *er == ERR_OK && next_ms != INT64_MAX &&
	    (f->gate != GATE_GO || next_ms <= now_ms || f->trial) && holds_queue(f);
}

/*
 * True: no message of the account that had failed was sent for so long that one is, whatever its
 * own pause: perhaps QT takes them now.
 */
static bool
is_trial_due(const struct fetching *f, enum queue_part part)
{
	const struct drain_fetch	*d = f->d;

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
	struct drain_fetch	*d = f->d;
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
drop_fetched(struct drain_fetch *d)
{
	struct sending	*s;

	while ((s = drain_fetch_take(&d->fetched)) != NULL)
		drain_fetch_leave(d, s);
}

/* Notes which end points want messages: those of which no message waits for a place. */
static void
note_wanted(struct drain_fetch *d)
{
	struct endpoint_queue	*q;
	enum queue_part		 part;

	for (q = d->queues; q != d->queues + d->nqueues; q++) {
		q->wants = NULL;
		q->wants_probe = false;
		for (part = QUEUE_FRESH; part < QUEUE__PARTS; part++) {
			q->wanted[part] = q->n[STAGE_READY][part] == 0;
			q->more[part] = false;
		}
	}
}

/*
 * A store_work: fills d->fetched.  A message that has failed may hold its place for long and fail
 * again, so each part is fetched for itself; take_ready() chooses between them.
 */
static enum error
fetch_all(struct db *db, void *arg)
{
	struct drain_fetch		*d = arg;
	const struct conf	*c = d->s->conf;
	const size_t		 n = conf_destinations(c);
	struct fetching		 f = { .d = d, .db = db };
	enum queue_part		 part;
	enum error		 er;
	size_t			 i;

	drop_fetched(d);
	note_wanted(d);
	er = breaker_load(db, d->s->breakers);
	for (part = QUEUE_FRESH; part < QUEUE__PARTS; part++)
		for (i = 0; i < n && er == ERR_OK; i++) {
			f.account = &c->accounts[(d->first + i) % n];
			f.queue = queue_of(d, f.account);
			er = fetch_account(&f, part);
		}
	return er;
}

/* The messages that were fetched wait for a place on the wire. */
static void
keep_fetched(struct drain_fetch *d)
{
	struct endpoint_queue	*q;
	struct sending		*s;

	while ((s = drain_fetch_take(&d->fetched)) != NULL) {
		q = s->queue;
		if (q->ready[QUEUE_FRESH].first == NULL && q->ready[QUEUE_FAILED].first == NULL)
			q->ready_ms = d->fetch_ms;
		drain_fetch_append(&q->ready[part_of(s)], s);
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
bool
drain_fetch_is_due(const struct drain_fetch *d)
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

/*
 * Places on the wire.
 */

/* The message is not sent now; it is fetched again. */
static void
give_back(struct drain_fetch *d, struct sending *s)
{
	s->queue->more[part_of(s)] = true;
	drain_fetch_leave(d, s);
}

/* Gives back what waits for a place. */
static void
drop_ready(struct drain_fetch *d, struct endpoint_queue *q)
{
	struct sending	*s;
	enum queue_part	 part;

	for (part = QUEUE_FRESH; part < QUEUE__PARTS; part++)
		while ((s = drain_fetch_take(&q->ready[part])) != NULL)
			give_back(d, s);
}

void
drain_fetch_drop(struct drain_fetch *d)
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
take_ready(const struct drain_fetch *d, struct endpoint_queue *q)
{
	const int		 all = d->s->conf->set.drain_parallel;
	const int		 retries = q->n[STAGE_WIRE][QUEUE_FAILED];
	struct sending_list	*failed = &q->ready[QUEUE_FAILED];
	struct sending		*s;

	if (count_at(q, STAGE_WIRE) >= all)
		return NULL;
	if (all > 1 && retries == 0 && (s = drain_fetch_take(failed)) != NULL)
		return s;
	if ((s = drain_fetch_take(&q->ready[QUEUE_FRESH])) != NULL)
		return s;
	return retries < q->retry_places ? drain_fetch_take(failed) : NULL;
}

/* The lease has ended: what waits for a place is not sent from here. */
static void
lose_lease(struct drain_fetch *d, struct endpoint_queue *q)
{
	const int	 n = count_at(q, STAGE_WIRE) + count_at(q, STAGE_ANSWERED);

	drop_ready(d, q);
	end_lease(d, q);
	q->lease_ms = clock_mono_ms() + LEASE_PAUSE_MS;
	if (n != 0)
		log_msg(LEVEL_NOTICE, "drain", "%s: this host was cut off or stood still, so "
		    "another one may send its queue; %d messages are under way from here, and may "
		    "be sent twice", breaker_url(d->s->breakers, (size_t)(q - d->queues)), n);
}

/* False: this process does not drain the end point now. */
static bool
keep_lease(struct drain_fetch *d, struct endpoint_queue *q)
{
	if (!q->leased)
		return false;
	if (lease_keep(d->s->store, &q->lease))
		return true;
	lose_lease(d, q);
	return false;
}

void
drain_fetch_keep(struct drain_fetch *d)
{
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		/* Two hosts that probe do no harm. */
		if (keep_lease(d, q) && q->probing)
			(void)lease_keep(d->s->store, &q->probe);
}

void
drain_fetch_doubt(struct drain_fetch *d)
{
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->leased)
			lease_doubt(&q->lease);
}

struct sending *
drain_fetch_next(struct drain_fetch *d)
{
	struct sending	*s;
	int64_t		 probe_ms;

	for (; d->at < d->nqueues; d->at++)
		while (keep_lease(d, &d->queues[d->at]) &&
		    (s = take_ready(d, &d->queues[d->at])) != NULL) {
			if (s->probe ||
			    breaker_gate(d->s->breakers, s->account, &probe_ms) == GATE_GO)
				return s;
			give_back(d, s);
		}
	d->at = 0;
	return NULL;
}

/* Drops what was read too long ago, where it could be sent now. */
static void
drop_stale(struct drain_fetch *d)
{
	const int64_t		 oldest_ms = clock_mono_ms() - AHEAD_MS;
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->ready_ms < oldest_ms &&
		    count_at(q, STAGE_WIRE) < d->s->conf->set.drain_parallel)
			drop_ready(d, q);
}

enum error
drain_fetch_more(struct drain_fetch *d)
{
	enum error	 er;

	drop_stale(d);
	if (!drain_fetch_is_due(d))
		return ERR_OK;
	d->first = (d->first + 1) % conf_destinations(d->s->conf);
	d->fetch_ms = clock_mono_ms();
	do
		er = store_do(d->s->store, STORE_READ, fetch_all, d, clock_mono_ms() + BUSY_MS);
	while (er == ERR_OK && take_wanted(d));
	if (er == ERR_OK) {
		keep_fetched(d);
	} else {
		drop_fetched(d);
		drain_fetch_doubt(d);
	}
	return er;
}

/*
 * After an outage nearly all that waits has failed, and can be sent now: each such success gives
 * messages that have failed another place.  A failure takes back all but the least.
 */
void
drain_fetch_judge(struct drain_fetch *d, const struct sending *s, bool pending)
{
	int	*places = &s->queue->retry_places;

	s->queue->failures += pending;
	if (part_of(s) != QUEUE_FAILED)
		return;
	if (!pending && *places < d->s->conf->set.drain_parallel)
		++*places;
	else if (pending && !s->qt.alive)
		*places = least_retries(d);
}

bool
drain_fetch_is_under_way(const struct drain_fetch *d)
{
	size_t	 i;

	for (i = 0; i < d->nqueues; i++)
		if (d->queues[i].under_way != 0)
			return true;
	return false;
}

bool
drain_fetch_is_quiet(const struct drain_fetch *d)
{
	const struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (count_at(q, STAGE_WIRE) + count_at(q, STAGE_READY) != 0)
			return false;
	return true;
}

int64_t
drain_fetch_elsewhere(const struct drain_fetch *d)
{
	int64_t	 n = 0;
	size_t	 i;

	for (i = 0; i < d->nqueues; i++)
		n += d->queues[i].lease_ms != 0;
	return n;
}

void
drain_fetch_end_probes(struct drain_fetch *d)
{
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->under_way == 0)
			end_probe(d, q);
}

void
drain_fetch_release(struct drain_fetch *d)
{
	struct endpoint_queue	*q;

	for (q = d->queues; q != d->queues + d->nqueues; q++)
		if (q->under_way == 0) {
			end_probe(d, q);
			end_lease(d, q);
		}
}
