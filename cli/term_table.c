#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/term.h"
#include "cli/term_table.h"
#include "core/format.h"
#include "core/lang.h"
#include "report/cell.h"

enum {
	CELL_MAX = 48,		/* columns of the terminal for one value at most */
	GAP	 = 2,		/* blanks between two columns */
	BAR_MIN	 = 8,		/* columns of the terminal for a bar */
	BAR_MAX	 = 40
};

/* The text of every cell, and how many columns of the terminal it takes. */
struct grid {
	const struct table		*t;
	const struct report_question	*q;
	struct buf			 text, word;
	struct spot {
		size_t	 at, len;
		int	 used;
	}				*spot;		/* row by row; the names are row 0 */
	int				 width[TABLE_COLS_MAX];
	int				 bar;		/* width of the longest bar; 0: no bars */
	size_t				 bar_col;	/* the column whose numbers are drawn */
	double				 most;		/* the largest of these numbers */
};

static enum report_kind
kind_of(const struct report_question *q, size_t col)
{
	return q != NULL && col < REPORT_COLUMNS_MAX ? q->columns[col].kind : REPORT_TEXT;
}

static enum error
append_time_cell(struct buf *out, int64_t time_s)
{
	char	 text[TERM_TIME];

	term_time(text, time_s);
	return *text != '\0' ? buf_puts(out, text) : buf_printf(out, "%lld", (long long)time_s);
}

static enum error
append_span_cell(struct buf *out, double ms)
{
	char	 span[FORMAT_SPAN];

	format_span(span, (int64_t)ms);
	return buf_puts(out, span);
}

enum error
term_table_cell(struct buf *out, const struct table *t, size_t row, size_t col,
    enum report_kind kind)
{
	const struct table_cell	*c = table_at(t, row, col);
	const double		 n = table_number(t, row, col);

	if (c->type == CELL_NULL)
		return buf_putc(out, '-');
	if (c->type == CELL_TEXT)
		return table_cell_text(out, t, row, col);
	switch (kind) {
	case REPORT_SHARE:
		return buf_printf(out, "%.1f %%", n * 100);
	case REPORT_SECONDS:
		return append_span_cell(out, n * 1000);
	case REPORT_MS:
		return n < 10000 ? buf_printf(out, "%.0f ms", n) : append_span_cell(out, n);
	case REPORT_TIME:
		return append_time_cell(out, c->type == CELL_INT ? c->i : (int64_t)n);
	case REPORT_DAY:
	case REPORT_CODE:
	case REPORT_TEXT:
	case REPORT_COUNT:
		break;
	}
	return table_cell_text(out, t, row, col);
}

static struct spot *
spot_of(struct grid *g, size_t line, size_t col)
{
	return &g->spot[line * g->t->cols + col];
}

static enum error
place_cell(struct grid *g, size_t line, size_t col, struct slice word)
{
	struct spot	*s = spot_of(g, line, col);
	enum error	 er;

	s->at = g->text.len;
	er = format_line(&g->text, &s->used, word, CELL_MAX);
	s->len = g->text.len - s->at;
	if (s->used > g->width[col])
		g->width[col] = s->used;
	return er;
}

/* The heading of a column.  English is as in JSON and CSV, Chinese as on the page. */
static const char *
heading_of(const struct grid *g, size_t col)
{
	const char	*name = g->t->name[col], *word;

	if (lang_used() == ENGLISH)
		return name;
	word = g->q == NULL ? name : cell_column_name(lang_used(), name);
	return word != name ? word : lang_text(name);
}

/* The words for a text cell; NULL: it is written as it is. */
static const char *
words_of(const struct grid *g, size_t row, size_t col)
{
	if (lang_used() == ENGLISH || g->q == NULL || col >= REPORT_COLUMNS_MAX ||
	    g->q->columns[col].name == NULL || table_at(g->t, row, col)->type != CELL_TEXT)
		return NULL;
	return cell_value_text(lang_used(), &g->q->columns[col], table_str(g->t, row, col));
}

static enum error
write_cell(struct grid *g, size_t row, size_t col)
{
	const char	*words = words_of(g, row, col);

	buf_reset(&g->word);
	return words != NULL ? buf_puts(&g->word, words) :
	    term_table_cell(&g->word, g->t, row, col, kind_of(g->q, col));
}

static enum error
fill_grid(struct grid *g)
{
	enum error	 er = ERR_OK;
	size_t		 row, col;

	for (col = 0; col < g->t->cols && er == ERR_OK; col++)
		er = place_cell(g, 0, col, slice_of(heading_of(g, col)));
	for (row = 0; row < g->t->rows && er == ERR_OK; row++)
		for (col = 0; col < g->t->cols && er == ERR_OK; col++) {
			if ((er = write_cell(g, row, col)) == ERR_OK)
				er = place_cell(g, row + 1, col, buf_slice(&g->word));
		}
	return er;
}

/* The bars show the first column of counts, if there is room for bars. */
static void
plan_bar(struct grid *g, int width)
{
	size_t	 col, row;
	int	 used = 0;

	if (g->q == NULL || g->q->chart == CHART_NONE || width == 0)
		return;
	for (col = 0; col < g->t->cols; col++)
		used += g->width[col] + GAP;
	for (col = 0; col < g->t->cols && kind_of(g->q, col) != REPORT_COUNT; col++)
		;
	if (col == g->t->cols || width - used <= BAR_MIN)
		return;
	for (row = 0; row < g->t->rows; row++)
		if (table_number(g->t, row, col) > g->most)
			g->most = table_number(g->t, row, col);
	g->bar_col = col;
	g->bar = width - used - 1 < BAR_MAX ? width - used - 1 : BAR_MAX;
}

static enum error
append_bar(struct buf *out, const struct grid *g, size_t row)
{
	int		 n;
	enum error	 er = ERR_OK;

	if (g->bar == 0 || g->most <= 0 || table_number(g->t, row, g->bar_col) <= 0)
		return ERR_OK;
	er = term_blanks(out, GAP);
	n = (int)(table_number(g->t, row, g->bar_col) / g->most * g->bar + 0.5);
	do {
		if (er == ERR_OK)
			er = buf_puts(out, "\xE2\x96\x87");	/* U+2587 */
	} while (--n > 0);
	return er;
}

/* True: the first value of the column is a number.  For tables that no question describes. */
static bool
has_numbers(const struct table *t, size_t col)
{
	size_t	 row = 0;

	while (row < t->rows && table_at(t, row, col)->type == CELL_NULL)
		row++;
	return row < t->rows && table_at(t, row, col)->type != CELL_TEXT;
}

static bool
is_number_column(const struct grid *g, size_t col)
{
	const enum report_kind	 kind = kind_of(g->q, col);

	if (g->q == NULL)
		return has_numbers(g->t, col);
	return kind == REPORT_COUNT || kind == REPORT_SHARE || kind == REPORT_SECONDS ||
	    kind == REPORT_MS;
}

static enum error
append_grid_line(struct buf *out, struct grid *g, size_t line)
{
	const struct spot	*s;
	enum error		 er = ERR_OK;
	size_t			 col;
	int			 blanks, owed = 0;	/* blanks wait in owed: none at the end */

	for (col = 0; col < g->t->cols && er == ERR_OK; col++) {
		s = spot_of(g, line, col);
		blanks = g->width[col] - s->used;
		if (is_number_column(g, col))
			owed += blanks;
		if ((er = term_blanks(out, owed)) == ERR_OK)
			er = buf_put(out, g->text.p + s->at, s->len);
		owed = GAP + (is_number_column(g, col) ? 0 : blanks);
	}
	if (er == ERR_OK && line != 0)
		er = append_bar(out, g, line - 1);
	return er == ERR_OK ? buf_putc(out, '\n') : er;
}

enum error
term_table(struct buf *out, const struct table *t, const struct report_question *q, int width)
{
	struct grid	 g = { .t = t, .q = q };
	enum error	 er = ERR_NOMEM;
	size_t		 line;

	if ((g.spot = calloc((t->rows + 1) * (t->cols + 1), sizeof(*g.spot))) != NULL)
		er = fill_grid(&g);
	if (er == ERR_OK)
		plan_bar(&g, width);
	for (line = 0; line <= t->rows && er == ERR_OK; line++)
		er = append_grid_line(out, &g, line);
	free(g.spot);
	buf_free(&g.text);
	buf_free(&g.word);
	return er;
}

bool
term_table_read_form(enum term_table_form *form, const char *option)
{
	if (strcmp(option, "--json") == 0)
		*form = TERM_TABLE_JSON;
	else if (strcmp(option, "--csv") == 0)
		*form = TERM_TABLE_CSV;
	else
		return false;
	return true;
}

enum error
term_table_write(struct buf *out, const struct table *t, const struct report_question *q,
    enum term_table_form form, int width)
{
	switch (form) {
	case TERM_TABLE_JSON:
		return table_json(out, t);
	case TERM_TABLE_CSV:
		return table_csv(out, t);
	case TERM_TABLE_TEXT:
		break;
	}
	return term_table(out, t, q, width);
}
