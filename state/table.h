/*
 * table.h: rows and named columns that a question about the data gave, and how they leave
 * the program for other programs.
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
	size_t	 at, len;	/* CELL_TEXT: in text */
};

/* All zero is an empty one.  Owned by who has it; table_free() ends it. */
struct table {
	size_t			 cols, rows;
	char			 name[TABLE_COLS_MAX][32];
	struct table_cell	*cell;		/* row by row */
	size_t			 cap;		/* rows that there is room for */
	struct buf		 text;
};

void		 table_free(struct table *t);

/* Empties t; its columns are these. */
enum error	 table_begin(struct table *t, const char *const *names, size_t cols);

/* A row more, of NULLs; then its cells by column. */
enum error	 table_row(struct table *t);
void		 table_int(struct table *t, size_t col, int64_t i);
void		 table_real(struct table *t, size_t col, double r);
enum error	 table_text(struct table *t, size_t col, struct slice s);

/* What a statement gives, up to max rows, replaces what t held. */
enum error	 table_from(struct table *t, struct db *db, const char *sql,
		    const struct db_named *v, size_t n, size_t max);

/* The same of a statement that has been started, and that ends here. */
enum error	 table_from_rows(struct table *t, struct db_rows *rows, size_t max);

const struct table_cell *table_at(const struct table *t, size_t row, size_t col);

/* A text cell's bytes; absent for all others.  As UTF-8 as what came. */
struct slice	 table_str(const struct table *t, size_t row, size_t col);

/* An int or real cell as a number, 0 for all others. */
double		 table_number(const struct table *t, size_t row, size_t col);

/* Appends a cell as people read it: digits, text as it is, "" for NULL. */
enum error	 table_cell_text(struct buf *out, const struct table *t, size_t row, size_t col);

/* Appends a JSON array of an object a row, on lines of their own; reals read back the same. */
enum error	 table_json(struct buf *out, const struct table *t);

/* The same as JSON lines. */
enum error	 table_json_lines(struct buf *out, const struct table *t);

/*
 * Appends CSV (RFC 4180) with a line of names, lines ended by CRLF.  Text that a spreadsheet
 * would take for a formula (= + - @ tab, at its beginning) gets a ' before it.
 */
enum error	 table_csv(struct buf *out, const struct table *t);

/* The same without the line of names, to go on after another part of the table. */
enum error	 table_csv_more(struct buf *out, const struct table *t);

#endif
