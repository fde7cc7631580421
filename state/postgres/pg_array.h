/*
 * pg_array.h: columns of many rows as the texts of PostgreSQL's arrays, for statements that take
 * all rows at once: unnest($1::text[], $2::bigint[]).
 */
#ifndef STATE_POSTGRES_PG_ARRAY_H
#define STATE_POSTGRES_PG_ARRAY_H

#include <stddef.h>

#include "core/buf.h"
#include "state/db.h"

/* The value; of a name only as much as an index takes: see db_short(). */
struct db_value	pg_array_fit(struct db_value v);

/*
 * Writes n rows of cols values as an array for each column; the arrays are in out.  to has room for
 * cols values, which point into out.  ERR_NOMEM.
 */
enum error	pg_array_write(struct buf *out, struct db_value *to, const struct db_value *v,
		    size_t cols, size_t n);

#endif
