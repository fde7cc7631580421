/*
 * maintenance.h: looking after the store: the thread of a FastCGI process that drains the queue,
 * copies the database's log, takes over what was set aside, forgets what is old (messages, events,
 * tallies), and takes the flag down that something waits (see state/store.h).
 */
#ifndef SERVER_MAINTENANCE_H
#define SERVER_MAINTENANCE_H

#include <stdbool.h>

#include "forwarder/services.h"

struct keeper;

struct keeper	*keep_new(const struct means *means);	/* keeps means; NULL: no memory */
void		 keep_free(struct keeper *k);

/* -1: no thread to be had.  keep_stop() waits for what is under way: means->stop_ms ends it. */
int		 keep_start(struct keeper *k);
void		 keep_wake(struct keeper *k);	/* any thread: means->stop_ms is set */
void		 keep_stop(struct keeper *k);

/* For a process that is not to stay: a little of what the thread does beside draining. */
void		 keep_brief(const struct means *means);

/* Whether a drainer would find something to send, or to probe, now. */
bool		 keep_wanted(const struct means *means);

#endif
