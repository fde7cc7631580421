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

/* The copying of what waits in a database that was set aside; begins as { .from = db }. */
struct schema_rescue {
	struct db	*from;
	int64_t		 at;		/* next id */
	int64_t		 skip;		/* rows to leave out at the next damaged place */
	int64_t		 copied;	/* messages that db did not have */
	bool		 over;
};

/* A step of it: up to max pending or dead messages, within db's transaction. */
enum qt_err		 schema_rescue(struct db *db, struct schema_rescue *r, int max);

#endif
