/* store_wal.h: copies the WAL into the file while other threads write. */
#ifndef STATE_SQLITE_STORE_WAL_H
#define STATE_SQLITE_STORE_WAL_H

#include "state/sqlite/store_state.h"

/* From here on, the open file tells how far its WAL has grown. */
void	store_wal_watch(struct store_file *f);

/* Copies the WAL when it has grown; makes the reserve again.  For a thread with time. */
void	store_wal_housekeep(struct store_file *f);

/* Closes the connection that copies; f->copying is held. */
void	store_wal_close_copier(struct store_file *f);

#endif
