/*
 * syncs.c: a library for LD_PRELOAD.  It counts a program's calls of fsync(2) and fdatasync(2), and
 * the bytes that it gives to pwrite(2).  The two counts, eight bytes each, are in the file that
 * BENCH_SYNCS names.
 */
#define _DEFAULT_SOURCE	/* for syscall() */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic uint64_t	*count;		/* of syncs, then of bytes */

static void __attribute__((constructor))
map_count(void)
{
	const char	*path = getenv("BENCH_SYNCS");
	void		*at;
	int		 fd;

	if (path == NULL || (fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return;
	at = mmap(NULL, 2 * sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		count = at;
	(void)close(fd);
}

static int
count_sync(long number, int fd)
{
	if (count != NULL)
		atomic_fetch_add(count, 1);
	return (int)syscall(number, fd);
}

int
fsync(int fd)
{
	return count_sync(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return count_sync(SYS_fdatasync, fd);
}

static ssize_t
count_bytes(int fd, const void *bytes, size_t n, off_t at)
{
	if (count != NULL)
		atomic_fetch_add(&count[1], n);
	return (ssize_t)syscall(SYS_pwrite64, fd, bytes, n, at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return count_bytes(fd, bytes, n, at);
}

/* SQLite may call it by this name. */
ssize_t	 pwrite64(int fd, const void *bytes, size_t n, off_t at);

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
	return count_bytes(fd, bytes, n, at);
}
