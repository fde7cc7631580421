/*
 * schema.h: the tables in qtoa.db, and how a file comes to have them.
 *
 * The application_id says that a file is ours, user_version how far it is migrated.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "db.h"

enum schema_state {
	SCHEMA_READY,
	SCHEMA_FOREIGN,	/* another program's database */
	SCHEMA_NEWER,	/* a later qtoa's */
	SCHEMA_FAULT	/* db_fault() */
};

/* Makes the tables, or brings older ones up to date. */
enum schema_state	 schema_prepare(struct db *db);

#endif
