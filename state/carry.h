/*
 * carry.h: moves messages that wait from one store to another: those that a host has put into its
 * own SQLite while the store that it shares with others failed (store_set_fallback()).
 */
#ifndef STATE_CARRY_H
#define STATE_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include "state/dedup.h"
#include "state/store.h"

/*
 * Moves up to a hundred messages, and marks them (dedup: NULL: it does not).  A message is in one
 * of the stores at any time, and in both for a moment: if the process dies then, the next call
 * finds that `to` has it.  *moved: how many; *more: there may be others.  ERR_STORE: one of the
 * stores fails.
 */
enum error	carry_step(struct store *from, struct store *to, struct dedup *dedup,
		    int64_t *moved, bool *more, int64_t until_ms);

/*
 * The lock of those who move messages out of a store of this host: a message that two move at the
 * same time could be put again after it was delivered.  True: it is the caller's, who calls
 * lock_release(); waits until until_ms (monotonic; 0: it does not wait).
 */
bool		carry_lock(struct store *from, struct lock *lock, int64_t until_ms);

/*
 * Moves all messages; the log says how many there were.  from may be NULL.  False: some may be
 * left, because one of the stores fails, another process moves them just now, or until_ms
 * (monotonic) has come.
 */
bool		carry_all(struct store *from, struct store *to, struct dedup *dedup,
		    int64_t until_ms);

#endif
