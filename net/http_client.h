/*
 * http_client.h: one HTTP request, made with libcurl inside a deadline.
 *
 * One struct http_client serves all threads.  Its idle handles are on a last-in-first-out stack,
 * so that few connections are in use and those stay open.  It reads nothing from the environment;
 * a proxy is that of the settings.
 * It always verifies certificates and host names, follows no redirect and takes at most 64 KiB of
 * an answer, unless a call allows more.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"

enum { HTTP_CLIENT_LACK = 128 };	/* bytes of the reason why libcurl cannot be used */

struct http_call {
	const char	*url;
	bool		 get;		/* GET, which has no body, instead of POST */
	bool		 xml;		/* Content-Type text/xml instead of application/json */
	bool		 dated;		/* date_s of the answer is wanted */
	bool		 direct;	/* not through settings.proxy */
	const char	*headers;	/* lines with a \n instead of Content-Type; or NULL */
	struct slice	 body;
	size_t		 answer_max;	/* bytes of an answer; 0: 64 KiB */
	int64_t		 deadline_ms;	/* on the monotonic clock */
};

struct http_answer {
	int		 status;	/* of HTTP; 0: there is no answer, see why */
	int		 ms;		/* from the call to the answer */
	int64_t		 date_s;	/* its Date, epoch seconds; 0: no Date or not dated */
	bool		 sent;		/* bytes of the request left: the peer may have it */
	bool		 local;		/* why is about this host: its libcurl, its CA file */
	struct buf	 body;		/* the owner of the answer frees it */
	char		 why[128];	/* why there is no answer, in words; else "" */

	int64_t		 begin_ms;	/* private, as the rest: for http_multi */
	struct http_answer *next;
	void		*tag;
	struct http_call call;
};

struct http_client;

/*
 * Keeps set; connects to nothing yet.  NULL: no memory.  *stop_ms, where it is not 0, is the
 * monotonic time at which every transfer gives up, since the program stops; stop_ms may be NULL.
 */
struct http_client	*http_client_new(const struct settings *set,
			    const _Atomic int64_t *stop_ms);
void			 http_client_free(struct http_client *h);

/* Makes one call and waits for its answer.  It empties a->body first. */
void			 http_client_do(struct http_client *h, struct http_answer *a,
			    const struct http_call *call);

/*
 * True: this process's libcurl cannot make requests to url, whatever its server does: it is too
 * old, does not know an option, or has no HTTPS.  why says so in words.
 */
bool			 http_client_lacks(struct http_client *h, char why[HTTP_CLIENT_LACK],
			    const char *url);

/* Writes the version of libcurl and of its TLS: "7.88.1 (OpenSSL/3.0.17)". */
void			 http_client_version(char text[HTTP_CLIENT_LACK]);

/* The file of the CA certificates, or settings.ca_file as a directory; NULL: there is no file. */
const char		*http_client_ca_file(const struct http_client *h);

const char	*http_client_library(void);	/* the version of libcurl, as it runs here */

#endif
