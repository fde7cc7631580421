/*
 * lease.h: locks among all hosts that share a store.
 *
 * A lease is a lock among the processes of this host (state/lock.h), and where hosts share the
 * store a row in it as well.  The row ends by the clock of the store's server, so a host that is
 * dead, cut off or frozen does not keep it, and a host whose clock is wrong does no harm.
 */
#ifndef STATE_LEASE_H
#define STATE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/lock.h"
#include "state/store.h"

enum {
	LEASE_MS = 15000,	/* after that a lease that is not kept ends */
	LEASE_KEEP_MS = 5000	/* call lease_keep() that often; more often costs nothing */
};

/* The caller owns it; it must stay at its address until lease_end(). */
struct lease {
	struct lock	 lock;
	int64_t		 keep_ms;	/* private: monotonic; write the row again then */
	int64_t		 end_ms;	/* private: monotonic; then another host may have it */
	int64_t		 owner;		/* private: 0: there is no row */
};

/*
 * Takes the lease of a name, such as "drain" and a URL; waits for others until until_ms
 * (monotonic; 0: it does not wait).  As lock_take(); LOCK_BUSY also while the store fails.
 */
enum lock_result	 lease_take(struct store *s, struct lease *l, const char *what,
			    const char *which, int64_t until_ms);

/*
 * Goes on with a lease that is LOCK_MINE.  False: it has ended, or may have; the caller stops what
 * it does under it, and calls lease_end().
 */
bool			 lease_keep(struct store *s, struct lease *l);

/* Ends a lease that was LOCK_MINE.  done: see lock_release(). */
void			 lease_end(struct store *s, struct lease *l, bool done);

#endif
