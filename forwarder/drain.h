/*
 * drain.h: sends the messages that wait in the queue.
 *
 * One process at a time drains an end point, of all hosts that share the store (state/lease.h);
 * when it dies, or its host is frozen or cut off, another one takes over.  An end point whose
 * breaker is open, or an account that is stopped, gets one message as a probe when that is due.
 * Others have up to drain_parallel messages under way at once, the oldest first.  Those that were
 * never sent go before those that have failed, which get a quarter of the places until one of them
 * passes; then more of them are tried before their own pauses are over.  So is one of them if
 * DRAIN_TRIAL_MS have gone by without such a try.  Each is signed again, with the present time as
 * its ts.  The result is a line in the log.
 *
 * Up to 64 messages are read from the store at once.  Those that wait for a place are read again if
 * that takes longer than 200 ms.  When QT has a message, that is marked at once where all
 * processes see it (state/dedup.h), so that no other one sends it again.  A transaction settles the
 * results of up to 20 ms, 64 at most.  Bad news is settled at once.  On a full disk the results
 * are settled one by one if need be.
 *
 * A FastCGI process drains in a thread (server/maintenance.h), a CGI in the rest of its time, and
 * `qtoa drain` does nothing else.  A struct drain belongs to one thread.
 */
#ifndef FORWARDER_DRAIN_H
#define FORWARDER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "forwarder/services.h"

enum { DRAIN_TRIAL_MS = 30000 };

struct drain;

/* Keeps services, with all of SERVICES_FORWARDING.  NULL: no memory. */
struct drain	*drain_new(const struct services *services);
void		 drain_free(struct drain *d);

struct drain_sum {
	int64_t	 delivered, dead;
	int64_t	 failed;	/* attempts after which a message still waits */
	int64_t	 elsewhere;	/* end points that another process drains now */
};

struct drain_order {
	int64_t	 until_ms;	/* monotonic; after it no message is begun */
	bool	 all;		/* try each pending message once, despite back-off and breaker */
	void	 (*progress)(void *ctx, const struct drain_sum *sum);	/* may be NULL */
	void	 *ctx;
};

/*
 * Sends all messages that are due, or become due meanwhile, until no message could be sent now.
 * ERR_STORE: the store failed; messages that are not settled stay pending.
 */
enum error	 drain_run(struct drain *d, struct drain_sum *sum,
		    const struct drain_order *order);

/*
 * One turn of a drainer that works for ever: begins the messages that can be sent, then works
 * until one is answered, drain_wake() is called, the descriptor of drain_watch() can be read, or
 * pause_ms are over.  It fetches messages twice a second at most.  Errors as drain_run()'s.
 */
enum error	 drain_turn(struct drain *d, int pause_ms);
void		 drain_wake(struct drain *d);	/* from any thread */
void		 drain_watch(struct drain *d, int fd);	/* -1: no descriptor */

/* True: messages are under way. */
bool		 drain_is_sending(const struct drain *d);

/* Waits for messages under way.  The services' *stop_ms must be set: it limits the wait. */
void		 drain_finish(struct drain *d);

#endif
