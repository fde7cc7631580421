#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "core/clock.h"
#include "server/request.h"

enum {
	PATH_BYTES = 2048,	/* longest path and query that we look at */
	QUERY_BYTES = 8192,
	LINGER_MS = 500,	/* for a web server that is still sending when we close */
	READ_STEP = 8192
};

/* Where a request comes from.  fcgi.ipcFd is the connection, -1 without one. */
struct request_io {
	bool		 is_fcgi;
	int		 io_ms;
	uint64_t	 pid;
	struct slice	 length;	/* CONTENT_LENGTH as given */
	struct buf	 answer;	/* a CGI's, until the request is finished */
	FCGX_Request	 fcgi;
};

struct request *
request_new(int io_ms)
{
	struct request	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if ((r->io = calloc(1, sizeof(*r->io))) == NULL) {
		free(r);
		return NULL;
	}
	r->io->io_ms = io_ms;
	r->io->pid = (uint64_t)getpid();
	/* No listening socket: the library must never accept by itself. */
	(void)FCGX_InitRequest(&r->io->fcgi, -1, 0);
	return r;
}

void
request_free(struct request *r)
{
	if (r == NULL)
		return;
	FCGX_Free(&r->io->fcgi, 1);
	buf_free(&r->body);
	buf_free(&r->text[0]);
	buf_free(&r->text[1]);
	buf_free(&r->io->answer);
	free(r->io);
	free(r);
}

enum error
request_init_fcgi(void)
{
	return FCGX_Init() == 0 ? ERR_OK : ERR_NOMEM;
}

bool
request_is_cgi(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL || getenv("REQUEST_METHOD") != NULL;
}

bool
request_is_fcgi(void)
{
	int		 listening = 0;
	socklen_t	 len = sizeof(listening);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	    listening != 0;
}

/* A CGI variable, absent if it is not set. */
static struct slice
variable(const struct request *r, const char *name)
{
	return slice_of(r->io->is_fcgi ? FCGX_GetParam(name, r->io->fcgi.envp) : getenv(name));
}

static enum request_method
method_of(struct slice name)
{
	if (slice_is(name, "GET"))
		return METHOD_GET;
	return slice_is(name, "POST") ? METHOD_POST : METHOD_OTHER;
}

static enum error
copy(struct buf *to, struct slice from, size_t max)
{
	if (from.len > max - to->len)
		return ERR_REQUEST;
	return buf_put(to, from.p, from.len);
}

/*
 * How a server splits a URL between SCRIPT_NAME and PATH_INFO depends on its
 * configuration; together they are always the path.
 */
static enum error
read_path(struct request *r)
{
	struct buf	*text = &r->text[0];
	struct slice	 uri;
	const char	*end;
	enum error	 er;

	if ((er = copy(text, variable(r, "SCRIPT_NAME"), PATH_BYTES)) != ERR_OK ||
	    (er = copy(text, variable(r, "PATH_INFO"), PATH_BYTES)) != ERR_OK)
		return er;
	if (text->len == 0 && (uri = variable(r, "REQUEST_URI")).p != NULL) {
		if ((end = memchr(uri.p, '?', uri.len)) != NULL)
			uri.len = (size_t)(end - uri.p);
		if ((er = copy(text, uri, PATH_BYTES)) != ERR_OK)
			return er;
	}
	r->path = buf_slice(text);
	return ERR_OK;
}

static enum error
read_query(struct request *r)
{
	struct buf	*text = &r->text[1];
	enum error	 er;

	if ((er = copy(text, variable(r, "QUERY_STRING"), QUERY_BYTES)) != ERR_OK)
		return er;
	return query_parse(&r->query, text->p, text->len);
}

/* Apache's context is another's where the path is an alias: it tells of files only below /~USER. */
static void
read_roots(struct request *r)
{
	const struct slice	 context = variable(r, "CONTEXT_PREFIX");

	r->roots[0] = variable(r, "DOCUMENT_ROOT");
	r->roots[1] = (struct slice){ NULL, 0 };
	if (context.len > 1 && memcmp(context.p, "/~", 2) == 0)
		r->roots[1] = variable(r, "CONTEXT_DOCUMENT_ROOT");
}

static enum error
begin(struct request *r, bool is_fcgi, int64_t accepted_ms)
{
	static _Atomic uint32_t	 count;
	enum error		 er, other;

	r->io->is_fcgi = is_fcgi;
	r->accepted_ms = accepted_ms;
	r->id = r->io->pid << 32 | atomic_fetch_add(&count, 1);
	r->replied = false;
	r->query.n = 0;
	buf_reset(&r->body);
	buf_reset(&r->text[0]);
	buf_reset(&r->text[1]);
	r->path = buf_slice(&r->text[0]);
	r->method_name = variable(r, "REQUEST_METHOD");
	r->method = method_of(r->method_name);
	r->peer = variable(r, "REMOTE_ADDR");
	r->language = variable(r, "HTTP_ACCEPT_LANGUAGE");
	r->authorization = variable(r, "HTTP_AUTHORIZATION");
	r->io->length = variable(r, "CONTENT_LENGTH");
	read_roots(r);
	er = read_path(r);
	other = read_query(r);
	return er != ERR_OK ? er : other;
}

enum error
request_cgi(struct request *r)
{
	return begin(r, false, clock_mono_ms());
}

/* A stalled web server must not hold the worker for good. */
static void
limit_reads(int fd, int io_ms)
{
	struct timeval	 t = { io_ms / 1000, io_ms % 1000 * 1000 };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

enum error
request_fcgi(struct request *r, int fd, bool *got)
{
	FCGX_Request	*f = &r->io->fcgi;
	int64_t		 accepted_ms = clock_mono_ms();

	/*
	 * Given a connection that is to be kept, FCGX_Accept_r() reads its next request
	 * instead of accepting.  `detached`: should that fail, it closes without waiting.
	 */
	if (fd != -1) {
		limit_reads(fd, r->io->io_ms);
		f->ipcFd = fd;
	}
	f->keepConnection = 1;
	f->detached = 1;
	*got = FCGX_Accept_r(f) == 0;
	if (!*got) {
		f->ipcFd = -1;
		return ERR_REQUEST;
	}
	/* A kept connection may have been silent for long: there the time starts now. */
	return begin(r, true, fd != -1 ? accepted_ms : clock_mono_ms());
}

/* -1: no number.  absent or empty: *given is false. */
static int
content_length(const struct request *r, size_t *len, bool *given)
{
	struct slice	 v = r->io->length;
	size_t		 i;

	*len = 0;
	*given = v.len != 0;
	if (v.len > 18)
		return -1;
	for (i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -1;
		*len = *len * 10 + (size_t)(v.p[i] - '0');
	}
	return 0;
}

/* Some bytes of the body: their number, 0 at its end, -1 if it broke off. */
static ssize_t
read_cgi(struct request *r, char *to, size_t room, int64_t left_ms)
{
	struct pollfd	 pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	int		 wait = left_ms < r->io->io_ms ? (int)left_ms : r->io->io_ms;
	int		 ready;
	ssize_t		 n;

	while ((ready = poll(&pfd, 1, wait)) == -1 && errno == EINTR)
		;
	if (ready != 1)
		return -1;
	while ((n = read(STDIN_FILENO, to, room)) == -1 && errno == EINTR)
		;
	return n;
}

/* Never asks the library for more than it has at hand, so that the deadline is seen. */
static ssize_t
read_fcgi(struct request *r, char *to, size_t room)
{
	FCGX_Stream	*in = r->io->fcgi.in;
	size_t		 have;
	int		 c;

	if ((c = FCGX_GetChar(in)) == EOF)
		return FCGX_GetError(in) == 0 ? 0 : -1;
	*to = (char)c;
	have = (size_t)(in->stop - in->rdNext);
	if (have > room - 1)
		have = room - 1;
	return 1 + FCGX_GetStr(to + 1, (int)have, in);
}

/* Reads up to max + 1 bytes, so that one too many is seen. */
static enum error
read_body(struct request *r, size_t max, int64_t deadline_ms)
{
	struct buf	*b = &r->body;
	int64_t		 left_ms;
	size_t		 room;
	ssize_t		 n;
	enum error	 er;

	while (b->len <= max) {
		if ((left_ms = deadline_ms - clock_mono_ms()) <= 0)
			return ERR_LATE;
		room = max + 1 - b->len < READ_STEP ? max + 1 - b->len : READ_STEP;
		if ((er = buf_reserve(b, room)) != ERR_OK)
			return er;
		n = r->io->is_fcgi ? read_fcgi(r, b->p + b->len, room) :
		    read_cgi(r, b->p + b->len, room, left_ms);
		if (n == -1)
			return clock_mono_ms() >= deadline_ms ? ERR_LATE : ERR_REQUEST;
		if (n == 0)
			return ERR_OK;
		b->len += (size_t)n;
	}
	return ERR_OK;
}

enum error
request_body(struct request *r, size_t max, int64_t deadline_ms)
{
	size_t		 len;
	bool		 given;
	enum error	 er;

	if (content_length(r, &len, &given) != 0)
		return ERR_REQUEST;
	if (len > max)
		return ERR_TOOBIG;
	/* A CGI's standard input need not end where the body does. */
	if (given && !r->io->is_fcgi) {
		if (len != 0 && (er = read_body(r, len - 1, deadline_ms)) != ERR_OK)
			return er;
	} else if ((er = read_body(r, given ? len : max, deadline_ms)) != ERR_OK) {
		return er;
	}
	if (r->body.len > max)
		return ERR_TOOBIG;
	return given && r->body.len != len ? ERR_REQUEST : ERR_OK;
}

static const struct {
	int		 status;
	const char	*reason;
} reasons[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 413, "Content Too Large" },
	{ 429, "Too Many Requests" },
	{ 503, "Service Unavailable" },
};

static const char *
reason_of(int status)
{
	size_t	 i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Other";
}

static void
write_cgi(const struct buf *b)
{
	size_t	 at = 0;
	ssize_t	 n;

	while (at < b->len) {
		n = write(STDOUT_FILENO, b->p + at, b->len - at);
		if (n == -1 && errno != EINTR)
			return;
		if (n != -1)
			at += (size_t)n;
	}
}

/* A part of the answer: what cannot be sent or held is missing from it. */
static void
put(struct request *r, struct slice s)
{
	if (r->io->is_fcgi)
		(void)FCGX_PutStr(s.p, (int)s.len, r->io->fcgi.out);
	else
		(void)buf_put(&r->io->answer, s.p, s.len);
}

void
request_reply(struct request *r, const struct reply *a)
{
	char	 head[512];
	int	 n;

	if (r->replied)
		return;
	r->replied = true;
	n = snprintf(head, sizeof(head),
	    "Status: %d %s\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "%s%s%s",
	    a->status, reason_of(a->status),
	    a->type != NULL ? a->type : "text/plain; charset=utf-8", a->body.len,
	    a->allow != NULL ? "Allow: " : "", a->allow != NULL ? a->allow : "",
	    a->allow != NULL ? "\r\n" : "");
	put(r, (struct slice){ head, (size_t)n });
	put(r, slice_of(a->headers));
	put(r, slice_of("\r\n"));
	put(r, a->body);
}

/*
 * Closing with unread input would reset the connection and could take the answer with
 * it: give the server a moment to stop sending.
 */
static void
linger(int fd)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	int64_t		 until_ms = clock_mono_ms() + LINGER_MS, left_ms;
	char		 trash[4096];

	if (shutdown(fd, SHUT_WR) != 0)
		return;
	while ((left_ms = until_ms - clock_mono_ms()) > 0 &&
	    poll(&pfd, 1, (int)left_ms) == 1 && read(fd, trash, sizeof(trash)) > 0)
		;
}

bool
request_finish(struct request *r)
{
	FCGX_Request	*f = &r->io->fcgi;
	bool		 all_read, keep;

	if (!r->io->is_fcgi) {
		write_cgi(&r->io->answer);
		return false;
	}
	all_read = FCGX_HasSeenEOF(f->in) != 0;
	keep = f->keepConnection && all_read && FCGX_GetError(f->in) == 0;
	keep = FCGX_FClose(f->err) == 0 && keep;
	keep = FCGX_FClose(f->out) == 0 && keep;
	FCGX_Free(f, 0);
	if (keep)
		return true;
	if (!all_read)
		linger(f->ipcFd);
	(void)close(f->ipcFd);
	f->ipcFd = -1;
	return false;
}
