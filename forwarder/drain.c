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
#include "forwarder/destination.h"
#include "forwarder/drain.h"
#include "forwarder/drain_fetch.h"
#include "forwarder/qt_client.h"
#include "net/http_multi.h"
#include "relay/relay_request.h"
#include "sign.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/log_ratelimit.h"
#include "state/queue.h"
#include "state/store.h"
#include "wechat/push.h"

enum {
	TURN_MS = 500,		/* the longest wait while messages are under way */
	HASTENED = 16,		/* messages that a success of one that had failed makes due */
	BUSY_MS = 2000,		/* the longest wait for other processes at the store */
	STORE_PAUSE_MS = 250,	/* between two tries while the store fails */
	SETTLED = 64,		/* answers that are settled together, in one transaction */
	SETTLE_MS = 20		/* the longest wait of an answer for others */
};

struct drain {
	const struct services	*s;
	struct drain_fetch	*fetch;
	struct http_multi	*multi;
	struct signer		*signer;
	struct relay_maker	*maker;		/* NULL: no account has relays */
	struct sending_list	 answered;	/* to be settled */
	int			 nanswered;
	int64_t			 settle_ms;	/* when they must be settled; monotonic */
	bool			 stuck;		/* the store did not take them: see begin_more() */
	bool			 unasked;	/* some were answered without QT: do not wait */
	int64_t			 start_ms;	/* when the run began, ms since the epoch */
	struct {
		int	 n;		/* answers that one transaction settles */
		bool	 bare;		/* without a word of the breaker */
	} step;
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
	drain_fetch_list_init(&d->answered);
	d->fetch = drain_fetch_new(services);
	d->signer = sign_new();
	d->multi = http_multi_new(services->http, (int)n * services->conf->set.drain_parallel);
	if (services->conf->nrelays != 0)
		d->maker = relay_request_maker_new(&services->conf->set);
	if (d->fetch == NULL || d->signer == NULL || d->multi == NULL ||
	    (services->conf->nrelays != 0 && d->maker == NULL)) {
		drain_free(d);
		return NULL;
	}
	return d;
}

void
drain_free(struct drain *d)
{
	if (d == NULL)
		return;
	http_multi_free(d->multi);
	drain_fetch_free(d->fetch);
	sign_free(d->signer);
	relay_request_maker_free(d->maker);
	free(d);
}

static bool
has_failed(const struct queue_message *row)
{
	return row->attempts > 0;
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
	    services_now_ms(d->s));
}

/* Makes the request of a relay. */
static enum error
make_relay_request(struct drain *d, struct sending *s, const struct relay *relay)
{
	struct relay_message	 msg = {
		.account = conf_owner(d->s->conf, s->account),
		.query = s->row.query, .body = s->row.body,
	};

	memcpy(msg.key, s->row.key, sizeof(msg.key));
	destination_key(msg.key, d->s->conf, s->account);
	return relay_request_make(d->maker, &s->request, relay, &msg, services_now_ms(d->s));
}

/* So long a call may take. */
static int
call_ms_of(const struct drain *d, const struct sending *s)
{
	const struct relay	*relay = conf_relay(d->s->conf, s->account);

	return relay == NULL ? d->s->conf->set.forward_ms : relay->relay_ms;
}

/* Makes what is sent, and the call. */
static enum error
make_call(struct drain *d, struct sending *s)
{
	const struct relay	*relay = conf_relay(d->s->conf, s->account);
	enum error		 er = relay == NULL ? make_envelope(d, s) :
				    make_relay_request(d, s, relay);

	s->call = (struct http_call){
		.url = relay == NULL ? s->account->qt_url : s->request.url.p,
		.headers = relay == NULL ? NULL : s->request.headers.p,
		.body = buf_slice(relay == NULL ? &s->envelope : &s->request.body),
		.deadline_ms = clock_mono_ms() + call_ms_of(d, s),
	};
	return er;
}

/* Appends a message to those that are to be settled. */
static void
append_answered(struct drain *d, struct sending *s)
{
	const int64_t	 now_ms = clock_mono_ms();

	drain_fetch_answered(s);
	if (d->answered.first == NULL)
		d->settle_ms = now_ms + SETTLE_MS;
	/* What may be news for the breaker, or makes the message wait, does not wait itself. */
	if (s->probe || s->qt.outcome != QT_DELIVERED)
		d->settle_ms = now_ms;
	d->nanswered++;
	drain_fetch_append(&d->answered, s);
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

/* Gives back what find_known() has claimed.  If this fails, the claim ends by itself. */
static void
release_claim(const struct drain *d, const struct sending *s)
{
	if (store_is_shared(d->s->store))
		(void)dedup_mark(d->s->dedup, s->row.key, DEDUP_QUEUED);
}

/*
 * ERR_OK: *as says what is known of the message.  ERR_LATE: this process or another one has a call
 * with it under way (forwarder/caller.h).  Where hosts share the store, this claims the message:
 * the lease of the drainer may have gone to another host.
 */
static enum error
find_known(const struct drain *d, enum dedup_as *as, const struct sending *s)
{
	const bool	 is_shared = store_is_shared(d->s->store);
	enum error	 er;

	if (!is_shared && d->s->conf->nrelays == 0)
		return dedup_find(d->s->dedup, as, s->row.key);
	er = dedup_claim_call(d->s->dedup, as, s->row.key, 0, call_ms_of(d, s));
	if (er == ERR_OK && *as != DEDUP_DONE && !is_shared)
		(void)dedup_mark(d->s->dedup, s->row.key, DEDUP_QUEUED);
	return er;
}

/* True: an answer of QT's is not needed, or the message cannot be sent; it has its result. */
static bool
answer_without_call(struct drain *d, struct sending *s)
{
	enum dedup_as	 as;
	enum error	 er = find_known(d, &as, s);

	if (er == ERR_LATE) {
		answer_without_qt(d, s, QT_RETRY, destination_under_way);
		return true;
	}
	if (er != ERR_OK || as != DEDUP_DONE)
		return false;
	/* The process that sent it died before it could say so in the queue. */
	answer_without_qt(d, s, QT_DELIVERED, conf_relay(d->s->conf, s->account) == NULL ?
	    "QT has it already" : "the relay has it already");
	return true;
}

static void
send_message(struct drain *d, struct sending *s)
{
	char		 why[64];
	enum error	 er;

	if (answer_without_call(d, s))
		return;
	if ((er = make_call(d, s)) != ERR_OK) {
		release_claim(d, s);
		(void)snprintf(why, sizeof(why), "cannot be signed: %s", error_table[er].name);
		answer_without_qt(d, s, er != ERR_NOMEM ? QT_REFUSED : QT_RETRY, why);
		return;
	}
	s->asked = true;
	drain_fetch_sent(d->fetch, s);
	http_multi_add(d->multi, s, &s->qt.http, &s->call);
}

static void
receive_answers(struct drain *d)
{
	const bool	 stopping = services_stopping(d->s);
	struct sending	*s;

	while ((s = http_multi_done(d->multi)) != NULL) {
		if (!stopping && conf_relay(d->s->conf, s->account) == NULL &&
		    qt_client_standby(&s->call, s->account, &s->qt.http)) {
			http_multi_add(d->multi, s, &s->qt.http, &s->call);
			continue;
		}
		destination_classify(&s->qt, d->s->conf, s->account);
		if (s->qt.http.status == 0 && stopping) {
			release_claim(d, s);
			drain_fetch_leave(d->fetch, s);
			continue;
		}
		/* Mark it before its row goes, so that a repeat in between is not sent. */
		if (s->qt.outcome == QT_DELIVERED)
			(void)dedup_mark(d->s->dedup, s->row.key, DEDUP_DONE);
		else
			release_claim(d, s);
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
	bool			 keep;

	row.attempts++;
	destination_judge(&row, &s->qt, d->s->conf, s->account);
	row.next_ms = now_ms + queue_backoff_ms(row.attempts, hash_jitter(now_ms, row.id));
	s->report = (struct breaker_report){ .change = BREAKER_SAME };
	/* What waits for QT needs the room of a full disk more than a copy does. */
	keep = d->s->conf->set.keep_days != 0 && conf_relay(d->s->conf, s->account) == NULL &&
	    store_has_room(d->s->store);
	if ((er = queue_settle(db, &row, keep)) != ERR_OK || !s->asked || d->step.bare)
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
log_sending(const struct drain *d, struct logline *l, const struct sending *s,
    const char *verdict)
{
	const bool	 is_relay = conf_relay(d->s->conf, s->account) != NULL;
	unsigned char	 own[QUEUE_KEY];
	char		 key[17];

	log_str(l, "account", s->account->name);
	log_str(l, "verdict", verdict);
	if (s->qt.outcome != QT_DELIVERED)
		log_str(l, "class", qt_client_names[s->qt.outcome]);
	if (*s->qt.code != '\0')
		log_str(l, "qt", s->qt.code);
	log_int(l, "id", s->row.id);
	log_str(l, "event", *s->code != '\0' ? s->code : "-");
	memcpy(own, s->row.key, sizeof(own));
	destination_key(own, d->s->conf, s->account);
	hex_encode(key, own + 8, 8);
	log_str(l, "key", key);
	if (s->qt.http.status != 0)
		log_int(l, is_relay ? "relay_status" : "qt_status", s->qt.http.status);
	log_int(l, "attempts", s->row.attempts + 1);
	log_int(l, "age_s", (clock_wall_ms() - s->row.received_ms) / 1000);
	log_int(l, is_relay ? "relay_ms" : "qt_ms", s->qt.http.ms);
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
		log_sending(d, &l, s, state == QUEUE_PENDING ? "queued" : queue_states[state]);
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

	destination_judge(&row, &s->qt, d->s->conf, s->account);
	if (d->step.bare && s->asked)
		(void)report_sending(d, s, NULL);
	d->sum.delivered += row.state == QUEUE_DELIVERED;
	d->sum.dead += row.state == QUEUE_DEAD;
	d->sum.failed += row.state == QUEUE_PENDING;
	counters_late(d->s->counters, s->account, counts[row.state], clock_wall_ms());
	log_result(d, s, row.state);
	breaker_log(d->s->breakers, &s->report);
	drain_fetch_judge(d->fetch, s, row.state == QUEUE_PENDING);
	drain_fetch_leave(d->fetch, s);
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
			for (n = 0; n < d->step.n &&
			    (s = drain_fetch_take(&d->answered)) != NULL; n++)
				finish_sending(d, s);
			d->nanswered -= n;
		} else if (!settle_less(d)) {
			counters_late(d->s->counters, d->answered.first->account,
			    COUNTER_UNSETTLED, clock_wall_ms());
			d->settle_ms = clock_mono_ms() + STORE_PAUSE_MS;
			d->stuck = true;
			drain_fetch_doubt(d->fetch);
			return er;
		}
	}
	d->stuck = false;
	return ERR_OK;
}

/*
 * Turns: fetch, send, receive, settle.
 */

/* True: it is time to tell the store what QT has answered. */
static bool
is_settle_due(const struct drain *d)
{
	if (clock_mono_ms() >= d->settle_ms)
		return true;
	return !d->stuck && (d->nanswered >= SETTLED || drain_fetch_is_due(d->fetch) ||
	    drain_fetch_is_quiet(d->fetch));
}

/*
 * Begins the messages that can be sent.  *more: some are under way.  While the store does not take
 * the answers that are here, no message is begun: the answers would fill the memory.
 */
static enum error
begin_more(struct drain *d, bool *more)
{
	struct sending	*s;
	enum error	 er;

	*more = true;
	drain_fetch_keep(d->fetch);
	if (d->stuck)
		return ERR_OK;
	er = drain_fetch_more(d->fetch);
	while ((s = drain_fetch_next(d->fetch)) != NULL)
		send_message(d, s);
	*more = drain_fetch_is_under_way(d->fetch);
	return er;
}

static enum error
work_on_sendings(struct drain *d, int timeout_ms)
{
	const int	 longest_ms = d->stuck ? STORE_PAUSE_MS : SETTLE_MS;
	enum error	 er = ERR_OK;

	if (d->answered.first != NULL && timeout_ms > longest_ms)
		timeout_ms = longest_ms;
	http_multi_wait(d->multi, d->unasked ? 0 : timeout_ms);
	d->unasked = false;
	/* If this host stood still, that was most likely now: the log says what was under way. */
	drain_fetch_keep(d->fetch);
	receive_answers(d);
	if (is_settle_due(d))
		er = settle_answered(d);
	drain_fetch_end_probes(d->fetch);
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
	for (i = 0; i < conf_destinations(c) && er == ERR_OK && m->n == 0; i++)
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

enum error
drain_run(struct drain *d, struct drain_sum *sum, const struct drain_order *o)
{
	enum error	 er = ERR_OK;
	bool		 more = true;

	memset(&d->sum, 0, sizeof(d->sum));
	d->start_ms = clock_wall_ms();
	drain_fetch_begin(d->fetch, o->all, d->start_ms);
	if (o->all)
		er = make_all_due(d);
	while (er == ERR_OK && more) {
		if (!services_stopping(d->s) && clock_mono_ms() < o->until_ms) {
			er = begin_more(d, &more);
		} else {
			drain_fetch_drop(d->fetch);
			more = drain_fetch_is_under_way(d->fetch);
		}
		if (more && er == ERR_OK)
			er = work_on_sendings(d, TURN_MS);
		if (o->progress != NULL)
			o->progress(o->ctx, &d->sum);
	}
	d->sum.elsewhere = drain_fetch_elsewhere(d->fetch);
	if (er == ERR_OK)
		drain_fetch_release(d->fetch);
	*sum = d->sum;
	return er;
}

/*
 * True: nothing waits in a store that hosts share, as far as this host knows: another one may have
 * put something into it, but state/store_look.h finds that.
 */
static bool
is_idle(const struct drain *d)
{
	return store_is_shared(d->s->store) && !store_is_raised(d->s->store) &&
	    !breaker_has_trouble(d->s->breakers) && breaker_is_loaded(d->s->breakers) &&
	    !drain_fetch_is_under_way(d->fetch);
}

enum error
drain_turn(struct drain *d, int pause_ms)
{
	enum error	 er = ERR_OK;
	bool		 more = false;

	if (!is_idle(d) && (er = begin_more(d, &more)) != ERR_OK && pause_ms > STORE_PAUSE_MS)
		pause_ms = STORE_PAUSE_MS;
	if (!more)
		drain_fetch_release(d->fetch);
	return work_on_sendings(d, more && pause_ms > TURN_MS ? TURN_MS : pause_ms);
}

bool
drain_is_sending(const struct drain *d)
{
	return drain_fetch_is_under_way(d->fetch);
}

void
drain_finish(struct drain *d)
{
	drain_fetch_drop(d->fetch);
	while (drain_fetch_is_under_way(d->fetch) && work_on_sendings(d, TURN_MS) == ERR_OK)
		;
	drain_fetch_release(d->fetch);
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
