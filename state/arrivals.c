#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"
#include "state/arrivals.h"
#include "state/disk.h"

#define FILE_NAME	"qtoa.arrivals-"

enum {
	FULL = 256 * 1024,	/* bytes after which a file is closed */
	LONG = 16 * 1024,	/* bytes that a CGI run counts at once */
	FILE_MAX = 64 << 20,	/* bytes; a longer file is not ours */
	NAME_MS = 50,		/* to wait for a process that opens or renames the file */
	SHARED = 0,		/* the number of the file of all CGI runs */
	NOT_OURS = LOCK_OWNER_MAX + 1
};

struct arrivals {
	const char			*dir;
	struct locks			*locks;
	enum store_life			 life;
	pthread_rwlock_t		 lock;		/* writers share it; it guards fd */
	int				 fd;		/* -1: the file is not open */
	unsigned			 owner;		/* of the file that is open */
	_Atomic int64_t			 len;		/* of the file, in bytes */
	struct state_file_trouble	 trouble;
};

/* How a record begins; the account's path and the XML follow. */
struct record {
	uint32_t	 magic;
	uint32_t	 account_len, xml_len;	/* bytes */
	unsigned char	 key[QUEUE_KEY];
	uint32_t	 sum;			/* of all that follows the magic, but for this */
	int64_t		 received_ms;
};

enum { MAGIC = 0x51a7c0de };

struct arrivals *
arrivals_new(const struct settings *set, struct locks *locks, enum store_life life)
{
	struct arrivals	*as;

	if ((as = calloc(1, sizeof(*as))) == NULL)
		return NULL;
	as->dir = set->state_dir;
	as->locks = locks;
	as->life = life;
	as->fd = -1;
	as->trouble = (struct state_file_trouble){
		.dir = set->state_dir, .what = "arrivals",
		.effect = "messages are forwarded and not counted", .level = LEVEL_WARNING,
	};
	if (pthread_rwlock_init(&as->lock, NULL) != 0) {
		free(as);
		return NULL;
	}
	return as;
}

static void
close_descriptor(struct arrivals *as)
{
	if (as->fd != -1)
		(void)close(as->fd);
	as->fd = -1;
}

void
arrivals_free(struct arrivals *as)
{
	if (as == NULL)
		return;
	close_descriptor(as);
	(void)pthread_rwlock_destroy(&as->lock);
	free(as);
}

/*
 * The file of this process.
 */

static void
path_of(char path[STATE_FILE_PATH], const struct arrivals *as, unsigned owner)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/" FILE_NAME "%u", as->dir, owner);
}

/* The holder may open or rename the file of that process. */
static bool
take_name(const struct arrivals *as, struct lock *l, unsigned owner)
{
	unsigned char	 key[LOCK_KEY];
	char		 number[12];

	(void)snprintf(number, sizeof(number), "%u", owner);
	lock_name(key, "arrivals", number);
	return lock_take(as->locks, l, key, clock_mono_ms() + NAME_MS) == LOCK_MINE;
}

/* Closes the file by another name.  A file that is not there is no error. */
static void
rename_file(const struct arrivals *as, unsigned owner)
{
	char	 path[STATE_FILE_PATH], to[STATE_FILE_PATH + 24];
	int64_t	 ms = clock_wall_ms();

	path_of(path, as, owner);
	do	/* another one was closed in the same millisecond */
		(void)snprintf(to, sizeof(to), "%s.%013lld", path, (long long)ms++);
	while (access(to, F_OK) == 0);
	(void)rename(path, to);
}

/* Says why the file cannot be opened; NULL: it is open. */
static const char *
open_path(struct arrivals *as, const char *path)
{
	struct disk	 d;
	struct stat	 st;

	if (disk_look(&d, as->dir) && disk_room(&d) == DISK_OUT)
		return strerror(ENOSPC);
	as->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (as->fd == -1 || fstat(as->fd, &st) != 0)
		return strerror(errno);
	atomic_store(&as->len, st.st_size);
	return S_ISREG(st.st_mode) ? NULL : "not a file";
}

static void
note_trouble(struct arrivals *as, const char *path, const char *why)
{
	if (state_file_note(&as->trouble, path, why))
		log_msg(LEVEL_NOTICE, as->trouble.what, "messages are counted again");
}

static const char	 no_lock[] = "qtoa.lock cannot be used";

/* Opens the file of this process.  The lock is held for writing. */
static void
open_arrivals(struct arrivals *as)
{
	char		 path[STATE_FILE_PATH];
	const char	*why = no_lock;
	struct lock	 name;

	as->owner = lock_owner(as->locks);
	path_of(path, as, as->owner);
	if (as->owner != 0 && take_name(as, &name, as->owner)) {
		why = open_path(as, path);
		lock_release(as->locks, &name, false);
	}
	if (why != NULL)
		close_descriptor(as);
	note_trouble(as, path, why);
}

/* Closes the file, so that it can be counted.  The lock is held for writing. */
static void
close_arrivals(struct arrivals *as)
{
	struct lock	 name;

	if (as->fd == -1 || atomic_load(&as->len) == 0 || !take_name(as, &name, as->owner))
		return;
	close_descriptor(as);
	atomic_store(&as->len, 0);
	rename_file(as, as->owner);
	lock_release(as->locks, &name, false);
}

/* Makes a file ready that has room for more records.  True: fd may be used. */
static bool
need_file(struct arrivals *as)
{
	bool	 good = true;

	/* Another thread may close the file while this one has no lock. */
	while (good && (as->fd == -1 || atomic_load(&as->len) >= FULL)) {
		(void)pthread_rwlock_unlock(&as->lock);
		(void)pthread_rwlock_wrlock(&as->lock);
		if (atomic_load(&as->len) >= FULL)
			close_arrivals(as);
		if (as->fd == -1 && state_file_may_try(&as->trouble))
			open_arrivals(as);
		good = as->fd != -1 && atomic_load(&as->len) < FULL;
		(void)pthread_rwlock_unlock(&as->lock);
		(void)pthread_rwlock_rdlock(&as->lock);
	}
	return as->fd != -1;
}

static uint32_t
sum_of(const struct record *r, const char *account, const char *xml)
{
	uint64_t	 h = HASH_EMPTY;

	h = hash_add(h, &r->account_len, sizeof(r->account_len));
	h = hash_add(h, &r->xml_len, sizeof(r->xml_len));
	h = hash_add(h, r->key, sizeof(r->key));
	h = hash_add(h, &r->received_ms, sizeof(r->received_ms));
	h = hash_add(h, account, r->account_len);
	/* The key is a digest of the XML: its ends show whether all of it is there. */
	h = hash_add(h, xml, r->xml_len < 16 ? r->xml_len : 16);
	if (r->xml_len > 16)
		h = hash_add(h, xml + r->xml_len - 16, 16);
	return (uint32_t)(h ^ h >> 32);
}

/* Appends a record.  False: the disk has not taken all of it. */
static bool
append(struct arrivals *as, const struct iovec v[3])
{
	const size_t	 len = v[0].iov_len + v[1].iov_len + v[2].iov_len;
	const ssize_t	 n = writev(as->fd, v, 3);

	if (n > 0)
		atomic_fetch_add(&as->len, n);
	return n >= 0 && (size_t)n == len;
}

/* A server keeps its file open; its threads append at the same time. */
static void
add_in_server(struct arrivals *as, const struct iovec v[3])
{
	bool	 good = true;

	(void)pthread_rwlock_rdlock(&as->lock);
	if (need_file(as))
		good = append(as, v);
	(void)pthread_rwlock_unlock(&as->lock);
	if (!good)
		note_trouble(as, as->dir, strerror(ENOSPC));
}

/* A CGI run opens the file for one record, while no other process has its name. */
static void
add_in_cgi(struct arrivals *as, const struct iovec v[3])
{
	char		 path[STATE_FILE_PATH];
	const char	*why = no_lock;
	struct lock	 name;

	path_of(path, as, SHARED);
	if (take_name(as, &name, SHARED)) {
		if ((why = open_path(as, path)) == NULL && !append(as, v))
			why = strerror(ENOSPC);
		close_descriptor(as);
		if (atomic_load(&as->len) >= FULL)
			rename_file(as, SHARED);
		lock_release(as->locks, &name, false);
	}
	note_trouble(as, path, why);
}

void
arrivals_add(struct arrivals *as, const struct arrival *a)
{
	struct record	 r = {
		.magic = MAGIC, .account_len = (uint32_t)a->account.len,
		.xml_len = (uint32_t)a->xml.len, .received_ms = a->received_ms,
	};
	struct iovec	 v[] = {
		{ &r, sizeof(r) }, { (void *)(uintptr_t)a->account.p, a->account.len },
		{ (void *)(uintptr_t)a->xml.p, a->xml.len },
	};

	memcpy(r.key, a->key, sizeof(r.key));
	r.sum = sum_of(&r, a->account.p, a->xml.p);
	if (as->life == STORE_SERVER)
		add_in_server(as, v);
	else
		add_in_cgi(as, v);
}

bool
arrivals_is_long(const struct arrivals *as)
{
	return atomic_load(&as->len) >= LONG;
}

/*
 * Files that are counted.
 */

bool
arrivals_is_file(const char *name)
{
	return strncmp(name, FILE_NAME, sizeof(FILE_NAME) - 1) == 0;
}

/* The number in the name of a file; *closed: nothing is added to it.  NOT_OURS: another name. */
static unsigned
owner_of(const char *name, bool *closed)
{
	char		*end;
	unsigned long	 n;

	if (!arrivals_is_file(name))
		return NOT_OURS;
	n = strtoul(name + sizeof(FILE_NAME) - 1, &end, 10);
	*closed = *end == '.';
	return (*end == '\0' || *closed) && n <= LOCK_OWNER_MAX ? (unsigned)n : NOT_OURS;
}

/* True: a process has the file open, and may add to it. */
static bool
is_in_use(const struct arrivals *as, unsigned owner)
{
	return owner != SHARED && lock_owner_lives(as->locks, owner);
}

/* Closes a file that no process has open: that of CGI runs, or of a process that has died. */
static void
close_left(const struct arrivals *as, unsigned owner)
{
	struct lock	 name;

	if (is_in_use(as, owner) || !take_name(as, &name, owner))
		return;
	/* A process that got the number meanwhile waits for the lock. */
	if (!is_in_use(as, owner))
		rename_file(as, owner);
	lock_release(as->locks, &name, false);
}

typedef void	 each_file(const struct arrivals *as, const char *name, unsigned owner, bool closed,
		    void *arg);

static void
walk_files(const struct arrivals *as, each_file *each, void *arg)
{
	DIR		*dir = opendir(as->dir);
	struct dirent	*e;
	unsigned	 owner;
	bool		 closed;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if ((owner = owner_of(e->d_name, &closed)) != NOT_OURS)
			each(as, e->d_name, owner, closed, arg);
	(void)closedir(dir);
}

static void
close_if_left(const struct arrivals *as, const char *name, unsigned owner, bool closed, void *arg)
{
	(void)name;
	(void)arg;
	if (!closed)
		close_left(as, owner);
}

/* Locks a closed file for counting.  False: another one has it, or has removed it. */
static bool
lock_file(const struct arrivals *as, struct arrivals_file *f, const char *name)
{
	unsigned char	 key[LOCK_KEY];

	lock_name(key, "arrivals", name);
	if (lock_take(as->locks, &f->lock, key, 0) != LOCK_MINE)
		return false;
	(void)snprintf(f->path, sizeof(f->path), "%s/%s", as->dir, name);
	if (access(f->path, F_OK) == 0)
		return true;
	lock_release(as->locks, &f->lock, false);
	return false;
}

/* Takes the first file that is free.  Their order does not matter: the store sorts by time. */
static void
take_if_closed(const struct arrivals *as, const char *name, unsigned owner, bool closed, void *arg)
{
	struct arrivals_file	*f = arg;

	(void)owner;
	if (closed && !f->is_taken)
		f->is_taken = lock_file(as, f, name);
}

bool
arrivals_take(struct arrivals *as, struct arrivals_file *f)
{
	(void)pthread_rwlock_wrlock(&as->lock);
	close_arrivals(as);
	(void)pthread_rwlock_unlock(&as->lock);
	walk_files(as, close_if_left, NULL);
	f->is_taken = false;
	f->at = 0;
	walk_files(as, take_if_closed, f);
	if (!f->is_taken)
		return false;
	buf_reset(&f->content);
	if (buf_read_file(&f->content, f->path, FILE_MAX) == 0)
		return true;
	note_trouble(as, f->path, strerror(errno));
	arrivals_release(as, f, false);
	return false;
}

/* True: a whole record begins there. */
static bool
read_record(const struct arrivals_file *f, size_t at, struct record *r, struct arrival *a)
{
	const size_t	 left = f->content.len - at;
	const char	*p = f->content.p + at;

	if (left < sizeof(*r))
		return false;
	memcpy(r, p, sizeof(*r));
	if (r->magic != MAGIC || r->account_len > left || r->xml_len > left ||
	    (size_t)r->account_len + r->xml_len > left - sizeof(*r) ||
	    r->sum != sum_of(r, p + sizeof(*r), p + sizeof(*r) + r->account_len))
		return false;
	a->account = (struct slice){ p + sizeof(*r), r->account_len };
	a->xml = (struct slice){ a->account.p + r->account_len, r->xml_len };
	a->received_ms = r->received_ms;
	memcpy(a->key, r->key, sizeof(a->key));
	return true;
}

bool
arrivals_next(const struct arrivals_file *f, size_t *at, struct arrival *a)
{
	struct record	 r;

	/* A record that is not whole is the last one of a full disk or of a power cut. */
	for (; *at < f->content.len; ++*at)
		if (read_record(f, *at, &r, a)) {
			*at += sizeof(r) + r.account_len + r.xml_len;
			return true;
		}
	return false;
}

void
arrivals_release(struct arrivals *as, struct arrivals_file *f, bool counted)
{
	if (!f->is_taken)
		return;
	if (counted)
		(void)unlink(f->path);
	lock_release(as->locks, &f->lock, false);
	buf_free(&f->content);
	f->is_taken = false;
}
