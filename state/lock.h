/*
 * lock.h: locks by name or key, among the threads of this process and all processes that share a
 * state directory.
 *
 * A lock is a POSIX lock (fcntl(2)) on one byte of state_dir/qtoa.lock, at an offset that the key
 * gives, and an entry in a table of this process, because POSIX locks do not work between
 * threads.  When a process dies, its locks are free.
 *
 * If the file cannot be used (something else is in its place, or the file system has no locks),
 * claims take its place (state/claim.h).  A line of the log says so; `qtoa check`, `qtoa status`
 * and /-/health say it by lock_look().
 *
 * Locks are taken for: the draining of an endpoint, a breaker's probe, the preparation of a file,
 * and more.  Messages are claimed in shared memory (state/dedup.h); a lock that a process has as
 * long as it lives tells the others whether its claims hold.
 */
#ifndef STATE_LOCK_H
#define STATE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum { LOCK_KEY = 24 };	/* bytes */

enum lock_result {
	LOCK_MINE,	/* the caller has it until lock_release() */
	LOCK_DONE,	/* a thread of this process had it and did the work */
	LOCK_BUSY	/* a thread or process still has it */
};

/* The caller owns it; it must stay at its address until lock_release(). */
struct lock {
	unsigned char	 key[LOCK_KEY];
	struct lock	*next;		/* private */
	int		 fd, claim;	/* private */
	bool		 needs_claim;	/* private */
	_Atomic bool	 is_held;	/* private */
};

struct locks;

struct locks		*lock_new(const char *dir);	/* opens nothing yet; NULL: no memory */
void			 lock_free(struct locks *locks);

/*
 * Takes the lock of key; waits for others until until_ms (monotonic; 0: it does not wait).
 * LOCK_MINE does not tell whether another process did the work before: look into the store then.
 */
enum lock_result	 lock_take(struct locks *locks, struct lock *l,
			    const unsigned char key[LOCK_KEY], int64_t until_ms);

/* Ends a lock that is LOCK_MINE.  done: threads of this process that wait for it get LOCK_DONE. */
void			 lock_release(struct locks *locks, struct lock *l, bool done);

/* Takes and ends a lock as a test.  False: the file cannot be used, and why says so. */
bool			 lock_look(struct locks *locks, char *why, size_t size);

/*
 * A number of this process, from 1 to LOCK_OWNER_MAX, which no other living process of the state
 * directory has.  0: it could not get a number.
 */
enum { LOCK_OWNER_MAX = (1 << 14) - 1 };
unsigned		 lock_owner(struct locks *locks);

/* False: no process with that number lives. */
bool			 lock_owner_lives(struct locks *locks, unsigned owner);

/* Makes a key from a name, such as "drain" and a URL; for work that is not about a message. */
void			 lock_name(unsigned char key[LOCK_KEY], const char *what,
			    const char *which);

#endif
