/*
 * store_look.h: looks into a store that hosts share for what others have left in it.
 *
 * The flag of state/store.h tells processes of this host only.  Another host may have put a message
 * into the store and be dead now, or may have opened a breaker.  So one process of this host looks
 * every second, which is one SELECT, and raises the flag if something waits.  The time of the file
 * state_dir/qtoa.look says when that was.  Where the store is a file of this host, nothing is done.
 */
#ifndef STATE_STORE_LOOK_H
#define STATE_STORE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "state/store.h"

enum { STORE_LOOK_MS = 1000 };

#define STORE_LOOK_FILE	"qtoa.look"

/* Looks if no process of this host did so within STORE_LOOK_MS; waits until until_ms. */
void		 store_look(struct store *s, const char *state_dir, int64_t until_ms);

/*
 * True: the last look failed, a moment ago.  For a process that begins and ends with a request:
 * the store is not worth another wait for something that it can do without.
 */
bool		 store_look_has_failed(const struct store *s, const char *state_dir);

#endif
