#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/number.h"
#include "server/fcgi_bound.h"
#include "server/request.h"

enum {
	PATH_BYTES = 2048,	/* a longer path is refused */
	QUERY_BYTES = 8192,	/* a longer query is refused */
	LINGER_MS = 500,	/* for a web server that still sends while we close */
	READ_STEP = 8192,	/* bytes of the body to read at once */
	LARGE = 64 * 1024,	/* bytes; of larger bodies only some are in memory at once */
	LARGE_MS = 1000		/* to wait until another large body is gone */
};

/* What the web server tells us of each request. */
enum variable {
	VARIABLE_METHOD,
	VARIABLE_URI,
	VARIABLE_QUERY,
	VARIABLE_PEER,
	VARIABLE_LANGUAGE,
	VARIABLE_AUTHORIZATION,
	VARIABLE_PATH_INFO,
	VARIABLE_SCRIPT,
	VARIABLE_FILE,
	VARIABLE_LENGTH,
	VARIABLE_ROOT,
	VARIABLE_PREFIX,
	VARIABLE_PREFIX_ROOT,
	VARIABLE__MAX
};

#define NAMED(text)	{ text, sizeof(text) - 1 }
static const struct slice	 variable_names[VARIABLE__MAX] = {
	[VARIABLE_METHOD]	= NAMED("REQUEST_METHOD"),
	[VARIABLE_URI]		= NAMED("REQUEST_URI"),
	[VARIABLE_QUERY]	= NAMED("QUERY_STRING"),
	[VARIABLE_PEER]		= NAMED("REMOTE_ADDR"),
	[VARIABLE_LANGUAGE]	= NAMED("HTTP_ACCEPT_LANGUAGE"),
	[VARIABLE_AUTHORIZATION] = NAMED("HTTP_AUTHORIZATION"),
	[VARIABLE_PATH_INFO]	= NAMED("PATH_INFO"),
	[VARIABLE_SCRIPT]	= NAMED("SCRIPT_NAME"),
	[VARIABLE_FILE]		= NAMED("SCRIPT_FILENAME"),
	[VARIABLE_LENGTH]	= NAMED("CONTENT_LENGTH"),
	[VARIABLE_ROOT]		= NAMED("DOCUMENT_ROOT"),
	[VARIABLE_PREFIX]	= NAMED("CONTEXT_PREFIX"),
	[VARIABLE_PREFIX_ROOT]	= NAMED("CONTEXT_DOCUMENT_ROOT"),
};

/* Where a request comes from.  fcgi.ipcFd is the connection; -1: there is no connection. */
struct request_io {
	bool		 is_fcgi;
	int		 io_ms;
	uint64_t	 pid;
	struct slice	 variables[VARIABLE__MAX];	/* absent: it is not set */
	struct buf	 answer;	/* CGI: kept until the request is finished */
	struct gate	*bodies;
	size_t		 large;		/* bytes for which the body has passed it; 0: it has not */
	FCGX_Request	 fcgi;
	struct fcgi_bound bound;	/* of what fcgi reads */
};

/* What the thread's request reads; NULL: it reads none. */
static _Thread_local struct fcgi_bound	*reading;

/*
 * libfcgi reads with a function of this name, and the program's own is taken before the library's:
 * what it hands on is bounded.  Weak: where libfcgi is linked in, the library's is taken.
 */
#pragma weak OS_Read
int	OS_Read(int fd, char *to, size_t room);

int
OS_Read(int fd, char *to, size_t room)
{
	static atomic_flag	 said = ATOMIC_FLAG_INIT;
	const ssize_t		 n = read(fd, to, room);

	if (n <= 0 || reading == NULL || fcgi_bound_take(reading, to, (size_t)n))
		return (int)n;
	if (!atomic_flag_test_and_set(&said))
		log_msg(LEVEL_WARNING, "fcgi", "a peer of the socket sends what no web server "
		    "does; its connection is closed (said once); let only the web server connect");
	errno = EPROTO;
	return -1;
}

struct request *
request_new(int io_ms, struct gate *bodies)
{
	struct request	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if ((r->io = calloc(1, sizeof(*r->io))) == NULL) {
		free(r);
		return NULL;
	}
	r->io->io_ms = io_ms;
	r->io->bodies = bodies;
	r->io->pid = (uint64_t)getpid();
	/* -1 for the listening socket: the library must never accept by itself. */
	(void)FCGX_InitRequest(&r->io->fcgi, -1, 0);
	return r;
}

void
request_free(struct request *r)
{
	if (r == NULL)
		return;
	FCGX_Free(&r->io->fcgi, 1);
	if (reading == &r->io->bound)
		reading = NULL;
	buf_free(&r->body);
	buf_free(&r->path_text);
	buf_free(&r->query_text);
	buf_free(&r->query_raw);
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

/* All variables, as "NAME=value". */
static char *const *
environment_of(const struct request *r)
{
	extern char	**environ;

	return r->io->is_fcgi ? r->io->fcgi.envp : environ;
}

/* Keeps the value of a variable that we read.  Of two with one name the first counts. */
static void
keep_variable(struct slice v[VARIABLE__MAX], const char *variable)
{
	const char	*eq = strchr(variable, '=');
	const size_t	 len = eq == NULL ? 0 : (size_t)(eq - variable);
	size_t		 i;

	for (i = 0; i < VARIABLE__MAX; i++)
		if (len == variable_names[i].len &&
		    memcmp(variable, variable_names[i].p, len) == 0) {
			if (v[i].p == NULL)
				v[i] = slice_of(eq + 1);
			return;
		}
}

static enum request_method
method_of(struct slice name)
{
	static const char *const	 names[METHOD_OTHER] = {
		[METHOD_GET] = "GET", [METHOD_HEAD] = "HEAD", [METHOD_POST] = "POST",
	};
	enum request_method		 m;

	for (m = METHOD_GET; m != METHOD_OTHER && !slice_is(name, names[m]); m++)
		;
	return m;
}

/* Appends from to to.  ERR_REQUEST: to would have more than max bytes. */
static enum error
append_bounded(struct buf *to, struct slice from, size_t max)
{
	if (from.len > max - to->len)
		return ERR_REQUEST;
	return buf_put(to, from.p, from.len);
}

/*
 * The path is SCRIPT_NAME and PATH_INFO, one after the other: where a web server cuts it in two
 * depends on its configuration.  REQUEST_URI is for servers that set neither of them.
 */
static enum error
read_path(struct request *r)
{
	struct buf	*text = &r->path_text;
	struct slice	 uri = r->io->variables[VARIABLE_URI];
	const char	*end;
	enum error	 er;

	if ((er = append_bounded(text, r->io->variables[VARIABLE_SCRIPT], PATH_BYTES)) != ERR_OK ||
	    (er = append_bounded(text, r->path_info, PATH_BYTES)) != ERR_OK)
		return er;
	if (text->len == 0 && uri.p != NULL) {
		if ((end = memchr(uri.p, '?', uri.len)) != NULL)
			uri.len = (size_t)(end - uri.p);
		if ((er = append_bounded(text, uri, PATH_BYTES)) != ERR_OK)
			return er;
	}
	r->path = buf_slice(text);
	return ERR_OK;
}

static enum error
read_query(struct request *r)
{
	struct buf	*text = &r->query_text;
	enum error	 er;

	if ((er = append_bounded(text, r->io->variables[VARIABLE_QUERY], QUERY_BYTES)) !=
	    ERR_OK)
		return er;
	if ((er = buf_put(&r->query_raw, text->p, text->len)) != ERR_OK)
		return er;
	return query_parse(&r->query, text->p, text->len);
}

/*
 * CONTEXT_DOCUMENT_ROOT is Apache's.  Below /~USER it is the directory of that user's files;
 * where the path is an alias, it is not a directory of files.
 */
static void
read_roots(struct request *r)
{
	const struct slice	*v = r->io->variables, context = v[VARIABLE_PREFIX];

	r->roots[0] = v[VARIABLE_ROOT];
	r->roots[1] = (struct slice){ NULL, 0 };
	if (context.len > 1 && memcmp(context.p, "/~", 2) == 0)
		r->roots[1] = v[VARIABLE_PREFIX_ROOT];
}

/*
 * SCRIPT_NAME may be a directory that is handed to us as a whole, with what a client has written
 * after it.  If such a name ends like a CGI's, the client has chosen it, and no file has it.
 */
bool
request_is_file(const struct request *r)
{
	const struct slice	 url = r->io->variables[VARIABLE_SCRIPT];
	const struct slice	 file = r->io->variables[VARIABLE_FILE];
	size_t			 len = 0;
	struct stat		 st;

	while (len < url.len && url.p[url.len - 1 - len] != '/')
		len++;
	return len > 3 && len < url.len && len < file.len &&
	    memcmp(url.p + url.len - 3, "cgi", 3) == 0 &&
	    memcmp(url.p + url.len - len - 1, file.p + file.len - len - 1, len + 1) == 0 &&
	    stat(file.p, &st) == 0 && S_ISREG(st.st_mode);
}

/* The value of "NAME=value"; absent: the variable has another name. */
static struct slice
value_of(const char *variable, const char *name)
{
	const size_t	 len = strlen(name);

	return strncmp(variable, name, len) == 0 && variable[len] == '=' ?
	    slice_of(variable + len + 1) : (struct slice){ NULL, 0 };
}

/* Reads one variable that tells where the client is, and what it calls us. */
static void
read_origin_variable(struct request *r, struct slice *software, const char *variable)
{
	struct slice	 value;

	if (strncmp(variable, "HTTP", 4) != 0) {
		if ((value = value_of(variable, "SERVER_SOFTWARE")).p != NULL)
			*software = value;
		else if ((value = value_of(variable, "SERVER_ADDR")).p != NULL)
			r->server = value;
		else if ((value = value_of(variable, "REQUEST_SCHEME")).p != NULL)
			r->https |= slice_is(value, "https");
		return;
	}
	if ((value = value_of(variable, "HTTP_HOST")).p != NULL)
		r->host = r->host.p == NULL ? value : slice_of(",");	/* two: no host */
	else if ((value = value_of(variable, "HTTPS")).p != NULL)
		r->https |= value.len != 0 && !slice_is(value, "off");
	else
		forwarded_add(&r->forwarded, variable);
}

void
request_read_origin(struct request *r)
{
	char *const	*v = environment_of(r);
	struct slice	 software = { NULL, 0 };

	if (r->has_origin)
		return;
	r->has_origin = true;
	r->forwarded.n = 0;
	r->host = r->server = (struct slice){ NULL, 0 };
	r->https = false;
	/* All variables: a header that came twice may be there twice. */
	for (; v != NULL && *v != NULL; v++)
		read_origin_variable(r, &software, *v);
	if (r->forwarded.n != 0 && software.len >= 5 && memcmp(software.p, "Caddy", 5) == 0)
		forwarded_drop_caddy(&r->forwarded, r->peer);
}

/* Fills a request with what the web server's variables say: all but the body. */
static enum error
read_variables(struct request *r, bool is_fcgi, int64_t accepted_ms)
{
	static _Atomic uint32_t	 requests;	/* that this process has had */
	struct slice		*v = r->io->variables;
	char *const		*each;
	enum error		 er;

	r->io->is_fcgi = is_fcgi;
	r->accepted_ms = accepted_ms;
	r->id = r->io->pid << 32 | atomic_fetch_add(&requests, 1);
	r->replied = false;
	r->query.n = 0;
	buf_reset(&r->body);
	buf_reset(&r->path_text);
	buf_reset(&r->query_text);
	buf_reset(&r->query_raw);
	r->path = buf_slice(&r->path_text);
	memset(v, 0, sizeof(r->io->variables));
	for (each = environment_of(r); each != NULL && *each != NULL; each++)
		keep_variable(v, *each);
	r->method_name = v[VARIABLE_METHOD];
	r->method = method_of(r->method_name);
	r->peer = v[VARIABLE_PEER];
	r->language = v[VARIABLE_LANGUAGE];
	r->authorization = v[VARIABLE_AUTHORIZATION];
	r->path_info = v[VARIABLE_PATH_INFO];
	read_roots(r);
	r->has_origin = false;
	if (!is_fcgi)	/* its environment is forgotten afterwards */
		request_read_origin(r);
	if ((er = read_path(r)) != ERR_OK)
		return er;
	return read_query(r);
}

enum error
request_cgi(struct request *r)
{
	return read_variables(r, false, clock_mono_ms());
}

/* A web server that sends nothing must not hold the worker for ever. */
static void
limit_silence(int fd, int io_ms)
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
	 * If f has a connection that must be kept, FCGX_Accept_r() does not accept, but reads the
	 * next request there.  detached: if that fails, it closes the connection without waiting.
	 *
	 */
	if (fd != -1) {
		limit_silence(fd, r->io->io_ms);
		f->ipcFd = fd;
	}
	f->keepConnection = 1;
	f->detached = 1;
	memset(&r->io->bound, 0, sizeof(r->io->bound));
	reading = &r->io->bound;
	*got = FCGX_Accept_r(f) == 0;
	if (*got && r->io->bound.refused) {	/* libfcgi took the error for the end */
		FCGX_Free(f, 1);
		*got = false;
	}
	if (!*got) {
		f->ipcFd = -1;
		return ERR_REQUEST;
	}
	/* A connection that was kept open may have been silent for long: its time starts now. */
	return read_variables(r, true, fd != -1 ? accepted_ms : clock_mono_ms());
}

/* ERR_REQUEST: Content-Length is not a number.  *given false: it is absent or empty. */
static enum error
read_length(const struct request *r, size_t *len, bool *given)
{
	int64_t	 n = 0;

	*given = r->io->variables[VARIABLE_LENGTH].len != 0;
	if (*given && !number_parse(&n, r->io->variables[VARIABLE_LENGTH]))
		return ERR_REQUEST;
	*len = (size_t)n;
	return ERR_OK;
}

/* Reads some bytes of the body.  Their number; 0: the body has ended; -1: it broke off. */
static ssize_t
read_cgi_bytes(struct request *r, char *to, size_t room, int64_t left_ms)
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

/*
 * Does the same for FastCGI.  It asks for one byte, and then for what the library has read
 * already: a read of more would wait again and again, past the deadline.
 */
static ssize_t
read_fcgi_bytes(struct request *r, char *to, size_t room)
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

/* Lets a body become large, up to max bytes.  ERR_BUSY: too many others are. */
static enum error
admit_body(struct request *r, size_t max, int64_t deadline_ms)
{
	const int64_t	 until_ms = clock_mono_ms() + LARGE_MS;

	if (r->body.len <= LARGE || r->io->large != 0)
		return ERR_OK;
	if (!gate_enter(r->io->bodies, max, until_ms < deadline_ms ? until_ms : deadline_ms))
		return ERR_BUSY;
	r->io->large = max;
	return ERR_OK;
}

void
request_drop_body(struct request *r)
{
	buf_reset(&r->body);
	if (r->io->large != 0)
		gate_leave(r->io->bodies, r->io->large);
	r->io->large = 0;
}

/* Reads up to max + 1 bytes, so that the caller sees a body that is too long. */
static enum error
receive_body(struct request *r, size_t max, int64_t deadline_ms)
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
		if ((er = admit_body(r, max, deadline_ms)) != ERR_OK ||
		    (er = buf_reserve(b, room)) != ERR_OK)
			return er;
		n = r->io->is_fcgi ? read_fcgi_bytes(r, b->p + b->len, room) :
		    read_cgi_bytes(r, b->p + b->len, room, left_ms);
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

	if ((er = read_length(r, &len, &given)) != ERR_OK)
		return er;
	if (len > max)
		return ERR_TOOBIG;
	/* A CGI reads exactly len bytes: its standard input may not end after them. */
	if (given && !r->io->is_fcgi) {
		if (len != 0 && (er = receive_body(r, len - 1, deadline_ms)) != ERR_OK)
			return er;
	} else if ((er = receive_body(r, given ? len : max, deadline_ms)) != ERR_OK) {
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

/* Writes a CGI's answer to the web server.  If it has gone, the rest is lost. */
static void
write_stdout(const struct buf *b)
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

/* Appends to the answer.  Bytes that cannot be sent, or for which there is no memory, are lost. */
static void
append_answer(struct request *r, struct slice s)
{
	if (r->io->is_fcgi)
		(void)FCGX_PutStr(s.p, (int)s.len, r->io->fcgi.out);
	else
		(void)buf_put(&r->io->answer, s.p, s.len);
}

/* Appends a name and a number, without an end of line. */
static void
append_number(struct request *r, const char *name, uint64_t n)
{
	char	 text[20], *const end = text + sizeof(text), *p = number_write(end, n, 1);

	append_answer(r, slice_of(name));
	append_answer(r, (struct slice){ p, (size_t)(end - p) });
}

static void
append_header(struct request *r, const char *name, const char *value)
{
	append_answer(r, slice_of(name));
	append_answer(r, slice_of(value));
	append_answer(r, slice_of("\r\n"));
}

void
request_reply(struct request *r, const struct reply *a)
{
	if (r->replied)
		return;
	r->replied = true;
	append_number(r, "Status: ", (uint64_t)a->status);
	append_header(r, " ", reason_of(a->status));
	append_header(r, "Content-Type: ", a->type != NULL ? a->type :
	    "text/plain; charset=utf-8");
	append_number(r, "Content-Length: ", a->body.len);
	append_answer(r, slice_of("\r\nCache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"));
	if (a->allow != NULL)
		append_header(r, "Allow: ", a->allow);
	append_answer(r, slice_of(a->headers));
	append_answer(r, slice_of("\r\n"));
	if (r->method != METHOD_HEAD)
		append_answer(r, a->body);
}

/*
 * Gives the web server a moment to stop sending.  Closing a connection with unread input resets
 * it, and the web server could lose the answer.
 */
static void
drop_unread(int fd)
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
		write_stdout(&r->io->answer);
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
		drop_unread(f->ipcFd);
	(void)close(f->ipcFd);
	f->ipcFd = -1;
	return false;
}
