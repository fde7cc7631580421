/*
 * store_watch.h: wakes a thread when any process raises the store's flag: see store_raise().
 *
 * With inotify(7) the thread sleeps until then.  A system without inotify, or one where its limits
 * are used up, has no watch: the thread must look at the flag by itself now and then.
 */
#ifndef STATE_STORE_WATCH_H
#define STATE_STORE_WATCH_H

#include <stdbool.h>

struct store_watch;

/* NULL: the system has no watch, or no memory. */
struct store_watch	*store_watch_new(const char *state_dir);
void			 store_watch_free(struct store_watch *w);

/*
 * Call it before each sleep, and look at the flag and the store after it.  What happens from then
 * on makes store_watch_fd() readable.  False: state_dir cannot be watched now.  w may be NULL.
 */
bool			 store_watch_arm(struct store_watch *w);

/* The descriptor to poll for input; -1: w is NULL. */
int			 store_watch_fd(const struct store_watch *w);

/* Forgets what has happened.  True: the flag was raised, or may have been.  w may be NULL. */
bool			 store_watch_take(struct store_watch *w);

#endif
