#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/log_ratelimit.h"

enum {
	VERSION		= 1,
	PLACES		= 256,
	HEAD		= 4096,
	PLACE		= 512,		/* a sector: a power cut leaves it whole or as it was */
	WORDS		= LOG_RATELIMIT_TEXT / 8,
	MINUTE_S	= 60,
	DAY_MS		= 86400000,
	PATIENCE_MS	= 20,		/* with others who look for a place */
	RETRY_MS	= 1000,		/* between two tries to have the file */
	DUE_MS		= 1000,		/* between two looks at what is due */
	FILE_NAME	= 1100
};

static const char	 magic[8] = "qtoafail";

/* See state/log_ratelimit.h. */
struct message {
	char		 magic[8];
	uint32_t	 version, places, head, place;
	char		 zero[40];
};

enum text { WHAT, ACCOUNT, ERROR, REASON, PEER, TEXTS };

struct place {
	_Atomic uint64_t	 hash;		/* written last; it says that the rest is so */
	_Atomic uint64_t	 kin;
	_Atomic uint64_t	 level;
	_Atomic uint64_t	 minute;
	_Atomic uint64_t	 unsaid;
	_Atomic int64_t		 unsaid_first, unsaid_last;
	_Atomic uint64_t	 count;
	_Atomic int64_t		 first, last;
	_Atomic uint64_t	 text[TEXTS][WORDS];
	_Atomic uint64_t	 spare[9];
};

struct image {
	struct message		 head;
	_Atomic uint64_t	 index[PLACES];	/* in few cache lines, since all are looked at */
	char			 zero[HEAD - sizeof(struct message) - 8 * PLACES];
	struct place		 place[PLACES];
};

_Static_assert(sizeof(struct message) == 64, "the index follows");
_Static_assert(sizeof(struct place) == PLACE, "one layout");
_Static_assert(sizeof(struct image) == HEAD + PLACES * PLACE, "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

/*
 * By what a failure finds its place: all of it, all but the peer, or neither peer nor account.
 * Each has places of its own, so that what is many cannot take those where it is to be summed.
 */
enum rung { EACH, ALL_PEERS, ALL_ACCOUNTS, RUNGS };

static const struct {
	size_t	 from, to;
} places[RUNGS] = {
	[EACH]		= { 0, 192 },
	[ALL_PEERS]	= { 192, 240 },
	[ALL_ACCOUNTS]	= { 240, PLACES },
};

/* A failure, and how it is looked for. */
struct sought {
	struct slice	 text[TEXTS];
	enum log_level	 level;
	uint64_t	 hash[RUNGS];
	int64_t		 now_ms;
};

struct log_ratelimit {
	const struct conf	*conf;
	struct locks		*locks;
	pthread_rwlock_t	 lock;		/* who counts reads, who maps writes */
	struct image		*image;		/* NULL: none yet */
	bool			 own;		/* it is of this process alone */
	struct stat		 st;		/* of the file, if it is not */
	_Atomic int64_t		 retry_ms;	/* monotonic, as the next */
	_Atomic int64_t		 due_ms;
	bool			 in_trouble;	/* and it has been said */
};

/*
 * Places.  One may go to another failure while it is read: the hash, taken away first and written
 * last, tells afterwards whether it has.  Hence what acquires and releases here.
 */

static uint64_t
get(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void
set(_Atomic uint64_t *n, uint64_t value)
{
	atomic_store_explicit(n, value, memory_order_release);
}

static void
put_text(struct place *p, enum text which, struct slice s)
{
	uint64_t	 words[WORDS] = { 0 };
	size_t		 i;

	if (s.len != 0)
		memcpy(words, s.p, s.len < LOG_RATELIMIT_TEXT ? s.len : LOG_RATELIMIT_TEXT - 1);
	for (i = 0; i < WORDS; i++)
		set(&p->text[which][i], words[i]);
}

static void
get_text(char text[LOG_RATELIMIT_TEXT], const struct place *p, enum text which)
{
	uint64_t	 words[WORDS];
	size_t		 i;

	for (i = 0; i < WORDS; i++)
		words[i] = atomic_load_explicit(&p->text[which][i], memory_order_acquire);
	memcpy(text, words, LOG_RATELIMIT_TEXT);
	text[LOG_RATELIMIT_TEXT - 1] = '\0';
}

static enum log_level
get_level(const struct place *p)
{
	const uint64_t	 level = get(&p->level);

	return level < LEVEL__MAX ? (enum log_level)level : LEVEL_ERROR;
}

static bool
is_taken(const struct image *m, size_t i)
{
	const uint64_t	 hash = get(&m->index[i]);

	return hash != 0 &&
	    atomic_load_explicit(&m->place[i].hash, memory_order_acquire) == hash;
}

static struct place *
find(struct image *m, enum rung r, uint64_t hash)
{
	size_t	 i;

	for (i = places[r].from; i < places[r].to; i++)
		if (get(&m->index[i]) == hash && is_taken(m, i))
			return &m->place[i];
	return NULL;
}

/* FNV-1a; each text ends with a NUL, which none but the last, the peer, may hold. */
static uint64_t
mix(uint64_t h, struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h * UINT64_C(1099511628211);
}

/* Of the rung, too, and never 0. */
static uint64_t
finish(uint64_t h, enum rung r)
{
	h = (h ^ (unsigned)r) * UINT64_C(1099511628211);
	return h != 0 ? h : 1;
}

static void
seek(struct sought *s, const struct log_ratelimit_failure *x)
{
	uint64_t	 h = UINT64_C(14695981039346656037);
	const char	 level = (char)x->level;

	s->text[WHAT] = slice_of(x->what);
	s->text[ACCOUNT] = slice_of(x->account);
	s->text[ERROR] = slice_of(x->error);
	s->text[REASON] = slice_of(x->reason);
	s->text[PEER] = x->peer;
	s->level = x->level;
	s->now_ms = clock_wall_ms();
	h = mix(h, (struct slice){ &level, 1 });
	h = mix(mix(mix(h, s->text[WHAT]), s->text[ERROR]), s->text[REASON]);
	s->hash[ALL_ACCOUNTS] = finish(h, ALL_ACCOUNTS);
	h = mix(h, s->text[ACCOUNT]);
	s->hash[ALL_PEERS] = finish(h, ALL_PEERS);
	s->hash[EACH] = finish(mix(h, s->text[PEER]), EACH);
}

/*
 * Saying.
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

static void
write_sum(char text[TEXTS][LOG_RATELIMIT_TEXT], enum log_level level, uint64_t n, int64_t first_ms,
    int64_t last_ms)
{
	static const char *const	 keys[TEXTS] = { "line", "account", "error", "reason", "peer" };
	struct logline			 l;
	const char			*hint = hint_of(text[ERROR]);
	int				 i;

	log_begin(&l, level, "repeated");
	for (i = 0; i < TEXTS; i++)
		if (*text[i] != '\0')
			log_str(&l, keys[i], text[i]);
	log_int(&l, "count", (int64_t)n);
	log_time(&l, "first", first_ms != 0 && first_ms < last_ms ? first_ms : last_ms);
	log_time(&l, "last", last_ms);
	if (*hint != '\0')
		log_str(&l, "hint", hint);
	log_end(&l);
}

/* Says what there is to say.  Who has taken the number says it, so it is said once. */
static void
say(struct place *p)
{
	const uint64_t	 hash = get(&p->hash);
	char		 text[TEXTS][LOG_RATELIMIT_TEXT];
	enum log_level	 level;
	uint64_t	 n;
	int64_t		 first_ms, last_ms;
	int		 i;

	if (get(&p->unsaid) == 0 || hash == 0)
		return;
	level = get_level(p);
	for (i = 0; i < TEXTS; i++)
		get_text(text[i], p, (enum text)i);
	if (get(&p->hash) != hash || (n = atomic_exchange(&p->unsaid, 0)) == 0)
		return;
	last_ms = atomic_load(&p->unsaid_last);
	first_ms = atomic_exchange(&p->unsaid_first, 0);
	write_sum(text, level, n, first_ms, last_ms);
}

/* Whether the minute has passed.  Clocks of threads differ a little, and one may be set. */
static bool
is_over(uint64_t minute, int64_t now_ms)
{
	const int64_t	 age_s = now_ms / 1000 - (int64_t)(minute >> 32);

	return age_s >= MINUTE_S || age_s <= -MINUTE_S;
}

static void
say_all(struct image *m, bool due_or_not)
{
	const int64_t	 now_ms = clock_wall_ms();
	struct place	*p;

	for (p = m->place; p != m->place + PLACES; p++)
		if (get(&p->unsaid) != 0 && is_taken(m, (size_t)(p - m->place)) &&
		    (due_or_not || is_over(get(&p->minute), now_ms)))
			say(p);
}

/*
 * Taking a place.  Who does it has the claim.
 */

/* How long it has not been seen; a time to come is that of a clock which was set. */
static int64_t
silence_ms(const struct place *p, int64_t now_ms)
{
	const int64_t	 ms = now_ms - atomic_load_explicit(&p->last, memory_order_relaxed);

	return ms > -MINUTE_S * 1000 ? ms : INT64_MAX;
}

/* Many peers have failed so within a minute. */
static bool
is_crowd(const struct image *m, const struct sought *s)
{
	size_t	 i;
	int	 n = 0;

	for (i = places[EACH].from; i < places[EACH].to; i++)
		n += is_taken(m, i) && get(&m->place[i].kin) == s->hash[ALL_PEERS] &&
		    silence_ms(&m->place[i], s->now_ms) < MINUTE_S * 1000;
	return n >= LOG_RATELIMIT_PEERS;
}

/* One that is free, or the longest silent of those that may go; PLACES: there is none. */
static size_t
find_room(const struct image *m, enum rung r, int64_t now_ms)
{
	int64_t	 ms, longest_ms = MINUTE_S * 1000 - 1;
	size_t	 i, found = PLACES;

	for (i = places[r].from; i < places[r].to; i++) {
		if (!is_taken(m, i))
			return i;
		if ((ms = silence_ms(&m->place[i], now_ms)) > longest_ms) {
			longest_ms = ms;
			found = i;
		}
	}
	return found;
}

/* Who dies within leaves a place that is free. */
static struct place *
take(struct image *m, size_t i, const struct sought *s, enum rung r)
{
	static const struct slice	 all = { "*", 1 }, empty = { "", 0 };
	struct place			*p = &m->place[i];

	if (is_taken(m, i))
		say(p);
	set(&m->index[i], 0);
	set(&p->hash, 0);
	set(&p->kin, s->hash[ALL_PEERS]);
	set(&p->level, s->level);
	set(&p->minute, 0);
	set(&p->unsaid, 0);
	atomic_store(&p->unsaid_first, 0);
	set(&p->count, 0);
	atomic_store(&p->first, s->now_ms);
	atomic_store(&p->last, s->now_ms);
	put_text(p, WHAT, s->text[WHAT]);
	put_text(p, ERROR, s->text[ERROR]);
	put_text(p, REASON, s->text[REASON]);
	put_text(p, ACCOUNT, r < ALL_ACCOUNTS ? s->text[ACCOUNT] : all);
	put_text(p, PEER, r == EACH ? s->text[PEER] : s->text[PEER].len != 0 ? all : empty);
	atomic_store(&p->hash, s->hash[r]);
	atomic_store(&m->index[i], s->hash[r]);
	return p;
}

/* Its place, where there is none yet; NULL: there is none to be had. */
static struct place *
make_place(struct image *m, const struct sought *s, enum rung *r)
{
	struct place	*p;
	size_t		 i;

	for (*r = EACH; *r < RUNGS; (*r)++) {
		if ((p = find(m, *r, s->hash[*r])) != NULL)
			return p;
		if (*r == EACH && s->text[PEER].len != 0 && is_crowd(m, s))
			continue;
		if ((i = find_room(m, *r, s->now_ms)) != PLACES)
			return take(m, i, s, *r);
	}
	return NULL;
}

/* Where it is counted, alone or with others.  *r: on which rung.  NULL: nowhere. */
static struct place *
place_of(struct log_ratelimit *f, const struct sought *s, enum rung *r)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 claim;
	struct place	*p;

	/* With others as long as their minute lasts, then it may have room of its own again. */
	for (*r = EACH; *r < RUNGS; (*r)++)
		if ((p = find(f->image, *r, s->hash[*r])) != NULL &&
		    (*r == EACH || !is_over(get(&p->minute), s->now_ms)))
			return p;
	lock_name(key, "failures", "");
	if (lock_take(f->locks, &claim, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return NULL;
	p = make_place(f->image, s, r);
	lock_release(f->locks, &claim, false);
	return p;
}

/*
 * Counting.
 */

/* One more in a minute that has begun already, or the first of the next; false: not written. */
static bool
may_write(struct log_ratelimit *f, struct place *p, const struct sought *s, uint64_t hash)
{
	const uint64_t	 most = (uint64_t)f->conf->set.log_flood;
	const uint64_t	 begins = (uint64_t)(s->now_ms / 1000) << 32 | 1;
	uint64_t	 minute = get(&p->minute);
	bool		 over;

	do {
		/* Its place may have gone to another: then it is as if it had none. */
		if (get(&p->hash) != hash)
			return true;
		over = is_over(minute, s->now_ms);
		if (!over && (minute & UINT32_MAX) >= most)
			return false;
	} while (!atomic_compare_exchange_weak(&p->minute, &minute, over ? begins : minute + 1));
	if (over)
		say(p);
	return true;
}

static void
count_unsaid(struct place *p, int64_t now_ms)
{
	int64_t	 none = 0;

	atomic_store_explicit(&p->unsaid_last, now_ms, memory_order_relaxed);
	(void)atomic_fetch_add(&p->unsaid, 1);
	if (atomic_load_explicit(&p->unsaid_first, memory_order_relaxed) == 0)
		(void)atomic_compare_exchange_strong(&p->unsaid_first, &none, now_ms);
}

/* False: its line is not to be written, it has been counted. */
static bool
count(struct log_ratelimit *f, const struct sought *s)
{
	struct place	*p;
	enum rung	 r;
	bool		 write;

	if ((p = place_of(f, s, &r)) == NULL)
		return true;
	if (silence_ms(p, s->now_ms) > DAY_MS) {
		set(&p->count, 0);
		atomic_store(&p->first, s->now_ms);
	}
	atomic_store_explicit(&p->last, s->now_ms, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&p->count, 1, memory_order_relaxed);
	if (!(write = may_write(f, p, s, s->hash[r])))
		count_unsaid(p, s->now_ms);
	return write;
}

/*
 * The file.
 */

enum condition { SOUND, NOTHING, OTHER, LATER, UNREADABLE };

static enum condition
read_head(int fd, struct stat *st)
{
	static const struct message	 nothing;
	struct message			 h = { .version = 0 };
	ssize_t				 n;

	if (fstat(fd, st) == -1 || (n = pread(fd, &h, sizeof(h), 0)) == -1)
		return UNREADABLE;
	/* A power cut may leave a file whose bytes were not written. */
	if (memcmp(&h, &nothing, sizeof(h)) == 0)
		return NOTHING;
	if (n != (ssize_t)sizeof(h) || memcmp(h.magic, magic, sizeof(magic)) != 0)
		return OTHER;
	if (h.version > VERSION)
		return LATER;
	return h.version == VERSION && h.places == PLACES && h.head == HEAD && h.place == PLACE &&
	    st->st_size >= (off_t)sizeof(struct image) ? SOUND : OTHER;
}

/* All of it is on disk.  A copy may have holes, which blocks tell. */
static bool
reserve(int fd, struct stat *st)
{
	const off_t	 len = (off_t)sizeof(struct image);
	int		 rc;

	if (st->st_size >= len && (off_t)st->st_blocks * 512 >= len)
		return true;
	if ((rc = posix_fallocate(fd, 0, len)) != 0)
		errno = rc;
	return rc == 0 && fstat(fd, st) == 0;
}

static void
name_of(char name[FILE_NAME], const char *dir)
{
	(void)snprintf(name, FILE_NAME, "%s/qtoa.failures", dir);
}

/* Made under another name, so that nobody meets half of one. */
static bool
make_file(const char *name)
{
	const struct message	 h = {
		.magic = { 'q', 't', 'o', 'a', 'f', 'a', 'i', 'l' }, .version = VERSION,
		.places = PLACES, .head = HEAD, .place = PLACE,
	};
	char			 new[FILE_NAME + 8];
	struct stat		 st = { .st_size = 0 };
	bool			 ok;
	int			 fd;

	(void)snprintf(new, sizeof(new), "%s.new", name);
	(void)unlink(new);	/* of one who died here */
	if ((fd = open(new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return false;
	ok = reserve(fd, &st) && pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	    rename(new, name) == 0;
	if (!ok)
		(void)unlink(new);
	(void)close(fd);
	return ok;
}

static bool
set_aside(const char *name)
{
	char	 to[FILE_NAME + 40];

	(void)snprintf(to, sizeof(to), "%s.foreign-%lld", name, (long long)clock_wall_ms());
	if (rename(name, to) == -1)
		return false;
	log_msg(LEVEL_WARNING, "flood", "%s is not of this program's layout: it is set aside as "
	    "%s, a new one is begun", name, to);
	return true;
}

/*
 * What is in a file others will say.  Who does this and what follows has the lock, for writing.
 */
static void
drop_image(struct log_ratelimit *f)
{
	if (f->own) {
		say_all(f->image, true);
		free(f->image);
	} else if (f->image != NULL)
		(void)munmap(f->image, sizeof(*f->image));
	f->image = NULL;
	f->own = false;
}

static bool
map(struct log_ratelimit *f, int fd, const struct stat *st)
{
	void	*p;

	if ((p = mmap(NULL, sizeof(struct image), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) ==
	    MAP_FAILED)
		return false;
	drop_image(f);
	f->image = p;
	f->st = *st;
	return true;
}

/* If it is sound it is mapped; *is_mapped: it has been. */
static enum condition
map_as_it_is(struct log_ratelimit *f, const char *name, bool *is_mapped)
{
	enum condition	 is;
	struct stat	 st;
	int		 fd, e;

	*is_mapped = false;
	if ((fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return errno == ENOENT ? NOTHING : UNREADABLE;
	if ((is = read_head(fd, &st)) == SOUND)
		*is_mapped = reserve(fd, &st) && map(f, fd, &st);
	e = errno;
	(void)close(fd);
	errno = e;
	return is;
}

/* With the claim.  NULL: mapped; else why not. */
static const char *
map_anew(struct log_ratelimit *f, const char *name)
{
	bool	 ok = true, is_mapped;

	switch (map_as_it_is(f, name, &is_mapped)) {
	case SOUND:
		return is_mapped ? NULL : strerror(errno);
	case LATER:
		return "a later qtoa's";
	case UNREADABLE:
		return strerror(errno);
	case OTHER:
		ok = set_aside(name);
		break;
	case NOTHING:
		break;
	}
	if (!ok || !make_file(name))
		return strerror(errno);
	(void)map_as_it_is(f, name, &is_mapped);
	return is_mapped ? NULL : strerror(errno);
}

static const char *
map_with_claim(struct log_ratelimit *f, const char *name)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 claim;
	const char	*why;

	/* This makes the directory, too. */
	lock_name(key, "failures", "");
	if (lock_take(f->locks, &claim, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return "another process has it in hand all the time";
	why = map_anew(f, name);
	lock_release(f->locks, &claim, false);
	return why;
}

/* Said once when it begins, and when it is over. */
static void
heed(struct log_ratelimit *f, const char *name, const char *why)
{
	if (why != NULL && !f->in_trouble)
		log_msg(LEVEL_WARNING, "flood", "%s: %s: each process sums up what it sees itself "
		    "until this is mended; look at the owner, permissions and free space of %s",
		    name, why, f->conf->set.state_dir);
	else if (why == NULL && f->in_trouble)
		log_msg(LEVEL_NOTICE, "flood", "%s works again", name);
	f->in_trouble = why != NULL;
	atomic_store(&f->retry_ms, why == NULL ? 0 : clock_mono_ms() + RETRY_MS);
}

/* The file is not mapped, and may be tried. */
static bool
wants_file(const struct log_ratelimit *f)
{
	return (f->image == NULL || f->own) && clock_mono_ms() >= atomic_load(&f->retry_ms);
}

/* The file, or if it cannot be had a table of our own: when the disk is full most fails. */
static void
make_ready(struct log_ratelimit *f)
{
	char		 name[FILE_NAME];
	const char	*why = NULL;
	bool		 is_mapped;

	(void)pthread_rwlock_wrlock(&f->lock);
	if (wants_file(f)) {
		name_of(name, f->conf->set.state_dir);
		if (map_as_it_is(f, name, &is_mapped) != SOUND || !is_mapped)
			why = map_with_claim(f, name);
		if (f->image == NULL && (f->image = calloc(1, sizeof(*f->image))) != NULL)
			f->own = true;
		heed(f, name, why);
	}
	(void)pthread_rwlock_unlock(&f->lock);
}

/* True: there is an image, and the lock with it. */
static bool
hold(struct log_ratelimit *f)
{
	(void)pthread_rwlock_rdlock(&f->lock);
	if (wants_file(f)) {
		(void)pthread_rwlock_unlock(&f->lock);
		make_ready(f);
		(void)pthread_rwlock_rdlock(&f->lock);
	}
	if (f->image != NULL)
		return true;
	(void)pthread_rwlock_unlock(&f->lock);
	return false;
}

struct log_ratelimit *
log_ratelimit_new(const struct conf *c, struct locks *cs)
{
	struct log_ratelimit	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->conf = c;
	f->locks = cs;
	(void)pthread_rwlock_init(&f->lock, NULL);
	return f;
}

void
log_ratelimit_free(struct log_ratelimit *f)
{
	if (f == NULL)
		return;
	drop_image(f);
	(void)pthread_rwlock_destroy(&f->lock);
	free(f);
}

/* One thread now and then: where nobody calls log_ratelimit_housekeep() others hear of it here. */
static void
say_due(struct log_ratelimit *f)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 due_ms = atomic_load_explicit(&f->due_ms, memory_order_relaxed);

	if (now_ms >= due_ms &&
	    atomic_compare_exchange_strong(&f->due_ms, &due_ms, now_ms + DUE_MS))
		say_all(f->image, false);
}

void
log_ratelimit_end(struct log_ratelimit *f, struct logline *l, const struct log_ratelimit_failure *x)
{
	struct sought	 s;
	bool		 write = true;

	if (f != NULL && hold(f)) {
		seek(&s, x);
		say_due(f);
		write = count(f, &s);
		(void)pthread_rwlock_unlock(&f->lock);
	}
	if (write && l != NULL)
		log_end(l);
}

/* The file has been removed: what it has is said, by whoever comes first. */
static void
leave_gone(struct log_ratelimit *f, const char *name)
{
	struct stat	 st;

	if (f->image == NULL || f->own || (stat(name, &st) == 0 && st.st_dev == f->st.st_dev &&
	    st.st_ino == f->st.st_ino))
		return;
	say_all(f->image, true);
	drop_image(f);
}

/* What others have counted, and did not live to say, is in a file that is there already. */
void
log_ratelimit_housekeep(struct log_ratelimit *f, bool last)
{
	char	 name[FILE_NAME];
	bool	 is_mapped;

	if (f == NULL)
		return;
	name_of(name, f->conf->set.state_dir);
	(void)pthread_rwlock_wrlock(&f->lock);
	leave_gone(f, name);
	if (f->image == NULL)
		(void)map_as_it_is(f, name, &is_mapped);
	(void)pthread_rwlock_unlock(&f->lock);
	(void)pthread_rwlock_rdlock(&f->lock);
	if (f->image != NULL)
		say_all(f->image, last);
	(void)pthread_rwlock_unlock(&f->lock);
}

/*
 * Reading.  Not mapped: a disk that fails is an error here, not the death of the process.
 */

/* The index comes last: what has changed meanwhile is not in it any more. */
static enum error
read_image(struct image *m, const char *dir)
{
	const size_t	 behind = sizeof(*m) - HEAD, index = sizeof(m->index);
	enum error	 er = ERR_OK;
	char		 name[FILE_NAME];
	struct stat	 st;
	int		 fd;

	name_of(name, dir);
	if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return errno == ENOENT ? ERR_OK : ERR_STORE;
	switch (read_head(fd, &st)) {
	case SOUND:
		if (pread(fd, m->place, behind, HEAD) != (ssize_t)behind ||
		    pread(fd, m->index, index, sizeof(m->head)) != (ssize_t)index)
			er = ERR_STORE;
		break;
	case UNREADABLE:
		er = ERR_STORE;
		break;
	case NOTHING:
	case OTHER:
	case LATER:
		break;
	}
	(void)close(fd);
	return er;
}

static void
get_printable(char text[LOG_RATELIMIT_TEXT], const struct place *p, enum text which)
{
	get_text(text, p, which);
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void
get_entry(struct log_ratelimit_entry *e, const struct place *p)
{
	e->level = get_level(p);
	e->count = get(&p->count);
	e->first_ms = atomic_load(&p->first);
	e->last_ms = atomic_load(&p->last);
	get_printable(e->what, p, WHAT);
	get_printable(e->account, p, ACCOUNT);
	get_printable(e->error, p, ERROR);
	get_printable(e->reason, p, REASON);
	get_printable(e->peer, p, PEER);
}

static int
by_age(const void *a, const void *b)
{
	const struct log_ratelimit_entry	*x = a, *y = b;

	return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

enum error
log_ratelimit_read(const char *dir, log_ratelimit_each *fn, void *ctx)
{
	struct image			*m = calloc(1, sizeof(*m));
	struct log_ratelimit_entry	*e = calloc(PLACES, sizeof(*e));
	enum error			 er = m == NULL || e == NULL ? ERR_NOMEM : read_image(m, dir);
	size_t				 i, n = 0;

	for (i = 0; er == ERR_OK && i < PLACES; i++)
		if (is_taken(m, i))
			get_entry(&e[n++], &m->place[i]);
	if (n != 0)
		qsort(e, n, sizeof(*e), by_age);
	for (i = 0; i < n; i++)
		fn(ctx, &e[i]);
	free(m);
	free(e);
	return er;
}
