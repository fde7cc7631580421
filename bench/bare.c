/*
 * bare.c: how fast a program can be that does nothing but keep messages on disk.
 *
 *	bare FILE BYTES EACH SECONDS
 *
 * It writes BYTES for a message, and after EACH messages calls fdatasync(2), for SECONDS.  The file
 * has its blocks already: it is written over from its beginning again and again, as SQLite does
 * with its WAL.  It prints the messages a second.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES = 8 << 20, BYTES_MAX = 1 << 20 };

static char	 bytes[BYTES_MAX];

static double
now_s(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
write_at(int fd, size_t n, off_t at)
{
	if (pwrite(fd, bytes, n, at) != (ssize_t)n) {
		perror("bare");
		exit(2);
	}
}

static void
sync_file(int fd)
{
	if (fdatasync(fd) == -1) {
		perror("bare");
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	const size_t	 size = argc == 5 ? (size_t)atol(argv[2]) : 0;
	const long	 each = argc == 5 ? atol(argv[3]) : 0;
	double		 begin, end;
	long		 i, n = 0;
	off_t		 at;
	int		 fd;

	if (size == 0 || size > BYTES_MAX || each <= 0) {
		(void)fprintf(stderr, "usage: bare FILE BYTES EACH SECONDS\n");
		return 2;
	}
	if ((fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600)) == -1) {
		perror(argv[1]);
		return 2;
	}
	memset(bytes, 'x', sizeof(bytes));
	for (at = 0; at < FILE_BYTES; at += BYTES_MAX)
		write_at(fd, BYTES_MAX, at);
	sync_file(fd);
	at = 0;
	begin = end = now_s();
	while (end < begin + atof(argv[4])) {
		for (i = 0; i < each; i++, at += (off_t)size) {
			if (at + (off_t)size > FILE_BYTES)
				at = 0;
			write_at(fd, size, at);
		}
		sync_file(fd);
		n += each;
		end = now_s();
	}
	(void)printf("%.0f\n", (double)n / (end - begin));
	return 0;
}
