/*
 * drain.h: sending what waits in the queue.
 *
 * Of all processes one at a time drains an end point (a claim); when it dies another takes
 * over.  An end point whose breaker is open gets one message, as a probe, when that is
 * due; else up to drain_parallel messages are under way at once, oldest first.  Each is
 * signed anew, its ts is now.  What becomes of it is settled in the store at once, a log
 * line each.
 *
 * The same drainer works in a thread of a FastCGI process (server/maintenance.h), in the rest of a CGI's
 * time, and for `qtoa drain`.  A struct drain belongs to one thread.
 */
#ifndef FORWARDER_DRAIN_H
#define FORWARDER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "forwarder/services.h"

struct drain;

/* Keeps means.  NULL: no memory. */
struct drain	*drain_new(const struct services *services);
void		 drain_free(struct drain *d);

struct drain_sum {
	int64_t	 delivered, dead;
	int64_t	 failed;	/* attempts after which a message still waits */
	int64_t	 elsewhere;	/* end points that another process drains now */
};

struct drain_order {
	int64_t	 until_ms;	/* monotonic: nothing is begun after that */
	bool	 all;		/* each pending message once, whatever back-off and breaker say */
	void	 (*progress)(void *ctx, const struct drain_sum *sum);	/* may be NULL */
	void	 *ctx;
};

/*
 * Sends what is due, and what becomes due meanwhile, until nothing is left that could be
 * sent now.  ERR_STORE: the store failed, and what is not settled stays pending.
 */
enum error	 drain_run(struct drain *d, struct drain_sum *sum,
		    const struct drain_order *order);

/*
 * One turn of a drainer that goes on for ever: begins what can be begun, and works until
 * something has come of it, somebody wakes it, or pause_ms.  Errors as drain_run()'s.
 */
enum error	 drain_turn(struct drain *d, int pause_ms);
void		 drain_wake(struct drain *d);	/* any thread */

/* Waits for what is under way: means->stop_ms, which is set, ends it. */
void		 drain_finish(struct drain *d);

#endif
