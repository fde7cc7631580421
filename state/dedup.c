#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/number.h"
#include "state/dedup.h"
#include "state/state_file.h"

enum {
	SLOT = 16,		/* bytes: 4 time (s, little endian), 1 dedup_as, 11 digest */
	SLOTS = 32,
	BUCKET = SLOT * SLOTS,
	HEAD = 4096,		/* bytes before the first bucket */
	DIGEST = 11,
	FILES_MAX = 64,
	BITS_MIN = 13,		/* 2^13 buckets: a file of 4 MiB, which has holes at first */
	BITS_MAX = 24,
	LOCK_TRIES = 100,
	LOCK_PAUSE_NS = 50000,	/* the first pause; each further one is twice as long */
	LOCK_PAUSE_MAX_NS = 1600000,
	GONE_MS = 50,		/* between two looks whether the last file is still there */
	RETRY_MS = 1000,	/* between two tries to make a first file */
	BUCKET_MS = 100		/* the longest wait for another process that marks a key */
};

static const char	 magic[8] = "qtoaseen";
static const char	 prefix[] = "qtoa.seen-";

/* The head of a file, in the machine's own byte order. */
struct head {
	char		 magic[8];
	uint32_t	 bits;
	uint32_t	 full;		/* not 0: there is a further file */
	int64_t		 begun_s;
};

struct file {
	int		 fd;
	unsigned	 number;
	struct stat	 st;
	struct head	 head;
};

struct dedup {
	const struct settings	*set;
	struct locks		*locks;
	pthread_mutex_t		 lock;
	struct file		 files[FILES_MAX];	/* the oldest first */
	size_t			 n;
	unsigned		 last;			/* highest number, opened or not */
	int64_t			 retry_ms;		/* monotonic: make no file before */
	int64_t			 gone_ms;		/* monotonic: do not look before */
	struct state_file_trouble trouble;
	char			 pattern[STATE_FILE_PATH];	/* the files, for the log */
};

/* The slot where a key is, or may go. */
struct place {
	const struct file	*file;
	off_t			 at;
	unsigned char		 slot[SLOT];
};

struct dedup *
dedup_new(const struct settings *set, struct locks *locks)
{
	struct dedup	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->set = set;
	s->locks = locks;
	(void)snprintf(s->pattern, sizeof(s->pattern), "%s/%s*", set->state_dir, prefix);
	s->trouble = (struct state_file_trouble){
		.dir = set->state_dir, .what = "seen", .level = LEVEL_ERROR,
		.effect = "a message that WeChat repeats may be forwarded twice",
	};
	(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

static void
close_files(struct dedup *s)
{
	while (s->n != 0)
		(void)close(s->files[--s->n].fd);
}

void
dedup_free(struct dedup *s)
{
	if (s == NULL)
		return;
	close_files(s);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static int64_t
days_s(const struct dedup *s)
{
	return (int64_t)s->set->dedupe_days * CALENDAR_DAY_S;
}

/*
 * The files.
 */

static void
write_path(char path[STATE_FILE_PATH], const struct dedup *s, unsigned number)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/%s%u", s->set->state_dir, prefix, number);
}

static off_t
size_of(const struct head *h)
{
	return HEAD + ((off_t)BUCKET << h->bits);
}

enum condition { SOUND, DAMAGED, UNREADABLE };

static enum condition
read_head(struct file *f)
{
	ssize_t	 n = pread(f->fd, &f->head, sizeof(f->head), 0);

	f->head.begun_s = number_bounded(f->head.begun_s);
	if (n == -1)
		return UNREADABLE;
	return n == (ssize_t)sizeof(f->head) && memcmp(f->head.magic, magic, sizeof(magic)) == 0 &&
	    f->head.bits >= BITS_MIN && f->head.bits <= BITS_MAX ? SOUND : DAMAGED;
}

/* Keeps the files in order of their numbers; if there are too many, the youngest of them. */
static void
insert_file(struct dedup *s, const struct file *f)
{
	size_t	 i;

	if (s->n == FILES_MAX) {
		(void)close(s->files[0].fd);
		memmove(&s->files[0], &s->files[1], --s->n * sizeof(s->files[0]));
	}
	for (i = s->n; i > 0 && s->files[i - 1].number > f->number; i--)
		s->files[i] = s->files[i - 1];
	s->files[i] = *f;
	s->n++;
}

static void
open_numbered(struct dedup *s, unsigned number)
{
	struct file	 f = { .number = number };
	char		 path[STATE_FILE_PATH];
	enum condition	 is;

	write_path(path, s, number);
	f.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	is = f.fd == -1 || fstat(f.fd, &f.st) == -1 ? UNREADABLE : read_head(&f);
	if (is == SOUND && f.st.st_size < size_of(&f.head))
		is = DAMAGED;
	if (is != DAMAGED && number > s->last)
		s->last = number;
	if (is == SOUND) {
		insert_file(s, &f);
		return;
	}
	if (f.fd != -1)
		(void)close(f.fd);
	if (is == UNREADABLE)	/* it may be readable the next time */
		return;
	(void)unlink(path);
	log_msg(LEVEL_WARNING, "seen", "%s was damaged and is removed: a message that WeChat "
	    "repeats now may be forwarded twice", path);
}

/* Marks all files but the last as full: so other processes know that there is a further one. */
static bool
mark_full(struct dedup *s)
{
	struct head	*h;
	bool		 ok = true;
	size_t		 i;

	for (i = 0; i + 1 < s->n; i++) {
		h = &s->files[i].head;
		if (h->full != 0)
			continue;
		h->full = 1;
		if (pwrite(s->files[i].fd, h, sizeof(*h), 0) == (ssize_t)sizeof(*h))
			continue;
		h->full = 0;
		ok = false;
	}
	return ok;
}

/* Opens all files again.  -1: the directory cannot be read. */
static int
open_files(struct dedup *s)
{
	struct dirent	*e;
	unsigned long	 number;
	char		*end;
	DIR		*d;

	close_files(s);
	s->last = 0;
	if ((d = opendir(s->set->state_dir)) == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		number = strtoul(e->d_name + sizeof(prefix) - 1, &end, 10);
		if (*end == '\0' && number > 0 && number < UINT32_MAX)
			open_numbered(s, (unsigned)number);
	}
	(void)closedir(d);
	(void)mark_full(s);	/* the process that made a further file may have died */
	return 0;
}

/* Makes a file of holes, which take no space.  It gets its final name when it is whole. */
static int
make_file(struct dedup *s, unsigned number, uint32_t bits)
{
	struct head	 head = { .bits = bits, .begun_s = clock_wall_ms() / 1000 };
	char		 path[STATE_FILE_PATH], tmp[STATE_FILE_PATH + 8];
	int		 fd, ok;

	memcpy(head.magic, magic, sizeof(magic));
	write_path(path, s, number);
	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	if ((fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return -1;
	ok = ftruncate(fd, size_of(&head)) == 0 &&
	    pwrite(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    rename(tmp, path) == 0;
	(void)close(fd);
	if (!ok)
		(void)unlink(tmp);
	return ok ? 0 : -1;
}

/* Removes files with old marks only: the next file was begun over dedupe_days ago. */
static void
remove_old(struct dedup *s)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;
	char		 path[STATE_FILE_PATH];

	while (s->n > 1 && now_s - s->files[1].head.begun_s > days_s(s)) {
		write_path(path, s, s->files[0].number);
		(void)unlink(path);
		(void)close(s->files[0].fd);
		memmove(&s->files[0], &s->files[1], --s->n * sizeof(s->files[0]));
	}
}

/* Makes a further file, unless another process has just made one, and opens all again. */
static void
add_file(struct dedup *s)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;
	struct file	*last = s->n != 0 ? &s->files[s->n - 1] : NULL;
	const unsigned	 was = s->last;
	unsigned char	 key[LOCK_KEY];
	uint32_t	 bits = BITS_MIN;
	struct lock	 lock;

	if (last != NULL) {
		bits = last->head.bits;
		if (now_s - last->head.begun_s <= days_s(s) && bits < BITS_MAX)
			bits++;
	}
	lock_name(key, "seen", s->set->state_dir);
	if (lock_take(s->locks, &lock, key, clock_mono_ms() + RETRY_MS) != LOCK_MINE)
		return;
	if (open_files(s) == 0 && s->last == was && make_file(s, was + 1, bits) == 0) {
		(void)open_files(s);
		if (!mark_full(s))
			log_msg(LEVEL_WARNING, "seen", "%s/%s%u: %s: other processes do not know "
			    "the messages that are marked now", s->set->state_dir, prefix, was,
			    strerror(errno));
	}
	remove_old(s);
	lock_release(s->locks, &lock, false);
}

/* True: somebody has removed or replaced a file.  It looks at most once in GONE_MS. */
static bool
is_one_gone(struct dedup *s, int64_t now_ms)
{
	char	 path[STATE_FILE_PATH];
	size_t	 i;

	if (now_ms < s->gone_ms)
		return false;
	s->gone_ms = now_ms + GONE_MS;
	for (i = 0; i < s->n; i++) {
		write_path(path, s, s->files[i].number);
		if (!file_is_at(path, &s->files[i].st))
			return true;
	}
	return false;
}

/* Copies the head, and the buckets that have marks; the others stay holes. */
static bool
copy_marks(int to, const struct file *from)
{
	struct head			 head = from->head;
	static const unsigned char	 zeros[BUCKET * 8];
	unsigned char			 part[BUCKET * 8];
	off_t				 at;
	ssize_t				 n;

	if (ftruncate(to, size_of(&from->head)) == -1)
		return false;
	for (at = 0; (n = pread(from->fd, part, sizeof(part), at)) > 0; at += n)
		if (memcmp(part, zeros, (size_t)n) != 0 && pwrite(to, part, (size_t)n, at) != n)
			return false;
	head.full = 0;		/* no further file follows the copy */
	return n == 0 && pwrite(to, &head, sizeof(head), 0) == (ssize_t)sizeof(head);
}

/* Gives a file that has no name any more a number of its own.  The lock "seen" is held. */
static bool
write_again(const struct dedup *s, const struct file *f, unsigned number)
{
	char	 path[STATE_FILE_PATH], tmp[STATE_FILE_PATH + 8];
	bool	 ok;
	int	 fd;

	write_path(path, s, number);
	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	if ((fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return false;
	ok = copy_marks(fd, f) && rename(tmp, path) == 0;
	(void)close(fd);
	if (!ok)
		(void)unlink(tmp);
	log_msg(LEVEL_ERROR, "seen", "%s/%s%u was removed or replaced while it was in use: %s; "
	    "find out who does that, and stop qtoa before", s->set->state_dir, prefix, f->number,
	    ok ? "what it knows is written again" : "a message that WeChat repeats now may be "
	    "forwarded twice");
	return ok;
}

/*
 * Whether the file still has its name, or another process has written it again: then both began at
 * one time.  A file that somebody puts in its place may be an old copy.
 */
static bool
is_known(const struct dedup *now, const struct file *f)
{
	size_t	 i;

	for (i = 0; i < now->n; i++)
		if (file_is_same(&now->files[i].st, &f->st) ||
		    (now->files[i].number != f->number &&
		    now->files[i].head.begun_s == f->head.begun_s &&
		    now->files[i].head.bits == f->head.bits))
			return true;
	return false;
}

/* Whether nobody misses the file: its marks are too old, or it was damaged. */
static bool
is_dispensable(const struct dedup *s, struct file *f, const struct file *next)
{
	return read_head(f) != SOUND ||
	    (next != NULL && clock_wall_ms() / 1000 - next->head.begun_s > days_s(s));
}

/* Opens all files again; what files know that have no name any more is written again before. */
static void
save_files(struct dedup *s)
{
	struct file	 old[FILES_MAX];
	const size_t	 n = s->n;
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	bool		 locked;
	size_t		 i;

	memcpy(old, s->files, n * sizeof(old[0]));
	s->n = 0;	/* they stay open */
	(void)mkdir(s->set->state_dir, 0700);	/* if this fails, so does the next line */
	lock_name(key, "seen", s->set->state_dir);
	locked = lock_take(s->locks, &lock, key, clock_mono_ms() + RETRY_MS) == LOCK_MINE;
	(void)open_files(s);
	for (i = 0; i < n && locked; i++)
		if (!is_known(s, &old[i]) &&
		    !is_dispensable(s, &old[i], i + 1 < n ? &old[i + 1] : NULL) &&
		    write_again(s, &old[i], s->last + 1))
			(void)open_files(s);
	if (locked)
		lock_release(s->locks, &lock, false);
	for (i = 0; i < n; i++)
		(void)close(old[i].fd);
}

/* Brings the list of files up to date.  False: there is no file, and it cannot make one. */
static bool
refresh_files(struct dedup *s)
{
	const int64_t	 now_ms = clock_mono_ms();
	struct file	*last;

	if (s->n != 0) {
		last = &s->files[s->n - 1];
		if (is_one_gone(s, now_ms))
			save_files(s);
		else if (read_head(last) != SOUND || last->head.full != 0)
			(void)open_files(s);
	}
	if (s->n != 0 || now_ms < s->retry_ms)
		return s->n != 0;
	(void)open_files(s);
	if (s->n == 0) {
		(void)mkdir(s->set->state_dir, 0700);	/* if this fails, so does the next line */
		add_file(s);
	}
	if (s->n == 0)
		s->retry_ms = clock_mono_ms() + RETRY_MS;
	return s->n != 0;
}

/*
 * Slots.
 */

static off_t
bucket_at(const struct file *f, const unsigned char *key)
{
	uint32_t	 h = 0;
	int		 i;

	for (i = DEDUP_KEY - 4; i < DEDUP_KEY; i++)
		h = h << 8 | key[i];
	return HEAD + (off_t)(h & ((1U << f->head.bits) - 1)) * BUCKET;
}

static int64_t
time_of(const unsigned char *slot)
{
	return (int64_t)((uint32_t)slot[0] | (uint32_t)slot[1] << 8 | (uint32_t)slot[2] << 16 |
	    (uint32_t)slot[3] << 24);
}

static void
fill_slot(unsigned char *slot, const unsigned char *key, enum dedup_as as)
{
	uint32_t	 now_s = (uint32_t)(clock_wall_ms() / 1000);
	int		 i;

	for (i = 0; i < 4; i++)
		slot[i] = (unsigned char)(now_s >> 8 * i);
	slot[4] = (unsigned char)as;
	memcpy(slot + SLOT - DIGEST, key + DEDUP_KEY - 4 - DIGEST, DIGEST);
}

static bool
is_key(const unsigned char *slot, const unsigned char *key)
{
	return memcmp(slot + SLOT - DIGEST, key + DEDUP_KEY - 4 - DIGEST, DIGEST) == 0 &&
	    slot[4] != DEDUP_NEVER;
}

/* Finds a key's slot in any file, if its mark is not too old.  p->file NULL: there is no slot. */
static enum error
find_key(const struct dedup *s, struct place *p, const unsigned char *key)
{
	unsigned char		 bucket[BUCKET];
	const int64_t		 after_s = clock_wall_ms() / 1000 - days_s(s);
	const struct file	*f;
	off_t			 at;
	int			 i;

	p->file = NULL;
	for (f = s->files + s->n; f-- != s->files;) {
		at = bucket_at(f, key);
		if (pread(f->fd, bucket, BUCKET, at) != BUCKET)
			return ERR_STORE;
		for (i = 0; i < SLOTS; i++)
			if (is_key(bucket + i * SLOT, key) &&
			    time_of(bucket + i * SLOT) >= after_s) {
				p->file = f;
				p->at = at + i * SLOT;
				memcpy(p->slot, bucket + i * SLOT, SLOT);
				return ERR_OK;
			}
	}
	return ERR_OK;
}

/*
 * Locks a bucket among processes.  It does not wait long for a process that hangs.  False: the file
 * system has no locks.
 */
static bool
lock_bucket(const struct file *f, off_t at, short type)
{
	struct flock	 range = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = BUCKET,
	};
	struct timespec	 pause = { 0, LOCK_PAUSE_NS };
	int		 tries;

	for (tries = 0; fcntl(f->fd, F_SETLK, &range) == -1 && tries < LOCK_TRIES; tries++) {
		if (errno != EAGAIN && errno != EACCES)
			return false;
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < LOCK_PAUSE_MAX_NS)
			pause.tv_nsec *= 2;
	}
	return true;
}

/* A bucket that is locked: by a lock of its file, or else by one of state/lock.h. */
struct bucket_lock {
	bool		 in_file, is_claimed;
	struct lock	 claim;
};

static void
begin_bucket(const struct dedup *s, struct bucket_lock *b, off_t at)
{
	unsigned char	 key[LOCK_KEY];
	char		 which[24];

	b->is_claimed = false;
	if ((b->in_file = lock_bucket(&s->files[s->n - 1], at, F_WRLCK)))
		return;
	(void)snprintf(which, sizeof(which), "%lld", (long long)at);
	lock_name(key, "bucket", which);
	b->is_claimed = lock_take(s->locks, &b->claim, key, clock_mono_ms() + BUCKET_MS) ==
	    LOCK_MINE;
}

static void
end_bucket(const struct dedup *s, struct bucket_lock *b, off_t at)
{
	if (b->in_file)
		(void)lock_bucket(&s->files[s->n - 1], at, F_UNLCK);
	if (b->is_claimed)
		lock_release(s->locks, &b->claim, false);
}

/* Finds a free slot in the youngest file.  *full: the bucket has no free slot; p is its oldest. */
static enum error
find_free(const struct dedup *s, struct place *p, bool *full, const unsigned char *key)
{
	const struct file	*f = &s->files[s->n - 1];
	unsigned char		 bucket[BUCKET];
	int			 i, oldest = 0;

	p->file = f;
	p->at = bucket_at(f, key);
	if (pread(f->fd, bucket, BUCKET, p->at) != BUCKET)
		return ERR_STORE;
	for (i = 0; i < SLOTS && bucket[i * SLOT + 4] != DEDUP_NEVER; i++)
		if (time_of(bucket + i * SLOT) < time_of(bucket + oldest * SLOT))
			oldest = i;
	*full = i == SLOTS;
	p->at += (*full ? oldest : i) * SLOT;
	return ERR_OK;
}

static enum error
write_slot(const struct place *p, const unsigned char *key, enum dedup_as as)
{
	unsigned char	 slot[SLOT];

	fill_slot(slot, key, as);
	return pwrite(p->file->fd, slot, SLOT, p->at) == SLOT ? ERR_OK : ERR_STORE;
}

/* Marks a key in a free slot of the youngest file; must: if all are taken, in the oldest. */
static enum error
write_new(const struct dedup *s, bool *full, const unsigned char *key, enum dedup_as as, bool must)
{
	const struct file	*f = &s->files[s->n - 1];
	const off_t		 at = bucket_at(f, key);
	struct bucket_lock	 b;
	struct place		 p;
	enum error		 er;

	begin_bucket(s, &b, at);
	if ((er = find_free(s, &p, full, key)) == ERR_OK && (!*full || must))
		er = write_slot(&p, key, as);
	end_bucket(s, &b, at);
	return er;
}

/* Marks a key that is in no file yet. */
static enum error
add_key(struct dedup *s, const unsigned char *key, enum dedup_as as)
{
	unsigned	 tried = 0;
	bool		 full, must;
	enum error	 er;

	/* A further file, which another process has made, may be full as well. */
	while (s->n != 0) {
		must = s->files[s->n - 1].number == tried;	/* there is no further file */
		tried = s->files[s->n - 1].number;
		if ((er = write_new(s, &full, key, as, must)) != ERR_OK || !full || must)
			return er;
		add_file(s);
	}
	return ERR_STORE;
}

/*
 * Logs a failure once, and closes the files: the next call opens them again.  It is over when a key
 * was marked.
 */
static void
handle_error(struct dedup *s, enum error er, bool marked)
{
	const char	*why = er == ERR_OK ? NULL : strerror(errno);

	if (er == ERR_OK && !marked)
		return;
	if (state_file_note(&s->trouble, s->pattern, why))
		log_msg(LEVEL_NOTICE, "seen", "%s: repeats are recognized again", s->pattern);
	if (er != ERR_OK)
		close_files(s);
}

enum error
dedup_find(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY])
{
	struct place	 p;
	enum error	 er = ERR_STORE;

	*as = DEDUP_NEVER;
	(void)pthread_mutex_lock(&s->lock);
	if (refresh_files(s) && (er = find_key(s, &p, key)) == ERR_OK && p.file != NULL)
		*as = p.slot[4] == DEDUP_DONE ? DEDUP_DONE : DEDUP_QUEUED;
	handle_error(s, er, false);
	/* The key may be one that could not be marked. */
	if (*as == DEDUP_NEVER && s->trouble.is_logged)
		er = ERR_STORE;
	(void)pthread_mutex_unlock(&s->lock);
	return er;
}

enum error
dedup_mark(struct dedup *s, const unsigned char key[DEDUP_KEY], enum dedup_as as,
    enum dedup_as was)
{
	struct place	 p = { .file = NULL };
	enum error	 er = ERR_STORE;

	(void)pthread_mutex_lock(&s->lock);
	if (s->n != 0 && clock_wall_ms() / 1000 - s->files[s->n - 1].head.begun_s > days_s(s))
		add_file(s);
	/* A file that another process has just made is found by the next dedup_find(). */
	if (s->n != 0 || refresh_files(s)) {
		er = was == DEDUP_NEVER ? ERR_OK : find_key(s, &p, key);
		if (er == ERR_OK)
			er = p.file != NULL ? write_slot(&p, key, as) : add_key(s, key, as);
	}
	handle_error(s, er, true);
	(void)pthread_mutex_unlock(&s->lock);
	return er;
}
