#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "core/hash.h"
#include "core/log.h"
#include "forwarder/breaker.h"
#include "state/queue.h"

enum {
	PROBE_MIN_MS = 1000,
	PROBE_MAX_MS = 10000,
	PROBE_DOUBLINGS = 4,	/* 1 s times 2^4 is over the maximum */
	TICK_MS = 100,
	TICKS = 64		/* so many are longer than any attempt */
};

/* Attempts of requests that are under way to an end point, by the tick in which they began. */
struct traffic {
	int	 begun[TICKS];
	int	 all;
};

/* A row of the table endpoint. */
struct endpoint {
	const char	*url;
	int64_t		 fails;		/* failures in a row */
	int64_t		 opened_ms;	/* since when the breaker is open; 0: it is closed */
	int64_t		 probes;	/* probes that failed since then */
	int64_t		 probe_ms;	/* when the next probe is due */
	int64_t		 gateway_ms;	/* since when not QT but another answers; 0: it is not so */
	char		 why[128];	/* the last failure, in words */
};

struct breakers {
	const struct conf	*conf;
	pthread_mutex_t		 lock;
	struct endpoint		*endpoints;
	size_t			 n;		/* how many end points */
	struct traffic		*traffic;	/* of each end point */
	size_t			*endpoint_of;	/* of each account */
	bool			*stopped;	/* for each account */
	bool			 loaded;	/* the store was read at least once */
};

static size_t
account_number(const struct breakers *b, const struct account *a)
{
	return (size_t)(a - b->conf->accounts);
}

size_t
breaker_endpoints(const struct breakers *b)
{
	return b->n;
}

size_t
breaker_endpoint(const struct breakers *b, const struct account *a)
{
	return b->endpoint_of[account_number(b, a)];
}

bool
breaker_is_first(const struct breakers *b, const struct account *a)
{
	size_t	 i;

	for (i = 0; b->endpoint_of[i] != breaker_endpoint(b, a); i++)
		;
	return i == account_number(b, a);
}

static void
number_endpoints(struct breakers *b)
{
	const struct conf	*c = b->conf;
	size_t			 i, e;

	for (i = 0; i < c->n; i++) {
		for (e = 0; e < b->n; e++)
			if (strcmp(b->endpoints[e].url, c->accounts[i].qt_url) == 0)
				break;
		if (e == b->n)
			b->endpoints[b->n++].url = c->accounts[i].qt_url;
		b->endpoint_of[i] = e;
	}
}

struct breakers *
breaker_new(const struct conf *c)
{
	size_t		 room = c->n == 0 ? 1 : c->n;
	struct breakers	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->conf = c;
	(void)pthread_mutex_init(&b->lock, NULL);
	b->endpoints = calloc(room, sizeof(*b->endpoints));
	b->endpoint_of = calloc(room, sizeof(*b->endpoint_of));
	b->stopped = calloc(room, sizeof(*b->stopped));
	b->traffic = calloc(room, sizeof(*b->traffic));
	if (b->traffic == NULL || b->endpoints == NULL || b->endpoint_of == NULL ||
	    b->stopped == NULL) {
		breaker_free(b);
		return NULL;
	}
	number_endpoints(b);
	return b;
}

void
breaker_free(struct breakers *b)
{
	if (b == NULL)
		return;
	free(b->endpoints);
	free(b->traffic);
	free(b->endpoint_of);
	free(b->stopped);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

void
breaker_enter(struct breakers *b, const struct account *a, int64_t *mark)
{
	struct traffic	*t = &b->traffic[breaker_endpoint(b, a)];

	*mark = clock_mono_ms() / TICK_MS;
	(void)pthread_mutex_lock(&b->lock);
	t->begun[*mark % TICKS]++;
	t->all++;
	(void)pthread_mutex_unlock(&b->lock);
}

void
breaker_leave(struct breakers *b, const struct account *a, int64_t mark)
{
	struct traffic	*t = &b->traffic[breaker_endpoint(b, a)];

	(void)pthread_mutex_lock(&b->lock);
	t->begun[mark % TICKS]--;
	t->all--;
	(void)pthread_mutex_unlock(&b->lock);
}

bool
breaker_is_saturated(struct breakers *b, const struct account *a)
{
	const struct traffic	*t = &b->traffic[breaker_endpoint(b, a)];
	const struct settings	*set = &b->conf->set;
	const int		 many = set->threads < 4 ? 2 : set->threads / 2;
	int64_t			 tick = clock_mono_ms() / TICK_MS;
	const int64_t		 last = tick - set->forward_ms / 2 / TICK_MS;
	int			 old;

	(void)pthread_mutex_lock(&b->lock);
	for (old = t->all; old >= many && tick >= last; tick--)
		old -= t->begun[tick % TICKS];
	(void)pthread_mutex_unlock(&b->lock);
	return old >= many;
}

enum breaker_gate
breaker_gate(struct breakers *b, const struct account *a, int64_t *probe_ms)
{
	const struct endpoint	*e = &b->endpoints[breaker_endpoint(b, a)];
	enum breaker_gate	 gate = GATE_GO;

	(void)pthread_mutex_lock(&b->lock);
	if (b->stopped[account_number(b, a)])
		gate = GATE_STOPPED;
	else if (e->opened_ms != 0)
		gate = GATE_BROKEN;
	*probe_ms = e->probe_ms;
	(void)pthread_mutex_unlock(&b->lock);
	return gate;
}

void
breaker_look(struct breakers *b, struct breaker_state *state, const struct account *a)
{
	const struct endpoint	*e = &b->endpoints[breaker_endpoint(b, a)];

	state->gate = breaker_gate(b, a, &state->probe_ms);
	(void)pthread_mutex_lock(&b->lock);
	state->gateway_ms = e->gateway_ms;
	memcpy(state->why, e->why, sizeof(state->why));
	(void)pthread_mutex_unlock(&b->lock);
}

bool
breaker_take_probe(struct locks *locks, struct lock *probe, const struct account *a)
{
	unsigned char	 key[LOCK_KEY];

	lock_name(key, "probe", a->qt_url);
	return lock_take(locks, probe, key, 0) == LOCK_MINE;
}

static enum breaker_news
news_of(const struct qt_result *res)
{
	if (!res->alive)
		return res->http.status == 0 ? NEWS_TROUBLE : NEWS_GATEWAY;
	return res->outcome == QT_CONFIG ? NEWS_STOP : NEWS_ALIVE;
}

void
breaker_judge(struct breakers *b, struct breaker_report *r, const struct account *a,
    const struct qt_result *res)
{
	const struct endpoint	*e = &b->endpoints[breaker_endpoint(b, a)];

	*r = (struct breaker_report){ .account = a, .news = news_of(res),
	    .why = res->alive && *res->code != '\0' ? res->code : res->http.why };
	/* A message that is too large for a gateway says nothing of others. */
	if (!res->alive && res->outcome == QT_REFUSED)
		return;
	(void)pthread_mutex_lock(&b->lock);
	r->matters = r->news != NEWS_ALIVE || e->fails != 0 || e->opened_ms != 0;
	(void)pthread_mutex_unlock(&b->lock);
}

/*
 * Stopped accounts.  A stop ends when the account has other keys than those that QT refused.
 */

/* A digest of all that QT may have refused: so the table need not hold a key. */
static enum error
digest_keys(char hex[DIGEST_SHA256_HEX + 1], const struct account *a)
{
	const struct slice	 parts[] = {
		slice_of("qtoa keys"), slice_of(a->qt_url), slice_of("\n"),
		slice_of(a->app_key != NULL ? a->app_key : ""), slice_of("\n"),
		slice_of(a->service_id), slice_of("\n"), slice_of(a->service_secret),
		slice_of("\n"), slice_of(a->appid),
	};
	struct digest		*d = digest_new(DIGEST_SHA256);
	enum error		 er = ERR_CRYPTO;

	if (d != NULL)
		er = digest_hex(d, hex, parts, sizeof(parts) / sizeof(parts[0]));
	digest_free(d);
	return er;
}

static enum error
store_stop(struct db *db, const struct account *a, const char *why, int64_t now_ms)
{
	char		 keys[DIGEST_SHA256_HEX + 1];
	enum error	 er;

	if ((er = digest_keys(keys, a)) != ERR_OK)
		return er;
	return db_run(db, NULL, "INSERT INTO stopped (account, config, since, outcome) "
	    "VALUES (?, ?, ?, ?) ON CONFLICT (account) DO UPDATE SET config = excluded.config, "
	    "since = excluded.since, outcome = excluded.outcome",
	    DB_VALUES(db_s(a->path), db_s(keys), db_i(now_ms), db_s(why)));
}

static enum error
load_stops(struct db *db, const struct breakers *b, bool *stopped)
{
	char			 keys[DIGEST_SHA256_HEX + 1];
	const struct account	*a;
	struct db_rows		 rows;
	enum error		 er;

	er = db_start(db, &rows, "SELECT account, config FROM stopped", DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er)) {
		if ((a = conf_account(b->conf, db_col(&rows, 0))) == NULL)
			continue;
		if ((er = digest_keys(keys, a)) == ERR_OK)
			stopped[account_number(b, a)] = slice_is(db_col(&rows, 1), keys);
	}
	db_end(&rows);
	return er;
}

/*
 * Rows of end points.
 */

static void
keep_why(struct endpoint *e, struct slice why)
{
	(void)snprintf(e->why, sizeof(e->why), "%.*s", (int)why.len, why.p != NULL ? why.p : "");
}

static enum error
load_endpoint(struct db *db, struct endpoint *e)
{
	struct db_rows	 rows;
	enum error	 er;

	e->fails = e->opened_ms = e->probes = e->probe_ms = e->gateway_ms = 0;
	e->why[0] = '\0';
	er = db_start(db, &rows, "SELECT fails, opened, probes, probe, gateway, outcome "
	    "FROM endpoint WHERE url = ?", DB_VALUES(db_s(e->url)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		e->fails = db_col_bounded(&rows, 0);
		e->opened_ms = db_col_bounded(&rows, 1);
		e->probes = db_col_bounded(&rows, 2);
		e->probe_ms = db_col_bounded(&rows, 3);
		e->gateway_ms = db_col_bounded(&rows, 4);
		keep_why(e, db_col(&rows, 5));
		if (e->probe_ms > clock_wall_ms() + 2 * PROBE_MAX_MS)	/* the clock was set back */
			e->probe_ms = 0;
	}
	db_end(&rows);
	return er;
}

static enum error
store_endpoint(struct db *db, const struct endpoint *e)
{
	return db_run(db, NULL, "INSERT INTO endpoint (url, fails, opened, probes, probe, "
	    "gateway, outcome) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (url) DO UPDATE SET "
	    "fails = excluded.fails, opened = excluded.opened, probes = excluded.probes, "
	    "probe = excluded.probe, gateway = excluded.gateway, outcome = excluded.outcome",
	    DB_VALUES(db_s(e->url), db_i(e->fails), db_i(e->opened_ms), db_i(e->probes),
	    db_i(e->probe_ms), db_i(e->gateway_ms), db_s(e->why)));
}

/* The pause before the next probe: 1 s, doubling to 10 s, by chance up to a quarter shorter. */
static int64_t
probe_pause_ms(int64_t probes, int64_t now_ms)
{
	int64_t	 ms = probes >= PROBE_DOUBLINGS ? PROBE_MAX_MS : PROBE_MIN_MS << probes;

	return ms - (int64_t)(hash_jitter(now_ms, 0) % (uint64_t)(ms / 4));
}

static enum breaker_change
change_endpoint(struct endpoint *e, enum breaker_news news, int64_t fails_max, int64_t now_ms)
{
	bool	 was_open = e->opened_ms != 0;

	if (news != NEWS_TROUBLE && news != NEWS_GATEWAY) {
		e->fails = e->opened_ms = e->probes = e->probe_ms = e->gateway_ms = 0;
		return was_open ? BREAKER_CLOSED : BREAKER_SAME;
	}
	if (news == NEWS_TROUBLE)
		e->gateway_ms = 0;
	else if (e->gateway_ms == 0)
		e->gateway_ms = now_ms;
	e->fails++;
	if (was_open) {
		/* An attempt that fails earlier is not a probe. */
		if (now_ms >= e->probe_ms)
			e->probe_ms = now_ms + probe_pause_ms(++e->probes, now_ms);
		return BREAKER_SAME;
	}
	if (e->fails < fails_max)
		return BREAKER_SAME;
	e->opened_ms = now_ms;
	e->probes = 0;
	e->probe_ms = now_ms + probe_pause_ms(0, now_ms);
	return BREAKER_OPENED;
}

/*
 * Messages in back-off become due: when a breaker opens, the oldest of them is the probe; when it
 * closes, all are sent, the oldest first.
 */
static enum error
make_endpoint_due(struct db *db, const struct breakers *b, size_t endpoint, int64_t now_ms)
{
	enum error	 er = ERR_OK;
	int64_t		 n;
	size_t		 i;

	for (i = 0; i < b->conf->n && er == ERR_OK; i++)
		if (b->endpoint_of[i] == endpoint)
			er = queue_make_due(db, b->conf->accounts[i].path, now_ms, &n);
	return er;
}

/* Lets all threads of this process see *e, and the stop of an account (NULL: no stop). */
static void
publish_endpoint(struct breakers *b, size_t number, const struct endpoint *e,
    const struct account *stopped)
{
	(void)pthread_mutex_lock(&b->lock);
	b->endpoints[number] = *e;
	if (stopped != NULL)
		b->stopped[account_number(b, stopped)] = true;
	(void)pthread_mutex_unlock(&b->lock);
}

/* Writes a report, and the end point as it is after it, into the store. */
static enum error
store_report(struct db *db, const struct breakers *b, const struct breaker_report *r,
    const struct endpoint *e, int64_t now_ms)
{
	enum error	 er = store_endpoint(db, e);

	if (er == ERR_OK && r->change != BREAKER_SAME)
		er = make_endpoint_due(db, b, breaker_endpoint(b, r->account), now_ms);
	if (er == ERR_OK && r->news == NEWS_STOP)
		er = store_stop(db, r->account, r->why, now_ms);
	return er;
}

enum error
breaker_settle(struct breakers *b, struct breaker_report *r, struct db *db)
{
	const int64_t	 now_ms = clock_wall_ms();
	struct endpoint	 e;
	enum error	 er = ERR_OK;
	size_t		 number;

	if (!r->matters)
		return ERR_OK;
	number = breaker_endpoint(b, r->account);
	(void)pthread_mutex_lock(&b->lock);
	e = b->endpoints[number];
	(void)pthread_mutex_unlock(&b->lock);
	if (db != NULL && (er = load_endpoint(db, &e)) != ERR_OK)
		return er;
	r->change = change_endpoint(&e, r->news, b->conf->set.breaker_fails, now_ms);
	keep_why(&e, slice_of(r->why));
	if (db != NULL && (er = store_report(db, b, r, &e, now_ms)) != ERR_OK)
		return er;
	if (r->news == NEWS_STOP)
		r->change = BREAKER_STOPPED;
	publish_endpoint(b, number, &e, r->news == NEWS_STOP ? r->account : NULL);
	return ERR_OK;
}

void
breaker_log(const struct breakers *b, const struct breaker_report *r)
{
	const struct account	*a = r->account;

	switch (r->change) {
	case BREAKER_SAME:
		break;
	case BREAKER_OPENED:
		log_msg(LEVEL_ERROR, "breaker", "%s: %d failures in a row, the last: %s: messages "
		    "go to the queue until it answers; run: qtoa check", a->qt_url,
		    b->conf->set.breaker_fails, r->why);
		break;
	case BREAKER_CLOSED:
		log_msg(LEVEL_NOTICE, "breaker", "%s answers again: the queue is being sent",
		    a->qt_url);
		break;
	case BREAKER_STOPPED:
		log_msg(LEVEL_ERROR, "breaker", "%s: QT refuses its signature or keys (%s): its "
		    "messages wait; fix app_key, service_id, service_secret and restart qtoa, or "
		    "run: qtoa queue retry %s", a->name, r->why, a->path);
		break;
	}
}

enum error
breaker_load(struct db *db, void *arg)
{
	struct breakers	*b = arg;
	struct endpoint	 e;
	enum error	 er = ERR_OK;
	bool		*stopped;
	size_t		 i;

	if ((stopped = calloc(b->conf->n + 1, sizeof(*stopped))) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < b->n && er == ERR_OK; i++) {
		e.url = b->endpoints[i].url;
		if ((er = load_endpoint(db, &e)) == ERR_OK)
			publish_endpoint(b, i, &e, NULL);
	}
	if (er == ERR_OK && (er = load_stops(db, b, stopped)) == ERR_OK) {
		(void)pthread_mutex_lock(&b->lock);
		memcpy(b->stopped, stopped, b->conf->n * sizeof(*stopped));
		b->loaded = true;
		(void)pthread_mutex_unlock(&b->lock);
	}
	free(stopped);
	return er;
}

bool
breaker_is_loaded(struct breakers *b)
{
	bool	 is;

	(void)pthread_mutex_lock(&b->lock);
	is = b->loaded;
	(void)pthread_mutex_unlock(&b->lock);
	return is;
}

enum error
breaker_reset(struct db *db, const struct conf *c, const char *account)
{
	const struct account	*a;
	enum error		 er;

	er = db_run(db, NULL, "DELETE FROM stopped WHERE ?1 IS NULL OR account = ?1",
	    DB_VALUES(db_s(account)));
	for (a = c->accounts; a != c->accounts + c->n && er == ERR_OK; a++)
		if (a->path != NULL && a->qt_url != NULL &&
		    (account == NULL || strcmp(account, a->path) == 0))
			er = db_run(db, NULL, "UPDATE endpoint SET probe = 0, probes = 0 "
			    "WHERE url = ?", DB_VALUES(db_s(a->qt_url)));
	return er;
}
