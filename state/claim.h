/*
 * claim.h: claims that need no file, for when the lock file cannot be used (state/lock.c).
 *
 * A claim is a socket that is bound to a name which the key and the directory give.  Linux lets one
 * socket have a name at a time, among all processes of a host (of a network namespace, to be
 * exact), and gives it up when the process ends.  Other systems have no such names.
 */
#ifndef STATE_CLAIM_H
#define STATE_CLAIM_H

#include <stddef.h>

enum claim_result {
	CLAIM_MINE,
	CLAIM_BUSY,	/* another process has it, or there are no descriptors left to find out */
	CLAIM_FAILED	/* there are no claims here; errno */
};

/* Takes the claim.  CLAIM_MINE: it is held until *fd is closed. */
enum claim_result	 claim_take(int *fd, const char *dir, const unsigned char *key,
			    size_t len);

#endif
