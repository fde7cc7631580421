#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
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
	LOOK_MS = 500,		/* an idle drainer looks for work so often */
	LEASE_MS = 1000,	/* between two tries for an end point that others drain */
	BUSY_MS = 2000,		/* patience with other processes at the store */
	STORE_PAUSE_MS = 250	/* between two tries while the store fails */
};

/* A message of the queue on its way to QT; used again and again. */
struct sending {
	struct sending		*next;		/* in the list that it is in */
	struct sending		*made;		/* the one made before it */
	struct lane		*lane;
	const struct account	*account;
	struct queue_message	 row;		/* its slices point into what follows */
	char			 code[64];
	struct buf		 query, body, envelope;
	struct queue_place	 place;		/* in the queue, as it was */
	struct http_call	 call;
	struct qt_result	 qt;
	bool			 asked;		/* QT has been */
	enum breaker_news	 news;
	enum breaker_change	 change;
};

/* The way to one end point. */
struct lane {
	const char	*url;
	struct lock	 lease;
	bool		 leased;
	struct lock	 probe;
	bool		 probing;	/* what is under way is a probe, and nobody else's is */
	int64_t		 lease_ms;	/* not to be tried before */
	int		 fetched;	/* by the look under way */
	int		 under_way;
	bool		 failed;	/* something did, in this run */
	bool		 dry;		/* the last look found all there was to send */
};

struct drain {
	const struct services	*m;
	struct http_multi	*group;
	struct signer		*signer;
	struct lane		*lanes;
	size_t			 nlanes;
	size_t			*lane_of;	/* by account */
	struct queue_place	*place;		/* by account: looked so far */
	size_t			 first;		/* the account that is looked at first */
	int64_t			 look_ms;	/* the last look */
	struct sending		*made;
	struct sending		*idle;
	struct sending		*fetched, **fetched_end;	/* by the look under way */
	struct sending		*answered, **answered_end;	/* to be settled */
	bool			 unasked;	/* some of them need not be waited for */
	int64_t			 start_ms;	/* of the run, ms since the epoch */
	bool			 all;
	struct drain_sum	 sum;
};

static size_t
count_lanes(struct drain *d)
{
	const struct conf	*c = d->m->conf;
	size_t			 i, l, n = 0;

	for (i = 0; i < c->n; i++) {
		for (l = 0; l < n; l++)
			if (strcmp(d->lanes[l].url, c->accounts[i].qt_url) == 0)
				break;
		if (l == n)
			d->lanes[n++].url = c->accounts[i].qt_url;
		d->lane_of[i] = l;
	}
	return n;
}

struct drain *
drain_new(const struct services *services)
{
	size_t		 room = services->conf->n + 1;
	struct drain	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->m = services;
	d->fetched_end = &d->fetched;
	d->answered_end = &d->answered;
	d->lanes = calloc(room, sizeof(*d->lanes));
	d->lane_of = calloc(room, sizeof(*d->lane_of));
	d->place = calloc(room, sizeof(*d->place));
	d->signer = sign_new();
	if (d->lanes == NULL || d->lane_of == NULL || d->place == NULL || d->signer == NULL) {
		drain_free(d);
		return NULL;
	}
	d->nlanes = count_lanes(d);
	d->group = http_multi_new(services->http,
	    (int)d->nlanes * services->conf->set.drain_parallel);
	if (d->group == NULL) {
		drain_free(d);
		return NULL;
	}
	return d;
}

static void
give_lease(struct drain *d, struct lane *l)
{
	if (l->leased)
		lock_release(d->m->locks, &l->lease, false);
	l->leased = false;
}

/* True: we may probe a broken end point, and no request does so at the same time. */
static bool
may_probe(struct drain *d, struct lane *l)
{
	unsigned char	 key[LOCK_KEY];

	if (!l->probing) {
		lock_name(key, "probe", l->url);
		l->probing = lock_take(d->m->locks, &l->probe, key, 0) == LOCK_MINE;
	}
	return l->probing;
}

static void
end_probe(struct drain *d, struct lane *l)
{
	if (l->probing)
		lock_release(d->m->locks, &l->probe, false);
	l->probing = false;
}

void
drain_free(struct drain *d)
{
	struct sending	*s;
	size_t		 i;

	if (d == NULL)
		return;
	http_multi_free(d->group);
	for (i = 0; i < d->nlanes; i++) {
		end_probe(d, &d->lanes[i]);
		give_lease(d, &d->lanes[i]);
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
	free(d->lanes);
	free(d->lane_of);
	free(d->place);
	free(d);
}

static void
append(struct sending ***end, struct sending *s)
{
	s->next = NULL;
	**end = s;
	*end = &s->next;
}

static void
put_back(struct drain *d, struct sending *s)
{
	s->next = d->idle;
	d->idle = s;
}

/*
 * Fetching.
 */

static enum error
copy(struct buf *b, struct slice *s)
{
	enum error	 er;

	buf_reset(b);
	if (s->p == NULL)
		return ERR_OK;
	er = buf_put(b, s->p, s->len);
	*s = buf_slice(b);
	return er;
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

struct fetching {
	struct drain	*d;
	size_t		 account;
};

static enum error
fetch(void *ctx, const struct queue_message *row)
{
	struct fetching	*f = ctx;
	struct drain	*d = f->d;
	struct sending	*s;
	enum error	 er;

	if ((s = take_idle(d)) == NULL)
		return ERR_NOMEM;
	append(&d->fetched_end, s);
	s->account = &d->m->conf->accounts[f->account];
	s->lane = &d->lanes[d->lane_of[f->account]];
	s->lane->fetched++;
	s->row = *row;
	s->place = (struct queue_place){ row->next_ms, row->id };
	(void)snprintf(s->code, sizeof(s->code), "%.*s", (int)row->code.len,
	    row->code.p != NULL ? row->code.p : "");
	if ((er = copy(&s->query, &s->row.query)) == ERR_OK)
		er = copy(&s->body, &s->row.body);
	return er;
}

/* How many messages may be under way to an end point now; *probe: it would be one. */
static int
room_of(struct drain *d, bool *probe, struct lane *l, const struct account *a)
{
	int64_t	 probe_ms;

	*probe = false;
	switch (breaker_gate(d->m->breakers, a, &probe_ms)) {
	case GATE_GO:
		return d->m->conf->set.drain_parallel;
	case GATE_BROKEN:
		*probe = true;
		return d->all ? !l->failed : clock_wall_ms() >= probe_ms;
	case GATE_STOPPED:
		break;
	}
	return 0;
}

static bool
has_lease(struct drain *d, struct lane *l)
{
	unsigned char	 key[LOCK_KEY];

	if (l->leased || clock_mono_ms() < l->lease_ms)
		return l->leased;
	lock_name(key, "drain", l->url);
	l->leased = lock_take(d->m->locks, &l->lease, key, 0) == LOCK_MINE;
	l->lease_ms = l->leased ? 0 : clock_mono_ms() + LEASE_MS;
	return l->leased;
}

/* What an account's queue has for its lane. */
static enum error
look_at(struct drain *d, struct db *db, size_t account)
{
	const struct account	*a = &d->m->conf->accounts[account];
	struct lane		*l = &d->lanes[d->lane_of[account]];
	struct fetching		 f = { d, account };
	int64_t			 due_ms = d->all ? d->start_ms : clock_wall_ms(), next_ms;
	bool			 probe;
	const int		 room = room_of(d, &probe, l, a);
	int			 want = room - l->under_way - l->fetched;
	enum error		 er;

	if (want <= 0) {
		l->dry = l->dry && room == 0;	/* who knows what is behind those */
		return ERR_OK;
	}
	if ((er = queue_next(db, a->path, &next_ms)) != ERR_OK || next_ms > due_ms ||
	    !has_lease(d, l) || (probe && !may_probe(d, l)))
		return er;
	want += l->fetched;
	er = queue_due(db, a->path, &d->place[account], due_ms, want - l->fetched, fetch, &f);
	l->dry = l->dry && l->fetched < want;
	return er;
}

/* A store_work: fills d->fetched. */
static enum error
look(struct db *db, void *arg)
{
	struct drain	*d = arg;
	const size_t	 n = d->m->conf->n;
	struct sending	*s;
	enum error	 er;
	size_t		 i;

	while ((s = d->fetched) != NULL) {	/* of a look that failed */
		d->fetched = s->next;
		put_back(d, s);
	}
	d->fetched_end = &d->fetched;
	for (i = 0; i < d->nlanes; i++) {
		d->lanes[i].fetched = 0;
		d->lanes[i].dry = true;
	}
	er = breaker_load(db, d->m->breakers);
	for (i = 0; i < n && er == ERR_OK; i++)
		er = look_at(d, db, (d->first + i) % n);
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

/* What cannot be sent is dead, or waits, without QT having a part in it. */
static void
answer_ourselves(struct drain *d, struct sending *s, enum qt_outcome outcome, const char *why)
{
	s->qt.code[0] = '\0';
	s->qt.alive = false;
	s->qt.outcome = outcome;
	s->qt.http.status = s->qt.http.ms = 0;
	(void)snprintf(s->qt.http.why, sizeof(s->qt.http.why), "%s", why);
	s->asked = false;
	d->unasked = true;
	append(&d->answered_end, s);
}

static void
send_one(struct drain *d, struct sending *s)
{
	enum dedup_as	 as;
	char		 why[64];
	enum error	 er;

	/* The one who sent it died before the queue knew. */
	if (dedup_find(d->m->dedup, &as, s->row.key) == ERR_OK && as == DEDUP_DONE) {
		answer_ourselves(d, s, QT_DELIVERED, "QT has it already");
	} else if ((er = make_envelope(d, s)) != ERR_OK) {
		(void)snprintf(why, sizeof(why), "cannot be signed: %s", error_table[er].name);
		answer_ourselves(d, s, er == ERR_REQUEST || er == ERR_PARAM ?
		    QT_REFUSED : QT_RETRY, why);
	} else {
		s->call = (struct http_call){
			.url = s->account->qt_url, .body = buf_slice(&s->envelope),
			.deadline_ms = clock_mono_ms() + d->m->conf->set.forward_ms,
		};
		s->asked = true;
		http_multi_add(d->group, s, &s->qt.http, &s->call);
	}
}

static void
send_fetched(struct drain *d)
{
	struct sending	*s;

	while ((s = d->fetched) != NULL) {
		d->fetched = s->next;
		d->place[s->account - d->m->conf->accounts] = s->place;
		s->lane->under_way++;
		send_one(d, s);
	}
	d->fetched_end = &d->fetched;
}

static void
receive(struct drain *d)
{
	struct sending	*s;

	while ((s = http_multi_done(d->group)) != NULL) {
		if (!services_stopping(d->m) && qt_client_standby(&s->call, s->account, &s->qt.http)) {
			http_multi_add(d->group, s, &s->qt.http, &s->call);
			continue;
		}
		(void)qt_client_classify(&s->qt);
		if (s->qt.http.status == 0 && services_stopping(d->m)) {
			s->lane->under_way--;
			put_back(d, s);
			continue;
		}
		qt_client_explain(&s->qt);
		append(&d->answered_end, s);
	}
}

/*
 * Settling.
 */

/* A store_work: every answer there is. */
static enum error
settle(struct db *db, void *arg)
{
	struct drain		*d = arg;
	struct queue_message	 row;
	struct sending		*s;
	enum error		 er = ERR_OK;

	for (s = d->answered; s != NULL && er == ERR_OK; s = s->next) {
		row = s->row;
		row.attempts++;
		deliver_judge(&row, &s->qt);
		row.next_ms = clock_wall_ms() + queue_backoff_ms(row.attempts,
		    (uint64_t)clock_wall_ms() * 7919 + (uint64_t)row.id);
		s->news = breaker_news(&s->qt);
		s->change = BREAKER_SAME;
		er = queue_settle(db, &row, d->m->conf->set.keep_days != 0);
		if (er == ERR_OK && s->asked && breaker_changes(d->m->breakers, s->account, s->news))
			er = breaker_note(d->m->breakers, &s->change, db, s->account, s->news,
			    row.outcome.p);
	}
	return er;
}

static void
put_sending(struct logline *l, const struct sending *s, const char *verdict)
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

static void
tell(const struct drain *d, const struct sending *s, const char *verdict)
{
	const enum qt_outcome			 outcome = s->qt.outcome;
	const struct log_ratelimit_failure	 x = {
		.level = outcome == QT_DELIVERED ? LEVEL_INFO :
		    outcome == QT_REFUSED ? LEVEL_ERROR : LEVEL_WARNING,
		.what = "drain", .account = s->account->name, .error = qt_client_names[outcome],
		.reason = s->qt.code,
	};
	struct logline			 l;

	if (log_wants(x.level)) {
		log_begin(&l, x.level, x.what);
		put_sending(&l, s, verdict);
	}
	if (outcome != QT_DELIVERED)
		log_ratelimit_end(d->m->log_ratelimit, log_wants(x.level) ? &l : NULL, &x);
	else if (log_wants(x.level))
		log_end(&l);
}

static void
settled(struct drain *d, struct sending *s)
{
	static const enum counter	 counts[QUEUE__MAX] = {
		[QUEUE_PENDING]		= COUNTER_LATE_FAILED,
		[QUEUE_DELIVERED]	= COUNTER_LATE_DELIVERED,
		[QUEUE_DEAD]		= COUNTER_LATE_DEAD,
	};
	struct queue_message		 row;

	deliver_judge(&row, &s->qt);
	d->sum.delivered += row.state == QUEUE_DELIVERED;
	d->sum.dead += row.state == QUEUE_DEAD;
	d->sum.failed += row.state == QUEUE_PENDING;
	counters_late(d->m->counters, s->account, counts[row.state], clock_wall_ms());
	tell(d, s, row.state == QUEUE_PENDING ? "queued" : queue_states[row.state]);
	breaker_tell(d->m->breakers, s->account, s->change,
	    *s->qt.code != '\0' ? s->qt.code : s->qt.http.why);
	s->lane->failed = s->lane->failed || row.state == QUEUE_PENDING;
	s->lane->under_way--;
	put_back(d, s);
}

static enum error
settle_answered(struct drain *d)
{
	struct sending	*s;
	enum error	 er;

	if (d->answered == NULL)
		return ERR_OK;
	/* First, so that no repeat comes between: what is in the queue may be sent twice. */
	for (s = d->answered; s != NULL; s = s->next)
		if (s->qt.outcome == QT_DELIVERED)
			(void)dedup_mark(d->m->dedup, s->row.key, DEDUP_DONE, DEDUP_QUEUED);
	er = store_do(d->m->store, STORE_WRITE, settle, d, clock_mono_ms() + BUSY_MS);
	if (er != ERR_OK) {
		counters_late(d->m->counters, d->answered->account, COUNTER_UNSETTLED, clock_wall_ms());
		return er;
	}
	while ((s = d->answered) != NULL) {
		d->answered = s->next;
		settled(d, s);
	}
	d->answered_end = &d->answered;
	return ERR_OK;
}

/*
 * Turns.
 */

static bool
is_under_way(const struct drain *d)
{
	size_t	 i;

	for (i = 0; i < d->nlanes; i++)
		if (d->lanes[i].under_way != 0)
			return true;
	return false;
}

/* Whoever waits to drain an end point on which nothing is under way may have it. */
static void
rest(struct drain *d)
{
	struct lane	*l;

	for (l = d->lanes; l != d->lanes + d->nlanes; l++)
		if (l->under_way == 0) {
			end_probe(d, l);
			give_lease(d, l);
		}
}

/* A look has its price: not for every message, nor again and again for none. */
static bool
is_look_due(const struct drain *d)
{
	const struct lane	*l;

	if (clock_mono_ms() >= d->look_ms + LOOK_MS)
		return true;
	for (l = d->lanes; l != d->lanes + d->nlanes; l++)
		if (!l->dry && l->under_way * 2 <= d->m->conf->set.drain_parallel)
			return true;
	return false;
}

/* Begins what can be begun.  *more: something is under way. */
static enum error
begin_more(struct drain *d, bool *more)
{
	const size_t	 n = d->m->conf->n;
	enum error	 er = ERR_OK;
	size_t		 i;

	if (is_look_due(d)) {
		/* What was under way and is not settled is behind the place; else from the front. */
		for (i = 0; i < n; i++)
			if (d->lanes[d->lane_of[i]].under_way == 0)
				d->place[i] = (struct queue_place){ 0, 0 };
		d->first = (d->first + 1) % n;
		d->look_ms = clock_mono_ms();
		er = store_do(d->m->store, STORE_READ, look, d, clock_mono_ms() + BUSY_MS);
		if (er == ERR_OK)
			send_fetched(d);
	}
	*more = is_under_way(d);
	return er;
}

static enum error
go_on(struct drain *d, int timeout_ms)
{
	struct lane	*l;
	enum error	 er;

	http_multi_wait(d->group, d->unasked ? 0 : timeout_ms);
	d->unasked = false;
	receive(d);
	er = settle_answered(d);
	for (l = d->lanes; l != d->lanes + d->nlanes; l++)
		if (l->under_way == 0)
			end_probe(d, l);
	return er;
}

struct hurrying {
	const struct drain	*d;
	int64_t			 n;
};

static enum error
hurry(struct db *db, void *arg)
{
	struct hurrying		*h = arg;
	const struct conf	*c = h->d->m->conf;
	enum error		 er = ERR_OK;
	size_t			 i;

	h->n = 0;
	for (i = 0; i < c->n && er == ERR_OK && h->n == 0; i++)
		er = queue_make_due(db, c->accounts[i].path, h->d->start_ms, &h->n);
	return er;
}

/* What is in back-off is due now, so that all of it is tried once. */
static enum error
hurry_all(struct drain *d)
{
	struct hurrying	 h = { .d = d };
	enum error	 er;

	do
		er = store_do(d->m->store, STORE_WRITE, hurry, &h, clock_mono_ms() + BUSY_MS);
	while (er == ERR_OK && h.n != 0);
	return er;
}

static void
begin_run(struct drain *d, const struct drain_order *o)
{
	size_t	 i;

	memset(&d->sum, 0, sizeof(d->sum));
	d->all = o->all;
	d->start_ms = clock_wall_ms();
	for (i = 0; i < d->nlanes; i++) {
		d->lanes[i].failed = d->lanes[i].dry = false;
		d->lanes[i].lease_ms = 0;
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
		er = hurry_all(d);
	while (er == ERR_OK && more) {
		more = is_under_way(d);
		if (!services_stopping(d->m) && clock_mono_ms() < o->until_ms)
			er = begin_more(d, &more);
		if (more && er == ERR_OK)
			er = go_on(d, LOOK_MS);
		if (o->progress != NULL)
			o->progress(o->ctx, &d->sum);
	}
	for (i = 0; i < d->nlanes; i++)
		d->sum.elsewhere += d->lanes[i].lease_ms != 0;
	if (er == ERR_OK)
		rest(d);
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
		rest(d);
	return go_on(d, pause_ms < LOOK_MS ? pause_ms : LOOK_MS);
}

void
drain_finish(struct drain *d)
{
	while (is_under_way(d) && go_on(d, LOOK_MS) == ERR_OK)
		;	/* means->stop_ms ends them */
	rest(d);
}

void
drain_wake(struct drain *d)
{
	http_multi_wake(d->group);
}
