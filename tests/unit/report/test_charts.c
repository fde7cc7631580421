/*
 * The charts and tables of the page, made from small tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/chart_days.h"
#include "report/chart_flow.h"
#include "report/html_table.h"
#include "tests/unit/unit.h"

#define CELLS_MAX	40

/* Rows as texts; a cell of a column of numbers is read as a number, and "" is NULL. */
struct rows {
	size_t		 n;
	const char	*cell[CELLS_MAX];
};

static const struct report_question days = {
	.name = "days", .chart = CHART_DAYS, .columns = {
		{ "day", REPORT_DAY }, { "code", REPORT_CODE }, { "events", REPORT_COUNT } },
};

static const struct report_question follows = {
	.name = "follows", .chart = CHART_SERIES, .columns = {
		{ "day", REPORT_DAY }, { "follows", REPORT_COUNT }, { "unfollows", REPORT_COUNT },
		{ "net", REPORT_COUNT } },
};

static const struct report_question menu = {
	.name = "menu", .chart = CHART_BARS, .columns = {
		{ "key", REPORT_TEXT }, { "clicks", REPORT_COUNT }, { "share", REPORT_SHARE },
		{ "median", REPORT_SECONDS } },
};

static const struct report_question retention = {
	.name = "retention", .chart = CHART_HEAT, .columns = {
		{ "day", REPORT_DAY }, { "size", REPORT_COUNT }, { "n", REPORT_COUNT },
		{ "devices", REPORT_COUNT }, { "share", REPORT_SHARE } },
};

static const struct report_question path = {
	.name = "path", .chart = CHART_FLOW, .columns = {
		{ "step", REPORT_COUNT }, { "from", REPORT_CODE }, { "to", REPORT_CODE },
		{ "times", REPORT_COUNT } },
};

static void
fill_answer_table(struct table *t, const struct report_question *q, const struct rows *rows)
{
	const char	*names[REPORT_COLUMNS_MAX];
	size_t		 cols, row, i;

	for (cols = 0; q->columns[cols].name != NULL; cols++)
		names[cols] = q->columns[cols].name;
	assert_int_equal(table_begin(t, names, cols), ERR_OK);
	for (row = 0; row < rows->n; row++) {
		assert_int_equal(table_row(t), ERR_OK);
		for (i = 0; i < cols; i++) {
			const char	*v = rows->cell[row * cols + i];

			if (q->columns[i].kind == REPORT_COUNT ||
			    q->columns[i].kind == REPORT_SECONDS)
				table_int(t, i, strtoll(v, NULL, 10));
			else if (q->columns[i].kind == REPORT_SHARE)
				table_real(t, i, strtod(v, NULL));
			else if (*v != '\0')
				assert_int_equal(table_text(t, i, slice_of(v)), ERR_OK);
		}
	}
}

typedef void	 draw(struct html *h, const struct report_answer *a);

static void
draw_table(struct html *h, const struct report_answer *a)
{
	html_table_put_rows(h, a, 2);
}

static const struct drawing {
	const char			*name;
	draw				*draw;
	const struct report_question	*q;
	const char			*from, *to;
	struct rows			 rows;
	const char			*want[8];	/* parts in this order, ended by NULL */
	const char			*not;		/* a part that must not be there, or NULL */
} drawings[] = {
	{ "two days", chart_days_put, &days, "2026-11-01", "2026-11-02",
	    { 3, { "2026-11-01", "$$_menu_click", "30", "2026-11-02", "$$_menu_click", "10",
	    "2026-11-02", "", "5" } },
	    { "<desc id=\"days-d\">45; peak 30, 2026-11-01</desc>",
	    "<line class=\"zero\" x2=\"100%\" y1=\"158.0\" y2=\"158.0\"/>", ">10</text>",
	    ">30</text>",
	    "<rect class=\"bar\" x=\"5.000%\" width=\"40.000%\" y=\"8.0\" height=\"150.0\"/>"
	    "<rect class=\"bar\" x=\"55.000%\" width=\"40.000%\" y=\"83.0\" height=\"75.0\"/>",
	    "<title>2026-11-02: 15</title>", "Menu click</span> <b>40</b>",
	    "Not in QT&#39;s table</span> <b>5</b>" }, NULL },
	{ "the outline of a series", chart_days_put, &days, "2026-11-01", "2026-11-03",
	    { 3, { "2026-11-01", "a", "4", "2026-11-02", "a", "1", "2026-11-01", "b", "2" } },
	    { "<bdi>a</bdi>", "d=\"M0 100V0H1V75H2V100H3V100z\"", "peak 4 \xC2\xB7 11-01",
	    "<bdi>b" }, NULL },
	{ "a day outside", chart_days_put, &days, "2026-11-01", "2026-11-02",
	    { 1, { "2026-10-31", "a", "4" } }, { "<desc id=\"days-d\">0;" }, "bdi" },
	{ "weeks", chart_days_put, &days, "2026-01-01", "2026-11-22",
	    { 2, { "2026-01-01", "a", "4", "2026-01-07", "a", "5" } },
	    { "9; peak 9, 2026-01-01 \xE2\x80\x93 2026-01-07", "sum of", "7 d" }, NULL },
	{ "no period", chart_days_put, &days, "2026-11-02", "2026-11-01",
	    { 1, { "2026-11-01", "a", "4" } }, { NULL }, "svg" },
	{ "up, down, balance", chart_days_put_series, &follows, "2026-11-01", "2026-11-02",
	    { 2, { "2026-11-01", "10", "20", "-10", "2026-11-02", "20", "0", "20" } },
	    { "Follows 30</li>", "Unfollows 20</li>", "Net 10</li>", ">20</text>",
	    "<rect class=\"up1\" x=\"5.000%\" width=\"40.000%\" y=\"45.5\" height=\"37.5\"/>"
	    "<rect class=\"down1\" x=\"5.000%\" width=\"40.000%\" y=\"83.0\" height=\"75.0\"/>",
	    "points=\"0.5,120.5 1.5,8.0 \"",
	    "<title>2026-11-01: Follows 10, Unfollows 20, Net \xE2\x88\x92" "10</title>" }, NULL },
	{ "bars", draw_table, &menu, "2026-11-01", "2026-11-02",
	    { 3, { "<b>", "40", "0.8", "90", "", "10", "0.2", "90", "third", "1", "0", "90" } },
	    { "<caption>Menu</caption>", "<th scope=\"col\">Key</th>",
	    "<th scope=\"row\"><bdi>&lt;b&gt;</bdi></th>", "width=\"100.00%\"",
	    "<td class=\"n\">40</td><td class=\"n\">80.0%</td></tr>",
	    "<th scope=\"row\">\xE2\x80\x93</th>", "width=\"25.00%\"" }, "third" },
	{ "times of all rows", html_table_put_times, &menu, "2026-11-01", "2026-11-02",
	    { 1, { "a", "40", "0.8", "90" } },
	    { "<dl class=\"figures\"><div><dt>Median</dt><dd>90 s</dd></div></dl>" }, NULL },
	{ "retention", html_table_put_heat, &retention, "2026-11-01", "2026-11-02",
	    { 3, { "2026-11-01", "10", "1", "2", "0.2", "2026-11-01", "10", "2", "0", "0",
	    "2026-11-02", "30", "1", "30", "1" } },
	    { "<th scope=\"col\" class=\"n\">1</th><th scope=\"col\" class=\"n\">2</th>",
	    "All</th><td class=\"n\">40</td><td class=\"n h9\" title=\"32 / 40\">80</td>"
	    "<td class=\"n h0\" title=\"0 / 10\">0</td>",
	    "2026-11-01</th><td class=\"n\">10</td><td class=\"n h3\" title=\"2 / 10\">20</td>",
	    "2026-11-02</th><td class=\"n\">30</td><td class=\"n h9\" title=\"30 / 30\">100</td>"
	    "<td></td></tr>" }, NULL },
	{ "no retention", html_table_put_heat, &retention, "2026-11-01", "2026-11-02", { 0,
	    { NULL } }, { NULL }, "<" },
	{ "paths", chart_flow_put, &path, "2026-11-01", "2026-11-02",
	    { 4, { "1", "a", "b", "6", "1", "a", "", "4", "2", "b", "<c>", "5", "2", "b", "",
	    "1" } }, { "<title>\xE2\x81\xA8" "a\xE2\x81\xA9 \xE2\x86\x92 \xE2\x81\xA8"
	    "b\xE2\x81\xA9: 6", "&lt;c&gt;\xE2\x81\xA9: 5",
	    "<rect class=\"node\" x=\"0.0\" y=\"8.0\" width=\"6\" height=\"300.0\"/>",
	    "<tspan class=\"n\">10</tspan>",
	    "<rect class=\"node\" x=\"184.0\" y=\"8.0\" width=\"6\" height=\"180.0\"/>",
	    "<rect class=\"node\" x=\"368.0\" y=\"8.0\" width=\"6\" height=\"150.0\"/>" }, "<c>" },
	{ "no paths", chart_flow_put, &path, "2026-11-01", "2026-11-02", { 0, { NULL } }, { NULL },
	    "<" },
};

static void
make_drawing(struct html *h, struct table *t, const struct drawing *d)
{
	struct report_args	 args = { .account = "" };
	struct report_answer	 a = { d->q, &args, t, ENGLISH };

	(void)snprintf(args.from, sizeof(args.from), "%s", d->from);
	(void)snprintf(args.to, sizeof(args.to), "%s", d->to);
	d->draw(h, &a);
}

static void
check_drawing(const struct drawing *d, struct buf *out)
{
	const char	*at, *next;
	size_t		 i;

	assert_int_equal(buf_putc(out, '\0'), ERR_OK);
	for (i = 0, at = out->p; i < COUNT(d->want) && d->want[i] != NULL; i++) {
		if (!CHECK(d->name, (next = strstr(at, d->want[i])) != NULL)) {
			print_error("wanted: %s\nin: %s\n", d->want[i], at);
			return;
		}
		at = next + strlen(d->want[i]);
	}
	if (d->not != NULL)
		CHECK(d->name, strstr(out->p, d->not) == NULL);
}

static void
pictures(void **state)
{
	struct table	 t = { 0 };
	struct buf	 out = { 0 };
	struct html	 h = { &out, ERR_OK };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(drawings); i++) {
		buf_reset(&out);
		fill_answer_table(&t, drawings[i].q, &drawings[i].rows);
		make_drawing(&h, &t, &drawings[i]);
		check_err(drawings[i].name, h.er, ERR_OK);
		check_drawing(&drawings[i], &out);
	}
	table_free(&t);
	buf_free(&out);
}

/* More days, codes, steps and nodes than a chart can show. */
static void
floods(void **state)
{
	static const struct report_question *const	 questions[] = {
		&days, &follows, &retention, &path,
	};
	static draw *const	 draws[] = { chart_days_put, chart_days_put_series,
	    html_table_put_heat, chart_flow_put };
	struct report_args	 args = { .from = "1970-01-01", .to = "9999-12-31" };
	struct table		 t = { 0 };
	struct buf		 out = { 0 };
	struct html		 h = { &out, ERR_OK };
	struct report_answer	 a = { NULL, &args, &t, CHINESE };
	char			 text[32];
	size_t			 i, row, col;

	(void)state;
	for (i = 0; i < COUNT(questions); i++) {
		a.q = questions[i];
		fill_answer_table(&t, a.q, &(struct rows){ 0, { NULL } });
		for (row = 0; row < 3000; row++) {
			assert_int_equal(table_row(&t), ERR_OK);
			for (col = 0; col < t.cols; col++) {
				(void)snprintf(text, sizeof(text), "%04zu-0%zu-11", 1970 + row,
				    1 + col);
				if (a.q->columns[col].kind == REPORT_COUNT)
					table_int(&t, col, (int64_t)(row * (col + 1)) - 3);
				else
					assert_int_equal(table_text(&t, col, slice_of(text)),
					    ERR_OK);
			}
		}
		buf_reset(&out);
		draws[i](&h, &a);
		check_err(a.q->name, h.er, ERR_OK);
		CHECK(a.q->name, out.len != 0);
	}
	table_free(&t);
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(pictures), TEST(floods) };

	return RUN("charts", tests);
}
