#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/number.h"
#include "monitor/health.h"
#include "monitor/status.h"
#include "state/host_counters.h"
#include "state/table.h"

/* Bytes on the disk that each thing takes: see doc/operating.md, "How big will the disk get?" */
enum {
	EVENT_BYTES	= 300,		/* an event of the collector */
	DEDUP_BYTES	= 40,		/* a message, kept for dedupe_days */
	BODY_BYTES	= 1250,		/* a delivered message, with keep_days */
	COUNTERS_HEAD	= 4096		/* the head of a day's file of counters */
};

/* Sums of the counters, while these are read. */
struct count_sums {
	struct status		*st;
	struct counter_numbers	 before;	/* of all accounts, on the days before today */
	struct counter_numbers	 today;
	int64_t			 first;		/* the first day that has counters */
};

/* Adds an hour of this host to the sums.  It is a counters_each. */
static void
add_growth(void *ctx, const struct counter_hour *h)
{
	struct count_sums	*k = ctx;

	if (h->day < k->first)
		k->first = h->day;
	if (!counters_is_relay(h->account))
		counters_add(h->day == k->st->day ? &k->today : &k->before, h->numbers);
}

/* Adds an hour of today, of any host.  It is a counters_each. */
static void
add_today(void *ctx, const struct counter_hour *h)
{
	struct count_sums	*k = ctx;
	const struct conf	*c = k->st->health.conf;
	const struct account	*a = conf_destination(c, h->account);

	k->st->peer_unknown = number_bounded(k->st->peer_unknown +
	    number_bounded((int64_t)h->numbers->count[COUNTER_PEER_UNKNOWN]));
	if (a != NULL)
		counters_add(&k->st->today[a - c->accounts], h->numbers);
}

static int64_t
bytes_of_days(const struct conf *c, const struct counter_numbers *n, int64_t days)
{
	const int64_t	 slots = (int64_t)conf_destinations(c) + 1;
	const int64_t	 each = DEDUP_BYTES + (c->set.keep_days != 0 ? BODY_BYTES : 0);

	return number_bounded((int64_t)n->count[COUNTER_COLLECTED]) * EVENT_BYTES +
	    number_bounded((int64_t)counters_acknowledged(n)) * each +
	    (COUNTERS_HEAD + slots * COUNTER_HOURS * (int64_t)sizeof(*n)) * days;
}

/* Estimates the growth from whole days; on the first day, from today so far. */
static void
estimate_growth(struct status *st, const struct count_sums *k)
{
	const struct conf	*c = st->health.conf;
	const int64_t		 days = st->day - k->first;

	if (k->first == INT64_MAX)
		return;
	st->daily_bytes = days == 0 ? bytes_of_days(c, &k->today, 1) :
	    bytes_of_days(c, &k->before, days) / days;
	if (st->health.free_bytes != -1)
		st->full_days = st->health.free_bytes / st->daily_bytes;
}

static enum error
read_day_counts(struct status *st, const struct host_counters_of *of)
{
	struct count_sums	*k;
	enum error		 er = ERR_NOMEM;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return ERR_NOMEM;
	k->st = st;
	k->first = INT64_MAX;
	/* The growth is that of this host's disk; the messages of today are those of all hosts. */
	if ((er = counters_read(of->set->state_dir, st->day - STATUS_DAYS, st->day, add_growth,
	    k)) == ERR_OK)
		er = host_counters_read(of, &st->whole, st->day, st->day, add_today, k);
	st->counted = er == ERR_OK;
	if (er == ERR_OK)
		estimate_growth(st, k);
	free(k);
	return er == ERR_NOMEM ? er : ERR_OK;
}

/*
 * Recent failures, and sources of bad signatures.
 */

/* Counts a bad signature for its source, if there is room for that source. */
static void
add_bad_peer(struct status *st, const struct log_ratelimit_entry *e)
{
	struct status_bad_peer	*k;

	for (k = st->bad_peers; k != st->bad_peers + st->nbad_peers; k++)
		if (strcmp(k->peer, e->peer) == 0)
			break;
	if (k == st->bad_peers + STATUS_BAD_PEERS)
		return;
	if (k == st->bad_peers + st->nbad_peers) {	/* entries come newest first */
		st->nbad_peers++;
		(void)snprintf(k->peer, sizeof(k->peer), "%s", e->peer);
		(void)snprintf(k->account, sizeof(k->account), "%s", e->account);
		k->last_ms = e->last_ms;
	}
	k->count += e->count;
}

/* Sorts a failure into one of the two lists.  It is a log_ratelimit_each. */
static void
add_failure(void *ctx, const struct log_ratelimit_entry *e)
{
	struct status	*st = ctx;

	if (strcmp(e->error, error_table[ERR_SIGNATURE].name) == 0)
		add_bad_peer(st, e);
	else if (*e->error != '\0' && st->nfailures < STATUS_FAILURES)
		st->failures[st->nfailures++] = *e;
}

static int
compare_counts(const void *a, const void *b)
{
	const struct status_bad_peer	*x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

static enum error
read_failures(struct status *st)
{
	enum error	 er = log_ratelimit_read(st->health.conf->set.state_dir, add_failure, st);

	if (st->nbad_peers != 0)
		qsort(st->bad_peers, st->nbad_peers, sizeof(st->bad_peers[0]), compare_counts);
	return er == ERR_NOMEM ? er : ERR_OK;
}

enum error
status_read(struct status *st, const struct conf *c, bool usable, struct store *s,
    struct breakers *b, int64_t deadline_ms)
{
	const struct host_counters_of	 of = {
		.set = &c->set, .store = s, .until_ms = deadline_ms,
	};
	enum error			 er;

	memset(st, 0, sizeof(*st));
	st->whole = true;
	st->daily_bytes = st->full_days = -1;
	if ((er = health_state_read(&st->health, c, s, b, true, deadline_ms)) != ERR_OK)
		return er;
	st->health.usable = usable;
	st->day = calendar_day_at(st->health.now_ms / 1000);
	if ((st->today = calloc(conf_destinations(c) + 1, sizeof(*st->today))) == NULL)
		return ERR_NOMEM;
	if ((er = read_day_counts(st, &of)) == ERR_OK)
		er = read_failures(st);
	return er;
}

void
status_free(struct status *st)
{
	health_state_free(&st->health);
	free(st->today);
	st->today = NULL;
}

void
status_judge(const struct status *st, health_state_each *fn, void *ctx)
{
	const struct conf	*c = st->health.conf;
	struct health_sign	 s = { .what = "tally", .account = "" };
	uint64_t		 unsafe;
	size_t			 i;

	health_state_judge(&st->health, fn, ctx);
	if (!st->counted) {
		(void)snprintf(s.text, sizeof(s.text), lang_text("the counters cannot be read; "
		    "look at the owner and permissions of qtoa.tally-* in %s"), c->set.state_dir);
		fn(ctx, &s);
	}
	for (i = 0; i < c->n; i++) {
		if ((unsafe = st->today[i].count[COUNTER_UNSAFE]) == 0)
			continue;
		s.what = "unsafe";
		s.account = c->accounts[i].name;
		(void)snprintf(s.text, sizeof(s.text), lang_text("%llu times today WeChat was "
		    "answered 503, since neither QT nor the disk took its push; it sends each "
		    "push three times at most; to see if one is lost, run: qtoa datacube pull, "
		    "then qtoa reconcile"), (unsigned long long)unsafe);
		fn(ctx, &s);
	}
}

/*
 * The status as JSON.
 */

enum account_column {
	ACCOUNT, PATH, HANDSHAKES, RECEIVED, DELIVERED, QUEUED, DEAD, REPEATS, REFUSED, UNSAFE,
	P50, P99, QT_P50, QT_P99, PENDING, PENDING_AGE, DEAD_NOW, DEAD_AGE, GATE, TOKEN_AGE,
	TOKEN_LEFT, TOKEN_FAILS, TOKEN_TROUBLE, ACCOUNT_COLUMNS
};

static const char *const account_names[ACCOUNT_COLUMNS] = {
	[ACCOUNT] = "account", [PATH] = "path", [HANDSHAKES] = "handshakes",
	[RECEIVED] = "received", [DELIVERED] = "delivered", [QUEUED] = "queued",
	[DEAD] = "dead", [REPEATS] = "repeats", [REFUSED] = "refused", [UNSAFE] = "unsafe",
	[P50] = "p50_ms", [P99] = "p99_ms",
	[QT_P50] = "qt_p50_ms", [QT_P99] = "qt_p99_ms", [PENDING] = "pending_now",
	[PENDING_AGE] = "pending_age_ms", [DEAD_NOW] = "dead_now", [DEAD_AGE] = "dead_age_ms",
	[GATE] = "qt", [TOKEN_AGE] = "token_age_s", [TOKEN_LEFT] = "token_left_s",
	[TOKEN_FAILS] = "token_failures", [TOKEN_TROUBLE] = "token_trouble",
};

const char *const status_gates[] = {
	[GATE_GO] = "ok", [GATE_BROKEN] = "breaker open", [GATE_STOPPED] = "stopped",
};

void
status_count(struct status_counts *n, const struct counter_numbers *t)
{
	*n = (struct status_counts){
		.handshakes = (int64_t)t->count[COUNTER_HANDSHAKE],
		.received = (int64_t)counters_received(t),
		.delivered = (int64_t)(t->count[COUNTER_DELIVERED] +
		    t->count[COUNTER_LATE_DELIVERED]),
		.queued = (int64_t)t->count[COUNTER_QUEUED],
		.dead = (int64_t)(t->count[COUNTER_DEAD] + t->count[COUNTER_LATE_DEAD]),
		.repeats = (int64_t)t->count[COUNTER_REPEAT],
		.refused = (int64_t)counters_refusals(t),
		.unsafe = (int64_t)t->count[COUNTER_UNSAFE],
		.p50_ms = counters_percentile(t, COUNTER_WAITED, 0.5),
		.p99_ms = counters_percentile(t, COUNTER_WAITED, 0.99),
		.qt_p50_ms = counters_percentile(t, COUNTER_QT, 0.5),
		.qt_p99_ms = counters_percentile(t, COUNTER_QT, 0.99),
	};
}

/* Sets a number; -1 is not known, and its cell stays null. */
static void
set_known_number(struct table *t, size_t col, int64_t n)
{
	if (n != -1)
		table_int(t, col, n);
}

/* Sets a text of any bytes; JSON needs UTF-8, so bad bytes become `?`. */
static enum error
set_clean_text(struct table *t, size_t col, const char *text)
{
	struct buf	 clean = { 0 };
	enum error	 er = format_line(&clean, NULL, slice_of(text), 1000);

	if (er == ERR_OK)
		er = table_text(t, col, buf_slice(&clean));
	buf_free(&clean);
	return er;
}

static void
set_day_counts(struct table *t, const struct counter_numbers *today)
{
	struct status_counts	 n;

	status_count(&n, today);
	table_int(t, HANDSHAKES, n.handshakes);
	table_int(t, RECEIVED, n.received);
	table_int(t, DELIVERED, n.delivered);
	table_int(t, QUEUED, n.queued);
	table_int(t, DEAD, n.dead);
	table_int(t, REPEATS, n.repeats);
	table_int(t, REFUSED, n.refused);
	table_int(t, UNSAFE, n.unsafe);
	set_known_number(t, P50, n.p50_ms);
	set_known_number(t, P99, n.p99_ms);
	set_known_number(t, QT_P50, n.qt_p50_ms);
	set_known_number(t, QT_P99, n.qt_p99_ms);
}

static enum error
set_account(struct table *t, const struct health_account *a)
{
	enum error	 er;

	if ((er = set_clean_text(t, ACCOUNT, a->account->name)) != ERR_OK ||
	    (er = set_clean_text(t, PATH, a->account->path)) != ERR_OK ||
	    (er = set_clean_text(t, GATE, status_gates[a->gate])) != ERR_OK)
		return er;
	set_known_number(t, PENDING, a->pending);
	set_known_number(t, PENDING_AGE, a->pending_age_ms);
	set_known_number(t, DEAD_NOW, a->dead);
	set_known_number(t, DEAD_AGE, a->dead_age_ms);
	set_known_number(t, TOKEN_AGE, a->token_age_s);
	set_known_number(t, TOKEN_LEFT, a->token_left_s);
	set_known_number(t, TOKEN_FAILS, a->token_fails);
	return *a->token_why != '\0' ? set_clean_text(t, TOKEN_TROUBLE, a->token_why) : ERR_OK;
}

static enum error
fill_accounts(struct table *t, const struct status *st)
{
	enum error	 er = table_begin(t, account_names, ACCOUNT_COLUMNS);
	size_t		 i;

	for (i = 0; i < st->health.n && er == ERR_OK; i++)
		if ((er = table_row(t)) == ERR_OK &&
		    (er = set_account(t, &st->health.accounts[i])) == ERR_OK && st->counted)
			set_day_counts(t, &st->today[i]);
	return er;
}

static enum error
set_relay(struct table *t, const struct status *st, size_t i)
{
	const struct health_account	*a = &st->health.accounts[i];
	const struct conf		*c = st->health.conf;
	struct status_counts		 n;
	enum error			 er;

	if ((er = set_clean_text(t, 0, conf_owner(c, a->account)->name)) != ERR_OK ||
	    (er = set_clean_text(t, 1, conf_relay(c, a->account)->name)) != ERR_OK ||
	    (er = set_clean_text(t, 2, status_gates[a->gate])) != ERR_OK)
		return er;
	if (st->counted) {
		status_count(&n, &st->today[i]);
		table_int(t, 3, n.delivered);
		table_int(t, 4, n.queued);
		table_int(t, 5, n.dead);
	}
	set_known_number(t, 6, a->pending);
	set_known_number(t, 7, a->pending_age_ms);
	set_known_number(t, 8, a->dead);
	set_known_number(t, 9, a->dead_age_ms);
	return ERR_OK;
}

static enum error
fill_relays(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"account", "relay", "state", "delivered", "queued", "dead", "pending_now",
		    "pending_age_ms", "dead_now", "dead_age_ms",
	};
	enum error			 er = table_begin(t, names,
	    sizeof(names) / sizeof(names[0]));
	size_t				 i;

	for (i = st->health.n; i < st->health.n + st->health.nrelays && er == ERR_OK; i++)
		if ((er = table_row(t)) == ERR_OK)
			er = set_relay(t, st, i);
	return er;
}

static enum error
fill_failures(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"level", "what", "account", "error", "reason", "peer", "count", "first_ms",
		    "last_ms",
	};
	const struct log_ratelimit_entry	*e;
	enum error				 er = table_begin(t, names,
	    sizeof(names) / sizeof(names[0]));

	for (e = st->failures; e != st->failures + st->nfailures && er == ERR_OK; e++) {
		if ((er = table_row(t)) != ERR_OK ||
		    (er = set_clean_text(t, 0, error_level_names[e->level])) != ERR_OK ||
		    (er = set_clean_text(t, 1, e->what)) != ERR_OK ||
		    (er = set_clean_text(t, 2, e->account)) != ERR_OK ||
		    (er = set_clean_text(t, 3, e->error)) != ERR_OK ||
		    (er = set_clean_text(t, 4, e->reason)) != ERR_OK ||
		    (er = set_clean_text(t, 5, e->peer)) != ERR_OK)
			return er;
		table_int(t, 6, (int64_t)e->count);
		table_int(t, 7, e->first_ms);
		table_int(t, 8, e->last_ms);
	}
	return er;
}

static enum error
fill_bad_peers(struct table *t, const struct status *st)
{
	static const char *const	 names[] = { "peer", "account", "count", "last_ms" };
	const struct status_bad_peer	*k;
	enum error			 er = table_begin(t, names,
	    sizeof(names) / sizeof(names[0]));

	for (k = st->bad_peers; k != st->bad_peers + st->nbad_peers && er == ERR_OK; k++) {
		if ((er = table_row(t)) != ERR_OK || (er = set_clean_text(t, 0,
		    k->peer)) != ERR_OK || (er = set_clean_text(t, 1, k->account)) != ERR_OK)
			return er;
		table_int(t, 2, (int64_t)k->count);
		table_int(t, 3, k->last_ms);
	}
	return er;
}

static enum error
fill_disk(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"db_bytes", "state_bytes", "free_bytes", "disk_bytes", "events", "daily_bytes",
		"full_days",
	};
	const struct health_state	*h = &st->health;
	const int64_t			 numbers[] = {
		h->db_bytes, h->state_bytes, h->free_bytes, h->disk_bytes, h->events,
		st->daily_bytes, st->full_days,
	};
	enum { N = sizeof(names) / sizeof(names[0]) };
	enum error			 er;
	size_t				 i;

	if ((er = table_begin(t, names, N)) != ERR_OK || (er = table_row(t)) != ERR_OK)
		return er;
	for (i = 0; i < N; i++)
		set_known_number(t, i, numbers[i]);
	return ERR_OK;
}

/* What is known of WeChat's addresses. */
static enum error
fill_wechat_only(struct table *t, const struct status *st)
{
	static const char *const	 names[] = { "mode", "networks", "age_s", "unknown_today" };
	const struct health_state	*h = &st->health;
	const char			*mode = conf_wechat_only_name(h->conf->set.wechat_only);
	enum error			 er;

	if ((er = table_begin(t, names, sizeof(names) / sizeof(names[0]))) != ERR_OK ||
	    (er = table_row(t)) != ERR_OK ||
	    (er = set_clean_text(t, 0, mode != NULL ? mode : "?")) != ERR_OK)
		return er;
	set_known_number(t, 1, h->ips);
	set_known_number(t, 2, h->ips_age_s);
	set_known_number(t, 3, h->conf->set.wechat_only == OFF || !st->counted ? -1 :
	    st->peer_unknown);
	return ERR_OK;
}

/* The store that hosts share, as this host sees it. */
static enum error
fill_store(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"shared", "where", "degraded", "degraded_since_ms", "why", "kept_here",
		"counts_of_all_hosts",
	};
	const struct shared_state	*g = &st->health.shared;
	enum error			 er;

	if ((er = table_begin(t, names, sizeof(names) / sizeof(names[0]))) != ERR_OK ||
	    (er = table_row(t)) != ERR_OK)
		return er;
	table_int(t, 0, g->is_shared);
	if (!g->is_shared)
		return ERR_OK;
	table_int(t, 2, g->is_degraded);
	if (g->since_ms != 0)
		table_int(t, 3, g->since_ms);
	table_int(t, 5, g->kept);
	table_int(t, 6, st->counted && st->whole);
	if ((er = set_clean_text(t, 1, g->where)) == ERR_OK)
		er = set_clean_text(t, 4, g->why);
	return er;
}

static enum error
fill_hosts(struct table *t, const struct status *st)
{
	static const char *const	 names[] = {
		"host", "version", "age_ms", "server", "stopped", "lost", "same_name",
	};
	const struct shared_state	*g = &st->health.shared;
	const struct hosts_seen		*s;
	enum error			 er = table_begin(t, names,
	    sizeof(names) / sizeof(names[0]));

	for (s = g->hosts; s != g->hosts + g->n && er == ERR_OK; s++) {
		if ((er = table_row(t)) != ERR_OK ||
		    (er = set_clean_text(t, 0, s->name)) != ERR_OK ||
		    (er = set_clean_text(t, 1, s->version)) != ERR_OK)
			return er;
		table_int(t, 2, s->age_ms);
		table_int(t, 3, s->is_server);
		table_int(t, 4, s->has_stopped);
		table_int(t, 5, hosts_is_lost(s));
		table_int(t, 6, s->is_double);
	}
	return er;
}

enum error
status_json(struct buf *out, const struct status *st)
{
	static const struct {
		const char	*name;
		enum error	 (*fill)(struct table *t, const struct status *st);
		bool		 one;	/* true: an object; false: an array */
	} parts[] = {
		{ "accounts", fill_accounts, false }, { "relays", fill_relays, false },
		{ "failures", fill_failures, false },
		{ "knocking", fill_bad_peers, false }, { "disk", fill_disk, true },
		{ "wechat_only", fill_wechat_only, true }, { "store", fill_store, true },
		{ "hosts", fill_hosts, false },
	};
	struct table	 t = { 0 };
	struct buf	 health = { 0 };
	enum error	 er;
	bool		 well;
	size_t		 i;

	if ((er = health_make(&health, &well, &st->health)) == ERR_OK)
		er = buf_printf(out, "{\"health\":%.*s", (int)health.len - 1, health.p);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && er == ERR_OK; i++)
		if ((er = buf_printf(out, ",\"%s\":", parts[i].name)) == ERR_OK &&
		    (er = parts[i].fill(&t, st)) == ERR_OK)
			er = (parts[i].one ? table_json_lines : table_json)(out, &t);
	if (er == ERR_OK)
		er = buf_puts(out, "}\n");
	buf_free(&health);
	table_free(&t);
	return er;
}
