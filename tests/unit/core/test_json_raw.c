#include <stdio.h>
#include <string.h>

#include "core/json_raw.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"

/* The members or elements are written as "name=value;value". */
static const struct {
	const char	*in, *want;
} walk_cases[] = {
	{ "{}", "" }, { "[]", "" }, { " [ ] ", "" },
	{ "{\"a\":1}", "a=1" },
	{ " { \"a\" : 1 , \"b\" : [ 2 , {\"c\":3} ] , \"d\" : \"x,}\\\"]\" } ",
	    "a=1;b=[ 2 , {\"c\":3} ];d=\"x,}\\\"]\"" },
	{ "[1,-2.5e3,true,null,\"a:b\",{\"a\":1},[[2],3]]",
	    "1;-2.5e3;true;null;\"a:b\";{\"a\":1};[[2],3]" },
	{ "[{\"a\":\"]\"},\"\\\\\",{}]", "{\"a\":\"]\"};\"\\\\\";{}" },
	{ "{\"a\":{\"b\":1},\"a\":2}", "a={\"b\":1};a=2" },
	{ "{\"\":\"\"}", "=\"\"" },
	{ "[[", "[" }, { "{\"a\":", "a=" }, { "{\"a", "\"a" }, { "[1", "1" }, { "[1,", "1" },
	{ "{", "" }, { "", "" },
};

static void
walk(void **state)
{
	struct guarded	 g;
	struct buf	 got = { 0 };
	struct slice	 rest, name, value;
	size_t		 i;

	(void)state;
	guarded_init(&g, 256);
	for (i = 0; i < COUNT(walk_cases); i++) {
		buf_reset(&got);
		rest = json_raw_value(guarded_slice(&g, slice_of(walk_cases[i].in)));
		while (json_raw_next(&rest, &name, &value)) {
			if (got.len != 0)
				(void)buf_putc(&got, ';');
			if (name.p != NULL)
				(void)buf_printf(&got, "%.*s=", (int)name.len, name.p);
			(void)buf_put(&got, value.p, value.len);
		}
		check_bytes(walk_cases[i].in, buf_slice(&got), slice_of(walk_cases[i].want));
	}
	buf_free(&got);
	guarded_fini(&g);
}

static const struct {
	const char	*in, *text;
	enum json_raw	 kind;
	bool		 is_int;
	int64_t		 n;
	const char	*real;		/* NULL: it is no real */
} value_cases[] = {
	{ "12", "12", JSON_RAW_NUMBER, true, 12, "12" },
	{ "-9223372036854775808", "-9223372036854775808", JSON_RAW_NUMBER, true, INT64_MIN,
	    "-9223372036854775808" },
	{ "9223372036854775808", "9223372036854775808", JSON_RAW_NUMBER, false, 0,
	    "9223372036854775808" },
	{ "3.0", "3.0", JSON_RAW_NUMBER, true, 3, "3.0" },
	{ "3e2", "3e2", JSON_RAW_NUMBER, true, 300, "3e2" },
	{ "1.5", "1.5", JSON_RAW_NUMBER, false, 0, "1.5" },
	{ "1e400", "1e400", JSON_RAW_NUMBER, false, 0, NULL },
	{ "1e-400", "1e-400", JSON_RAW_NUMBER, false, 0, NULL },
	{ "1e17", "1e17", JSON_RAW_NUMBER, false, 0, "1e17" },
	{ "\"12\"", "12", JSON_RAW_STRING, true, 12, "12" },
	{ "\"0.25\"", "0.25", JSON_RAW_STRING, false, 0, "0.25" },
	{ "\"0x10\"", "0x10", JSON_RAW_STRING, false, 0, NULL },
	{ "\"nan\"", "nan", JSON_RAW_STRING, false, 0, NULL },
	{ "\"12a\"", "12a", JSON_RAW_STRING, false, 0, NULL },
	{ "\" 12\"", " 12", JSON_RAW_STRING, false, 0, NULL },
	{ "\"\"", "", JSON_RAW_STRING, false, 0, NULL },
	{ "\"a\\n\\u4e2d\\u0000\\ud83d\\ude00\\\"\"", "a\n\u4e2d\uFFFD\U0001F600\"",
	    JSON_RAW_STRING, false, 0, NULL },
	{ "true", "true", JSON_RAW_TRUE, true, 1, NULL },
	{ "false", "false", JSON_RAW_FALSE, true, 0, NULL },
	{ "null", "null", JSON_RAW_NOTHING, false, 0, NULL },
	{ "[ 1, \" \" ]", "[1,\" \"]", JSON_RAW_ARRAY, false, 0, NULL },
	{ "{ \"a b\" : 1.50 }", "{\"a b\":1.50}", JSON_RAW_OBJECT, false, 0, NULL },
};

static void
values(void **state)
{
	struct buf	 text = { 0 };
	struct slice	 in, digits;
	int64_t		 n;
	size_t		 i;
	bool		 good;

	(void)state;
	for (i = 0; i < COUNT(value_cases); i++) {
		in = slice_of(value_cases[i].in);
		buf_reset(&text);
		check_int(value_cases[i].in, json_raw_kind(in), value_cases[i].kind);
		check_err(value_cases[i].in, json_raw_text(&text, in), ERR_OK);
		check_bytes(value_cases[i].in, buf_slice(&text), slice_of(value_cases[i].text));
		good = json_raw_int(&n, in);
		check_int(value_cases[i].in, good, value_cases[i].is_int);
		if (good)
			check_int(value_cases[i].in, n, value_cases[i].n);
		good = json_raw_real(&digits, in);
		check_int(value_cases[i].in, good, value_cases[i].real != NULL);
		if (good)
			check_bytes(value_cases[i].in, digits, slice_of(value_cases[i].real));
	}
	buf_free(&text);
}

static void
members(void **state)
{
	const struct slice	 object = slice_of("{\"a\":1,\"b\":{\"a\":2},\"a\":3}");

	(void)state;
	check_bytes("the first one", json_raw_member(object, "a"), slice_of("1"));
	check_bytes("an object", json_raw_member(object, "b"), slice_of("{\"a\":2}"));
	CHECK("not there", json_raw_member(object, "c").p == NULL);
	CHECK("of an array", json_raw_member(slice_of("[1]"), "a").p == NULL);
	CHECK("of nothing", json_raw_member((struct slice){ NULL, 0 }, "a").p == NULL);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(walk), TEST(values), TEST(members) };

	return RUN("json_raw", tests);
}
