#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/store.h"

enum {
	BUSY_MIN_MS = 800,	/* patience with other processes, whatever the deadline */
	LONG_MS = 20,		/* after a transaction of that length others ... */
	COURTESY_MS = 3		/* ... get their chance: they look every 2 ms (state/db.c) */
};

/* Work that waits for a transaction; on the stack of who wants it done. */
struct job {
	enum store_need	 need;
	store_work	*work;
	void		*arg;
	int64_t		 until_ms;
	enum error	 er;
	bool		 lead;		/* not done: do it, and that of all who wait */
	struct sleeper	*sleeper;
	struct job	*next;
};

/*
 * What a thread sleeps on.  Never freed while the store is there, so that whoever wakes
 * it may touch it a moment after it has gone on.
 */
struct sleeper {
	sem_t		 wake;
	struct sleeper	*next;
};

struct store {
	char			 dir[1040], flag[1056];

	pthread_mutex_t		 lock;		/* of what follows, up to the blank line */
	struct job		*first, **last;	/* who waits */
	bool			 led;		/* somebody is running a transaction */
	bool			 gather;	/* there is company: wait a moment for it */
	struct sleeper		*sleepers;
	char			 why[1240];

	struct store_file	*file;		/* the rest is the leader's */
	enum db_fault		 fault;		/* of the last transaction */
	bool			 in_trouble;	/* and it has been said */
};

struct store *
store_new(const struct settings *set, struct locks *cs, enum store_life life)
{
	struct store	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	(void)snprintf(s->dir, sizeof(s->dir), "%s", set->state_dir);
	(void)snprintf(s->flag, sizeof(s->flag), "%s/qtoa.work", s->dir);
	(void)pthread_mutex_init(&s->lock, NULL);
	s->last = &s->first;
	if ((s->file = store_file_new(s->dir, cs, life)) == NULL) {
		store_free(s);
		return NULL;
	}
	return s;
}

void
store_free(struct store *s)
{
	struct sleeper	*z;

	if (s == NULL)
		return;
	store_file_free(s->file);
	while ((z = s->sleepers) != NULL) {
		s->sleepers = z->next;
		(void)sem_destroy(&z->wake);
		free(z);
	}
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

void
store_why(struct store *s, char *why, size_t size)
{
	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(why, size, "%s", s->why);
	(void)pthread_mutex_unlock(&s->lock);
}

/*
 * Transactions.
 */

static enum error
begin(struct store *s, struct db *db, enum store_need need, int64_t until_ms)
{
	int64_t		 least_ms = clock_mono_ms() + BUSY_MIN_MS;
	enum error	 er;

	db_patience(db, until_ms > least_ms ? until_ms : least_ms);
	if (need == STORE_READ)
		return db_run(db, NULL, "BEGIN", DB_NO_VALUES);
	if ((er = store_file_sync(s->file, need == STORE_SYNC)) != ERR_OK)
		return er;
	return db_run(db, NULL, "BEGIN IMMEDIATE", DB_NO_VALUES);
}

/* A transaction has failed, before or in its commit. */
static void
fail(struct store *s, struct db *db, bool begun)
{
	s->fault = db_fault(db);
	if (begun && (s->fault == DB_FINE || s->fault == DB_BUSY || s->fault == DB_FULL))
		(void)db_script(db, "ROLLBACK");
	store_file_handle_error(s->file);	/* where it closes the file, that undoes it */
}

/* The work of all jobs of a list, or none of it. */
static enum error
transact(struct store *s, struct job *jobs, enum store_need need, int64_t until_ms)
{
	/* One who only looks needs no transaction. */
	const bool	 alone = need == STORE_READ && jobs->next == NULL;
	struct job	*j;
	struct db	*db;
	enum error	 er;

	if ((db = store_file_ready(s->file, until_ms)) == NULL)
		return ERR_STORE;
	if (alone)
		db_patience(db, until_ms);
	er = alone ? ERR_OK : begin(s, db, need, until_ms);
	if (er != ERR_OK) {
		fail(s, db, false);
		return er;
	}
	for (j = jobs; j != NULL && er == ERR_OK; j = j->next)
		er = j->work(db, j->arg);
	if (er == ERR_OK && !alone)
		er = db_run(db, NULL, "COMMIT", DB_NO_VALUES);
	if (er != ERR_OK) {
		fail(s, db, !alone);
		return er;
	}
	/* What went to a file that was set aside meanwhile must be done again. */
	return need != STORE_SYNC || store_file_holds(s->file) ? ERR_OK : ERR_STORE;
}

/* Once more where that may help: the file was damaged or moved, and a new one is begun. */
static enum error
transact_again(struct store *s, struct job *jobs, enum store_need need, int64_t until_ms)
{
	enum error	 er = transact(s, jobs, need, until_ms);

	if (er == ERR_STORE && store_file_is_other(s->file))
		er = transact(s, jobs, need, until_ms);
	return er;
}

static void
tell_trouble(struct store *s, bool trouble)
{
	if (trouble == s->in_trouble)
		return;
	s->in_trouble = trouble;
	if (trouble)
		log_msg(LEVEL_ERROR, "store", "%s: what QT does not confirm is answered 503 until "
		    "this is mended; look at the owner, permissions and free space of %s",
		    store_file_why(s->file), s->dir);
	else
		log_msg(LEVEL_NOTICE, "store", "qtoa.db works again");
}

static void
keep_why(struct store *s, bool trouble)
{
	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(s->why, sizeof(s->why), "%s", trouble ? store_file_why(s->file) : "");
	(void)pthread_mutex_unlock(&s->lock);
}

/* All jobs of a list; if they fail together, each for itself. */
static void
run(struct store *s, struct job *jobs)
{
	enum store_need	 need = STORE_READ;
	int64_t		 until_ms = INT64_MAX;
	struct job	*j, *next;
	enum error	 er;

	for (j = jobs; j != NULL; j = j->next) {
		need = j->need > need ? j->need : need;
		until_ms = j->until_ms < until_ms ? j->until_ms : until_ms;
	}
	er = transact_again(s, jobs, need, until_ms);
	for (j = jobs; j != NULL; j = j->next)
		j->er = er;
	if (er != ERR_OK && jobs->next != NULL && s->fault != DB_BUSY)
		for (j = jobs; j != NULL; j = next) {
			next = j->next;
			j->next = NULL;
			j->er = transact_again(s, j, j->need, j->until_ms);
			j->next = next;
			er = j->er != ERR_OK ? j->er : er;
		}
	if (er == ERR_OK || er == ERR_STORE)
		tell_trouble(s, er != ERR_OK);
	keep_why(s, er != ERR_OK);
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

/* Until another thread has done the job or wants it led, with the lock held before and after. */
static void
wait_for_leader(struct store *s, struct job *j)
{
	*s->last = j;
	s->last = &j->next;
	(void)pthread_mutex_unlock(&s->lock);
	while (sem_wait(&j->sleeper->wake) == -1)
		;	/* a signal */
	(void)pthread_mutex_lock(&s->lock);
	j->sleeper->next = s->sleepers;
	s->sleepers = j->sleeper;
}

/* The owners of a list of jobs that are done, but for the one who leads. */
static void
wake(struct job *jobs, const struct job *mine)
{
	struct job	*j, *next;

	for (j = jobs; j != NULL; j = next) {
		next = j->next;		/* j is gone once its owner is awake */
		if (j != mine)
			(void)sem_post(&j->sleeper->wake);
	}
}

/* Runs the jobs that wait, hands the lead on; with the lock held before and after. */
static void
lead(struct store *s, struct job *mine)
{
	const struct timespec	 courtesy = { 0, COURTESY_MS * 1000000 };
	struct job		*jobs;
	int64_t			 begin_ms;

	if (s->gather) {
		(void)pthread_mutex_unlock(&s->lock);
		(void)sched_yield();
		(void)pthread_mutex_lock(&s->lock);
	}
	jobs = s->first;
	s->gather = jobs->next != NULL;
	s->first = NULL;
	s->last = &s->first;
	(void)pthread_mutex_unlock(&s->lock);
	begin_ms = clock_mono_ms();
	run(s, jobs);
	wake(jobs, mine);
	/* SQLite's lock is not fair, and a slow disk leaves it free for moments only. */
	if (clock_mono_ms() - begin_ms >= LONG_MS)
		(void)nanosleep(&courtesy, NULL);
	(void)pthread_mutex_lock(&s->lock);
	if ((s->led = s->first != NULL)) {
		s->first->lead = true;
		(void)sem_post(&s->first->sleeper->wake);
	}
}

enum error
store_do(struct store *s, enum store_need need, store_work *work, void *arg, int64_t until_ms)
{
	struct job	 j = {
		.need = need, .work = work, .arg = arg, .until_ms = until_ms, .er = ERR_NOMEM,
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
		lead(s, &j);
	(void)pthread_mutex_unlock(&s->lock);
	return j.er;
}

/*
 * The flag.
 */

void
store_raise(struct store *s)
{
	int	 fd;

	/* Where it cannot be made, the database cannot be written either. */
	fd = open(s->flag, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return;
	(void)close(fd);
	/* A power cut must not take it and leave what it stands for. */
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

void
store_housekeep(struct store *s)
{
	store_file_housekeep(s->file);
}

bool
store_has_quarantine(struct store *s)
{
	return store_file_quarantine(s->file);
}
