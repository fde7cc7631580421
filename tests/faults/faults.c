/*
 * faults.c: a library to preload.  It counts the calls with which a program writes below
 * one directory, and lets them fail, or the process die in them, while it runs.
 *
 * What is wanted stands in a file of struct control, named by FAULTS_CONTROL when the
 * process starts and shared by all that were started with it; tests/torture/faults.py
 * is the other side.  The system is called directly: there is no other library whose
 * functions would have to be found first.
 */
#define _GNU_SOURCE	/* syscall, open64 and its kind */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE, SYNC, TRUNCATE, OPEN, NAME, KINDS };

enum { LOCK = KINDS };	/* a bit of kinds: it fails, but it is no call that is counted */

enum mode {
	COUNT,		/* nothing but counting */
	FAIL,		/* with `error`, from call number `at` on */
	KILL_BEFORE,	/* at call number `at` */
	KILL_WITHIN,	/* half of it done, or all where it has no halves */
	KILL_DARK	/* before it, and the test takes the synced images: power is gone */
};

enum fate { PASS, FAILS, DIES_WITHIN };

enum { DIR_MAX = 1024, CHUNK = 64 * 1024 };

struct control {
	_Atomic uint64_t	 mode;
	_Atomic uint64_t	 kinds;		/* bits of enum kind: which of them fail */
	_Atomic uint64_t	 error;
	_Atomic uint64_t	 at;
	_Atomic uint64_t	 sync_ms;	/* a slow disk: what a sync takes at least */
	_Atomic uint64_t	 calls;		/* so far, of every kind */
	_Atomic uint64_t	 count[KINDS];
	_Atomic uint64_t	 disk;		/* the size of a small disk; 0: the real one */
	_Atomic uint64_t	 others;	/* what others' files take of it */
	_Atomic uint64_t	 no_inodes;	/* not 0: no further file can be made */
	char			 directory[DIR_MAX];
	char			 images[DIR_MAX];	/* "" or where synced files are copied to */
};

static struct control	*control;

static void __attribute__((constructor))
begin(void)
{
	const char	*path = getenv("FAULTS_CONTROL");
	void		*at;
	int		 fd;

	if (path == NULL || (fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC)) == -1)
		return;
	at = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		control = at;
	(void)close(fd);
}

static void
die(void)
{
	for (;;)
		(void)syscall(SYS_kill, getpid(), SIGKILL);
}

static bool
is_below(const char *path)
{
	size_t	 len = strlen(control->directory);

	return len != 0 && strncmp(path, control->directory, len) == 0 &&
	    (path[len] == '/' || path[len] == '\0');
}

/* The path of an open file; false if it is none of ours. */
static bool
path_of(char path[DIR_MAX], int fd)
{
	char	 link[32];
	ssize_t	 n;

	if (control == NULL)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if ((n = readlink(link, path, DIR_MAX - 1)) <= 0)
		return false;
	path[n] = '\0';
	return is_below(path);
}

/* Counts the call and says what is to become of it; errno is set where it fails. */
static enum fate
judge(enum kind kind)
{
	uint64_t	 n, at = atomic_load(&control->at);

	(void)atomic_fetch_add(&control->count[kind], 1);
	n = atomic_fetch_add(&control->calls, 1) + 1;
	switch ((enum mode)atomic_load(&control->mode)) {
	case COUNT:
		break;
	case FAIL:
		if (n < at || (atomic_load(&control->kinds) >> kind & 1) == 0)
			break;
		errno = (int)atomic_load(&control->error);
		return FAILS;
	case KILL_BEFORE:
	case KILL_DARK:
		if (n == at)
			die();
		break;
	case KILL_WITHIN:
		if (n == at)
			return DIES_WITHIN;
		break;
	}
	return PASS;
}

static enum fate
judge_fd(enum kind kind, int fd)
{
	char	 path[DIR_MAX];

	return path_of(path, fd) ? judge(kind) : PASS;
}

static enum fate
judge_path(enum kind kind, const char *path)
{
	return control != NULL && is_below(path) ? judge(kind) : PASS;
}

/* What a call returned, unless the process is to die of it. */
static long
done(enum fate fate, long rc)
{
	if (fate == DIES_WITHIN)
		die();
	return rc;
}

/*
 * A small disk: the files below the directory, and others', must fit on it.  A call is made, and
 * undone if they do not fit any more.
 */

/* What the files take, holes not counted. */
static uint64_t
disk_used(void)
{
	struct dirent	*entry;
	struct stat	 st;
	uint64_t	 n = 0;
	DIR		*d;

	if ((d = opendir(control->directory)) == NULL)
		return 0;
	while ((entry = readdir(d)) != NULL)
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			n += (uint64_t)st.st_blocks * 512;
	(void)closedir(d);
	return n;
}

static uint64_t
disk_free(void)
{
	const uint64_t	 all = atomic_load(&control->disk);
	const uint64_t	 taken = disk_used() + atomic_load(&control->others);

	return taken < all ? all - taken : 0;
}

struct growing {
	struct stat	 before;
	bool		 watched;
};

static struct growing
disk_begin(int fd)
{
	char		 path[DIR_MAX];
	struct growing	 g = { .watched = false };

	if (control != NULL && atomic_load(&control->disk) != 0 && path_of(path, fd))
		g.watched = fstat(fd, &g.before) == 0;
	return g;
}

/* False: it did not fit, and what was written from `at` on is gone again. */
static bool
disk_end(const struct growing *g, int fd, off_t at, off_t len)
{
	struct stat	 st;

	if (!g->watched || fstat(fd, &st) == -1 || st.st_blocks <= g->before.st_blocks ||
	    disk_used() + atomic_load(&control->others) <= atomic_load(&control->disk))
		return true;
	if (st.st_size > g->before.st_size)
		(void)syscall(SYS_ftruncate, fd, g->before.st_size);
	else
		(void)syscall(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
	errno = ENOSPC;
	return false;
}

/* What the system does, or the C library where the system cannot: a byte in each block. */
static int
do_fallocate(int fd, off_t at, off_t len)
{
	const struct growing	 g = disk_begin(fd);
	const off_t		 end = at + len;

	if (judge_fd(TRUNCATE, fd) == FAILS)
		return errno;
	if (syscall(SYS_fallocate, fd, 0, at, len) == -1) {
		if (errno != EOPNOTSUPP)
			return errno;
		for (; at < end; at += 512)
			(void)syscall(SYS_pwrite64, fd, "", 1, at);
	}
	return disk_end(&g, fd, end - len, len) ? 0 : ENOSPC;
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	return do_fallocate(fd, at, len);
}

int
posix_fallocate64(int fd, off64_t at, off64_t len)
{
	return do_fallocate(fd, at, len);
}

static int
do_statvfs(const char *path, struct statvfs *v)
{
	struct statfs	 fs;

	if (syscall(SYS_statfs, path, &fs) == -1)
		return -1;
	*v = (struct statvfs){
		.f_bsize = (unsigned long)fs.f_bsize, .f_frsize = (unsigned long)fs.f_bsize,
		.f_blocks = fs.f_blocks, .f_bfree = fs.f_bfree, .f_bavail = fs.f_bavail,
		.f_files = fs.f_files, .f_ffree = fs.f_ffree, .f_favail = fs.f_ffree,
		.f_namemax = 255,
	};
	if (control == NULL || !is_below(path))
		return 0;
	if (atomic_load(&control->disk) != 0) {
		v->f_frsize = 1;
		v->f_blocks = atomic_load(&control->disk);
		v->f_bfree = v->f_bavail = disk_free();
	}
	if (atomic_load(&control->no_inodes) != 0)
		v->f_ffree = v->f_favail = 0;
	return 0;
}

int
statvfs(const char *path, struct statvfs *v)
{
	return do_statvfs(path, v);
}

/* Where off_t has 64 bits both are the same. */
int
statvfs64(const char *path, struct statvfs64 *v)
{
	return do_statvfs(path, (struct statvfs *)(void *)v);
}

static ssize_t
do_write(int fd, const void *data, size_t len)
{
	enum fate	 fate = judge_fd(WRITE, fd);

	if (fate == FAILS)
		return -1;
	return done(fate, syscall(SYS_write, fd, data, fate == DIES_WITHIN ? len / 2 : len));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	return do_write(fd, data, len);
}

/* Of a vector the first half is the first of its parts. */
ssize_t
writev(int fd, const struct iovec *v, int n)
{
	enum fate	 fate = judge_fd(WRITE, fd);

	if (fate == FAILS)
		return -1;
	return done(fate, syscall(SYS_writev, fd, v, fate == DIES_WITHIN ? (n + 1) / 2 : n));
}

static ssize_t
do_pwrite(int fd, const void *data, size_t len, off_t at)
{
	enum fate		 fate = judge_fd(WRITE, fd);

	const struct growing	 g = disk_begin(fd);
	long			 rc;

	if (fate == FAILS)
		return -1;
	rc = syscall(SYS_pwrite64, fd, data, fate == DIES_WITHIN ? len / 2 : len, at);
	return done(fate, disk_end(&g, fd, at, (off_t)len) ? rc : -1);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return do_pwrite(fd, data, len, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return do_pwrite(fd, data, len, at);
}

static int
do_truncate(int fd, off_t len)
{
	enum fate	 fate = judge_fd(TRUNCATE, fd);

	if (fate == FAILS)
		return -1;
	return (int)done(fate, syscall(SYS_ftruncate, fd, len));
}

int
ftruncate(int fd, off_t len)
{
	return do_truncate(fd, len);
}

int
ftruncate64(int fd, off64_t len)
{
	return do_truncate(fd, len);
}

/* Names in the directory of images. */
static void
image_name(char name[PATH_MAX], const char *path, const char *end)
{
	const char	*slash = strrchr(path, '/');

	(void)snprintf(name, PATH_MAX, "%s/%s%s", control->images, slash + 1, end);
}

/* The file as it is before a sync: that much is safe after it. */
static void
image_take(int fd, const char *path)
{
	static char	 data[CHUNK];
	char		 name[PATH_MAX];
	off_t		 at = 0;
	ssize_t		 n;
	int		 out;

	image_name(name, path, ".new");
	out = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while ((n = pread(fd, data, sizeof(data), at)) > 0) {
		(void)syscall(SYS_write, out, data, n);
		at += n;
	}
	(void)close(out);
}

static void
image_keep(const char *path)
{
	char	 from[PATH_MAX], to[PATH_MAX];

	image_name(from, path, ".new");
	image_name(to, path, "");
	(void)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

/* The directory is synced: what was removed from it stays removed. */
static void
images_prune(void)
{
	char		 name[PATH_MAX];
	struct dirent	*entry;
	DIR		*images;

	if ((images = opendir(control->images)) == NULL)
		return;
	while ((entry = readdir(images)) != NULL) {
		(void)snprintf(name, sizeof(name), "%s/%s", control->directory, entry->d_name);
		if (access(name, F_OK) == -1)
			(void)syscall(SYS_unlinkat, dirfd(images), entry->d_name, 0);
	}
	(void)closedir(images);
}

static void
rest(uint64_t ms)
{
	struct timespec	 t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	if (ms != 0)
		(void)nanosleep(&t, NULL);
}

static int
do_sync(int fd, long call)
{
	static atomic_flag	 busy = ATOMIC_FLAG_INIT;
	char			 path[DIR_MAX];
	enum fate		 fate;
	bool			 file;
	long			 rc;

	if (!path_of(path, fd))
		return (int)syscall(call, fd);
	if ((fate = judge(SYNC)) == FAILS)
		return -1;
	rest(atomic_load(&control->sync_ms));
	if (control->images[0] == '\0')
		return (int)done(fate, syscall(call, fd));
	file = strcmp(path, control->directory) != 0;
	while (atomic_flag_test_and_set(&busy))
		;
	if (file)
		image_take(fd, path);
	rc = syscall(call, fd);
	if (rc == 0 && file)
		image_keep(path);
	else if (rc == 0)
		images_prune();
	atomic_flag_clear(&busy);
	return (int)done(fate, rc);
}

int
fsync(int fd)
{
	return do_sync(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return do_sync(fd, SYS_fdatasync);
}

int
unlink(const char *path)
{
	enum fate	 fate = judge_path(NAME, path);

	if (fate == FAILS)
		return -1;
	return (int)done(fate, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int
rename(const char *from, const char *to)
{
	enum fate	 fate = judge_path(NAME, from);
	char		 image_from[PATH_MAX], image_to[PATH_MAX];
	long		 rc;

	if (fate == FAILS)
		return -1;
	rc = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
	if (rc == 0 && control != NULL && control->images[0] != '\0' && is_below(from)) {
		image_name(image_from, from, "");
		image_name(image_to, to, "");
		(void)syscall(SYS_renameat, AT_FDCWD, image_from, AT_FDCWD, image_to);
	}
	return (int)done(fate, rc);
}

/* Opening counts where it is for writing; O_TMPFILE is not in use. */
static int
do_open(int dir, const char *path, int flags, va_list more)
{
	mode_t		 mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
	bool		 writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
	enum fate	 fate = writes ? judge_path(OPEN, path) : PASS;

	if (fate == FAILS)
		return -1;
	if ((flags & O_CREAT) != 0 && control != NULL && is_below(path) &&
	    atomic_load(&control->no_inodes) != 0 && faccessat(dir, path, F_OK, 0) == -1) {
		errno = ENOSPC;
		return -1;
	}
	return (int)done(fate, syscall(SYS_openat, dir, path, flags, mode));
}

int
open(const char *path, int flags, ...)
{
	va_list	 more;
	int	 fd;

	va_start(more, flags);
	fd = do_open(AT_FDCWD, path, flags, more);
	va_end(more);
	return fd;
}

int
open64(const char *path, int flags, ...)
{
	va_list	 more;
	int	 fd;

	va_start(more, flags);
	fd = do_open(AT_FDCWD, path, flags, more);
	va_end(more);
	return fd;
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list	 more;
	int	 fd;

	va_start(more, flags);
	fd = do_open(dir, path, flags, more);
	va_end(more);
	return fd;
}

int
openat64(int dir, const char *path, int flags, ...)
{
	va_list	 more;
	int	 fd;

	va_start(more, flags);
	fd = do_open(dir, path, flags, more);
	va_end(more);
	return fd;
}

/* A file system without locks. */
static int
do_fcntl(int fd, int what, void *arg)
{
	char	 path[DIR_MAX];

	if ((what == F_SETLK || what == F_SETLKW) && path_of(path, fd) &&
	    atomic_load(&control->mode) == FAIL && (atomic_load(&control->kinds) >> LOCK & 1) != 0) {
		errno = (int)atomic_load(&control->error);
		return -1;
	}
	return (int)syscall(SYS_fcntl, fd, what, arg);
}

int
fcntl(int fd, int what, ...)
{
	va_list	 ap;
	void	*arg;

	va_start(ap, what);
	arg = va_arg(ap, void *);
	va_end(ap);
	return do_fcntl(fd, what, arg);
}

int
fcntl64(int fd, int what, ...)
{
	va_list	 ap;
	void	*arg;

	va_start(ap, what);
	arg = va_arg(ap, void *);
	va_end(ap);
	return do_fcntl(fd, what, arg);
}
