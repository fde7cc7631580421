#include "report/html_table.h"
#include "report/number_format.h"

static const size_t no_column = REPORT_COLUMNS_MAX;

/*
 * Opens a table in a box that can be scrolled with the keyboard, if the table is wider than the
 * page.  kind: the key "table" or "heat", for the name of the box; class: of the table.
 */
static void
open_scroll_table(struct html *h, const struct report_answer *a, const char *kind,
    const char *class)
{
	html_raw(h, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
	html_text(h, i18n_text(a->language, a->q->name));
	html_raw(h, ": ");
	html_text(h, i18n_text(a->language, kind));
	html_printf(h, "\"><table class=\"%s\"><caption>", class);
	html_text(h, i18n_text(a->language, a->q->name));
	html_raw(h, "</caption><thead><tr>");
}

static void
close_scroll_table(struct html *h)
{
	html_raw(h, "</tbody></table></div>");
}

/* The CSS class of a column: numbers are aligned to the right, days and times stay on one line. */
static const char *
cell_class_of(const struct report_answer *a, size_t col)
{
	switch (a->q->columns[col].kind) {
	case REPORT_DAY:
	case REPORT_TIME:
		return " class=\"w\"";
	case REPORT_CODE:
	case REPORT_TEXT:
		return "";
	case REPORT_COUNT:
	case REPORT_SHARE:
	case REPORT_SECONDS:
	case REPORT_MS:
		break;
	}
	return " class=\"n\"";
}

static void
put_heading(struct html *h, const struct report_answer *a, size_t col)
{
	html_printf(h, "<th scope=\"col\"%s>", cell_class_of(a, col));
	html_text(h, cell_heading(a, col));
	html_raw(h, "</th>");
}

/* The column that is shown as bars; no_column: there are no bars. */
static size_t
bar_column_of(const struct report_answer *a)
{
	enum { FUNNEL_DEVICES = 2 };
	size_t	 col;

	switch (a->q->chart) {
	case CHART_BARS:
		for (col = 0; col < cell_count_columns(a); col++)
			if (cell_is_number(a, col))
				return col;
		break;
	case CHART_FUNNEL:
		return cell_count_columns(a) > FUNNEL_DEVICES ? FUNNEL_DEVICES : no_column;
	case CHART_NONE:
	case CHART_DAYS:
	case CHART_SERIES:
	case CHART_HEAT:
	case CHART_FLOW:
		break;
	}
	return no_column;
}

static double
highest_in(const struct report_answer *a, size_t col)
{
	double	 most = 0;
	size_t	 row;

	for (row = 0; row < a->t->rows; row++)
		if (table_number(a->t, row, col) > most)
			most = table_number(a->t, row, col);
	return most;
}

static void
put_bar_cell(struct html *h, double share)
{
	html_printf(h, "<td class=\"b\" aria-hidden=\"true\"><svg width=\"100%%\" height=\"10\">"
	    "<rect class=\"bar\" width=\"%.2f%%\" height=\"10\"/></svg></td>", share * 100);
}

/* A column that html_table_put_times() shows, since its times are the same in all rows. */
static bool
is_common_time(const struct report_answer *a, size_t col)
{
	return a->q->chart == CHART_BARS && a->q->columns[col].kind == REPORT_SECONDS;
}

/* Writes a row.  Its first column is its heading, unless that is a number. */
static void
put_table_row(struct html *h, const struct report_answer *a, size_t row, size_t bars, double most)
{
	bool	 first;
	size_t	 col;

	html_raw(h, "<tr>");
	for (col = 0; col < cell_count_columns(a); col++) {
		if (is_common_time(a, col))
			continue;
		if (col == bars)
			put_bar_cell(h, most > 0 ? table_number(a->t, row, col) / most : 0);
		first = col == 0 && !cell_is_number(a, col);
		html_printf(h, "<%s%s>", first ? "th scope=\"row\"" : "td", cell_class_of(a, col));
		cell_put(h, a, row, col);
		html_raw(h, first ? "</th>" : "</td>");
	}
	html_raw(h, "</tr>");
}

void
html_table_put_rows(struct html *h, const struct report_answer *a, size_t max)
{
	size_t	 bars = bar_column_of(a), i;
	double	 most = bars == no_column ? 0 : highest_in(a, bars);

	open_scroll_table(h, a, "table", bars == no_column ? "table" : "table bars");
	for (i = 0; i < cell_count_columns(a); i++) {
		if (i == bars)
			html_raw(h, "<td class=\"b\" aria-hidden=\"true\"></td>");
		if (!is_common_time(a, i))
			put_heading(h, a, i);
	}
	html_raw(h, "</tr></thead><tbody>");
	for (i = 0; i < a->t->rows && i < max && h->er == ERR_OK; i++)
		put_table_row(h, a, i, bars, most);
	close_scroll_table(h);
}

void
html_table_put_times(struct html *h, const struct report_answer *a)
{
	bool	 open = false;
	size_t	 col;

	for (col = 0; col < cell_count_columns(a) && a->t->rows != 0; col++) {
		if (!is_common_time(a, col))
			continue;
		html_raw(h, open ? "<div><dt>" : "<dl class=\"figures\"><div><dt>");
		open = true;
		html_text(h, cell_heading(a, col));
		html_raw(h, "</dt><dd>");
		cell_put(h, a, 0, col);
		html_raw(h, "</dd></div>");
	}
	if (open)
		html_raw(h, "</dl>");
}

/*
 * CHART_HEAT: shares of each day's devices, n days later.
 */

enum { DAY, SIZE, N, DEVICES, SHARE, COLUMNS };	/* columns of the answer; N: days after DAY */

enum { ACROSS_MAX = 64 };	/* columns of the heat table */

struct heat {
	const struct report_answer	*a;
	int64_t				 first, last;	/* the smallest and the largest n */
	double				 size[ACROSS_MAX];	/* sums of all rows */
	double				 devices[ACROSS_MAX];
	double				 top;		/* the largest share in the sums */
};

static int64_t
n_of(const struct report_answer *a, size_t row)
{
	return table_at(a->t, row, N)->i;
}

static double
share_of(double devices, double size)
{
	return size > 0 && devices > 0 ? devices < size ? devices / size : 1 : 0;
}

/* Finds the smallest and the largest n, and adds up the devices of all days for each n. */
static void
measure_heat(struct heat *m, const struct report_answer *a)
{
	size_t	 row, i;

	*m = (struct heat){ .a = a, .first = n_of(a, 0), .last = n_of(a, 0) };
	for (row = 0; row < a->t->rows; row++) {
		if (n_of(a, row) < m->first)
			m->first = n_of(a, row);
		if (n_of(a, row) > m->last)
			m->last = n_of(a, row);
	}
	if (m->last - m->first >= ACROSS_MAX)
		m->last = m->first + ACROSS_MAX - 1;
	for (row = 0; row < a->t->rows; row++) {
		if (n_of(a, row) > m->last)
			continue;
		i = (size_t)(n_of(a, row) - m->first);
		m->size[i] += table_number(a->t, row, SIZE);
		m->devices[i] += table_number(a->t, row, DEVICES);
	}
	for (i = 0; i < ACROSS_MAX; i++)
		if (share_of(m->devices[i], m->size[i]) > m->top)
			m->top = share_of(m->devices[i], m->size[i]);
}

/* Writes a percentage in one of nine colours, the strongest for m->top; 0 has no colour. */
static void
put_heat_cell(struct html *h, const struct heat *m, double devices, double size)
{
	enum { COLOURS = 9 };
	double	 share = share_of(devices, size);
	int	 colour = 0;
	char	 of[NUMBER_FORMAT_TEXT], all[NUMBER_FORMAT_TEXT];

	if (share > 0)
		colour = share < m->top ? 1 + (int)(share / m->top * (COLOURS - 1)) : COLOURS;
	number_format_count(of, devices);
	number_format_count(all, size);
	html_printf(h, "<td class=\"n h%d\" title=\"%s / %s\">%.0f</td>", colour, of, all,
	    share * 100);
}

static void
put_heat_head(struct html *h, const struct heat *m)
{
	int64_t	 n;

	put_heading(h, m->a, DAY);
	put_heading(h, m->a, SIZE);
	for (n = m->first; n <= m->last; n++)
		html_printf(h, "<th scope=\"col\" class=\"n\">%d</th>", (int)n);
	html_raw(h, "</tr></thead><tbody>");
}

/* Writes the sum of all days; for each n only days that are old enough count. */
static void
put_heat_sum(struct html *h, const struct heat *m)
{
	char	 number[NUMBER_FORMAT_TEXT];
	int64_t	 n;

	html_raw(h, "<tr class=\"sum\"><th scope=\"row\">");
	html_text(h, i18n_text(m->a->language, "together"));
	number_format_count(number, m->size[0]);
	html_printf(h, "</th><td class=\"n\">%s</td>", number);
	for (n = 0; n <= m->last - m->first; n++)
		put_heat_cell(h, m, m->devices[n], m->size[n]);
	html_raw(h, "</tr>");
}

/* Writes the rows of one day, which are in the order of n, as one row.  Returns the next row. */
static size_t
put_heat_row(struct html *h, const struct heat *m, size_t row)
{
	size_t	 begin = row;
	int64_t	 n = m->first;

	html_raw(h, "<tr><th scope=\"row\">");
	cell_put(h, m->a, row, DAY);
	html_raw(h, "</th><td class=\"n\">");
	cell_put(h, m->a, row, SIZE);
	html_raw(h, "</td>");
	for (; row < m->a->t->rows && cell_is_same(m->a, begin, DAY, row, DAY); row++) {
		for (; n < n_of(m->a, row) && n <= m->last; n++)
			html_raw(h, "<td></td>");
		if (n <= m->last && n == n_of(m->a, row)) {
			put_heat_cell(h, m, table_number(m->a->t, row, DEVICES),
			    table_number(m->a->t, row, SIZE));
			n++;
		}
	}
	for (; n <= m->last; n++)
		html_raw(h, "<td></td>");
	html_raw(h, "</tr>");
	return row;
}

void
html_table_put_heat(struct html *h, const struct report_answer *a)
{
	struct heat	 m;
	size_t		 row;

	if (cell_count_columns(a) < COLUMNS || a->t->rows == 0)
		return;
	measure_heat(&m, a);
	open_scroll_table(h, a, "heat", "heat");
	put_heat_head(h, &m);
	put_heat_sum(h, &m);
	for (row = 0; row < a->t->rows && h->er == ERR_OK;)
		row = put_heat_row(h, &m, row);
	close_scroll_table(h);
}
