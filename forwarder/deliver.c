#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "forwarder/breaker.h"
#include "forwarder/deliver.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "state/queue.h"
#include "state/store.h"
#include "wechat/push.h"

enum {
	PROBE_GRACE_MS = 2000	/* for the drainer to begin its probe */
};

const char *const deliver_verdicts[VERDICT__MAX] = {
	[VERDICT_DELIVERED]	= "delivered",
	[VERDICT_QUEUED]	= "queued",
	[VERDICT_DEAD]		= "dead",
	[VERDICT_REPEAT]	= "repeat",
	[VERDICT_UNSAFE]	= "unsafe",
};

/* The states of a row that a request leaves behind, and how the request ends. */
static const struct {
	enum verdict	 verdict;
	enum error	 er;
} ends[QUEUE__MAX] = {
	[QUEUE_PENDING]		= { VERDICT_QUEUED,	ERR_FORWARD },
	[QUEUE_DELIVERED]	= { VERDICT_DELIVERED,	ERR_OK },
	[QUEUE_DEAD]		= { VERDICT_DEAD,	ERR_REFUSED },
};

void
deliver_free(struct delivery *d)
{
	qt_client_result_free(&d->qt);
	buf_free(&d->out);
	buf_free(&d->query);
}

/*
 * Before: has it been seen?
 */

struct look {
	const unsigned char	*key;
	enum queue_state	 state;
};

/* A store_work. */
static enum error
look(struct db *db, void *arg)
{
	struct look	*l = arg;

	return queue_look(db, &l->state, l->key);
}

/* Without the store a repeat cannot be told, and QT may still get the message. */
static bool
is_repeat(const struct services *m, enum dedup_as *as, const unsigned char *key,
    int64_t deadline_ms)
{
	struct look	 l = { .key = key };
	enum dedup_as	 now;

	if (dedup_find(m->dedup, as, key) == ERR_OK && *as != DEDUP_QUEUED)
		return *as == DEDUP_DONE;
	*as = DEDUP_QUEUED;
	if (store_do(m->store, STORE_READ, look, &l, deadline_ms) != ERR_OK)
		return false;
	if (l.state != QUEUE_NEW)
		return true;
	/* It may have been drained between the two looks: it is marked before it goes. */
	return dedup_find(m->dedup, &now, key) == ERR_OK && now == DEDUP_DONE;
}

/*
 * Between: QT, if it may be asked.
 */

/* True: this request probes the broken end point; nobody else does meanwhile. */
static bool
may_probe(const struct services *m, struct lock *probe, const struct account *a,
    int64_t probe_ms)
{
	unsigned char	 key[LOCK_KEY];
	/* In a server the drainer probes; a request does if there was nothing to probe with. */
	int64_t		 grace_ms = m->life == STORE_SERVER ?
			    m->conf->set.forward_ms + PROBE_GRACE_MS : 0;

	if (clock_wall_ms() < probe_ms + grace_ms)
		return false;
	lock_name(key, "probe", a->qt_url);
	return lock_take(m->locks, probe, key, 0) == LOCK_MINE;
}

/* What an answer makes of a message. */
void
deliver_judge(struct queue_message *row, const struct qt_result *qt)
{
	static const enum queue_state	 states[QT__MAX] = {
		[QT_DELIVERED]	= QUEUE_DELIVERED,
		[QT_RETRY]		= QUEUE_PENDING,
		[QT_CONFIG]	= QUEUE_PENDING,
		[QT_REFUSED]	= QUEUE_DEAD,
	};

	row->state = states[qt->outcome];
	row->outcome = slice_of(*qt->code != '\0' ? qt->code : qt->http.why);
	row->qt_ms = qt->http.ms;
}

/* False: it could not be sent at all, QT has no part in that. */
static bool
forward(const struct services *m, struct signer *s, struct delivery *d)
{
	enum error	 er;

	er = sign_envelope(s, &d->out, d->account, d->push, d->body, clock_wall_ms());
	if (er != ERR_OK) {
		d->why_not = qt_client_names[QT_RETRY];
		(void)snprintf(d->detail, sizeof(d->detail), "cannot be signed: %s",
		    error_table[er].name);
		return false;
	}
	qt_client_post(m->http, &m->conf->set, &d->qt, d->account, buf_slice(&d->out),
	    d->deadline_ms);
	if (d->qt.outcome == QT_DELIVERED)
		return true;
	qt_client_explain(&d->qt);
	(void)snprintf(d->detail, sizeof(d->detail), "%s", d->qt.http.why);
	d->why_not = qt_client_names[d->qt.outcome];
	d->hint = qt_client_hints[d->qt.outcome];
	return true;
}

/* Why QT is not to be asked: classes of the log, and what to do. */
enum bar { BAR_NONE, BAR_BREAKER, BAR_STOPPED, BAR_JAMMED, BARS };

static const struct {
	const char	*why_not, *hint;
} bars[BARS] = {
	[BAR_BREAKER]	= { "breaker", "" },
	[BAR_STOPPED]	= { "stopped", "mend the account's keys and start anew, or run: "
	    "qtoa queue retry ACCOUNT" },
	[BAR_JAMMED]	= { "jammed", "half of the workers wait for QT; is it slow?" },
};

/* *probes: this request is to probe the end point, and nobody else does; probe is ours. */
static enum bar
look_for_bar(const struct services *m, bool *probes, struct lock *probe, const struct delivery *d)
{
	int64_t	 probe_ms;

	/* In a server the thread that drains keeps them up to date. */
	if ((m->life == STORE_BRIEF || !breaker_is_loaded(m->breakers)) &&
	    store_is_raised(m->store))
		(void)store_do(m->store, STORE_READ, breaker_load, m->breakers, d->deadline_ms);
	*probes = false;
	switch (breaker_gate(m->breakers, d->account, &probe_ms)) {
	case GATE_GO:
		return breaker_is_saturated(m->breakers, d->account) ? BAR_JAMMED : BAR_NONE;
	case GATE_BROKEN:
		*probes = may_probe(m, probe, d->account, probe_ms);
		return *probes ? BAR_NONE : BAR_BREAKER;
	case GATE_STOPPED:
		break;
	}
	return BAR_STOPPED;
}

/* True: QT was asked, and d->qt is its answer. */
static bool
ask(const struct services *m, struct signer *s, struct delivery *d)
{
	struct lock	 probe;
	enum bar	 bar;
	int64_t		 mark;
	bool		 probes, asked = false;

	if ((bar = look_for_bar(m, &probes, &probe, d)) == BAR_NONE) {
		breaker_enter(m->breakers, d->account, &mark);
		asked = forward(m, s, d);
		breaker_leave(m->breakers, d->account, mark);
	} else {
		d->why_not = bars[bar].why_not;
		d->hint = bars[bar].hint;
	}
	if (probes)
		lock_release(m->locks, &probe, false);
	return asked;
}

/*
 * After: the store.
 */

struct settling {
	const struct services	*m;
	const struct account	*account;
	struct queue_message	 row;
	bool			 heeded;	/* by the breaker */
	enum breaker_news	 news;
	const char		*why;
	enum breaker_change	 change;
};

static enum error
settle_work(struct db *db, void *arg)
{
	struct settling	*st = arg;
	enum error	 er = ERR_OK;

	if (st->row.state != QUEUE_DELIVERED || st->m->conf->set.keep_days != 0)
		er = queue_add(db, &st->row);
	if (er == ERR_OK && st->heeded)
		er = breaker_note(st->m->breakers, &st->change, db, st->account, st->news,
		    st->why);
	return er;
}

/* With what is needed to send it later, if that may be needed.  False: no memory. */
static bool
fill_row(struct settling *st, struct delivery *d, bool asked)
{
	struct queue_message	*row = &st->row;
	const struct settings	*set = &st->m->conf->set;

	queue_key(row->key, d->head->time_s, d->key);
	row->account = slice_of(d->account->path);
	row->code = slice_of(d->head->code);
	row->received_ms = clock_wall_ms();
	row->attempts = asked;
	row->state = QUEUE_PENDING;
	row->outcome = slice_of(d->why_not);
	if (asked)
		deliver_judge(row, &d->qt);
	row->next_ms = row->received_ms;
	if (asked)
		row->next_ms += queue_backoff_ms(1, (uint64_t)row->received_ms * 7919);
	if (row->state == QUEUE_DELIVERED && set->keep_days == 0)
		return true;
	buf_reset(&d->query);
	if (push_write(&d->query, d->push) != ERR_OK)
		return false;
	row->query = buf_slice(&d->query);
	row->body = d->body;
	return true;
}

/* What the store must know of it.  With a well QT and nothing to keep that is nothing. */
static enum error
store_it(struct settling *st, int64_t deadline_ms)
{
	const struct services	*m = st->m;
	const bool		 waits = st->row.state != QUEUE_DELIVERED;
	enum error		 er;

	if (!waits && !st->heeded && m->conf->set.keep_days == 0)
		return ERR_OK;
	if (waits)
		store_raise(m->store);
	er = store_do(m->store, waits ? STORE_SYNC : STORE_WRITE, settle_work, st, deadline_ms);
	if (waits)
		store_raise(m->store);
	if (er != ERR_OK && st->heeded)
		(void)breaker_note(m->breakers, &st->change, NULL, st->account, st->news, st->why);
	if (st->heeded)
		breaker_tell(m->breakers, st->account, st->change, st->why);
	return er;
}

/*
 * Marked first: that a message may be in the queue says only that one has to look there, and
 * that it is done is true already.
 */
static enum error
settle(const struct services *m, struct delivery *d, enum dedup_as was, bool asked)
{
	struct settling	 st = { .m = m, .account = d->account };
	enum error	 er;

	if (!fill_row(&st, d, asked) && st.row.state != QUEUE_DELIVERED) {
		(void)snprintf(d->detail, sizeof(d->detail), "%s", error_table[ERR_NOMEM].name);
		d->verdict = VERDICT_UNSAFE;
		d->hint = NULL;
		return ERR_STORE;
	}
	st.why = st.row.outcome.p != NULL ? st.row.outcome.p : "";
	st.news = breaker_news(&d->qt);
	/* An attempt that shutting down cut short says nothing. */
	st.heeded = asked && !(d->qt.http.status == 0 && services_stopping(m)) &&
	    breaker_changes(m->breakers, d->account, st.news);
	(void)dedup_mark(m->dedup, st.row.key,
	    st.row.state == QUEUE_DELIVERED ? DEDUP_DONE : DEDUP_QUEUED, was);
	er = store_it(&st, d->deadline_ms);
	d->verdict = ends[st.row.state].verdict;
	if (er != ERR_OK && st.row.state == QUEUE_DELIVERED)
		counters_late(m->counters, d->account, COUNTER_UNSETTLED, clock_wall_ms());
	if (er == ERR_OK || st.row.state == QUEUE_DELIVERED)
		return ends[st.row.state].er;
	store_why(m->store, d->detail, sizeof(d->detail));
	d->verdict = VERDICT_UNSAFE;
	d->hint = NULL;
	return ERR_STORE;
}

enum error
deliver(const struct services *m, struct signer *s, struct delivery *d)
{
	unsigned char	 key[QUEUE_KEY];
	struct lock	 claim;
	enum dedup_as	 was;
	enum error	 er = ERR_OK;

	d->verdict = VERDICT_REPEAT;
	d->why_not = NULL;
	d->hint = "";
	d->detail[0] = d->qt.code[0] = '\0';
	d->qt.http.status = d->qt.http.ms = 0;
	d->qt.http.why[0] = '\0';
	d->qt.alive = false;
	queue_key(key, d->head->time_s, d->key);
	switch (lock_take(m->locks, &claim, key, d->deadline_ms)) {
	case LOCK_MINE:
		break;
	case LOCK_DONE:
		return ERR_OK;
	case LOCK_BUSY:
		d->verdict = VERDICT_UNSAFE;
		d->hint = "the same message has been in hand all the time";
		return ERR_LATE;
	}
	if (!is_repeat(m, &was, key, d->deadline_ms))
		er = settle(m, d, was, ask(m, s, d));
	lock_release(m->locks, &claim, er != ERR_STORE);
	return er;
}
