#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash.h"
#include "forwarder/breaker.h"
#include "forwarder/deliver.h"
#include "forwarder/fanout.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "state/queue.h"
#include "state/store.h"
#include "state/store_look.h"
#include "wechat/push.h"

enum {
	PROBE_GRACE_MS = 2000,	/* time for the drainer to begin its probe */
	KEEP_MS = 300		/* after the deadline, to keep what another host has in hand */
};

const char *const deliver_verdicts[VERDICT__MAX] = {
	[VERDICT_DELIVERED]	= "delivered",
	[VERDICT_QUEUED]	= "queued",
	[VERDICT_DEAD]		= "dead",
	[VERDICT_REPEAT]	= "repeat",
	[VERDICT_UNSAFE]	= "unsafe",
};

const struct deliver_end deliver_ends[QUEUE__MAX] = {
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
	buf_free(&d->answer);
	fanout_free(d->fanout);
	d->fanout = NULL;
}

/*
 * First: was the message settled before?
 */

struct row_query {
	const unsigned char	*key;
	enum queue_state	 state;
};

/* A store_work that finds the state of the message's row, which may be acknowledged then. */
static enum error
find_row(struct db *db, void *arg)
{
	struct row_query	*q = arg;

	return queue_confirm(db, &q->state, q->key);
}

/*
 * True: the message was settled before.  While the store fails a repeat cannot be recognised: it is
 * forwarded, since QT may not have it yet.
 */
static bool
is_repeat(const struct services *s, enum dedup_as as, const unsigned char *key,
    int64_t deadline_ms)
{
	struct row_query	 q = { .key = key };

	if (as != DEDUP_QUEUED)
		return as == DEDUP_DONE;
	if (store_do(s->store, STORE_CONFIRM, find_row, &q, deadline_ms) != ERR_OK)
		return false;
	if (q.state != QUEUE_NEW)
		return true;
	/* Perhaps the row went between the two looks: a drainer marks the message before. */
	return dedup_find(s->dedup, &as, key) == ERR_OK && as == DEDUP_DONE;
}

/*
 * Then: ask QT, if it may be asked.
 */

void
deliver_judge(struct queue_message *row, const struct qt_result *qt)
{
	static const enum queue_state	 states[QT__MAX] = {
		[QT_DELIVERED]	= QUEUE_DELIVERED,
		[QT_RETRY]	= QUEUE_PENDING,
		[QT_CONFIG]	= QUEUE_PENDING,
		[QT_GATEWAY]	= QUEUE_PENDING,
		[QT_UNREADABLE]	= QUEUE_PENDING,
		[QT_REFUSED]	= QUEUE_DEAD,
	};
	const bool	 page = qt->page && qt->http.status / 100 == 2;

	row->state = states[qt->outcome];
	row->outcome = slice_of(*qt->code != '\0' ? qt->code : qt->http.why);
	row->qt_ms = qt->http.ms;
	if (qt->outcome != QT_UNREADABLE && !page)
		return;
	row->unread += page ? DELIVER_PAGE : DELIVER_UNREADABLE;
	if (row->unread >= DELIVER_UNREAD_MAX)
		row->state = QUEUE_DEAD;
	if (!page || row->state == QUEUE_DEAD)
		row->outcome = slice_of(qt_client_unreadable);
}

/* False: the envelope could not be signed, so QT was not asked. */
static bool
forward_message(const struct services *s, struct signer *signer, struct delivery *d)
{
	enum error	 er;

	er = sign_envelope(signer, &d->out, d->account, d->push, d->body, services_now_ms(s));
	if (er != ERR_OK) {
		d->why_not = qt_client_names[QT_RETRY];
		(void)snprintf(d->detail, sizeof(d->detail), "cannot be signed: %s",
		    error_table[er].name);
		return false;
	}
	qt_client_post(s->http, &s->conf->set, &d->qt, d->account, buf_slice(&d->out),
	    d->deadline_ms);
	if (d->qt.outcome == QT_DELIVERED)
		return true;
	qt_client_explain(&d->qt);
	(void)snprintf(d->detail, sizeof(d->detail), "%s", d->qt.http.why);
	d->why_not = qt_client_names[d->qt.outcome];
	d->hint = qt_client_hint(&d->qt);
	return true;
}

const struct deliver_bar_words deliver_bars[BARS] = {
	[BAR_BREAKER]	= { "breaker", "" },
	[BAR_STOPPED]	= { "stopped", "fix the account's keys and restart qtoa, or run: "
	    "qtoa queue retry ACCOUNT" },
	[BAR_SATURATED]	= { "jammed", "half of the workers wait for QT; find out why it is slow" },
	[BAR_ELSEWHERE]	= { "elsewhere", "" },
};

bool
deliver_may_probe(const struct services *s, struct lease *probe, const struct account *a)
{
	/* In a server the drainer probes; a request does so if the drainer had no message. */
	int64_t	 grace_ms = s->life == STORE_SERVER ?
		    s->conf->set.forward_ms + PROBE_GRACE_MS : 0;

	return clock_wall_ms() >= breaker_fresh_ms(s->breakers, a) + grace_ms &&
	    breaker_take_probe(s->store, probe, a);
}

/* Where a process that ends with its request finds what others know of the breakers. */
static struct store *
breaker_store(const struct services *s)
{
	return s->local != NULL && store_look_has_failed(s->store, s->conf->set.state_dir) ?
	    s->local : s->store;
}

void
deliver_look_at_breakers(const struct services *s, int64_t deadline_ms)
{
	const bool	 is_brief = s->life == STORE_BRIEF;

	/*
	 * In a server the drainer keeps the breakers up to date.  No request waits for a store that
	 * hosts share: that may take long, and it is not needed.
	 */
	if (!is_brief && (store_is_shared(s->store) || breaker_is_loaded(s->breakers)))
		return;
	if (store_is_raised(s->store))
		(void)store_do(is_brief ? breaker_store(s) : s->store, STORE_READ, breaker_load,
		    s->breakers, deadline_ms);
	else if (!is_brief)	/* this look is a system call of each request */
		breaker_load_nothing(s->breakers);
}

/* A reason not to ask QT.  *probes: this request is a probe, and the caller ends the lease. */
static enum deliver_bar
find_bar(const struct services *s, bool *probes, struct lease *probe, const struct delivery *d)
{
	int64_t	 probe_ms;

	deliver_look_at_breakers(s, d->deadline_ms);
	*probes = false;
	switch (breaker_gate(s->breakers, d->account, &probe_ms)) {
	case GATE_GO:
		return breaker_is_saturated(s->breakers, d->account) ? BAR_SATURATED : BAR_NONE;
	case GATE_BROKEN:
		*probes = deliver_may_probe(s, probe, d->account);
		return *probes ? BAR_NONE : BAR_BREAKER;
	case GATE_STOPPED:
		break;
	}
	return BAR_STOPPED;
}

/* Asks QT, unless *bar is a reason not to.  True: QT was asked, and d->qt is its answer. */
static bool
ask_qt(const struct services *s, struct signer *signer, struct delivery *d, enum deliver_bar bar)
{
	bool	 asked;
	int64_t	 mark;

	if (bar != BAR_NONE) {
		d->why_not = deliver_bars[bar].why_not;
		d->hint = deliver_bars[bar].hint;
		return false;
	}
	breaker_enter(s->breakers, d->account, &mark);
	asked = forward_message(s, signer, d);
	breaker_leave(s->breakers, d->account, mark);
	return asked;
}

/*
 * At last: write the result into the store.
 */

struct settling {
	const struct services	*s;
	struct queue_message	 row;
	struct breaker_report	 report;
};

/* True: a message that QT has is kept for a while; what waits for QT needs the room more. */
static bool
keeps_copy(const struct settling *st)
{
	return st->s->conf->set.keep_days != 0 && store_has_room(st->s->store);
}

struct db *
deliver_breaker_db(const struct services *s, struct db *db)
{
	return s->life == STORE_SERVER && store_is_shared(s->store) && !db_is_shared(db) ?
	    NULL : db;
}

/* A store_work that writes the message's row and the breaker's report. */
static enum error
write_settlement(struct db *db, void *arg)
{
	struct settling	*st = arg;
	enum error	 er = ERR_OK;

	if (st->row.state != QUEUE_DELIVERED || keeps_copy(st))
		er = queue_add(db, &st->row);
	return er != ERR_OK ? er : breaker_settle(st->s->breakers, &st->report,
	    deliver_breaker_db(st->s, db));
}

/* A store_work for a disk that is full: a report takes no further room. */
static enum error
write_report(struct db *db, void *arg)
{
	struct settling	*st = arg;

	return breaker_settle(st->s->breakers, &st->report, db);
}

/* Fills the row with all that is needed to send it later, if it will be.  False: no memory. */
static bool
fill_row(struct settling *st, struct delivery *d, bool asked)
{
	struct queue_message	*row = &st->row;

	queue_key(row->key, d->message->time_s, d->key);
	row->account = slice_of(d->account->path);
	row->code = slice_of(d->message->code);
	row->received_ms = clock_wall_ms();
	row->next_ms = row->received_ms;
	row->attempts = asked;
	row->state = QUEUE_PENDING;
	row->outcome = slice_of(d->why_not);
	if (asked) {
		deliver_judge(row, &d->qt);
		row->next_ms += queue_backoff_ms(1, hash_jitter(row->received_ms, 0));
	}
	if (row->state == QUEUE_DELIVERED && st->s->conf->set.keep_days == 0)
		return true;
	buf_reset(&d->query);
	if (push_write(&d->query, d->push) != ERR_OK)
		return false;
	row->query = buf_slice(&d->query);
	row->body = d->body;
	return true;
}

/*
 * The store did not take the report.  A server keeps it in its copy; a process that ends soon, in
 * this host's own store, if there is another one.
 */
static void
keep_report(struct settling *st, int64_t until_ms)
{
	const struct services	*s = st->s;

	if (s->life != STORE_BRIEF || s->local == NULL || !st->report.matters ||
	    store_do(s->local, STORE_WRITE, write_report, st, until_ms) != ERR_OK)
		(void)breaker_settle(s->breakers, &st->report, NULL);
}

/* Writes what the store must know: nothing, if QT has the message and no copy is kept. */
static enum error
store_settlement(struct settling *st, int64_t until_ms)
{
	const struct services	*s = st->s;
	const bool		 waits = st->row.state != QUEUE_DELIVERED;
	enum error		 er;

	if (!waits && !st->report.matters && s->conf->set.keep_days == 0)
		return ERR_OK;
	er = store_do(s->store, waits ? STORE_QUEUE : STORE_WRITE, write_settlement, st,
	    until_ms);
	if (er != ERR_OK && (!st->report.matters || !store_is_full(s->store) ||
	    store_do(s->store, STORE_WRITE, write_report, st, until_ms) != ERR_OK))
		keep_report(st, until_ms);
	breaker_log(s->breakers, &st->report);
	return er;
}

enum error
deliver_mark_unsafe(struct delivery *d)
{
	d->verdict = VERDICT_UNSAFE;
	d->hint = NULL;
	return ERR_STORE;
}

void
deliver_tell(const struct services *s, struct delivery *d)
{
	if (d->tells)
		dedup_tell(s->dedup, d->told);
	d->tells = false;
}

static enum error
settle_message(const struct services *s, struct delivery *d, bool asked, int64_t until_ms)
{
	struct settling	 st = { .s = s };
	enum error	 er;
	bool		 delivered;

	if (!fill_row(&st, d, asked) && st.row.state != QUEUE_DELIVERED) {
		(void)snprintf(d->detail, sizeof(d->detail), "%s", error_table[ERR_NOMEM].name);
		return deliver_mark_unsafe(d);
	}
	delivered = st.row.state == QUEUE_DELIVERED;
	/* An attempt that the end of the program cut short says nothing of QT. */
	if (asked && !(d->qt.http.status == 0 && services_stopping(s)))
		breaker_judge(s->breakers, &st.report, d->account, &d->qt, 0);
	if (delivered) {	/* that is true already; "queued" is not, before the row is there */
		(void)dedup_mark_here(s->dedup, st.row.key);
		memcpy(d->told, st.row.key, QUEUE_KEY);
		d->tells = true;
	}
	er = store_settlement(&st, until_ms);
	d->verdict = deliver_ends[st.row.state].verdict;
	if (er != ERR_OK && delivered)
		counters_late(s->counters, d->account, COUNTER_UNSETTLED, clock_wall_ms());
	if (er == ERR_OK || delivered)
		return deliver_ends[st.row.state].er;
	store_why(s->store, d->detail, sizeof(d->detail));
	if (d->detail[0] == '\0')	/* another thread had success meanwhile */
		(void)snprintf(d->detail, sizeof(d->detail), "the store failed, and works again");
	return deliver_mark_unsafe(d);
}

void
deliver_reset(struct delivery *d)
{
	d->verdict = VERDICT_REPEAT;
	d->answered = DELIVER_NO_ANSWER;
	d->why_not = NULL;
	d->hint = "";
	d->detail[0] = d->relays[0] = d->qt.code[0] = '\0';
	d->qt.http.status = d->qt.http.ms = 0;
	d->qt.http.why[0] = '\0';
	d->qt.http.local = d->qt.alive = d->qt.page = false;
}

void
deliver_note_spare(struct delivery *d, const char *where)
{
	char	 why[sizeof(d->detail)];

	(void)snprintf(why, sizeof(why), "%s", d->detail);
	(void)snprintf(d->detail, sizeof(d->detail), "kept in %s: %.160s", where, why);
}

/* The message is nowhere.  If there is a reply to its user, it goes to the spare room. */
static enum error
keep_for_reply(const struct services *s, struct delivery *d)
{
	struct settling	 st = { .s = s };
	const char	*where;

	if (!d->has_reply || s->spare == NULL || !fill_row(&st, d, false) ||
	    spare_put(s->spare, &where, &st.row, d->deadline_ms) != ERR_OK)
		return ERR_STORE;
	deliver_note_spare(d, where);
	d->verdict = VERDICT_QUEUED;
	return ERR_FORWARD;
}

/*
 * Asks QT and settles the message.  If neither has it because QT was not asked, the store's failure
 * leaves this attempt as the only way to keep the message: QT is asked in spite of the breaker.  A
 * reply does not wait for that.
 */
static enum error
ask_and_settle(const struct services *s, struct signer *signer, struct delivery *d)
{
	const int64_t	 until_ms = d->deadline_ms;
	struct lease	 probe;
	enum error	 er;
	enum deliver_bar	 bar;
	bool		 probes, barred;

	bar = find_bar(s, &probes, &probe, d);
	barred = bar == BAR_BREAKER || bar == BAR_STOPPED;
	er = settle_message(s, d, ask_qt(s, signer, d, bar),
	    barred ? until_ms - s->conf->set.forward_ms : until_ms);
	if (er == ERR_STORE)
		er = keep_for_reply(s, d);
	if (er == ERR_STORE && barred && !breaker_is_saturated(s->breakers, d->account)) {
		deliver_reset(d);
		er = settle_message(s, d, ask_qt(s, signer, d, BAR_NONE), until_ms);
	}
	if (probes)
		lease_end(s->store, &probe, false);
	return er;
}

enum error
deliver_claim(const struct services *s, struct deliver_claim *c, enum dedup_as *was,
    const unsigned char *key, int64_t deadline_ms)
{
	enum error	 er = dedup_claim(s->dedup, was, key, deadline_ms);

	c->by_lock = er == ERR_STORE;
	if (!c->by_lock)
		return er;
	*was = DEDUP_QUEUED;
	switch (lock_take(s->locks, &c->lock, key, deadline_ms)) {
	case LOCK_MINE:
		return ERR_OK;
	case LOCK_DONE:
		*was = DEDUP_DONE;
		return ERR_OK;
	case LOCK_BUSY:
		break;
	}
	return ERR_LATE;
}

/*
 * A message that is not marked as done is "queued": who gets it next looks into the store.  One
 * that QT has was marked when its answer came.
 */
void
deliver_unclaim(const struct services *s, struct deliver_claim *c, const unsigned char *key,
    bool is_done, bool is_safe)
{
	if (!is_done)
		(void)dedup_mark(s->dedup, key, DEDUP_QUEUED);
	if (c->by_lock)
		lock_release(s->locks, &c->lock, is_safe);
}

bool
deliver_is_impossible(const struct services *s, struct delivery *d)
{
	char	 why[HTTP_CLIENT_LACK];

	if (!qt_client_lacks(s->http, why, d->account))
		return false;
	(void)snprintf(d->detail, sizeof(d->detail), "%s", why);
	(void)deliver_mark_unsafe(d);
	return true;
}

/*
 * Another request had the message in hand until the deadline, or until the store failed that tells
 * of it.  If that was on another host, which may be dead, the message goes into the queue: there it
 * is one message, however often it comes, and a drainer sends it only if QT does not have it.
 */
static enum error
keep_unclaimed(const struct services *s, struct delivery *d, enum error er)
{
	const int64_t	 until_ms = clock_mono_ms() + KEEP_MS;

	if (er == ERR_LATE && s->local != NULL) {
		d->why_not = deliver_bars[BAR_ELSEWHERE].why_not;
		return settle_message(s, d, false, until_ms > d->deadline_ms ? until_ms :
		    d->deadline_ms);
	}
	d->verdict = VERDICT_UNSAFE;
	d->hint = "another request was forwarding the same message until the deadline";
	return er;
}

enum error
deliver(const struct services *s, struct signer *signer, struct delivery *d)
{
	unsigned char	 key[QUEUE_KEY];
	struct deliver_claim	 claim;
	enum dedup_as	 was;
	enum error	 er;

	if (s->caller != NULL && conf_has_relays(d->account))
		return fanout_deliver(s, signer, d);
	deliver_reset(d);
	queue_key(key, d->message->time_s, d->key);
	if ((er = deliver_claim(s, &claim, &was, key, d->deadline_ms)) != ERR_OK)
		return keep_unclaimed(s, d, er);
	if (was == DEDUP_DONE)
		return ERR_OK;
	if (!is_repeat(s, was, key, d->deadline_ms))
		er = deliver_is_impossible(s, d) ? ERR_LIBCURL : ask_and_settle(s, signer, d);
	deliver_unclaim(s, &claim, key, d->verdict == VERDICT_DELIVERED,
	    error_table[er].status == 200);
	return er;
}
