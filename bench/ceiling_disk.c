/*
 * ceiling_disk.c: a FastCGI program that does the least that a program must do which answers when
 * the disk has what it was sent.  It reads the body, appends it to FILE together with those of all
 * requests that wait at this moment, writes them through with one fdatasync, and answers `success`.
 *	ceiling_disk THREADS FILE
 */
#include <fcgiapp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 64 * 1024 };

/* Bodies that are written through together. */
struct group {
	char	*p;
	size_t	 len, cap;
};

static struct {
	pthread_mutex_t	 lock;
	pthread_cond_t	 written;
	struct group	 next, current;	/* what waits; what is being written */
	unsigned long	 number, done;	/* of the group that waits; groups on disk */
	bool		 busy;		/* a thread writes */
	int		 fd;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .written = PTHREAD_COND_INITIALIZER, .number = 1 };

static void
append_body(struct group *g, const char *p, size_t len)
{
	if (g->cap - g->len < len) {
		g->cap = (g->cap + len) * 2;
		if ((g->p = realloc(g->p, g->cap)) == NULL)
			exit(1);
	}
	memcpy(g->p + g->len, p, len);
	g->len += len;
}

/* Writes what waits; disk.lock is held before and after. */
static void
write_group(void)
{
	const struct group	 written = disk.current;
	const unsigned long	 number = disk.number++;

	disk.current = disk.next;
	disk.next = written;
	disk.next.len = 0;
	disk.busy = true;
	(void)pthread_mutex_unlock(&disk.lock);
	if (write(disk.fd, disk.current.p, disk.current.len) != (ssize_t)disk.current.len ||
	    fdatasync(disk.fd) != 0)
		exit(1);
	(void)pthread_mutex_lock(&disk.lock);
	disk.busy = false;
	disk.done = number;
	(void)pthread_cond_broadcast(&disk.written);
}

static void
keep_body(const char *p, size_t len)
{
	unsigned long	 mine;

	(void)pthread_mutex_lock(&disk.lock);
	append_body(&disk.next, p, len);
	mine = disk.number;
	while (disk.done < mine)
		if (disk.busy)
			(void)pthread_cond_wait(&disk.written, &disk.lock);
		else
			write_group();
	(void)pthread_mutex_unlock(&disk.lock);
}

static void *
serve_requests(void *arg)
{
	static _Thread_local char	 body[BODY_MAX];
	FCGX_Request			 r;
	const char			*length;
	long				 len;

	(void)arg;
	if (FCGX_InitRequest(&r, 0, 0) != 0)
		exit(1);
	while (FCGX_Accept_r(&r) >= 0) {
		length = FCGX_GetParam("CONTENT_LENGTH", r.envp);
		len = length == NULL ? 0 : strtol(length, NULL, 10);
		if (len > 0 && len <= BODY_MAX)
			keep_body(body, (size_t)FCGX_GetStr(body, (int)len, r.in));
		(void)FCGX_PutS("Content-Type: text/plain; charset=utf-8\r\n"
		    "Content-Length: 7\r\n\r\nsuccess", r.out);
		FCGX_Finish_r(&r);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t	 t;
	long		 threads;

	if (argc != 3 || (threads = strtol(argv[1], NULL, 10)) < 1) {
		(void)fprintf(stderr, "usage: ceiling_disk THREADS FILE\n");
		return 2;
	}
	disk.fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (disk.fd == -1 || FCGX_Init() != 0)
		return 1;
	while (--threads > 0)
		if (pthread_create(&t, NULL, serve_requests, NULL) != 0)
			return 1;
	(void)serve_requests(NULL);
	return 0;
}
