/* store_open.h: makes, opens and migrates the file. */
#ifndef STATE_SQLITE_STORE_OPEN_H
#define STATE_SQLITE_STORE_OPEN_H

#include "state/sqlite/store_state.h"

/*
 * Opens the file, and makes it before if need be; if it goes into quarantine, makes and opens a new
 * one.  Waits until until_ms (monotonic) for other processes.  f->db is NULL if it failed.
 */
void	store_open_run(struct store_file *f, int64_t until_ms);

#endif
