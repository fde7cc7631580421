#include "core/format.h"
#include "core/json_write.h"
#include "tests/unit/unit.h"

/* Text from outside, as people see it and as JSON has it. */
static void
hidden(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text;
		const char	*shown, *json;
	} cases[] = {
		{ "empty", BYTES(""), "", "\"\"" },
		{ "plain", BYTES("a \"b\" \\"), "a \"b\" \\", "\"a \\\"b\\\" \\\\\"" },
		{ "Chinese", BYTES("\xE8\x8F\x9C"), "\xE8\x8F\x9C", "\"\xE8\x8F\x9C\"" },
		{ "emoji", BYTES("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80",
		    "\"\xF0\x9F\x98\x80\"" },
		{ "right to left", BYTES("\xE2\x80\xAE"), "\\u202e", "\"\\u202e\"" },
		{ "isolate", BYTES("\xE2\x81\xA6"), "\\u2066", "\"\\u2066\"" },
		{ "Arabic letter mark", BYTES("\xD8\x9C"), "\\u061c", "\"\\u061c\"" },
		{ "no width", BYTES("\xE2\x80\x8B"), "\\u200b", "\"\\u200b\"" },
		{ "end of line", BYTES("\xE2\x80\xA8"), "\\u2028", "\"\\u2028\"" },
		{ "C1", BYTES("\xC2\x9B"), "\\u009b", "\"\\u009b\"" },
		{ "escape", BYTES("\x1B[31m"), "\\u001b[31m", "\"\\u001b[31m\"" },
		{ "NUL", BYTES("a\0b"), "a\\u0000b", "\"a\\u0000b\"" },
		{ "DEL", BYTES("\x7F"), "\\u007f", "\"\\u007f\"" },
		{ "tag", BYTES("\xF3\xA0\x81\x81"), "\\ue0041", "\"\\udb40\\udc41\"" },
		{ "byte order mark", BYTES("\xEF\xBB\xBF"), "\\ufeff", "\"\\ufeff\"" },
		{ "lines", BYTES("a\n\tb\r\nc"), "a\n\tb\r\nc", "\"a\\n\\tb\\u000d\\nc\"" },
		{ "a lone CR", BYTES("a\rb"), "a\\u000db", "\"a\\u000db\"" },
		{ "not UTF-8", BYTES("a\xFF\xE4\xB8"), "a\\xff\\xe4\\xb8",
		    "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"" },
	};
	struct buf	 out = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err(cases[i].name, format_text(&out, cases[i].text), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].shown));
		buf_reset(&out);
		check_err(cases[i].name, json_write_string(&out, cases[i].text), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].json));
	}
	buf_free(&out);
}

/* Lines that are too long for a screen. */
static void
wrapped(void **state)
{
	static const struct {
		const char	*name, *text;
		int		 at, indent, max;
		const char	*want;
	} cases[] = {
		{ "empty", "", 0, 2, 10, "" },
		{ "just room", "abcd efgh", 0, 2, 9, "abcd efgh" },
		{ "one column less", "abcd efgh", 0, 2, 8, "abcd\n  efgh" },
		{ "behind others", "abcd efgh", 5, 2, 9, "abcd\n  efgh" },
		{ "no room behind others", "abcd", 8, 2, 9, "\n  abcd" },
		{ "a word as long as a line", "a 1234567 b", 0, 2, 9, "a 1234567\n  b" },
		{ "a word that is longer", "a 12345678 b", 0, 2, 9, "a\n  1234567\n  8 b" },
		{ "a long word first", "123456789", 0, 2, 4, "1234\n  56\n  78\n  9" },
		{ "two blanks", "ab  cd  ef", 0, 0, 6, "ab  cd\nef" },
		{ "a blank at the end", "ab ", 0, 0, 2, "ab" },
		{ "Chinese", "\xE4\xB8\xAD\xE6\x96\x87\xE4\xB8\xAD", 0, 1, 5,
		    "\xE4\xB8\xAD\xE6\x96\x87\n \xE4\xB8\xAD" },
		{ "Chinese and letters", "ab\xE4\xB8\xAD" "cd", 0, 1, 4,
		    "ab\xE4\xB8\xAD\n cd" },
		{ "a full stop stays with its word", "\xE4\xB8\xAD\xE6\x96\x87\xE3\x80\x82", 0, 1,
		    5, "\xE4\xB8\xAD\n \xE6\x96\x87\xE3\x80\x82" },
		{ "a bracket too", "\xE4\xB8\xAD\xEF\xBC\x88\xE6\x96\x87", 0, 1, 5,
		    "\xE4\xB8\xAD\n \xEF\xBC\x88\xE6\x96\x87" },
		{ "a comma stays with a word that is cut", "12345\xEF\xBC\x8C" "a", 0, 0, 5,
		    "1234\n5\xEF\xBC\x8C" "a" },
		{ "commas alone", "\xEF\xBC\x8C\xEF\xBC\x8C\xEF\xBC\x8C", 0, 0, 2,
		    "\xEF\xBC\x8C\n\xEF\xBC\x8C\n\xEF\xBC\x8C" },
		{ "combining accent", "ae\xCC\x81 b", 0, 0, 2, "ae\xCC\x81\nb" },
		{ "narrower than a character", "\xE4\xB8\xAD\xE6\x96\x87", 0, 1, 1,
		    "\xE4\xB8\xAD\n \xE6\x96\x87" },
		{ "no room at all", "ab", 9, 9, 1, "\n         a\n         b" },
	};
	struct buf	 out = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err(cases[i].name, format_wrap(&out, slice_of(cases[i].text), cases[i].at,
		    cases[i].indent, cases[i].max), ERR_OK);
		check_bytes(cases[i].name, out.p == NULL ? slice_of("") : buf_slice(&out),
		    slice_of(cases[i].want));
	}
	buf_free(&out);
}

static void
columns(void **state)
{
	static const struct {
		const char	*text;
		int		 want;
	} cases[] = {
		{ "", 0 }, { "abc", 3 }, { "\xE9\x98\x9F\xE5\x88\x97", 4 },
		{ "a\xE9\x98\x9F b", 5 }, { "e\xCC\x81", 1 }, { "\xFF\x1B", 2 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].text, format_columns(slice_of(cases[i].text)), cases[i].want);
}

/* Where a line may end: each piece with a bar behind it. */
static void
pieces(void **state)
{
	static const struct {
		const char	*text, *want;
		int		 columns;	/* of the first piece */
	} cases[] = {
		{ "run it", "run|it|", 3 }, { "one", "one|", 3 }, { "", "", 0 },
		{ "a  b", "a|b|", 1 },
		{ "\u961f\u5217", "\u961f|\u5217|", 2 },
		{ "\u8fd0\u884c\uff1aqtoa check", "\u8fd0|\u884c\uff1a|qtoa|check|", 2 },
		{ "\u5217\u3002\u6b7b", "\u5217\u3002|\u6b7b|", 4 },
		{ "\uff08UTC+8\uff09", "\uff08UTC+8\uff09|", 9 },
		{ "\u7528/etc/x\uff0c\u518d", "\u7528|/etc/x\uff0c|\u518d|", 2 },
		{ "(\u6ca1\u6709)", "(\u6ca1|\u6709)|", 3 },
		{ "5 \u5206\u949f", "5|\u5206|\u949f|", 1 },
		{ "e\u0301\u5217\u0301x", "e\u0301|\u5217\u0301|x|", 1 },
	};
	struct buf	 out = { 0 };
	struct slice	 rest;
	size_t		 i, n;
	int		 used, first;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		for (first = -1, rest = slice_of(cases[i].text); rest.len != 0;) {
			n = format_piece(&used, rest);
			if (first == -1)
				first = used;
			if (n != 0 && buf_put(&out, rest.p, n) == ERR_OK)
				(void)buf_putc(&out, '|');
			n += n == 0;
			rest = (struct slice){ rest.p + n, rest.len - n };
		}
		check_bytes(cases[i].text, buf_slice(&out), slice_of(cases[i].want));
		check_int(cases[i].text, first == -1 ? 0 : first, cases[i].columns);
	}
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(hidden), TEST(wrapped), TEST(columns), TEST(pieces),
	};

	return RUN("format", tests);
}
