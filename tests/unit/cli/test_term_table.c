#include <string.h>

#include "cli/term_table.h"
#include "tests/unit/unit.h"

static const struct report_question	 bars = {
	.name = "bars", .chart = CHART_BARS,
	.columns = { { "key", REPORT_TEXT }, { "clicks", REPORT_COUNT }, { "share",
	    REPORT_SHARE } },
};
static const struct report_question	 plain = {
	.name = "plain", .chart = CHART_NONE,
	.columns = { { "time", REPORT_TIME }, { "span", REPORT_SECONDS }, { "wait", REPORT_MS },
	    { "code", REPORT_CODE } },
};

static void
fill_clicks(struct table *t)
{
	static const char *const	 names[] = { "key", "clicks", "share" };
	static const struct {
		const char	*key;
		int64_t		 clicks;
		double		 share;
	} rows[] = {
		{ "V1", 100, 0.8 }, { "\xE8\x8F\x9C\xE5\x8D\x95", 25, 0.2 },
		{ "\x1b[31m<b>\n", 0, 0 },
	};
	size_t				 i;

	assert_int_equal(table_begin(t, names, COUNT(names)), ERR_OK);
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(table_row(t), ERR_OK);
		assert_int_equal(table_text(t, 0, slice_of(rows[i].key)), ERR_OK);
		table_int(t, 1, rows[i].clicks);
		table_real(t, 2, rows[i].share);
	}
}

#define B	"\xE2\x96\x87"

static void
drawn(void **state)
{
	static const struct {
		const char	*name;
		int		 width;
		const char	*want;
	} cases[] = {
		{ "no terminal", 0,
		    "key        clicks   share\n"
		    "V1            100  80.0 %\n"
		    "\xE8\x8F\x9C\xE5\x8D\x95           25  20.0 %\n"
		    "?[31m<b>?       0   0.0 %\n" },
		{ "no room", 30,
		    "key        clicks   share\n"
		    "V1            100  80.0 %\n"
		    "\xE8\x8F\x9C\xE5\x8D\x95           25  20.0 %\n"
		    "?[31m<b>?       0   0.0 %\n" },
		{ "bars", 40,
		    "key        clicks   share\n"
		    "V1            100  80.0 %  " B B B B B B B B B B B B "\n"
		    "\xE8\x8F\x9C\xE5\x8D\x95           25  20.0 %  " B B B "\n"
		    "?[31m<b>?       0   0.0 %\n" },
	};
	struct table	 t = { 0 };
	struct buf	 b = { 0 };
	size_t		 i;

	(void)state;
	fill_clicks(&t);
	for (i = 0; i < COUNT(cases); i++) {
		b.len = 0;
		check_err(cases[i].name, term_table(&b, &t, &bars, cases[i].width), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&b), slice_of(cases[i].want));
	}
	for (i = 1; i < 200; i++) {
		unit_memory = (unsigned)i;
		b.len = 0;
		if (term_table(&b, &t, &bars, 60) == ERR_OK)
			break;
	}
	unit_memory = 0;
	CHECK("out of memory", i > 1 && i < 200);
	buf_free(&b);
	table_free(&t);
}

static void
words_of_cells(void **state)
{
	static const char *const	 names[] = { "time", "span", "wait", "code" };
	struct table			 t = { 0 };
	struct buf			 b = { 0 };

	(void)state;
	assert_int_equal(table_begin(&t, names, COUNT(names)), ERR_OK);
	assert_int_equal(table_row(&t), ERR_OK);
	table_int(&t, 0, 1795392000);
	table_int(&t, 1, 3 * 86400);
	table_real(&t, 2, 12.4);
	assert_int_equal(table_row(&t), ERR_OK);
	table_int(&t, 0, INT64_MAX / 2);
	table_int(&t, 2, 90000);
	assert_int_equal(table_text(&t, 3, slice_of("$$_menu_click")), ERR_OK);
	check_err("drawn", term_table(&b, &t, &plain, 200), ERR_OK);
	check_bytes("words", buf_slice(&b), slice_of(
	    "time                 span   wait  code\n"
	    "2026-11-23 08:00:00   3 d  12 ms  -\n"
	    "4611686018427387903     -   90 s  $$_menu_click\n"));
	b.len = 0;
	t.rows = 1;
	check_err("no question's", term_table(&b, &t, NULL, 200), ERR_OK);
	check_bytes("numbers to the right", buf_slice(&b), slice_of(
	    "      time    span  wait  code\n"
	    "1795392000  259200  12.4  -\n"));
	buf_free(&b);
	table_free(&t);
}

static void
forms(void **state)
{
	static const char *const	 names[] = { "key" };
	enum term_table_form		 form = TERM_TABLE_TEXT;
	struct table			 t = { 0 };
	struct buf			 b = { 0 };

	(void)state;
	assert_int_equal(table_begin(&t, names, COUNT(names)), ERR_OK);
	assert_int_equal(table_row(&t), ERR_OK);
	table_int(&t, 0, 7);
	check_err("text", term_table_write(&b, &t, NULL, form, 0), ERR_OK);
	check_bytes("text", buf_slice(&b), slice_of("key\n  7\n"));
	CHECK("another option", !term_table_read_form(&form, "--text") && form == TERM_TABLE_TEXT);
	buf_reset(&b);
	CHECK("--csv", term_table_read_form(&form, "--csv"));
	check_err("CSV", term_table_write(&b, &t, NULL, form, 0), ERR_OK);
	check_bytes("CSV", buf_slice(&b), slice_of("key\r\n7\r\n"));
	buf_reset(&b);
	CHECK("--json", term_table_read_form(&form, "--json"));
	check_err("JSON", term_table_write(&b, &t, NULL, form, 0), ERR_OK);
	CHECK("JSON", strstr(b.p, "{\"key\":7}") != NULL);
	buf_free(&b);
	table_free(&t);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(drawn), TEST(words_of_cells),
	    TEST(forms) };

	return RUN("term_table", tests);
}
