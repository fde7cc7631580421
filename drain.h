/*
 * drain.h: sending what waits in the queue.
 *
 * Of all processes one at a time drains an end point (a claim); when it dies another takes
 * over.  An end point whose breaker is open gets one message, as a probe, when that is
 * due; else up to drain_parallel messages are under way at once, oldest first.  Each is
 * signed anew, its ts is now.  What becomes of it is settled in the store at once, a log
 * line each.
 *
 * The same drainer is a thread of a FastCGI process, the rest of a CGI's time, and
 * `qtoa drain`.  A struct drain belongs to one thread; drain_start() hands it over.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "means.h"

struct drain;

/* Keeps means.  NULL: no memory. */
struct drain	*drain_new(const struct means *means);
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
 * sent now.  QT_ESTORE: the store failed, and what is not settled stays pending.
 */
enum qt_err	 drain_run(struct drain *d, struct drain_sum *sum,
		    const struct drain_order *order);

/* Whether a drainer would find something to send, or to probe, now. */
bool		 drain_wanted(const struct means *means);

/*
 * The thread that drains, sweeps the store and tends it, until drain_stop().  -1: no thread
 * to be had.  drain_stop() waits for it, at most for the transfers that means->stop_ms ends.
 */
int		 drain_start(struct drain *d);
void		 drain_wake(struct drain *d);	/* any thread: means->stop_ms is set */
void		 drain_stop(struct drain *d);

#endif
