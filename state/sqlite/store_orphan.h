/*
 * store_orphan.h: connections to files that somebody has removed or replaced while this process had
 * them open, with what waits in them.  Any thread may call these.
 */
#ifndef STATE_SQLITE_STORE_ORPHAN_H
#define STATE_SQLITE_STORE_ORPHAN_H

#include "state/sqlite/store_state.h"

bool		 store_orphan_has(struct store_file *f);

/* The caller closes it, or gives it back.  NULL: there is no such file. */
struct db	*store_orphan_take(struct store_file *f);

/* Takes the connection.  One that is too many is closed, with a line in the log. */
void		 store_orphan_keep(struct store_file *f, struct db *db);

#endif
