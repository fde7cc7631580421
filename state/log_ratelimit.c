#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/number.h"
#include "core/utf8.h"
#include "state/failure_table.h"
#include "state/log_ratelimit.h"

enum {
	DAY_MS		= 86400000,
	PATIENCE_MS	= 20,		/* with other processes that look for a place */
	DUE_MS		= 1000		/* between two looks at what is due */
};

struct log_ratelimit {
	uint64_t		 lines_max;	/* of one failure in a minute */
	struct locks		*locks;
	struct mapped_file	*file;
	_Atomic int64_t		 due_ms;	/* monotonic; log_due() looks again then */
};

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
place_of(struct log_ratelimit *f, struct failure_table *t, const struct failure_search *s,
    enum failure_scope *scope)
{
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	struct failure_place	*p;

	if ((p = find_or_take(t, s, scope, false)) != NULL)
		return p;
	lock_name(key, "failures", "");
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return NULL;
	p = find_or_take(t, s, scope, true);
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
count_failure(struct log_ratelimit *f, struct failure_table *t, const struct failure_search *s)
{
	int64_t			 no_time = 0;
	struct failure_place	*p;
	enum failure_scope	 scope;

	if ((p = place_of(f, t, s, &scope)) == NULL)
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

/* A mapped_file_left: what it counted is logged before it goes. */
static void
log_all(void *table)
{
	log_table(table, true);
}

struct log_ratelimit *
log_ratelimit_new(const struct conf *c, struct locks *locks)
{
	struct log_ratelimit	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->lines_max = (uint64_t)c->set.log_flood;
	f->locks = locks;
	f->file = mapped_file_new(&failure_table_kind, c->set.state_dir, locks, log_all);
	if (f->file == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

void
log_ratelimit_free(struct log_ratelimit *f)
{
	if (f == NULL)
		return;
	mapped_file_free(f->file);
	free(f);
}

/* Logs what is due, once a second: not every process calls log_ratelimit_housekeep(). */
static void
log_due(struct log_ratelimit *f, struct failure_table *t)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 due_ms = f->due_ms;

	if (now_ms >= due_ms &&
	    atomic_compare_exchange_strong(&f->due_ms, &due_ms, now_ms + DUE_MS))
		log_table(t, false);
}

void
log_ratelimit_end(struct log_ratelimit *f, struct logline *l,
    const struct log_ratelimit_failure *x)
{
	struct failure_table	*t;
	struct failure_search	 s;
	bool			 write = true;

	if (f != NULL && (t = mapped_file_enter(f->file)) != NULL) {
		prepare_search(&s, x);
		log_due(f, t);
		write = count_failure(f, t, &s);
		mapped_file_leave(f->file);
	}
	if (write && l != NULL)
		log_end(l);
}

void
log_ratelimit_housekeep(struct log_ratelimit *f, bool last)
{
	struct failure_table	*t;

	/* The file may hold counts of a process that died before it logged them. */
	if (f == NULL || (t = mapped_file_enter_existing(f->file)) == NULL)
		return;
	log_table(t, last);
	mapped_file_leave(f->file);
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
