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

enum { ANSWER_CUT = 80 };	/* characters of foreign text */

/* Columns that there are both in the question and in the table. */
size_t	answer_cols(const struct answer *a);

/* Whether a column's values are numbers, which stand to the right. */
bool	answer_is_number(const struct answer *a, size_t col);

/* words(), and where there are none the key itself. */
const char	*answer_words(enum language l, const char *key);

/* A column's heading, by its name and by its place. */
const char	*answer_column(enum language l, const char *name);
const char	*answer_heading(const struct answer *a, size_t col);

/*
 * A cell in words: "1,234", "12.3%", "5 min", "Menu click".  answer_plain() is for attributes
 * and SVG, where there can be no element.
 */
void	answer_cell(struct html *h, const struct answer *a, size_t row, size_t col);
void	answer_plain(struct html *h, const struct answer *a, size_t row, size_t col);

/* Whether two cells have the same text, or both none. */
bool	answer_same(const struct answer *a, size_t row, size_t col, size_t row2, size_t col2);

#endif
