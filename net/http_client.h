/*
 * http_client.h: HTTP requests that we make, with libcurl, inside a deadline.
 *
 * One struct http_client serves all threads.  Its handles stand on a last-in-first-out stack, so
 * that the connections in use stay few and warm.  Nothing of the environment is heeded;
 * certificates and host names are always verified; no redirect is followed; an answer is
 * at most 64 KiB, unless a call allows for more.
 *
 * tls_probe() is for who wants to know how a server is: it asks it nothing.
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

struct http_client;

/*
 * Keeps set; connects to nothing yet.  NULL: no memory.  *stop_ms, where it is not 0, is
 * the monotonic time at which every transfer gives up (shutdown); may be NULL.
 */
struct http_client	*http_client_new(const struct settings *set, const _Atomic int64_t *stop_ms);
void			 http_client_free(struct http_client *h);

/* One call.  Fills a, whose body it empties first. */
void			 http_client_do(struct http_client *h, struct http_answer *a, const struct http_call *call);

enum { TLS_CERTS = 8, HTTP_NAME = 160, HTTP_PEER = 64 };

/* A certificate, in its own words: foreign text. */
struct tls_cert {
	char	 subject[HTTP_NAME], issuer[HTTP_NAME];
	char	 names[HTTP_NAME];	/* that it is for, "DNS:qt.example, IP Address:192.0.2.1" */
	int64_t	 from_s, until_s;	/* epoch; 0: not known */
};

/* How far a look has come. */
enum tls_stage {
	TLS_STAGE_URL,		/* it is none */
	TLS_STAGE_NAME,	/* the host has no address */
	TLS_STAGE_CONNECT,
	TLS_STAGE_TRUST,	/* there are no CA certificates to verify with */
	TLS_STAGE_TLS,
	TLS_STAGE_DONE
};

struct tls_probe {
	enum tls_stage	 failed;	/* where; DONE: nothing did, and a certificate is verified */
	int		 ms;		/* spent */
	char		 peer[HTTP_PEER];	/* the address that it was connected to, "": none */
	char		 why[128];	/* "", or what failed */
	bool		 tls;
	struct tls_cert certs[TLS_CERTS];	/* as the server sends them: its own first */
	int		 n;		/* of them; 0 if the server does not speak TLS as we do */
};

/*
 * Connects to where url leads, on a connection of its own, begins TLS if it is https, and goes.
 * A certificate that cannot be verified is fetched all the same, to be shown: nothing is ever
 * sent to who has it.
 */
void		 tls_probe(struct http_client *h, struct tls_probe *l, const char *url,
		    int64_t deadline_ms);

/* The addresses of a host, separated by blanks; cut where there is no room for more. */
bool		 tls_probe_addresses(char *text, size_t size, const char *host);

/* The certificates that are trusted, a file; NULL: there is none. */
const char	*http_client_trusts(const struct http_client *h);

/*
 * Many calls at once, parallel of them; what is added beyond that waits for its turn, its
 * time running.  A group belongs to one thread; only http_multi_wake() may come from
 * others.  It keeps its connections from call to call.  It is freed before h.
 */
struct http_multi;

/* NULL: no memory or no descriptors. */
struct http_multi *http_multi_new(struct http_client *h, int parallel);
void		 http_multi_free(struct http_multi *g);	/* breaks off what is under way */

/*
 * Adds a call, which http_multi_wait() begins.  a, and what call points to, must stay until
 * tag, which is not NULL, comes out of http_multi_done(), even if the call cannot begin:
 * that is an answer too.  A call broken off by http_multi_free() does not come out.
 */
void		 http_multi_add(struct http_multi *g, void *tag, struct http_answer *a,
		    const struct http_call *call);

/* Works until a call has finished, somebody wakes it, or timeout_ms are over. */
void		 http_multi_wait(struct http_multi *g, int timeout_ms);

/* The tag of a finished call, each once; NULL: none has finished since. */
void		*http_multi_done(struct http_multi *g);

/* Ends the wait under way, or the next one if there is none. */
void		 http_multi_wake(struct http_multi *g);

#endif
