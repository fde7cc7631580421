#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/thread.h"
#include "state/claim.h"
#include "state/lock.h"
#include "state/state_file.h"

enum {
	BUCKETS = 256,		/* a power of two */
	LOOK_MS = 20,		/* between two looks at the file's name */
	BOTH_MS = 2000,		/* after the file can be used again, claims are still taken */
	OWNER_TRIES = 1000,
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
	_Atomic bool		 has_no_locks;	/* fd is open, and cannot be locked */
	int64_t			 claim_ms;	/* monotonic: until then locks need claims; 0: no */
	char			 why[160];	/* the file cannot be used; "": it can */
	pthread_mutex_t		 naming;	/* while this process takes its number */
	_Atomic unsigned	 owner;		/* the number of this process; 0: none yet */
	_Atomic int64_t		 owner_ms;	/* monotonic: look then at the file again */
	struct lock		 owner_lock;
	struct state_file_trouble trouble;
};

struct locks *
lock_new(const char *dir)
{
	struct locks	*locks;

	if ((locks = calloc(1, sizeof(*locks))) == NULL)
		return NULL;
	(void)snprintf(locks->dir, sizeof(locks->dir), "%s", dir);
	(void)snprintf(locks->file, sizeof(locks->file), "%s/qtoa.lock", locks->dir);
	(void)pthread_mutex_init(&locks->lock, NULL);
	(void)pthread_mutex_init(&locks->naming, NULL);
	thread_cond_init(&locks->ended);
	locks->fd = -1;
	locks->trouble = (struct state_file_trouble){
		.dir = locks->dir, .what = "lock", .level = LEVEL_ERROR,
		.effect = "processes of this host claim messages by sockets instead, those of "
		    "other hosts may forward a message again",
	};
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
	(void)pthread_mutex_destroy(&locks->naming);
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

/* The file cannot be used any more: locks that hold are claimed, too.  The mutex is held. */
static void
claim_held(struct locks *locks)
{
	struct lock	*l;
	int		 i;

	for (i = 0; i < BUCKETS; i++)
		for (l = locks->bucket[i]; l != NULL; l = l->next)
			if (l->is_held && l->claim == -1)
				(void)claim_take(&l->claim, locks->dir, l->key, LOCK_KEY);
}

/* Notes whether the file can be used; why NULL: it can.  The mutex is held. */
static void
note_file(struct locks *locks, const char *why)
{
	const bool	 was_bad = *locks->why != '\0';

	if (why != NULL)
		locks->claim_ms = INT64_MAX;
	else if (was_bad)	/* other processes may find out later */
		locks->claim_ms = clock_mono_ms() + BOTH_MS;
	if (why != NULL && !was_bad)
		claim_held(locks);
	(void)snprintf(locks->why, sizeof(locks->why), "%s", why != NULL ? why : "");
	if (state_file_note(&locks->trouble, locks->file, why))
		log_msg(LEVEL_NOTICE, "lock", "%s can be used again", locks->file);
}

/* True: the name still leads to fd, and other processes of this user can open it. */
static bool
is_usable(const struct locks *locks)
{
	struct stat	 st;

	if (locks->fd == -1 || stat(locks->file, &st) == -1 || !file_is_same(&st, &locks->opened))
		return false;
	return st.st_uid != geteuid() || (st.st_mode & (S_IRUSR | S_IWUSR)) ==
	    (S_IRUSR | S_IWUSR) || chmod(locks->file, 0600) == 0;
}

static int
open_locks(const struct locks *locks)
{
	const int	 flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int		 fd = open(locks->file, flags, 0600);

	if (fd == -1 && errno == ENOENT) {	/* there is no directory yet */
		(void)mkdir(locks->dir, 0700);
		fd = open(locks->file, flags, 0600);
	}
	/* A file of ours that may not be opened: somebody has changed its mode. */
	if (fd == -1 && errno == EACCES && chmod(locks->file, 0600) == 0)
		return open(locks->file, flags, 0600);
	return fd;
}

enum byte { BYTE_MINE, BYTE_BUSY, BYTE_FAILED };

static enum byte
lock_byte(int fd, const unsigned char *key, short type)
{
	struct flock	 byte = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };
	uint64_t	 at = 0;
	int		 i;

	for (i = LOCK_KEY - 8; i < LOCK_KEY; i++)
		at = at << 8 | key[i];
	byte.l_start = (off_t)(at >> 2);	/* fits in off_t */
	while (fcntl(fd, F_SETLK, &byte) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			return BYTE_BUSY;
		if (errno != EINTR)
			return BYTE_FAILED;
	}
	return BYTE_MINE;
}

/* The file is a new one: locks that hold are taken there, too.  The mutex is held. */
static void
take_again(struct locks *locks, int fd)
{
	struct lock	*l;
	int		 i;

	for (i = 0; i < BUCKETS; i++)
		for (l = locks->bucket[i]; l != NULL; l = l->next)
			if (l->is_held && lock_byte(fd, l->key, F_WRLCK) == BYTE_MINE)
				l->fd = fd;
}

/*
 * The descriptor of the lock file, or -1.  The mutex is held.  If the file was deleted, all
 * processes use a new one.  The old one stays open, because other processes may still use it.
 */
static int
fd_of_file(struct locks *locks)
{
	int64_t		 now_ms = clock_mono_ms();
	struct stat	 st;
	int		 fd;

	if (now_ms < locks->look_ms)
		return locks->fd;
	locks->look_ms = now_ms + LOOK_MS;
	if (now_ms >= locks->claim_ms)
		locks->claim_ms = 0;
	if (is_usable(locks)) {
		if (!locks->has_no_locks)
			note_file(locks, NULL);
		return locks->fd;
	}
	if ((fd = open_locks(locks)) == -1 || fstat(fd, &st) == -1) {
		note_file(locks, strerror(errno));
		return locks->fd;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(fd);
		note_file(locks, "it is not a plain file");
		return locks->fd;
	}
	locks->opened = st;
	locks->has_no_locks = false;
	take_again(locks, fd);
	note_file(locks, NULL);
	return locks->fd = fd;
}

/* The file system has no locks (an NFS without lockd, say). */
static void
note_no_locks(struct locks *locks, int error)
{
	(void)pthread_mutex_lock(&locks->lock);
	locks->has_no_locks = true;
	note_file(locks, strerror(error));
	(void)pthread_mutex_unlock(&locks->lock);
}

/*
 * Takes the lock among processes: the byte, and the claim where the byte does not do.  False:
 * another process has it.  Without a byte and a claim the work goes on without it.
 */
static bool
lock_among_processes(struct locks *locks, struct lock *l)
{
	enum byte	 is = l->fd == -1 ? BYTE_FAILED : lock_byte(l->fd, l->key, F_WRLCK);

	if (is == BYTE_BUSY)
		return false;
	if (is == BYTE_FAILED && l->fd != -1)
		note_no_locks(locks, errno);
	if (is == BYTE_MINE && atomic_load(&locks->has_no_locks))
		atomic_store(&locks->has_no_locks, false);
	if (is == BYTE_MINE && !l->needs_claim)
		return true;
	if (claim_take(&l->claim, locks->dir, l->key, LOCK_KEY) != CLAIM_BUSY)
		return true;
	if (is == BYTE_MINE)
		(void)lock_byte(l->fd, l->key, F_UNLCK);
	return false;
}

/* Waits for a lock of this process; the mutex is held.  True: the work is done. */
static bool
wait_for_thread(struct locks *locks, const unsigned char *key, int64_t until_ms)
{
	struct waiter	 w = { key, locks->waiters, false, false }, **p;

	locks->waiters = &w;
	while (!w.over && thread_wait(&locks->ended, &locks->lock, until_ms))
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
		l->claim = -1;
		l->is_held = false;
		insert_lock(locks, l, key);
		l->fd = fd_of_file(locks);
		l->needs_claim = locks->claim_ms != 0;
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
	while (!lock_among_processes(locks, l)) {
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
	l->is_held = true;
	return LOCK_MINE;
}

void
lock_release(struct locks *locks, struct lock *l, bool done)
{
	(void)pthread_mutex_lock(&locks->lock);
	/* First the file, then the table: else another thread's lock could be removed here. */
	if (l->claim != -1)
		(void)close(l->claim);
	if (l->fd != -1)
		(void)lock_byte(l->fd, l->key, F_UNLCK);
	remove_lock(locks, l, done);
	(void)pthread_mutex_unlock(&locks->lock);
}

bool
lock_look(struct locks *locks, char *why, size_t size)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 l;

	lock_name(key, "look", "");
	if (lock_take(locks, &l, key, clock_mono_ms() + LOOK_MS) == LOCK_MINE)
		lock_release(locks, &l, false);
	(void)pthread_mutex_lock(&locks->lock);
	(void)snprintf(why, size, "%s", locks->why);
	(void)pthread_mutex_unlock(&locks->lock);
	return *why == '\0';
}

/*
 * Numbers of processes.
 */

static void
name_owner(unsigned char key[LOCK_KEY], unsigned number)
{
	char	 text[16];

	(void)snprintf(text, sizeof(text), "%u", number);
	lock_name(key, "owner", text);
}

/* Takes a number that no other process has, from a random one on. */
static unsigned
take_number(struct locks *locks)
{
	unsigned	 n = (unsigned)(hash_jitter(clock_wall_ms(), getpid()) % LOCK_OWNER_MAX);
	unsigned char	 key[LOCK_KEY];
	int		 tries;

	for (tries = 0; tries < OWNER_TRIES; tries++, n = (n + 1) % LOCK_OWNER_MAX) {
		name_owner(key, n + 1);
		if (lock_take(locks, &locks->owner_lock, key, 0) == LOCK_MINE)
			return n + 1;
	}
	return 0;
}

unsigned
lock_owner(struct locks *locks)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 look_ms = atomic_load_explicit(&locks->owner_ms, memory_order_relaxed);

	if (atomic_load_explicit(&locks->owner, memory_order_relaxed) == 0) {
		(void)pthread_mutex_lock(&locks->naming);
		if (atomic_load(&locks->owner) == 0)
			atomic_store(&locks->owner, take_number(locks));
		(void)pthread_mutex_unlock(&locks->naming);
	} else if (now_ms >= look_ms &&
	    atomic_compare_exchange_strong(&locks->owner_ms, &look_ms, now_ms + LOOK_MS)) {
		/* In a new file the number must be taken, too. */
		(void)pthread_mutex_lock(&locks->lock);
		(void)fd_of_file(locks);
		(void)pthread_mutex_unlock(&locks->lock);
	}
	return atomic_load_explicit(&locks->owner, memory_order_relaxed);
}

bool
lock_owner_lives(struct locks *locks, unsigned owner)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 l;

	name_owner(key, owner);
	if (lock_take(locks, &l, key, 0) != LOCK_MINE)
		return true;
	lock_release(locks, &l, false);
	return false;
}
