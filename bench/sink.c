/*
 * sink.c: a QT that says yes to everything, as fast as it can or after a delay.
 *
 *	sink [-lr] [-d MS] [-c CERT.pem -k KEY.pem]
 *
 * It listens on a free loopback port and prints the port's number.  It answers each request with
 * QT's success, MS milliseconds after the request came, and keeps the connection open.  With -c
 * and -k it speaks TLS.  With -r it is a relay: it answers `success`.  With -l (late) the port
 * refuses connections until SIGUSR1.  GET /count answers how many requests and connections there
 * were.  It has one thread and uses epoll.  The delay is the same for all requests, so those that
 * wait are a queue.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024, EVENTS = 256 };

struct conn {
	int		 fd;
	SSL		*ssl;		/* NULL: without TLS */
	size_t		 skip;		/* bytes of the body that have not come yet */
	bool		 in_body;
	bool		 is_count;	/* the request is GET /count */
	int64_t		 due;		/* when to answer, ns; 0: it does not wait */
	struct conn	*prev, *next;	/* in the queue of those that wait */
	size_t		 len;
	char		 head[HEAD_MAX + 1];
};

static int		 epoll_fd, listen_fd, timer_fd;
static SSL_CTX		*tls;
static int64_t		 delay_ns;
static struct conn	*first, *last;	/* of the queue */
static uint64_t		 requests, connections;

static const char	*success = "{\"code\":\"Httpapi_300_200\",\"message\":\"Report success\"}";

static void
fatal(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t
now_ns(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sets the timer to the time of the first one in the queue. */
static void
set_timer(void)
{
	struct itimerspec	 t = { 0 };

	if (first != NULL) {
		t.it_value.tv_sec = (time_t)(first->due / 1000000000);
		t.it_value.tv_nsec = (long)(first->due % 1000000000);
	}
	if (timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &t, NULL) == -1)
		fatal("timerfd_settime");
}

static void
queue_add(struct conn *c)
{
	c->due = now_ns() + delay_ns;
	c->next = NULL;
	c->prev = last;
	*(last == NULL ? &first : &last->next) = c;
	last = c;
	if (first == c)
		set_timer();
}

static void
queue_remove(struct conn *c)
{
	*(c->prev == NULL ? &first : &c->prev->next) = c->next;
	*(c->next == NULL ? &last : &c->next->prev) = c->prev;
	c->due = 0;
}

static void
conn_close(struct conn *c)
{
	if (c->due != 0)
		queue_remove(c);
	SSL_free(c->ssl);
	(void)close(c->fd);
	free(c);
}

/* The number of bytes; 0: nothing has come yet; -1: the connection has ended. */
static ssize_t
conn_read(struct conn *c, char *p, size_t len)
{
	ssize_t	 n;
	size_t	 got;

	if (c->ssl == NULL) {
		if ((n = recv(c->fd, p, len, 0)) > 0)
			return n;
		return n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	if (SSL_read_ex(c->ssl, p, len, &got) == 1)
		return (ssize_t)got;
	return SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* An answer is smaller than a socket's buffer: it is sent at once, or the connection has ended. */
static bool
conn_answer(struct conn *c)
{
	char	 count[128], out[512];
	size_t	 put;
	int	 len;

	(void)snprintf(count, sizeof(count), "{\"requests\":%llu,\"connections\":%llu}",
	    (unsigned long long)requests, (unsigned long long)connections);
	len = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s", strlen(c->is_count ? count : success),
	    c->is_count ? count : success);
	c->is_count = false;
	if (c->ssl == NULL)
		return send(c->fd, out, (size_t)len, MSG_NOSIGNAL) == len;
	return SSL_write_ex(c->ssl, out, (size_t)len, &put) == 1;
}

/* Reads request line and headers: how much of the body has not come yet? */
static void
parse_head(struct conn *c, size_t head_len)
{
	static const char	 name[] = "\r\nContent-Length:";
	const char		*p = c->head;
	size_t			 body = 0, had = c->len - head_len;

	for (; (p = strstr(p, "\r\n")) != NULL; p += 2)
		if (strncasecmp(p, name, sizeof(name) - 1) == 0)
			body = (size_t)strtoul(p + sizeof(name) - 1, NULL, 10);
	c->is_count = strncmp(c->head, "GET /count ", 11) == 0;
	c->in_body = true;
	c->skip = body > had ? body - had : 0;
	c->len = 0;
}

/* Handles the bytes that have come.  False: the connection has ended. */
static bool
conn_handle(struct conn *c)
{
	char	*end;

	if (!c->in_body) {
		c->head[c->len] = '\0';
		if ((end = strstr(c->head, "\r\n\r\n")) == NULL)
			return c->len < HEAD_MAX;
		*end = '\0';
		parse_head(c, (size_t)(end - c->head) + 4);
	} else {
		c->skip -= c->skip < c->len ? c->skip : c->len;
		c->len = 0;
	}
	if (c->skip > 0)
		return true;
	c->in_body = false;
	requests += !c->is_count;
	if (delay_ns == 0 || c->is_count)
		return conn_answer(c);
	if (c->due == 0)	/* no client sends a request before it has the last answer */
		queue_add(c);
	return true;
}

static void
conn_read_all(struct conn *c)
{
	ssize_t	 n;

	do {
		if ((n = conn_read(c, c->head + c->len, HEAD_MAX - c->len)) > 0)
			c->len += (size_t)n;
		if (n < 0 || (n > 0 && !conn_handle(c))) {
			conn_close(c);
			return;
		}
	} while (n > 0 && c->ssl != NULL && SSL_pending(c->ssl) > 0);
}

static void
conn_new(void)
{
	struct epoll_event	 e = { .events = EPOLLIN };
	struct conn		*c;
	int			 fd, one = 1;

	if ((fd = accept(listen_fd, NULL, NULL)) == -1)
		return;
	if ((c = malloc(sizeof(*c))) == NULL)
		fatal("malloc");
	memset(c, 0, offsetof(struct conn, head));
	c->fd = fd;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls != NULL) {
		if ((c->ssl = SSL_new(tls)) == NULL || SSL_set_fd(c->ssl, fd) != 1)
			fatal("SSL_new");
		SSL_set_accept_state(c->ssl);
	}
	connections++;
	e.data.ptr = c;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == -1)
		fatal("epoll_ctl");
}

static void
handle_timer(void)
{
	struct conn	*c;
	uint64_t	 times;
	int64_t		 now = now_ns();

	(void)!read(timer_fd, &times, sizeof(times));
	while ((c = first) != NULL && c->due <= now) {
		queue_remove(c);
		if (!conn_answer(c))
			conn_close(c);
	}
	set_timer();
}

static void
add_to_epoll(int fd, int *tag)
{
	struct epoll_event	 e = { .events = EPOLLIN, .data = { .ptr = tag } };

	if (fd == -1 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == -1)
		fatal("epoll_ctl");
}

static void
block_signal(sigset_t *set, int number)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, number);
	(void)sigprocmask(SIG_BLOCK, set, NULL);
}

static void
open_all(bool late)
{
	struct sockaddr_in	 a = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(a);
	sigset_t		 go;
	int			 number;

	block_signal(&go, SIGUSR1);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	epoll_fd = epoll_create1(0);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listen_fd, (struct sockaddr *)&a, len) == -1 ||
	    getsockname(listen_fd, (struct sockaddr *)&a, &len) == -1 ||
	    (!late && listen(listen_fd, 1024) == -1))
		fatal("listen");
	(void)printf("%d\n", ntohs(a.sin_port));
	(void)fflush(stdout);
	if (late && (sigwait(&go, &number) != 0 || listen(listen_fd, 1024) == -1))
		fatal("listen");
	(void)fcntl(listen_fd, F_SETFL, O_NONBLOCK);
	add_to_epoll(timer_fd, &timer_fd);
	add_to_epoll(listen_fd, &listen_fd);
}

static void
serve_events(void)
{
	struct epoll_event	 e[EVENTS];
	int			 i, n;

	for (;;) {
		n = epoll_wait(epoll_fd, e, EVENTS, -1);
		/* The timer is last: it may close a connection that has an event in e. */
		for (i = 0; i < n; i++) {
			if (e[i].data.ptr == &listen_fd)
				conn_new();
			else if (e[i].data.ptr != &timer_fd)
				conn_read_all(e[i].data.ptr);
		}
		for (i = 0; i < n; i++)
			if (e[i].data.ptr == &timer_fd)
				handle_timer();
	}
}

int
main(int argc, char **argv)
{
	const char	*cert = NULL, *key = NULL;
	bool		 late = false;
	int		 opt;

	while ((opt = getopt(argc, argv, "lrd:c:k:")) != -1)
		switch (opt) {
		case 'l':
			late = true;
			break;
		case 'r':
			success = "success";
			break;
		case 'd':
			delay_ns = (int64_t)atoi(optarg) * 1000000;
			break;
		case 'c':
			cert = optarg;
			break;
		case 'k':
			key = optarg;
			break;
		default:
			(void)fprintf(stderr, "usage: sink [-lr] [-d MS] [-c CERT -k KEY]\n");
			return 2;
		}
	(void)signal(SIGPIPE, SIG_IGN);
	if (cert != NULL && key != NULL &&
	    ((tls = SSL_CTX_new(TLS_server_method())) == NULL ||
	    SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1))
		fatal("certificate");
	open_all(late);
	serve_events();
}
