/*
 * store_file.h: the store in the file state_dir/qtoa.db: it is made, opened, migrated, put into
 * quarantine (state/state_file.h), and its WAL is copied into it.
 *
 * To begin a transaction it waits 800 ms at least for other processes.  Work that is durable is in
 * the files that still have the names, also that of the WAL and its index.
 */
#ifndef STATE_SQLITE_STORE_FILE_H
#define STATE_SQLITE_STORE_FILE_H

#include "state/store_engine.h"

/* Opens nothing yet; keeps locks.  NULL: no memory. */
struct store_base	*store_file_new(const char *dir, struct locks *locks,
			    enum store_life life);

#endif
