#include <string.h>

#include "report/html.h"
#include "tests/unit/unit.h"

#define FFFD	"\xEF\xBF\xBD"

static void
escaping(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in;
		const char	*want;
	} cases[] = {
		{ "plain", BYTES("abc"), "abc" },
		{ "nothing", BYTES(""), "" },
		{ "absent", { NULL, 0 }, "" },
		{ "element", BYTES("<script>alert(1)</script>"),
		    "&lt;script&gt;alert(1)&lt;/script&gt;" },
		{ "out of an attribute", BYTES("\" onclick='x' a=\""),
		    "&quot; onclick=&#39;x&#39; a=&quot;" },
		{ "entity", BYTES("&lt;&amp;"), "&amp;lt;&amp;amp;" },
		{ "Chinese", BYTES("\xE5\x85\xB3\xE6\xB3\xA8"), "\xE5\x85\xB3\xE6\xB3\xA8" },
		{ "emoji with joiner", BYTES("\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"),
		    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB" },
		{ "Arabic", BYTES("\xD9\x85"), "\xD9\x85" },
		{ "blanks", BYTES("a\tb\nc\rd"), "a b c d" },
		{ "line separators", BYTES("a\xE2\x80\xA8" "b\xE2\x80\xA9"), "a b " },
		{ "NUL", BYTES("a\0b"), "a" FFFD "b" },
		{ "C0", BYTES("\x1B[31m\x07"), FFFD "[31m" FFFD },
		{ "DEL, C1", BYTES("\x7F\xC2\x80\xC2\x9F"), FFFD FFFD FFFD },
		{ "overrides", BYTES("\xE2\x80\xAA\xE2\x80\xAE" "gpj.exe"), FFFD FFFD "gpj.exe" },
		{ "isolates", BYTES("\xE2\x81\xA6\xE2\x81\xA9"), FFFD FFFD },
		{ "marks", BYTES("\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C"), FFFD FFFD FFFD },
		{ "byte order mark", BYTES("\xEF\xBB\xBF" "a"), "a" },
		{ "noncharacter", BYTES("\xEF\xBF\xBF"), FFFD },
		{ "no UTF-8", BYTES("\xFF<\xE4\xB8"), FFFD "&lt;" FFFD },
		{ "overlong <", BYTES("\xC0\xBC"), FFFD FFFD },
	};
	struct buf	 out = { 0 };
	struct html	 h = { &out, ERR_OK };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		html_slice(&h, cases[i].in);
		check_err(cases[i].name, h.er, ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].want));
	}
	buf_free(&out);
}

/* No character becomes markup. */
static void
all_characters(void **state)
{
	struct buf	 out = { 0 };
	struct html	 h = { &out, ERR_OK };
	char		 u[4];
	uint32_t	 c;

	(void)state;
	for (c = 0; c <= 0x10FFFF; c++) {
		out.len = 0;
		html_slice(&h, (struct slice){ u, unit_utf8(u, c) });
		if (memchr(buf_slice(&out).p, '<', out.len) != NULL ||
		    memchr(buf_slice(&out).p, '>', out.len) != NULL ||
		    memchr(buf_slice(&out).p, '"', out.len) != NULL ||
		    memchr(buf_slice(&out).p, '\'', out.len) != NULL ||
		    (c < 0x20 && out.len == 1 && *out.p != ' '))
			check_int("markup from", (int64_t)c, -1);
	}
	check_err("all", h.er, ERR_OK);
	buf_free(&out);
}

static void
cutting(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in;
		size_t		 max;
		const char	*want;
	} cases[] = {
		{ "short", BYTES("abc"), 4, "<bdi>abc</bdi>" },
		{ "just room", BYTES("abcd"), 4, "<bdi>abcd</bdi>" },
		{ "cut", BYTES("abcde"), 4, "<bdi>abcd\xE2\x80\xA6</bdi>" },
		{ "characters", BYTES("\xE5\x85\xB3\xE6\xB3\xA8<"), 2,
		    "<bdi>\xE5\x85\xB3\xE6\xB3\xA8\xE2\x80\xA6</bdi>" },
		{ "escaped ones", BYTES("<<<"), 2, "<bdi>&lt;&lt;\xE2\x80\xA6</bdi>" },
	};
	struct buf	 out = { 0 };
	struct html	 h = { &out, ERR_OK };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		html_foreign(&h, cases[i].in, cases[i].max);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].want));
	}
	buf_reset(&out);
	html_isolate(&h, slice_of("a<b"), 2);
	check_bytes("isolated", buf_slice(&out),
	    slice_of("\xE2\x81\xA8" "a&lt;\xE2\x80\xA6\xE2\x81\xA9"));
	buf_free(&out);
}

static void
urls(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in;
		const char	*want;
	} cases[] = {
		{ "plain", BYTES("aZ09-._~"), "aZ09-._~" },
		{ "event", BYTES("$$_menu_click"), "%24%24_menu_click" },
		{ "delimiters", BYTES("a&b=c?d#e/f g+h%"), "a%26b%3Dc%3Fd%23e%2Ff%20g%2Bh%25" },
		{ "markup", BYTES("\"'<>"), "%22%27%3C%3E" },
		{ "bytes", BYTES("\0\xFF\xE5"), "%00%FF%E5" },
	};
	struct buf	 out = { 0 };
	struct html	 h = { &out, ERR_OK };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		html_url(&h, cases[i].in);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].want));
	}
	buf_free(&out);
}

static void
failures(void **state)
{
	struct buf	 out = { .max = 4 };
	struct html	 h = { &out, ERR_OK };

	(void)state;
	html_raw(&h, "<p>");
	html_text(&h, "too much");
	check_err("the first failure stays", h.er, ERR_TOOBIG);
	buf_free(&out);
	h.er = ERR_OK;
	out.max = 0;
	unit_memory = 1;
	html_printf(&h, "%d", 1);
	unit_memory = 0;
	check_err("no memory", h.er, ERR_NOMEM);
	html_raw(&h, "x");
	check_int("nothing more is written", (int64_t)out.len, 0);
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(escaping), TEST(all_characters), TEST(cutting), TEST(urls), TEST(failures),
	};

	return RUN("html", tests);
}
