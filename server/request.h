/*
 * request.h: one request of the web server, CGI (RFC 3875) or FastCGI; who handles it
 * does not know which.
 *
 * A worker keeps one struct request for its life.  All it hands out is valid until
 * request_finish().  Every read is bounded, in bytes and in time.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/query.h"

enum request_method { METHOD_GET, METHOD_POST, METHOD_OTHER };

enum { REQUEST_ROOTS = 2 };	/* the document root; with Apache, a user's own */

struct request {
	enum request_method	 method;
	struct slice		 method_name;
	struct slice		 path;		/* whole path of the URL, decoded */
	struct slice		 peer;		/* the client's address as the server says */
	struct slice		 language;	/* Accept-Language */
	struct slice		 authorization;	/* Authorization, where the server passes it on */
	struct slice		 roots[REQUEST_ROOTS];	/* directories that it serves, or absent */
	struct query		 query;
	struct buf		 body;		/* after request_body() */
	int64_t			 accepted_ms;	/* monotonic: when we got hold of it */
	uint64_t		 id;		/* for the log */
	bool			 replied;
	struct request_io	*io;		/* where it comes from: private */
	struct buf		 text[2];	/* what path and query point into: private */
};

struct reply {
	int		 status;
	const char	*type;		/* Content-Type; NULL: plain text */
	const char	*allow;		/* Allow, for 405; NULL: none */
	const char	*headers;	/* further ones, each with its CRLF; NULL: none */
	struct slice	 body;
};

/* NULL without memory.  io_ms: how long the web server may be silent. */
struct request	*request_new(int io_ms);
void		 request_free(struct request *r);

/* Once a process, before the first request_fcgi(). */
enum error	 request_init_fcgi(void);

/* True if the environment is a CGI's; descriptor 0 is a listening socket. */
bool		 request_is_cgi(void);
bool		 request_is_fcgi(void);

/*
 * Begins the request in the environment, which nobody reads after that.  ERR_OK, or ERR_REQUEST: still a request, to be
 * answered with that error and finished.
 */
enum error	 request_cgi(struct request *r);

/*
 * Begins the next request of a connection just accepted (fd is ours from here; -1: the
 * connection kept open by the request before).  *got false: no request came, nothing
 * to answer, the connection is closed.
 */
enum error	 request_fcgi(struct request *r, int fd, bool *got);

/*
 * Reads the body, at most max bytes, until deadline_ms (monotonic).  ERR_TOOBIG,
 * ERR_REQUEST (shorter than Content-Length says, Content-Length no number),
 * ERR_LATE, ERR_NOMEM.
 */
enum error	 request_body(struct request *r, size_t max, int64_t deadline_ms);

/*
 * Gives the answer, once.  It leaves with request_finish(): lighttpd ends a CGI as soon as
 * it has the answer.
 */
void		 request_reply(struct request *r, const struct reply *a);

/*
 * Sends the answer and ends the request.  A peer that is gone gets none, and that is all.
 * True: the connection stays open, call request_fcgi(r, -1).
 */
bool		 request_finish(struct request *r);

#endif
