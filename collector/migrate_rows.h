/*
 * migrate_rows.h: rows on their way from one store to the other (collector/migrate.h), with copies
 * of their values, so that one statement can put all of them.
 */
#ifndef COLLECTOR_MIGRATE_ROWS_H
#define COLLECTOR_MIGRATE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "state/db.h"

/* Begins as all zero. */
struct migrate_rows {
	struct db_value	*v;		/* until migrate_rows_end(), texts are places in bytes */
	size_t		 n, cols, room;	/* rows; values of each; rows that v has room for */
	struct buf	 bytes;
	bool		 is_over;
};

/* types: of the columns, from 0: int, text, blob, name (db_short()). */
enum error	migrate_rows_add(struct migrate_rows *r, const struct db_rows *row,
		    const char *types);

/*
 * Runs a statement for all rows, with some of their columns, in this order; -1 ends the list.  No
 * row can be added then.
 */
enum error	migrate_rows_put(struct migrate_rows *r, struct db *db, enum sql sql,
		    const signed char *columns);

void		migrate_rows_free(struct migrate_rows *r);

/* The value of a column of a row; see above. */
struct db_value	migrate_rows_value(const struct db_rows *row, int col, char type);

#endif
