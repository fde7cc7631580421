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

enum {
	PROBE_GRACE_MS = 2000	/* for the drainer to begin its probe */
};

const char *const verdict_names[VERDICT__MAX] = {
	[VERDICT_DELIVERED]	= "delivered",
	[VERDICT_QUEUED]	= "queued",
	[VERDICT_DEAD]		= "dead",
	[VERDICT_REPEAT]	= "repeat",
	[VERDICT_UNSAFE]	= "unsafe",
};

/* The states of a row that a request leaves behind, and how the request ends. */
static const struct {
	enum verdict	 verdict;
	enum qt_err	 er;
} ends[QUEUE__MAX] = {
	[QUEUE_PENDING]		= { VERDICT_QUEUED,	QT_EFORWARD },
	[QUEUE_DELIVERED]	= { VERDICT_DELIVERED,	QT_OK },
	[QUEUE_DEAD]		= { VERDICT_DEAD,	QT_EREFUSED },
};

void
delivery_free(struct delivery *d)
{
	forward_result_free(&d->qt);
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
static enum qt_err
look(struct db *db, void *arg)
{
	struct look	*l = arg;

	return queue_look(db, &l->state, l->key);
}

/* Without the store a repeat cannot be told, and QT may still get the message. */
static bool
is_repeat(const struct means *m, enum seen_as *as, const unsigned char *key,
    int64_t deadline_ms)
{
	struct look	 l = { .key = key };
	enum seen_as	 now;

	if (seen_look(m->seen, as, key) == QT_OK && *as != SEEN_QUEUED)
		return *as == SEEN_DONE;
	*as = SEEN_QUEUED;
	if (store_do(m->store, STORE_READ, look, &l, deadline_ms) != QT_OK)
		return false;
	if (l.state != QUEUE_NEW)
		return true;
	/* It may have been drained between the two looks: it is marked before it goes. */
	return seen_look(m->seen, &now, key) == QT_OK && now == SEEN_DONE;
}

/*
 * Between: QT, if it may be asked.
 */

/* True: this request probes the broken end point; nobody else does meanwhile. */
static bool
may_probe(const struct means *m, struct claim *probe, const struct account *a,
    int64_t probe_ms)
{
	unsigned char	 key[CLAIM_KEY];
	/* In a server the drainer probes; a request does if there was nothing to probe with. */
	int64_t		 grace_ms = m->life == STORE_SERVER ?
			    m->conf->set.forward_ms + PROBE_GRACE_MS : 0;

	if (clock_wall_ms() < probe_ms + grace_ms)
		return false;
	claim_name(key, "probe", a->qt_url);
	return claim_begin(m->claims, probe, key, 0) == CLAIM_MINE;
}

/* What an answer makes of a message. */
void
deliver_judge(struct queue_message *row, const struct forward_result *qt)
{
	static const enum queue_state	 states[FORWARD__MAX] = {
		[FORWARD_DELIVERED]	= QUEUE_DELIVERED,
		[FORWARD_RETRY]		= QUEUE_PENDING,
		[FORWARD_CONFIG]	= QUEUE_PENDING,
		[FORWARD_REFUSED]	= QUEUE_DEAD,
	};

	row->state = states[qt->outcome];
	row->outcome = slice_of(*qt->code != '\0' ? qt->code : qt->http.why);
	row->qt_ms = qt->http.ms;
}

/* False: it could not be sent at all, QT has no part in that. */
static bool
forward(const struct means *m, struct signer *s, struct delivery *d)
{
	enum qt_err	 er;

	er = sign_envelope(s, &d->out, d->account, d->push, d->body, clock_wall_ms());
	if (er != QT_OK) {
		d->why_not = forward_names[FORWARD_RETRY];
		(void)snprintf(d->detail, sizeof(d->detail), "cannot be signed: %s",
		    errs[er].name);
		return false;
	}
	forward_post(m->http, &m->conf->set, &d->qt, d->account, buf_slice(&d->out),
	    d->deadline_ms);
	if (d->qt.outcome == FORWARD_DELIVERED)
		return true;
	forward_explain(&d->qt);
	(void)snprintf(d->detail, sizeof(d->detail), "%s", d->qt.http.why);
	d->why_not = forward_names[d->qt.outcome];
	d->hint = forward_hints[d->qt.outcome];
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
look_for_bar(const struct means *m, bool *probes, struct claim *probe, const struct delivery *d)
{
	int64_t	 probe_ms;

	/* In a server the thread that drains keeps them up to date. */
	if ((m->life == STORE_BRIEF || !breaker_is_loaded(m->breakers)) &&
	    store_is_raised(m->store))
		(void)store_do(m->store, STORE_READ, breaker_load, m->breakers, d->deadline_ms);
	*probes = false;
	switch (breaker_gate(m->breakers, d->account, &probe_ms)) {
	case GATE_GO:
		return breaker_is_jammed(m->breakers, d->account) ? BAR_JAMMED : BAR_NONE;
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
ask(const struct means *m, struct signer *s, struct delivery *d)
{
	struct claim	 probe;
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
		claim_end(m->claims, &probe, false);
	return asked;
}

/*
 * After: the store.
 */

struct settling {
	const struct means	*m;
	const struct account	*account;
	struct queue_message	 row;
	bool			 heeded;	/* by the breaker */
	enum news		 news;
	const char		*why;
	enum breaker_change	 change;
};

static enum qt_err
settle_work(struct db *db, void *arg)
{
	struct settling	*st = arg;
	enum qt_err	 er = QT_OK;

	if (st->row.state != QUEUE_DELIVERED || st->m->conf->set.keep_days != 0)
		er = queue_add(db, &st->row);
	if (er == QT_OK && st->heeded)
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
	if (query_put(&d->query, d->push) != QT_OK)
		return false;
	row->query = buf_slice(&d->query);
	row->body = d->body;
	return true;
}

/* What the store must know of it.  With a well QT and nothing to keep that is nothing. */
static enum qt_err
store_it(struct settling *st, int64_t deadline_ms)
{
	const struct means	*m = st->m;
	const bool		 waits = st->row.state != QUEUE_DELIVERED;
	enum qt_err		 er;

	if (!waits && !st->heeded && m->conf->set.keep_days == 0)
		return QT_OK;
	if (waits)
		store_raise(m->store);
	er = store_do(m->store, waits ? STORE_SYNC : STORE_WRITE, settle_work, st, deadline_ms);
	if (waits)
		store_raise(m->store);
	if (er != QT_OK && st->heeded)
		(void)breaker_note(m->breakers, &st->change, NULL, st->account, st->news, st->why);
	if (st->heeded)
		breaker_tell(m->breakers, st->account, st->change, st->why);
	return er;
}

/*
 * Marked first: that a message may be in the queue says only that one has to look there, and
 * that it is done is true already.
 */
static enum qt_err
settle(const struct means *m, struct delivery *d, enum seen_as was, bool asked)
{
	struct settling	 st = { .m = m, .account = d->account };
	enum qt_err	 er;

	if (!fill_row(&st, d, asked) && st.row.state != QUEUE_DELIVERED) {
		(void)snprintf(d->detail, sizeof(d->detail), "%s", errs[QT_ENOMEM].name);
		d->verdict = VERDICT_UNSAFE;
		d->hint = NULL;
		return QT_ESTORE;
	}
	st.why = st.row.outcome.p != NULL ? st.row.outcome.p : "";
	st.news = breaker_news(&d->qt);
	/* An attempt that shutting down cut short says nothing. */
	st.heeded = asked && !(d->qt.http.status == 0 && means_stopping(m)) &&
	    breaker_heeds(m->breakers, d->account, st.news);
	(void)seen_mark(m->seen, st.row.key,
	    st.row.state == QUEUE_DELIVERED ? SEEN_DONE : SEEN_QUEUED, was);
	er = store_it(&st, d->deadline_ms);
	d->verdict = ends[st.row.state].verdict;
	if (er != QT_OK && st.row.state == QUEUE_DELIVERED)
		tally_late(m->tally, d->account, TALLY_UNSETTLED, clock_wall_ms());
	if (er == QT_OK || st.row.state == QUEUE_DELIVERED)
		return ends[st.row.state].er;
	store_why(m->store, d->detail, sizeof(d->detail));
	d->verdict = VERDICT_UNSAFE;
	d->hint = NULL;
	return QT_ESTORE;
}

enum qt_err
deliver(const struct means *m, struct signer *s, struct delivery *d)
{
	unsigned char	 key[QUEUE_KEY];
	struct claim	 claim;
	enum seen_as	 was;
	enum qt_err	 er = QT_OK;

	d->verdict = VERDICT_REPEAT;
	d->why_not = NULL;
	d->hint = "";
	d->detail[0] = d->qt.code[0] = '\0';
	d->qt.http.status = d->qt.http.ms = 0;
	d->qt.http.why[0] = '\0';
	d->qt.alive = false;
	queue_key(key, d->head->time_s, d->key);
	switch (claim_begin(m->claims, &claim, key, d->deadline_ms)) {
	case CLAIM_MINE:
		break;
	case CLAIM_DONE:
		return QT_OK;
	case CLAIM_BUSY:
		d->verdict = VERDICT_UNSAFE;
		d->hint = "the same message has been in hand all the time";
		return QT_ELATE;
	}
	if (!is_repeat(m, &was, key, d->deadline_ms))
		er = settle(m, d, was, ask(m, s, d));
	claim_end(m->claims, &claim, er != QT_ESTORE);
	return er;
}
