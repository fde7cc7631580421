/*
 * traffic.c: what many messages leave in a store that hosts share, and what the sweeps take away.
 *
 *	traffic STATE_DIR URL known FIRST N TIME SPAN
 *	traffic STATE_DIR URL queued FIRST N TIME SPAN
 *	traffic STATE_DIR URL sweep DEDUPE_DAYS KEEP_DAYS
 *
 * It calls the program's own modules, as hosts do.  N messages, numbered from FIRST, have come in
 * the SPAN seconds from TIME on (epoch seconds).
 *
 * known: QT takes each at once, so it is claimed and marked.
 * queued: QT is down.  Each waits with its body, is refused once, and is delivered then, but for
 * one in a thousand, which QT never takes.
 * sweep: deletes what is older than so many days, in the steps of server/maintenance.c, until there
 * is nothing left to delete.
 *
 * It prints how many ms that took.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "state/dedup.h"
#include "state/dedup_shared.h"
#include "state/lock.h"
#include "state/postgres/pg_store.h"
#include "state/queue.h"
#include "state/store.h"

enum {
	THREADS		= 64,	/* of one busy host */
	STACK		= 256 * 1024,
	PATIENCE_MS	= 3600000,	/* the machine may be busy, or stand still */
	SWEEP_ROWS	= 200,	/* as in server/maintenance.c */
	DRAIN_ROWS	= 64,
	PAUSE_MS	= 1000,	/* after a message was refused */
	BODY		= 900,	/* bytes of an encrypted body ... */
	BODY_LONG	= 6000,	/* ... and of each tenth one */
	BODIES		= 64
};

struct traffic {
	struct store	*store, *claims;
	bool		 is_queued;
	int64_t		 first, n, time_s, span_s;
	_Atomic int64_t	 next;
	unsigned char	 bytes[BODY_LONG + BODIES];
};

static void
die(struct store *s, const char *what)
{
	char	 why[1240] = "";

	if (s != NULL)
		store_why(s, why, sizeof(why));
	(void)fprintf(stderr, "traffic: %s: %s\n", what, why);
	exit(2);
}

static int64_t
patience(void)
{
	return clock_mono_ms() + PATIENCE_MS;
}

/* The key of the i-th message: its digest is its number, mixed. */
static void
make_key(const struct traffic *t, unsigned char key[QUEUE_KEY], int64_t i)
{
	const uint64_t	 number = (uint64_t)(t->first + i);
	char		 hex[33];

	(void)snprintf(hex, sizeof(hex), "%016llx%016llx",
	    (unsigned long long)(number * UINT64_C(0x9e3779b97f4a7c15)),
	    (unsigned long long)((number ^ number << 31) * UINT64_C(0xbf58476d1ce4e5b9)));
	queue_key(key, t->time_s + i * t->span_s / t->n, hex);
}

struct adding {
	const struct traffic	*t;
	int64_t			 i;
};

/* A store_work. */
static enum error
add_message(struct db *db, void *arg)
{
	const struct adding	*a = arg;
	const int64_t		 now_ms = clock_wall_ms();
	struct queue_message	 m = {
		.account = slice_of("bench"), .code = slice_of("$$_receive_msg"),
		.received_ms = now_ms, .next_ms = now_ms, .state = QUEUE_PENDING,
		.outcome = slice_of("breaker"),
		.query = slice_of("timestamp=1785000000&nonce=1234567890&msg_signature="
		    "0123456789abcdef0123456789abcdef01234567&encrypt_type=aes"),
		.body = { (const char *)a->t->bytes + a->i % BODIES,
		    a->i % 10 == 0 ? BODY_LONG : BODY },
	};

	make_key(a->t, m.key, a->i);
	return queue_add(db, &m);
}

/* A thread: messages as the program handles them. */
static void *
handle_messages(void *arg)
{
	struct traffic		*t = arg;
	struct adding		 a = { .t = t };
	unsigned char		 key[QUEUE_KEY];
	enum dedup_as		 as;

	while ((a.i = atomic_fetch_add(&t->next, 1)) < t->n) {
		make_key(t, key, a.i);
		if (dedup_shared_claim(t->claims, &as, key, patience(), 0) != ERR_OK)
			die(t->claims, "cannot claim a message");
		if (as != DEDUP_NEVER)
			die(NULL, "a message is known that has never come");
		if (t->is_queued && store_do(t->store, STORE_QUEUE, add_message, &a,
		    patience()) != ERR_OK)
			die(t->store, "cannot add a message");
		if (dedup_shared_mark(t->claims, key, t->is_queued ? DEDUP_QUEUED : DEDUP_DONE,
		    patience()) != ERR_OK)
			die(t->claims, "cannot mark a message");
	}
	return NULL;
}

static void
handle_all(struct traffic *t)
{
	pthread_t	 threads[THREADS];
	pthread_attr_t	 attr;
	int		 i;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], &attr, handle_messages, t) != 0)
			die(NULL, "no threads");
	while (i-- > 0)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_attr_destroy(&attr);
}

/* Some messages of the queue, sent at the same time. */
struct round {
	enum queue_part			 part;
	bool				 takes;		/* QT has them now */
	struct queue_message		 v[DRAIN_ROWS];
	struct dedup_shared_known	 known[DRAIN_ROWS];
	size_t				 n;
};

/* A queue_each. */
static enum error
note_row(void *ctx, const struct queue_message *m)
{
	struct round		*r = ctx;
	struct queue_message	*to = &r->v[r->n];

	to->id = m->id;
	to->attempts = m->attempts + 1;
	memcpy(to->key, m->key, QUEUE_KEY);
	memcpy(r->known[r->n].key, m->key, QUEUE_KEY);
	r->known[r->n++].as = DEDUP_DONE;
	return ERR_OK;
}

/* A store_work. */
static enum error
find_due(struct db *db, void *arg)
{
	struct round	*r = arg;

	r->n = 0;
	return queue_due(db, "bench", r->part, clock_wall_ms() + PAUSE_MS, DRAIN_ROWS, note_row, r);
}

/* A store_work. */
static enum error
settle(struct db *db, void *arg)
{
	struct round		*r = arg;
	enum error		 er = ERR_OK;
	size_t			 i;

	for (i = 0; i < r->n && er == ERR_OK; i++) {
		struct queue_message	 m = r->v[i];

		m.state = !r->takes ? QUEUE_PENDING : m.id % 1000 == 0 ? QUEUE_DEAD :
		    QUEUE_DELIVERED;
		m.next_ms = clock_wall_ms() + PAUSE_MS;
		m.outcome = slice_of(r->takes ? "0" : "connection refused");
		m.qt_ms = 12;
		er = queue_settle(db, &m, true);
	}
	return er;
}

/* Sends all that is due in one part of the queue. */
static void
drain(struct traffic *t, enum queue_part part, bool takes)
{
	static struct round	 r;

	r.part = part;
	r.takes = takes;
	do {
		if (store_do(t->store, STORE_READ, find_due, &r, patience()) != ERR_OK ||
		    (r.n != 0 && store_do(t->store, STORE_SYNC, settle, &r, patience()) != ERR_OK))
			die(t->store, "cannot drain the queue");
		if (takes && r.n != 0 && dedup_shared_mark_all(t->claims, r.known, r.n,
		    patience()) != ERR_OK)
			die(t->claims, "cannot mark messages");
	} while (r.n != 0);
}

/* A store_work. */
static enum error
sweep_queue(struct db *db, void *arg)
{
	return queue_sweep(db, arg, SWEEP_ROWS);
}

/* Deletes in the steps of the maintenance. */
static void
sweep(struct traffic *t, int dedupe_days, int keep_days)
{
	struct dedup_shared_sweep	 known = { .more = false };
	struct queue_sweep		 queue = {
		.before_ms = clock_wall_ms() - (int64_t)keep_days * 86400000,
	};

	do {
		if (store_do(t->store, STORE_WRITE, sweep_queue, &queue, patience()) != ERR_OK)
			die(t->store, "cannot sweep the queue");
		if (dedup_shared_sweep(t->claims, &known, dedupe_days, SWEEP_ROWS,
		    patience()) != ERR_OK)
			die(t->claims, "cannot sweep the known messages");
	} while (known.more || queue.more);
}

static int64_t
number_of(const char *text)
{
	return strtoll(text, NULL, 10);
}

static void
run(struct traffic *t, int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[3], "sweep") == 0) {
		sweep(t, atoi(argv[4]), atoi(argv[5]));
		return;
	}
	if (argc != 8)
		die(NULL, "usage: traffic STATE_DIR URL known|queued FIRST N TIME SPAN");
	t->is_queued = strcmp(argv[3], "queued") == 0;
	t->first = number_of(argv[4]);
	t->n = number_of(argv[5]);
	t->time_s = number_of(argv[6]);
	t->span_s = number_of(argv[7]);
	handle_all(t);
	if (t->is_queued) {
		drain(t, QUEUE_FRESH, false);
		drain(t, QUEUE_FAILED, true);
	}
}

int
main(int argc, char **argv)
{
	static struct traffic	 t;
	struct settings		 set = { .dedupe_days = 7 };
	struct locks		*locks;
	int64_t			 begin_ms;
	size_t			 i;

	if (argc < 4)
		die(NULL, "usage: traffic STATE_DIR URL known|queued|sweep ...");
	set.state_dir = argv[1];
	set.store = argv[2];
	if ((locks = lock_new(set.state_dir)) == NULL ||
	    (t.store = store_new_on(&set, locks, pg_store_new(argv[2], PG_STORE_DISK,
	    PATIENCE_MS))) == NULL ||
	    (t.claims = store_new_on(&set, locks, pg_store_new(argv[2], PG_STORE_DISK,
	    PATIENCE_MS))) == NULL)
		die(NULL, "no memory");
	dedup_shared_begin(t.claims);
	for (i = 0; i < sizeof(t.bytes); i++)	/* an encrypted body cannot be compressed */
		t.bytes[i] = (unsigned char)((i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 56 ^ i >> 3);
	begin_ms = clock_mono_ms();
	run(&t, argc, argv);
	(void)printf("%lld\n", (long long)(clock_mono_ms() - begin_ms));
	store_free(t.claims);
	store_free(t.store);
	lock_free(locks);
	return 0;
}
