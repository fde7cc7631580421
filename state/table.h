/*
 * table.h: the rows and named columns that a query gave, and how they are written for other
 * programs (JSON, CSV).
 */
#ifndef STATE_TABLE_H
#define STATE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/db.h"

enum { TABLE_COLS_MAX = 40 };

struct table_cell {
	enum { CELL_NULL, CELL_INT, CELL_REAL, CELL_TEXT } type;
	int64_t	 i;
	double	 r;
	size_t	 at, len;	/* CELL_TEXT: where in the table's text, and bytes */
};

/* All zeros is an empty table.  table_free() frees its memory and leaves it empty. */
struct table {
	size_t			 cols, rows;
	char			 name[TABLE_COLS_MAX][32];
	struct table_cell	*cell;		/* row by row */
	size_t			 cap;		/* rows that cell has room for */
	struct buf		 text;
};

void		 table_free(struct table *t);

/* Empties t and gives it these columns, TABLE_COLS_MAX at most. */
enum error	 table_begin(struct table *t, const char *const *names, size_t cols);

/* Adds a row of NULLs.  The three below set a cell of the last row. */
enum error	 table_row(struct table *t);
void		 table_int(struct table *t, size_t col, int64_t i);
void		 table_real(struct table *t, size_t col, double r);
enum error	 table_text(struct table *t, size_t col, struct slice s);

/* Fills t with up to max rows of a statement. */
enum error	 table_from(struct table *t, struct db *db, const struct db_texts *sql,
		    const struct db_named *v, size_t n, size_t max);

/* Fills t with up to max rows of a statement that was started, and ends the statement. */
enum error	 table_from_rows(struct table *t, struct db_rows *rows, size_t max);

const struct table_cell *table_at(const struct table *t, size_t row, size_t col);

/* The bytes of a text cell, which may be invalid UTF-8; absent for any other cell. */
struct slice	 table_str(const struct table *t, size_t row, size_t col);

/* The number of an int or real cell; 0 for any other cell. */
double		 table_number(const struct table *t, size_t row, size_t col);

/* Appends a cell for people: digits, text as it is, nothing for NULL. */
enum error	 table_cell_text(struct buf *out, const struct table *t, size_t row, size_t col);

/*
 * Appends a JSON array with one object a row, each on its own line.  A real has as many digits as
 * it needs to be read back exactly.
 */
enum error	 table_json(struct buf *out, const struct table *t);

/* Appends the same objects as JSON lines. */
enum error	 table_json_lines(struct buf *out, const struct table *t);

/*
 * Appends CSV (RFC 4180): a line of names, then the rows; lines end with CRLF.  Text that a
 * spreadsheet would take for a formula (it begins with = + - @ tab or CR) gets a ' before it.
 */
enum error	 table_csv(struct buf *out, const struct table *t);

/* Appends CSV without the line of names, after another part of the same table. */
enum error	 table_csv_more(struct buf *out, const struct table *t);

#endif
