#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/json_flat.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"

/* Appends `name=T:value|` (T: text, B: bare) for each value, with `name[]` for an element. */
static void
print_values(struct buf *out, const struct json_flat *j)
{
	size_t	 i;

	buf_reset(out);
	for (i = 0; i < j->n; i++)
		assert_int_equal(buf_printf(out, "%.*s%s=%s:", (int)j->v[i].name.len,
		    j->v[i].name.p, j->v[i].array ? "[]" : "", j->v[i].bare ? "B" : "T") |
		    buf_put(out, j->v[i].value.p, j->v[i].value.len) | buf_putc(out, '|'), ERR_OK);
}

static const struct {
	const char	*name;
	struct slice	 in, want;
	bool		 odd;
} members_cases[] = {
	{ "empty", BYTES("{}"), BYTES(""), false },
	{ "text", BYTES("{\"a\":\"b\"}"), BYTES("a=T:b|"), false },
	{ "blanks around", BYTES(" \r\n\t{ \"a\" : \"b\" } \n"), BYTES("a=T:b|"), false },
	{ "empty text, empty name", BYTES("{\"\":\"\"}"), BYTES("=T:|"), false },
	{ "short escapes", BYTES("{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\\/\"}"),
	    BYTES("a=T:\b\t\n\f\r\"\\/|"), false },
	{ "\\u", BYTES("{\"\\u0061\":\"\\u4e2D\\u00e9\\u2028\"}"),
	    BYTES("a=T:\xE4\xB8\xAD\xC3\xA9\xE2\x80\xA8|"), false },
	{ "\\u pair", BYTES("{\"a\":\"\\ud83d\\ude00\"}"), BYTES("a=T:\xF0\x9F\x98\x80|"), false },
	{ "\\u0000 in a text", BYTES("{\"a\":\"x\\u0000y\"}"), BYTES("a=T:x\0y|"), false },
	{ "raw UTF-8", BYTES("{\"\xE4\xB8\xAD\":\"\xF0\x9F\x98\x80\"}"),
	    BYTES("\xE4\xB8\xAD=T:\xF0\x9F\x98\x80|"), false },
	{ "number", BYTES("{\"a\":12}"), BYTES("a=B:12|"), false },
	{ "negative", BYTES("{\"a\":-7}"), BYTES("a=B:-7|"), false },
	{ "largest integer", BYTES("{\"a\":9223372036854775807}"),
	    BYTES("a=B:9223372036854775807|"), false },
	{ "fraction has no value", BYTES("{\"a\":0.1}"), BYTES(""), true },
	{ "true and false", BYTES("{\"a\":true}"), BYTES("a=B:true|"), false },
	{ "false", BYTES("{\"a\":false}"), BYTES("a=B:false|"), false },
	{ "null is left out", BYTES("{\"a\":null,\"b\":\"c\"}"), BYTES("b=T:c|"), false },
	{ "object", BYTES("{\"a\":{\"b\":\"c\"}}"), BYTES(""), true },
	{ "array", BYTES("{\"a\":[\"x\",\"\",\"y\"]}"), BYTES("a[]=T:x|a[]=T:|a[]=T:y|"), false },
	{ "array of one", BYTES("{\"a\":[\"x\"]}"), BYTES("a[]=T:x|"), false },
	{ "array of bare ones", BYTES("{\"a\":[1,true]}"), BYTES("a[]=B:1|a[]=B:true|"), false },
	{ "empty array", BYTES("{\"a\":[]}"), BYTES(""), true },
	{ "array in an array", BYTES("{\"a\":[[]]}"), BYTES(""), true },
	{ "null in an array", BYTES("{\"a\":[null]}"), BYTES(""), true },
	{ "last of a repeated name", BYTES("{\"a\":\"1\",\"a\":\"2\"}"), BYTES("a=T:2|"), false },
	{ "slash, markup, no meaning", BYTES("{\"@type\":\"</script>\"}"),
	    BYTES("@type=T:</script>|"), false },
	{ "minus zero", BYTES("{\"a\":-0}"), BYTES("a=B:0|"), false },
	{ "smallest integer", BYTES("{\"a\":-9223372036854775808}"),
	    BYTES("a=B:-9223372036854775808|"), false },
	{ "exponent", BYTES("{\"a\":1e5}"), BYTES(""), true },
	{ "a name again, as null", BYTES("{\"a\":\"1\",\"a\":null,\"b\":\"2\"}"),
	    BYTES("b=T:2|"), false },
	{ "a name again, escaped", BYTES("{\"a\":[\"1\",\"2\"],\"b\":\"3\",\"\\u0061\":\"4\"}"),
	    BYTES("b=T:3|a=T:4|"), false },
	{ "nested before and behind", BYTES("{\"x\":{\"y\":[1,{\"z\":[]}],\"w\":null},\"a\":\"b\","
	    "\"c\":[[\"d\"],\"e\"]}"), BYTES("a=T:b|c[]=T:e|"), true },
	{ "escapes move what is behind", BYTES("{\"\\u0041\\n\":\"\\t\",\"b\":[12,\"\\u00e9x\"]}"),
	    BYTES("A\n=T:\t|b[]=B:12|b[]=T:\xC3\xA9x|"), false },
};

static void
members(void **state)
{
	struct guarded		 g;
	struct json_flat	 j;
	struct buf		 got = { 0 };
	const char		*name;
	size_t			 i;

	(void)state;
	guarded_init(&g, 256);
	for (i = 0; i < COUNT(members_cases); i++) {
		name = members_cases[i].name;
		if (!CHECK(name, json_flat_read(&j, guarded_put(&g, members_cases[i].in),
		    members_cases[i].in.len)))
			continue;
		print_values(&got, &j);
		check_bytes(name, buf_slice(&got), members_cases[i].want);
		CHECK(name, j.odd == members_cases[i].odd);
	}
	guarded_fini(&g);
	buf_free(&got);
}

/* What is refused; some of it the readers of core/json.h clean, see test_json_clean.c. */
static const struct {
	const char	*name;
	struct slice	 in;
} not_objects_cases[] = {
	{ "nothing", BYTES("") },
	{ "blanks", BYTES(" \n") },
	{ "array", BYTES("[]") },
	{ "text", BYTES("\"a\"") },
	{ "number", BYTES("1") },
	{ "null", BYTES("null") },
	{ "HTML", BYTES("<html></html>") },
	{ "cut after {", BYTES("{") },
	{ "cut in a name", BYTES("{\"a") },
	{ "cut before the value", BYTES("{\"a\":") },
	{ "cut in an escape", BYTES("{\"a\":\"\\u00") },
	{ "cut before }", BYTES("{\"a\":\"b\"") },
	{ "two objects", BYTES("{}{}") },
	{ "text behind", BYTES("{} x") },
	{ "NUL behind", BYTES("{}\0") },
	{ "comma at the end", BYTES("{\"a\":1,}") },
	{ "single quotes", BYTES("{'a':1}") },
	{ "bare name", BYTES("{a:1}") },
	{ "comment", BYTES("{/* */}") },
	{ "NaN", BYTES("{\"a\":NaN}") },
	{ "leading zero", BYTES("{\"a\":01}") },
	{ "raw line end in a text", BYTES("{\"a\":\"\n\"}") },
	{ "unknown escape", BYTES("{\"a\":\"\\x41\"}") },
	{ "half a pair", BYTES("{\"a\":\"\\ud83d\"}") },
	{ "halves the wrong way round", BYTES("{\"a\":\"\\ude00\\ud83d\"}") },
	{ "no UTF-8", BYTES("{\"a\":\"\xFF\"}") },
	{ "surrogate in three bytes", BYTES("{\"a\":\"\xED\xA0\x80\"}") },
	{ "NUL in a name", BYTES("{\"a\\u0000\":1}") },
	{ "integer too large", BYTES("{\"a\":9223372036854775808}") },
	{ "fraction too large", BYTES("{\"a\":1e999}") },
	{ "fraction without digits", BYTES("{\"a\":1.}") },
	{ "exponent without digits", BYTES("{\"a\":1e}") },
	{ "minus alone", BYTES("{\"a\":-}") },
	{ "number at the end", BYTES("{\"a\":1") },
	{ "fraction at the end", BYTES("{\"a\":1.5") },
	{ "word cut", BYTES("{\"a\":tru") },
	{ "word longer", BYTES("{\"a\":truex}") },
	{ "comma in an array", BYTES("{\"a\":[1,]}") },
	{ "array closed as object", BYTES("{\"a\":[1}}") },
	{ "nested closed wrongly", BYTES("{\"a\":{\"b\":[1}]}") },
	{ "nested without a colon", BYTES("{\"a\":{\"b\"}}") },
	{ "nested with a comma", BYTES("{\"a\":{\"b\":1,}}") },
	{ "nested with a bad text", BYTES("{\"a\":[[\"\\x\"]]}") },
	{ "nested cut", BYTES("{\"a\":[[1,") },
	{ "control in a nested name", BYTES("{\"a\":{\"\n\":1}}") },
	{ "byte order mark", BYTES("\xEF\xBB\xBF{}") },
};

static void
not_objects(void **state)
{
	struct guarded		 g;
	struct json_flat	 j;
	size_t			 i;

	(void)state;
	CHECK("absent", !json_flat_read(&j, NULL, 0));
	guarded_init(&g, 64);
	for (i = 0; i < COUNT(not_objects_cases); i++)
		CHECK(not_objects_cases[i].name, !json_flat_read(&j, guarded_put(&g,
		    not_objects_cases[i].in), not_objects_cases[i].in.len));
	guarded_fini(&g);
}

/* Large bodies of all shapes: none of them takes memory or our stack. */
static void
hostile(void **state)
{
	static const struct {
		const char	*begin, *unit, *end;
		int		 n;
		bool		 reads;
		size_t		 values;
	} cases[] = {
		{ "{\"a\":[{}", ",{}", "]}", 130000, true, 0 },
		{ "{\"a\":[\"\"", ",\"\"", "]}", 130000, true, JSON_FLAT_MAX },
		{ "{\"a\":1", ",\"b\":1", "}", 60000, true, 2 },
		{ "{\"a\":\"", "\\u4e2d", "\"}", 60000, true, 1 },
		{ "{\"a\":", "[", "", 60000, false, 0 },
		{ "", "{\"a\":", "", 60000, false, 0 },
		{ "{\"a\":0.", "0", "}", 400000, true, 0 },
		{ "{\"a\":1", "0", "}", 400000, false, 0 },
	};
	struct json_flat	 j;
	struct buf		 b = { 0 };
	size_t			 i;
	int			 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		assert_int_equal(buf_puts(&b, cases[i].begin), ERR_OK);
		for (n = 0; n < cases[i].n; n++)
			assert_int_equal(buf_puts(&b, cases[i].unit), ERR_OK);
		assert_int_equal(buf_puts(&b, cases[i].end), ERR_OK);
		unit_memory = 1;	/* the first allocation would fail */
		CHECK(cases[i].unit, json_flat_read(&j, b.p, b.len) == cases[i].reads);
		check_int("no memory was taken", unit_memory, 1);
		unit_memory = 0;
		if (cases[i].reads)
			check_int(cases[i].unit, (int64_t)j.n, (int64_t)cases[i].values);
	}
	buf_free(&b);
}

/* 64 levels are read, 65 are not. */
static void
levels(void **state)
{
	struct json_flat	 j;
	struct buf		 b = { 0 };
	int			 n, i;

	(void)state;
	for (n = 64; n <= 65; n++) {
		buf_reset(&b);
		assert_int_equal(buf_puts(&b, "{\"a\":["), ERR_OK);
		for (i = 0; i < n; i++)
			assert_int_equal(buf_puts(&b, i % 2 == 0 ? "{\"x\":" : "["), ERR_OK);
		assert_int_equal(buf_puts(&b, "1"), ERR_OK);
		for (i = n - 1; i >= 0; i--)
			assert_int_equal(buf_puts(&b, i % 2 == 0 ? "}" : "]"), ERR_OK);
		assert_int_equal(buf_puts(&b, "]}"), ERR_OK);
		CHECK("levels", json_flat_read(&j, b.p, b.len) == (n == 64));
	}
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(members), TEST(not_objects), TEST(hostile), TEST(levels),
	};

	return RUN("json_flat", tests);
}
