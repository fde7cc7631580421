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

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(hidden) };

	return RUN("format", tests);
}
