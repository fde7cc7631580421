/*
 * request.h: one request of the web server, by CGI (RFC 3875) or by FastCGI.  The code that handles
 * it does not know which of the two it is.
 *
 * A worker keeps one struct request for its life.  All that a request points to is valid until
 * request_finish().  Every read is bounded, in bytes and in time.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/query.h"
#include "server/forwarded.h"
#include "server/gate.h"

enum request_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OTHER };

enum { REQUEST_ROOTS = 2 };	/* the document root; with Apache, a user's own as well */

struct request {
	enum request_method	 method;
	struct slice		 method_name;
	struct slice		 path;		/* whole path of the URL, decoded */
	struct slice		 path_info;	/* its end, as the web server has cut it */
	struct slice		 peer;		/* the client's address; see server/guard.h */
	bool			 has_origin;	/* request_read_origin() has filled the next four */
	struct forwarded	 forwarded;	/* what proxies say of the client */
	struct slice		 host;		/* the header Host; absent or empty: none */
	struct slice		 server;	/* the web server's own address */
	bool			 https;		/* the web server was asked by HTTPS */
	struct slice		 language;	/* the header Accept-Language */
	struct slice		 authorization;	/* Authorization, if the server passes it on */
	struct slice		 roots[REQUEST_ROOTS];	/* directories with files that it serves */
	struct query		 query;
	struct buf		 query_raw;	/* as the client has written it */
	struct buf		 body;		/* empty until request_body() */
	int64_t			 accepted_ms;	/* monotonic: when the request began */
	uint64_t		 id;		/* for the log */
	bool			 replied;
	struct request_io	*io;		/* private: the connection */
	struct buf		 path_text, query_text;	/* private: path and query point here */
};

struct reply {
	int		 status;
	const char	*type;		/* Content-Type; NULL: plain text */
	const char	*allow;		/* Allow, for 405; NULL: no such header */
	const char	*headers;	/* further ones, each with its CRLF; NULL: no more */
	struct slice	 body;
};

/*
 * io_ms: how long the web server may be silent within a request.  bodies: the gate for the bytes of
 * large bodies; NULL: there is no limit.  NULL: no memory.
 */
struct request	*request_new(int io_ms, struct gate *bodies);
void		 request_free(struct request *r);

/* Call it once in a process, before the first request_fcgi().  ERR_NOMEM. */
enum error	 request_init_fcgi(void);

/* True: the environment is that of a CGI; descriptor 0 is a listening socket. */
bool		 request_is_cgi(void);
bool		 request_is_fcgi(void);

/*
 * Reads what proxies say of the client, and the Host, unless that is done.  Only what is guarded
 * needs it, and a message of WeChat's is not.
 */
void		 request_read_origin(struct request *r);

/* True: the path begins with the URL of the program's own file, NAME.cgi, as on a shared host. */
bool		 request_is_file(const struct request *r);

/*
 * Begins the request that the environment describes; nothing reads the environment after that.
 * ERR_REQUEST, ERR_NOMEM: the request is bad, and must be answered and finished all the same.
 */
enum error	 request_cgi(struct request *r);

/*
 * Begins the next request of a connection.  fd is a connection that was just accepted, and r owns
 * it now; -1: the connection that the last request has kept open.  *got false: no request came,
 * there is nothing to answer, and the connection is closed.  Errors: as request_cgi().
 */
enum error	 request_fcgi(struct request *r, int fd, bool *got);

/* Drops the body, and leaves the gate if it was large. */
void		 request_drop_body(struct request *r);

/*
 * Reads the body into r->body: at most max bytes, and not longer than deadline_ms (monotonic).
 * ERR_TOOBIG.  ERR_REQUEST: it is shorter than Content-Length says, or that is not a number.
 * ERR_LATE.  ERR_NOMEM.  ERR_BUSY: too many requests have a large body now.
 */
enum error	 request_body(struct request *r, size_t max, int64_t deadline_ms);

/*
 * Gives the answer; a second one is ignored.  It is sent by request_finish(): lighttpd ends a CGI
 * process as soon as it has the answer.  To HEAD the answer goes without its body, with the headers
 * that GET has.
 */
void		 request_reply(struct request *r, const struct reply *a);

/*
 * Sends the answer and ends the request.  If the web server has gone, the answer is lost, and
 * that is not an error.  True: the connection stays open; call request_fcgi(r, -1) next.
 */
bool		 request_finish(struct request *r);

#endif
