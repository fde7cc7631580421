/*
 * descriptors.h: shares out the descriptors that the limit on open files leaves to a FastCGI
 * process, so that a worker that has accepted a connection can reach QT.
 *
 * A connection of the web server needs one descriptor; while its request is sent to QT or WeChat,
 * it needs some more.  If the limit is too low for settings.threads workers with all that each may
 * need, fewer of them may send at once, and the others wait for their turn (server/gate.h).
 */
#ifndef SERVER_DESCRIPTORS_H
#define SERVER_DESCRIPTORS_H

#include "core/conf.h"

struct descriptors_plan {
	int	 workers;	/* connections that may be accepted */
	int	 senders;	/* of those workers, how many may send at once */
	int	 drain;		/* messages of the queue under way to an end point */
};

/*
 * Plans for `threads` workers, and `drain` messages to each of `endpoints` end points, with `free`
 * descriptors.  Each number of the plan is 1 at least.
 */
struct descriptors_plan	 descriptors_plan(int free, int threads, int drain, int endpoints);

/*
 * Raises the soft limit on open files if settings need that and the hard limit allows it, and plans
 * with what is left; *limit becomes the limit.
 */
struct descriptors_plan	 descriptors_plan_of(const struct conf *c, int *limit);

#endif
