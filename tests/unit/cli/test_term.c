#include <stdio.h>
#include <string.h>

#include "cli/term.h"
#include "core/format.h"
#include "tests/unit/unit.h"

enum { WIDE = 1000 };

static const struct {
	const char	*name;
	struct slice	 text;
	int		 max;
	const char	*want;
	int		 used;
} lines[] = {
	{ "ASCII", BYTES("abc"), WIDE, "abc", 3 },
	{ "nothing", BYTES(""), WIDE, "", 0 },
	{ "absent", { NULL, 0 }, WIDE, "", 0 },
	{ "just room", BYTES("abc"), 3, "abc", 3 },
	{ "cut", BYTES("abcd"), 3, "ab\xE2\x80\xA6", 3 },
	{ "cut to one", BYTES("abcd"), 1, "\xE2\x80\xA6", 1 },
	{ "no room at all", BYTES("abcd"), 0, "", 0 },
	{ "Chinese", BYTES("\xE4\xB8\xAD\xE6\x96\x87"), WIDE,
	    "\xE4\xB8\xAD\xE6\x96\x87", 4 },
	{ "Chinese, just room", BYTES("\xE4\xB8\xAD\xE6\x96\x87"), 4,
	    "\xE4\xB8\xAD\xE6\x96\x87", 4 },
	{ "Chinese, cut", BYTES("\xE4\xB8\xAD\xE6\x96\x87"), 3,
	    "\xE4\xB8\xAD\xE2\x80\xA6", 3 },
	{ "Chinese, cut before", BYTES("\xE4\xB8\xAD\xE6\x96\x87"), 2, "\xE2\x80\xA6", 1 },
	{ "emoji", BYTES("\xF0\x9F\x98\x80"), WIDE, "\xF0\x9F\x98\x80", 2 },
	{ "accent", BYTES("\xC3\xA9"), WIDE, "\xC3\xA9", 1 },
	{ "combining accent", BYTES("e\xCC\x81"), 1, "e\xCC\x81", 1 },
	{ "escape sequence", BYTES("\x1b[31m"), WIDE, "?[31m", 5 },
	{ "line end", BYTES("a\nb\r\tc"), WIDE, "a?b??c", 6 },
	{ "NUL", BYTES("a\0b"), WIDE, "a?b", 3 },
	{ "DEL", BYTES("\x7f"), WIDE, "?", 1 },
	{ "C1", BYTES("\xC2\x9B" "1m"), WIDE, "?1m", 3 },
	{ "line separator", BYTES("\xE2\x80\xA8"), WIDE, "?", 1 },
	{ "zero width", BYTES("a\xE2\x80\x8B\xEF\xBB\xBF" "b"), WIDE, "a??b", 4 },
	{ "tag", BYTES("\xF3\xA0\x81\x81"), WIDE, "?", 1 },
	{ "right to left", BYTES("\xE2\x80\xAE" "a"), WIDE, "?a", 2 },
	{ "no UTF-8", BYTES("\xFF" "a\xE4\xB8"), WIDE, "?a?", 3 },
	{ "U+FFFD itself", BYTES("\xEF\xBF\xBD"), WIDE, "\xEF\xBF\xBD", 1 },
};

static void
cells(void **state)
{
	struct buf	 out = { 0 };
	size_t		 i;
	int		 used;

	(void)state;
	for (i = 0; i < COUNT(lines); i++) {
		buf_reset(&out);
		used = -1;
		check_err(lines[i].name, format_line(&out, &used, lines[i].text, lines[i].max),
		    ERR_OK);
		check_bytes(lines[i].name, out.p == NULL ? slice_of("") : buf_slice(&out),
		    slice_of(lines[i].want));
		check_int(lines[i].name, used, lines[i].used);
	}
	buf_reset(&out);
	check_err("behind what is there", format_line(&out, NULL, slice_of("abcd"), 2), ERR_OK);
	check_err("behind what is there", format_line(&out, NULL, slice_of("xyz"), 2), ERR_OK);
	check_err("blanks", term_blanks(&out, 2), ERR_OK);
	check_err("none", term_blanks(&out, -2), ERR_OK);
	check_bytes("behind", buf_slice(&out), slice_of("a\xE2\x80\xA6x\xE2\x80\xA6  "));
	buf_free(&out);
}

static void
spans(void **state)
{
	static const struct {
		int64_t		 ms;
		const char	*want;
	} cases[] = {
		{ -5, "0 s" }, { 0, "0 s" }, { 999, "0 s" }, { 1000, "1 s" }, { 119999, "119 s" },
		{ 120000, "2 min" }, { 7199999, "119 min" }, { 7200000, "2 h" },
		{ 172799999, "47 h" }, { 172800000, "2 d" }, { INT64_C(86400000) * 999, "999 d" },
		{ INT64_MAX, "106751991167 d" },
	};
	char	 text[FORMAT_SPAN];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		format_span(text, cases[i].ms);
		check_text(cases[i].want, text, cases[i].want);
	}
}

static void
sizes(void **state)
{
	static const struct {
		int64_t		 bytes;
		const char	*want;
	} cases[] = {
		{ 0, "0 bytes" }, { 999, "999 bytes" }, { 1000, "1.0 kB" }, { 9949, "9.9 kB" },
		{ 9951, "10 kB" }, { 118000, "118 kB" }, { 999499, "999 kB" }, { 999500, "1.0 MB" },
		{ INT64_C(75972841472), "76 GB" }, { INT64_C(1500000000000), "1.5 TB" },
		{ INT64_MAX, "9.2 EB" },
	};
	char	 text[FORMAT_SPAN];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		format_bytes(text, cases[i].bytes);
		check_text(cases[i].want, text, cases[i].want);
	}
}

static void
times(void **state)
{
	static const struct {
		int64_t		 ms;
		const char	*want;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ INT64_C(1795322684649), "2026-11-22T04:44:44.649Z" },
		{ INT64_C(4102444799999), "2099-12-31T23:59:59.999Z" },
	};
	char	 text[FORMAT_TIME];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		format_time(text, cases[i].ms);
		check_text(cases[i].want, text, cases[i].want);
	}
	format_time(text, INT64_MAX);	/* the year has too many digits */
	CHECK("ends", strlen(text) < FORMAT_TIME);
}

static void
china_times(void **state)
{
	static const struct {
		int64_t		 time_s;
		const char	*want;
	} cases[] = {
		{ 0, "1970-01-01 08:00:00" },
		{ INT64_C(1795392000), "2026-11-23 08:00:00" },
		{ INT64_C(1795363199), "2026-11-22 23:59:59" },
		{ INT64_C(1795363200), "2026-11-23 00:00:00" },
		{ INT64_MAX / 2, "" }, { -INT64_C(86400) * 2, "" },
	};
	char	 text[TERM_TIME];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		term_time(text, cases[i].time_s);
		check_text(cases[i].want, text, cases[i].want);
	}
}

static void
no_terminal(void **state)
{
	FILE	*f = tmpfile();

	(void)state;
	assert_non_null(f);
	check_int("a file", term_width(fileno(f)), 0);
	check_int("nothing", term_width(-1), 0);
	check_int("no lines either", term_height(fileno(f)), 0);
	(void)fclose(f);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(cells), TEST(spans), TEST(sizes), TEST(times), TEST(china_times),
		TEST(no_terminal),
	};

	return RUN("term", tests);
}
