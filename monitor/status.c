#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/term.h"
#include "core/calendar.h"
#include "monitor/health.h"
#include "monitor/status.h"
#include "state/table.h"

/* What is kept of each, in bytes on disk: see README, "How big will the disk get?" */
enum {
	EVENT_BYTES	= 300,		/* that the collector counts */
	SEEN_BYTES	= 40,		/* of a message, for dedupe_days */
	BODY_BYTES	= 1250,		/* of a delivered one with keep_days */
	TALLY_HEAD	= 4096		/* of a day's file */
};

/* What was counted, while it is read. */
struct counting {
	struct status		*st;
	struct tally_numbers	 before;	/* of all accounts, in the days before today */
	struct tally_numbers	 today;
	int64_t			 first;		/* day on which anything was counted */
};

/* A tally_each. */
static void
add_hour(void *ctx, const struct tally_hour *h)
{
	struct counting		*k = ctx;
	const struct conf	*c = k->st->vitals.conf;
	const struct account	*a = conf_account(c, h->account);

	if (h->day < k->first)
		k->first = h->day;
	if (h->day != k->st->day) {
		tally_add(&k->before, h->numbers);
		return;
	}
	tally_add(&k->today, h->numbers);
	if (a != NULL)
		tally_add(&k->st->today[a - c->accounts], h->numbers);
}

static int64_t
bytes_of(const struct conf *c, const struct tally_numbers *n, int64_t days)
{
	const int64_t	 slots = (int64_t)c->n + 1;
	const int64_t	 each = SEEN_BYTES + (c->set.keep_days != 0 ? BODY_BYTES : 0);

	return (int64_t)n->count[TALLY_COLLECTED] * EVENT_BYTES +
	    (int64_t)tally_acknowledged(n) * each +
	    (TALLY_HEAD + slots * TALLY_HOURS * (int64_t)sizeof(*n)) * days;
}

/* Whole days count; where there is none yet, today as far as it has come. */
static void
estimate(struct status *st, const struct counting *k)
{
	const struct conf	*c = st->vitals.conf;
	const int64_t		 days = st->day - k->first;

	if (k->first == INT64_MAX)
		return;
	st->daily_bytes = days == 0 ? bytes_of(c, &k->today, 1) :
	    bytes_of(c, &k->before, days) / days;
	if (st->vitals.free_bytes != -1)
		st->full_days = st->vitals.free_bytes / st->daily_bytes;
}

static enum qt_err
read_counts(struct status *st)
{
	struct counting	*k;
	enum qt_err	 er = QT_ENOMEM;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return QT_ENOMEM;
	k->st = st;
	k->first = INT64_MAX;
	er = tally_read(st->vitals.conf->set.state_dir, st->day - STATUS_DAYS, st->day, add_hour,
	    k);
	st->counted = er == QT_OK;
	if (er == QT_OK)
		estimate(st, k);
	free(k);
	return er == QT_ENOMEM ? er : QT_OK;
}

/*
 * Failures.
 */

static void
knock(struct status *st, const struct flood_entry *e)
{
	struct status_knocker	*k;

	for (k = st->knockers; k != st->knockers + st->nknockers; k++)
		if (strcmp(k->peer, e->peer) == 0)
			break;
	if (k == st->knockers + STATUS_KNOCKERS)
		return;
	if (k == st->knockers + st->nknockers) {	/* the newest comes first */
		st->nknockers++;
		(void)snprintf(k->peer, sizeof(k->peer), "%s", e->peer);
		(void)snprintf(k->account, sizeof(k->account), "%s", e->account);
		k->last_ms = e->last_ms;
	}
	k->count += e->count;
}

/* A flood_each. */
static void
take_failure(void *ctx, const struct flood_entry *e)
{
	struct status	*st = ctx;

	if (strcmp(e->error, errs[QT_ESIGNATURE].name) == 0)
		knock(st, e);
	else if (*e->error != '\0' && st->nfailures < STATUS_FAILURES)
		st->failures[st->nfailures++] = *e;
}

static int
by_count(const void *a, const void *b)
{
	const struct status_knocker	*x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

static enum qt_err
read_failures(struct status *st)
{
	enum qt_err	 er = flood_read(st->vitals.conf->set.state_dir, take_failure, st);

	if (st->nknockers != 0)
		qsort(st->knockers, st->nknockers, sizeof(st->knockers[0]), by_count);
	return er == QT_ENOMEM ? er : QT_OK;
}

enum qt_err
status_read(struct status *st, const struct conf *c, bool usable, struct store *s,
    struct breakers *b, int64_t deadline_ms)
{
	enum qt_err	 er;

	memset(st, 0, sizeof(*st));
	st->daily_bytes = st->full_days = -1;
	if ((er = vitals_read(&st->vitals, c, s, b, true, deadline_ms)) != QT_OK)
		return er;
	st->vitals.usable = usable;
	st->day = day_at(st->vitals.now_ms / 1000);
	if ((st->today = calloc(c->n + 1, sizeof(*st->today))) == NULL)
		return QT_ENOMEM;
	if ((er = read_counts(st)) == QT_OK)
		er = read_failures(st);
	return er;
}

void
status_free(struct status *st)
{
	vitals_free(&st->vitals);
	free(st->today);
	st->today = NULL;
}

void
status_judge(const struct status *st, vitals_each *fn, void *ctx)
{
	const struct conf	*c = st->vitals.conf;
	struct vital_sign	 s = { .what = "tally", .account = "" };
	uint64_t		 unsafe;
	size_t			 i;

	vitals_judge(&st->vitals, fn, ctx);
	if (!st->counted) {
		(void)snprintf(s.text, sizeof(s.text), "what was counted cannot be read; look at "
		    "qtoa.tally-* in %s", c->set.state_dir);
		fn(ctx, &s);
	}
	for (i = 0; i < c->n; i++) {
		if ((unsafe = st->today[i].count[TALLY_UNSAFE]) == 0)
			continue;
		s.what = "unsafe";
		s.account = c->accounts[i].name;
		(void)snprintf(s.text, sizeof(s.text), "%llu times today neither QT nor the disk "
		    "had a push: WeChat was answered 503 and has asked again, three times in all; "
		    "is qtoa reconcile content?", (unsigned long long)unsafe);
		fn(ctx, &s);
	}
}

/*
 * JSON.
 */

enum account_column {
	ACCOUNT, PATH, RECEIVED, DELIVERED, QUEUED, DEAD, REPEATS, REFUSED, UNSAFE, P50, P99, QT_P50,
	QT_P99, PENDING, PENDING_AGE, DEAD_NOW, DEAD_AGE, GATE, TOKEN_AGE, TOKEN_LEFT, TOKEN_FAILS,
	TOKEN_TROUBLE, ACCOUNT_COLUMNS
};

static const char *const account_names[ACCOUNT_COLUMNS] = {
	[ACCOUNT] = "account", [PATH] = "path", [RECEIVED] = "received",
	[DELIVERED] = "delivered", [QUEUED] = "queued", [DEAD] = "dead", [REPEATS] = "repeats",
	[REFUSED] = "refused", [UNSAFE] = "unsafe", [P50] = "p50_ms", [P99] = "p99_ms",
	[QT_P50] = "qt_p50_ms", [QT_P99] = "qt_p99_ms", [PENDING] = "pending_now",
	[PENDING_AGE] = "pending_age_ms", [DEAD_NOW] = "dead_now", [DEAD_AGE] = "dead_age_ms",
	[GATE] = "qt", [TOKEN_AGE] = "token_age_s", [TOKEN_LEFT] = "token_left_s",
	[TOKEN_FAILS] = "token_failures", [TOKEN_TROUBLE] = "token_trouble",
};

const char *const status_gates[] = {
	[GATE_GO] = "ok", [GATE_BROKEN] = "breaker open", [GATE_STOPPED] = "stopped",
};

void
status_count(struct status_counts *n, const struct tally_numbers *t)
{
	*n = (struct status_counts){
		.received = (int64_t)tally_received(t),
		.delivered = (int64_t)(t->count[TALLY_DELIVERED] + t->count[TALLY_LATE_DELIVERED]),
		.queued = (int64_t)t->count[TALLY_QUEUED],
		.dead = (int64_t)(t->count[TALLY_DEAD] + t->count[TALLY_LATE_DEAD]),
		.repeats = (int64_t)t->count[TALLY_REPEAT],
		.refused = (int64_t)tally_refusals(t),
		.unsafe = (int64_t)t->count[TALLY_UNSAFE],
		.p50_ms = tally_percentile(t, TALLY_WAITED, 0.5),
		.p99_ms = tally_percentile(t, TALLY_WAITED, 0.99),
		.qt_p50_ms = tally_percentile(t, TALLY_QT, 0.5),
		.qt_p99_ms = tally_percentile(t, TALLY_QT, 0.99),
	};
}

/* -1 stands for what is not known, or is not there. */
static void
put_number(struct table *t, size_t col, int64_t n)
{
	if (n != -1)
		table_int(t, col, n);
}

/* A name may be any bytes; JSON is UTF-8. */
static enum qt_err
put_text(struct table *t, size_t col, const char *text)
{
	struct buf	 clean = { 0 };
	enum qt_err	 er = term_put(&clean, NULL, slice_of(text), 1000);

	if (er == QT_OK)
		er = table_text(t, col, buf_slice(&clean));
	buf_free(&clean);
	return er;
}

static void
put_counts(struct table *t, const struct tally_numbers *today)
{
	struct status_counts	 n;

	status_count(&n, today);
	table_int(t, RECEIVED, n.received);
	table_int(t, DELIVERED, n.delivered);
	table_int(t, QUEUED, n.queued);
	table_int(t, DEAD, n.dead);
	table_int(t, REPEATS, n.repeats);
	table_int(t, REFUSED, n.refused);
	table_int(t, UNSAFE, n.unsafe);
	put_number(t, P50, n.p50_ms);
	put_number(t, P99, n.p99_ms);
	put_number(t, QT_P50, n.qt_p50_ms);
	put_number(t, QT_P99, n.qt_p99_ms);
}

static enum qt_err
put_account(struct table *t, const struct vital_account *a)
{
	enum qt_err	 er;

	if ((er = put_text(t, ACCOUNT, a->account->name)) != QT_OK ||
	    (er = put_text(t, PATH, a->account->path)) != QT_OK ||
	    (er = put_text(t, GATE, status_gates[a->gate])) != QT_OK)
		return er;
	put_number(t, PENDING, a->pending);
	put_number(t, PENDING_AGE, a->pending_age_ms);
	put_number(t, DEAD_NOW, a->dead);
	put_number(t, DEAD_AGE, a->dead_age_ms);
	put_number(t, TOKEN_AGE, a->token_age_s);
	put_number(t, TOKEN_LEFT, a->token_left_s);
	put_number(t, TOKEN_FAILS, a->token_fails);
	return *a->token_why != '\0' ? put_text(t, TOKEN_TROUBLE, a->token_why) : QT_OK;
}

static enum qt_err
fill_accounts(struct table *t, const struct status *st)
{
	enum qt_err	 er = table_begin(t, account_names, ACCOUNT_COLUMNS);
	size_t		 i;

	for (i = 0; i < st->vitals.n && er == QT_OK; i++)
		if ((er = table_row(t)) == QT_OK &&
		    (er = put_account(t, &st->vitals.accounts[i])) == QT_OK && st->counted)
			put_counts(t, &st->today[i]);
	return er;
}

static enum qt_err
fill_failures(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"level", "what", "account", "error", "reason", "peer", "count", "first_ms", "last_ms",
	};
	const struct flood_entry	*e;
	enum qt_err			 er = table_begin(t, names, sizeof(names) / sizeof(names[0]));

	for (e = st->failures; e != st->failures + st->nfailures && er == QT_OK; e++) {
		if ((er = table_row(t)) != QT_OK ||
		    (er = put_text(t, 0, level_names[e->level])) != QT_OK ||
		    (er = put_text(t, 1, e->what)) != QT_OK ||
		    (er = put_text(t, 2, e->account)) != QT_OK ||
		    (er = put_text(t, 3, e->error)) != QT_OK ||
		    (er = put_text(t, 4, e->reason)) != QT_OK ||
		    (er = put_text(t, 5, e->peer)) != QT_OK)
			return er;
		table_int(t, 6, (int64_t)e->count);
		table_int(t, 7, e->first_ms);
		table_int(t, 8, e->last_ms);
	}
	return er;
}

static enum qt_err
fill_knockers(struct table *t, const struct status *st)
{
	static const char *const	 names[] = { "peer", "account", "count", "last_ms" };
	const struct status_knocker	*k;
	enum qt_err			 er = table_begin(t, names, sizeof(names) / sizeof(names[0]));

	for (k = st->knockers; k != st->knockers + st->nknockers && er == QT_OK; k++) {
		if ((er = table_row(t)) != QT_OK || (er = put_text(t, 0, k->peer)) != QT_OK ||
		    (er = put_text(t, 1, k->account)) != QT_OK)
			return er;
		table_int(t, 2, (int64_t)k->count);
		table_int(t, 3, k->last_ms);
	}
	return er;
}

static enum qt_err
fill_disk(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"db_bytes", "state_bytes", "free_bytes", "disk_bytes", "events", "daily_bytes",
		"full_days",
	};
	const struct vitals		*v = &st->vitals;
	const int64_t			 numbers[] = {
		v->db_bytes, v->state_bytes, v->free_bytes, v->disk_bytes, v->events,
		st->daily_bytes, st->full_days,
	};
	enum { N = sizeof(names) / sizeof(names[0]) };
	enum qt_err			 er;
	size_t				 i;

	if ((er = table_begin(t, names, N)) != QT_OK || (er = table_row(t)) != QT_OK)
		return er;
	for (i = 0; i < N; i++)
		put_number(t, i, numbers[i]);
	return QT_OK;
}

enum qt_err
status_json(struct buf *out, const struct status *st)
{
	static const struct {
		const char	*name;
		enum qt_err	 (*fill)(struct table *t, const struct status *st);
		bool		 one;	/* an object; else an array */
	} parts[] = {
		{ "accounts", fill_accounts, false }, { "failures", fill_failures, false },
		{ "knocking", fill_knockers, false }, { "disk", fill_disk, true },
	};
	struct table	 t = { 0 };
	struct buf	 health = { 0 };
	enum qt_err	 er;
	bool		 well;
	size_t		 i;

	if ((er = pulse_make(&health, &well, &st->vitals)) == QT_OK)
		er = buf_printf(out, "{\"health\":%.*s", (int)health.len - 1, health.p);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && er == QT_OK; i++)
		if ((er = buf_printf(out, ",\"%s\":", parts[i].name)) == QT_OK &&
		    (er = parts[i].fill(&t, st)) == QT_OK)
			er = (parts[i].one ? table_json_lines : table_json)(out, &t);
	if (er == QT_OK)
		er = buf_puts(out, "}\n");
	buf_free(&health);
	table_free(&t);
	return er;
}
