#include <string.h>

#include "guarded.h"
#include "json.h"
#include "unit.h"

/* `name=T:value|`, T for text, B bare, N nested; `name[]=` for an element. */
static enum qt_err
put_member(void *ctx, struct slice name, enum json_kind kind, struct slice value, bool array)
{
	struct buf	*out = ctx;

	assert_int_equal(buf_put(out, name.p, name.len), QT_OK);
	assert_int_equal(buf_puts(out, array ? "[]=" : "="), QT_OK);
	assert_int_equal(buf_puts(out, kind == JSON_TEXT ? "T:" : kind == JSON_BARE ? "B:" : "N"),
	    QT_OK);
	assert_int_equal(buf_put(out, value.p, value.len), QT_OK);
	return buf_putc(out, '|');
}

static void
members(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in, want;
	} cases[] = {
		{ "empty", BYTES("{}"), BYTES("") },
		{ "text", BYTES("{\"a\":\"b\"}"), BYTES("a=T:b|") },
		{ "blanks around", BYTES(" \r\n\t{ \"a\" : \"b\" } \n"), BYTES("a=T:b|") },
		{ "empty text, empty name", BYTES("{\"\":\"\"}"), BYTES("=T:|") },
		{ "short escapes", BYTES("{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\\/\"}"),
		    BYTES("a=T:\b\t\n\f\r\"\\/|") },
		{ "\\u", BYTES("{\"\\u0061\":\"\\u4e2D\\u00e9\\u2028\"}"),
		    BYTES("a=T:\xE4\xB8\xAD\xC3\xA9\xE2\x80\xA8|") },
		{ "\\u pair", BYTES("{\"a\":\"\\ud83d\\ude00\"}"), BYTES("a=T:\xF0\x9F\x98\x80|") },
		{ "\\u0000 in a text", BYTES("{\"a\":\"x\\u0000y\"}"), BYTES("a=T:x\0y|") },
		{ "raw UTF-8", BYTES("{\"\xE4\xB8\xAD\":\"\xF0\x9F\x98\x80\"}"),
		    BYTES("\xE4\xB8\xAD=T:\xF0\x9F\x98\x80|") },
		{ "number", BYTES("{\"a\":12}"), BYTES("a=B:12|") },
		{ "negative", BYTES("{\"a\":-7}"), BYTES("a=B:-7|") },
		{ "largest integer", BYTES("{\"a\":9223372036854775807}"),
		    BYTES("a=B:9223372036854775807|") },
		{ "fraction has no value", BYTES("{\"a\":0.1}"), BYTES("a=N|") },
		{ "true and false", BYTES("{\"a\":true}"), BYTES("a=B:true|") },
		{ "false", BYTES("{\"a\":false}"), BYTES("a=B:false|") },
		{ "null is left out", BYTES("{\"a\":null,\"b\":\"c\"}"), BYTES("b=T:c|") },
		{ "object", BYTES("{\"a\":{\"b\":\"c\"}}"), BYTES("a=N|") },
		{ "array", BYTES("{\"a\":[\"x\",\"\",\"y\"]}"), BYTES("a[]=T:x|a[]=T:|a[]=T:y|") },
		{ "array of one", BYTES("{\"a\":[\"x\"]}"), BYTES("a[]=T:x|") },
		{ "array of bare ones", BYTES("{\"a\":[1,true]}"), BYTES("a[]=B:1|a[]=B:true|") },
		{ "empty array", BYTES("{\"a\":[]}"), BYTES("a[]=N|") },
		{ "array in an array", BYTES("{\"a\":[[]]}"), BYTES("a[]=N|") },
		{ "null in an array", BYTES("{\"a\":[null]}"), BYTES("a[]=N|") },
		{ "last of a repeated name", BYTES("{\"a\":\"1\",\"a\":\"2\"}"), BYTES("a=T:2|") },
		{ "slash, markup, no meaning", BYTES("{\"@type\":\"</script>\"}"),
		    BYTES("@type=T:</script>|") },
	};
	struct guarded	 g;
	struct json	*j;
	struct buf	 got = { 0 };
	size_t		 i;

	(void)state;
	guarded_init(&g, 256);
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&got);
		j = json_parse(guarded_slice(&g, cases[i].in));
		if (CHECK(cases[i].name, j != NULL)) {
			check_err(cases[i].name, json_each(j, put_member, &got), QT_OK);
			check_bytes(cases[i].name, buf_slice(&got), cases[i].want);
		}
		json_free(j);
	}
	guarded_fini(&g);
	buf_free(&got);
}

static void
refused(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in;
	} cases[] = {
		{ "absent", { NULL, 0 } },
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
		{ "byte order mark", BYTES("\xEF\xBB\xBF{}") },
	};
	struct guarded	 g;
	struct json	*j;
	size_t		 i;

	(void)state;
	guarded_init(&g, 64);
	for (i = 0; i < COUNT(cases); i++) {
		j = json_parse(cases[i].in.p == NULL ? cases[i].in :
		    guarded_slice(&g, cases[i].in));
		CHECK(cases[i].name, j == NULL);
		json_free(j);
	}
	guarded_fini(&g);
}

/* Nesting is the peer's to choose, our stack is not. */
static void
deep(void **state)
{
	struct buf	 b = { 0 };
	struct json	*j;
	int		 i;

	(void)state;
	assert_int_equal(buf_puts(&b, "{\"a\":"), QT_OK);
	for (i = 0; i < 60000; i++)
		assert_int_equal(buf_putc(&b, '['), QT_OK);
	j = json_parse(buf_slice(&b));
	CHECK("unclosed", j == NULL);
	json_free(j);
	for (i = 0; i < 60000; i++)
		assert_int_equal(buf_putc(&b, ']'), QT_OK);
	assert_int_equal(buf_putc(&b, '}'), QT_OK);
	j = json_parse(buf_slice(&b));
	CHECK("closed", j == NULL);
	json_free(j);
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
	struct json	*j = json_parse(slice_of("{\"text\":\"x\\u0000y\",\"empty\":\"\","
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

static enum qt_err
stop_at_third(void *ctx, struct slice name, enum json_kind kind, struct slice value, bool array)
{
	int	*n = ctx;

	(void)name;
	(void)kind;
	(void)value;
	(void)array;
	return ++*n == 3 ? QT_ETOOBIG : QT_OK;
}

static void
stops(void **state)
{
	static const char *const	 cases[] = {
		"{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\"}",
		"{\"a\":[\"1\",\"2\",\"3\",\"4\"],\"b\":\"5\"}",
	};
	struct json	*j;
	size_t		 i;
	int		 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		n = 0;
		assert_non_null(j = json_parse(slice_of(cases[i])));
		check_err(cases[i], json_each(j, stop_at_third, &n), QT_ETOOBIG);
		check_int(cases[i], n, 3);
		json_free(j);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(members), TEST(refused), TEST(deep), TEST(text_of_a_member), TEST(stops),
	};

	return RUN("json", tests);
}
