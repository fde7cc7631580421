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

#include "core/clock.h"
#include "core/log.h"
#include "state/dedup.h"

enum {
	SLOT = 16,		/* bytes: time (s, little endian) in 4, what in 1, digest in 11 */
	SLOTS = 32,
	BUCKET = SLOT * SLOTS,
	HEAD = 4096,		/* bytes before the first bucket */
	DIGEST = 11,
	FILES_MAX = 64,
	BITS_MIN = 13,		/* buckets as a power of two: a file of 4 MiB, with holes */
	BITS_MAX = 24,
	LOCK_TRIES = 100,
	LOCK_PAUSE_NS = 50000,	/* the first one; then twice as long, up to ... */
	LOCK_PAUSE_MAX_NS = 1600000,
	GONE_MS = 50,		/* between two looks whether the files are still there */
	RETRY_MS = 1000		/* between two tries to have files where there are none */
};

static const char	 magic[8] = "qtoaseen";
static const char	 prefix[] = "qtoa.seen-";

/* One file; its head is this, in the machine's own byte order. */
struct message {
	char		 magic[8];
	uint32_t	 bits;
	uint32_t	 full;		/* a further file has been begun */
	int64_t		 begun_s;
};

struct file {
	int		 fd;
	unsigned	 number;
	struct message	 head;
};

struct dedup {
	const struct settings	*set;
	struct locks		*locks;
	pthread_mutex_t		 lock;
	struct file		 files[FILES_MAX];	/* the oldest first */
	size_t			 n;
	unsigned		 last;			/* number there is, opened or not */
	int64_t			 retry_ms;
	int64_t			 gone_ms;		/* not to be looked for before */
	bool			 in_trouble;		/* and it has been said */
};

/* Where a key is, or may go. */
struct place {
	const struct file	*file;
	off_t			 at;
	unsigned char		 slot[SLOT];
};

struct dedup *
dedup_new(const struct settings *set, struct locks *cs)
{
	struct dedup	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->set = set;
	s->locks = cs;
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
	return (int64_t)s->set->dedupe_days * 86400;
}

/*
 * The files.
 */

static void
name_of(const struct dedup *s, char *name, size_t size, unsigned number)
{
	(void)snprintf(name, size, "%s/%s%u", s->set->state_dir, prefix, number);
}

static off_t
size_of(const struct message *h)
{
	return HEAD + ((off_t)BUCKET << h->bits);
}

enum condition { SOUND, DAMAGED, UNREADABLE };

static enum condition
read_head(struct file *f)
{
	ssize_t	 n = pread(f->fd, &f->head, sizeof(f->head), 0);

	if (n == -1)
		return UNREADABLE;
	return n == (ssize_t)sizeof(f->head) && memcmp(f->head.magic, magic, sizeof(magic)) == 0 &&
	    f->head.bits >= BITS_MIN && f->head.bits <= BITS_MAX ? SOUND : DAMAGED;
}

/* In order of their numbers; of too many the youngest count. */
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
open_one(struct dedup *s, unsigned number)
{
	struct file	 f = { .number = number };
	char		 name[1100];
	struct stat	 st;
	enum condition	 is;

	name_of(s, name, sizeof(name), number);
	f.fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	is = f.fd == -1 ? UNREADABLE : read_head(&f);
	if (is == SOUND && fstat(f.fd, &st) == 0 && st.st_size < size_of(&f.head))
		is = DAMAGED;
	if (is != DAMAGED && number > s->last)
		s->last = number;
	if (is == SOUND) {
		insert_file(s, &f);
		return;
	}
	if (f.fd != -1)
		(void)close(f.fd);
	if (is == UNREADABLE)	/* this time */
		return;
	(void)unlink(name);
	log_msg(LEVEL_WARNING, "seen", "%s was damaged and is removed: a message that WeChat "
	    "repeats now may be forwarded twice", name);
}

/* Others look for a further file when the last one that they know says that it is full. */
static bool
say_full(struct dedup *s)
{
	struct message	*h;
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

/* All files there are.  -1: the directory cannot be read. */
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
			open_one(s, (unsigned)number);
	}
	(void)closedir(d);
	(void)say_full(s);	/* who was to say it may have died */
	return 0;
}

/* A new file under its final name, or none.  Holes cost nothing. */
static int
make_file(struct dedup *s, unsigned number, uint32_t bits)
{
	struct message	 head = { .bits = bits, .begun_s = clock_wall_ms() / 1000 };
	char		 name[1100], tmp[1120];
	int		 fd, ok;

	memcpy(head.magic, magic, sizeof(magic));
	name_of(s, name, sizeof(name), number);
	(void)snprintf(tmp, sizeof(tmp), "%s.new", name);
	if ((fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return -1;
	ok = ftruncate(fd, size_of(&head)) == 0 &&
	    pwrite(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    rename(tmp, name) == 0;
	(void)close(fd);
	if (!ok)
		(void)unlink(tmp);
	return ok ? 0 : -1;
}

/* Files whose marks are all too old: what came after them began that long ago. */
static void
remove_old(struct dedup *s)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;
	char		 name[1100];

	while (s->n > 1 && now_s - s->files[1].head.begun_s > days_s(s)) {
		name_of(s, name, sizeof(name), s->files[0].number);
		(void)unlink(name);
		(void)close(s->files[0].fd);
		memmove(&s->files[0], &s->files[1], --s->n * sizeof(s->files[0]));
	}
}

/* Begins a further file, unless another process has.  Then all are opened anew. */
static void
add_file(struct dedup *s)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;
	struct file	*last = s->n != 0 ? &s->files[s->n - 1] : NULL;
	const unsigned	 was = s->last;
	unsigned char	 key[LOCK_KEY];
	uint32_t	 bits = BITS_MIN;
	struct lock	 c;

	if (last != NULL) {
		bits = last->head.bits;
		if (now_s - last->head.begun_s <= days_s(s) && bits < BITS_MAX)
			bits++;
	}
	lock_name(key, "seen", s->set->state_dir);
	if (lock_take(s->locks, &c, key, clock_mono_ms() + RETRY_MS) != LOCK_MINE)
		return;
	if (open_files(s) == 0 && s->last == was && make_file(s, was + 1, bits) == 0) {
		(void)open_files(s);
		if (!say_full(s))
			log_msg(LEVEL_WARNING, "seen", "%s/%s%u: %s: other processes do not see "
			    "what is marked now", s->set->state_dir, prefix, was, strerror(errno));
	}
	remove_old(s);
	lock_release(s->locks, &c, false);
}

/* True: somebody has removed the file while we have it open; looked at now and then. */
static bool
is_gone(struct dedup *s, const struct file *f, int64_t now_ms)
{
	struct stat	 st;

	if (now_ms < s->gone_ms)
		return false;
	s->gone_ms = now_ms + GONE_MS;
	return fstat(f->fd, &st) == 0 && st.st_nlink == 0;
}

/* The files that there are, this moment.  False: there are none, and none can be made. */
static bool
have_files(struct dedup *s)
{
	const int64_t	 now_ms = clock_mono_ms();
	struct file	*last;

	if (s->n != 0) {
		last = &s->files[s->n - 1];
		if (read_head(last) != SOUND || last->head.full != 0 || is_gone(s, last, now_ms))
			(void)open_files(s);
	}
	if (s->n != 0 || now_ms < s->retry_ms)
		return s->n != 0;
	(void)open_files(s);
	if (s->n == 0) {
		(void)mkdir(s->set->state_dir, 0700);	/* whether it is there shows now */
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

/* The slot of a key in any file, if it is not too old; p->file NULL without one. */
static enum error
find(const struct dedup *s, struct place *p, const unsigned char *key)
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

/* A bucket for us alone, among processes; one that hangs in there is not waited for long. */
static void
lock_bucket(const struct file *f, off_t at, short type)
{
	struct flock	 range = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = BUCKET,
	};
	struct timespec	 pause = { 0, LOCK_PAUSE_NS };
	int		 tries;

	for (tries = 0; fcntl(f->fd, F_SETLK, &range) == -1 && tries < LOCK_TRIES &&
	    (errno == EAGAIN || errno == EACCES); tries++) {
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec < LOCK_PAUSE_MAX_NS)
			pause.tv_nsec *= 2;
	}
}

/* A free slot in the youngest file; *full: there was none, and this one is the oldest. */
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
put(const struct place *p, const unsigned char *key, enum dedup_as as)
{
	unsigned char	 slot[SLOT];

	fill_slot(slot, key, as);
	return pwrite(p->file->fd, slot, SLOT, p->at) == SLOT ? ERR_OK : ERR_STORE;
}

/* A free slot of the youngest file, or, if it must be, the oldest one of the bucket. */
static enum error
put_new(const struct dedup *s, bool *full, const unsigned char *key, enum dedup_as as, bool must)
{
	const struct file	*f = &s->files[s->n - 1];
	const off_t		 at = bucket_at(f, key);
	struct place		 p;
	enum error		 er;

	lock_bucket(f, at, F_WRLCK);
	if ((er = find_free(s, &p, full, key)) == ERR_OK && (!*full || must))
		er = put(&p, key, as);
	lock_bucket(f, at, F_UNLCK);
	return er;
}

/* A key that is in no file yet. */
static enum error
add_key(struct dedup *s, const unsigned char *key, enum dedup_as as)
{
	unsigned	 tried = 0;
	bool		 full, must;
	enum error	 er;

	/* One that another process has begun may be full as well. */
	while (s->n != 0) {
		must = s->files[s->n - 1].number == tried;	/* there is no further one */
		tried = s->files[s->n - 1].number;
		if ((er = put_new(s, &full, key, as, must)) != ERR_OK || !full || must)
			return er;
		add_file(s);
	}
	return ERR_STORE;
}

/*
 * What went wrong, said once; files that cannot be used are opened anew the next time.  That
 * it is over shows when a key can be marked again.
 */
static void
heed(struct dedup *s, enum error er, bool marked)
{
	const char	*why = strerror(errno);

	if (er != ERR_OK) {
		if (!s->in_trouble)
			log_msg(LEVEL_ERROR, "seen", "%s/%s*: %s: a message that WeChat repeats "
			    "may be forwarded twice; look at the owner, permissions and free "
			    "space", s->set->state_dir, prefix, why);
		s->in_trouble = true;
		close_files(s);
	} else if (s->in_trouble && marked) {
		log_msg(LEVEL_NOTICE, "seen", "repeats are known again");
		s->in_trouble = false;
	}
}

enum error
dedup_find(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY])
{
	struct place	 p;
	enum error	 er = ERR_STORE;

	*as = DEDUP_NEVER;
	(void)pthread_mutex_lock(&s->lock);
	if (have_files(s) && (er = find(s, &p, key)) == ERR_OK && p.file != NULL)
		*as = p.slot[4] == DEDUP_DONE ? DEDUP_DONE : DEDUP_QUEUED;
	heed(s, er, false);
	/* What could not be marked meanwhile is not there to be found. */
	if (*as == DEDUP_NEVER && s->in_trouble)
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
	/* A file that another has begun since the look is found by the next look. */
	if (s->n != 0 || have_files(s)) {
		er = was == DEDUP_NEVER ? ERR_OK : find(s, &p, key);
		if (er == ERR_OK)
			er = p.file != NULL ? put(&p, key, as) : add_key(s, key, as);
	}
	heed(s, er, true);
	(void)pthread_mutex_unlock(&s->lock);
	return er;
}
