#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/number.h"
#include "core/utf8.h"
#include "state/failure_table.h"
#include "state/log_ratelimit.h"
#include "state/state_file.h"

enum {
	DAY_MS		= 86400000,
	PATIENCE_MS	= 20,		/* with other processes that look for a place */
	DUE_MS		= 1000		/* between two looks at what is due */
};

struct log_ratelimit {
	uint64_t			 lines_max;	/* of one failure in a minute */
	struct locks			*locks;
	char				 path[STATE_FILE_PATH];
	pthread_rwlock_t		 lock;	/* read: to count; write: to change the next two */
	struct state_file		 file;
	struct failure_table		*own;	/* used while the file is not mapped */
	struct state_file_trouble	 trouble;
	_Atomic int64_t			 due_ms;	/* monotonic; log_due() looks again then */
};

static struct failure_table *
table_of(struct log_ratelimit *f)
{
	return f->file.map != NULL ? f->file.map : f->own;
}

/*
 * Logging what was counted.
 */

static const char *
hint_of(const char *error)
{
	int	 er;

	for (er = 0; er < ERR__MAX; er++)
		if (strcmp(error_table[er].name, error) == 0)
			return error_table[er].hint;
	return "";
}

/* Logs how many lines were not written.  One thread takes their number, so it is logged once. */
static void
log_repeats(struct failure_place *p)
{
	static const char *const	 keys[FAILURE_TEXTS] = {
		"line", "account", "error", "reason", "peer",
	};
	const uint64_t			 hash = p->hash;
	const enum log_level		 level = failure_table_level(p);
	char				 text[FAILURE_TEXTS][FAILURE_TABLE_TEXT];
	struct logline			 l;
	int64_t				 first_ms, last_ms;
	uint64_t			 n;
	int				 i;

	if (p->unsaid == 0 || hash == 0)
		return;
	for (i = 0; i < FAILURE_TEXTS; i++)
		failure_table_text(text[i], p, (enum failure_text)i);
	if (p->hash != hash || (n = atomic_exchange(&p->unsaid, 0)) == 0)
		return;
	last_ms = number_bounded(p->unsaid_last);
	first_ms = number_bounded(atomic_exchange(&p->unsaid_first, 0));
	log_begin(&l, level, "repeated");
	for (i = 0; i < FAILURE_TEXTS; i++)
		if (*text[i] != '\0')
			log_str(&l, keys[i], text[i]);
	log_int(&l, "count", (int64_t)n);
	log_time(&l, "first", first_ms != 0 && first_ms < last_ms ? first_ms : last_ms);
	log_time(&l, "last", last_ms);
	if (*hint_of(text[FAILURE_ERROR]) != '\0')
		log_str(&l, "hint", hint_of(text[FAILURE_ERROR]));
	log_end(&l);
}

/* Logs the repeats of all places, or only of those whose minute is over. */
static void
log_table(struct failure_table *t, bool all)
{
	const int64_t	 now_ms = clock_wall_ms();
	size_t		 i;

	for (i = 0; i < FAILURE_TABLE_PLACES; i++)
		if (t->place[i].unsaid != 0 && failure_table_is_taken(t, i) &&
		    (all || failure_table_is_over(t->place[i].minute, now_ms)))
			log_repeats(&t->place[i]);
}

/*
 * Counting.
 */

static void
prepare_search(struct failure_search *s, const struct log_ratelimit_failure *x)
{
	*s = (struct failure_search){
		.text = {
			[FAILURE_WHAT] = slice_of(x->what),
			[FAILURE_ACCOUNT] = slice_of(x->account),
			[FAILURE_ERROR] = slice_of(x->error),
			[FAILURE_REASON] = slice_of(x->reason),
			[FAILURE_PEER] = x->peer,
		},
		.level = x->level, .now_ms = clock_wall_ms(),
	};
	failure_table_hash(s);
}

/*
 * Finds the failure's place in one scope or another.  take: takes one if it has none; else it
 * leaves a place that is shared and whose minute is over, since there may be room for its own
 * again.
 */
static struct failure_place *
find_or_take(struct failure_table *t, const struct failure_search *s, enum failure_scope *scope,
    bool take)
{
	struct failure_place	*p;
	size_t			 i;

	for (*scope = FAILURE_ONE_PEER; *scope < FAILURE_SCOPES; (*scope)++) {
		p = failure_table_find(t, *scope, s->hash[*scope]);
		if (p != NULL && (take || *scope == FAILURE_ONE_PEER ||
		    !failure_table_is_over(p->minute, s->now_ms)))
			return p;
		if (!take || (i = failure_table_find_room(t, s, *scope)) == FAILURE_TABLE_PLACES)
			continue;
		if (failure_table_is_taken(t, i))
			log_repeats(&t->place[i]);
		return failure_table_take(t, i, s, *scope);
	}
	return NULL;
}

/* Finds the place where a failure is counted, alone or with others (*scope).  NULL: no room. */
static struct failure_place *
place_of(struct log_ratelimit *f, const struct failure_search *s, enum failure_scope *scope)
{
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	struct failure_place	*p;

	if ((p = find_or_take(table_of(f), s, scope, false)) != NULL)
		return p;
	lock_name(key, "failures", "");
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return NULL;
	p = find_or_take(table_of(f), s, scope, true);
	lock_release(f->locks, &lock, false);
	return p;
}

/* Counts a line in the place's minute or begins the next one.  False: it has all its lines. */
static bool
may_write(struct failure_place *p, const struct failure_search *s, uint64_t hash,
    uint64_t lines_max)
{
	const uint64_t	 begins = (uint64_t)(s->now_ms / 1000) << 32 | 1;
	uint64_t	 minute = p->minute;
	bool		 over;

	do {
		if (p->hash != hash)	/* another failure has the place now */
			return true;
		over = failure_table_is_over(minute, s->now_ms);
		if (!over && (minute & UINT32_MAX) >= lines_max)
			return false;
	} while (!atomic_compare_exchange_weak(&p->minute, &minute, over ? begins : minute + 1));
	if (over)
		log_repeats(p);
	return true;
}

/* Counts the failure.  False: its line is not to be written. */
static bool
count_failure(struct log_ratelimit *f, const struct failure_search *s)
{
	int64_t			 no_time = 0;
	struct failure_place	*p;
	enum failure_scope	 scope;

	if ((p = place_of(f, s, &scope)) == NULL)
		return true;
	if (failure_table_silence_ms(p, s->now_ms) > DAY_MS) {
		p->count = 0;
		p->first = s->now_ms;
	}
	p->last = s->now_ms;
	p->count++;
	if (may_write(p, s, s->hash[scope], f->lines_max))
		return true;
	p->unsaid_last = s->now_ms;
	p->unsaid++;
	(void)atomic_compare_exchange_strong(&p->unsaid_first, &no_time, s->now_ms);
	return false;
}

/*
 * The file.  What changes f->file or f->own holds f->lock for writing.
 */

static void
drop_own(struct log_ratelimit *f)
{
	if (f->own != NULL)
		log_table(f->own, true);
	free(f->own);
	f->own = NULL;
}

/* Maps the file if it is sound.  flags O_CREAT: it may be new or empty, and gets its head. */
static enum state_file_is
map_table(struct log_ratelimit *f, int flags)
{
	struct state_file	 new = { .fd = -1 };
	enum state_file_is	 is = failure_table_open(&new, f->path, O_RDWR | flags);

	if (is == STATE_FILE_EMPTY && flags != 0)
		is = failure_table_begin(&new) ? STATE_FILE_SOUND : STATE_FILE_UNREADABLE;
	if (is == STATE_FILE_SOUND && (!state_file_reserve(&new, sizeof(struct failure_table)) ||
	    !state_file_map(&f->file, &new, sizeof(struct failure_table))))
		is = STATE_FILE_UNREADABLE;
	state_file_close(&new);
	if (is == STATE_FILE_SOUND)
		drop_own(f);
	return is;
}

/* Maps the file; makes a new one if it cannot be used.  NULL: done; else the reason why not. */
static const char *
make_and_map(struct log_ratelimit *f)
{
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	enum state_file_is	 is;
	const char		*why;

	lock_name(key, "failures", "");		/* lock_take() makes the directory, too */
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return "another process prepares it and does not finish";
	is = map_table(f, O_CREAT);
	why = state_file_clear(is, f->path, "flood");
	if (why == NULL && is != STATE_FILE_SOUND && map_table(f, O_CREAT) != STATE_FILE_SOUND)
		why = strerror(errno);
	lock_release(f->locks, &lock, false);
	return why;
}

static bool
wants_file(const struct log_ratelimit *f)
{
	return (f->file.map == NULL || state_file_is_lost(&f->file)) &&
	    state_file_may_try(&f->trouble);
}

/* Maps the file.  If that fails (the disk is full, say), this process gets a table of its own. */
static void
prepare_table(struct log_ratelimit *f)
{
	const char	*why = NULL;

	(void)pthread_rwlock_wrlock(&f->lock);
	if (wants_file(f)) {
		if (state_file_is_lost(&f->file))
			why = STATE_FILE_LOST;
		else if (map_table(f, 0) != STATE_FILE_SOUND)
			why = make_and_map(f);
		if (why != NULL)
			state_file_unmap(&f->file);
		if (table_of(f) == NULL)
			f->own = calloc(1, sizeof(*f->own));
		if (state_file_note(&f->trouble, f->path, why))
			log_msg(LEVEL_NOTICE, "flood", "%s works again", f->path);
	}
	(void)pthread_rwlock_unlock(&f->lock);
}

struct log_ratelimit *
log_ratelimit_new(const struct conf *c, struct locks *locks)
{
	struct log_ratelimit	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->lines_max = (uint64_t)c->set.log_flood;
	f->locks = locks;
	failure_table_path(f->path, c->set.state_dir);
	f->trouble = (struct state_file_trouble){
		.dir = c->set.state_dir, .what = "flood", .level = LEVEL_WARNING,
		.effect = "each process sums up only the failures that it sees itself",
	};
	(void)pthread_rwlock_init(&f->lock, NULL);
	return f;
}

void
log_ratelimit_free(struct log_ratelimit *f)
{
	if (f == NULL)
		return;
	drop_own(f);
	state_file_unmap(&f->file);
	(void)pthread_rwlock_destroy(&f->lock);
	free(f);
}

/* Logs what is due, once a second: not every process calls log_ratelimit_housekeep(). */
static void
log_due(struct log_ratelimit *f)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 due_ms = f->due_ms;

	if (now_ms >= due_ms &&
	    atomic_compare_exchange_strong(&f->due_ms, &due_ms, now_ms + DUE_MS))
		log_table(table_of(f), false);
}

void
log_ratelimit_end(struct log_ratelimit *f, struct logline *l,
    const struct log_ratelimit_failure *x)
{
	struct failure_search	 s;
	bool			 write = true;

	if (f != NULL) {
		(void)pthread_rwlock_rdlock(&f->lock);
		if (wants_file(f)) {
			(void)pthread_rwlock_unlock(&f->lock);
			prepare_table(f);
			(void)pthread_rwlock_rdlock(&f->lock);
		}
		if (table_of(f) != NULL) {
			prepare_search(&s, x);
			log_due(f);
			write = count_failure(f, &s);
		}
		(void)pthread_rwlock_unlock(&f->lock);
	}
	if (write && l != NULL)
		log_end(l);
}

void
log_ratelimit_housekeep(struct log_ratelimit *f, bool last)
{
	if (f == NULL)
		return;
	(void)pthread_rwlock_wrlock(&f->lock);
	if (f->file.map != NULL && !state_file_is_lost(&f->file) &&
	    !file_is_at(f->path, &f->file.st)) {
		log_table(f->file.map, true);
		state_file_unmap(&f->file);
	}
	/* The file may hold counts of a process that died before it logged them. */
	if (table_of(f) == NULL)
		(void)map_table(f, 0);
	(void)pthread_rwlock_unlock(&f->lock);
	(void)pthread_rwlock_rdlock(&f->lock);
	if (table_of(f) != NULL)
		log_table(table_of(f), last);
	(void)pthread_rwlock_unlock(&f->lock);
}

/*
 * Reading.
 */

static void
read_entry(struct log_ratelimit_entry *e, const struct failure_place *p)
{
	char *const	 text[FAILURE_TEXTS] = {
		e->what, e->account, e->error, e->reason, e->peer,
	};
	int		 i;

	e->level = failure_table_level(p);
	e->count = p->count;
	e->first_ms = number_bounded(p->first);
	e->last_ms = number_bounded(p->last);
	for (i = 0; i < FAILURE_TEXTS; i++) {
		failure_table_text(text[i], p, (enum failure_text)i);
		utf8_mask(text[i]);
	}
}

static int
compare_ages(const void *a, const void *b)
{
	const struct log_ratelimit_entry	*x = a, *y = b;

	return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

enum error
log_ratelimit_read(const char *dir, log_ratelimit_each *fn, void *ctx)
{
	struct failure_table		*t = calloc(1, sizeof(*t));
	struct log_ratelimit_entry	*e = calloc(FAILURE_TABLE_PLACES, sizeof(*e));
	enum error			 er;
	size_t				 i, n = 0;

	er = t == NULL || e == NULL ? ERR_NOMEM : failure_table_read(t, dir);
	for (i = 0; er == ERR_OK && i < FAILURE_TABLE_PLACES; i++)
		if (failure_table_is_taken(t, i))
			read_entry(&e[n++], &t->place[i]);
	if (n != 0)
		qsort(e, n, sizeof(*e), compare_ages);
	for (i = 0; i < n; i++)
		fn(ctx, &e[i]);
	free(t);
	free(e);
	return er;
}
