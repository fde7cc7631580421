#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "state/lock.h"

enum {
	BUCKETS = 256,		/* a power of two */
	LOOK_MS = 1000,		/* between two looks at the file's name */
	LOOK_MIN_MS = 2,	/* between two looks at another process's claim */
	LOOK_MAX_MS = 20
};

/* A thread that waits for a claim of this process. */
struct waiter {
	const unsigned char	*key;
	struct waiter		*next;
	bool			 over;		/* the claim has ended ... */
	bool			 done;		/* ... well */
};

struct locks {
	char			 dir[1040], file[1056];
	pthread_mutex_t		 lock;
	pthread_cond_t		 ended;
	struct lock		*bucket[BUCKETS];
	struct waiter		*waiters;
	int			 fd;
	struct stat		 opened;	/* the file that fd is */
	int64_t			 look_ms;	/* whether it is still there, next time */
};

struct locks *
lock_new(const char *dir)
{
	struct locks		*cs;
	pthread_condattr_t	 attr;

	if ((cs = calloc(1, sizeof(*cs))) == NULL)
		return NULL;
	(void)snprintf(cs->dir, sizeof(cs->dir), "%s", dir);
	(void)snprintf(cs->file, sizeof(cs->file), "%s/qtoa.lock", cs->dir);
	(void)pthread_mutex_init(&cs->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&cs->ended, &attr);
	(void)pthread_condattr_destroy(&attr);
	cs->fd = -1;
	return cs;
}

void
lock_free(struct locks *cs)
{
	if (cs == NULL)
		return;
	if (cs->fd != -1)
		(void)close(cs->fd);
	(void)pthread_cond_destroy(&cs->ended);
	(void)pthread_mutex_destroy(&cs->lock);
	free(cs);
}

void
lock_name(unsigned char key[LOCK_KEY], const char *what, const char *which)
{
	uint64_t	 h = hash_add(hash_add(HASH_EMPTY, what, strlen(what)), which, strlen(which));
	int		 i;

	memset(key, 0, LOCK_KEY);
	(void)snprintf((char *)key, LOCK_KEY - sizeof(h), "%s", what);
	for (i = 1; i <= 8; i++, h >>= 8)
		key[LOCK_KEY - i] = (unsigned char)h;
}

static struct lock **
bucket_of(struct locks *cs, const unsigned char *key)
{
	return &cs->bucket[key[LOCK_KEY - 1] & (BUCKETS - 1)];
}

static struct lock *
find(struct locks *cs, const unsigned char *key)
{
	struct lock	*c;

	for (c = *bucket_of(cs, key); c != NULL; c = c->next)
		if (memcmp(c->key, key, LOCK_KEY) == 0)
			return c;
	return NULL;
}

static void
insert(struct locks *cs, struct lock *c, const unsigned char *key)
{
	struct lock	**b = bucket_of(cs, key);

	memcpy(c->key, key, LOCK_KEY);
	c->next = *b;
	*b = c;
}

/* Takes c out, and tells those who wait for it how it ended. */
static void
take_out(struct locks *cs, struct lock *c, bool done)
{
	struct lock	**p = bucket_of(cs, c->key);
	struct waiter	*w;
	bool		 any = false;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	for (w = cs->waiters; w != NULL; w = w->next)
		if (memcmp(w->key, c->key, LOCK_KEY) == 0) {
			w->over = any = true;
			w->done = done;
		}
	if (any)
		(void)pthread_cond_broadcast(&cs->ended);
}

/*
 * The lock file, or -1; with the lock held.  Where it has been deleted all lock a new one.
 * The old one stays open: claims that still hold are on it.
 */
static int
lock_file(struct locks *cs)
{
	int64_t		 now_ms = clock_mono_ms();
	int		 fd;

	if (now_ms < cs->look_ms)
		return cs->fd;
	cs->look_ms = now_ms + LOOK_MS;
	if (cs->fd != -1 && file_is_at(cs->file, &cs->opened))
		return cs->fd;
	(void)mkdir(cs->dir, 0700);	/* whether it is there now shows below */
	fd = open(cs->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && fstat(fd, &cs->opened) == 0)
		cs->fd = fd;
	return cs->fd;
}

/* False: another process has it.  Whatever else goes wrong, work goes on. */
static bool
lock_byte(int fd, const unsigned char *key, short type)
{
	struct flock	 byte = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };
	uint64_t	 at = 0;
	int		 i;

	if (fd == -1)
		return true;
	for (i = LOCK_KEY - 8; i < LOCK_KEY; i++)
		at = at << 8 | key[i];
	byte.l_start = (off_t)(at >> 2);	/* within off_t, whatever its last byte */
	while (fcntl(fd, F_SETLK, &byte) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			return false;
		if (errno != EINTR)
			return true;
	}
	return true;
}

/* Waits for a claim of this process, with the lock held.  True: it has ended well. */
static bool
wait_here(struct locks *cs, const unsigned char *key, int64_t until_ms)
{
	const struct timespec	 until = { until_ms / 1000, until_ms % 1000 * 1000000 };
	struct waiter		 w = { key, cs->waiters, false, false }, **p;

	cs->waiters = &w;
	while (!w.over && pthread_cond_timedwait(&cs->ended, &cs->lock, &until) != ETIMEDOUT)
		;
	for (p = &cs->waiters; *p != &w; p = &(*p)->next)
		;
	*p = w.next;
	return w.done;
}

/* The part of a claim that holds among the threads of this process. */
static enum lock_result
claim_here(struct locks *cs, struct lock *c, const unsigned char *key, int64_t until_ms)
{
	enum lock_result	 is = LOCK_MINE;

	(void)pthread_mutex_lock(&cs->lock);
	while (is == LOCK_MINE && find(cs, key) != NULL)
		if (clock_mono_ms() >= until_ms)
			is = LOCK_BUSY;
		else if (wait_here(cs, key, until_ms))
			is = LOCK_DONE;
	if (is == LOCK_MINE) {
		insert(cs, c, key);
		c->fd = lock_file(cs);
	}
	(void)pthread_mutex_unlock(&cs->lock);
	return is;
}

enum lock_result
lock_take(struct locks *cs, struct lock *c, const unsigned char key[LOCK_KEY],
    int64_t until_ms)
{
	struct timespec		 pause;
	enum lock_result	 is;
	long			 ms = LOOK_MIN_MS;

	if ((is = claim_here(cs, c, key, until_ms)) != LOCK_MINE)
		return is;
	while (!lock_byte(c->fd, key, F_WRLCK)) {
		if (clock_mono_ms() + ms > until_ms) {
			(void)pthread_mutex_lock(&cs->lock);
			take_out(cs, c, false);
			(void)pthread_mutex_unlock(&cs->lock);
			return LOCK_BUSY;
		}
		pause = (struct timespec){ 0, ms * 1000000 };
		(void)nanosleep(&pause, NULL);
		ms = ms * 2 < LOOK_MAX_MS ? ms * 2 : LOOK_MAX_MS;
	}
	return LOCK_MINE;
}

void
lock_release(struct locks *cs, struct lock *c, bool done)
{
	(void)pthread_mutex_lock(&cs->lock);
	/* Before a thread here can claim it anew, or its lock would go. */
	(void)lock_byte(c->fd, c->key, F_UNLCK);
	take_out(cs, c, done);
	(void)pthread_mutex_unlock(&cs->lock);
}
