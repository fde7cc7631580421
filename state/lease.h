/*
 * lease.h: locks among all hosts that share a store.
 *
 * A lease is a lock among the processes of this host (state/lock.h), and where hosts share the
 * store a row in it as well.  The row ends by the clock of the store's server, so a host that is
 * dead, cut off or frozen does not keep it, and a host whose clock is wrong does no harm.
 *
 * With a row, each call may need the store: never call these within a store_work.
 */
#ifndef STATE_LEASE_H
#define STATE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/lock.h"
#include "state/store.h"

enum {
	LEASE_MS = 15000,	/* after that a lease that is not kept ends */
	LEASE_KEEP_MS = LEASE_MS / 3,	/* call lease_keep() that often; more often costs nothing */
	LEASE_LONG_MS = 60000,	/* the same of lease_take_long() */
	LEASE_LONG_KEEP_MS = LEASE_LONG_MS / 3
};

/* The caller owns it; it must stay at its address until lease_end(). */
struct lease {
	struct lock	 lock;
	int64_t		 keep_ms;	/* private: lease.c's clock; write the row again then */
	int64_t		 end_ms;	/* private: then another host may have it */
	int64_t		 owner;		/* private: 0: there is no row */
	int64_t		 ms;		/* private: it ends so long after it was kept */
};

/*
 * Takes the lease of a name, such as "drain" and a URL; waits for others until until_ms
 * (monotonic; 0: it does not wait).  As lock_take(); LOCK_BUSY also while the store fails.
 */
enum lock_result	 lease_take(struct store *s, struct lease *l, const char *what,
			    const char *which, int64_t until_ms);

/* The same for work whose steps take so long that it is kept less often. */
enum lock_result	 lease_take_long(struct store *s, struct lease *l, const char *what,
			    const char *which, int64_t until_ms);

/*
 * The same without a wait, for work that two hosts may do at the same time if they must: while the
 * store fails, the lock among this host's processes is enough.
 */
enum lock_result	 lease_try(struct store *s, struct lease *l, const char *what,
			    const char *which);

/*
 * Goes on with a lease that is LOCK_MINE.  False: it has ended, or may have; the caller stops what
 * it does under it, and calls lease_end().  A host that was frozen learns it so.
 */
bool			 lease_keep(struct store *s, struct lease *l);

/*
 * The store has failed: perhaps another server has taken over, which does not have the row.  The
 * next lease_keep() writes it again, whatever the time.
 */
void			 lease_doubt(struct lease *l);

/* Ends a lease that was LOCK_MINE.  done: see lock_release(). */
void			 lease_end(struct store *s, struct lease *l, bool done);

/*
 * The same for what is to be done once: no host gets the lease within ms.  Where the store is a
 * file of this host, the lock is free at once.
 */
void			 lease_leave(struct store *s, struct lease *l, int64_t ms);

#endif
