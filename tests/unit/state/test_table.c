#include <math.h>
#include <string.h>

#include "state/table.h"
#include "tests/unit/unit.h"

static const char *const	 names[] = { "a", "b", "c" };

static void
put_table_row(struct table *t, size_t col, const char *text)
{
	check_err(text, table_text(t, col, slice_of(text)), ERR_OK);
}

static void
check_buf(const char *name, struct buf *b, const char *want)
{
	check_err(name, buf_putc(b, '\0'), ERR_OK);
	assert_string_equal(b->p, want);
	buf_reset(b);
}

static void
cells(void **state)
{
	struct table	 t = { 0 };
	size_t		 i;

	(void)state;
	check_err("begun", table_begin(&t, names, 3), ERR_OK);
	for (i = 0; i < 1000; i++) {
		check_err("a row", table_row(&t), ERR_OK);
		table_int(&t, 0, (int64_t)i);
		table_real(&t, 1, (double)i / 2);
		put_table_row(&t, 2, i % 2 == 0 ? "even" : "");
	}
	check_int("rows", (int64_t)t.rows, 1000);
	for (i = 0; i < 1000; i++) {
		check_int("int", table_at(&t, i, 0)->i, (int64_t)i);
		CHECK("real", fabs(table_number(&t, i, 1) * 2 - table_number(&t, i, 0)) < 1e-9);
		CHECK("text", slice_is(table_str(&t, i, 2), i % 2 == 0 ? "even" : ""));
		CHECK("text is no number", fabs(table_number(&t, i, 2)) < 1e-9);
		CHECK("a number is no text", table_str(&t, i, 0).p == NULL);
	}
	check_err("begun again, narrower", table_begin(&t, names, 1), ERR_OK);
	check_int("empty", (int64_t)t.rows, 0);
	check_err("a row", table_row(&t), ERR_OK);
	CHECK("of nothing", table_at(&t, 0, 0)->type == CELL_NULL);
	table_free(&t);
}

static void
leaving(void **state)
{
	struct table	 t = { 0 };
	struct buf	 b = { 0 };

	(void)state;
	check_err("begun", table_begin(&t, names, 3), ERR_OK);
	check_err("json", table_json(&b, &t), ERR_OK);
	check_buf("no rows", &b, "[\n]\n");
	check_err("csv", table_csv(&b, &t), ERR_OK);
	check_buf("no rows", &b, "a,b,c\r\n");
	check_err("a row", table_row(&t), ERR_OK);
	table_int(&t, 0, -7);
	table_real(&t, 1, 1.0 / 3);
	put_table_row(&t, 2, "x\"y\n<script>\\ \xE4\xBD\xA0");
	check_err("a row", table_row(&t), ERR_OK);
	table_real(&t, 0, 0.5);
	put_table_row(&t, 1, "");
	check_err("a row", table_row(&t), ERR_OK);
	put_table_row(&t, 0, "=1+1");
	put_table_row(&t, 1, "-x");
	table_real(&t, 2, (double)NAN);
	check_err("json", table_json(&b, &t), ERR_OK);
	check_buf("json", &b, "[\n{\"a\":-7,\"b\":0.33333333333333331,"
	    "\"c\":\"x\\\"y\\n<script>\\\\ \xE4\xBD\xA0\"},\n"
	    "{\"a\":0.5,\"b\":\"\",\"c\":null},\n"
	    "{\"a\":\"=1+1\",\"b\":\"-x\",\"c\":null}\n]\n");
	check_err("csv", table_csv(&b, &t), ERR_OK);
	check_buf("csv", &b, "a,b,c\r\n"
	    "-7,0.33333333333333331,\"x\"\"y\n<script>\\ \xE4\xBD\xA0\"\r\n"
	    "0.5,\"\",\r\n"
	    "\"'=1+1\",\"'-x\",nan\r\n");
	t.rows = 2;
	check_err("json lines", table_json_lines(&b, &t), ERR_OK);
	check_buf("json lines", &b, "{\"a\":-7,\"b\":0.33333333333333331,"
	    "\"c\":\"x\\\"y\\n<script>\\\\ \xE4\xBD\xA0\"}\n"
	    "{\"a\":0.5,\"b\":\"\",\"c\":null}\n");
	check_err("csv", table_csv_more(&b, &t), ERR_OK);
	check_buf("csv without names", &b,
	    "-7,0.33333333333333331,\"x\"\"y\n<script>\\ \xE4\xBD\xA0\"\r\n"
	    "0.5,\"\",\r\n");
	buf_free(&b);
	table_free(&t);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(cells), TEST(leaving) };

	return RUN("table", tests);
}
