/*
 * datacube_rows.h: writes the rows of WeChat's answers into the tables of the store.
 *
 * A value that is not of its column's type stays in extra, and so does a member without a column;
 * nothing is lost.  Digits in quotes are a number.  A key that is missing or of another type is 0
 * or "", and the day of a row without a date is the first day of the call.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_ROWS_H
#define WECHAT_DATACUBE_DATACUBE_ROWS_H

#include "core/buf.h"
#include "state/db.h"
#include "wechat/datacube/datacube_sql.h"

/* Where the rows of one table come from. */
struct datacube_rows_source {
	const struct datacube_endpoint	*e;
	const struct datacube_table	*t;
	const char			*appid;
	const char			*begin;	/* the first day of the call, as text */
};

struct datacube_rows;

/* *r is NULL only after ERR_NOMEM; the caller frees it with datacube_rows_free(). */
enum error	datacube_rows_new(struct datacube_rows **r, struct db *db,
		    const struct datacube_rows_source *source);
void		datacube_rows_free(struct datacube_rows *r);

/* Writes the rows of one page of an answer, which is an object, and adds their number to *n. */
enum error	datacube_rows_add(struct datacube_rows *r, int64_t *n, struct slice page);

/* Moves the values of new columns from extra into them. */
enum error	datacube_rows_fill(struct db *db, const struct datacube_rows_source *source);

#endif
