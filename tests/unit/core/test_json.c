#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"

/* Deep nesting, which the sender chooses, must not use up our stack. */
static void
deep(void **state)
{
	struct buf	 b = { 0 };
	struct json	*j;
	int		 i;

	(void)state;
	assert_int_equal(buf_puts(&b, "{\"a\":"), ERR_OK);
	for (i = 0; i < 3000; i++)
		assert_int_equal(buf_putc(&b, '['), ERR_OK);
	j = json_parse_any(buf_slice(&b));
	CHECK("unclosed", j == NULL);
	json_free(j);
	for (i = 0; i < 3000; i++)
		assert_int_equal(buf_putc(&b, ']'), ERR_OK);
	assert_int_equal(buf_putc(&b, '}'), ERR_OK);
	j = json_parse_any(buf_slice(&b));
	CHECK("closed", j == NULL);
	json_free(j);
	buf_free(&b);
}

/* What would be many times as large in memory is not read; a long list of usual rows is. */
static void
many_values(void **state)
{
	static const struct {
		const char	*begin, *unit, *end;
		int		 n;
		bool		 reads;
	} cases[] = {
		{ "[0", ",{}", "]", 2000, true },
		{ "[0", ",{}", "]", 20000, false },
		{ "{\"code\":\"Httpapi_300_200\",\"a\":[{}", ",[]", "]}", 20000, false },
		{ "{\"a\":1", ",\"\":0", "}", 20000, false },
		{ "\xEF\xBB\xBF[0", ",{}", "]", 20000, false },
		{ "[0", ",\"{},{},{},[[[\\\"\"", "]", 20000, true },
		{ "[0", ",{\"ref_date\":\"2024-03-01\",\"ref_hour\":0,\"user_source\":17,"
		    "\"int_page_read_user\":1,\"int_page_read_count\":1}", "]", 20000, true },
	};
	struct buf	 b = { 0 };
	struct json	*j;
	size_t		 i;
	int		 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		assert_int_equal(buf_puts(&b, cases[i].begin), ERR_OK);
		for (n = 0; n < cases[i].n; n++)
			assert_int_equal(buf_puts(&b, cases[i].unit), ERR_OK);
		assert_int_equal(buf_puts(&b, cases[i].end), ERR_OK);
		j = json_parse_any(buf_slice(&b));
		CHECK(cases[i].unit, (j != NULL) == cases[i].reads);
		json_free(j);
		j = json_parse_body(&b);
		CHECK(cases[i].unit, (j != NULL) == cases[i].reads);
		json_free(j);
	}
	buf_free(&b);
}

static void
text_of_a_member(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 want;
	} cases[] = {
		{ "text", BYTES("x\0y") },
		{ "empty", BYTES("") },
		{ "number", { NULL, 0 } },
		{ "true", { NULL, 0 } },
		{ "null", { NULL, 0 } },
		{ "object", { NULL, 0 } },
		{ "array", { NULL, 0 } },
		{ "none", { NULL, 0 } },
		{ "", { NULL, 0 } },
		{ "inner", { NULL, 0 } },
	};
	struct json	*j = json_parse_any(slice_of("{\"text\":\"x\\u0000y\",\"empty\":\"\","
			    "\"number\":1,\"true\":true,\"null\":null,"
			    "\"object\":{\"inner\":\"x\"},\"array\":[\"x\"]}"));
	size_t		 i;

	(void)state;
	assert_non_null(j);
	for (i = 0; i < COUNT(cases); i++)
		check_bytes(cases[i].name, json_text(j, cases[i].name), cases[i].want);
	json_free(j);
	json_free(NULL);
}

#define DOC	"{\"data\":{\"b c\":1,\"list\":[{\"x\":0},{\"token\":\"of list\"},\"last\"]}," \
		"\"errcode\":-7,\"token\":\"T\"}"

static const struct {
	const char	*json, *path;
	enum json_found	 found;
	const char	*want;		/* the text that is found, or the whole why */
} paths_cases[] = {
	{ "{\"access_token\":\"T\"}", "$.access_token", JSON_FOUND, "T" },
	{ "{\"a\":{\"b\":{\"c\":\"T\"}}}", "$.a.b.c", JSON_FOUND, "T" },
	{ "{\"a\":{\"b c\":\"T\"}}", "$['a']['b c']", JSON_FOUND, "T" },
	{ "{\"a\":{\"b c\":\"T\"}}", "$.a[ \"b c\"\t]", JSON_FOUND, "T" },
	{ "{\"a\":{\"b c\":\"T\"}}", "$.['a'].[\"b c\"]", JSON_FOUND, "T" },
	{ "{\"it's \\\"\\\\\":\"T\"}", "$['it\\'s \\\"\\\\']", JSON_FOUND, "T" },
	{ "{\"]\":\"T\"}", "$[']']", JSON_FOUND, "T" },
	{ "{\".\":\"T\"}", "$['.']", JSON_FOUND, "T" },
	{ "{\"\":\"T\"}", "$['']", JSON_FOUND, "T" },
	{ "{\"*\":\"T\"}", "$['*']", JSON_FOUND, "T" },
	{ "{\"access-token\":\"T\"}", "$.access-token", JSON_FOUND, "T" },
	{ "{\"\xE4\xB8\xAD\":\"T\"}", "$.\xE4\xB8\xAD", JSON_FOUND, "T" },
	{ "{\"0\":\"T\"}", "$.0", JSON_FOUND, "T" },
	{ "{\"a\":\"\"}", "$.a", JSON_FOUND, "" },
	{ "{\"a\":\"\xE4\xB8\xAD\"}", "$.a", JSON_FOUND, "\xE4\xB8\xAD" },
	{ "{\"a\":1,\"a\":\"T\"}", "$.a", JSON_FOUND, "T" },
	{ "{\"a\":42}", "$.a", JSON_FOUND, "42" },
	{ "{\"a\":-9223372036854775808}", "$.a", JSON_FOUND, "-9223372036854775808" },
	{ "[{\"token\":\"T\"}]", "$[0].token", JSON_FOUND, "T" },
	{ "[\"x\",\"y\",\"z\"]", "$[2]", JSON_FOUND, "z" },
	{ "[\"x\",\"y\",\"z\"]", "$[-1]", JSON_FOUND, "z" },
	{ "[\"x\",\"y\",\"z\"]", "$[ -3 ]", JSON_FOUND, "x" },
	{ "[\"x\",\"y\",\"z\"]", "$.*", JSON_FOUND, "x" },
	{ "\"T\"", "$", JSON_FOUND, "T" },
	{ DOC, "$.errcode", JSON_FOUND, "-7" },
	{ DOC, "$..token", JSON_FOUND, "T" },
	{ DOC, "$.data..token", JSON_FOUND, "of list" },
	{ DOC, "$..list[*].token", JSON_FOUND, "of list" },
	{ DOC, "$..[-1]", JSON_FOUND, "last" },
	{ DOC, "$..['b c']", JSON_FOUND, "1" },
	{ DOC, "$.data.*", JSON_FOUND, "1" },
	{ DOC, "$.*.*", JSON_FOUND, "1" },
	{ DOC, "$..*..*..token", JSON_FOUND, "of list" },
	{ "{\"a\":{\"t\":\"in a\"},\"b\":{\"t\":\"in b\"}}", "$..t", JSON_FOUND, "in a" },
	{ "{\"b\":{\"t\":\"in b\"},\"a\":{\"t\":\"in a\"}}", "$[*].t", JSON_FOUND, "in b" },
	{ "{\"a\":{\"b\":{\"t\":\"deep\"}},\"c\":{\"t\":\"in c\"}}", "$..t", JSON_FOUND,
	    "deep" },

	{ "{\"a\":1,\"b\":2}", "$.token", JSON_NOTHING,
	    "no .token at $, which is an object with a, b" },
	{ "{\"data\":{\"a\":1}}", "$.data.access_token", JSON_NOTHING,
	    "no .access_token at $.data, which is an object with a" },
	{ "{\"data\":{\"a\":1}}", "$.dat.access_token", JSON_NOTHING,
	    "no .dat at $, which is an object with data" },
	{ "{\"data\":{}}", "$.data['x'].y", JSON_NOTHING,
	    "no ['x'] at $.data, which is an empty object" },
	{ "{\"data\":[1,2]}", "$.data.x", JSON_NOTHING, "no .x at $.data, which is an array of 2" },
	{ "{\"data\":[1,2]}", "$.data[2]", JSON_NOTHING,
	    "no [2] at $.data, which is an array of 2" },
	{ "{\"data\":[1,2]}", "$.data[-3]", JSON_NOTHING,
	    "no [-3] at $.data, which is an array of 2" },
	{ "{\"data\":[1,2]}", "$.data[999999999]", JSON_NOTHING,
	    "no [999999999] at $.data, which is an array of 2" },
	{ "{\"data\":[]}", "$.data[*]", JSON_NOTHING, "no [*] at $.data, which is an array of 0" },
	{ "{\"0\":1}", "$[0]", JSON_NOTHING, "no [0] at $, which is an object with 0" },
	{ "{\"data\":\"secret\"}", "$.data.x", JSON_NOTHING, "no .x at $.data, which is a string" },
	{ "{\"data\":5}", "$.data.x", JSON_NOTHING, "no .x at $.data, which is an integer" },
	{ "{\"data\":null}", "$.data.x", JSON_NOTHING, "no .x at $.data, which is null" },
	{ "{\"data\":{\"a\":{}}}", "$..x", JSON_NOTHING,
	    "no ..x at $, which is an object with data" },
	{ "{\"data\":{\"a\":{}}}", "$..a.x", JSON_NOTHING,
	    "no .x at $..a, which is an empty object" },
	{ "{\"\\u001b[31m\xE4\xB8\xAD\":1}", "$.x", JSON_NOTHING,
	    "no .x at $, which is an object with ?[31m\xE4\xB8\xAD" },
	{ "{\"0123456789012345678901234567890123456789\":1}", "$.x", JSON_NOTHING,
	    "no .x at $, which is an object with 01234567890123456789012345678901" },
	{ "\"secret\"", "$.x", JSON_NOTHING, "no .x at $, which is a string" },

	{ "{\"a\":{\"b\":1}}", "$.a", JSON_NO_TEXT, "$.a is an object with b, not a text" },
	{ "{\"a\":[\"T\"]}", "$.a", JSON_NO_TEXT, "$.a is an array of 1, not a text" },
	{ "{\"a\":null}", "$.a", JSON_NO_TEXT, "$.a is null, not a text" },
	{ "{\"a\":true}", "$.a", JSON_NO_TEXT, "$.a is true, not a text" },
	{ "{\"a\":false}", "$.a", JSON_NO_TEXT, "$.a is false, not a text" },
	{ "{\"a\":1.5}", "$.a", JSON_NO_TEXT, "$.a is a fraction, not a text" },
	{ "[]", "$", JSON_NO_TEXT, "$ is an array of 0, not a text" },

	{ "{}", "x", JSON_BAD_PATH, "at character 1: a JSONPath begins with $" },
};

/* JSONPath over documents: the value that it finds, or why it finds nothing. */
static void
paths(void **state)
{
	struct json	*j;
	struct buf	 got = { 0 };
	char		 why[JSON_WHY], name[128];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(paths_cases); i++) {
		(void)snprintf(name, sizeof(name), "%s of %s", paths_cases[i].path,
		    paths_cases[i].json);
		buf_reset(&got);
		assert_non_null(j = json_parse_any(slice_of(paths_cases[i].json)));
		check_int(name, json_path(j, &got, slice_of(paths_cases[i].path), why),
		    paths_cases[i].found);
		if (paths_cases[i].found == JSON_FOUND)
			check_bytes(name, buf_slice(&got), slice_of(paths_cases[i].want));
		check_text(name, why, paths_cases[i].found == JSON_FOUND ? "" :
		    paths_cases[i].want);
		if (paths_cases[i].found != JSON_FOUND)
			check_int(name, (int64_t)got.len, 0);
		json_free(j);
	}
	buf_free(&got);
}

/* The value is appended; the buf's limit holds. */
static void
path_value_is_appended(void **state)
{
	struct json	*j = json_parse_any(slice_of("[\"abc\", 7]"));
	struct buf	 got = { .max = 5 };
	char		 why[JSON_WHY];

	(void)state;
	assert_non_null(j);
	check_int("first", json_path(j, &got, slice_of("$[0]"), why), JSON_FOUND);
	check_int("second", json_path(j, &got, slice_of("$[1]"), why), JSON_FOUND);
	check_bytes("both", buf_slice(&got), slice_of("abc7"));
	check_int("no room", json_path(j, &got, slice_of("$[0]"), why), JSON_NOTHING);
	check_text("no room", why, error_table[ERR_TOOBIG].name);
	buf_free(&got);
	json_free(j);
}

/* A search with .. goes down 64 levels, and does not use up our stack. */
static void
depth(void **state)
{
	static const struct {
		int		 levels;
		enum json_found	 found;
	} cases[] = { { 60, JSON_FOUND }, { 70, JSON_NOTHING }, { 2000, JSON_NOTHING } };
	struct buf	 b = { 0 }, got = { 0 };
	struct json	*j;
	char		 why[JSON_WHY];
	size_t		 i;
	int		 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		for (n = 0; n < cases[i].levels; n++)
			assert_int_equal(buf_puts(&b, n % 2 == 0 ? "[" : "{\"a\":"), ERR_OK);
		assert_int_equal(buf_puts(&b, "{\"x\":1}"), ERR_OK);
		for (n = cases[i].levels - 1; n >= 0; n--)
			assert_int_equal(buf_putc(&b, n % 2 == 0 ? ']' : '}'), ERR_OK);
		assert_non_null(j = json_parse_any(buf_slice(&b)));
		check_int("depth", json_path(j, &got, slice_of("$..x"), why), cases[i].found);
		json_free(j);
	}
	buf_free(&b);
	buf_free(&got);
}

/* Large and deep documents: the search ends, and why is not too long. */
static void
hostile_documents(void **state)
{
	static const char *const	 paths[] = {
		"$..x", "$..*..*..*..*..*..*..x", "$.*.*.*.*.*.*.*.*.x", "$..[0]..[0]..[-1]..x",
	};
	static const struct {
		const char	*begin, *unit, *end;
		int		 n;
	} docs[] = {
		{ "", "[", "", 2000 }, { "", "{\"a\":", "", 2000 }, { "[0", ",[0,[1]]", "]", 1000 },
		{ "{\"a\":0", ",\"abcdefgh\":0", "}", 5000 },
	};
	struct buf	 b = { 0 }, got = { 0 };
	struct json	*j;
	char		 why[JSON_WHY];
	size_t		 i, k;
	int		 n;

	(void)state;
	for (i = 0; i < COUNT(docs); i++) {
		buf_reset(&b);
		assert_int_equal(buf_puts(&b, docs[i].begin), ERR_OK);
		for (n = 0; n < docs[i].n; n++)
			assert_int_equal(buf_puts(&b, docs[i].unit), ERR_OK);
		if (*docs[i].end == '\0')
			assert_int_equal(buf_puts(&b, "0"), ERR_OK);
		for (n = 0; n < docs[i].n && *docs[i].end == '\0'; n++)
			assert_int_equal(buf_puts(&b, *docs[i].unit == '[' ? "]" : "}"), ERR_OK);
		assert_int_equal(buf_puts(&b, docs[i].end), ERR_OK);
		assert_non_null(j = json_parse_any(buf_slice(&b)));
		for (k = 0; k < COUNT(paths); k++) {
			check_int(paths[k], json_path(j, &got, slice_of(paths[k]), why),
			    JSON_NOTHING);
			CHECK(paths[k], strlen(why) > 10 && strlen(why) < JSON_WHY);
		}
		json_free(j);
	}
	buf_free(&b);
	buf_free(&got);
}

/* A file that people write: what is wrong is told, with its place. */
static void
files(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text;
		const char	*why;		/* NULL: it is read */
	} cases[] = {
		{ "object", BYTES("{\"a\":1}\n"), NULL },
		{ "byte order mark", BYTES("\xEF\xBB\xBF{}"), NULL },
		{ "CR LF", BYTES("{\r\n}\r\n"), NULL },
		{ "NUL in a text", BYTES("{\"a\":\"\\u0000\"}"), NULL },
		{ "nothing", BYTES(""), "line 1" },
		{ "comma", BYTES("{\"a\":1,\n}"), "line 2" },
		{ "two values", BYTES("{}{}"), "line 1" },
		{ "not UTF-8", BYTES("{\"a\":\"\xB5\"}"), "byte 0xb5" },
	};
	struct json	*j;
	char		 why[JSON_WHY];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		j = json_parse_file(cases[i].text, why);
		CHECK(cases[i].name, (j != NULL) == (cases[i].why == NULL));
		CHECK(cases[i].name, cases[i].why == NULL ? *why == '\0' :
		    strstr(why, cases[i].why) != NULL && unit_is_printable(why));
		json_free(j);
	}
}

static void
append_name(void *ctx, struct slice name, const struct json *value)
{
	(void)buf_printf(ctx, "%.*s=%d ", (int)name.len, name.p, (int)json_kind(value));
}

/* A walk from value to value; a value that is not there has nothing in it. */
static void
walk(void **state)
{
	static const char	 text[] = "{\"s\":\"\xE6\xB1\x89/\",\"n\":-7,\"f\":1.5,\"t\":true,"
				    "\"z\":null,\"l\":[1,{\"a\":\"b\"}],\"o\":{}}";
	struct json		*j = json_parse_any(slice_of(text));
	const struct json	*l = json_member(j, "l");
	struct buf		 out = { 0 };
	int64_t			 n = 99;

	(void)state;
	check_bytes("text", json_as_text(json_member(j, "s")), slice_of("\xE6\xB1\x89/"));
	CHECK("number", json_as_number(&n, json_member(j, "n")) && n == -7);
	CHECK("fraction", !json_as_number(&n, json_member(j, "f")) && n == -7);
	CHECK("no text", json_as_text(json_member(j, "n")).p == NULL);
	check_int("items", (int64_t)json_count(l), 2);
	check_bytes("item", json_as_text(json_member(json_item(l, 1), "a")), slice_of("b"));
	CHECK("beyond", json_item(l, 2) == NULL && json_member(j, "x") == NULL);
	CHECK("nothing", json_kind(NULL) == JSON_NO_VALUE && json_count(NULL) == 0 &&
	    json_member(NULL, "x") == NULL && json_item(NULL, 0) == NULL &&
	    json_as_text(NULL).p == NULL && !json_as_number(&n, NULL));
	json_members(j, append_name, &out);
	check_bytes("members", buf_slice(&out), slice_of("s=1 n=1 f=1 t=1 z=0 l=2 o=3 "));
	buf_reset(&out);
	check_err("printed", json_print(&out, j, 0), ERR_OK);
	check_bytes("printed", buf_slice(&out), slice_of(text));
	buf_reset(&out);
	check_err("indented", json_print(&out, l, 2), ERR_OK);
	check_bytes("indented", buf_slice(&out),
	    slice_of("[\n  1,\n  {\n    \"a\": \"b\"\n  }\n]"));
	buf_free(&out);
	json_free(j);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(deep), TEST(many_values), TEST(text_of_a_member), TEST(paths), TEST(path_value_is_appended), TEST(depth),
		TEST(hostile_documents), TEST(files), TEST(walk),
	};

	return RUN("json", tests);
}
