/*
 * schema.h: the tables in qtoa.db, and how a file comes to have them.
 *
 * The application_id says that a file is ours, user_version how far it is migrated.
 */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

#include "state/db.h"

enum schema_state {
	SCHEMA_READY,
	SCHEMA_FOREIGN,	/* another program's database */
	SCHEMA_NEWER,	/* a later qtoa's */
	SCHEMA_FAULT	/* db_fault() */
};

/*
 * What a file is, which is left as it is: READY also of an older one, or an empty one, that
 * schema_prepare() would bring from *version to *ours.
 */
enum schema_state	 schema_look(struct db *db, int64_t *version, int64_t *ours);

/* Makes the tables, or brings older ones up to date. */
enum schema_state	 schema_prepare(struct db *db);

#endif
