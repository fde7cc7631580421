#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

enum {
	CONNECTIONS = 256,	/* at most, in the life of a peer */
	REQUEST_MAX = 4096,	/* bytes, head and body */
	SAYINGS = 8,		/* at most, of peer_say() */
	LONG = 64 * 1024 + 1	/* bytes of the body of /long */
};

/* One connection and the thread that serves it. */
struct link {
	struct peer	*peer;
	pthread_t	 thread;
	int		 fd;
	SSL		*tls;			/* NULL: plain HTTP */
	int		 requests;		/* read so far */
	char		 in[REQUEST_MAX + 1];
	size_t		 len;
};

/* The answer that peer_say() has set for all targets with the same beginning. */
struct saying {
	const char	*begin, *status, *body;
	bool		 held;			/* until peer_open() */
	int		 asked;			/* requests for it */
	char		 target[PEER_TARGET];	/* of the last request */
};

struct peer {
	int		 fd;
	unsigned	 port;
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	bool		 open;			/* peer_open() was called */
	const char	*now;
	struct saying	 sayings[SAYINGS];
	size_t		 nsayings;
	SSL_CTX		*tls;			/* NULL: plain HTTP */
	bool		 ending;
	int		 requests;
	int		 n;
	struct link	*links[CONNECTIONS];
};

struct request {
	char		 target[PEER_TARGET];
	char		 path[32];		/* the target without its query */
	struct slice	 head, body;
};

static ssize_t
receive_bytes(const struct link *l, char *p, size_t size)
{
	return l->tls != NULL ? SSL_read(l->tls, p, (int)size) : recv(l->fd, p, size, 0);
}

static void
send_bytes(const struct link *l, const char *p, size_t len)
{
	ssize_t	 n;

	for (; len != 0; p += n, len -= (size_t)n)
		if ((n = l->tls != NULL ? SSL_write(l->tls, p, (int)len) :
		    send(l->fd, p, len, MSG_NOSIGNAL)) <= 0)
			return;
}

static void
send_answer(const struct link *l, const char *status, struct slice body)
{
	char	 head[128];

	(void)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", status,
	    body.len);
	send_bytes(l, head, strlen(head));
	send_bytes(l, body.p, body.len);
}

static bool
do_ok(struct link *l, const struct request *r)
{
	send_answer(l, "200 OK", r->body);
	return true;
}

static void
await_open(struct peer *p)
{
	(void)pthread_mutex_lock(&p->lock);
	while (!p->open)
		(void)pthread_cond_wait(&p->changed, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
}

static bool
do_gate(struct link *l, const struct request *r)
{
	await_open(l->peer);
	return do_ok(l, r);
}

static bool
do_later(struct link *l, const struct request *r)
{
	send_answer(l, "503 Busy\r\nRetry-After: 7", r->body);
	return true;
}

static bool
do_moved(struct link *l, const struct request *r)
{
	send_answer(l, "302 Found\r\nLocation: /ok", r->body);
	return true;
}

static void
answer_x(const struct link *l, size_t len)
{
	char	*x = malloc(len);

	if (x == NULL)
		return;
	memset(x, 'x', len);
	send_answer(l, "200 OK", (struct slice){ x, len });
	free(x);
}

static bool
do_long(struct link *l, const struct request *r)
{
	(void)r;
	answer_x(l, LONG);
	return true;
}

static bool
do_full(struct link *l, const struct request *r)
{
	(void)r;
	answer_x(l, LONG - 1);
	return true;
}

static bool
do_silent(struct link *l, const struct request *r)
{
	char	 c;

	(void)r;
	while (receive_bytes(l, &c, 1) > 0)
		;
	return false;
}

static bool
do_cut(struct link *l, const struct request *r)
{
	(void)l, (void)r;
	return false;
}

static bool
do_half(struct link *l, const struct request *r)
{
	static const char	 half[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";

	(void)r;
	send_bytes(l, half, sizeof(half) - 1);
	return false;
}

static bool
do_once(struct link *l, const struct request *r)
{
	return l->requests == 1 && do_ok(l, r);
}

static bool
do_last(struct link *l, const struct request *r)
{
	(void)r;
	(void)shutdown(l->peer->fd, SHUT_RDWR);	/* the port stays taken, but refuses connections */
	return false;
}

static bool
do_code(struct link *l, const struct request *r)
{
	(void)r;
	send_answer(l, "200 OK", slice_of("{\"code\":\"Httpapi_300_200\"}"));
	return true;
}

static bool
do_wait(struct link *l, const struct request *r)
{
	await_open(l->peer);
	return do_code(l, r);
}

static bool
do_secret(struct link *l, const struct request *r)
{
	(void)r;
	send_answer(l, "200 OK", slice_of("{\"code\":\"Httpapi_300_101\"}"));
	return true;
}

static bool
do_event(struct link *l, const struct request *r)
{
	(void)r;
	send_answer(l, "200 OK", slice_of("{\"code\":\"Httpapi_300_105\"}"));
	return true;
}

static bool
do_union(struct link *l, const struct request *r)
{
	(void)r;
	send_answer(l, "200 OK", slice_of("{\"code\":\"Httpapi_300_110\"}"));
	return true;
}

static bool
do_head(struct link *l, const struct request *r)
{
	send_answer(l, "200 OK", r->head);
	return true;
}

/* The acts.  One that returns false ends the connection. */
static const struct {
	const char	*path;
	bool		 (*act)(struct link *l, const struct request *r);
} acts[] = {
	{ "/ok", do_ok },
	{ "/gate", do_gate },
	{ "/later", do_later },
	{ "/moved", do_moved },
	{ "/long", do_long },
	{ "/full", do_full },
	{ "/silent", do_silent },
	{ "/cut", do_cut },
	{ "/half", do_half },
	{ "/once", do_once },
	{ "/last", do_last },
	{ "/code", do_code },
	{ "/wait", do_wait },
	{ "/secret", do_secret },
	{ "/event", do_event },
	{ "/union", do_union },
	{ "/head", do_head },
};

/* The number in the head's Content-Length; 0: it has no such field. */
static size_t
body_length(const char *head, const char *end)
{
	static const char	 name[] = "\r\nContent-Length:";
	const char		*p;

	for (p = head; p < end; p++)
		if (strncasecmp(p, name, sizeof(name) - 1) == 0)
			return (size_t)strtoul(p + sizeof(name) - 1, NULL, 10);
	return 0;
}

/* False: the peer has closed the connection, or it sends something else than a request. */
static bool
read_request(struct link *l, struct request *r)
{
	char	*end = NULL;
	size_t	 need = 0;
	ssize_t	 n;

	for (l->len = 0; end == NULL || l->len < need; l->len += (size_t)n) {
		if ((n = receive_bytes(l, l->in + l->len, REQUEST_MAX - l->len)) <= 0)
			return false;
		l->in[l->len + (size_t)n] = '\0';
		if (strchr("CGP", l->in[0]) == NULL)	/* perhaps TLS */
			return false;
		if (end == NULL && (end = strstr(l->in, "\r\n\r\n")) != NULL)
			need = (size_t)(end + 4 - l->in) + body_length(l->in, end);
	}
	r->head = (struct slice){ l->in, (size_t)(end + 4 - l->in) };
	r->body = (struct slice){ end + 4, need - r->head.len };
	l->requests++;
	return sscanf(l->in, "%*[A-Z] %4095s ", r->target) == 1 &&
	    sscanf(r->target, "%31[^?]", r->path) == 1;
}

/* The saying with the longest beginning of a target; NULL: no saying.  Needs the lock. */
static struct saying *
saying_of(struct peer *p, const char *target)
{
	struct saying	*s, *found = NULL;

	for (s = p->sayings; s != p->sayings + p->nsayings; s++)
		if (strncmp(s->begin, target, strlen(s->begin)) == 0 &&
		    (found == NULL || strlen(s->begin) > strlen(found->begin)))
			found = s;
	return found;
}

/* Counts a request, and returns what peer_say() has set for it; status NULL: nothing. */
static struct saying
count_request(struct peer *p, const struct request *r)
{
	struct saying	 copy = { .status = NULL }, *s;

	(void)pthread_mutex_lock(&p->lock);
	if ((s = saying_of(p, r->target)) != NULL) {
		s->asked++;
		memcpy(s->target, r->target, sizeof(s->target));
		copy = *s;
	}
	p->requests++;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
	return copy;
}

static const char *
act_path(struct peer *p, const struct request *r)
{
	const char	*path = r->path;

	(void)pthread_mutex_lock(&p->lock);
	if (strcmp(path, "/now") == 0)
		path = p->now;
	(void)pthread_mutex_unlock(&p->lock);
	return path;
}

static bool
do_request(struct link *l, const struct request *r)
{
	/* A test that has seen the request counted may set another act for the next one. */
	const char		*path = act_path(l->peer, r);
	const struct saying	 said = count_request(l->peer, r);
	size_t			 i;

	if (said.status != NULL) {
		if (said.held)
			await_open(l->peer);
		send_answer(l, said.status, slice_of(said.body));
		return true;
	}
	for (i = 0; i < COUNT(acts); i++)
		if (strcmp(acts[i].path, path) == 0)
			return acts[i].act(l, r);
	return false;
}

/* False: the client does not go on. */
static bool
begin_tls(struct link *l)
{
	if (l->peer->tls == NULL)
		return true;
	return (l->tls = SSL_new(l->peer->tls)) != NULL && SSL_set_fd(l->tls, l->fd) == 1 &&
	    SSL_accept(l->tls) == 1;
}

static void *
serve_link(void *arg)
{
	struct link	*l = arg;
	struct request	 r;

	if (begin_tls(l))
		while (read_request(l, &r) && do_request(l, &r))
			;
	SSL_free(l->tls);
	(void)shutdown(l->fd, SHUT_RDWR);	/* peer_free() closes it */
	return NULL;
}

static void
add_link(struct peer *p, int fd)
{
	struct link	*l = calloc(1, sizeof(*l));
	int		 on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)pthread_mutex_lock(&p->lock);
	if (l != NULL && !p->ending && p->n < CONNECTIONS) {
		l->peer = p;
		l->fd = fd;
		if (pthread_create(&l->thread, NULL, serve_link, l) == 0) {
			p->links[p->n++] = l;
			l = NULL;
			fd = -1;
		}
	}
	(void)pthread_mutex_unlock(&p->lock);
	free(l);
	if (fd != -1)
		(void)close(fd);
}

static void *
listen_on(void *arg)
{
	struct peer	*p = arg;
	int		 fd;

	while ((fd = accept(p->fd, NULL, NULL)) != -1)
		add_link(p, fd);
	return NULL;
}

/* A socket with a free loopback port. */
static int
bind_any(unsigned *port)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		fail_msg("cannot bind a socket");
	*port = ntohs(sin.sin_port);
	return fd;
}

/* Starts a server.  pem: a file with its certificate and key; NULL: plain HTTP. */
static struct peer *
start_peer(const char *pem)
{
	struct peer	*p = calloc(1, sizeof(*p));

	if (p == NULL)
		fail_msg("no memory");
	if (pem != NULL && ((p->tls = SSL_CTX_new(TLS_server_method())) == NULL ||
	    SSL_CTX_use_certificate_chain_file(p->tls, pem) != 1 ||
	    SSL_CTX_use_PrivateKey_file(p->tls, pem, SSL_FILETYPE_PEM) != 1))
		fail_msg("cannot use %s", pem);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->changed, NULL);
	p->now = "/code";
	p->fd = bind_any(&p->port);
	if (listen(p->fd, CONNECTIONS) == -1 ||
	    pthread_create(&p->thread, NULL, listen_on, p) != 0)
		fail_msg("cannot start the server");
	return p;
}

struct peer *
peer_new(void)
{
	return start_peer(NULL);
}

struct peer *
peer_new_tls(const char *pem)
{
	(void)signal(SIGPIPE, SIG_IGN);
	return start_peer(pem);
}

void
peer_free(struct peer *p)
{
	int	 i;

	(void)pthread_mutex_lock(&p->lock);
	p->open = p->ending = true;
	(void)pthread_cond_broadcast(&p->changed);
	for (i = 0; i < p->n; i++)
		(void)shutdown(p->links[i]->fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&p->lock);
	(void)shutdown(p->fd, SHUT_RDWR);
	(void)pthread_join(p->thread, NULL);
	(void)close(p->fd);
	for (i = 0; i < p->n; i++) {
		(void)pthread_join(p->links[i]->thread, NULL);
		(void)close(p->links[i]->fd);
		free(p->links[i]);
	}
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->changed);
	SSL_CTX_free(p->tls);
	free(p);
}

void
peer_url(const struct peer *p, char url[PEER_URL], const char *path)
{
	(void)snprintf(url, PEER_URL, "http%s://127.0.0.1:%u/%s", p->tls != NULL ? "s" : "",
	    p->port, path);
}

int
peer_connections(struct peer *p)
{
	int	 n;

	(void)pthread_mutex_lock(&p->lock);
	n = p->n;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

int
peer_requests(struct peer *p)
{
	int	 n;

	(void)pthread_mutex_lock(&p->lock);
	n = p->requests;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

void
peer_await(struct peer *p, int requests)
{
	(void)pthread_mutex_lock(&p->lock);
	while (p->requests < requests)
		(void)pthread_cond_wait(&p->changed, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
}

void
peer_open(struct peer *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->open = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
}

void
peer_now(struct peer *p, const char *path)
{
	size_t	 i = 0;

	while (strcmp(acts[i].path + 1, path) != 0)
		if (++i == COUNT(acts))
			fail_msg("there is no act %s", path);
	(void)pthread_mutex_lock(&p->lock);
	p->now = acts[i].path;
	(void)pthread_mutex_unlock(&p->lock);
}

void
peer_say(struct peer *p, const char *begin, const char *status, const char *body, bool held)
{
	struct saying	*s;

	(void)pthread_mutex_lock(&p->lock);
	s = saying_of(p, begin);
	if ((s == NULL || strcmp(s->begin, begin) != 0) && p->nsayings == SAYINGS)
		fail_msg("more than %d sayings", SAYINGS);
	if (s == NULL || strcmp(s->begin, begin) != 0)
		s = &p->sayings[p->nsayings++];
	s->begin = begin;
	s->status = status;
	s->body = body;
	s->held = held;
	(void)pthread_mutex_unlock(&p->lock);
}

int
peer_asked(struct peer *p, const char *begin, char target[PEER_TARGET])
{
	struct saying	*s;
	int		 n;

	(void)pthread_mutex_lock(&p->lock);
	if ((s = saying_of(p, begin)) == NULL)
		fail_msg("peer_say() was not called for %s", begin);
	n = s->asked;
	if (target != NULL)
		memcpy(target, s->target, PEER_TARGET);
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

int
peer_refused(char url[PEER_URL])
{
	unsigned	 port;
	int		 fd = bind_any(&port);

	(void)snprintf(url, PEER_URL, "http://127.0.0.1:%u/ok", port);
	return fd;
}

int
peer_mute(char url[PEER_URL])
{
	unsigned	 port;
	int		 fd = bind_any(&port);

	if (listen(fd, CONNECTIONS) == -1)
		fail_msg("cannot start the server");
	(void)snprintf(url, PEER_URL, "https://127.0.0.1:%u/ok", port);
	return fd;
}
