/*
 * rebuild.h: makes a new database of the rows that can be read in a damaged qtoa.db, page by page.
 *
 * SQLite gives up at the first page that it cannot read, and reads nothing if the first page is
 * damaged.  Here each page is read for itself (page_row.h).
 */
#ifndef STATE_SQLITE_REBUILD_H
#define STATE_SQLITE_REBUILD_H

#include <stdint.h>

#include "state/db.h"

/*
 * Reads the damaged file.  *db: a database with the tables that the sources of state/recover.h
 * read; it is in a file in dir that has no name any more, so it vanishes with db_close().  Messages
 * that are delivered are in it without their bodies.  *lost: how many waiting messages are known
 * of that could not be read.  ERR_STORE, ERR_NOMEM; the caller closes *db (it may be NULL) also
 * then.
 */
enum error	rebuild_run(struct db **db, int64_t *lost, const char *file, const char *dir);

#endif
