/*
 * http_client.h: HTTP requests that we make, with libcurl, inside a deadline.
 *
 * One struct http serves all threads.  Its handles stand on a last-in-first-out stack, so
 * that the connections in use stay few and warm.  Nothing of the environment is heeded;
 * certificates and host names are always verified; no redirect is followed; an answer is
 * at most 64 KiB, unless a call allows for more.
 *
 * http_look() is for who wants to know how a server is: it asks it nothing.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"

struct http_call {
	const char	*url;
	bool		 get;		/* GET, which has no body, instead of POST */
	bool		 xml;		/* Content-Type text/xml instead of application/json */
	bool		 dated;		/* date_s of the answer is wanted */
	struct slice	 body;
	size_t		 answer_max;	/* bytes of an answer; 0: 64 KiB */
	int64_t		 deadline_ms;	/* monotonic, absolute */
};

struct http_answer {
	int		 status;	/* 0: no answer, see why */
	int		 ms;		/* spent */
	int		 retry_after_s;	/* Retry-After, 0 without one */
	int64_t		 date_s;	/* Date, epoch; 0 without one, or unless the call is dated */
	bool		 sent;		/* bytes of the request left: the peer may have it */
	struct buf	 body;		/* owned by who owns the answer */
	char		 why[128];	/* in words, "" if an answer came */

	/* Private: of a call in a group. */
	struct http_answer *next;
	void		*tag;
	struct http_call call;
	int64_t		 begin_ms;
};

struct http;

/*
 * Keeps set; connects to nothing yet.  NULL: no memory.  *stop_ms, where it is not 0, is
 * the monotonic time at which every transfer gives up (shutdown); may be NULL.
 */
struct http	*http_new(const struct settings *set, const _Atomic int64_t *stop_ms);
void		 http_free(struct http *h);

/* One call.  Fills a, whose body it empties first. */
void		 http_do(struct http *h, struct http_answer *a, const struct http_call *call);

enum { HTTP_CERTS = 8, HTTP_NAME = 160, HTTP_PEER = 64 };

/* A certificate, in its own words: foreign text. */
struct http_cert {
	char	 subject[HTTP_NAME], issuer[HTTP_NAME];
	char	 names[HTTP_NAME];	/* that it is for, "DNS:qt.example, IP Address:192.0.2.1" */
	int64_t	 from_s, until_s;	/* epoch; 0: not known */
};

/* How far a look has come. */
enum http_stage {
	HTTP_STAGE_URL,		/* it is none */
	HTTP_STAGE_NAME,	/* the host has no address */
	HTTP_STAGE_CONNECT,
	HTTP_STAGE_TRUST,	/* there are no CA certificates to verify with */
	HTTP_STAGE_TLS,
	HTTP_STAGE_DONE
};

struct http_look {
	enum http_stage	 failed;	/* where; DONE: nothing did, and a certificate is verified */
	int		 ms;		/* spent */
	char		 peer[HTTP_PEER];	/* the address that it was connected to, "": none */
	char		 why[128];	/* "", or what failed */
	bool		 tls;
	struct http_cert certs[HTTP_CERTS];	/* as the server sends them: its own first */
	int		 n;		/* of them; 0 if the server does not speak TLS as we do */
};

/*
 * Connects to where url leads, on a connection of its own, begins TLS if it is https, and goes.
 * A certificate that cannot be verified is fetched all the same, to be shown: nothing is ever
 * sent to who has it.
 */
void		 http_look(struct http *h, struct http_look *l, const char *url,
		    int64_t deadline_ms);

/* The addresses of a host, separated by blanks; cut where there is no room for more. */
bool		 http_addresses(char *text, size_t size, const char *host);

/* The certificates that are trusted, a file; NULL: there is none. */
const char	*http_trusts(const struct http *h);

/*
 * Many calls at once, parallel of them; what is added beyond that waits for its turn, its
 * time running.  A group belongs to one thread; only http_group_wake() may come from
 * others.  It keeps its connections from call to call.  It is freed before h.
 */
struct http_group;

/* NULL: no memory or no descriptors. */
struct http_group *http_group_new(struct http *h, int parallel);
void		 http_group_free(struct http_group *g);	/* breaks off what is under way */

/*
 * Adds a call, which http_group_wait() begins.  a, and what call points to, must stay until
 * tag, which is not NULL, comes out of http_group_done(), even if the call cannot begin:
 * that is an answer too.  A call broken off by http_group_free() does not come out.
 */
void		 http_group_add(struct http_group *g, void *tag, struct http_answer *a,
		    const struct http_call *call);

/* Works until a call has finished, somebody wakes it, or timeout_ms are over. */
void		 http_group_wait(struct http_group *g, int timeout_ms);

/* The tag of a finished call, each once; NULL: none has finished since. */
void		*http_group_done(struct http_group *g);

/* Ends the wait under way, or the next one if there is none. */
void		 http_group_wake(struct http_group *g);

#endif
