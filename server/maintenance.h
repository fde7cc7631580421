/*
 * maintenance.h: the thread of a FastCGI process that looks after the store.
 *
 * It drains the queue, copies the database's log into the database, recovers what is in a
 * quarantined database, deletes what is older than the settings keep (messages, events, counters),
 * and forgets users who have left.  When nothing waits for QT any more, it removes the flag that
 * says so (state/store.h).  It knows when WeChat is to be asked, which server/asker.h does.  It
 * sleeps while there is nothing to do: state/store_watch.h.
 */
#ifndef SERVER_MAINTENANCE_H
#define SERVER_MAINTENANCE_H

#include <stdbool.h>

#include "forwarder/services.h"

struct maintenance;

/* Keeps services.  NULL: no memory. */
struct maintenance	*maintenance_new(const struct services *services);
void			 maintenance_free(struct maintenance *m);

/* Starts the thread.  False: the system allows no further thread. */
bool			 maintenance_start(struct maintenance *m);

/*
 * Tells the thread that a request was served.  While requests come it looks at the store twice a
 * second; when none comes and nothing is due it sleeps.
 */
void			 maintenance_note(struct maintenance *m);

/* A request has needed much memory: soon what is free now goes back to the system. */
void			 maintenance_trim(struct maintenance *m);

/* Ends the thread's pause.  Any thread may call it, after services->stop_ms is set. */
void			 maintenance_wake(struct maintenance *m);

/* Stops the thread and waits for its end: work that it has begun goes on to stop_ms at most. */
void			 maintenance_stop(struct maintenance *m);

/* For a process that must end soon: does a little of what the thread does, but does not drain. */
void			 maintenance_brief(const struct services *services);

/* True: there is a message to send now, a breaker to probe, or a list of addresses to fetch. */
bool			 maintenance_wanted(const struct services *services);

#endif
