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
	const struct services	*m;
	struct queue_sweep	 done;
	struct queue_sweep	 next;		/* after the step under way */
	bool			 more_events;
	int64_t			 again_ms;	/* from the front */
};

struct maintenance {
	const struct services	*m;
	struct drain		*drain;
	struct sweeper		 sweeper;
	pthread_t		 thread;
	bool			 started;
	_Atomic bool		 stopping;
};

struct maintenance *
maintenance_new(const struct services *services)
{
	struct maintenance	*k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return NULL;
	k->m = k->sweeper.m = services;
	if ((k->drain = drain_new(services)) == NULL) {
		maintenance_free(k);
		return NULL;
	}
	return k;
}

void
maintenance_free(struct maintenance *k)
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
	const struct services	*m;
	bool			 wanted;	/* something can be sent */
	bool			 waits;		/* something is there */
};

static enum error
look_whether(struct db *db, void *arg)
{
	struct wanting		*w = arg;
	const int64_t		 now_ms = clock_wall_ms();
	int64_t			 probe_ms, next_ms;
	enum error		 er;
	enum breaker_gate	 gate;
	size_t			 i;

	w->wanted = w->waits = false;
	er = breaker_load(db, w->m->breakers);
	for (i = 0; i < w->m->conf->n && er == ERR_OK; i++) {
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
lower_flag(const struct services *m)
{
	struct wanting	 w = { .m = m };

	if (!store_is_raised(m->store) || store_do(m->store, STORE_READ, look_whether, &w,
	    clock_mono_ms() + BUSY_MS) != ERR_OK || w.waits)
		return;
	store_lower(m->store);
	/* Had something come meanwhile, it would lie there unseen. */
	if (store_do(m->store, STORE_READ, look_whether, &w, clock_mono_ms() + BUSY_MS) != ERR_OK ||
	    w.waits)
		store_raise(m->store);
}

bool
maintenance_wanted(const struct services *services)
{
	struct wanting	 w = { .m = services };

	return store_is_raised(services->store) && store_do(services->store, STORE_READ, look_whether, &w,
	    clock_mono_ms() + BUSY_MS) == ERR_OK && w.wanted;
}

/*
 * Forgetting.
 */

/* A store_work: a step of it, messages that QT has. */
static enum error
sweep_queue(struct db *db, void *arg)
{
	struct sweeper		*s = arg;
	const struct conf	*c = s->m->conf;
	struct queue_sweep	 next = s->done;
	enum error		 er = queue_sweep(db, &next, SWEEP_ROWS);
	size_t			 i;

	for (i = 0; i < c->n && er == ERR_OK; i++)
		er = queue_repair_times(db, c->accounts[i].path, clock_wall_ms());
	if (er == ERR_OK)
		s->next = next;
	return er;
}

/* Another: events that the collector has counted. */
static enum error
sweep_events(struct db *db, void *arg)
{
	struct sweeper	*s = arg;

	return event_store_forget(db, &s->more_events, clock_wall_ms() / 1000,
	    s->m->conf->set.collect_days, SWEEP_ROWS);
}

/* True: there is more to forget. */
static bool
sweep_step(struct sweeper *s)
{
	const struct services	*m = s->m;

	/* What was pending when it was passed may have been delivered since. */
	if (clock_mono_ms() >= s->again_ms) {
		s->done.at = 0;
		s->again_ms = clock_mono_ms() + SWEEP_AGAIN_MS;
		counters_housekeep(m->counters, clock_wall_ms());
	}
	s->done.before_ms = clock_wall_ms() - m->conf->set.keep_days * INT64_C(86400000);
	if (store_do(m->store, STORE_WRITE, sweep_queue, s, clock_mono_ms() + BUSY_MS) != ERR_OK ||
	    store_do(m->store, STORE_WRITE, sweep_events, s, clock_mono_ms() + BUSY_MS) != ERR_OK)
		return false;
	s->done = s->next;
	return s->done.more || s->more_events;
}

void
maintenance_brief(const struct services *m)
{
	struct sweeper	 s = { .m = m };
	int		 steps;

	for (steps = 0; steps < SWEEP_STEPS && sweep_step(&s); steps++)
		;
	log_ratelimit_housekeep(m->log_ratelimit, false);
	lower_flag(m);
}

/*
 * The thread.
 */

static void *
work(void *arg)
{
	struct maintenance	*k = arg;
	const struct services	*m = k->m;
	int64_t			 sweep_ms = 0, pause_ms;
	bool			 rescue = true;		/* what another process has set aside */

	while (!atomic_load(&k->stopping) && !services_stopping(m)) {
		store_housekeep(m->store);
		log_ratelimit_housekeep(m->log_ratelimit, false);
		if (store_has_quarantine(m->store) || rescue)
			recover_run(m->store, m->locks, m->conf->set.state_dir, event_store_sources);
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
maintenance_start(struct maintenance *k)
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
maintenance_wake(struct maintenance *k)
{
	drain_wake(k->drain);
}

void
maintenance_stop(struct maintenance *k)
{
	if (!k->started)
		return;
	atomic_store(&k->stopping, true);
	maintenance_wake(k);
	(void)pthread_join(k->thread, NULL);
	k->started = false;
}
