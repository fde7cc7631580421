/*
 * pg_schema.h: the tables in a PostgreSQL database, and how it gets them.  The database belongs to
 * qtoa alone; the table qtoa_schema says how far it is migrated.
 */
#ifndef STATE_POSTGRES_PG_SCHEMA_H
#define STATE_POSTGRES_PG_SCHEMA_H

#include <stddef.h>

#include "state/db.h"

/*
 * Makes the tables in an empty database, or migrates those of an older one.  Of several hosts that
 * do it at the same time one does the work, with the row of qtoa_schema locked.  ERR_STORE: why
 * says what is wrong.  *is_refused: the database is of a newer qtoa; it is not changed.
 */
enum error	pg_schema_prepare(struct db *db, bool *is_refused, char *why, size_t size);

/* The version of the tables, -1: there are no tables; and the one that this program knows. */
enum error	pg_schema_look(struct db *db, int64_t *version, int64_t *ours);

#endif
