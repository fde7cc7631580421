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
	PROBE_ROUND = 3,	/* messages that never failed, without a pause between them */
	ROW_MS = 1500,		/* so long other processes may not know that a row began */
	STOP_REFUSALS = 5,	/* in a row, that stop an account */
	STOP_FIRST_MS = 5000,	/* to its first probe */
	STOP_MIN_MS = 60000,
	STOP_MAX_MS = 600000,
	STOP_DOUBLINGS = 4,	/* 1 min times 2^4 is over the maximum */
	TICK_MS = 100,
	TICKS = 64		/* so many are longer than any attempt */
};

/* Attempts of requests that are under way to an end point, by the tick in which they began. */
struct traffic {
	int	 begun[TICKS];
	int	 all;
};

/* Probes of one kind. */
struct pace {
	int64_t	 failed;	/* in a row */
	int64_t	 next_ms;	/* when the next one is due */
};

/* A row of the table endpoint.  A row of failures ends when QT answers. */
struct endpoint {
	const char	*url;
	int64_t		 fails;		/* messages in a row that failed for the first time */
	int64_t		 retries;	/* messages in the same row that failed again */
	int64_t		 top;		/* the highest id of those */
	int64_t		 began_ms;	/* when the row began */
	int64_t		 opened_ms;	/* since when the breaker is open; 0: it is closed */
	struct pace	 pace[QUEUE__PARTS];
	int64_t		 gateway_ms;	/* since when not QT but another answers; 0: it is not so */
	char		 why[128];	/* the last failure, in words */
	bool		 unstored;	/* it was closed while the store failed, which does not
					   know it */
};

/* A row of the table stopped. */
struct stop {
	int64_t		 refusals;	/* in a row; 0: QT accepts the keys */
	int64_t		 since_ms;	/* 0: the account is not stopped */
	struct pace	 pace[QUEUE__PARTS];
};

struct breakers {
	const struct conf	*conf;
	pthread_mutex_t		 lock;
	struct endpoint		*endpoints;
	size_t			 n;		/* how many end points */
	struct traffic		*traffic;	/* of each end point */
	size_t			*endpoint_of;	/* of each account */
	struct stop		*stops;		/* of each account */
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

const char *
breaker_url(const struct breakers *b, size_t endpoint)
{
	return b->endpoints[endpoint].url;
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

	for (i = 0; i < conf_destinations(c); i++) {
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
	size_t		 room = conf_destinations(c) + 1;
	struct breakers	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->conf = c;
	(void)pthread_mutex_init(&b->lock, NULL);
	b->endpoints = calloc(room, sizeof(*b->endpoints));
	b->endpoint_of = calloc(room, sizeof(*b->endpoint_of));
	b->stops = calloc(room, sizeof(*b->stops));
	b->traffic = calloc(room, sizeof(*b->traffic));
	if (b->traffic == NULL || b->endpoints == NULL || b->endpoint_of == NULL ||
	    b->stops == NULL) {
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
	free(b->stops);
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

/* When the next probe with a message of that part is due; 0: there is no trouble. */
static int64_t
probe_ms_of(const struct breakers *b, const struct account *a, enum queue_part part)
{
	const struct endpoint	*e = &b->endpoints[breaker_endpoint(b, a)];
	const struct stop	*st = &b->stops[account_number(b, a)];
	int64_t			 ms = e->opened_ms != 0 ? e->pace[part].next_ms : 0;

	return st->since_ms != 0 && st->pace[part].next_ms > ms ? st->pace[part].next_ms : ms;
}

enum breaker_gate
breaker_gate(struct breakers *b, const struct account *a, int64_t *probe_ms)
{
	enum breaker_gate	 gate = GATE_GO;

	(void)pthread_mutex_lock(&b->lock);
	if (b->stops[account_number(b, a)].since_ms != 0)
		gate = GATE_STOPPED;
	else if (b->endpoints[breaker_endpoint(b, a)].opened_ms != 0)
		gate = GATE_BROKEN;
	*probe_ms = probe_ms_of(b, a, QUEUE_FAILED);
	(void)pthread_mutex_unlock(&b->lock);
	return gate;
}

int64_t
breaker_fresh_ms(struct breakers *b, const struct account *a)
{
	int64_t	 ms;

	(void)pthread_mutex_lock(&b->lock);
	ms = probe_ms_of(b, a, QUEUE_FRESH);
	(void)pthread_mutex_unlock(&b->lock);
	return ms;
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
breaker_take_probe(struct store *s, struct lease *probe, const struct account *a)
{
	return lease_try(s, probe, "probe", a->qt_url) == LOCK_MINE;
}

static enum breaker_news
news_of(const struct qt_result *res, bool is_relay)
{
	if (!res->alive)	/* a relay has no codes by which a gateway could be told from it */
		return res->http.status == 0 || is_relay ? NEWS_TROUBLE : NEWS_GATEWAY;
	return res->outcome == QT_CONFIG ? NEWS_STOP : NEWS_ALIVE;
}

/* True: the news may change the end point or the account. */
static bool
is_news(const struct endpoint *e, const struct stop *st, const struct breaker_report *r)
{
	if (e->opened_ms != 0 || st->since_ms != 0 || (r->news != NEWS_ALIVE && r->again == 0))
		return true;
	if (r->news == NEWS_TROUBLE || r->news == NEWS_GATEWAY)
		return r->again > e->top;
	return e->fails != 0 || e->retries != 0 || e->unstored || st->refusals != 0;
}

void
breaker_judge(struct breakers *b, struct breaker_report *r, const struct account *a,
    const struct qt_result *res, int64_t again)
{
	*r = (struct breaker_report){ .account = a, .again = again,
	    .news = news_of(res, conf_relay(b->conf, a) != NULL),
	    .why = res->alive && *res->code != '\0' ? res->code : res->http.why };
	/* A message that is too large for a gateway says nothing of others. */
	if (!res->alive && res->outcome == QT_REFUSED)
		return;
	(void)pthread_mutex_lock(&b->lock);
	r->matters = is_news(&b->endpoints[breaker_endpoint(b, a)],
	    &b->stops[account_number(b, a)], r);
	(void)pthread_mutex_unlock(&b->lock);
}

/*
 * Probes.
 */

/* A probe failed, so the next one of its kind is not before next_ms. */
static void
delay_probe(struct pace *pace, bool again, int64_t next_ms)
{
	pace[again ? QUEUE_FAILED : QUEUE_FRESH].next_ms = next_ms;
	/* One that has never failed may be a probe before one that has, but not the reverse. */
	if (pace[QUEUE_FAILED].next_ms < next_ms)
		pace[QUEUE_FAILED].next_ms = next_ms;
}

/* A time of this host, as a column. */
static struct db_value
time_of(const struct db *db, int64_t ms)
{
	return db_i(db_stored_ms(db, ms));
}

/* Reads a pace from two columns; a time that is too far away: the clock was set back. */
static struct pace
read_pace(const struct db_rows *row, int column, int64_t pause_max_ms)
{
	const int64_t	 ms = db_local_ms(row->db, db_col_bounded(row, column + 1));

	return (struct pace){ db_col_bounded(row, column),
	    ms > clock_wall_ms() + pause_max_ms ? 0 : ms };
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

	if (d == NULL)
		return ERR_NOMEM;
	digest_hex(d, hex, parts, sizeof(parts) / sizeof(parts[0]));
	digest_free(d);
	return ERR_OK;
}

static enum error
store_stop(struct db *db, const struct account *a, const struct stop *st, const char *why)
{
	char		 keys[DIGEST_SHA256_HEX + 1];
	enum error	 er;

	if (st->refusals == 0)
		return db_run(db, NULL, SQL_STOP_DROP, DB_VALUES(db_s(a->path)));
	if ((er = digest_keys(keys, a)) != ERR_OK)
		return er;
	return db_run(db, NULL, SQL_STOP_PUT, DB_VALUES(db_s(a->path), db_s(keys),
	    time_of(db, st->since_ms), db_s(why), db_i(st->refusals),
	    db_i(st->pace[QUEUE_FAILED].failed), time_of(db, st->pace[QUEUE_FAILED].next_ms),
	    db_i(st->pace[QUEUE_FRESH].failed), time_of(db, st->pace[QUEUE_FRESH].next_ms)));
}

/* Reads a row of SQL_STOP_FIND, which counts only if a has the keys that QT refused. */
static enum error
read_stop(struct stop *st, const struct account *a, const struct db_rows *row)
{
	char		 keys[DIGEST_SHA256_HEX + 1];
	enum error	 er;

	if ((er = digest_keys(keys, a)) != ERR_OK || !slice_is(db_col(row, 1), keys))
		return er;
	st->since_ms = db_local_ms(row->db, db_col_bounded(row, 2));
	st->refusals = db_col_bounded(row, 3);
	st->pace[QUEUE_FAILED] = read_pace(row, 4, STOP_MAX_MS);
	st->pace[QUEUE_FRESH] = read_pace(row, 6, STOP_MAX_MS);
	if (st->refusals == 0)	/* an earlier version wrote it */
		st->refusals = STOP_REFUSALS;
	return ERR_OK;
}

static enum error
load_stop(struct db *db, struct stop *st, const struct account *a)
{
	struct db_rows	 rows;
	enum error	 er;

	*st = (struct stop){ .refusals = 0 };
	er = db_start(db, &rows, SQL_STOP_FIND, DB_VALUES(db_s(a->path)));
	if (er == ERR_OK && db_next(&rows, &er))
		er = read_stop(st, a, &rows);
	db_end(&rows);
	return er;
}

/* Reads the stops of all accounts; those without a row stay as they are. */
static enum error
load_stops(struct db *db, const struct breakers *b, struct stop *stops)
{
	const struct account	*a;
	struct db_rows		 rows;
	enum error		 er;

	er = db_start(db, &rows, SQL_STOP_ALL, DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er))
		if ((a = conf_account(b->conf, db_col(&rows, 0))) != NULL)
			er = read_stop(&stops[account_number(b, a)], a, &rows);
	db_end(&rows);
	return er;
}

/* The pause before the next probe: 5 s, then 1 min, doubling to 10 min. */
static int64_t
stop_pause_ms(int64_t probes)
{
	int64_t	 ms;

	if (probes < 1)
		return STOP_FIRST_MS;
	ms = probes > STOP_DOUBLINGS ? STOP_MAX_MS : (int64_t)STOP_MIN_MS << (probes - 1);
	return ms < STOP_MAX_MS ? ms : STOP_MAX_MS;
}

/* A probe was refused.  One that got no answer of QT's comes again after the same pause. */
static void
fail_stop_probe(struct stop *st, const struct breaker_report *r, int64_t now_ms)
{
	struct pace	*p = &st->pace[r->again != 0 ? QUEUE_FAILED : QUEUE_FRESH];

	if (now_ms < p->next_ms)	/* it was under way before */
		return;
	p->failed += r->news == NEWS_STOP;
	delay_probe(st->pace, r->again != 0, now_ms + stop_pause_ms(p->failed));
}

static enum breaker_change
change_stop(struct stop *st, const struct breaker_report *r, int64_t now_ms)
{
	const bool	 was_stopped = st->since_ms != 0;

	if (r->news == NEWS_ALIVE) {
		*st = (struct stop){ .refusals = 0 };
		return was_stopped ? BREAKER_RESUMED : BREAKER_SAME;
	}
	if (was_stopped) {
		fail_stop_probe(st, r, now_ms);
		return BREAKER_SAME;
	}
	if (r->news != NEWS_STOP || r->again != 0 || ++st->refusals < STOP_REFUSALS)
		return BREAKER_SAME;
	st->since_ms = now_ms;
	delay_probe(st->pace, false, now_ms + stop_pause_ms(0));
	return BREAKER_STOPPED;
}

/*
 * Rows of end points.
 */

static void
keep_why(struct endpoint *e, struct slice why)
{
	(void)snprintf(e->why, sizeof(e->why), "%.*s", (int)why.len, why.p != NULL ? why.p : "");
}

/* As it is while QT answers. */
static void
reset_endpoint(struct endpoint *e)
{
	e->fails = e->retries = e->top = e->began_ms = e->opened_ms = e->gateway_ms = 0;
	memset(e->pace, 0, sizeof(e->pace));
}

static enum error
load_endpoint(struct db *db, struct endpoint *e)
{
	struct db_rows	 rows;
	enum error	 er;

	reset_endpoint(e);
	e->why[0] = '\0';
	e->unstored = false;
	er = db_start(db, &rows, SQL_ENDPOINT_FIND, DB_VALUES(db_s(e->url)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		e->fails = db_col_bounded(&rows, 0);
		e->opened_ms = db_local_ms(db, db_col_bounded(&rows, 1));
		e->pace[QUEUE_FAILED] = read_pace(&rows, 2, PROBE_MAX_MS);
		e->pace[QUEUE_FRESH] = read_pace(&rows, 4, PROBE_MAX_MS);
		e->gateway_ms = db_local_ms(db, db_col_bounded(&rows, 6));
		keep_why(e, db_col(&rows, 7));
		e->retries = db_col_bounded(&rows, 8);
		e->top = db_col_bounded(&rows, 9);
		e->began_ms = db_local_ms(db, db_col_bounded(&rows, 10));
	}
	db_end(&rows);
	return er;
}

static enum error
store_endpoint(struct db *db, const struct endpoint *e)
{
	return db_run(db, NULL, SQL_ENDPOINT_PUT, DB_VALUES(db_s(e->url), db_i(e->fails),
	    time_of(db, e->opened_ms), db_i(e->pace[QUEUE_FAILED].failed),
	    time_of(db, e->pace[QUEUE_FAILED].next_ms), db_i(e->pace[QUEUE_FRESH].failed),
	    time_of(db, e->pace[QUEUE_FRESH].next_ms), time_of(db, e->gateway_ms), db_s(e->why),
	    db_i(e->retries), db_i(e->top), time_of(db, e->began_ms)));
}

/* The pause before the next probe: 1 s, doubling to 10 s, by chance up to a quarter shorter. */
static int64_t
probe_pause_ms(int64_t probes, int64_t now_ms)
{
	int64_t	 ms = probes >= PROBE_DOUBLINGS ? PROBE_MAX_MS : PROBE_MIN_MS << probes;

	return ms - (int64_t)(hash_jitter(now_ms, 0) % (uint64_t)(ms / 4));
}

/*
 * A probe failed.  If its message had never failed before, the fault may have been its own, so
 * others like it are probes at once.
 */
static void
fail_probe(struct endpoint *e, bool again, int64_t now_ms)
{
	struct pace	*p = &e->pace[again ? QUEUE_FAILED : QUEUE_FRESH];
	const int	 round = again ? 1 : PROBE_ROUND;

	if (now_ms >= p->next_ms && ++p->failed % round == 0)
		delay_probe(e->pace, again,
		    now_ms + probe_pause_ms(p->failed / round, now_ms));
}

/*
 * A message failed while the breaker is closed.  True: it opens now.  Many that fail again open
 * it, too, if there are as many different ones and none passes for a while.  Each counts once:
 * those with ids that rise.
 */
static bool
count_failure(struct endpoint *e, int64_t again, int64_t fails_max, int64_t now_ms)
{
	if (again != 0 && again <= e->top)
		return false;
	if (e->began_ms == 0 || e->began_ms > now_ms)
		e->began_ms = now_ms;
	if (again == 0)
		return ++e->fails >= fails_max;
	e->top = again;
	return ++e->retries >= fails_max && now_ms - e->began_ms >= ROW_MS;
}

static enum breaker_change
change_endpoint(struct endpoint *e, const struct breaker_report *r, int64_t fails_max,
    int64_t now_ms)
{
	const bool	 was_open = e->opened_ms != 0;

	if (r->news != NEWS_TROUBLE && r->news != NEWS_GATEWAY) {
		reset_endpoint(e);
		return was_open ? BREAKER_CLOSED : BREAKER_SAME;
	}
	if (r->news == NEWS_TROUBLE)
		e->gateway_ms = 0;
	else if (e->gateway_ms == 0)
		e->gateway_ms = now_ms;
	if (was_open)
		fail_probe(e, r->again != 0, now_ms);
	else if (count_failure(e, r->again, fails_max, now_ms)) {
		e->opened_ms = now_ms;
		delay_probe(e->pace, r->again != 0, now_ms + probe_pause_ms(0, now_ms));
		return BREAKER_OPENED;
	}
	return BREAKER_SAME;
}

/* Messages in back-off become due: after an outage all of them are sent, the oldest first. */
static enum error
make_endpoint_due(struct db *db, const struct breakers *b, size_t endpoint, int64_t now_ms)
{
	enum error	 er = ERR_OK;
	int64_t		 n;
	size_t		 i;

	for (i = 0; i < conf_destinations(b->conf) && er == ERR_OK; i++)
		if (b->endpoint_of[i] == endpoint)
			er = queue_make_due(db, b->conf->accounts[i].path, now_ms, &n);
	return er;
}

/*
 * The store says that a breaker is open; it could not be told that this process has closed it.
 */
static bool
knows_better(struct breakers *b, size_t number, const struct endpoint *stored)
{
	bool	 knows;

	(void)pthread_mutex_lock(&b->lock);
	knows = b->endpoints[number].unstored && stored->opened_ms != 0;
	(void)pthread_mutex_unlock(&b->lock);
	return knows;
}

/* What is known of the end point and the account of a report, before it and after it. */
struct change {
	size_t			 number;	/* of the end point */
	struct endpoint		 endpoint;
	struct stop		 stop, was;
	bool			 outage;	/* an outage has ended */
	enum breaker_change	 of_stop;
};

/* Reads what is known, from the copy or from the store. */
static enum error
begin_change(struct breakers *b, struct change *c, const struct account *a, struct db *db)
{
	enum error	 er = ERR_OK;

	*c = (struct change){ .number = breaker_endpoint(b, a) };
	(void)pthread_mutex_lock(&b->lock);
	c->endpoint = b->endpoints[c->number];
	c->stop = b->stops[account_number(b, a)];
	(void)pthread_mutex_unlock(&b->lock);
	if (db != NULL && (er = load_endpoint(db, &c->endpoint)) == ERR_OK)
		er = load_stop(db, &c->stop, a);
	c->was = c->stop;
	return er;
}

/* Lets all threads of this process see the change. */
static void
publish_change(struct breakers *b, const struct change *c, const struct account *a)
{
	(void)pthread_mutex_lock(&b->lock);
	b->endpoints[c->number] = c->endpoint;
	b->stops[account_number(b, a)] = c->stop;
	(void)pthread_mutex_unlock(&b->lock);
}

/* Writes the end point and the account, as they are after a report, into the store. */
static enum error
store_change(struct db *db, const struct breakers *b, const struct breaker_report *r,
    const struct change *c, int64_t now_ms)
{
	enum error	 er = store_endpoint(db, &c->endpoint);
	int64_t		 n;

	if (er == ERR_OK && c->outage)
		er = make_endpoint_due(db, b, c->number, now_ms);
	if (er == ERR_OK && c->of_stop == BREAKER_RESUMED)
		er = queue_make_due(db, r->account->path, now_ms, &n);
	if (er == ERR_OK && memcmp(&c->stop, &c->was, sizeof(c->stop)) != 0)
		er = store_stop(db, r->account, &c->stop, r->why);
	return er;
}

enum error
breaker_settle(struct breakers *b, struct breaker_report *r, struct db *db)
{
	const int64_t	 now_ms = clock_wall_ms();
	struct change	 c;
	enum error	 er;
	int64_t		 opened_ms;

	if (!r->matters)
		return ERR_OK;
	if ((er = begin_change(b, &c, r->account, db)) != ERR_OK)
		return er;
	opened_ms = c.endpoint.opened_ms;
	r->change = change_endpoint(&c.endpoint, r, b->conf->set.breaker_fails, now_ms);
	/* After a shorter one the messages' own pauses are short, too. */
	c.outage = r->change == BREAKER_CLOSED && now_ms - opened_ms >= PROBE_MAX_MS;
	c.endpoint.unstored = db == NULL && c.endpoint.opened_ms == 0 &&
	    (c.endpoint.unstored || r->change == BREAKER_CLOSED);
	keep_why(&c.endpoint, slice_of(r->why));
	c.of_stop = change_stop(&c.stop, r, now_ms);
	if (db != NULL && (er = store_change(db, b, r, &c, now_ms)) != ERR_OK)
		return er;
	if (c.of_stop != BREAKER_SAME)
		r->change = c.of_stop;
	publish_change(b, &c, r->account);
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
		log_msg(LEVEL_ERROR, "breaker", "%s: QT refuses its signature or keys, %d times in "
		    "a row (%s): its messages wait, and one of them is tried at times; fix "
		    "app_key, service_id, service_secret and restart qtoa, or run: qtoa queue "
		    "retry %s", a->name, STOP_REFUSALS, r->why, a->path);
		break;
	case BREAKER_RESUMED:
		log_msg(LEVEL_NOTICE, "breaker", "%s: QT accepts its signature and keys again: its "
		    "queue is being sent", a->name);
		break;
	}
}

enum error
breaker_load(struct db *db, void *arg)
{
	struct breakers	*b = arg;
	struct endpoint	 e;
	enum error	 er = ERR_OK;
	struct stop	*stops;
	size_t		 i;

	if ((stops = calloc(conf_destinations(b->conf) + 1, sizeof(*stops))) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < b->n && er == ERR_OK; i++) {
		e.url = b->endpoints[i].url;
		if ((er = load_endpoint(db, &e)) != ERR_OK)
			break;
		if (knows_better(b, i, &e))
			continue;
		(void)pthread_mutex_lock(&b->lock);
		b->endpoints[i] = e;
		(void)pthread_mutex_unlock(&b->lock);
	}
	if (er == ERR_OK && (er = load_stops(db, b, stops)) == ERR_OK) {
		(void)pthread_mutex_lock(&b->lock);
		memcpy(b->stops, stops, conf_destinations(b->conf) * sizeof(*stops));
		b->loaded = true;
		(void)pthread_mutex_unlock(&b->lock);
	}
	free(stops);
	return er;
}

void
breaker_load_nothing(struct breakers *b)
{
	(void)pthread_mutex_lock(&b->lock);
	b->loaded = true;
	(void)pthread_mutex_unlock(&b->lock);
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

bool
breaker_has_trouble(struct breakers *b)
{
	bool	 has = false;
	size_t	 i;

	(void)pthread_mutex_lock(&b->lock);
	for (i = 0; i < b->n; i++)
		has = has || b->endpoints[i].opened_ms != 0;
	for (i = 0; i < conf_destinations(b->conf); i++)
		has = has || b->stops[i].refusals != 0;
	(void)pthread_mutex_unlock(&b->lock);
	return has;
}

enum error
breaker_reset(struct db *db, const struct conf *c, const char *account)
{
	const struct account	*a;
	enum error		 er;

	er = db_run(db, NULL, SQL_STOP_RESET, DB_VALUES(db_s(account)));
	for (a = c->accounts; a != c->accounts + conf_destinations(c) && er == ERR_OK; a++)
		if (a->path != NULL && a->qt_url != NULL &&
		    (account == NULL || strcmp(account, a->path) == 0))
			er = db_run(db, NULL, SQL_ENDPOINT_RESET, DB_VALUES(db_s(a->qt_url)));
	return er;
}
