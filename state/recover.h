/*
 * recover.h: what waits in databases that were set aside, and what was counted there, is taken
 * over into the store.
 *
 * state_dir/qtoa.db.damaged-TIME and qtoa.db.newer-TIME, when that is done, are called
 * qtoa.db.rescued-TIME.  Nobody but the operator removes them.
 */
#ifndef STATE_RECOVER_H
#define STATE_RECOVER_H

#include "state/lock.h"
#include "state/store.h"

/* One process at a time; what cannot be done now is done the next time. */
void	recover_run(struct store *s, struct locks *cs, const char *dir);

#endif
