/*
 * dbfile.h: databases for the tests of modules that use state/db.h.
 */
#ifndef TESTS_UNIT_DBFILE_H
#define TESTS_UNIT_DBFILE_H

#include "state/db.h"

/* Opens a database in dir.  It waits long for others, and does not sync. */
struct db	*dbfile_open(const char *dir, const char *name);

/* The one number that a statement gives; -1: it gives no number. */
int64_t		 dbfile_number(struct db *db, const char *sql);

#endif
