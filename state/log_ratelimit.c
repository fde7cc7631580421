#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "state/log_ratelimit.h"
#include "state/state_file.h"

enum {
	PLACES		= 256,
	HEAD		= 4096,
	PLACE		= 512,		/* one sector: a power cut writes all of it or nothing */
	WORDS		= LOG_RATELIMIT_TEXT / 8,
	MINUTE_S	= 60,
	DAY_MS		= 86400000,
	PATIENCE_MS	= 20,		/* with other processes that look for a place */
	DUE_MS		= 1000		/* between two looks at what is due */
};

/* The beginning of the file; see state/log_ratelimit.h. */
struct head {
	char		 magic[8];
	uint32_t	 version, places, head, place;
	char		 zero[40];
};

enum text { WHAT, ACCOUNT, ERROR, REASON, PEER, TEXTS };

/*
 * One failure's place, which may go to another failure while a thread reads it.  Then the hash is
 * set to 0 first and written last; so a reader looks at the hash before and after, and what it
 * has read is good if both are the same.
 */
struct place {
	_Atomic uint64_t	 hash, group, level, minute, unsaid;
	_Atomic int64_t		 unsaid_first, unsaid_last;
	_Atomic uint64_t	 count;
	_Atomic int64_t		 first, last;
	_Atomic uint64_t	 text[TEXTS][WORDS];
	_Atomic uint64_t	 spare[9];
};

struct table {
	struct head		 head;
	_Atomic uint64_t	 index[PLACES];	/* the hashes again, to find one fast */
	char			 zero[HEAD - sizeof(struct head) - 8 * PLACES];
	struct place		 place[PLACES];
};

_Static_assert(sizeof(struct head) == 64, "the index follows");
_Static_assert(sizeof(struct place) == PLACE, "one layout");
_Static_assert(sizeof(struct table) == HEAD + PLACES * PLACE, "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

static const struct state_file_layout	layout = {
	.magic = { 'q', 't', 'o', 'a', 'f', 'a', 'i', 'l' }, .version = 1,
	.head = sizeof(struct head),
};

/*
 * Which failures share a place: those of one peer, of all peers of an account, or of all accounts.
 * Each scope has places of its own, so a flood of the first cannot take those of the others.
 */
enum scope { ONE_PEER, ALL_PEERS, ALL_ACCOUNTS, SCOPES };

static const struct {
	size_t	 from, to;
} places[SCOPES] = {
	[ONE_PEER]	= { 0, 192 },
	[ALL_PEERS]	= { 192, 240 },
	[ALL_ACCOUNTS]	= { 240, PLACES },
};

/* A failure, and the hash of its place in each scope. */
struct search {
	struct slice	 text[TEXTS];
	enum log_level	 level;
	uint64_t	 hash[SCOPES];
	int64_t		 now_ms;
};

struct log_ratelimit {
	uint64_t			 lines_max;	/* of one failure in a minute */
	struct locks			*locks;
	char				 path[STATE_FILE_PATH];
	pthread_rwlock_t		 lock;	/* read: to count; write: to change the next two */
	struct state_file		 file;
	struct table			*own;	/* used while the file is not mapped */
	struct state_file_trouble	 trouble;
	_Atomic int64_t			 due_ms;	/* monotonic; log_due() looks again then */
};

static struct table *
table_of(struct log_ratelimit *f)
{
	return f->file.map != NULL ? f->file.map : f->own;
}

/*
 * Places.
 */

static bool
is_taken(const struct table *t, size_t i)
{
	const uint64_t	 hash = t->index[i];

	return hash != 0 && t->place[i].hash == hash;
}

static struct place *
find_place(struct table *t, enum scope scope, uint64_t hash)
{
	size_t	 i;

	for (i = places[scope].from; i < places[scope].to; i++)
		if (t->index[i] == hash && t->place[i].hash == hash)
			return &t->place[i];
	return NULL;
}

static void
write_text(struct place *p, enum text which, struct slice s)
{
	uint64_t	 words[WORDS] = { 0 };
	size_t		 i;

	if (s.len != 0)
		memcpy(words, s.p, s.len < LOG_RATELIMIT_TEXT ? s.len : LOG_RATELIMIT_TEXT - 1);
	for (i = 0; i < WORDS; i++)
		p->text[which][i] = words[i];
}

static void
read_text(char text[LOG_RATELIMIT_TEXT], const struct place *p, enum text which)
{
	uint64_t	 word;
	size_t		 i;

	for (i = 0; i < WORDS; i++) {
		word = p->text[which][i];
		memcpy(text + 8 * i, &word, 8);
	}
	text[LOG_RATELIMIT_TEXT - 1] = '\0';
}

static enum log_level
level_of(const struct place *p)
{
	const uint64_t	 level = p->level;

	return level < LEVEL__MAX ? (enum log_level)level : LEVEL_ERROR;
}

/* A NUL after each text keeps them apart.  Only the last one, the peer, may hold a NUL itself. */
static uint64_t
hash_text(uint64_t h, struct slice s)
{
	return hash_add(hash_add(h, s.p, s.len), "", 1);
}

static void
prepare_search(struct search *s, const struct log_ratelimit_failure *x)
{
	static const enum text	 order[TEXTS] = { WHAT, ERROR, REASON, ACCOUNT, PEER };
	const char		 level = (char)x->level;
	unsigned char		 scope = SCOPES + 2;	/* a scope's hash takes three texts */
	uint64_t		 h = hash_text(HASH_EMPTY, (struct slice){ &level, 1 });
	size_t			 i;

	*s = (struct search){
		.text = {
			[WHAT] = slice_of(x->what), [ACCOUNT] = slice_of(x->account),
			[ERROR] = slice_of(x->error), [REASON] = slice_of(x->reason),
			[PEER] = x->peer,
		},
		.level = x->level, .now_ms = clock_wall_ms(),
	};
	for (i = 0; i < TEXTS; i++) {
		h = hash_text(h, s->text[order[i]]);
		if (--scope < SCOPES)
			s->hash[scope] = hash_add(h, &scope, 1);
		if (scope < SCOPES && s->hash[scope] == 0)	/* 0 says that a place is free */
			s->hash[scope] = 1;
	}
}

/* Whether a place's minute is over.  A minute of the future is that of a clock that was set. */
static bool
is_over(uint64_t minute, int64_t now_ms)
{
	const int64_t	 age_s = now_ms / 1000 - (int64_t)(minute >> 32);

	return age_s >= MINUTE_S || age_s <= -MINUTE_S;
}

/* How long a place had no failure.  A time far in the future is that of a clock that was set. */
static int64_t
silence_ms(const struct place *p, int64_t now_ms)
{
	const int64_t	 ms = now_ms - p->last;

	return ms > -MINUTE_S * 1000 ? ms : INT64_MAX - 1;
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
log_repeats(struct place *p)
{
	static const char *const	 keys[TEXTS] = {
		"line", "account", "error", "reason", "peer",
	};
	const uint64_t			 hash = p->hash;
	const enum log_level		 level = level_of(p);
	char				 text[TEXTS][LOG_RATELIMIT_TEXT];
	struct logline			 l;
	int64_t				 first_ms, last_ms;
	uint64_t			 n;
	int				 i;

	if (p->unsaid == 0 || hash == 0)
		return;
	for (i = 0; i < TEXTS; i++)
		read_text(text[i], p, (enum text)i);
	if (p->hash != hash || (n = atomic_exchange(&p->unsaid, 0)) == 0)
		return;
	last_ms = p->unsaid_last;
	first_ms = atomic_exchange(&p->unsaid_first, 0);
	log_begin(&l, level, "repeated");
	for (i = 0; i < TEXTS; i++)
		if (*text[i] != '\0')
			log_str(&l, keys[i], text[i]);
	log_int(&l, "count", (int64_t)n);
	log_time(&l, "first", first_ms != 0 && first_ms < last_ms ? first_ms : last_ms);
	log_time(&l, "last", last_ms);
	if (*hint_of(text[ERROR]) != '\0')
		log_str(&l, "hint", hint_of(text[ERROR]));
	log_end(&l);
}

/* Logs the repeats of all places, or only of those whose minute is over. */
static void
log_table(struct table *t, bool all)
{
	const int64_t	 now_ms = clock_wall_ms();
	size_t		 i;

	for (i = 0; i < PLACES; i++)
		if (t->place[i].unsaid != 0 && is_taken(t, i) &&
		    (all || is_over(t->place[i].minute, now_ms)))
			log_repeats(&t->place[i]);
}

/*
 * Taking a place.  The caller holds the lock "failures" (state/lock.h).
 */

/*
 * Finds a free place, or else the one without a failure for longest, at least a minute.  PLACES:
 * there is no such place, or so many peers have failed alike that further ones share a place.
 */
static size_t
find_room(const struct table *t, const struct search *s, enum scope scope)
{
	int64_t	 ms, longest_ms = MINUTE_S * 1000 - 1;
	size_t	 i, found = PLACES, peers = 0;

	for (i = places[scope].from; i < places[scope].to; i++) {
		ms = is_taken(t, i) ? silence_ms(&t->place[i], s->now_ms) : INT64_MAX;
		peers += ms < MINUTE_S * 1000 && t->place[i].group == s->hash[ALL_PEERS];
		if (ms > longest_ms) {
			longest_ms = ms;
			found = i;
		}
	}
	return scope == ONE_PEER && s->text[PEER].len != 0 && peers >= LOG_RATELIMIT_PEERS ?
	    PLACES : found;
}

/* Gives place i to the failure.  If the process dies in here, the place is free. */
static struct place *
take_place(struct table *t, size_t i, const struct search *s, enum scope scope)
{
	static const struct slice	 many = { "*", 1 };
	struct place			*p = &t->place[i];
	int				 k;

	if (is_taken(t, i))
		log_repeats(p);
	t->index[i] = 0;
	p->hash = 0;
	p->group = s->hash[ALL_PEERS];
	p->level = s->level;
	p->minute = p->unsaid = p->count = 0;
	p->unsaid_first = 0;
	p->first = p->last = s->now_ms;
	for (k = 0; k < TEXTS; k++)
		write_text(p, (enum text)k,
		    (k == ACCOUNT && scope == ALL_ACCOUNTS) ||
		    (k == PEER && scope != ONE_PEER && s->text[PEER].len != 0) ? many : s->text[k]);
	p->hash = s->hash[scope];
	t->index[i] = s->hash[scope];
	return p;
}

/*
 * Finds the failure's place in one scope or another.  take: takes one if it has none; else it leaves
 * a place that is shared and whose minute is over, since there may be room for its own again.
 */
static struct place *
find_or_take(struct table *t, const struct search *s, enum scope *scope, bool take)
{
	struct place	*p;
	size_t		 i;

	for (*scope = ONE_PEER; *scope < SCOPES; (*scope)++) {
		p = find_place(t, *scope, s->hash[*scope]);
		if (p != NULL && (take || *scope == ONE_PEER || !is_over(p->minute, s->now_ms)))
			return p;
		if (take && (i = find_room(t, s, *scope)) != PLACES)
			return take_place(t, i, s, *scope);
	}
	return NULL;
}

/* The place where a failure is counted, alone or with others (*scope).  NULL: no room is left. */
static struct place *
place_of(struct log_ratelimit *f, const struct search *s, enum scope *scope)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	struct place	*p;

	if ((p = find_or_take(table_of(f), s, scope, false)) != NULL)
		return p;
	lock_name(key, "failures", "");
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return NULL;
	p = find_or_take(table_of(f), s, scope, true);
	lock_release(f->locks, &lock, false);
	return p;
}

/*
 * Counting.
 */

/* Counts a line in the place's minute or begins the next one.  False: it has all its lines. */
static bool
may_write(struct place *p, const struct search *s, uint64_t hash, uint64_t lines_max)
{
	const uint64_t	 begins = (uint64_t)(s->now_ms / 1000) << 32 | 1;
	uint64_t	 minute = p->minute;
	bool		 over;

	do {
		if (p->hash != hash)	/* another failure has the place now */
			return true;
		over = is_over(minute, s->now_ms);
		if (!over && (minute & UINT32_MAX) >= lines_max)
			return false;
	} while (!atomic_compare_exchange_weak(&p->minute, &minute, over ? begins : minute + 1));
	if (over)
		log_repeats(p);
	return true;
}

/* Counts the failure.  False: its line is not to be written. */
static bool
count_failure(struct log_ratelimit *f, const struct search *s)
{
	int64_t		 no_time = 0;
	struct place	*p;
	enum scope	 scope;

	if ((p = place_of(f, s, &scope)) == NULL)
		return true;
	if (silence_ms(p, s->now_ms) > DAY_MS) {
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
write_path(char path[STATE_FILE_PATH], const char *dir)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/qtoa.failures", dir);
}

static enum state_file_is
open_table(struct state_file *f, const char *path, int flags)
{
	static const struct head	 zeros;
	struct head			 h;
	enum state_file_is		 is = state_file_open(f, path, flags, &h, &layout);

	if (is == STATE_FILE_EMPTY)
		return memcmp(&h, &zeros, sizeof(h)) == 0 ? is : STATE_FILE_OTHER;
	if (is == STATE_FILE_SOUND && (h.places != PLACES || h.head != HEAD || h.place != PLACE ||
	    f->st.st_size < (off_t)sizeof(struct table)))
		return STATE_FILE_OTHER;
	return is;
}

/* Gives an empty file its head.  If the process dies in here, the file is still an empty one. */
static bool
write_head(struct state_file *f)
{
	struct head	 h = {
		.version = layout.version, .places = PLACES, .head = HEAD, .place = PLACE,
	};

	memcpy(h.magic, layout.magic, sizeof(h.magic));
	return state_file_reserve(f, sizeof(struct table)) &&
	    pwrite(f->fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h);
}

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
	enum state_file_is	 is = open_table(&new, f->path, O_RDWR | flags);

	if (is == STATE_FILE_EMPTY && flags != 0)
		is = write_head(&new) ? STATE_FILE_SOUND : STATE_FILE_UNREADABLE;
	if (is == STATE_FILE_SOUND && (!state_file_reserve(&new, sizeof(struct table)) ||
	    !state_file_map(&f->file, &new, sizeof(struct table))))
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
	return f->file.map == NULL && state_file_may_try(&f->trouble);
}

/* Maps the file.  If that fails (the disk is full, say), this process gets a table of its own. */
static void
prepare_table(struct log_ratelimit *f)
{
	const char	*why = NULL;

	(void)pthread_rwlock_wrlock(&f->lock);
	if (wants_file(f)) {
		if (map_table(f, 0) != STATE_FILE_SOUND)
			why = make_and_map(f);
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
	write_path(f->path, c->set.state_dir);
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
	struct search	 s;
	bool		 write = true;

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
	if (f->file.map != NULL && !file_is_at(f->path, &f->file.st)) {
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
 * Reading.  The file is not mapped for it: an error of the disk must not kill the process.
 */

/* Reads the index last: a place that changes meanwhile is not in it any more. */
static enum error
read_table(struct table *t, const char *dir)
{
	struct state_file	 f = { .fd = -1 };
	char			 path[STATE_FILE_PATH];
	enum state_file_is	 is;
	bool			 ok;

	write_path(path, dir);
	is = open_table(&f, path, O_RDONLY);
	ok = is == STATE_FILE_SOUND ?
	    pread(f.fd, t->place, sizeof(t->place), HEAD) == (ssize_t)sizeof(t->place) &&
	    pread(f.fd, t->index, sizeof(t->index), sizeof(t->head)) == (ssize_t)sizeof(t->index) :
	    is != STATE_FILE_UNREADABLE;
	state_file_close(&f);
	return ok ? ERR_OK : ERR_STORE;
}

static void
read_entry(struct log_ratelimit_entry *e, const struct place *p)
{
	char *const	 text[TEXTS] = { e->what, e->account, e->error, e->reason, e->peer };
	char		*c;
	int		 i;

	e->level = level_of(p);
	e->count = p->count;
	e->first_ms = p->first;
	e->last_ms = p->last;
	for (i = 0; i < TEXTS; i++) {
		read_text(text[i], p, (enum text)i);
		for (c = text[i]; *c != '\0'; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
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
	struct table			*t = calloc(1, sizeof(*t));
	struct log_ratelimit_entry	*e = calloc(PLACES, sizeof(*e));
	enum error			 er;
	size_t				 i, n = 0;

	er = t == NULL || e == NULL ? ERR_NOMEM : read_table(t, dir);
	for (i = 0; er == ERR_OK && i < PLACES; i++)
		if (is_taken(t, i))
			read_entry(&e[n++], &t->place[i]);
	if (n != 0)
		qsort(e, n, sizeof(*e), compare_ages);
	for (i = 0; i < n; i++)
		fn(ctx, &e[i]);
	free(t);
	free(e);
	return er;
}
