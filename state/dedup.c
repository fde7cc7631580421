#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/log.h"
#include "state/dedup.h"
#include "state/dedup_files.h"
#include "state/dedup_retell.h"
#include "state/dedup_shared.h"

enum {
	TRIES = 10000,		/* more than any message needs */
	WAIT_MIN_MS = 1,	/* between two looks at another one's claim, first ... */
	WAIT_MAX_MS = 20,	/* ... and later */
	GONE_MS = 50,		/* between two looks whether the last file is still there */
	RETRY_MS = 1000,	/* between two tries to make a first file */
	SHARED_MS = 1000,	/* the longest wait for the shared store, to look or to mark */
	SWEEP_AGAIN_MS = 3600000	/* after which a sweep begins at the oldest message again */
};

struct dedup {
	const struct settings	*set;
	struct store		*shared;	/* NULL: no other host has these messages */
	struct dedup_retell	*retell;	/* or NULL: no memory */
	_Atomic unsigned	 doubts;	/* store_doubts(shared), the last time */
	struct dedup_shared_sweep sweep;	/* of one thread */
	int64_t			 sweep_ms;	/* monotonic: then it begins at the oldest again */
	struct locks		*locks;
	pthread_rwlock_t	 lock;		/* write: to change the members below */
	struct dedup_files	 files;
	int64_t			 retry_ms;	/* monotonic: make no file before */
	struct state_file_trouble trouble;
	_Atomic int64_t		 gone_ms;	/* monotonic: do not look before */
	char			 pattern[STATE_FILE_PATH];	/* the files, for the log */
};

struct dedup *
dedup_new(const struct settings *set, struct locks *locks)
{
	struct dedup	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->set = set;
	s->locks = locks;
	s->files.set = set;
	s->files.locks = locks;
	(void)snprintf(s->pattern, sizeof(s->pattern), "%s/qtoa.seen-*", set->state_dir);
	s->trouble = (struct state_file_trouble){
		.dir = set->state_dir, .what = "seen", .level = LEVEL_ERROR,
		.effect = "a message that WeChat repeats may be forwarded twice",
	};
	(void)pthread_rwlock_init(&s->lock, NULL);
	return s;
}

void
dedup_free(struct dedup *s)
{
	if (s == NULL)
		return;
	dedup_files_close(&s->files);
	dedup_retell_free(s->retell);
	(void)pthread_rwlock_destroy(&s->lock);
	free(s);
}

/*
 * Files.
 */

/* True: somebody has removed or renamed the youngest file.  It looks at most once in GONE_MS. */
static bool
is_gone(struct dedup *s)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 look_ms = atomic_load_explicit(&s->gone_ms, memory_order_relaxed);

	return now_ms >= look_ms &&
	    atomic_compare_exchange_strong(&s->gone_ms, &look_ms, now_ms + GONE_MS) &&
	    !dedup_files_have_names(&s->files);
}

/*
 * Brings the list of files up to date; s->lock is held for writing.  False: there is no file, and
 * it cannot make one.
 */
static bool
refresh_files(struct dedup *s)
{
	struct dedup_files	*l = &s->files;
	int			 error;

	if (l->n == 0 && clock_mono_ms() < s->retry_ms)
		return false;
	if (!dedup_files_have_names(l))
		dedup_files_save(l);
	else if (dedup_files_seem_current(l))	/* another thread was faster */
		return true;
	else
		(void)dedup_files_open(l);
	if (l->n == 0)
		(void)mkdir(s->set->state_dir, 0700);	/* if this fails, so does the next line */
	if (l->n == 0 || (!dedup_files_seem_current(l) && dedup_files_last(l)->number == l->last))
		dedup_files_add(l, l->last);
	else if (l->old != 0)	/* the process that took their marks over has died */
		dedup_files_add(l, 0);
	error = errno;
	if (l->n == 0)
		s->retry_ms = clock_mono_ms() + RETRY_MS;
	if (state_file_note(&s->trouble, s->pattern, l->n == 0 ? strerror(error) : NULL))
		log_msg(LEVEL_NOTICE, "seen", "%s: repeats are recognized again", s->pattern);
	return l->n != 0;
}

/* Holds s->lock for reading, with a list that is up to date.  False: there is no file; no lock. */
static bool
lock_files(struct dedup *s)
{
	bool	 ok;

	(void)pthread_rwlock_rdlock(&s->lock);
	if (dedup_files_seem_current(&s->files) && !is_gone(s))
		return true;
	(void)pthread_rwlock_unlock(&s->lock);
	(void)pthread_rwlock_wrlock(&s->lock);
	ok = refresh_files(s);
	(void)pthread_rwlock_unlock(&s->lock);
	if (!ok)
		return false;
	(void)pthread_rwlock_rdlock(&s->lock);
	if (s->files.n != 0)
		return true;
	(void)pthread_rwlock_unlock(&s->lock);
	return false;
}

/*
 * Slots.
 */

static unsigned
now_of(void)
{
	return (unsigned)(clock_wall_ms() / 1000 / DEDUP_FILES_UNIT_S) & DEDUP_TABLE_MORE_MAX;
}

/* False: it was marked more than dedupe_days ago.  A mark from a clock that was ahead is fresh. */
static bool
is_fresh(const struct dedup *s, uint64_t word)
{
	const unsigned	 age = (now_of() - dedup_table_more(word)) & DEDUP_TABLE_MORE_MAX;
	const int64_t	 days_s = (int64_t)s->set->dedupe_days * CALENDAR_DAY_S;

	return dedup_table_is(word) == DEDUP_IS_CLAIMED || age > DEDUP_TABLE_MORE_MAX / 2 ||
	    age <= (unsigned)(days_s / DEDUP_FILES_UNIT_S) + 1;
}

/* Finds a message's slot in any file, if its mark is fresh.  NULL: there is no slot. */
static dedup_slot *
find_slot(const struct dedup *s, uint64_t *word, const unsigned char *key)
{
	const struct dedup_file	*f;
	dedup_slot		*slot;

	for (f = s->files.v + s->files.n; f-- != s->files.v;)
		if ((slot = dedup_table_find(&f->table, word, key)) != NULL && is_fresh(s, *word))
			return slot;
	return NULL;
}

/* A change that a thread wants to make to the slot of a message. */
struct attempt {
	const unsigned char	*key;
	uint64_t		 word;		/* what is to be in the slot */
	enum dedup_as		 was;		/* what was there */
	unsigned		 file;		/* number of the file whose bucket was full */
	bool			 must;		/* there will be no further file */
};

enum step {
	STEP_DONE,
	STEP_AGAIN,	/* somebody was faster: look again */
	STEP_WAIT,	/* somebody works on the message */
	STEP_GROW	/* a further file is wanted */
};

/* Takes the slot of the message that was marked first in a bucket that is full. */
static bool
take_oldest(const struct dedup_file *f, dedup_slot **slot, const struct attempt *a)
{
	uint64_t	 word;

	*slot = dedup_table_oldest(&f->table, &word, a->key, now_of());
	if (*slot == NULL || !dedup_table_change(*slot, word, a->word))
		return false;
	if (dedup_table_find(&f->table, &word, a->key) == *slot)
		return true;
	/* Another thread has put the same message into another slot. */
	(void)dedup_table_change(*slot, a->word, dedup_table_word(a->key, DEDUP_IS_FREE, 0));
	return false;
}

/* Puts the word into the youngest file, for a message that has no slot yet. */
static enum step
put_word(struct dedup *s, struct attempt *a)
{
	struct dedup_file	*f = dedup_files_last(&s->files);
	uint64_t		 word = a->word;
	dedup_slot		*slot;

	if (!a->must && dedup_files_is_past(&s->files, f)) {
		a->file = f->number;
		return STEP_GROW;
	}
	switch (dedup_table_put(&f->table, &slot, &word, a->key)) {
	case DEDUP_PUT:
		break;
	case DEDUP_MET:
		if (is_fresh(s, word) || !dedup_table_change(slot, word, a->word))
			return STEP_AGAIN;
		break;
	case DEDUP_FULL:
		a->file = f->number;
		if (!a->must)
			return STEP_GROW;
		if (!take_oldest(f, &slot, a))
			return STEP_AGAIN;
		break;
	}
	if (!dedup_files_is_full(f))
		return STEP_DONE;
	/* Another process has begun a further file, and looks there. */
	(void)dedup_table_change(slot, a->word, dedup_table_word(a->key, DEDUP_IS_FREE, 0));
	return STEP_AGAIN;
}

static enum step
change_slot(dedup_slot *slot, uint64_t from, uint64_t to)
{
	return dedup_table_change(slot, from, to) ? STEP_DONE : STEP_AGAIN;
}

typedef enum step	attempt_fn(struct dedup *s, struct attempt *a);

/* An attempt_fn. */
static enum step
try_claim(struct dedup *s, struct attempt *a)
{
	uint64_t	 word;
	dedup_slot	*slot;

	a->was = DEDUP_NEVER;
	if ((slot = find_slot(s, &word, a->key)) == NULL)
		return put_word(s, a);
	a->was = DEDUP_QUEUED;
	switch (dedup_table_is(word)) {
	case DEDUP_IS_DONE:
		a->was = DEDUP_DONE;
		return STEP_DONE;
	case DEDUP_IS_CLAIMED:
		/* Nobody knows how far a process has come that died. */
		if (lock_owner_lives(s->locks, dedup_table_more(word)))
			return STEP_WAIT;
		break;
	case DEDUP_IS_FREE:
	case DEDUP_IS_QUEUED:
		break;
	}
	return change_slot(slot, word, a->word);
}

/* An attempt_fn. */
static enum step
try_mark(struct dedup *s, struct attempt *a)
{
	uint64_t	 word;
	dedup_slot	*slot;

	if ((slot = find_slot(s, &word, a->key)) == NULL)
		return put_word(s, a);
	return dedup_table_is(word) == DEDUP_IS_DONE ? STEP_DONE : change_slot(slot, word, a->word);
}

/* Makes a further file.  If that cannot be, the youngest one must take the message. */
static void
grow_files(struct dedup *s, struct attempt *a)
{
	(void)pthread_rwlock_wrlock(&s->lock);
	if (s->files.n != 0 && dedup_files_last(&s->files)->number == a->file)
		dedup_files_add(&s->files, s->files.last);
	a->must = s->files.n != 0 && dedup_files_last(&s->files)->number == a->file;
	(void)pthread_rwlock_unlock(&s->lock);
}

/* False: no time is left. */
static bool
wait_for_other(int64_t *pause_ms, int64_t until_ms)
{
	const struct timespec	 pause = { 0, *pause_ms * 1000000 };

	if (clock_mono_ms() + *pause_ms > until_ms)
		return false;
	(void)nanosleep(&pause, NULL);
	*pause_ms = *pause_ms * 2 < WAIT_MAX_MS ? *pause_ms * 2 : WAIT_MAX_MS;
	return true;
}

static enum error
run_attempt(struct dedup *s, struct attempt *a, attempt_fn *fn, int64_t until_ms)
{
	int64_t		 pause_ms = WAIT_MIN_MS;
	int		 tries;
	enum step	 step;

	for (tries = 0; tries < TRIES; tries++) {
		if (!lock_files(s))
			return ERR_STORE;
		step = fn(s, a);
		/* The message may be one that could not be marked. */
		if (step == STEP_DONE && a->was == DEDUP_NEVER && s->trouble.is_logged)
			a->was = DEDUP_QUEUED;
		(void)pthread_rwlock_unlock(&s->lock);
		if (step == STEP_DONE)
			return ERR_OK;
		if (step == STEP_GROW)
			grow_files(s, a);
		if (step == STEP_WAIT && !wait_for_other(&pause_ms, until_ms))
			return ERR_LATE;
	}
	return ERR_STORE;
}

void
dedup_share(struct dedup *s, struct store *shared)
{
	s->shared = shared;
	dedup_shared_begin(shared);
	s->retell = dedup_retell_new();
}

/*
 * Marks a message for all hosts.  If that fails, dedup_retell() tries again.  A connection that is
 * a new one may be to a server that has forgotten the last marks.
 */
static enum error
mark_for_all(struct dedup *s, const unsigned char *key, enum dedup_as as)
{
	enum error	 er = dedup_shared_mark(s->shared, key, as, clock_mono_ms() + SHARED_MS);
	const unsigned	 doubts = store_doubts(s->shared);

	if (s->retell == NULL)
		return er;
	if (atomic_exchange(&s->doubts, doubts) != doubts)
		dedup_retell_doubt(s->retell);
	dedup_retell_note(s->retell, key, as, er == ERR_OK);
	return er;
}

/* A store_work.  To begin it finds out whether the connection is still the same. */
static enum error
look_at_connection(struct db *db, void *arg)
{
	(void)db, (void)arg;
	return ERR_OK;
}

bool
dedup_retell(struct dedup *s)
{
	unsigned	 doubts;

	if (s->shared == NULL || s->retell == NULL)
		return false;
	if (dedup_retell_is_fresh(s->retell))
		(void)store_do(s->shared, STORE_READ, look_at_connection, NULL, clock_mono_ms() +
		    SHARED_MS);
	doubts = store_doubts(s->shared);
	if (atomic_exchange(&s->doubts, doubts) != doubts)
		dedup_retell_doubt(s->retell);
	return dedup_retell_some(s->retell, s->shared, clock_mono_ms() + SHARED_MS);
}

/* Looks a message up in the files of this host. */
static enum error
find_here(struct dedup *s, enum dedup_as *as, const unsigned char *key)
{
	uint64_t	 word;

	*as = DEDUP_NEVER;
	if (!lock_files(s))
		return ERR_STORE;
	if (find_slot(s, &word, key) != NULL)
		*as = dedup_table_is(word) == DEDUP_IS_DONE ? DEDUP_DONE : DEDUP_QUEUED;
	else if (s->trouble.is_logged)
		*as = DEDUP_QUEUED;
	(void)pthread_rwlock_unlock(&s->lock);
	return ERR_OK;
}

/*
 * Adds what only this host knows: it has marked messages while the shared store failed.  True: that
 * says more than the store.
 */
static bool
add_known_here(struct dedup *s, enum dedup_as *as, const unsigned char *key)
{
	enum dedup_as	 here;

	if (*as == DEDUP_DONE || find_here(s, &here, key) != ERR_OK || here <= *as)
		return false;
	*as = here;
	return true;
}

/* Says in the log of one message what may bring it to QT a second time. */
static void
log_apart(const struct dedup *s, const unsigned char *key, const char *what)
{
	struct logline	 l;
	char		 hex[17], why[300];

	if (!log_wants(LEVEL_INFO))
		return;
	hex_encode(hex, key + 8, 8);
	store_why(s->shared, why, sizeof(why));
	log_begin(&l, LEVEL_INFO, "seen");
	log_str(&l, "key", hex);
	log_str(&l, "msg", what);
	if (*why != '\0')
		log_str(&l, "detail", why);
	log_end(&l);
}

enum error
dedup_claim_call(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY],
    int64_t until_ms, int call_ms)
{
	struct attempt	 a = {
		.key = key,
		.word = dedup_table_word(key, DEDUP_IS_CLAIMED, lock_owner(s->locks)),
	};
	enum error	 er;

	if (s->shared != NULL &&
	    (er = dedup_shared_claim(s->shared, as, key, until_ms, call_ms)) != ERR_STORE) {
		/* The store did not know that the message is done; that ends the claim, too. */
		if (er == ERR_OK && add_known_here(s, as, key) && *as == DEDUP_DONE)
			(void)mark_for_all(s, key, *as);
		return er;
	}
	er = run_attempt(s, &a, try_claim, until_ms);
	*as = a.was;
	if (s->shared != NULL && er == ERR_OK && *as != DEDUP_DONE)
		log_apart(s, key, "other hosts do not know that this one has the message");
	return er;
}

enum error
dedup_claim(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY],
    int64_t until_ms)
{
	return dedup_claim_call(s, as, key, until_ms, 0);
}

enum error
dedup_find(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY])
{
	if (s->shared == NULL || dedup_shared_find(s->shared, as, key, clock_mono_ms() +
	    SHARED_MS) != ERR_OK)
		return find_here(s, as, key);
	(void)add_known_here(s, as, key);
	return ERR_OK;
}

static enum error
mark_here(struct dedup *s, const unsigned char *key, enum dedup_as as)
{
	struct attempt	 a = {
		.key = key,
		.word = dedup_table_word(key, as == DEDUP_DONE ? DEDUP_IS_DONE : DEDUP_IS_QUEUED,
		    now_of()),
	};

	return run_attempt(s, &a, try_mark, 0);
}

/* False: the other hosts do not know it, and the log says so. */
static bool
tell_others(struct dedup *s, const unsigned char *key, enum dedup_as as)
{
	if (mark_for_all(s, key, as) == ERR_OK)
		return true;
	log_apart(s, key, as == DEDUP_DONE ? "other hosts do not know that the message is done" :
	    "other hosts do not know that the message is in the queue");
	return false;
}

enum error
dedup_mark(struct dedup *s, const unsigned char key[DEDUP_KEY], enum dedup_as as)
{
	const enum error	 here = mark_here(s, key, as);

	return s->shared != NULL && tell_others(s, key, as) ? ERR_OK : here;
}

enum error
dedup_mark_here(struct dedup *s, const unsigned char key[DEDUP_KEY])
{
	return mark_here(s, key, DEDUP_DONE);
}

void
dedup_tell(struct dedup *s, const unsigned char key[DEDUP_KEY])
{
	if (s->shared != NULL)
		(void)tell_others(s, key, DEDUP_DONE);
}

bool
dedup_sweep(struct dedup *s, int max)
{
	if (s->shared == NULL)
		return false;
	if (clock_mono_ms() >= s->sweep_ms) {
		s->sweep = (struct dedup_shared_sweep){ .more = false };
		s->sweep_ms = clock_mono_ms() + SWEEP_AGAIN_MS;
	}
	return dedup_shared_sweep(s->shared, &s->sweep, s->set->dedupe_days, max,
	    clock_mono_ms() + SHARED_MS) == ERR_OK && s->sweep.more;
}
