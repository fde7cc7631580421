/*
 * dbfile.h: databases of their own, for the tests of what stands on db.
 */
#ifndef DBFILE_H
#define DBFILE_H

#include "db.h"

/* The database name in dir, patient and without syncs: no power is cut here. */
struct db	*dbfile_open(const char *dir, const char *name);

/* The one number that sql gives; -1: none. */
int64_t		 dbfile_number(struct db *db, const char *sql);

#endif
