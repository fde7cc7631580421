#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/term.h"
#include "cli/term_table.h"
#include "core/format.h"

enum {
	CELL_MAX = 48,		/* columns of a terminal for one value */
	GAP	 = 2,		/* between two columns */
	BAR_MIN	 = 8, BAR_MAX = 40,
	CHINA_S	 = 8 * 3600	/* ahead of UTC */
};

/* Every cell's text, and how wide it is. */
struct grid {
	const struct table		*t;
	const struct report_question	*q;
	struct buf			 text, word;
	struct spot {
		size_t	 at, len;
		int	 used;
	}				*spot;		/* row by row, that of names first */
	int				 width[TABLE_COLS_MAX];
	int				 bar;		/* columns for it; 0: none */
	size_t				 bar_col;	/* whose numbers it shows */
	double				 most;
};

static enum report_kind
kind_of(const struct report_question *q, size_t col)
{
	return q != NULL && col < REPORT_COLUMNS_MAX ? q->columns[col].kind : REPORT_TEXT;
}

static enum error
put_time(struct buf *out, int64_t time_s)
{
	const time_t	 t = (time_t)(time_s + CHINA_S);
	char		 text[32];
	struct tm	 tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return buf_printf(out, "%lld", (long long)time_s);
	return buf_puts(out, text);
}

static enum error
put_span(struct buf *out, double ms)
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
		return put_span(out, n * 1000);
	case REPORT_MS:
		return n < 10000 ? buf_printf(out, "%.0f ms", n) : put_span(out, n);
	case REPORT_TIME:
		return put_time(out, c->type == CELL_INT ? c->i : (int64_t)n);
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
place(struct grid *g, size_t line, size_t col, struct slice word)
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

static enum error
fill(struct grid *g)
{
	enum error	 er = ERR_OK;
	size_t		 row, col;

	for (col = 0; col < g->t->cols && er == ERR_OK; col++)
		er = place(g, 0, col, slice_of(g->t->name[col]));
	for (row = 0; row < g->t->rows && er == ERR_OK; row++)
		for (col = 0; col < g->t->cols && er == ERR_OK; col++) {
			buf_reset(&g->word);
			er = term_table_cell(&g->word, g->t, row, col, kind_of(g->q, col));
			if (er == ERR_OK)
				er = place(g, row + 1, col, buf_slice(&g->word));
		}
	return er;
}

/* The first column of counts is what a bar is drawn of, where there is room for one. */
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
put_bar(struct buf *out, const struct grid *g, size_t row)
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

/* Without a question the first value that there is tells. */
static bool
has_numbers(const struct table *t, size_t col)
{
	size_t	 row = 0;

	while (row < t->rows && table_at(t, row, col)->type == CELL_NULL)
		row++;
	return row < t->rows && table_at(t, row, col)->type != CELL_TEXT;
}

static bool
is_number(const struct grid *g, size_t col)
{
	const enum report_kind	 kind = kind_of(g->q, col);

	if (g->q == NULL)
		return has_numbers(g->t, col);
	return kind == REPORT_COUNT || kind == REPORT_SHARE || kind == REPORT_SECONDS ||
	    kind == REPORT_MS;
}

static enum error
put_line(struct buf *out, struct grid *g, size_t line)
{
	const struct spot	*s;
	enum error		 er = ERR_OK;
	size_t			 col;
	int			 blanks, owed = 0;	/* none at a line's end */

	for (col = 0; col < g->t->cols && er == ERR_OK; col++) {
		s = spot_of(g, line, col);
		blanks = g->width[col] - s->used;
		if (is_number(g, col))
			owed += blanks;
		if ((er = term_blanks(out, owed)) == ERR_OK)
			er = buf_put(out, g->text.p + s->at, s->len);
		owed = GAP + (is_number(g, col) ? 0 : blanks);
	}
	if (er == ERR_OK && line != 0)
		er = put_bar(out, g, line - 1);
	return er == ERR_OK ? buf_putc(out, '\n') : er;
}

enum error
term_table(struct buf *out, const struct table *t, const struct report_question *q, int width)
{
	struct grid	 g = { .t = t, .q = q };
	enum error	 er = ERR_NOMEM;
	size_t		 line;

	if ((g.spot = calloc((t->rows + 1) * (t->cols + 1), sizeof(*g.spot))) != NULL)
		er = fill(&g);
	if (er == ERR_OK)
		plan_bar(&g, width);
	for (line = 0; line <= t->rows && er == ERR_OK; line++)
		er = put_line(out, &g, line);
	free(g.spot);
	buf_free(&g.text);
	buf_free(&g.word);
	return er;
}
