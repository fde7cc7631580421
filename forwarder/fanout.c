#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/hash.h"
#include "forwarder/breaker.h"
#include "forwarder/caller.h"
#include "forwarder/destination.h"
#include "forwarder/fanout.h"
#include "relay/relay_filter.h"
#include "relay/relay_request.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/queue.h"
#include "state/store.h"

enum {
	STORE_MS	= 300,		/* of a request's time, for the store, at most */
	PATIENCE_MS	= 150,		/* with a relay that usually needs no time */
	LEFT_MS		= 1000,		/* after a call that was left, its row is sent again */
	LOOK_MS		= 20,		/* between two looks for the answer of another's call */
	DELIVERIES	= 3,		/* of one message by WeChat, at most */
	TARGETS		= 1 + CONF_RELAYS
};

/* A destination of one message. */
struct target {
	const struct account	*to;
	unsigned char		 key[QUEUE_KEY];
	bool			 settled;	/* it has the message, or the queue has it for it */
	bool			 delivered;	/* it has the message */
	bool			 stored;	/* its row is in the queue */
	bool			 batch;		/* its row is written now */
	bool			 asked;		/* a call was begun */
	bool			 elsewhere;	/* another request has a call under way */
	bool			 judged;	/* the breaker was told of its call */
	bool			 probes;	/* its call probes the end point: probe is held */
	struct lease		 probe;
	bool			 here;		/* the call is made by this thread */
	bool			 left;		/* its call goes on without this request */
	enum deliver_bar	 bar;
	const char		*why_not;	/* why it was not asked */
	struct call		*call;		/* NULL: no call */
	struct queue_message	 row;
	struct breaker_report	 report;
};

struct fanout {
	const struct services	*s;
	struct relay_maker	*maker;
	struct call_group	 group;
	struct buf		 key;		/* of relay_filter.h */
	struct target		 t[TARGETS];	/* QT first */
	size_t			 n;
	struct target		*answering;	/* whose answer is the user's; NULL: nobody's */
	bool			 calls;		/* this request makes that call, no other one */
	int			 deliveries;	/* of the message so far */
	const char		*where;		/* in which spare room it is; NULL: in none */
};

static struct fanout *
fanout_new(const struct services *s)
{
	struct fanout	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->s = s;
	caller_group_init(&f->group);
	if ((f->maker = relay_request_maker_new(&s->conf->set)) == NULL) {
		fanout_free(f);
		return NULL;
	}
	return f;
}

void
fanout_free(struct fanout *f)
{
	if (f == NULL)
		return;
	relay_request_maker_free(f->maker);
	caller_group_fini(&f->group);
	buf_free(&f->key);
	free(f);
}

/*
 * Which destinations get the message?
 */

static void
add_target(struct fanout *f, const struct account *to, const unsigned char key[QUEUE_KEY])
{
	struct target	*t = &f->t[f->n++];

	*t = (struct target){ .to = to };
	memcpy(t->key, key, QUEUE_KEY);
	destination_key(t->key, f->s->conf, to);
}

/* True: users get what the relay answers.  A CGI cannot wait for a slow one. */
static bool
is_answering(const struct fanout *f, const struct relay *r)
{
	return r->answers == 1 && caller_answers(f->s->caller) != NULL &&
	    (f->s->life != STORE_BRIEF || r->relay_ms <= f->s->conf->set.deadline_ms);
}

static void
find_targets(struct fanout *f, const struct delivery *d, const unsigned char key[QUEUE_KEY])
{
	const struct relay	*r;
	const struct account	*to;
	size_t			 k;

	f->n = 0;
	f->answering = NULL;
	f->calls = false;
	f->where = NULL;
	add_target(f, d->account, key);
	for (k = 0; k < CONF_RELAYS; k++) {
		r = &d->account->relays[k];
		if ((to = conf_relay_of(f->s->conf, d->account, k)) == NULL ||
		    !relay_filter_wants(r->only, d->message, d->xml, &f->key))
			continue;
		add_target(f, to, key);
		if (is_answering(f, r))
			f->answering = &f->t[f->n - 1];
	}
}

/* A store_work: which destinations have a row? */
static enum error
find_rows(struct db *db, void *arg)
{
	struct fanout		*f = arg;
	enum queue_state	 state = QUEUE_NEW;
	enum error		 er = ERR_OK;
	struct target		*t;

	for (t = f->t; t != f->t + f->n && er == ERR_OK; t++) {
		if (t->delivered || (er = queue_confirm(db, &state, t->key)) != ERR_OK)
			continue;
		t->settled = state != QUEUE_NEW;
	}
	return er;
}

/* Notes which destinations are settled.  True: all are. */
static bool
look_at_targets(struct fanout *f, enum dedup_as was, int64_t deadline_ms)
{
	enum dedup_as	 as;
	struct target	*t;
	bool		 all = true;

	for (t = f->t; t != f->t + f->n; t++)
		t->delivered = t->settled = dedup_find(f->s->dedup, &as, t->key) == ERR_OK &&
		    as == DEDUP_DONE;
	/* While the store fails a repeat cannot be recognised. */
	if (was == DEDUP_QUEUED)
		(void)store_do(f->s->store, STORE_CONFIRM, find_rows, f, deadline_ms);
	for (t = f->t; t != f->t + f->n; t++)
		all = all && t->settled;
	return all;
}

/*
 * The answer to the user.
 */

/* The relay has nothing to say: no delivery waits for it. */
static void
give_up_answer(struct fanout *f, const unsigned char key[QUEUE_KEY])
{
	int	 n;

	f->calls = false;
	(void)answer_table_put(caller_answers(f->s->caller), &n, key, (struct slice){ NULL, 0 });
}

/* Counts the delivery, and decides whether this request is the one that calls the relay. */
static void
join_answer(struct fanout *f, const unsigned char key[QUEUE_KEY])
{
	struct target	*t = f->answering;
	enum answer_is	 is;

	if (t == NULL)
		return;
	is = answer_table_join(caller_answers(f->s->caller), &f->deliveries, key);
	f->calls = is == ANSWER_UNKNOWN || is == ANSWER_LOST;
	if (f->calls && t->delivered)	/* it has the message, and what it said is gone */
		give_up_answer(f, key);
	else if (f->calls)
		t->settled = false;
	else
		t->elsewhere = is == ANSWER_COMING;
}

/* Takes the answer from a call of this request, also one that is too long for the table. */
static void
take_own_answer(struct fanout *f, struct delivery *d, const unsigned char key[QUEUE_KEY])
{
	const struct target	*t = f->answering;

	if (t == NULL || t->call == NULL || !t->asked || t->left || t->call->reply.len == 0)
		return;
	(void)answer_table_get(caller_answers(f->s->caller), &d->answer, key);
	buf_reset(&d->answer);
	if (buf_put(&d->answer, t->call->reply.p, t->call->reply.len) == ERR_OK)
		d->answered = DELIVER_ANSWER;
}

/* Waits for an answer that is on its way, and takes it. */
static void
await_answer(struct fanout *f, struct delivery *d, const unsigned char key[QUEUE_KEY])
{
	const struct timespec	 pause = { 0, LOOK_MS * 1000000 };
	enum answer_is		 is;

	if (f->answering == NULL || d->answered == DELIVER_ANSWER)
		return;
	while (((is = answer_table_get(caller_answers(f->s->caller), &d->answer,
	    key)) == ANSWER_COMING || is == ANSWER_LOST) &&
	    clock_mono_ms() + LOOK_MS < d->deadline_ms)
		(void)nanosleep(&pause, NULL);
	if (is == ANSWER_TEXT)
		d->answered = DELIVER_ANSWER;
	else if ((is == ANSWER_COMING || is == ANSWER_LOST) && f->deliveries < DELIVERIES)
		d->answered = DELIVER_ANSWER_LATER;
}

/*
 * Asking.
 */

static enum deliver_bar
find_bar(const struct fanout *f, struct target *t)
{
	const struct services	*s = f->s;
	int64_t			 probe_ms;

	switch (breaker_gate(s->breakers, t->to, &probe_ms)) {
	case GATE_GO:
		return (conf_relay(s->conf, t->to) == NULL ? breaker_is_saturated(s->breakers,
		    t->to) : caller_is_jammed(s->caller, t->to)) ? BAR_SATURATED : BAR_NONE;
	case GATE_BROKEN:
		t->probes = deliver_may_probe(s, &t->probe, t->to);
		return t->probes ? BAR_NONE : BAR_BREAKER;
	case GATE_STOPPED:
		break;
	}
	return BAR_STOPPED;
}

/* Makes what the destination gets. */
static enum error
make_request(struct fanout *f, struct call *call, struct signer *signer, const struct delivery *d,
    const unsigned char key[QUEUE_KEY])
{
	const struct relay	*relay = conf_relay(f->s->conf, call->to);
	struct relay_message	 msg = {
		.account = d->account, .query = d->raw_query, .body = d->raw_body, .xml = d->xml,
	};

	if (relay == NULL)
		return sign_envelope(signer, &call->request.body, d->account, d->push, d->body,
		    services_now_ms(f->s));
	memcpy(msg.key, key, QUEUE_KEY);
	return relay_request_make(f->maker, &call->request, relay, &msg,
	    services_now_ms(f->s));
}

/* So long a call may take. */
static int
longest_ms(const struct fanout *f, const struct target *t)
{
	const struct relay	*relay = conf_relay(f->s->conf, t->to);

	return relay == NULL ? f->s->conf->set.forward_ms : relay->relay_ms;
}

/* When a call must have its answer.  A CGI cannot leave it. */
static int64_t
deadline_of(const struct fanout *f, const struct target *t, const struct delivery *d)
{
	const struct relay	*relay = conf_relay(f->s->conf, t->to);
	const int64_t		 ms = clock_mono_ms() + longest_ms(f, t);

	return ms > d->deadline_ms && (relay == NULL || f->s->life == STORE_BRIEF) ?
	    d->deadline_ms : ms;
}

/* True: this thread makes the call itself, after it has begun the others. */
static bool
is_done_here(const struct fanout *f, const struct target *t)
{
	return conf_relay(f->s->conf, t->to) == NULL && f->s->life == STORE_SERVER &&
	    (!f->calls || caller_may_do(f->s->caller, t->to));
}

/* Another request has a call under way.  Its row may be missing: the store may have failed then. */
static void
note_elsewhere(struct target *t)
{
	t->elsewhere = true;
	t->bar = BAR_NONE;
	t->why_not = qt_client_names[QT_RETRY];
}

/* Begins the call to a destination that is not settled; without one it gets a row. */
static void
begin_call(struct fanout *f, struct target *t, struct signer *signer, const struct delivery *d,
    const unsigned char key[QUEUE_KEY])
{
	const struct services	*s = f->s;
	enum dedup_as		 as;
	enum error		 er;

	t->why_not = deliver_bars[t->bar].why_not;
	if (t->elsewhere)
		note_elsewhere(t);
	if (t->bar != BAR_NONE || t->elsewhere)
		return;
	t->why_not = qt_client_names[QT_RETRY];
	if ((t->call = caller_take(s->caller)) == NULL)
		return;
	t->call->to = t->to;
	memcpy(t->call->key, t->key, QUEUE_KEY);
	if (make_request(f, t->call, signer, d, key) != ERR_OK)
		return;
	er = dedup_claim_call(s->dedup, &as, t->key, 0, longest_ms(f, t));
	t->call->claimed = er == ERR_OK && as != DEDUP_DONE;
	t->settled = t->delivered = er == ERR_OK && as == DEDUP_DONE;
	if (er == ERR_LATE)
		note_elsewhere(t);
	if (t->settled || t->elsewhere)
		return;
	t->call->deadline_ms = deadline_of(f, t, d);
	if (t == f->answering && f->calls) {
		memcpy(t->call->message, key, QUEUE_KEY);
		t->call->answers = buf_put(&t->call->user, d->message->user.p,
		    d->message->user.len) == ERR_OK;
	}
	t->asked = true;
	t->here = is_done_here(f, t);
	if (!t->here)
		caller_begin(s->caller, t->call, &f->group);
}

/* Makes the calls that this thread makes itself. */
static void
do_calls_here(struct fanout *f)
{
	struct target	*t;

	for (t = f->t; t != f->t + f->n; t++)
		if (t->here && !caller_is_done(t->call))
			caller_do(f->s->caller, t->call);
}

static void
begin_calls(struct fanout *f, struct signer *signer, const struct delivery *d,
    const unsigned char key[QUEUE_KEY])
{
	struct target	*t;

	deliver_look_at_breakers(f->s, d->deadline_ms);
	for (t = f->t; t != f->t + f->n; t++)
		if (!t->settled) {
			t->bar = find_bar(f, t);
			begin_call(f, t, signer, d, key);
		}
	if (f->calls && !f->answering->asked)
		give_up_answer(f, key);
	do_calls_here(f);
}

/* True: its answer is not here yet. */
static bool
is_waited_for(const struct target *t)
{
	return t->asked && !t->settled && !caller_is_done(t->call);
}

/* So long the request waits for the answer of a call at least. */
static int64_t
patience_ms_of(const struct fanout *f, const struct target *t)
{
	if (t == f->answering || (conf_relay(f->s->conf, t->to) == NULL && !f->calls))
		return t->call->deadline_ms;
	return t->call->begun_ms + PATIENCE_MS + 2 * caller_usual_ms(f->s->caller, t->to);
}

/*
 * Waits for the calls under way but for that of `but` (NULL: for all), each as long as it deserves,
 * or all up to until_ms.
 */
static void
wait_for_calls(struct fanout *f, const struct target *but, bool patiently, int64_t until_ms)
{
	const struct target	*t;
	int64_t			 last_ms, ms;

	for (;;) {
		last_ms = 0;
		for (t = f->t; t != f->t + f->n; t++) {
			if (t == but || !is_waited_for(t))
				continue;
			ms = patiently ? t->call->deadline_ms : patience_ms_of(f, t);
			if (ms > last_ms)
				last_ms = ms;
		}
		if (last_ms > until_ms)
			last_ms = until_ms;
		if (clock_mono_ms() >= last_ms)
			return;
		caller_wait(f->s->caller, &f->group, last_ms);
	}
}

/*
 * Settling.
 */

/* Begins the row of a destination that was not asked, or whose call is not judged. */
static void
begin_row(const struct fanout *f, struct target *t, const struct delivery *d)
{
	const bool	 is_relay = conf_relay(f->s->conf, t->to) != NULL;
	const int64_t	 now_ms = clock_wall_ms();

	t->row = (struct queue_message){
		.account = slice_of(t->to->path), .code = slice_of(d->message->code),
		.received_ms = now_ms, .next_ms = now_ms, .state = QUEUE_PENDING,
		.outcome = slice_of(t->why_not), .attempts = t->asked,
		.query = is_relay ? d->raw_query : buf_slice(&d->query),
		.body = is_relay ? d->raw_body : d->body,
	};
	memcpy(t->row.key, t->key, QUEUE_KEY);
	t->report = (struct breaker_report){ .change = BREAKER_SAME };
	if (t->elsewhere) {
		t->row.outcome = slice_of(destination_under_way);
		t->row.next_ms += longest_ms(f, t) + LEFT_MS;
	}
}

static void
fill_row(const struct fanout *f, struct target *t, const struct delivery *d)
{
	struct queue_message	*row = &t->row;

	begin_row(f, t, d);
	t->left = t->asked && !caller_is_done(t->call);
	if (t->left) {
		row->outcome = slice_of(destination_under_way);
		row->next_ms += t->call->deadline_ms - clock_mono_ms() + LEFT_MS;
	}
	if (t->left || !t->asked)
		return;
	destination_judge(row, &t->call->result, f->s->conf, t->to);
	row->next_ms += queue_backoff_ms(1, hash_jitter(row->received_ms, 0));
	if (!t->judged && !(t->call->result.http.status == 0 && services_stopping(f->s)))
		breaker_judge(f->s->breakers, &t->report, t->to, &t->call->result, 0);
	t->judged = true;
	t->delivered = row->state == QUEUE_DELIVERED;
}

/* True: the row goes into the store.  Of what QT has a copy may be kept. */
static bool
is_stored(const struct fanout *f, const struct target *t)
{
	return t->row.state != QUEUE_DELIVERED || (conf_relay(f->s->conf, t->to) == NULL &&
	    f->s->conf->set.keep_days != 0 && store_has_room(f->s->store));
}

/* A store_work that writes the rows and reports of the batch in one transaction. */
static enum error
write_rows(struct db *db, void *arg)
{
	struct fanout	*f = arg;
	struct target	*t;
	enum error	 er = ERR_OK;

	for (t = f->t; t != f->t + f->n && er == ERR_OK; t++) {
		if (!t->batch)
			continue;
		if (is_stored(f, t))
			er = queue_add(db, &t->row);
		if (er == ERR_OK)
			er = breaker_settle(f->s->breakers, &t->report,
			    deliver_breaker_db(f->s, db));
	}
	return er;
}

/* A store_work for a disk that is full: reports take no further room. */
static enum error
write_reports(struct db *db, void *arg)
{
	struct fanout	*f = arg;
	struct target	*t;
	enum error	 er = ERR_OK;

	for (t = f->t; t != f->t + f->n && er == ERR_OK; t++)
		if (t->batch)
			er = breaker_settle(f->s->breakers, &t->report, db);
	return er;
}

/* Writes what the store must know.  ERR_STORE: it has nothing of it, or the reports alone. */
static enum error
store_rows(struct fanout *f, int64_t until_ms)
{
	struct store	*store = f->s->store;
	bool		 waits = false, matters = false, copies = false;
	struct target	*t;
	enum error	 er;

	for (t = f->t; t != f->t + f->n; t++) {
		if (!t->batch)
			continue;
		waits = waits || t->row.state != QUEUE_DELIVERED;
		copies = copies || is_stored(f, t);
		matters = matters || t->report.matters;
	}
	if (!copies && !matters)
		return ERR_OK;
	er = store_do(store, waits ? STORE_QUEUE : STORE_WRITE, write_rows, f, until_ms);
	if (er != ERR_OK && (!matters || !store_is_full(store) ||
	    store_do(store, STORE_WRITE, write_reports, f, until_ms) != ERR_OK))
		for (t = f->t; t != f->t + f->n; t++)
			if (t->batch)
				(void)breaker_settle(f->s->breakers, &t->report, NULL);
	for (t = f->t; t != f->t + f->n; t++)
		if (t->batch)
			breaker_log(f->s->breakers, &t->report);
	return er;
}

/* True: each destination has the message, or the queue has it for it. */
static bool
is_safe(const struct fanout *f)
{
	const struct target	*t;

	for (t = f->t; t != f->t + f->n; t++)
		if (!t->settled && !t->delivered && !t->stored)
			return false;
	return true;
}

/* Which rows are written. */
enum part {
	PART_UNASKED,	/* of destinations that were not asked */
	PART_OTHERS,	/* of all but the one whose answer is the user's */
	PART_ALL
};

static bool
is_part(const struct fanout *f, const struct target *t, enum part part)
{
	switch (part) {
	case PART_UNASKED:
		return !t->asked;
	case PART_OTHERS:
		return t != f->answering;
	case PART_ALL:
		break;
	}
	return true;
}

/* Writes the rows of a part that are needed. */
static void
settle_targets(struct fanout *f, const struct delivery *d, enum part part, int64_t until_ms)
{
	struct target	*t;
	bool		 stored;

	for (t = f->t; t != f->t + f->n; t++) {
		t->batch = !t->settled && !t->stored && is_part(f, t, part);
		if (t->batch)
			fill_row(f, t, d);
	}
	stored = store_rows(f, until_ms) == ERR_OK;
	for (t = f->t; t != f->t + f->n; t++)
		t->stored = t->stored || (t->batch && stored);
}

/* True: there is a reply to the user, by the account's rules or from the relay. */
static bool
has_reply(struct fanout *f, struct delivery *d, const unsigned char key[QUEUE_KEY])
{
	take_own_answer(f, d, key);
	if (d->answered != DELIVER_ANSWER && f->answering != NULL &&
	    answer_table_get(caller_answers(f->s->caller), &d->answer, key) == ANSWER_TEXT)
		d->answered = DELIVER_ANSWER;
	return d->has_reply || d->answered == DELIVER_ANSWER;
}

/*
 * If the message is not safe for all destinations, and there is a reply to its user, it goes to the
 * spare room for those.  True: it is safe.
 */
static bool
keep_for_reply(struct fanout *f, struct delivery *d, const unsigned char key[QUEUE_KEY])
{
	struct target	*t;

	if (is_safe(f))
		return true;
	if (f->s->spare == NULL || !has_reply(f, d, key))
		return false;
	for (t = f->t; t != f->t + f->n; t++) {
		if (t->settled || t->delivered || t->stored)
			continue;
		begin_row(f, t, d);
		t->stored = spare_put(f->s->spare, &f->where, &t->row, d->deadline_ms) == ERR_OK;
		if (!t->stored)
			return false;
	}
	return true;
}

/*
 * The disk does not take the rows.  A destination that was not asked because of its breaker is
 * asked all the same, and all calls are waited for: that is the only way to keep the message.
 */
static void
ask_all(struct fanout *f, struct signer *signer, const struct delivery *d,
    const unsigned char key[QUEUE_KEY])
{
	struct target	*t;

	for (t = f->t; t != f->t + f->n; t++)
		if (!t->settled && !t->stored && !t->asked && t->call == NULL &&
		    (t->bar == BAR_BREAKER || t->bar == BAR_STOPPED)) {
			t->bar = BAR_NONE;
			begin_call(f, t, signer, d, key);
		}
	do_calls_here(f);
	wait_for_calls(f, NULL, true, d->deadline_ms);
}

/*
 * The end.
 */

/* Names a relay and what became of its message in d->relays. */
static void
describe_relay(const struct fanout *f, const struct target *t, struct delivery *d)
{
	const size_t	 len = strlen(d->relays);
	const char	*verdict = t == f->answering && d->answered == DELIVER_ANSWER ? "answered" :
			    t->settled ? "repeat" : t->delivered ? "delivered" : !t->stored ?
			    "unsafe" : t->row.state == QUEUE_DEAD ? "dead" : "queued";

	(void)snprintf(d->relays + len, sizeof(d->relays) - len, "%s%s:%s", len == 0 ? "" : " ",
	    conf_relay(f->s->conf, t->to)->name, verdict);
}

/* Tells the request what became of its message at QT. */
static void
describe_qt(struct target *t, struct delivery *d)
{
	struct qt_result	 mine = d->qt;

	if (t->settled)
		return;
	d->verdict = deliver_ends[t->row.state].verdict;
	d->why_not = t->delivered ? NULL : t->why_not;
	d->hint = t->asked ? "" : deliver_bars[t->bar].hint;
	if (!t->asked || t->left)
		return;
	d->qt = t->call->result;
	t->call->result = mine;
	if (t->delivered)
		return;
	(void)snprintf(d->detail, sizeof(d->detail), "%s", d->qt.http.why);
	d->why_not = qt_client_names[d->qt.outcome];
	d->hint = qt_client_hint(&d->qt);
}

static void
count_relays(const struct fanout *f)
{
	static const enum counter	 counts[QUEUE__MAX] = {
		[QUEUE_PENDING]		= COUNTER_QUEUED,
		[QUEUE_DELIVERED]	= COUNTER_DELIVERED,
		[QUEUE_DEAD]		= COUNTER_DEAD,
	};
	const struct target		*t;

	for (t = f->t + 1; t < f->t + f->n; t++)
		counters_late(f->s->counters, t->to, t->settled ? COUNTER_REPEAT : !t->delivered &&
		    !t->stored ? COUNTER_UNSAFE : counts[t->row.state], clock_wall_ms());
}

/* Gives back the calls that are done, and leaves the others. */
static void
end_calls(struct fanout *f)
{
	struct target	*t;

	for (t = f->t; t != f->t + f->n; t++) {
		if (t->probes)
			lease_end(f->s->store, &t->probe, false);
		if (t->call == NULL)
			continue;
		if (t->left) {
			caller_leave(f->s->caller, t->call);
			continue;
		}
		if (t->call->claimed)
			(void)dedup_mark(f->s->dedup, t->key, DEDUP_QUEUED);
		caller_give_back(f->s->caller, t->call);
	}
}

static enum error
end_delivery(struct fanout *f, struct delivery *d)
{
	enum error	 er = ERR_OK;

	describe_qt(&f->t[0], d);
	if (!f->t[0].settled)
		er = deliver_ends[f->t[0].row.state].er;
	if (is_safe(f) && f->where == NULL)
		return er;
	store_why(f->s->store, d->detail, sizeof(d->detail));
	if (d->detail[0] == '\0')	/* another thread had success meanwhile */
		(void)snprintf(d->detail, sizeof(d->detail), "the store failed, and works again");
	if (!is_safe(f))
		return deliver_mark_unsafe(d);
	deliver_note_spare(d, f->where);
	return er;
}

/* True: a destination was not asked because of its breaker, and time must be left for that. */
static bool
is_barred(const struct fanout *f)
{
	const struct target	*t;

	for (t = f->t; t != f->t + f->n; t++)
		if (!t->settled && !t->stored && (t->bar == BAR_BREAKER || t->bar == BAR_STOPPED))
			return true;
	return false;
}

/*
 * While the relay thinks whose answer is the user's, the rows of the others are written: so the
 * answer does not wait for the disk.
 */
static void
settle_while_it_thinks(struct fanout *f, const struct delivery *d, int64_t until_ms)
{
	settle_targets(f, d, PART_UNASKED, clock_mono_ms() + STORE_MS);
	if (f->s->life == STORE_BRIEF)	/* it can leave no call */
		return;
	wait_for_calls(f, f->answering, false, until_ms);
	if (is_waited_for(f->answering))
		settle_targets(f, d, PART_OTHERS, clock_mono_ms() + STORE_MS);
}

static enum error
ask_and_settle(struct fanout *f, struct signer *signer, struct delivery *d,
    const unsigned char key[QUEUE_KEY])
{
	const struct settings	*set = &f->s->conf->set;
	const int		 tenth_ms = set->deadline_ms / 10;
	const int64_t		 until_ms = d->deadline_ms - (tenth_ms < STORE_MS ? tenth_ms :
				    STORE_MS);
	enum error		 er;

	buf_reset(&d->query);
	if (push_write(&d->query, d->push) != ERR_OK)
		return deliver_mark_unsafe(d);
	begin_calls(f, signer, d, key);
	if (f->calls)
		settle_while_it_thinks(f, d, until_ms);
	wait_for_calls(f, NULL, f->s->life == STORE_BRIEF, until_ms);
	settle_targets(f, d, PART_ALL, is_barred(f) ? d->deadline_ms - set->forward_ms :
	    d->deadline_ms);
	if (!keep_for_reply(f, d, key)) {
		ask_all(f, signer, d, key);
		settle_targets(f, d, PART_ALL, d->deadline_ms);
		(void)keep_for_reply(f, d, key);
	}
	er = end_delivery(f, d);
	take_own_answer(f, d, key);
	count_relays(f);
	end_calls(f);
	return er;
}

/* True: every destination has the message. */
static bool
is_done(const struct fanout *f)
{
	const struct target	*t;

	for (t = f->t; t != f->t + f->n; t++)
		if (!t->delivered)
			return false;
	return true;
}

/* Claims nothing, and asks nobody but the relay that answers, if it must. */
static enum error
deliver_to_targets(struct fanout *f, struct signer *signer, struct delivery *d,
    const unsigned char key[QUEUE_KEY], enum dedup_as was)
{
	bool	 all = look_at_targets(f, was, d->deadline_ms);

	join_answer(f, key);
	if (was == DEDUP_DONE && f->calls)
		give_up_answer(f, key);
	if (was == DEDUP_DONE || (all && !f->calls))
		return ERR_OK;
	if (!deliver_is_impossible(f->s, d))
		return ask_and_settle(f, signer, d, key);
	if (f->calls)
		give_up_answer(f, key);
	return ERR_LIBCURL;
}

/* What has become of the message at each relay. */
static void
describe_relays(const struct fanout *f, struct delivery *d)
{
	const struct target	*t;

	for (t = f->t + 1; t < f->t + f->n; t++)
		describe_relay(f, t, d);
	if (d->answered == DELIVER_ANSWER)
		counters_late(f->s->counters, f->answering->to, COUNTER_RELAY_ANSWERED,
		    clock_wall_ms());
}

enum error
fanout_deliver(const struct services *s, struct signer *signer, struct delivery *d)
{
	unsigned char		 key[QUEUE_KEY], whole[QUEUE_KEY];
	struct deliver_claim	 claim;
	enum dedup_as		 was;
	struct fanout		*f;
	enum error		 er;

	deliver_reset(d);
	if (d->fanout == NULL && (d->fanout = fanout_new(s)) == NULL)
		return deliver_mark_unsafe(d);
	f = d->fanout;
	queue_key(key, d->message->time_s, d->key);
	memcpy(whole, key, sizeof(whole));
	destination_whole_key(whole);
	if ((er = deliver_claim(s, &claim, &was, whole, d->deadline_ms)) != ERR_OK) {
		d->verdict = VERDICT_UNSAFE;
		d->hint = "another request was forwarding the same message until the deadline";
		return er;
	}
	find_targets(f, d, key);
	er = deliver_to_targets(f, signer, d, key, was);
	if (was != DEDUP_DONE) {
		if (is_done(f))
			(void)dedup_mark(s->dedup, whole, DEDUP_DONE);
		deliver_unclaim(s, &claim, whole, is_done(f), error_table[er].status == 200);
	}
	if (error_table[er].status == 200)
		await_answer(f, d, key);
	else
		d->answered = DELIVER_NO_ANSWER;
	describe_relays(f, d);
	return er;
}
