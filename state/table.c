#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/json_write.h"
#include "state/table.h"

void
table_free(struct table *t)
{
	free(t->cell);
	buf_free(&t->text);
	memset(t, 0, sizeof(*t));
}

static void
name_col(struct table *t, size_t col, const char *name)
{
	(void)snprintf(t->name[col], sizeof(t->name[col]), "%s", name);
}

enum error
table_begin(struct table *t, const char *const *names, size_t cols)
{
	size_t	 i;

	t->rows = 0;
	buf_reset(&t->text);
	if (t->cols != cols) {	/* cap counts rows of t->cols cells */
		free(t->cell);
		t->cell = NULL;
		t->cap = 0;
		t->cols = cols;
	}
	for (i = 0; i < cols; i++)
		name_col(t, i, names[i]);
	return ERR_OK;
}

enum error
table_row(struct table *t)
{
	enum { FIRST = 32 };
	struct table_cell	*p;
	size_t			 cap, i;

	if (t->rows == t->cap) {
		cap = t->cap == 0 ? FIRST : t->cap * 2;
		if (cap > SIZE_MAX / 2 / TABLE_COLS_MAX / sizeof(*p) ||
		    (p = realloc(t->cell, cap * t->cols * sizeof(*p))) == NULL)
			return ERR_NOMEM;
		t->cell = p;
		t->cap = cap;
	}
	for (i = 0; i < t->cols; i++)
		t->cell[t->rows * t->cols + i] = (struct table_cell){ .type = CELL_NULL };
	t->rows++;
	return ERR_OK;
}

/* A cell of the last row. */
static struct table_cell *
last_cell_of(struct table *t, size_t col)
{
	return &t->cell[(t->rows - 1) * t->cols + col];
}

void
table_int(struct table *t, size_t col, int64_t i)
{
	*last_cell_of(t, col) = (struct table_cell){ .type = CELL_INT, .i = i };
}

void
table_real(struct table *t, size_t col, double r)
{
	*last_cell_of(t, col) = (struct table_cell){ .type = CELL_REAL, .r = r };
}

enum error
table_text(struct table *t, size_t col, struct slice s)
{
	const size_t	 at = t->text.len;
	enum error	 er;

	if ((er = buf_put(&t->text, s.p, s.len)) == ERR_OK)
		*last_cell_of(t, col) = (struct table_cell){
			.type = CELL_TEXT, .at = at, .len = s.len,
		};
	return er;
}

static enum error
append_db_row(struct table *t, const struct db_rows *rows)
{
	enum error	 er;
	size_t		 i;

	if ((er = table_row(t)) != ERR_OK)
		return er;
	for (i = 0; i < t->cols && er == ERR_OK; i++)
		switch (db_col_type(rows, (int)i)) {
		case DB_NO_VALUE:
			break;
		case DB_INTEGER:
			table_int(t, i, db_col_int(rows, (int)i));
			break;
		case DB_REAL:
			table_real(t, i, db_col_real(rows, (int)i));
			break;
		case DB_OTHER:
			er = table_text(t, i, db_col(rows, (int)i));
			break;
		}
	return er;
}

enum error
table_from_rows(struct table *t, struct db_rows *rows, size_t max)
{
	const char	*names[TABLE_COLS_MAX];
	enum error	 er;
	size_t		 i, cols;

	cols = (size_t)db_cols(rows);
	if (cols > TABLE_COLS_MAX)
		cols = TABLE_COLS_MAX;
	for (i = 0; i < cols; i++)
		names[i] = db_col_name(rows, (int)i);
	er = table_begin(t, names, cols);
	while (er == ERR_OK && t->rows < max && db_next(rows, &er))
		er = append_db_row(t, rows);
	db_end(rows);
	return er;
}

enum error
table_from(struct table *t, struct db *db, const struct db_texts *sql, const struct db_named *v,
    size_t n, size_t max)
{
	struct db_rows	 rows;
	enum error	 er;

	if ((er = db_ask(db, &rows, sql, v, n)) == ERR_OK)
		return table_from_rows(t, &rows, max);
	db_end(&rows);
	return er;
}

const struct table_cell *
table_at(const struct table *t, size_t row, size_t col)
{
	return &t->cell[row * t->cols + col];
}

struct slice
table_str(const struct table *t, size_t row, size_t col)
{
	const struct table_cell	*c = table_at(t, row, col);

	if (c->type != CELL_TEXT)
		return (struct slice){ NULL, 0 };
	return (struct slice){ c->len == 0 ? "" : t->text.p + c->at, c->len };
}

double
table_number(const struct table *t, size_t row, size_t col)
{
	const struct table_cell	*c = table_at(t, row, col);

	switch (c->type) {
	case CELL_INT:
		return (double)c->i;
	case CELL_REAL:
		return c->r;
	case CELL_NULL:
	case CELL_TEXT:
		break;
	}
	return 0;
}

/* Writes as few digits as are needed to read the same number back. */
static enum error
write_real(struct buf *out, double r)
{
	char	 text[40];

	(void)snprintf(text, sizeof(text), "%.15g", r);
	if (strtod(text, NULL) < r || strtod(text, NULL) > r)
		(void)snprintf(text, sizeof(text), "%.17g", r);
	return buf_puts(out, text);
}

enum error
table_cell_text(struct buf *out, const struct table *t, size_t row, size_t col)
{
	const struct table_cell	*c = table_at(t, row, col);
	struct slice		 s;

	switch (c->type) {
	case CELL_INT:
		return buf_printf(out, "%lld", (long long)c->i);
	case CELL_REAL:
		return buf_printf(out, "%.6g", c->r);
	case CELL_TEXT:
		s = table_str(t, row, col);
		return buf_put(out, s.p, s.len);
	case CELL_NULL:
		break;
	}
	return ERR_OK;
}

static enum error
write_json_cell(struct buf *out, const struct table *t, size_t row, size_t col)
{
	const struct table_cell	*c = table_at(t, row, col);
	enum error		 er;

	if ((er = json_write_string(out, slice_of(t->name[col]))) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK)
		return er;
	switch (c->type) {
	case CELL_REAL:
		if (isfinite(c->r))
			return write_real(out, c->r);
		break;		/* JSON has no infinity and no NaN */
	case CELL_TEXT:
		return json_write_string(out, table_str(t, row, col));
	case CELL_INT:
		return table_cell_text(out, t, row, col);
	case CELL_NULL:
		break;
	}
	return buf_puts(out, "null");
}

static enum error
write_json_row(struct buf *out, const struct table *t, size_t row)
{
	enum error	 er = buf_putc(out, '{');
	size_t		 col;

	for (col = 0; col < t->cols && er == ERR_OK; col++)
		if (col == 0 || (er = buf_putc(out, ',')) == ERR_OK)
			er = write_json_cell(out, t, row, col);
	return er == ERR_OK ? buf_putc(out, '}') : er;
}

enum error
table_json(struct buf *out, const struct table *t)
{
	enum error	 er = buf_putc(out, '[');
	size_t		 row;

	for (row = 0; row < t->rows && er == ERR_OK; row++)
		if ((er = buf_puts(out, row == 0 ? "\n" : ",\n")) == ERR_OK)
			er = write_json_row(out, t, row);
	return er == ERR_OK ? buf_puts(out, "\n]\n") : er;
}

enum error
table_json_lines(struct buf *out, const struct table *t)
{
	enum error	 er = ERR_OK;
	size_t		 row;

	for (row = 0; row < t->rows && er == ERR_OK; row++)
		if ((er = write_json_row(out, t, row)) == ERR_OK)
			er = buf_putc(out, '\n');
	return er;
}

static enum error
write_csv_quoted(struct buf *out, struct slice s)
{
	enum error	 er = buf_putc(out, '"');
	size_t		 i;

	if (er == ERR_OK && s.len != 0 && memchr("=+-@\t\r", s.p[0], 6) != NULL)
		er = buf_putc(out, '\'');
	for (i = 0; i < s.len && er == ERR_OK; i++) {
		er = buf_putc(out, s.p[i]);
		if (er == ERR_OK && s.p[i] == '"')
			er = buf_putc(out, '"');
	}
	return er == ERR_OK ? buf_putc(out, '"') : er;
}

/* People look at CSV, too: so characters that are not printable are escaped. */
static enum error
write_csv_text(struct buf *out, struct slice s)
{
	struct buf	 clean = { 0 };
	enum error	 er;

	if ((er = format_text(&clean, s)) == ERR_OK)
		er = write_csv_quoted(out, buf_slice(&clean));
	buf_free(&clean);
	return er;
}

static enum error
write_csv_cell(struct buf *out, const struct table *t, size_t row, size_t col)
{
	const struct table_cell	*c = table_at(t, row, col);

	if (c->type == CELL_TEXT)
		return write_csv_text(out, table_str(t, row, col));
	return c->type == CELL_REAL ? write_real(out, c->r) : table_cell_text(out, t, row, col);
}

enum error
table_csv(struct buf *out, const struct table *t)
{
	enum error	 er = ERR_OK;
	size_t		 col;

	for (col = 0; col < t->cols && er == ERR_OK; col++)
		er = buf_printf(out, "%s%s", col == 0 ? "" : ",", t->name[col]);
	if (er == ERR_OK && (er = buf_puts(out, "\r\n")) == ERR_OK)
		er = table_csv_more(out, t);
	return er;
}

enum error
table_csv_more(struct buf *out, const struct table *t)
{
	enum error	 er = ERR_OK;
	size_t		 row, col;

	for (row = 0; row < t->rows && er == ERR_OK; row++) {
		for (col = 0; col < t->cols && er == ERR_OK; col++)
			if (col == 0 || (er = buf_putc(out, ',')) == ERR_OK)
				er = write_csv_cell(out, t, row, col);
		if (er == ERR_OK)
			er = buf_puts(out, "\r\n");
	}
	return er;
}
