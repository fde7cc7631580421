/*
 * curl_handle.h: a handle of libcurl, which makes one request after the other.  Only net/ uses it.
 *
 * net/http_client.c, net/http_multi.c and net/tls_probe.c are built on it.  libcurl's types do not
 * show here: a CURL and a curl_slist are void, a CURLcode is an int.
 */
#ifndef NET_CURL_HANDLE_H
#define NET_CURL_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/proxy.h"
#include "net/ca_store.h"
#include "net/http_client.h"

enum {
	CURL_HANDLE_ERROR = 256,	/* bytes of libcurl's error text: CURL_ERROR_SIZE */
	CURL_HANDLE_OLDEST = 0x074400,	/* 7.68.0, which has curl_multi_wakeup() */
	CURL_HANDLE_MIN_MS = 1		/* the shortest transfer; libcurl takes 0 for no limit */
};

struct http_client {
	const struct settings	*set;
	const _Atomic int64_t	*stop_ms;
	const void		*libcurl;	/* what it says of itself; NULL: not started */
	struct ca_store		 ca_store;
	struct proxy		 proxy;		/* where "": there is no proxy */
	void			*json, *xml;	/* Content-Type headers, curl_slist */
	pthread_mutex_t		 lock;
	struct curl_handle	*top;		/* handles that are not in use, last used first */
	bool			 ready;		/* libcurl is initialised */
	bool			 tried;		/* a handle was made, or could not be */
	char			 lack[HTTP_CLIENT_LACK]; /* why libcurl cannot be used; "" */
};

/* A handle of libcurl, and what its callbacks fill. */
struct curl_handle {
	struct curl_handle	*below;		/* on the stack of idle handles */
	struct http_client	*http;
	void			*curl;
	char			*url;		/* of the last request, or NULL */
	void			*parsed;	/* url as libcurl reads it, a CURLU */
	struct http_answer	*answer;	/* of the request under way */
	int			 place;		/* index in its http_multi */
	bool			 retried;	/* the request has had its second try */
	size_t			 max;		/* most bytes of the answer's body */
	bool			 too_long;	/* the body was longer than max */
	bool			 dated;		/* the caller wants the answer's Date */
	int64_t			 date_s;	/* of the answer so far; 0: it had no Date */
	bool			 proxied;	/* the request goes through the proxy */
	void			*headers;	/* of the request, a curl_slist; or NULL */
	char			 error[CURL_HANDLE_ERROR];
};

/* Texts for an answer's why, for failures that libcurl does not describe. */
extern const char	curl_handle_late[], curl_handle_stopping[];

/* Initialises libcurl when it is first needed.  False: it does not start, or no memory. */
bool			 curl_handle_start(struct http_client *h);

/*
 * Needs curl_handle_start().  The caller owns it.  NULL: no memory; or this libcurl is too old, or
 * does not know an option that we need, and h->lack says so.
 */
struct curl_handle	*curl_handle_new(struct http_client *h);
void			 curl_handle_free(struct curl_handle *t);

/* True: the time has come at which all transfers must give up. */
bool			 curl_handle_is_stopped(const struct http_client *h);

/* Empties an answer; its time begins now. */
void			 curl_handle_reset_answer(struct http_answer *a);

/* Copies as much of a text as has room, with a NUL. */
void			 curl_handle_copy(char *to, size_t size, const char *from);

/* There is no handle: the answer's why becomes what libcurl lacks, or that it does not start. */
void			 curl_handle_refuse(struct http_client *h, struct http_answer *a);

/* Prepares a request.  False: it cannot begin, and a->why says why. */
bool			 curl_handle_set_call(struct curl_handle *t, struct http_answer *a,
			    const struct http_call *call);

/*
 * Before a request: it goes through the proxy, unless it is direct, there is no proxy, or the host
 * of url is spared.  The result is a CURLcode.
 */
int			 curl_handle_set_proxy(struct curl_handle *t, const char *url, bool direct);

/* True: the proxy did not let the request through, so that nothing has reached its host. */
bool			 curl_handle_is_barred(const struct curl_handle *t, int code);

/* Before each try: limits it to the time that is left.  False: no time is left; why says so. */
bool			 curl_handle_set_time(struct curl_handle *t, int64_t deadline_ms);

/* Writes into the answer's why how the request has failed; code is a CURLcode. */
void			 curl_handle_fail(struct curl_handle *t, int code);

/* A try has ended with this CURLcode: fills the answer.  False: the caller is to try once more. */
bool			 curl_handle_settle(struct curl_handle *t, int code);

/*
 * True: a try that goes on or has failed has sent bytes of the request.  libcurl counts them over
 * all connections of the try, also a kept one that failed first.
 */
bool			 curl_handle_has_sent(const struct curl_handle *t);

#endif
