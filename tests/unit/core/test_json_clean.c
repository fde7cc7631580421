#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/json_clean.h"
#include "core/json_flat.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"

#define BOM	"\xEF\xBB\xBF"
#define U	"\xEF\xBF\xBD"	/* U+FFFD */

static const struct {
	const char	*name;
	struct slice	 in, want;
} clean_cases[] = {
	{ "nothing", BYTES(""), BYTES("") },
	{ "good", BYTES("{\"a\":[1,\"b\\n\\u4e2d\\ud83d\\ude00\"]}"),
	    BYTES("{\"a\":[1,\"b\\n\\u4e2d\\ud83d\\ude00\"]}") },
	{ "mark", BYTES(BOM "{}"), BYTES("{}") },
	{ "marks and blanks", BYTES(" \r\n" BOM BOM "\t" BOM " {} "), BYTES("{} ") },
	{ "half a mark", BYTES("\xEF\xBB{}"), BYTES("\xEF\xBB{}") },
	{ "mark behind", BYTES("{}" BOM), BYTES("{}" BOM) },
	{ "mark in a string", BYTES("\"" BOM "\""), BYTES("\"" BOM "\"") },
	{ "controls", BYTES("\"\x01\b\t\n\x1F\x7F\""),
	    BYTES("\"\\u0001\\u0008\\u0009\\u000a\\u001f\x7F\"") },
	{ "control in a name", BYTES("{\"a\x14\":1}"), BYTES("{\"a\\u0014\":1}") },
	{ "controls outside", BYTES("{\x01}"), BYTES("{\x01}") },
	{ "NUL", BYTES("\"a\0b\""), BYTES("\"a" U "b\"") },
	{ "escaped NUL", BYTES("\"a\\u0000b\""), BYTES("\"a" U "b\"") },
	{ "cut character", BYTES("\"\xE4\xBD\""), BYTES("\"" U "\"") },
	{ "cut, then another", BYTES("\"\xE4\xBD\xE4\xBD\xA0\""), BYTES("\"" U "\xE4\xBD\xA0\"") },
	{ "cut, then an escape", BYTES("\"\xE4\xBD\\\"\""), BYTES("\"" U "\\\"\"") },
	{ "lone bytes", BYTES("\"\x80\xFF\xC0\""), BYTES("\"" U U U "\"") },
	{ "surrogate in three bytes", BYTES("\"\xED\xA0\xBD\""), BYTES("\"" U "\"") },
	{ "high half", BYTES("\"\\ud83d\""), BYTES("\"" U "\"") },
	{ "low half", BYTES("\"\\uDE00x\""), BYTES("\"" U "x\"") },
	{ "halves swapped", BYTES("\"\\ude00\\ud83d\""), BYTES("\"" U U "\"") },
	{ "high half, then a letter", BYTES("\"\\ud83d\\u0041\""), BYTES("\"" U "\\u0041\"") },
	{ "unknown escape", BYTES("\"\\x41\\'\""), BYTES("\"\\\\x41\\\\'\"") },
	{ "short unit", BYTES("\"\\u12\""), BYTES("\"\\\\u12\"") },
	{ "escaped control", BYTES("\"\\\n\""), BYTES("\"\\\\\\u000a\"") },
	{ "cut in a string", BYTES("{\"a"), BYTES("{\"a") },
	{ "cut in an escape", BYTES("\"\\"), BYTES("\"\\\\") },
	{ "cut in a unit", BYTES("\"\\ud83d\\ude0"), BYTES("\"" U "\\\\ude0") },
	{ "quotes alone", BYTES("\"\"\""), BYTES("\"\"\"") },
};

static void
clean(void **state)
{
	struct guarded	 g;
	struct buf	 got = { 0 };
	size_t		 i;

	(void)state;
	guarded_init(&g, 64);
	for (i = 0; i < COUNT(clean_cases); i++) {
		buf_reset(&got);
		check_err(clean_cases[i].name, json_clean(&got, guarded_slice(&g,
		    clean_cases[i].in), JSON_BYTES_UTF8), ERR_OK);
		check_bytes(clean_cases[i].name, buf_slice(&got), clean_cases[i].want);
	}
	guarded_fini(&g);
	buf_free(&got);
}

/* In GBK the second byte of a character may be a backslash, but never a quote. */
static void
pairs(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in, want;
	} cases[] = {
		{ "backslash", BYTES("\"\xD5\\\""), BYTES("\"" U "\"") },
		{ "two bytes", BYTES("\"\xC4\xE3\xBA\xC3\""), BYTES("\"" U U "\"") },
		{ "quote", BYTES("\"\xD5\",\"b\""), BYTES("\"" U "\",\"b\"") },
		{ "cut", BYTES("\"\xD5"), BYTES("\"" U) },
		{ "escape", BYTES("\"\xC4\xE3\\n\""), BYTES("\"" U "\\n\"") },
	};
	struct buf	 got = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&got);
		check_err(cases[i].name, json_clean(&got, cases[i].in, JSON_BYTES_PAIRS), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&got), cases[i].want);
	}
	buf_free(&got);
}

/* The limit of a buf holds, whatever the text grows to. */
static void
limit(void **state)
{
	struct buf	 got = { .max = 64 };
	char		 text[64] = "\"";

	(void)state;
	memset(text + 1, 1, sizeof(text) - 1);
	check_err("limit", json_clean(&got, (struct slice){ text, sizeof(text) },
	    JSON_BYTES_UTF8), ERR_TOOBIG);
	buf_free(&got);
}

/* A text that is signed is never cleaned, and only QT's answer may have something behind it. */
static const struct {
	const char	*name;
	struct slice	 in;
	bool		 foreign, lenient;
	const char	*text;		/* its member "a" */
} readers_cases[] = {
	{ "mark", BYTES(BOM "{\"a\":\"b\"}"), true, true, "b" },
	{ "control", BYTES("{\"a\":\"\x14q\"}"), true, true, "\x14q" },
	{ "line end", BYTES("{\"a\":\"\n\"}"), true, true, "\n" },
	{ "cut character", BYTES("{\"a\":\"\xE4\xBD\"}"), true, true, U },
	{ "GBK", BYTES("{\"a\":\"\xC4\xE3\",\"b\":\"\xB3\xC9\"}"), true, true, U U },
	{ "GBK with a backslash", BYTES("{\"b\":\"\xD5\\\",\"a\":\"x\"}"), true, true, "x" },
	{ "half a pair", BYTES("{\"a\":\"\\ud83d\"}"), true, true, U },
	{ "NUL in a name", BYTES("{\"a\":\"x\",\"b\\u0000\":1}"), true, true, "x" },
	{ "unknown escape", BYTES("{\"a\":\"\\x41\"}"), true, true, "\\x41" },
	{ "object behind", BYTES("{\"a\":\"x\"}{\"a\":\"y\"}"), false, true, "x" },
	{ "comment behind", BYTES(BOM "{\"a\":\"x\"}<!-- gw -->"), false, true, "x" },
	{ "NUL behind", BYTES("{\"a\":\"x\"}\0"), false, true, "x" },
	{ "mark behind", BYTES("{\"a\":\"x\"}" BOM), false, true, "x" },
	{ "control, and text behind", BYTES("{\"a\":\"\x14\"}\xFF\xFF"), false, true, "\x14" },
	{ "long integer", BYTES("{\"a\":\"x\",\"n\":12345678901234567890}"), false, true, "x" },
	{ "HTML", BYTES("<p a=\"\x14\">"), false, false, NULL },
	{ "cut", BYTES("{\"a\":\"\x14\""), false, false, NULL },
	{ "two commas", BYTES("{\"a\":\"\x14\",,}"), false, false, NULL },
	{ "control outside", BYTES("{\"a\":\x14\"x\"}"), false, false, NULL },
	{ "huge fraction", BYTES("{\"a\":\"\x14\",\"n\":1e999}"), false, false, NULL },
};

static void
check_reader(const char *name, struct json *j, bool reads, const char *text)
{
	if (CHECK(name, (j != NULL) == reads) && reads)
		check_bytes(name, json_text(j, "a"), slice_of(text));
	json_free(j);
}

/* True: it is read as what is signed is read. */
static bool
reads_flat(struct slice in)
{
	struct json_flat	 j;
	char			 copy[256];

	assert_true(in.len <= sizeof(copy));
	memcpy(copy, in.p, in.len);
	return json_flat_read(&j, copy, in.len);
}

static void
readers(void **state)
{
	const char	*name, *text;
	struct slice	 in;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(readers_cases); i++) {
		name = readers_cases[i].name;
		text = readers_cases[i].text;
		in = readers_cases[i].in;
		CHECK(name, !reads_flat(in));
		check_reader(name, json_parse_any(in), readers_cases[i].foreign, text);
		check_reader(name, json_parse_lenient(in), readers_cases[i].lenient, text);
	}
}

/* A body that is handed on is strict afterwards, and one that was good is not touched. */
static void
body(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in, want;
		bool		 reads;
	} cases[] = {
		{ "good", BYTES(" [\"a\"]"), BYTES(" [\"a\"]"), true },
		{ "cleaned", BYTES(BOM "[\"a\bb\"]"), BYTES("[\"a\\u0008b\"]"), true },
		{ "no JSON", BYTES("\x01"), BYTES("\x01"), false },
	};
	struct buf	 b = { 0 };
	struct json	*j;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		assert_int_equal(buf_put(&b, cases[i].in.p, cases[i].in.len), ERR_OK);
		j = json_parse_body(&b);
		CHECK(cases[i].name, (j != NULL) == cases[i].reads);
		check_bytes(cases[i].name, buf_slice(&b), cases[i].want);
		json_free(j);
	}
	buf_free(&b);
}

/* Answers as they came. */
static void
real_answers(void **state)
{
	static const struct {
		const char	*file, *path, *want;
	} cases[] = {
		{ "qt-answer-bom.json", "$.code", "Httpapi_300_200" },
		{ "userinfo-x14.json", "$.nickname", "\x14\xE7\x90\xA6" },
		{ "userinfo-x14.json", "$.unionid", "oU_ox140000000000000000000000001" },
		{ "datacube-title-control.json", "$.list[0].title", "a\bb" },
	};
	struct buf	 b = { 0 }, got = { 0 };
	struct json	*j;
	char		 path[128], why[JSON_WHY];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&got);
		(void)snprintf(path, sizeof(path), "tests/vectors/reports/%s", cases[i].file);
		assert_int_equal(buf_read_file(&b, path, 4096), 0);
		assert_non_null(j = json_parse_any(buf_slice(&b)));
		check_int(cases[i].file, json_path(j, &got, slice_of(cases[i].path), why),
		    JSON_FOUND);
		check_bytes(cases[i].file, buf_slice(&got), slice_of(cases[i].want));
		json_free(j);
	}
	buf_free(&b);
	buf_free(&got);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(clean), TEST(pairs), TEST(limit), TEST(readers), TEST(body),
		TEST(real_answers),
	};

	return RUN("json_clean", tests);
}
