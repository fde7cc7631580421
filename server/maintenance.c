#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "collector/event_store.h"
#include "core/clock.h"
#include "forwarder/breaker.h"
#include "forwarder/drain.h"
#include "server/maintenance.h"
#include "state/counters.h"
#include "state/log_ratelimit.h"
#include "state/queue.h"
#include "state/recover.h"
#include "state/store.h"

enum {
	TURN_MS = 500,		/* the store is looked after so often */
	BUSY_MS = 2000,		/* patience with other processes at the store */
	SWEEP_MS = 60000,
	SWEEP_ROWS = 200,	/* so few that no request waits long */
	SWEEP_PAUSE_MS = 20,
	SWEEP_AGAIN_MS = 3600000,
	SWEEP_STEPS = 8,	/* in a process that is not to stay */
	STACK = 512 * 1024
};

/* How far forgetting has come. */
struct sweeper {
	const struct means	*m;
	struct queue_sweep	 done;
	struct queue_sweep	 next;		/* after the step under way */
	bool			 more_events;
	int64_t			 again_ms;	/* from the front */
};

struct keeper {
	const struct means	*m;
	struct drain		*drain;
	struct sweeper		 sweeper;
	pthread_t		 thread;
	bool			 started;
	_Atomic bool		 stopping;
};

struct keeper *
keep_new(const struct means *means)
{
	struct keeper	*k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return NULL;
	k->m = k->sweeper.m = means;
	if ((k->drain = drain_new(means)) == NULL) {
		keep_free(k);
		return NULL;
	}
	return k;
}

void
keep_free(struct keeper *k)
{
	if (k == NULL)
		return;
	drain_free(k->drain);
	free(k);
}

/*
 * The flag.
 */

struct wanting {
	const struct means	*m;
	bool			 wanted;	/* something can be sent */
	bool			 waits;		/* something is there */
};

static enum qt_err
look_whether(struct db *db, void *arg)
{
	struct wanting	*w = arg;
	const int64_t	 now_ms = clock_wall_ms();
	int64_t		 probe_ms, next_ms;
	enum qt_err	 er;
	enum gate	 gate;
	size_t		 i;

	w->wanted = w->waits = false;
	er = breaker_load(db, w->m->breakers);
	for (i = 0; i < w->m->conf->n && er == QT_OK; i++) {
		gate = breaker_gate(w->m->breakers, &w->m->conf->accounts[i], &probe_ms);
		er = queue_next(db, w->m->conf->accounts[i].path, &next_ms);
		w->waits = w->waits || gate != GATE_GO || next_ms != INT64_MAX;
		w->wanted = w->wanted || (next_ms <= now_ms && (gate == GATE_GO ||
		    (gate == GATE_BROKEN && probe_ms <= now_ms)));
	}
	return er;
}

/* Takes the flag down when nothing waits any more. */
static void
lower_flag(const struct means *m)
{
	struct wanting	 w = { .m = m };

	if (!store_is_raised(m->store) || store_do(m->store, STORE_READ, look_whether, &w,
	    clock_mono_ms() + BUSY_MS) != QT_OK || w.waits)
		return;
	store_lower(m->store);
	/* Had something come meanwhile, it would lie there unseen. */
	if (store_do(m->store, STORE_READ, look_whether, &w, clock_mono_ms() + BUSY_MS) != QT_OK ||
	    w.waits)
		store_raise(m->store);
}

bool
keep_wanted(const struct means *means)
{
	struct wanting	 w = { .m = means };

	return store_is_raised(means->store) && store_do(means->store, STORE_READ, look_whether, &w,
	    clock_mono_ms() + BUSY_MS) == QT_OK && w.wanted;
}

/*
 * Forgetting.
 */

/* A store_work: a step of it, messages that QT has. */
static enum qt_err
sweep_queue(struct db *db, void *arg)
{
	struct sweeper		*s = arg;
	const struct conf	*c = s->m->conf;
	struct queue_sweep	 next = s->done;
	enum qt_err		 er = queue_sweep(db, &next, SWEEP_ROWS);
	size_t			 i;

	for (i = 0; i < c->n && er == QT_OK; i++)
		er = queue_mend_times(db, c->accounts[i].path, clock_wall_ms());
	if (er == QT_OK)
		s->next = next;
	return er;
}

/* Another: events that the collector has counted. */
static enum qt_err
sweep_events(struct db *db, void *arg)
{
	struct sweeper	*s = arg;

	return archive_sweep(db, &s->more_events, clock_wall_ms() / 1000,
	    s->m->conf->set.collect_days, SWEEP_ROWS);
}

/* True: there is more to forget. */
static bool
sweep_step(struct sweeper *s)
{
	const struct means	*m = s->m;

	/* What was pending when it was passed may have been delivered since. */
	if (clock_mono_ms() >= s->again_ms) {
		s->done.at = 0;
		s->again_ms = clock_mono_ms() + SWEEP_AGAIN_MS;
		tally_tend(m->tally, clock_wall_ms());
	}
	s->done.before_ms = clock_wall_ms() - m->conf->set.keep_days * INT64_C(86400000);
	if (store_do(m->store, STORE_WRITE, sweep_queue, s, clock_mono_ms() + BUSY_MS) != QT_OK ||
	    store_do(m->store, STORE_WRITE, sweep_events, s, clock_mono_ms() + BUSY_MS) != QT_OK)
		return false;
	s->done = s->next;
	return s->done.more || s->more_events;
}

void
keep_brief(const struct means *m)
{
	struct sweeper	 s = { .m = m };
	int		 steps;

	for (steps = 0; steps < SWEEP_STEPS && sweep_step(&s); steps++)
		;
	flood_tend(m->flood, false);
	lower_flag(m);
}

/*
 * The thread.
 */

static void *
work(void *arg)
{
	struct keeper		*k = arg;
	const struct means	*m = k->m;
	int64_t			 sweep_ms = 0, pause_ms;
	bool			 rescue = true;		/* what another process has set aside */

	while (!atomic_load(&k->stopping) && !means_stopping(m)) {
		store_tend(m->store);
		flood_tend(m->flood, false);
		if (store_has_aside(m->store) || rescue)
			rescue_run(m->store, m->claims, m->conf->set.state_dir);
		rescue = false;
		if (clock_mono_ms() >= sweep_ms) {
			lower_flag(m);
			sweep_ms = clock_mono_ms() +
			    (sweep_step(&k->sweeper) ? SWEEP_PAUSE_MS : SWEEP_MS);
		}
		pause_ms = sweep_ms - clock_mono_ms();
		(void)drain_turn(k->drain, pause_ms < 0 ? 0 :
		    pause_ms < TURN_MS ? (int)pause_ms : TURN_MS);
	}
	drain_finish(k->drain);
	return NULL;
}

int
keep_start(struct keeper *k)
{
	sigset_t	 all, old;
	pthread_attr_t	 attr;
	int		 rc;

	atomic_store(&k->stopping, false);
	(void)sigfillset(&all);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	/* Signals are the main thread's. */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&k->thread, &attr, work, k);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	k->started = rc == 0;
	return rc == 0 ? 0 : -1;
}

void
keep_wake(struct keeper *k)
{
	drain_wake(k->drain);
}

void
keep_stop(struct keeper *k)
{
	if (!k->started)
		return;
	atomic_store(&k->stopping, true);
	keep_wake(k);
	(void)pthread_join(k->thread, NULL);
	k->started = false;
}
