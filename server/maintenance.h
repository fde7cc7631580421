/*
 * maintenance.h: looking after the store: the thread of a FastCGI process that drains the queue,
 * copies the database's log, takes over what was set aside, forgets what is old (messages, events,
 * tallies), and takes the flag down that something waits (see state/store.h).
 */
#ifndef SERVER_MAINTENANCE_H
#define SERVER_MAINTENANCE_H

#include <stdbool.h>

#include "forwarder/services.h"

struct maintenance;

struct maintenance	*maintenance_new(const struct services *services);	/* keeps means; NULL: no memory */
void			 maintenance_free(struct maintenance *k);

/* -1: no thread to be had.  maintenance_stop() waits for what is under way: means->stop_ms ends it. */
int			 maintenance_start(struct maintenance *k);
void			 maintenance_wake(struct maintenance *k);	/* any thread: means->stop_ms is set */
void			 maintenance_stop(struct maintenance *k);

/* For a process that is not to stay: a little of what the thread does beside draining. */
void			 maintenance_brief(const struct services *services);

/* Whether a drainer would find something to send, or to probe, now. */
bool			 maintenance_wanted(const struct services *services);

#endif
