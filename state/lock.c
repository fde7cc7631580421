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
	RETRY_MIN_MS = 2,	/* between two tries to get a lock of another process, first ... */
	RETRY_MAX_MS = 20	/* ... and later */
};

/* A thread that waits for a lock of this process. */
struct waiter {
	const unsigned char	*key;
	struct waiter		*next;
	bool			 over;		/* the lock was released ... */
	bool			 done;		/* ... and the work is done */
};

struct locks {
	char			 dir[1040], file[1056];
	pthread_mutex_t		 lock;
	pthread_cond_t		 ended;
	struct lock		*bucket[BUCKETS];
	struct waiter		*waiters;
	int			 fd;
	struct stat		 opened;	/* the file that fd is */
	int64_t			 look_ms;	/* monotonic: look then whether file is still fd */
};

struct locks *
lock_new(const char *dir)
{
	struct locks		*locks;
	pthread_condattr_t	 attr;

	if ((locks = calloc(1, sizeof(*locks))) == NULL)
		return NULL;
	(void)snprintf(locks->dir, sizeof(locks->dir), "%s", dir);
	(void)snprintf(locks->file, sizeof(locks->file), "%s/qtoa.lock", locks->dir);
	(void)pthread_mutex_init(&locks->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&locks->ended, &attr);
	(void)pthread_condattr_destroy(&attr);
	locks->fd = -1;
	return locks;
}

void
lock_free(struct locks *locks)
{
	if (locks == NULL)
		return;
	if (locks->fd != -1)
		(void)close(locks->fd);
	(void)pthread_cond_destroy(&locks->ended);
	(void)pthread_mutex_destroy(&locks->lock);
	free(locks);
}

void
lock_name(unsigned char key[LOCK_KEY], const char *what, const char *which)
{
	uint64_t	 h = hash_add(HASH_EMPTY, what, strlen(what));
	int		 i;

	h = hash_add(h, which, strlen(which));
	memset(key, 0, LOCK_KEY);
	(void)snprintf((char *)key, LOCK_KEY - sizeof(h), "%s", what);
	for (i = 1; i <= 8; i++, h >>= 8)
		key[LOCK_KEY - i] = (unsigned char)h;
}

static struct lock **
bucket_of(struct locks *locks, const unsigned char *key)
{
	return &locks->bucket[key[LOCK_KEY - 1] & (BUCKETS - 1)];
}

static struct lock *
find_lock(struct locks *locks, const unsigned char *key)
{
	struct lock	*l;

	for (l = *bucket_of(locks, key); l != NULL; l = l->next)
		if (memcmp(l->key, key, LOCK_KEY) == 0)
			return l;
	return NULL;
}

static void
insert_lock(struct locks *locks, struct lock *l, const unsigned char *key)
{
	struct lock	**b = bucket_of(locks, key);

	memcpy(l->key, key, LOCK_KEY);
	l->next = *b;
	*b = l;
}

/* Removes l from the table, and tells the threads that wait for it how it ended. */
static void
remove_lock(struct locks *locks, struct lock *l, bool done)
{
	struct lock	**p = bucket_of(locks, l->key);
	struct waiter	*w;
	bool		 any = false;

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	for (w = locks->waiters; w != NULL; w = w->next)
		if (memcmp(w->key, l->key, LOCK_KEY) == 0) {
			w->over = any = true;
			w->done = done;
		}
	if (any)
		(void)pthread_cond_broadcast(&locks->ended);
}

/*
 * The descriptor of the lock file, or -1.  The mutex is held.  If the file was deleted, all
 * processes use a new one.  The old one stays open, because locks that still hold are on it.
 */
static int
fd_of_file(struct locks *locks)
{
	int64_t		 now_ms = clock_mono_ms();
	int		 fd;

	if (now_ms < locks->look_ms)
		return locks->fd;
	locks->look_ms = now_ms + LOOK_MS;
	if (locks->fd != -1 && file_is_at(locks->file, &locks->opened))
		return locks->fd;
	(void)mkdir(locks->dir, 0700);	/* if this fails, so does the next line */
	fd = open(locks->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && fstat(fd, &locks->opened) == 0)
		locks->fd = fd;
	return locks->fd;
}

/* False: another process has the lock.  If anything else fails, the work goes on without it. */
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
	byte.l_start = (off_t)(at >> 2);	/* fits in off_t */
	while (fcntl(fd, F_SETLK, &byte) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			return false;
		if (errno != EINTR)
			return true;
	}
	return true;
}

/* Waits for a lock of this process; the mutex is held.  True: the work is done. */
static bool
wait_for_thread(struct locks *locks, const unsigned char *key, int64_t until_ms)
{
	const struct timespec	 until = { until_ms / 1000, until_ms % 1000 * 1000000 };
	struct waiter		 w = { key, locks->waiters, false, false }, **p;

	locks->waiters = &w;
	while (!w.over && pthread_cond_timedwait(&locks->ended, &locks->lock, &until) != ETIMEDOUT)
		;
	for (p = &locks->waiters; *p != &w; p = &(*p)->next)
		;
	*p = w.next;
	return w.done;
}

/* Takes a lock among the threads of this process. */
static enum lock_result
lock_among_threads(struct locks *locks, struct lock *l, const unsigned char *key, int64_t until_ms)
{
	enum lock_result	 is = LOCK_MINE;

	(void)pthread_mutex_lock(&locks->lock);
	while (is == LOCK_MINE && find_lock(locks, key) != NULL)
		if (clock_mono_ms() >= until_ms)
			is = LOCK_BUSY;
		else if (wait_for_thread(locks, key, until_ms))
			is = LOCK_DONE;
	if (is == LOCK_MINE) {
		insert_lock(locks, l, key);
		l->fd = fd_of_file(locks);
	}
	(void)pthread_mutex_unlock(&locks->lock);
	return is;
}

enum lock_result
lock_take(struct locks *locks, struct lock *l, const unsigned char key[LOCK_KEY],
    int64_t until_ms)
{
	struct timespec		 pause;
	enum lock_result	 is;
	long			 ms = RETRY_MIN_MS;

	if ((is = lock_among_threads(locks, l, key, until_ms)) != LOCK_MINE)
		return is;
	while (!lock_byte(l->fd, key, F_WRLCK)) {
		if (clock_mono_ms() + ms > until_ms) {
			(void)pthread_mutex_lock(&locks->lock);
			remove_lock(locks, l, false);
			(void)pthread_mutex_unlock(&locks->lock);
			return LOCK_BUSY;
		}
		pause = (struct timespec){ 0, ms * 1000000 };
		(void)nanosleep(&pause, NULL);
		ms = ms * 2 < RETRY_MAX_MS ? ms * 2 : RETRY_MAX_MS;
	}
	return LOCK_MINE;
}

void
lock_release(struct locks *locks, struct lock *l, bool done)
{
	(void)pthread_mutex_lock(&locks->lock);
	/* First the file, then the table: else another thread's lock could be removed here. */
	(void)lock_byte(l->fd, l->key, F_UNLCK);
	remove_lock(locks, l, done);
	(void)pthread_mutex_unlock(&locks->lock);
}
