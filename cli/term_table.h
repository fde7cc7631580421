/*
 * term_table.h: prints a table (state/table.h) as text for a terminal, or as JSON or CSV.
 */
#ifndef CLI_TERM_TABLE_H
#define CLI_TERM_TABLE_H

#include "core/buf.h"
#include "report/questions.h"
#include "state/table.h"

/*
 * Appends the table as text: a line of names, then one line a row, each column as wide as it needs.
 * q tells how numbers are written and whether bars are drawn; NULL: all numbers are counts.
 * width: columns of the terminal; 0: it is not a terminal, and there are no bars.
 */
enum error	term_table(struct buf *out, const struct table *t,
		    const struct report_question *q, int width);

/*
 * Appends a cell's value as people read it: "12.3 %", "5 min", "2026-11-22 12:44:05"; "-" for
 * NULL.
 */
enum error	term_table_cell(struct buf *out, const struct table *t, size_t row, size_t col,
		    enum report_kind kind);

enum term_table_form { TERM_TABLE_TEXT, TERM_TABLE_JSON, TERM_TABLE_CSV };

/* Reads the option "--json" or "--csv".  False: it is neither. */
bool		term_table_read_form(enum term_table_form *form, const char *option);

/* Appends the table in that form; q and width are those of term_table(). */
enum error	term_table_write(struct buf *out, const struct table *t,
		    const struct report_question *q, enum term_table_form form, int width);

#endif
