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

enum { CLAIM_KEY = 24 };	/* bytes */

enum claimed {
	CLAIM_MINE,	/* nobody else has it until claim_end() */
	CLAIM_DONE,	/* a thread of this process had it, and did it */
	CLAIM_BUSY	/* still in other hands */
};

/* Its owner's; must stay where it is while the claim holds. */
struct claim {
	unsigned char	 key[CLAIM_KEY];
	struct claim	*next;		/* private */
	int		 fd;		/* private */
};

struct claims;

struct claims	*claims_new(const char *dir);	/* opens nothing yet; NULL: no memory */
void		 claims_free(struct claims *cs);

/*
 * Claims key, waiting for others until until_ms (monotonic; 0: not at all).  CLAIM_MINE
 * does not tell whether another process has done it before: look into the store then.
 */
enum claimed	 claim_begin(struct claims *cs, struct claim *c,
		    const unsigned char key[CLAIM_KEY], int64_t until_ms);

/* Ends a claim that is CLAIM_MINE.  done: whoever waits for it here need not do it. */
void		 claim_end(struct claims *cs, struct claim *c, bool done);

/* A key for what is no message: "drain" and a URL, say. */
void		 claim_name(unsigned char key[CLAIM_KEY], const char *what, const char *which);

#endif
