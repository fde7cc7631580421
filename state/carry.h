/*
 * carry.h: moves messages that wait from one store to another: those that a host has put into its
 * own SQLite while the store that it shares with others failed (store_set_fallback()).
 */
#ifndef STATE_CARRY_H
#define STATE_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include "state/store.h"

/*
 * Moves up to a hundred messages.  A message is in one of the stores at any time, and in both for a
 * moment: if the process dies then, the next call finds that `to` has it.  *moved: how many;
 * *more: there may be others.  ERR_STORE: one of the stores fails.
 */
enum error	carry_step(struct store *from, struct store *to, int64_t *moved, bool *more,
		    int64_t until_ms);

#endif
