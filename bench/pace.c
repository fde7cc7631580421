/*
 * pace.c: WeChat at a fixed pace.
 *
 *	pace PORT PATH FILE AT RATE SECONDS
 *
 * It posts what is in FILE (see push.py) from byte AT on to PATH at a loopback port, RATE pushes a
 * second, whether the earlier ones are answered or not.  A push that has to wait for its turn is
 * late, and that counts as a part of its time.  It prints one line of JSON, which push.lua
 * explains.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 16, PUSH_MAX = 64 * 1024 };

static const char	*path;
static uint16_t		 port;
static double		 rate, begin_s;
static long		 count;
static FILE		*pushes;
static double		*took_ms;	/* of each push */
static pthread_mutex_t	 lock = PTHREAD_MUTEX_INITIALIZER;	/* of pushes */
static _Atomic long	 next, bad;

static double
now_s(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
sleep_until(double at)
{
	const struct timespec	 t = { (time_t)at, (long)((at - (double)(time_t)at) * 1e9) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

/* Reads the next push; 0: there is no other. */
static size_t
read_push(char *to)
{
	unsigned char	 head[4];
	size_t		 len = 0, n;

	n = (size_t)snprintf(to, 1024, "POST %s?", path);
	(void)pthread_mutex_lock(&lock);
	if (fread(head, 1, 4, pushes) == 4)
		len = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
	if (len == 0 || len > PUSH_MAX - 1024 || fread(to + n, 1, len, pushes) != len)
		n = len = 0;
	(void)pthread_mutex_unlock(&lock);
	return n + len;
}

static int
connect_web(void)
{
	const struct sockaddr_in	 at = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int				 fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)&at, sizeof(at)) == -1) {
		perror("pace");
		exit(2);
	}
	return fd;
}

/* Sends one push.  True: the answer is `success`. */
static bool
post(int fd, const char *push, size_t len)
{
	static const char	 end[] = "\r\n\r\n", success[] = "success";
	char			 in[4096 + 1], *body = NULL;
	size_t			 n = 0;
	ssize_t			 got;

	if (send(fd, push, len, MSG_NOSIGNAL) != (ssize_t)len)
		return false;
	while (body == NULL || strlen(body) < sizeof(end) - 1 + sizeof(success) - 1) {
		if (n == sizeof(in) - 1 || (got = recv(fd, in + n, sizeof(in) - 1 - n, 0)) <= 0)
			return false;
		n += (size_t)got;
		in[n] = '\0';
		body = strstr(in, end);
	}
	return strncmp(in, "HTTP/1.1 200", 12) == 0 && strcmp(body + 4, success) == 0;
}

static void *
post_in_time(void *arg)
{
	char	*push = arg;
	size_t	 len;
	long	 i;
	int	 fd = connect_web();

	while ((i = atomic_fetch_add(&next, 1)) < count) {
		len = read_push(push);
		sleep_until(begin_s + (double)i / rate);
		if (len == 0 || !post(fd, push, len)) {
			atomic_fetch_add(&bad, 1);
			(void)close(fd);
			fd = connect_web();
		}
		took_ms[i] = (now_s() - begin_s - (double)i / rate) * 1e3;
	}
	(void)close(fd);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	const double	 x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static char	 buffers[THREADS][PUSH_MAX];
	pthread_t	 threads[THREADS];
	int		 i;

	if (argc != 7 || (pushes = fopen(argv[3], "rb")) == NULL ||
	    fseek(pushes, atol(argv[4]), SEEK_SET) == -1 || (rate = atof(argv[5])) <= 0 ||
	    (count = (long)(rate * atof(argv[6]))) < 1 ||
	    (took_ms = calloc((size_t)count, sizeof(*took_ms))) == NULL) {
		(void)fprintf(stderr, "usage: pace PORT PATH FILE AT RATE SECONDS\n");
		return 2;
	}
	port = (uint16_t)atoi(argv[1]);
	path = argv[2];
	begin_s = now_s() + 0.05;
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, post_in_time, buffers[i]) != 0)
			return 2;
	for (i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	qsort(took_ms, (size_t)count, sizeof(*took_ms), compare);
	(void)printf("{\"requests\":%ld,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
	    "\"bad\":%ld,\"at\":%ld}\n", count, took_ms[count / 2], took_ms[count * 99 / 100],
	    took_ms[count - 1], atomic_load(&bad), ftell(pushes));
	return 0;
}
