/*
 * lock.h: who has what in hand, over the threads of this process and all processes that
 * share a state directory.
 *
 * A claim is a lock on one byte of state_dir/qtoa.lock, at an offset that the key gives
 * (fcntl(2), POSIX), and a row in this process's own table, since such locks do not
 * tell threads apart.  When a process dies, however it does, its claims are free.  While
 * the file cannot be had, claims hold within the process only.
 *
 * What is claimed: messages between look-up and settlement, the draining of an end point,
 * a breaker's probe, the setting aside of a database.
 */
#ifndef STATE_LOCK_H
#define STATE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum { LOCK_KEY = 24 };	/* bytes */

enum lock_result {
	LOCK_MINE,	/* nobody else has it until lock_release() */
	LOCK_DONE,	/* a thread of this process had it, and did it */
	LOCK_BUSY	/* still in other hands */
};

/* Its owner's; must stay where it is while the claim holds. */
struct lock {
	unsigned char	 key[LOCK_KEY];
	struct lock	*next;		/* private */
	int		 fd;		/* private */
};

struct locks;

struct locks		*lock_new(const char *dir);	/* opens nothing yet; NULL: no memory */
void			 lock_free(struct locks *cs);

/*
 * Claims key, waiting for others until until_ms (monotonic; 0: not at all).  LOCK_MINE
 * does not tell whether another process has done it before: look into the store then.
 */
enum lock_result	 lock_take(struct locks *cs, struct lock *c,
		    const unsigned char key[LOCK_KEY], int64_t until_ms);

/* Ends a claim that is LOCK_MINE.  done: whoever waits for it here need not do it. */
void			 lock_release(struct locks *cs, struct lock *c, bool done);

/* A key for what is no message: "drain" and a URL, say. */
void			 lock_name(unsigned char key[LOCK_KEY], const char *what, const char *which);

#endif
