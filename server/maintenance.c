#include <stdatomic.h>
#include <stdlib.h>

#include "collector/arrival_fold.h"
#include "collector/event_store.h"
#include "collector/follower_pull.h"
#include "collector/forget.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"
#include "forwarder/breaker.h"
#include "forwarder/drain.h"
#include "server/asker.h"
#include "server/heap.h"
#include "server/maintenance.h"
#include "state/carry.h"
#include "state/counters.h"
#include "state/hosts.h"
#include "state/log_ratelimit.h"
#include "state/queue.h"
#include "state/recover.h"
#include "state/store.h"
#include "state/store_look.h"
#include "state/store_watch.h"
#include "wechat/callback_ips.h"

enum {
	TURN_MS = 500,		/* longest pause between two looks at the store, while it is used */
	AWAKE_MS = 1000,	/* after the last request or call, before the thread sleeps */
	UNWATCHED_MS = 2000,	/* longest sleep if the flag cannot be watched */
	COUNTS_MS = 61000,	/* after that the log has what was counted: log_ratelimit.h */
	BUSY_MS = 2000,		/* to wait for other processes that use the store */
	SWEEP_MS = 60000,	/* between two sweeps */
	SWEEP_FULL_MS = 1000,	/* the same, while the disk is nearly full */
	SWEEP_ROWS = 200,	/* of one step: so few that no request waits long for it */
	SWEEP_PAUSE_MS = 20,	/* between two steps of a sweep */
	SWEEP_IDLE_MS = 200,	/* the same after a step that deleted nothing: a long queue has only
				   rows that wait, and their drain needs the time */
	SWEEP_AGAIN_MS = 3600000,	/* after which a sweep begins at the oldest row again */
	FOLD_MS = 500,		/* between two looks for messages that are not counted */
	FOLD_SHARE = 19,	/* beside other work, counting has 1 ms of 20 of a processor */
	WORK_MS = 100,		/* after the last request or message: no other work */
	FOLD_BRIEF_MS = 2000,	/* to count, in a process that must end soon */
	CARRY_MS = 1000,	/* between two looks into this host's own store */
	RECOVER_MS = 5000,	/* to try again to take over what is in quarantine */
	BRIEF_STEPS = 8,	/* of a sweep, in a process that must end soon */
	TRIM_MS = 1000		/* between two times that memory is given back */
};

/* How far the deletion of old rows has come. */
struct sweeper {
	const struct services	*services;
	struct store		*counted;	/* where events and users are */
	struct queue_sweep	 done;
	struct queue_sweep	 next;		/* becomes done when this step is committed */
	bool			 more_known;	/* messages that are known to all hosts */
	bool			 more_events;
	bool			 more_users;	/* who have left */
	int64_t			 again_ms;	/* when to begin at the oldest row again */
};

struct maintenance {
	const struct services	*services;
	struct drain		*drain;
	struct sweeper		 sweeper;
	struct store		*counting;	/* see open_counting(); or NULL */
	struct hosts		*host;		/* this one, among those that share the store */
	struct arrival_fold	*fold;		/* NULL: nothing is counted */
	int64_t			 fold_ms;	/* when to count next */
	int64_t			 work_ms;	/* when there was other work than counting */
	bool			 fold_more;	/* messages wait to be counted */
	int64_t			 carry_ms;	/* when to look into this host's own store next */
	int64_t			 recover_ms;	/* when to look into quarantine; or INT64_MAX */
	int64_t			 asked_ms;	/* when WeChat was asked about new followers */
	struct asker		*asker;		/* NULL: WeChat is not asked */
	pthread_t		 thread;
	struct store_watch	*watch;		/* of the flag; NULL: the system has none */
	int64_t			 used_ms;	/* when the last request or call came */
	int64_t			 trimmed_ms;	/* when memory was given back */
	bool			 started;
	_Atomic bool		 stopping;
	_Atomic bool		 used;		/* a request was served since the last look */
	_Atomic bool		 asleep;	/* the next request must wake the thread */
	_Atomic bool		 large;		/* memory was needed that may be free now */
};

/*
 * Counting asks a server many questions, and no message should wait for the answers: so it has a
 * connection of its own.  A file has one writer at a time, and there is nothing to win.
 */
static bool
open_counting(struct maintenance *m)
{
	const struct services	*s = m->services;

	m->sweeper.counted = s->store;
	if (s->store == NULL || !store_is_shared(s->store))
		return true;
	if ((m->counting = store_new(&s->conf->set, s->locks, s->life)) == NULL)
		return false;
	store_set_counting(m->counting);
	m->sweeper.counted = m->counting;
	return true;
}

static struct hosts *
new_host(const struct services *s)
{
	return hosts_new(&s->conf->set, s->store, s->locks, s->counters, s->life);
}

struct maintenance *
maintenance_new(const struct services *services)
{
	struct maintenance	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->services = m->sweeper.services = services;
	m->watch = store_watch_new(services->conf->set.state_dir);
	if ((m->host = new_host(services)) == NULL || !open_counting(m) ||
	    (services->arrivals != NULL && (m->fold = arrival_fold_new(services->conf,
	    m->sweeper.counted, services->arrivals)) == NULL) ||
	    (m->drain = drain_new(services)) == NULL) {
		maintenance_free(m);
		return NULL;
	}
	return m;
}

void
maintenance_free(struct maintenance *m)
{
	if (m == NULL)
		return;
	hosts_free(m->host);
	arrival_fold_free(m->fold);
	store_free(m->counting);
	drain_free(m->drain);
	store_watch_free(m->watch);
	free(m);
}

static int64_t
patience_ms(void)
{
	return clock_mono_ms() + BUSY_MS;
}

/*
 * The flag: a file that says that a message waits or a breaker is open.
 */

struct backlog {
	const struct services	*services;
	int64_t			 due_ms;	/* the next message or probe, since the epoch */
	bool			 is_there;	/* a message waits, or a breaker is open */
};

/* Adds what waits in one part of an account's queue. */
static enum error
add_part(struct backlog *b, struct db *db, const struct account *a, enum queue_part part)
{
	const struct services	*s = b->services;
	int64_t			 probe_ms, next_ms;
	const enum breaker_gate	 gate = breaker_gate(s->breakers, a, &probe_ms);
	enum error		 er;

	er = queue_next(db, a->path, part, clock_wall_ms(), &next_ms);
	b->is_there = b->is_there || gate != GATE_GO || next_ms != INT64_MAX;
	if (gate != GATE_GO && next_ms != INT64_MAX)	/* any message may be the probe */
		next_ms = part == QUEUE_FRESH ? breaker_fresh_ms(s->breakers, a) : probe_ms;
	else if (next_ms != INT64_MAX && next_ms > clock_wall_ms() + DRAIN_TRIAL_MS)
		next_ms = clock_wall_ms() + DRAIN_TRIAL_MS;	/* one may be tried then */
	if (next_ms < b->due_ms)
		b->due_ms = next_ms;
	return er;
}

/* A store_work: fills a struct backlog. */
static enum error
read_backlog(struct db *db, void *arg)
{
	struct backlog		*b = arg;
	const struct conf	*c = b->services->conf;
	enum queue_part		 part;
	enum error		 er;
	size_t			 i;

	b->due_ms = INT64_MAX;
	b->is_there = false;
	er = breaker_load(db, b->services->breakers);
	for (i = 0; i < conf_destinations(c); i++)
		for (part = QUEUE_FRESH; part < QUEUE__PARTS && er == ERR_OK; part++)
			er = add_part(b, db, &c->accounts[i], part);
	return er;
}

/* False: the store cannot be read. */
static bool
find_backlog(struct backlog *b, const struct services *s)
{
	b->services = s;
	return store_do(s->store, STORE_READ, read_backlog, b, patience_ms()) == ERR_OK;
}

/*
 * Moves what this host has kept while the store failed that it shares with others.  True: it keeps
 * nothing.
 */
static bool
carry_messages(const struct services *s)
{
	return carry_all(s->local, s->store, s->dedup, patience_ms());
}

/* True: a message waits, or a breaker is open, or nobody can say. */
static bool
has_work(const struct services *s)
{
	struct backlog	 b;

	return !find_backlog(&b, s) || b.is_there || !carry_messages(s);
}

/* Removes the flag when nothing waits any more. */
static void
lower_flag(const struct services *s)
{
	if (!store_is_raised(s->store) || has_work(s))
		return;
	store_lower(s->store);
	/* A message may have come before the removal; without the flag nobody looks for it. */
	if (has_work(s))
		store_raise(s->store);
}

/*
 * Now and then tells other hosts what they may not know, and moves such messages while the flag is
 * there.
 */
static void
carry_when_due(struct maintenance *m)
{
	const struct services	*s = m->services;

	if (s->local == NULL || clock_mono_ms() < m->carry_ms)
		return;
	while (s->dedup != NULL && !services_stopping(s) && dedup_retell(s->dedup))
		;
	if (store_is_raised(s->store))
		(void)carry_messages(s);
	m->carry_ms = clock_mono_ms() + CARRY_MS;
}

/* Takes over what is in quarantine.  The process before this one may have left something, too. */
static void
recover_when_due(struct maintenance *m)
{
	const struct services	*s = m->services;
	struct store		*own = services_own_store(s);

	if (!store_has_quarantine(own) && clock_mono_ms() < m->recover_ms)
		return;
	m->recover_ms = recover_run(own, m->sweeper.counted, s->conf->set.state_dir,
	    event_store_sources) ? INT64_MAX : clock_mono_ms() + RECOVER_MS;
}

/* Raises the flag for what other hosts have left in a store that they share with this one. */
static void
look_elsewhere(const struct services *s)
{
	store_look(s->store, s->conf->set.state_dir, patience_ms());
}

/* True: the other hosts should hear of this one. */
static bool
is_host_due(const struct services *s)
{
	struct hosts	*h = new_host(s);
	const bool	 is = h != NULL && hosts_is_due(h);

	hosts_free(h);
	return is;
}

/* Lets the other hosts hear of this one, in a process that must end soon. */
static void
tell_hosts(const struct services *s)
{
	struct hosts	*h = new_host(s);

	if (h != NULL)
		(void)hosts_turn(h, patience_ms());
	hosts_free(h);
}

bool
maintenance_wanted(const struct services *services)
{
	struct backlog	 b;

	/* It also says whether the store works, whatever else is to be done. */
	look_elsewhere(services);
	if (is_host_due(services))
		return true;
	if (services->callback_ips != NULL && callback_ips_is_due(services->callback_ips))
		return true;
	if (services->arrivals != NULL && arrivals_is_long(services->arrivals))
		return true;
	if (services->spare != NULL && spare_holds(services->spare))
		return true;
	/* Messages that this host keeps itself must be moved. */
	return store_is_raised(services->store) && (services->local != NULL ||
	    (find_backlog(&b, services) && b.due_ms <= clock_wall_ms()));
}

/* Makes the spare room, if users are answered. */
static void
make_spare(const struct services *s)
{
	size_t	 i;

	for (i = 0; i < s->conf->n; i++)
		if (conf_has_replies(&s->conf->accounts[i])) {
			spare_make(s->spare);
			return;
		}
}

/* Empties the spare room, if the store has room.  True: it still has messages. */
static bool
empty_spare(const struct services *s)
{
	int64_t	 n;

	return s->spare != NULL && spare_holds(s->spare) && (!store_has_room(s->store) ||
	    spare_move(s->spare, &n, s->store, s->dedup, patience_ms()) != ERR_OK);
}

/*
 * Deleting what is old, a few rows at a time.
 */

/*
 * A store_work: messages that QT has, and times that lie too far ahead because a clock was wrong.
 */
static enum error
sweep_queue(struct db *db, void *arg)
{
	struct sweeper		*s = arg;
	const struct conf	*c = s->services->conf;
	struct queue_sweep	 next = s->done;
	enum error		 er = queue_sweep(db, &next, SWEEP_ROWS);
	size_t			 i;

	for (i = 0; i < conf_destinations(c) && er == ERR_OK; i++)
		er = queue_repair_times(db, c->accounts[i].path, clock_wall_ms());
	if (er == ERR_OK)
		s->next = next;
	return er;
}

/* A store_work: events that the collector has counted. */
static enum error
sweep_events(struct db *db, void *arg)
{
	struct sweeper	*s = arg;

	return event_store_forget(db, &s->more_events, db_stored_s(db, clock_wall_ms() / 1000),
	    s->services->conf->set.collect_days, SWEEP_ROWS);
}

/* A store_work: users who have left. */
static enum error
sweep_users(struct db *db, void *arg)
{
	struct sweeper	*s = arg;

	return forget_departed(db, &s->more_users, s->services->conf,
	    db_stored_ms(db, clock_wall_ms()), SWEEP_ROWS);
}

/* How long to wait for the next step of a sweep. */
static int64_t
sweep_pause_ms_of(const struct sweeper *s)
{
	/* On a full disk each row that goes makes room for a message. */
	const bool	 is_idle = s->done.idle && !s->more_known && !s->more_events &&
			    !s->more_users;

	return is_idle && store_has_room(s->services->store) ? SWEEP_IDLE_MS : SWEEP_PAUSE_MS;
}

/* Deletes some old rows.  True: there are more. */
static bool
sweep_some_rows(struct sweeper *s)
{
	struct store	*store = s->services->store;
	const int	 keep_days = s->services->conf->set.keep_days;
	const bool	 has_room = store_has_room(store);

	/* On a full disk copies go at once, those also that the sweep has passed. */
	if (!has_room && !s->done.more)
		s->done.at = 0;
	/* A message that waited when the sweep passed it may have been delivered since. */
	if (clock_mono_ms() >= s->again_ms) {
		s->done.at = 0;
		s->again_ms = clock_mono_ms() + SWEEP_AGAIN_MS;
		counters_housekeep(s->services->counters, clock_wall_ms());
	}
	s->done.before_ms = clock_wall_ms() -
	    (has_room ? INT64_C(1000) * CALENDAR_DAY_S * keep_days : 0);
	if (store_do(store, STORE_WRITE, sweep_queue, s, patience_ms()) != ERR_OK ||
	    store_do(s->counted, STORE_WRITE, sweep_events, s, patience_ms()) != ERR_OK ||
	    store_do(s->counted, STORE_WRITE, sweep_users, s, patience_ms()) != ERR_OK)
		return false;
	s->done = s->next;
	s->more_known = s->services->dedup != NULL && dedup_sweep(s->services->dedup, SWEEP_ROWS);
	return s->done.more || s->more_known || s->more_events || s->more_users;
}

void
maintenance_brief(const struct services *services)
{
	struct sweeper	 s = { .services = services, .counted = services->store };
	int		 steps;

	for (steps = 0; steps < BRIEF_STEPS && sweep_some_rows(&s); steps++)
		;
	arrival_fold_all(services->conf, services->store, services->arrivals, FOLD_BRIEF_MS);
	log_ratelimit_housekeep(services->log_ratelimit, false);
	make_spare(services);
	(void)empty_spare(services);
	lower_flag(services);
	asker_brief(services);
	tell_hosts(services);
}

/*
 * The thread.
 */

/* Reads the list of WeChat's addresses again, and asks for a new one if it is due. */
static void
look_at_addresses(struct maintenance *m)
{
	struct callback_ips	*ips = m->services->callback_ips;

	if (ips == NULL)
		return;
	callback_ips_refresh(ips);
	if (callback_ips_is_due(ips))
		asker_ask(m->asker, ASKER_ADDRESSES);
}

/*
 * Asks about new followers, if something was done since the last time.  Returns the ms until the
 * next time; no need of one: INT64_MAX.
 */
static int64_t
ask_when_due(struct maintenance *m)
{
	const int64_t	 now_ms = clock_mono_ms(), left_ms = m->asked_ms + FOLLOWER_PULL_TURN_MS -
			     now_ms;

	if (m->asker == NULL || (m->asked_ms != 0 && m->used_ms < m->asked_ms &&
	    !atomic_load(&m->used)))
		return INT64_MAX;
	if (m->asked_ms != 0 && left_ms > 0)
		return left_ms;
	m->asked_ms = now_ms;
	asker_ask(m->asker, ASKER_FOLLOWERS);
	return INT64_MAX;
}

/*
 * True: requests come, or messages go out that have waited; counting leaves the time to them.  Both
 * pause for moments.
 */
static bool
is_at_work(struct maintenance *m)
{
	const int64_t	 now_ms = clock_mono_ms();

	if (atomic_load(&m->used) || drain_is_sending(m->drain))
		m->work_ms = now_ms;
	return now_ms < m->work_ms + WORK_MS;
}

/* Counts some messages when it is time.  Returns the ms until the next time; no more: INT64_MAX. */
static int64_t
count_some_arrivals(struct maintenance *m)
{
	const int64_t	 busy_ms = clock_busy_ms();

	if (m->fold == NULL)
		return INT64_MAX;
	if (clock_mono_ms() >= m->fold_ms) {
		m->fold_more = arrival_fold_some(m->fold, patience_ms());
		m->fold_ms = clock_mono_ms() + (!m->fold_more ? FOLD_MS :
		    is_at_work(m) ? (clock_busy_ms() - busy_ms + 1) * FOLD_SHARE : 0);
	}
	return m->fold_more ? m->fold_ms - clock_mono_ms() : INT64_MAX;
}

/* How long the thread may sleep, up to ms: until a message or a probe is due. */
static int64_t
sleep_ms_of(struct maintenance *m, int64_t ms)
{
	const struct services	*s = m->services;
	struct backlog		 b;
	int64_t			 left_ms;

	if (!store_watch_arm(m->watch) && ms > UNWATCHED_MS)
		ms = UNWATCHED_MS;
	if (store_is_shared(s->store) && ms > STORE_LOOK_MS)
		ms = STORE_LOOK_MS;
	if (!store_is_raised(s->store))
		return ms;
	if (!find_backlog(&b, s))
		return TURN_MS;
	left_ms = b.due_ms == INT64_MAX ? ms : b.due_ms - clock_wall_ms();
	/* A message that is due is under way to QT, from here or from another process. */
	return left_ms <= 0 ? TURN_MS : left_ms < ms ? left_ms : ms;
}

/* Gives memory back before the thread sleeps, if something was done since the last time. */
static void
give_back(struct maintenance *m)
{
	if (m->trimmed_ms >= m->used_ms)
		return;
	heap_trim();
	m->trimmed_ms = clock_mono_ms();
}

/* The pause before the next turn, up to ms. */
static int64_t
pause_ms_of(struct maintenance *m, int64_t ms)
{
	int64_t	 awake_ms;

	if (atomic_exchange(&m->used, false))
		m->used_ms = clock_mono_ms();
	awake_ms = clock_mono_ms() - m->used_ms;
	if (ms < TURN_MS || awake_ms < AWAKE_MS)
		return ms < TURN_MS ? ms : TURN_MS;
	if (awake_ms < COUNTS_MS && ms > COUNTS_MS - awake_ms)
		ms = COUNTS_MS - awake_ms;
	ms = sleep_ms_of(m, ms);
	give_back(m);
	/* A request may have come meanwhile; one that comes later wakes the thread. */
	atomic_store(&m->asleep, true);
	return atomic_load(&m->used) ? TURN_MS : ms;
}

static void
take_turn(struct maintenance *m, int64_t ms)
{
	(void)drain_turn(m->drain, (int)pause_ms_of(m, ms < 0 ? 0 : ms));
	atomic_store(&m->asleep, false);
	if (store_watch_take(m->watch))
		m->used_ms = clock_mono_ms();
}

/* Gives back what large requests have left.  True: it is too soon for that. */
static bool
trim_heap(struct maintenance *m)
{
	if (!atomic_load(&m->large) || clock_mono_ms() < m->trimmed_ms + TRIM_MS)
		return atomic_load(&m->large);
	atomic_store(&m->large, false);
	heap_trim();
	m->trimmed_ms = clock_mono_ms();
	return false;
}

static void *
run_maintenance(void *arg)
{
	struct maintenance	*m = arg;
	const struct services	*s = m->services;
	struct store		*own = services_own_store(s);
	int64_t			 sweep_ms = 0, begun_ms = 0, fold_ms, ask_ms, host_ms, ms;

	while (!atomic_load(&m->stopping) && !services_stopping(s)) {
		store_housekeep(own);
		look_elsewhere(s);
		carry_when_due(m);
		log_ratelimit_housekeep(s->log_ratelimit, false);
		look_at_addresses(m);
		recover_when_due(m);
		if (!store_has_room(s->store) && sweep_ms > begun_ms + SWEEP_FULL_MS)
			sweep_ms = begun_ms + SWEEP_FULL_MS;
		make_spare(s);
		if (clock_mono_ms() >= sweep_ms) {
			lower_flag(s);
			maintenance_trim(m);
			begun_ms = clock_mono_ms();
			sweep_ms = begun_ms + (sweep_some_rows(&m->sweeper) ?
			    sweep_pause_ms_of(&m->sweeper) : SWEEP_MS);
		}
		ms = sweep_ms - clock_mono_ms();
		if ((fold_ms = count_some_arrivals(m)) < ms)
			ms = fold_ms;
		if (empty_spare(s) && ms > SWEEP_FULL_MS)
			ms = SWEEP_FULL_MS;
		if ((ask_ms = ask_when_due(m)) < ms)
			ms = ask_ms;
		if ((host_ms = hosts_turn(m->host, patience_ms())) < ms)
			ms = host_ms;
		take_turn(m, trim_heap(m) && ms > TURN_MS ? TURN_MS : ms);
	}
	drain_finish(m->drain);
	hosts_stop(m->host, patience_ms());
	return NULL;
}

bool
maintenance_start(struct maintenance *m)
{
	const struct services	*s = m->services;

	atomic_store(&m->stopping, false);
	m->used_ms = clock_mono_ms();
	drain_watch(m->drain, store_watch_fd(m->watch));
	/* Only an account that has .secret can ask. */
	if ((services_of_queue(s->conf) & SERVICES_TOKENS) != 0 &&
	    (m->asker = asker_start(s, m->sweeper.counted)) == NULL)
		log_msg(LEVEL_ERROR, "start", "cannot start the thread that asks WeChat about new "
		    "followers and its addresses: out of memory or threads; raise these limits "
		    "and start qtoa again");
	m->started = thread_start(&m->thread, run_maintenance, m);
	return m->started;
}

void
maintenance_note(struct maintenance *m)
{
	/* Most requests find it set, and leave the cache line to the other threads. */
	if (!atomic_load(&m->used))
		atomic_store(&m->used, true);
	if (atomic_load(&m->asleep) && atomic_exchange(&m->asleep, false))
		drain_wake(m->drain);
}

void
maintenance_trim(struct maintenance *m)
{
	atomic_store(&m->large, true);
}

void
maintenance_wake(struct maintenance *m)
{
	drain_wake(m->drain);
}

void
maintenance_stop(struct maintenance *m)
{
	atomic_store(&m->stopping, true);
	maintenance_wake(m);
	if (m->started)
		(void)pthread_join(m->thread, NULL);
	m->started = false;
	asker_stop(m->asker);
	m->asker = NULL;
}
