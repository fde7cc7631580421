/*
 * http_multi.h: many HTTP calls at once, some of them in parallel.
 *
 * A call that is added when all places are taken waits for its turn, and its time runs meanwhile.
 * A struct http_multi belongs to one thread; other threads may call http_multi_wake() alone.  It
 * keeps its connections from call to call.  It must be freed before its http_client.
 */
#ifndef NET_HTTP_MULTI_H
#define NET_HTTP_MULTI_H

#include "net/http_client.h"

struct http_multi;

/* parallel: how many calls may be under way at once.  NULL: no memory or no descriptors. */
struct http_multi	*http_multi_new(struct http_client *h, int parallel);
void			 http_multi_free(struct http_multi *m);	/* cuts off calls under way */

/*
 * Adds a call, which http_multi_wait() begins.  a, and what call points to, must stay until
 * http_multi_done() returns tag, which is not NULL.  It does so even if the call cannot begin:
 * that is an answer too.  It never does if http_multi_free() comes first.
 */
void			 http_multi_add(struct http_multi *m, void *tag, struct http_answer *a,
			    const struct http_call *call);

/* From now on http_multi_wait() ends, too, when fd can be read; -1: it does not. */
void			 http_multi_watch(struct http_multi *m, int fd);

/* Works until a call has finished, another thread wakes it, or timeout_ms are over. */
void			 http_multi_wait(struct http_multi *m, int timeout_ms);

/* The tag of a finished call, each once; NULL: no other call has finished. */
void			*http_multi_done(struct http_multi *m);

/* Ends the wait that is under way, or else the next one.  Any thread may call it. */
void			 http_multi_wake(struct http_multi *m);

#endif
