#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/disk.h"
#if QTOA_POSTGRES
#include "state/postgres/pg_conn.h"
#include "state/postgres/pg_reader.h"
#include "state/postgres/pg_store.h"
#endif
#include "state/reserve.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_file.h"
#include "state/sqlite/store_reader.h"
#include "state/state_file.h"
#include "state/store.h"

enum {
	LONG_MS = 20,		/* after a transaction of that length, pause for COURTESY_MS: */
	COURTESY_MS = 3,	/* other processes try every 2 ms (state/sqlite/sqlite_db.c) */
	DISK_MS = 100,		/* between two looks at the disk */
	TRY_MS = 2000		/* for store_is_usable() */
};

/* Work that waits for a transaction; it is on the stack of the thread that wants it done. */
struct job {
	enum store_need	 need;
	store_work	*work;
	void		*arg;
	int64_t		 until_ms;
	enum error	 er;
	bool		 lead;		/* this thread must do it, and all jobs that wait */
	bool		 is_done;
	bool		 is_posted;	/* no thread waits for it: it is part of a struct post */
	struct sleeper	*sleeper;
	struct job	*next;
};

struct post {
	struct job	 job;
	_Alignas(max_align_t) char arg[];
};

/*
 * A semaphore that a thread sleeps on.  It is not freed before the store is: the thread that
 * posts it may still touch it when the sleeper is awake again.
 */
struct sleeper {
	sem_t		 wake;
	struct sleeper	*next;
};

struct store {
	char			 dir[1040], flag[1056];

	pthread_mutex_t		 lock;		/* of the members up to the blank line */
	struct job		*first, **last;	/* jobs that wait */
	bool			 led;		/* a thread, the leader, runs a transaction */
	bool			 gather;	/* many threads work: let them add jobs */
	store_all		*all;		/* see store_set_together(); or NULL */
	struct store		*local;		/* see store_set_fallback(); or NULL */
	struct counters		*counters;	/* see store_set_counters(); or NULL */
	struct sleeper		*sleepers;
	char			 why[1240];
	bool			 is_full;	/* the last fault was that there is no room */
	bool			 is_refused;	/* it was one that only an operator can end */

	_Atomic bool		 has_quarantine;
	_Atomic bool		 is_degraded;
	_Atomic int64_t		 skew_ms;	/* see db_skew_ms(), as of the last transaction */
	_Atomic unsigned	 opened;
	_Atomic unsigned	 lost_posts;	/* that failed */
	struct locks		*locks;
	_Atomic bool		 is_out;	/* the disk is nearly full */
	_Atomic int64_t		 disk_ms;	/* do not look at the disk before */
	struct store_base	*base;		/* only the leader uses this and what follows */
	struct store_end	 end;		/* of the last transaction */
	enum store_need		 failed;	/* the most that was needed and failed */
	struct state_file_trouble trouble;
};

struct store *
store_new_local(const struct settings *set, struct locks *locks, enum store_life life)
{
	return store_new_on(set, locks, store_file_new(set->state_dir, locks, life));
}

struct store *
store_new(const struct settings *set, struct locks *locks, enum store_life life)
{
#if QTOA_POSTGRES
	if (conf_is_set(set->store))
		return store_new_on(set, locks, pg_store_new(set->store,
		    set->store_ack == REPLICA ? PG_STORE_REPLICA : PG_STORE_DISK, set->store_ms));
#endif
	return store_new_local(set, locks, life);
}

struct store *
store_new_on(const struct settings *set, struct locks *locks, struct store_base *base)
{
	struct store	*s;

	if (base == NULL || (s = calloc(1, sizeof(*s))) == NULL) {
		if (base != NULL)
			base->engine->free(base);
		return NULL;
	}
	(void)snprintf(s->dir, sizeof(s->dir), "%s", set->state_dir);
	(void)snprintf(s->flag, sizeof(s->flag), "%s/" STORE_FLAG, s->dir);
	(void)pthread_mutex_init(&s->lock, NULL);
	s->last = &s->first;
	s->base = base;
	s->locks = locks;
	s->trouble = (struct state_file_trouble){
		.dir = store_is_shared(s) ? NULL : s->dir, .what = "store", .level = LEVEL_ERROR,
		.effect = "what QT does not confirm is answered 503",
		.remedy = "look at the database, and run: qtoa check",
	};
	return s;
}

void
store_free(struct store *s)
{
	struct sleeper	*z;

	if (s == NULL)
		return;
	s->base->engine->free(s->base);
	while ((z = s->sleepers) != NULL) {
		s->sleepers = z->next;
		(void)sem_destroy(&z->wake);
		free(z);
	}
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

void
store_set_together(struct store *s, store_all *all)
{
	s->all = all;
	s->trouble.what = "seen";
	s->trouble.effect = "a message that comes to two hosts may be forwarded twice";
}

void
store_set_counting(struct store *s)
{
	s->trouble.what = "count";
	s->trouble.level = LEVEL_WARNING;
	s->trouble.effect = "messages are forwarded, and counted when it works again";
}

void
store_set_fallback(struct store *s, struct store *local)
{
	s->local = local;
	if (local != NULL)
		s->trouble.effect = "what QT does not confirm is kept in this host's own store";
}

void
store_set_counters(struct store *s, struct counters *counters)
{
	s->counters = counters;
}

bool
store_is_degraded(struct store *s)
{
	return atomic_load(&s->is_degraded);
}

bool
store_is_shared(const struct store *s)
{
	return s->base->engine->is_shared;
}

int64_t
store_now_ms(struct store *s)
{
	return clock_wall_ms() + atomic_load(&s->skew_ms);
}

unsigned
store_doubts(const struct store *s)
{
	return atomic_load(&s->opened) + atomic_load(&s->lost_posts);
}

struct locks *
store_locks(const struct store *s)
{
	return s->locks;
}

/* The store that the last messages went to. */
static struct store *
acting_store(struct store *s)
{
	return s->local != NULL && store_is_degraded(s) ? s->local : s;
}

void
store_fault(struct store *s, char *why, size_t size)
{
	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(why, size, "%s", s->why);
	(void)pthread_mutex_unlock(&s->lock);
}

void
store_why(struct store *s, char *why, size_t size)
{
	store_fault(acting_store(s), why, size);
}

bool
store_has_room(struct store *s)
{
	const int64_t	 now_ms = clock_mono_ms();
	struct disk	 d;

	if (store_is_shared(s))
		return true;
	if (now_ms >= atomic_load(&s->disk_ms)) {
		atomic_store(&s->is_out, disk_look(&d, s->dir) &&
		    d.free_bytes < disk_margin_again(&d));
		atomic_store(&s->disk_ms, now_ms + DISK_MS);
	}
	return !atomic_load(&s->is_out);
}

bool
store_is_full(struct store *s)
{
	bool	 is;

	s = acting_store(s);
	(void)pthread_mutex_lock(&s->lock);
	is = s->is_full;
	(void)pthread_mutex_unlock(&s->lock);
	return is;
}

/*
 * Transactions.
 */

/* Does the work of all jobs of a list that have none of their own. */
static enum error
do_together(const struct store *s, struct db *db, struct job *jobs)
{
	void	*args[STORE_TOGETHER];
	size_t	 n = 0;

	for (; jobs != NULL; jobs = jobs->next)
		if (jobs->work == NULL)
			args[n++] = jobs->arg;
	return n == 0 ? ERR_OK : s->all(db, args, n);
}

/*
 * True: each statement may be a transaction of its own: one job only reads, or all is done
 * together, and one thread's claim does not depend on another's.
 */
static bool
is_loose(const struct store *s, const struct job *jobs, enum store_need need)
{
	if (need == STORE_READ)
		return jobs->next == NULL;
	while (s->all != NULL && jobs != NULL && jobs->work == NULL)
		jobs = jobs->next;
	return jobs == NULL && need == STORE_WRITE;
}

/* Does the work of all jobs of a list, or none of it unless that is loose. */
static enum error
transact(struct store *s, struct job *jobs, enum store_need need, int64_t until_ms)
{
	const bool	 transaction = !is_loose(s, jobs, need);
	const int64_t	 begin_ms = clock_mono_ms();
	struct db	*db = s->base->engine->use(s->base, need, transaction, until_ms);
	enum error	 er = db == NULL ? ERR_STORE : ERR_OK;
	struct job	*j;

	if (db != NULL)
		atomic_store(&s->skew_ms, db_skew_ms(db));
	if (er == ERR_OK)
		er = do_together(s, db, jobs);
	for (j = jobs; j != NULL && er == ERR_OK; j = j->next)
		if (j->work != NULL)
			er = j->work(db, j->arg);
	er = s->base->engine->done(s->base, &s->end, er);
	if (er == ERR_OK && need > STORE_WRITE)
		counters_commit(s->counters, clock_mono_ms() - begin_ms);
	atomic_store(&s->opened, s->end.opened);
	if (s->end.has_quarantine)
		atomic_store(&s->has_quarantine, true);
	return er;
}

/*
 * Runs a transaction, and again if the file was damaged or moved, since then there is a new file,
 * or if the disk is full and the WAL can be begun again.
 */
static enum error
transact_again(struct store *s, struct job *jobs, enum store_need need, int64_t until_ms)
{
	enum error	 er = transact(s, jobs, need, until_ms);

	if (er != ERR_OK && s->end.may_retry)
		er = transact(s, jobs, need, until_ms);
	if (er != ERR_OK && s->end.fault == DB_FULL && s->base->engine->make_room(s->base))
		er = transact(s, jobs, need, until_ms);
	return er;
}

/*
 * Keeps the fault for store_why(), and logs when the store fails and when it works again.  On a
 * full disk reading still works, and so does deleting: only what adds rows ends the trouble.
 */
static void
note_end(struct store *s, enum error er, enum store_need need)
{
	const enum store_need	 least = s->end.fault == DB_FULL ? STORE_ADD :
				    need == STORE_READ ? STORE_READ : STORE_WRITE;

	if (er == ERR_OK && need < s->failed)
		return;
	s->failed = er == ERR_OK ? STORE_READ : least > s->failed ? least : s->failed;
	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(s->why, sizeof(s->why), "%s", er != ERR_OK ? s->end.why : "");
	s->is_full = er != ERR_OK && s->end.fault == DB_FULL;
	s->is_refused = er != ERR_OK && s->end.is_refused;
	(void)pthread_mutex_unlock(&s->lock);
	if ((er == ERR_OK || er == ERR_STORE) &&
	    state_file_note(&s->trouble, NULL, er != ERR_OK ? s->end.why : NULL))
		log_msg(LEVEL_NOTICE, "store", "%s works again", s->base->engine->name);
}

/* Does all jobs of a list; if they fail together, each for itself. */
static void
do_jobs(struct store *s, struct job *jobs)
{
	enum store_need	 need = STORE_READ;
	int64_t		 until_ms = INT64_MAX;
	struct job	*j, *next;
	enum error	 er;

	for (j = jobs; j != NULL; j = j->next) {
		need = j->need > need ? j->need : need;
		until_ms = j->until_ms < until_ms ? j->until_ms : until_ms;
	}
	if (need == STORE_QUEUE)
		store_raise(s);
	er = transact_again(s, jobs, need, until_ms);
	for (j = jobs; j != NULL; j = j->next) {
		j->er = er;
		j->is_done = true;
	}
	if (er != ERR_OK && jobs->next != NULL && s->end.fault != DB_BUSY)
		for (j = jobs; j != NULL; j = next) {
			next = j->next;
			j->next = NULL;
			j->er = transact_again(s, j, j->need, j->until_ms);
			j->next = next;
			er = j->er != ERR_OK ? j->er : er;
		}
	if (need == STORE_QUEUE)
		store_raise(s);
	note_end(s, er, need);
}

static struct sleeper *
take_sleeper(struct store *s)
{
	struct sleeper	*z;

	if ((z = s->sleepers) != NULL) {
		s->sleepers = z->next;
		return z;
	}
	if ((z = malloc(sizeof(*z))) != NULL)
		(void)sem_init(&z->wake, 0, 0);
	return z;
}

/* Waits until the job is done, or this thread is to lead.  s->lock is held before and after. */
static void
wait_for_leader(struct store *s, struct job *j)
{
	*s->last = j;
	s->last = &j->next;
	(void)pthread_mutex_unlock(&s->lock);
	while (sem_wait(&j->sleeper->wake) == -1)
		;	/* a signal has come */
	(void)pthread_mutex_lock(&s->lock);
	j->sleeper->next = s->sleepers;
	s->sleepers = j->sleeper;
}

/* Wakes the threads whose jobs are done, and frees posts; `mine` is the leader's own job. */
static void
wake_owners(struct store *s, struct job *jobs, const struct job *mine)
{
	struct job	*j, *next;

	for (j = jobs; j != NULL; j = next) {
		next = j->next;		/* when its owner is awake, j does not exist any more */
		if (j->is_posted && j->er != ERR_OK)
			(void)atomic_fetch_add(&s->lost_posts, 1);
		if (j->is_posted)
			free((struct post *)j);
		else if (j != mine)
			(void)sem_post(&j->sleeper->wake);
	}
}

/* Takes all jobs that wait, or as many as are done together. */
static struct job *
take_jobs(struct store *s)
{
	struct job	*jobs = s->first, **end = s->last;
	int		 n;

	if (s->all != NULL)
		for (n = 0, end = &s->first; *end != NULL && n < STORE_TOGETHER; n++)
			end = &(*end)->next;
	s->gather = jobs->next != NULL;
	s->first = *end;
	if (s->first == NULL)
		s->last = &s->first;
	*end = NULL;
	return jobs;
}

/* The first job that a thread waits for. */
static struct job *
first_awaited(const struct store *s)
{
	struct job	*j = s->first;

	while (j != NULL && j->is_posted)
		j = j->next;
	return j;
}

/* Does all jobs that wait.  s->lock is held before and after. */
static void
do_some_jobs(struct store *s, struct job *mine)
{
	const struct timespec	 courtesy = { 0, COURTESY_MS * 1000000 };
	struct job		*jobs;
	int64_t			 begin_ms;

	if (s->gather) {
		(void)pthread_mutex_unlock(&s->lock);
		(void)sched_yield();
		(void)pthread_mutex_lock(&s->lock);
	}
	jobs = take_jobs(s);
	(void)pthread_mutex_unlock(&s->lock);
	begin_ms = clock_mono_ms();
	do_jobs(s, jobs);
	wake_owners(s, jobs, mine);
	/* SQLite's lock is not fair: without a pause, other processes would hardly ever get it. */
	if (!store_is_shared(s) && clock_mono_ms() - begin_ms >= LONG_MS)
		(void)nanosleep(&courtesy, NULL);
	(void)pthread_mutex_lock(&s->lock);
}

/*
 * Does all jobs that wait, and makes another thread the leader; posts that no thread can lead are
 * done here.  s->lock is held before and after.
 */
static void
lead_jobs(struct store *s, struct job *mine)
{
	struct job	*next;

	do {
		do_some_jobs(s, mine);
		next = first_awaited(s);
	} while (!mine->is_done || (next == NULL && s->first != NULL));
	if ((s->led = next != NULL)) {
		next->lead = true;
		(void)sem_post(&next->sleeper->wake);
	}
}

/* Does the work in this store, or says that it cannot. */
static enum error
do_here(struct store *s, enum store_need need, store_work *work, void *arg, int64_t until_ms)
{
	/* A row that can be read in a file of this host is as durable as its writer wanted it. */
	const bool	 looks = need == STORE_CONFIRM && !store_is_shared(s);
	struct job	 j = {
		.need = looks ? STORE_READ : need, .work = work, .arg = arg,
		.until_ms = until_ms, .er = ERR_NOMEM,
	};

	(void)pthread_mutex_lock(&s->lock);
	if (!s->led) {
		s->led = j.lead = true;
		s->first = &j;
		s->last = &j.next;
	} else if ((j.sleeper = take_sleeper(s)) != NULL) {
		wait_for_leader(s, &j);
	}
	if (j.lead)
		lead_jobs(s, &j);
	(void)pthread_mutex_unlock(&s->lock);
	return j.er;
}

enum error
store_do(struct store *s, enum store_need need, store_work *work, void *arg, int64_t until_ms)
{
	enum error	 er = do_here(s, need, work, arg, until_ms);

	if (s->local == NULL || need < STORE_SYNC)
		return er;
	/* Any durable work that succeeds shows that s works again. */
	if (er == ERR_OK || need == STORE_QUEUE)
		atomic_store(&s->is_degraded, er == ERR_STORE);
	if (er != ERR_STORE || need != STORE_QUEUE)
		return er;
	counters_fallback(s->counters);
	return do_here(s->local, need, work, arg, until_ms);
}

enum error
store_post(struct store *s, enum store_need need, void *arg, size_t size, int64_t until_ms)
{
	struct post	*p = NULL;

	(void)pthread_mutex_lock(&s->lock);
	if (s->led && (p = malloc(sizeof(*p) + size)) != NULL) {
		memcpy(p->arg, arg, size);
		p->job = (struct job){
			.need = need, .arg = p->arg, .until_ms = until_ms, .is_posted = true,
		};
		*s->last = &p->job;
		s->last = &p->job.next;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return p != NULL ? ERR_OK : store_do(s, need, NULL, arg, until_ms);
}

bool
store_give_room(struct store *s)
{
	return !store_is_shared(acting_store(s)) && store_is_full(s) && reserve_give(s->dir);
}

enum error
store_do_anyway(struct store *s, enum store_need need, store_work *work, void *arg,
    int64_t until_ms)
{
	enum error	 er;

	do
		er = store_do(s, need, work, arg, until_ms);
	while (er == ERR_STORE && store_give_room(s));
	return er;
}

/*
 * The flag.
 */

static int
make_flag(const struct store *s)
{
	return open(s->flag, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void
store_raise(struct store *s)
{
	int	 fd;

	fd = make_flag(s);
	if (fd == -1 && (errno == ENOSPC || errno == EDQUOT) && reserve_give_all(s->dir))
		fd = make_flag(s);	/* no inode had been left */
	/* If it cannot be made, the database cannot be written either, and that is logged. */
	if (fd == -1) {
		/* It is there: closing it wakes those who watch it. */
		if ((fd = open(s->flag, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) != -1)
			(void)close(fd);
		return;
	}
	(void)close(fd);
	/* Without this, a power cut could remove the flag and keep the message that waits. */
	if ((fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1) {
		(void)fsync(fd);
		(void)close(fd);
	}
}

void
store_lower(struct store *s)
{
	(void)unlink(s->flag);
}

bool
store_is_raised(const struct store *s)
{
	return access(s->flag, F_OK) == 0;
}

enum error
store_nothing(struct db *db, void *arg)
{
	(void)db, (void)arg;
	return ERR_OK;
}

bool
store_is_usable(struct store *s, char *why, size_t size)
{
	bool	 is_refused;

	if (store_do(s, STORE_READ, store_nothing, NULL, clock_mono_ms() + TRY_MS) == ERR_OK)
		return true;
	(void)pthread_mutex_lock(&s->lock);
	is_refused = s->is_refused;
	(void)snprintf(why, size, "%s", s->why);
	(void)pthread_mutex_unlock(&s->lock);
	return !is_refused;
}

void
store_housekeep(struct store *s)
{
	(void)store_do(s, STORE_READ, store_nothing, NULL, clock_mono_ms());
	s->base->engine->housekeep(s->base);
}

bool
store_has_quarantine(struct store *s)
{
	return atomic_exchange(&s->has_quarantine, false) || s->base->engine->has_orphan(s->base);
}

struct db *
store_take_orphan(struct store *s)
{
	return s->base->engine->take_orphan(s->base);
}

void
store_keep_orphan(struct store *s, struct db *db)
{
	s->base->engine->keep_orphan(s->base, db);
}

/*
 * Readers.
 */

enum error
store_read_local(struct db **db, const struct settings *set, int64_t until_ms)
{
	return store_reader_open(db, set->state_dir, until_ms);
}

enum error
store_read(struct db **db, const struct settings *set, int64_t until_ms)
{
#if QTOA_POSTGRES
	if (conf_is_set(set->store))
		return pg_reader_open(db, set->store, until_ms);
#endif
	return store_read_local(db, set, until_ms);
}

enum error
store_read_long(struct db **db, const struct settings *set, int64_t until_ms, int cache_kib)
{
#if QTOA_POSTGRES
	if (conf_is_set(set->store))
		return pg_reader_open_long(db, set->store, until_ms, cache_kib);
#endif
	return store_reader_open_long(db, set->state_dir, until_ms, cache_kib);
}

const char *
store_library(void)
{
	return sqlite_db_library();
}

const char *
store_shared_library(void)
{
#if QTOA_POSTGRES
	return pg_conn_library();
#else
	return "";
#endif
}
