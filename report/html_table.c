#include "report/html_table.h"
#include "report/number_format.h"

static const size_t none = REPORT_COLUMNS_MAX;

/*
 * A box of its own, which the keyboard can scroll where the table is wider than the page.
 * kind: "table" or "heat", for the box to have a name of its own; class: of the table.
 */
static void
open_table(struct html *h, const struct answer *a, const char *kind, const char *class)
{
	html_raw(h, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
	html_text(h, i18n_text(a->l, a->q->name));
	html_raw(h, ": ");
	html_text(h, i18n_text(a->l, kind));
	html_printf(h, "\"><table class=\"%s\"><caption>", class);
	html_text(h, i18n_text(a->l, a->q->name));
	html_raw(h, "</caption><thead><tr>");
}

static void
close_table(struct html *h)
{
	html_raw(h, "</tbody></table></div>");
}

/* Figures stand to the right, days and times on one line. */
static const char *
class_of(const struct answer *a, size_t col)
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
put_heading(struct html *h, const struct answer *a, size_t col)
{
	html_printf(h, "<th scope=\"col\"%s>", class_of(a, col));
	html_text(h, cell_heading(a, col));
	html_raw(h, "</th>");
}

/* The column that the bars stand for: none if there are no bars. */
static size_t
bar_column(const struct answer *a)
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
		return cell_count_columns(a) > FUNNEL_DEVICES ? FUNNEL_DEVICES : none;
	case CHART_NONE:
	case CHART_DAYS:
	case CHART_SERIES:
	case CHART_HEAT:
	case CHART_FLOW:
		break;
	}
	return none;
}

static double
highest(const struct answer *a, size_t col)
{
	double	 most = 0;
	size_t	 row;

	for (row = 0; row < a->t->rows; row++)
		if (table_number(a->t, row, col) > most)
			most = table_number(a->t, row, col);
	return most;
}

static void
put_bar(struct html *h, double share)
{
	html_printf(h, "<td class=\"b\" aria-hidden=\"true\"><svg width=\"100%%\" height=\"10\">"
	    "<rect class=\"bar\" width=\"%.2f%%\" height=\"10\"/></svg></td>", share * 100);
}

/* Times beside bars belong to all rows alike: see html_table_facts(). */
static bool
is_fact(const struct answer *a, size_t col)
{
	return a->q->chart == CHART_BARS && a->q->columns[col].kind == REPORT_SECONDS;
}

/* A row is named by its first column, unless that is a figure. */
static void
put_row(struct html *h, const struct answer *a, size_t row, size_t bars, double most)
{
	bool	 first;
	size_t	 col;

	html_raw(h, "<tr>");
	for (col = 0; col < cell_count_columns(a); col++) {
		if (is_fact(a, col))
			continue;
		if (col == bars)
			put_bar(h, most > 0 ? table_number(a->t, row, col) / most : 0);
		first = col == 0 && !cell_is_number(a, col);
		html_printf(h, "<%s%s>", first ? "th scope=\"row\"" : "td", class_of(a, col));
		cell_put(h, a, row, col);
		html_raw(h, first ? "</th>" : "</td>");
	}
	html_raw(h, "</tr>");
}

void
html_table_rows(struct html *h, const struct answer *a, size_t max)
{
	size_t	 bars = bar_column(a), i;
	double	 most = bars == none ? 0 : highest(a, bars);

	open_table(h, a, "table", bars == none ? "table" : "table bars");
	for (i = 0; i < cell_count_columns(a); i++) {
		if (i == bars)
			html_raw(h, "<td class=\"b\" aria-hidden=\"true\"></td>");
		if (!is_fact(a, i))
			put_heading(h, a, i);
	}
	html_raw(h, "</tr></thead><tbody>");
	for (i = 0; i < a->t->rows && i < max && h->er == ERR_OK; i++)
		put_row(h, a, i, bars, most);
	close_table(h);
}

void
html_table_facts(struct html *h, const struct answer *a)
{
	bool	 open = false;
	size_t	 col;

	for (col = 0; col < cell_count_columns(a) && a->t->rows != 0; col++) {
		if (!is_fact(a, col))
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
 * Heat.
 */

enum { DAY, SIZE, N, DEVICES, SHARE, COLUMNS };

enum { ACROSS_MAX = 64 };

struct heat {
	const struct answer	*a;
	int64_t			 first, last;	/* n */
	double			 size[ACROSS_MAX], devices[ACROSS_MAX];	/* of all rows */
	double			 top;		/* the largest share of all rows */
};

static int64_t
n_of(const struct answer *a, size_t row)
{
	return table_at(a->t, row, N)->i;
}

static double
share_of(double devices, double size)
{
	return size > 0 && devices > 0 ? devices < size ? devices / size : 1 : 0;
}

/* The columns that there are, and what all rows have in them together. */
static void
measure(struct heat *m, const struct answer *a)
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

/* Per cent, and one of ten colours, the strongest for the top.  0 has none. */
static void
put_heat(struct html *h, const struct heat *m, double devices, double size)
{
	enum { COLOURS = 9 };
	double	 share = share_of(devices, size);
	int	 colour = 0;
	char	 of[NUMBER_FORMAT], all[NUMBER_FORMAT];

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

/* All cohorts together, each n over those that are old enough. */
static void
put_heat_sum(struct html *h, const struct heat *m)
{
	char	 f[NUMBER_FORMAT];
	int64_t	 n;

	html_raw(h, "<tr class=\"sum\"><th scope=\"row\">");
	html_text(h, i18n_text(m->a->l, "together"));
	number_format_count(f, m->size[0]);
	html_printf(h, "</th><td class=\"n\">%s</td>", f);
	for (n = 0; n <= m->last - m->first; n++)
		put_heat(h, m, m->devices[n], m->size[n]);
	html_raw(h, "</tr>");
}

/* The rows of the table with one day, which follow each other by n.  Returns the next row. */
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
			put_heat(h, m, table_number(m->a->t, row, DEVICES),
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
html_table_heat(struct html *h, const struct answer *a)
{
	struct heat	 m;
	size_t		 row;

	if (cell_count_columns(a) < COLUMNS || a->t->rows == 0)
		return;
	measure(&m, a);
	open_table(h, a, "heat", "heat");
	put_heat_head(h, &m);
	put_heat_sum(h, &m);
	for (row = 0; row < a->t->rows && h->er == ERR_OK;)
		row = put_heat_row(h, &m, row);
	close_table(h);
}
