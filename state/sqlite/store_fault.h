/*
 * store_fault.h: what is done about a file that cannot be used, or whose name, or the names of the
 * files beside it, lead somewhere else.
 */
#ifndef STATE_SQLITE_STORE_FAULT_H
#define STATE_SQLITE_STORE_FAULT_H

#include "state/sqlite/store_state.h"

void	store_fault_close(struct store_file *f);	/* f->db is NULL then */

/*
 * Puts the file into quarantine; the next use makes a new one.  Of several processes that find it
 * damaged one renames it, and the others see that it has moved.
 */
void	store_fault_quarantine(struct store_file *f, const char *kind, const char *why);

/*
 * The name leads to another file or to none.  If qtoa has not set the file aside, it stays open:
 * store_orphan_take() gives it to the thread that takes over what waits in it.
 */
void	store_fault_leave(struct store_file *f);

/*
 * Looks at the names of the files beside the database, in a transaction that writes, so that no
 * process that sees the same files writes meanwhile.  A WAL without a name gets it back.  False:
 * something was wrong, and the file is closed.
 */
bool	store_fault_check_beside(struct store_file *f);
void	store_fault_look_beside(struct store_file *f);	/* the same, outside of a transaction */

/* Closes the file after a fault of the disk; puts a damaged one into quarantine. */
void	store_fault_handle(struct store_file *f);

#endif
