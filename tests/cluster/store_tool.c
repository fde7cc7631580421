/*
 * store_tool.c: runs what it reads on the store of a PostgreSQL server, for tests/cluster.
 *
 *	store_tool STATE_DIR URL disk|replica MS [local]
 *
 * A line is a command, and each gets a line as its answer, "ok" or "failed", the milliseconds that
 * it took, and more:
 *
 *	add N		queues message N, as durable as the server makes it
 *	write N		the same, but not durable
 *	deliver N	deletes it
 *	confirm N	is it there?  "pending", "delivered", "dead" or "new"
 *	due		how many are due
 *	later N MS	queues message N, which may be sent in MS milliseconds
 *	next		in how many ms the first one may be sent; age: since when the oldest waits
 *	claim N MS	claims message N: "never", "queued", "done", or failed with "late"
 *	mark N		marks it as done; queued N: as queued
 *	answered N	marks it as done at this host; told N: tells the others
 *	known N		what is known of it
 *	retell		tells the other hosts what they may not know
 *	sweep DAYS	forgets what was marked so many days ago
 *	lease MS	takes the lease "x": "mine" or "busy"; keep: goes on with it; end: ends it
 *	here		how many messages are in this host's SQLite, with "local"
 *	carry		moves them
 *	prepare		lets the server prepare each statement; how many there are
 *	many N T	queues N messages with T threads, each in a store_do() of its own; how many
 *	host		writes this host's row and counters, if that is due; stop: as a server that ends
 *	hosts		their names, each with "=" if two have it, "-" if it is lost, "." if it has ended
 *	count N		counts N requests
 *	sums		what all hosts have counted
 *	degraded	"yes" since the shared store has failed, else "no"
 *
 * The host's name is in QTOA_HOST.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "state/carry.h"
#include "state/dedup.h"
#include "state/dedup_shared.h"
#include "state/hosts.h"
#include "state/host_counters.h"
#include "state/host_file.h"
#include "state/lease.h"
#include "state/lock.h"
#include "state/postgres/pg_sql.h"
#include "state/postgres/pg_store.h"
#include "state/queue.h"
#include "state/store.h"
#include "wechat/datacube/datacube_tables.h"

enum { THREADS_MAX = 64, PATIENCE_MS = 60000 };

static struct conf	 conf = { .set = { .dedupe_days = 3 } };
static struct store	*store, *claims, *local;
static struct dedup	*dedup;
static struct hosts	*host;
static struct counters	*counters;
static struct lease	 lease;

static void
make_key(unsigned char key[QUEUE_KEY], int64_t n)
{
	char	 hex[33];

	(void)snprintf(hex, sizeof(hex), "%016llx%016llx",
	    (unsigned long long)n * 0x9e3779b97f4a7c15, (unsigned long long)n);
	queue_key(key, 1, hex);
}

/* What a store_work is to do, and what it has found. */
struct work {
	int64_t			 n, ms;
	enum queue_state	 state;
	char			 found[24];
};

static enum error
add_at(struct db *db, const struct work *w, int64_t now_ms)
{
	static const char	 body[] = "<xml><a>\x00\xff</a></xml>";
	struct queue_message	 m = {
		.account = slice_of("news"), .code = slice_of("$$_menu_click"),
		.received_ms = now_ms, .next_ms = now_ms + w->ms, .attempts = w->ms != 0,
		.state = QUEUE_PENDING, .outcome = slice_of("not UTF-8: \xe4"),
		.query = slice_of("a=b"), .body = { body, sizeof(body) - 1 },
	};

	make_key(m.key, w->n);
	return queue_add(db, &m);
}

static enum error
add(struct db *db, void *arg)
{
	return add_at(db, arg, 1);
}

static enum error
add_later(struct db *db, void *arg)
{
	return add_at(db, arg, clock_wall_ms());
}

static enum error
find_next(struct db *db, void *arg)
{
	struct work	*w = arg;
	const int64_t	 now_ms = clock_wall_ms();
	int64_t		 ms;
	enum error	 er = queue_next(db, "news", QUEUE_FAILED, now_ms, &ms);

	(void)snprintf(w->found, sizeof(w->found), "%lld", (long long)(ms - now_ms));
	return er;
}

static enum error
find_age(struct db *db, void *arg)
{
	struct work	*w = arg;
	int64_t		 ms = 0;
	enum error	 er = queue_oldest(db, &ms);

	(void)snprintf(w->found, sizeof(w->found), "%lld", (long long)(clock_wall_ms() - ms));
	return er;
}

static enum error
keep(void *ctx, const struct queue_message *m)
{
	struct queue_message	*to = ctx;

	to->id = m->id;
	memcpy(to->key, m->key, QUEUE_KEY);
	return ERR_OK;
}

static enum error
deliver(struct db *db, void *arg)
{
	const struct work	*w = arg;
	struct queue_message	 m = { .id = 0 };
	enum error		 er = queue_show(db, w->n, keep, &m);

	m.state = QUEUE_DELIVERED;
	return er == ERR_OK ? queue_settle(db, &m, false) : er;
}

static enum error
confirm(struct db *db, void *arg)
{
	struct work	*w = arg;
	unsigned char	 key[QUEUE_KEY];
	enum error	 er;

	make_key(key, w->n);
	er = queue_confirm(db, &w->state, key);
	(void)snprintf(w->found, sizeof(w->found), "%s",
	    w->state == QUEUE_NEW ? "new" : queue_states[w->state]);
	return er;
}

static enum error
count_due(void *ctx, const struct queue_message *m)
{
	int64_t	*n = ctx;

	*n += slice_is(m->account, "news") && m->outcome.len == 12 &&
	    m->body.len == 20;
	return ERR_OK;
}

static enum error
due(struct db *db, void *arg)
{
	struct work	*w = arg;
	int64_t		 n = 0;
	enum error	 er = queue_due(db, "news", QUEUE_FRESH, 2, 1000000, count_due, &n);

	(void)snprintf(w->found, sizeof(w->found), "%lld", (long long)n);
	return er;
}

static struct {
	_Atomic int64_t	 next, done;
	int64_t		 end;
} many;

static void *
add_some(void *arg)
{
	struct work	 w;

	(void)arg;
	while ((w.n = atomic_fetch_add(&many.next, 1)) < many.end)
		if (store_do(store, STORE_QUEUE, add, &w, clock_mono_ms() + PATIENCE_MS) == ERR_OK)
			(void)atomic_fetch_add(&many.done, 1);
	return NULL;
}

/* Messages as deliver() does them: claimed, and marked. */
static void *
handle_some(void *arg)
{
	unsigned char	 key[QUEUE_KEY];
	enum dedup_as	 as;
	int64_t		 n;

	(void)arg;
	while ((n = atomic_fetch_add(&many.next, 1)) < many.end) {
		make_key(key, n);
		if (dedup_claim(dedup, &as, key, clock_mono_ms() + PATIENCE_MS) == ERR_OK &&
		    as == DEDUP_NEVER && dedup_mark(dedup, key, DEDUP_DONE) == ERR_OK)
			(void)atomic_fetch_add(&many.done, 1);
	}
	return NULL;
}

static void
do_many(void *(*work)(void *arg), int64_t n, int threads)
{
	const int64_t	 begin_ms = clock_mono_ms();
	pthread_t	 t[THREADS_MAX];
	int		 i;

	atomic_store(&many.next, 1000000);
	atomic_store(&many.done, 0);
	many.end = 1000000 + n;
	for (i = 0; i < threads && i < THREADS_MAX; i++)
		if (pthread_create(&t[i], NULL, work, NULL) != 0)
			exit(2);
	while (i-- > 0)
		(void)pthread_join(t[i], NULL);
	(void)printf("ok %lld %lld\n", (long long)(clock_mono_ms() - begin_ms),
	    (long long)atomic_load(&many.done));
}

/* As a text, so that the server guesses the types of the parameters. */
static enum error
prepare(struct db *db, void *arg)
{
	struct work	*w = arg;
	struct buf	 sql = { 0 };
	enum error	 er = datacube_tables_prepare(db);	/* some are about its tables */
	int		 i, n = 0;

	for (i = 0; i < SQL__MAX && er == ERR_OK; i++) {
		if (pg_sql_texts[i] == NULL)
			continue;
		buf_reset(&sql);
		if ((er = buf_printf(&sql, "PREPARE s%d AS %s", i, pg_sql_texts[i])) == ERR_OK &&
		    (er = buf_putc(&sql, '\0')) == ERR_OK)
			er = db_script(db, sql.p);
		n++;
	}
	(void)snprintf(w->found, sizeof(w->found), "%d", n);
	buf_free(&sql);
	return er;
}

/* A hosts_each: appends its name and signs. */
static void
append_host(void *ctx, const struct hosts_seen *s)
{
	(void)buf_printf(ctx, " %s%s%s%s", s->name, s->is_double ? "=" : "",
	    hosts_is_lost(s) ? "-" : "", s->has_stopped ? "." : "");
}

static enum error
list_hosts(struct db *db, void *arg)
{
	buf_reset(arg);
	return hosts_list(db, append_host, arg);
}

/* A counters_each. */
static void
add_hour(void *ctx, const struct counter_hour *h)
{
	counters_add(ctx, h->numbers);
}

static enum error
add_up(struct buf *out)
{
	const struct host_counters_of	 of = {
		.set = &conf.set, .store = store, .until_ms = clock_mono_ms() + PATIENCE_MS,
	};
	const int64_t			 today = calendar_day_at(clock_wall_ms() / 1000);
	struct counter_numbers		 sum = { .spare = 0 };
	bool				 whole;
	enum error			 er;

	er = host_counters_read(&of, &whole, today - 1, today + 1, add_hour, &sum);
	(void)buf_printf(out, " %llu%s", (unsigned long long)sum.count[COUNTER_DELIVERED],
	    whole ? "" : "?");
	return er;
}

/* Commands about hosts.  False: it is another one. */
static bool
run_host(const char *name, int64_t n)
{
	const int64_t		 begin_ms = clock_mono_ms();
	struct host_file	 f;
	struct buf		 out = { 0 };
	enum error		 er = ERR_OK;

	if (strcmp(name, "host") == 0) {
		(void)hosts_turn(host, begin_ms + PATIENCE_MS);
	} else if (strcmp(name, "stop") == 0) {
		hosts_stop(host, begin_ms + PATIENCE_MS);
	} else if (strcmp(name, "count") == 0) {
		while (n-- > 0)
			counters_request(counters, &(struct counters_request){
			    .came_ms = clock_wall_ms(), .qt_ms = -1, .event = -1 });
	} else if (strcmp(name, "hosts") == 0) {
		er = store_do(store, STORE_READ, list_hosts, &out, begin_ms + PATIENCE_MS);
	} else if (strcmp(name, "sums") == 0) {
		er = add_up(&out);
	} else if (strcmp(name, "degraded") == 0) {
		(void)host_file_read(&f, conf.set.state_dir);
		(void)buf_puts(&out, f.degraded_ms != 0 ? " yes" : " no");
	} else {
		return false;
	}
	(void)printf("%s %lld%.*s\n", er == ERR_OK ? "ok" : "failed",
	    (long long)(clock_mono_ms() - begin_ms), (int)out.len, out.len == 0 ? "" : out.p);
	buf_free(&out);
	return true;
}

static const char	*as_words[] = {
	[DEDUP_NEVER] = "never", [DEDUP_QUEUED] = "queued", [DEDUP_DONE] = "done",
};

/* In steps of three messages. */
static enum error
sweep(int days)
{
	struct dedup_shared_sweep	 sw = { .more = true };
	enum error			 er = ERR_OK;

	while (sw.more && er == ERR_OK)
		er = dedup_shared_sweep(claims, &sw, days, 3, clock_mono_ms() + PATIENCE_MS);
	return er;
}

/* Commands about what hosts share.  False: it is another one. */
static bool
run_shared(enum error *er, char found[24], const char *name, int64_t n, int ms)
{
	enum dedup_as	 as = DEDUP_NEVER;
	unsigned char	 key[QUEUE_KEY];
	int64_t		 moved, total = 0;
	bool		 more, good;

	make_key(key, n);
	*er = ERR_OK;
	if (strcmp(name, "claim") == 0)
		*er = dedup_claim(dedup, &as, key, clock_mono_ms() + ms);
	else if (strcmp(name, "known") == 0)
		*er = dedup_find(dedup, &as, key);
	else if (strcmp(name, "mark") == 0)
		*er = dedup_mark(dedup, key, as = DEDUP_DONE);
	else if (strcmp(name, "answered") == 0)
		*er = dedup_mark_here(dedup, key);
	else if (strcmp(name, "told") == 0)
		dedup_tell(dedup, key);
	else if (strcmp(name, "queued") == 0)
		*er = dedup_mark(dedup, key, as = DEDUP_QUEUED);
	else if (strcmp(name, "retell") == 0)
		while (dedup_retell(dedup))
			;
	else if (strcmp(name, "sweep") == 0)
		*er = sweep((int)n);
	else if (strcmp(name, "carry") == 0) {
		for (more = true; more && *er == ERR_OK; total += moved)
			*er = carry_step(local, store, NULL, &moved, &more,
			    clock_mono_ms() + PATIENCE_MS);
		(void)snprintf(found, 24, "%lld", (long long)total);
		return true;
	} else if (strcmp(name, "lease") == 0 || strcmp(name, "keep") == 0) {
		good = *name == 'k' ? lease_keep(claims, &lease) : lease_take(claims, &lease,
		    "x", "", n == 0 ? 0 : clock_mono_ms() + n) == LOCK_MINE;
		(void)snprintf(found, 24, "%s", good ? "mine" : "busy");
		return true;
	} else if (strcmp(name, "end") == 0)
		lease_end(claims, &lease, false);
	else
		return false;
	(void)snprintf(found, 24, "%s", as_words[as]);
	return true;
}

static const struct {
	const char	*name;
	enum store_need	 need;
	store_work	*work;
} commands[] = {
	{ "add",	STORE_QUEUE,	add },
	{ "write",	STORE_WRITE,	add },
	{ "deliver",	STORE_SYNC,	deliver },
	{ "confirm",	STORE_CONFIRM,	confirm },
	{ "due",	STORE_READ,	due },
	{ "later",	STORE_QUEUE,	add_later },
	{ "next",	STORE_READ,	find_next },
	{ "age",	STORE_READ,	find_age },
	{ "prepare",	STORE_WRITE,	prepare },
};

static void
run_command(const char *name, int64_t n, int threads)
{
	const int64_t	 begin_ms = clock_mono_ms();
	struct work	 w = { .n = n, .ms = strcmp(name, "later") == 0 ? threads : 0 };
	char		 why[1240] = "";
	enum error	 er;
	size_t		 i;

	if (strcmp(name, "many") == 0 || strcmp(name, "claims") == 0) {
		do_many(*name == 'm' ? add_some : handle_some, n, threads);
		return;
	}
	if (run_host(name, n))
		return;
	if (run_shared(&er, w.found, name, n, threads)) {
		(void)printf("%s %lld %s\n", er == ERR_OK ? "ok" : "failed",
		    (long long)(clock_mono_ms() - begin_ms), er == ERR_OK ? w.found :
		    er == ERR_LATE ? "late" : "store");
		return;
	}
	if (strcmp(name, "here") == 0) {
		er = store_do(local, STORE_READ, due, &w, begin_ms + PATIENCE_MS);
		(void)printf("%s 0 %s\n", er == ERR_OK ? "ok" : "failed", w.found);
		return;
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			break;
	if (i == sizeof(commands) / sizeof(commands[0]))
		exit(2);
	er = store_do(store, commands[i].need, commands[i].work, &w, begin_ms + PATIENCE_MS);
	store_why(store, why, sizeof(why));
	(void)printf("%s %lld %s\n", er == ERR_OK ? "ok" : "failed",
	    (long long)(clock_mono_ms() - begin_ms), er == ERR_OK ? w.found : why);
}

static struct store *
open_store(const struct settings *set, struct locks *locks, char **argv)
{
	return store_new_on(set, locks, pg_store_new(argv[2], strcmp(argv[3], "replica") == 0 ?
	    PG_STORE_REPLICA : PG_STORE_DISK, atoi(argv[4])));
}

int
main(int argc, char **argv)
{
	struct settings	*set = &conf.set;
	struct locks	*locks;
	char		 line[256], name[32];
	long long	 n;
	int		 threads;

	if (argc != 5 && argc != 6)
		return 2;
	set->state_dir = argv[1];
	set->store = argv[2];
	set->host = getenv("QTOA_HOST");
	if ((locks = lock_new(set->state_dir)) == NULL ||
	    (store = open_store(set, locks, argv)) == NULL ||
	    (claims = open_store(set, locks, argv)) == NULL ||
	    (dedup = dedup_new(set, locks)) == NULL ||
	    (counters = counters_new(&conf, locks)) == NULL ||
	    (host = hosts_new(set, store, locks, counters, STORE_SERVER)) == NULL)
		return 2;
	store_set_counters(store, counters);
	dedup_share(dedup, claims);
	if (argc == 6 && (local = store_new_local(set, locks, STORE_BRIEF)) == NULL)
		return 2;
	store_set_fallback(store, local);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		n = threads = 0;
		if (sscanf(line, "%31s %lld %d", name, &n, &threads) >= 1)
			run_command(name, n, threads);
		(void)fflush(stdout);
	}
	hosts_free(host);
	dedup_free(dedup);
	store_free(claims);
	store_free(store);
	store_free(local);
	counters_free(counters);
	lock_free(locks);
	return 0;
}
