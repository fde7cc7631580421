/*
 * cell.h: a question that has been answered, as the parts of the page are handed it, and how
 * they say what stands in its table.
 */
#ifndef REPORT_CELL_H
#define REPORT_CELL_H

#include "report/html.h"
#include "report/i18n.h"
#include "report/questions.h"

struct answer {
	const struct report_question	*q;
	const struct report_args	*args;
	const struct table		*t;
	enum language			 l;
};

enum { CELL_CUT = 80 };	/* characters of foreign text */

/* Columns that there are both in the question and in the table. */
size_t		cell_count_columns(const struct answer *a);

/* Whether a column's values are numbers, which stand to the right. */
bool		cell_is_number(const struct answer *a, size_t col);

/* A column's heading, by its name and by its place. */
const char	*cell_column_name(enum language l, const char *name);
const char	*cell_heading(const struct answer *a, size_t col);

/*
 * A cell in words: "1,234", "12.3%", "5 min", "Menu click".  cell_put_plain() is for attributes
 * and SVG, where there can be no element.
 */
void		cell_put(struct html *h, const struct answer *a, size_t row, size_t col);
void		cell_put_plain(struct html *h, const struct answer *a, size_t row, size_t col);

/* Whether two cells have the same text, or both none. */
bool		cell_is_same(const struct answer *a, size_t row, size_t col, size_t row2, size_t col2);

#endif
