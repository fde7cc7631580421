/*
 * cell.h: the answer to a question, and its cells as text for the page.
 */
#ifndef REPORT_CELL_H
#define REPORT_CELL_H

#include "report/html.h"
#include "report/i18n.h"
#include "report/questions.h"

struct report_answer {
	const struct report_question	*q;
	const struct report_args	*args;
	const struct table		*t;	/* NULL: the question could not be answered */
	enum language			 language;
};

enum { CELL_CUT = 80 };	/* characters of a foreign text that are shown */

/* The number of columns that both the question and the table have. */
size_t		cell_count_columns(const struct report_answer *a);

/* A column of numbers, which are aligned to the right. */
bool		cell_is_number(const struct report_answer *a, size_t col);

/* The heading of a column, by its name, and by its index. */
const char	*cell_column_name(enum language l, const char *name);
const char	*cell_heading(const struct report_answer *a, size_t col);

/* The text of a value of that column in words; NULL: there are no words for it. */
const char	*cell_value_text(enum language l, const struct report_column *column,
		    struct slice value);

/*
 * Writes a cell as text: "1,234", "12.3%", "5 min", "Menu click".  cell_put() may write an element
 * around foreign text; cell_put_plain() writes no elements, for attributes and SVG.
 */
void		cell_put(struct html *h, const struct report_answer *a, size_t row, size_t col);
void		cell_put_plain(struct html *h, const struct report_answer *a, size_t row,
		    size_t col);

/* Writes a number as number_format_count() formats it. */
void		cell_put_count(struct html *h, double n);

/* Two cells have the same text, or both have no text. */
bool		cell_is_same(const struct report_answer *a, size_t row, size_t col, size_t row2,
		    size_t col2);

#endif
