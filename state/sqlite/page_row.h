/*
 * page_row.h: finds rows in the pages of a damaged SQLite database (page_file.h).
 *
 * A table's rows are known by their shape, the types of their columns: which page belongs to which
 * table cannot always be read.  Rows that were deleted are not found: free pages and free places
 * in a page are left out.
 */
#ifndef STATE_SQLITE_PAGE_ROW_H
#define STATE_SQLITE_PAGE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/sqlite/page_file.h"

enum { PAGE_ROW_COLUMNS = 24 };

/*
 * columns: a letter for each column; those behind `|` may be missing.
 *	-	NULL (so a table has its id)
 *	i, I	an integer; I: or NULL
 *	t, T	text; T: or NULL
 *	b, B	bytes; B: or NULL
 */
struct page_shape {
	bool		 index;		/* an entry of an index, or of a table WITHOUT ROWID */
	const char	*columns;
};

/* An absent slice: the column is NULL, or it is an integer. */
struct page_value {
	bool		 is_null;
	int64_t		 i;
	struct slice	 s;
};

struct page_row {
	size_t			 shape;		/* which of the shapes */
	int64_t			 id;		/* of a table's row */
	bool			 whole;		/* false: only the values in its page are there */
	int			 n;		/* columns */
	struct page_value	 v[PAGE_ROW_COLUMNS];
};

/* A row and its values are valid until this returns.  An error ends the walk. */
typedef enum error	 page_row_each(void *ctx, const struct page_row *row);

/* Calls fn for each row of one of the shapes, in the order of the pages.  ERR_NOMEM, or fn's. */
enum error	 page_row_walk(const struct page_file *f, const struct page_shape *shapes,
		    size_t n, page_row_each *fn, void *ctx);

#endif
