/*
 * caller.h: the calls to the destinations of accounts with relays, many at once.
 *
 * A worker begins the calls for its message and waits for them; but only for so long.  What it
 * does not wait for any more it leaves: the caller finishes the call, and then settles the row of
 * the queue that the worker has written for it.  So a destination that is slow delays nobody, and
 * still gets the message once.
 *
 * In a FastCGI process one thread makes all calls (net/http_multi.h), and another one settles
 * those that were left.  A CGI has no threads: caller_wait() does the work, and what is left is
 * cut off.
 *
 * The answer of a relay that answers users is judged (passive.h), and goes to the table in which
 * all deliveries of the message find it (state/answer_table.h).  If it comes when nobody waits for
 * it any more, and no delivery has taken it a while later, the user gets it as a customer-service
 * message, once at most, or a line of the log says that it was late.
 *
 * A call that is under way has a claim on its key (state/dedup.h), so no other process sends the
 * same.  When the destination has the message, that is marked there before anything else happens.
 */
#ifndef FORWARDER_CALLER_H
#define FORWARDER_CALLER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/breaker.h"
#include "forwarder/qt_client.h"
#include "forwarder/services.h"
#include "relay/relay_request.h"
#include "state/answer_table.h"
#include "state/queue.h"

struct caller;

/* One for each worker: what it waits on. */
struct call_group {
	pthread_cond_t	 changed;
	unsigned	 events, seen;	/* calls that were done; those that caller_wait() told of */
};

void		 caller_group_init(struct call_group *g);
void		 caller_group_fini(struct call_group *g);

/* One call; the caller owns it, also while a worker uses it. */
struct call {
	/* To be set before caller_begin(). */
	const struct account	*to;		/* destination */
	unsigned char		 key[QUEUE_KEY]; /* of the message at this destination */
	struct relay_request	 request;	/* for QT: only the body */
	int64_t			 deadline_ms;	/* monotonic */
	bool			 claimed;	/* the key is claimed, and must be marked */
	bool			 answers;	/* the user gets what it answers; then also: */
	unsigned char		 message[QUEUE_KEY]; /* the message's own key */
	struct buf		 user;		/* who gets the answer */

	/* The answer, when caller_is_done(). */
	struct qt_result	 result;
	int64_t			 begun_ms;	/* monotonic */
	struct buf		 reply;		/* to the user, a good <xml>; empty: nothing */

	/* Private. */
	struct call		*next;
	struct call_group	*group;
	struct http_call	 http;
	struct breaker_report	 report;
	struct queue_message	 row;
	int64_t			 mark;		/* breaker_enter()'s */
	_Atomic bool		 done;
	bool			 left;
	int64_t			 late_ms;	/* monotonic: when its reply is late */
};

/*
 * Keeps services, which must have all of SERVICES_FORWARDING.  threads: there are threads.  NULL:
 * no memory.
 */
struct caller	*caller_new(const struct services *services, bool threads);
void		 caller_free(struct caller *c);		/* cuts off what is under way */

/* Starts the threads.  False: the system allows no further thread. */
bool		 caller_start(struct caller *c);

/* Finishes what is under way, until services->stop_ms at most, and ends the threads. */
void		 caller_stop(struct caller *c);

/* An empty call; NULL: no memory.  It goes back by caller_give_back() or caller_leave(). */
struct call	*caller_take(struct caller *c);
void		 caller_give_back(struct caller *c, struct call *call);

/* True: so many calls to the destination are under way that no other should begin. */
bool		 caller_is_jammed(const struct caller *c, const struct account *to);

void		 caller_begin(struct caller *c, struct call *call, struct call_group *g);

/*
 * Makes a call to a QT in the thread of the worker, which is faster, and cannot be left.  It is
 * done then.  caller_may_do() says whether it should be: the QT has answered the last call, and so
 * few others wait so that a QT which is suddenly silent costs hardly anybody time.
 */
bool		 caller_may_do(const struct caller *c, const struct account *to);
void		 caller_do(struct caller *c, struct call *call);

/* Waits until a further call of the group is done, or until until_ms (monotonic). */
void		 caller_wait(struct caller *c, struct call_group *g, int64_t until_ms);
bool		 caller_is_done(const struct call *call);

/*
 * The worker waits no longer for a call that has begun, whether it is done or not.  Its row is in
 * the queue, or could not be written.
 */
void		 caller_leave(struct caller *c, struct call *call);

/* What is known of answers.  NULL: no relay answers. */
struct answer_table *caller_answers(const struct caller *c);

/* How long the destination usually takes, in ms; 0: it did not answer the last call. */
int64_t		 caller_usual_ms(const struct caller *c, const struct account *to);

#endif
