/*
 * datacube_move.h: moves WeChat's statistics from one store to another, a table after the other.
 *
 * Rows of the other store stay.  If it has asked for a unit itself, the unit's rows are dropped: so
 * all rows of a unit are from one answer.  The table of the units is moved after those of the
 * rows: until then the other store does not know a unit, and a move that was stopped goes on.
 *
 * These functions run inside the caller's transactions.  They return errors of the database.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_MOVE_H
#define WECHAT_DATACUBE_DATACUBE_MOVE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/db.h"

size_t		 datacube_move_tables(void);	/* how many tables there are */

/* How many rows they have together; -1: there are no tables. */
enum error	 datacube_move_count(struct db *db, int64_t *n);

/*
 * Takes up to max rows out of a table; datacube_move_put() puts them.  The caller calls db_end().
 * *is_there false: the store has no tables, and there is nothing to walk.
 */
enum error	 datacube_move_take(struct db *db, struct db_rows *rows, bool *is_there,
		    size_t table, int64_t max);

/* For the rows of one table in one transaction; begins as all zero, and is ended always. */
struct datacube_move {
	struct buf	 sql, text;
	struct db_again	 again;
	bool		 is_begun;
};

enum error	 datacube_move_put(struct datacube_move *m, struct db *db, size_t table,
		    const struct db_rows *row);
void		 datacube_move_end(struct datacube_move *m, struct db *db);

#endif
