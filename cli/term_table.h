/*
 * term_table.h: a question's table as text for people.
 */
#ifndef CLI_TERM_TABLE_H
#define CLI_TERM_TABLE_H

#include "core/buf.h"
#include "report/questions.h"
#include "state/table.h"

/*
 * Appends the table, a line a row under a line of names, each column as wide as it needs.
 * width: of the terminal, for the bars of a question that has any; 0: it is none, and there
 * are no bars.  q NULL: it is no question's, numbers are counts.
 */
enum error	term_table(struct buf *out, const struct table *t,
		    const struct report_question *q, int width);

/* Appends a cell's value in words: "12.3 %", "5 min", "2026-11-22 12:00"; "-" for NULL. */
enum error	term_table_cell(struct buf *out, const struct table *t, size_t row, size_t col,
		    enum report_kind kind);

#endif
