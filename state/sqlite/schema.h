/*
 * schema.h: the tables in qtoa.db, and how a file gets them.
 *
 * SQLite's application_id says that a file is this program's; user_version says how far it is
 * migrated.
 */
#ifndef STATE_SQLITE_SCHEMA_H
#define STATE_SQLITE_SCHEMA_H

#include <stdbool.h>

#include "state/db.h"

enum schema_state {
	SCHEMA_READY,
	SCHEMA_FOREIGN,	/* another program's database */
	SCHEMA_NEWER,	/* a later qtoa made it */
	SCHEMA_FAULT	/* it cannot be read; see db_fault() */
};

/*
 * Looks whose file it is and changes nothing.  SCHEMA_READY also for an older or an empty file,
 * which schema_prepare() would migrate from *version to *ours.
 */
enum schema_state	 schema_look(struct db *db, int64_t *version, int64_t *ours);

/*
 * True: the file is this program's, but its marks and its tables do not agree, as damage leaves
 * them.  False also if it cannot be read.
 */
bool			 schema_is_broken(struct db *db);

/* Makes the tables in an empty file, or migrates those of an older one. */
enum schema_state	 schema_prepare(struct db *db);

#endif
