/*
 * dbfile.h: databases of their own, for the tests of what stands on db.
 */
#ifndef TESTS_UNIT_DBFILE_H
#define TESTS_UNIT_DBFILE_H

#include "state/db.h"

/* The database name in dir, patient and without syncs: no power is cut here. */
struct db	*dbfile_open(const char *dir, const char *name);

/* The one number that sql gives; -1: none. */
int64_t		 dbfile_number(struct db *db, const char *sql);

#endif
