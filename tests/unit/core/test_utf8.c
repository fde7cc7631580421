#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"

#define BAD	0xFFFD

static const struct {
	const char	*name;
	struct slice	 in;
	uint32_t	 want[8];
	size_t		 n;
} java_replacement_cases[] = {
	{ "ASCII", BYTES("a\0z\x7f"), { 'a', 0, 'z', 0x7F }, 4 },
	{ "two bytes", BYTES("\xC2\x80\xDF\xBF"), { 0x80, 0x7FF }, 2 },
	{ "three bytes", BYTES("\xE0\xA0\x80\xEF\xBF\xBF"), { 0x800, 0xFFFF }, 2 },
	{ "four bytes", BYTES("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
	    { 0x10000, 0x10FFFF }, 2 },
	{ "byte order mark is kept", BYTES("\xEF\xBB\xBFx"), { 0xFEFF, 'x' }, 2 },
	{ "U+FFFD itself", BYTES("\xEF\xBF\xBD"), { 0xFFFD }, 1 },
	{ "stray continuations, one each", BYTES("\x80\xBFx"), { BAD, BAD, 'x' }, 3 },
	{ "C0 AF overlong", BYTES("\xC0\xAF"), { BAD, BAD }, 2 },
	{ "C1 BF overlong", BYTES("\xC1\xBF"), { BAD, BAD }, 2 },
	{ "F5 to FF, one each", BYTES("\xF5\xF8\xFE\xFF"), { BAD, BAD, BAD, BAD }, 4 },
	{ "lead then ASCII", BYTES("\xC3(\xE4("), { BAD, '(', BAD, '(' }, 4 },
	{ "two of three, then ASCII", BYTES("\xE4\xB8(x"), { BAD, '(', 'x' }, 3 },
	{ "two of three at the end", BYTES("x\xE4\xB8"), { 'x', BAD }, 2 },
	{ "three of four, then ASCII", BYTES("\xF0\x9F\x98x"), { BAD, 'x' }, 2 },
	{ "two of four at the end", BYTES("\xF0\x9F"), { BAD }, 1 },
	{ "prefix then a whole one", BYTES("\xE4\xB8\xE4\xB8\xAD"), { BAD, 0x4E2D }, 2 },
	{ "E0 80 80 overlong", BYTES("\xE0\x80\x80"), { BAD, BAD, BAD }, 3 },
	{ "E0 9F BF overlong", BYTES("\xE0\x9F\xBF"), { BAD, BAD, BAD }, 3 },
	{ "F0 80 80 80 overlong", BYTES("\xF0\x80\x80\x80"), { BAD, BAD, BAD, BAD }, 4 },
	{ "F0 8F BF BF overlong", BYTES("\xF0\x8F\xBF\xBF"), { BAD, BAD, BAD, BAD }, 4 },
	{ "F4 90 80 80 over the top", BYTES("\xF4\x90\x80\x80"),
	    { BAD, BAD, BAD, BAD }, 4 },
	{ "surrogate in three bytes is one", BYTES("\xED\xA0\x80x\xED\xBF\xBF"),
	    { BAD, 'x', BAD }, 3 },
	{ "surrogate pair in six is two", BYTES("\xED\xA0\xBD\xED\xB8\x80"),
	    { BAD, BAD }, 2 },
	{ "ED A0 and no more", BYTES("\xED\xA0(\xED\xA0"), { BAD, '(', BAD }, 3 },
	{ "last before the surrogates", BYTES("\xED\x9F\xBF\xEE\x80\x80"),
	    { 0xD7FF, 0xE000 }, 2 },
	{ "GBK", BYTES("\xC4\xE3\xBA\xC3"), { BAD, BAD, BAD }, 3 },
};

/* Bytes that are not UTF-8, and the characters that Java's decoder makes of them. */
static void
java_replacement(void **state)
{
	struct guarded	 g;
	const char	*p, *end;
	size_t		 i, n;
	uint32_t	 cp;
	bool		 valid;

	(void)state;
	guarded_init(&g, 64);
	for (i = 0; i < COUNT(java_replacement_cases); i++) {
		p = guarded_put(&g, java_replacement_cases[i].in);
		end = p + java_replacement_cases[i].in.len;
		for (n = 0; p != end && n <= java_replacement_cases[i].n; n++) {
			cp = utf8_next(&p, end, &valid);
			if (n < java_replacement_cases[i].n)
				check_int(java_replacement_cases[i].name, cp,
				    java_replacement_cases[i].want[n]);
		}
		check_int(java_replacement_cases[i].name, (int64_t)n,
		    (int64_t)java_replacement_cases[i].n);
	}
	guarded_fini(&g);
}

static void
every_code_point(void **state)
{
	char		 u[4], name[16];
	struct guarded	 g;
	const char	*p, *end;
	uint32_t	 cp, got;
	size_t		 len, wrong = 0;
	bool		 valid, surrogate;

	(void)state;
	guarded_init(&g, 4);
	for (cp = 0; cp <= 0x10FFFF; cp++) {
		len = unit_utf8(u, cp);
		p = guarded_put(&g, (struct slice){ u, len });
		end = p + len;
		surrogate = cp >= 0xD800 && cp <= 0xDFFF;
		got = utf8_next(&p, end, &valid);
		if ((p == end && valid == !surrogate && got == (surrogate ? BAD : cp)) ||
		    ++wrong > 8)
			continue;
		(void)snprintf(name, sizeof(name), "U+%04X", cp);
		CHECK(name, p == end);
		CHECK(name, valid == !surrogate);
		check_int(name, got, surrogate ? BAD : cp);
	}
	check_int("wrong ones", (int64_t)wrong, 0);
	guarded_fini(&g);
}

/*
 * The rule once more: how many bytes the first U+FFFD, or the first good character, stands for.
 */
static size_t
prefix_taken(const unsigned char *b, size_t n)
{
	unsigned	 lo = 0x80, hi = 0xBF;
	size_t		 i, need;

	if (b[0] < 0x80 || b[0] < 0xC2 || b[0] > 0xF4)
		return 1;
	need = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
	if (b[0] == 0xE0)
		lo = 0xA0;
	if (b[0] == 0xF0)
		lo = 0x90;
	if (b[0] == 0xF4)
		hi = 0x8F;
	for (i = 1; i < need && i < n; i++) {
		if (b[i] < lo || b[i] > hi)
			break;
		lo = 0x80;
		hi = 0xBF;
	}
	return i;
}

/* All first and second bytes, with bytes at the limits behind them, cut after 1 to 4 bytes. */
static void
every_prefix(void **state)
{
	static const unsigned char	 edge[] = { 0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
						    0xBF, 0xC0, 0xFF };
	unsigned char			 b[4];
	struct guarded			 g;
	const char			*p, *start;
	char				 name[40];
	size_t				 i, len, want, wrong = 0;
	bool				 valid;

	(void)state;
	guarded_init(&g, 4);
	for (i = 0; i < 128 * 256 * COUNT(edge) * COUNT(edge); i++) {
		b[0] = (unsigned char)(0x80 + i % 128);
		b[1] = (unsigned char)(i / 128 % 256);
		b[2] = edge[i / (128 * 256) % COUNT(edge)];
		b[3] = edge[i / (128 * 256 * COUNT(edge))];
		len = 1 + i % 4;
		start = p = guarded_put(&g, (struct slice){ (const char *)b, len });
		(void)utf8_next(&p, p + len, &valid);
		want = prefix_taken(b, len);
		if (p == start + want || ++wrong > 8)
			continue;
		(void)snprintf(name, sizeof(name), "%02X %02X %02X %02X, %zu of them", b[0], b[1],
		    b[2], b[3], len);
		check_int(name, p - start, (int64_t)want);
	}
	check_int("wrong ones", (int64_t)wrong, 0);
	guarded_fini(&g);
}

/* Compares both ways, and each text with itself. */
static void
utf16_order(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 less, more;
	} cases[] = {
		{ "letters", BYTES("a"), BYTES("b") },
		{ "upper before lower", BYTES("Z"), BYTES("a") },
		{ "digit before letter", BYTES("0"), BYTES("A") },
		{ "prefix first", BYTES("a"), BYTES("a\0") },
		{ "empty first", BYTES(""), BYTES("\0") },
		{ "sign before signature", BYTES("sign"), BYTES("signature") },
		{ "ASCII before Latin", BYTES("z"), BYTES("\xC3\xA9") },
		{ "Latin before Chinese", BYTES("\xC3\xA9"), BYTES("\xE4\xB8\xAD") },
		{ "D7FF before astral", BYTES("\xED\x9F\xBF"), BYTES("\xF0\x90\x80\x80") },
		{ "astral before E000", BYTES("\xF0\x9F\x98\x80"), BYTES("\xEE\x80\x80") },
		{ "last astral before E000", BYTES("\xF4\x8F\xBF\xBF"), BYTES("\xEE\x80\x80") },
		{ "astral before full width", BYTES("\xF0\x9F\x98\x80"), BYTES("\xEF\xBC\xA1") },
		{ "astral among themselves", BYTES("\xF0\x9F\x98\x80"), BYTES("\xF0\x9F\x98\x81") },
		{ "high halves decide", BYTES("\xF0\x90\x8F\xBF"), BYTES("\xF0\x90\x90\x80") },
		{ "after what is equal", BYTES("\xE4\xB8\xAD" "a"), BYTES("\xE4\xB8\xAD" "b") },
		{ "no UTF-8 is FFFD", BYTES("\xFF"), BYTES("\xEF\xBF\xBE") },
		{ "astral before no UTF-8", BYTES("\xF0\x9F\x98\x80"), BYTES("\xFF") },
	};
	struct guarded	 g, h;
	struct slice	 less, more;
	size_t		 i;

	(void)state;
	guarded_init(&g, 16);
	guarded_init(&h, 16);
	for (i = 0; i < COUNT(cases); i++) {
		less = guarded_slice(&g, cases[i].less);
		more = guarded_slice(&h, cases[i].more);
		CHECK(cases[i].name, utf8_compare16(less, more) < 0);
		CHECK(cases[i].name, utf8_compare16(more, less) > 0);
		CHECK(cases[i].name, utf8_compare16(less, less) == 0);
		CHECK(cases[i].name, utf8_compare16(more, more) == 0);
	}
	CHECK("all that is no UTF-8 is one", utf8_compare16((struct slice)BYTES("\xFF"),
	    (struct slice)BYTES("\xED\xA0\x80")) == 0);
	guarded_fini(&g);
	guarded_fini(&h);
}

static size_t
utf16_units(uint16_t u[2], uint32_t cp)
{
	if (cp < 0x10000) {
		u[0] = (uint16_t)cp;
		return 1;
	}
	u[0] = (uint16_t)(0xD800 + ((cp - 0x10000) >> 10));
	u[1] = (uint16_t)(0xDC00 + ((cp - 0x10000) & 0x3FF));
	return 2;
}

static int
by_units(uint32_t a, uint32_t b)
{
	uint16_t	 ua[2], ub[2];
	size_t		 na = utf16_units(ua, a), nb = utf16_units(ub, b), i;

	for (i = 0; i < na && i < nb; i++)
		if (ua[i] != ub[i])
			return ua[i] < ub[i] ? -1 : 1;
	return 0;
}

/* Code points of all ranges, compared with their UTF-16 units. */
static void
utf16_order_all_over(void **state)
{
	char		 a[4], b[4], name[32];
	uint32_t	 x, y;
	struct slice	 sa, sb;
	int		 got, want;
	size_t		 wrong = 0;

	(void)state;
	for (x = 0; x < 0x110000; x += 0x7F1) {
		if (x >= 0xD800 && x <= 0xDFFF)
			continue;
		for (y = 1; y < 0x110000; y += 0x7F3) {
			if (y >= 0xD800 && y <= 0xDFFF)
				continue;
			sa = (struct slice){ a, unit_utf8(a, x) };
			sb = (struct slice){ b, unit_utf8(b, y) };
			got = utf8_compare16(sa, sb);
			want = by_units(x, y);
			if ((got > 0) - (got < 0) == want || ++wrong > 8)
				continue;
			(void)snprintf(name, sizeof(name), "U+%04X, U+%04X", x, y);
			check_int(name, got, want);
		}
	}
	check_int("wrong ones", (int64_t)wrong, 0);
}

static const struct {
	const char	*name;
	uint32_t	 first, last;
	int		 columns;
} shown_cases[] = {
	{ "ASCII", ' ', '~', 1 },
	{ "C0", 0, 0x1F, -1 },
	{ "DEL and C1", 0x7F, 0x9F, -1 },
	{ "no-break space", 0xA0, 0xA0, 1 },
	{ "soft hyphen", 0xAD, 0xAD, -1 },
	{ "accents", 0xC0, 0xFF, 1 },
	{ "combining", 0x300, 0x34E, 0 },
	{ "combining grapheme joiner", 0x34F, 0x34F, -1 },
	{ "Arabic letter mark", 0x61C, 0x61C, -1 },
	{ "Hangul fillers", 0x115F, 0x1160, -1 },
	{ "zero width, marks of direction", 0x200B, 0x200F, -1 },
	{ "punctuation", 0x2010, 0x2027, 1 },
	{ "separators of lines, embeddings, overrides", 0x2028, 0x202E, -1 },
	{ "word joiner to isolates", 0x2060, 0x206F, -1 },
	{ "ideographic space", 0x3000, 0x3000, 2 },
	{ "Chinese", 0x4E00, 0x9FFF, 2 },
	{ "a filler in Hangul", 0x3164, 0x3164, -1 },
	{ "noncharacters", 0xFDD0, 0xFDEF, -1 },
	{ "variation selectors", 0xFE00, 0xFE0F, 0 },
	{ "byte order mark", 0xFEFF, 0xFEFF, -1 },
	{ "full width", 0xFF01, 0xFF60, 2 },
	{ "interlinear annotation", 0xFFF9, 0xFFFB, -1 },
	{ "U+FFFD", 0xFFFD, 0xFFFD, 1 },
	{ "noncharacters of the first plane", 0xFFFE, 0xFFFF, -1 },
	{ "emoji", 0x1F600, 0x1F64F, 2 },
	{ "rare Chinese", 0x20000, 0x2A6DF, 2 },
	{ "tags", 0xE0000, 0xE007F, -1 },
};

/* What is printable, and in how many columns; the characters beside it are as their own rows say. */
static void
printable(void **state)
{
	uint32_t	 cp;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(shown_cases); i++)
		for (cp = shown_cases[i].first; cp <= shown_cases[i].last; cp++)
			if (!check_int(shown_cases[i].name, utf8_columns(cp),
			    shown_cases[i].columns))
				print_error("  U+%04X\n", cp);
}

static void
white_space(void **state)
{
	static const uint32_t	 spaces[] = {
		'\t', '\n', '\v', '\f', '\r', ' ', 0x85, 0xA0, 0x1680, 0x2000, 0x2009, 0x200A,
		0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
	};
	static const uint32_t	 others[] = { 0, 8, 14, '!', 0x200B, 0x2010, 0x3001, 0xFEFF };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(spaces); i++)
		CHECK("white space", utf8_is_space(spaces[i]));
	for (i = 0; i < COUNT(others); i++)
		CHECK("something else", !utf8_is_space(others[i]));
}

static void
masking(void **state)
{
	static const struct {
		const char	*name, *text, *want;
	} cases[] = {
		{ "nothing", "", "" },
		{ "printable", "a \xE4\xB8\xAD", "a \xE4\xB8\xAD" },
		{ "control", "a\nb\x1b", "a?b?" },
		{ "override, then more", "\xE2\x80\xAE" "ab", "?ab" },
		{ "cut at the end", "\xE4\xB8\xAD\xE4\xB8", "\xE4\xB8\xAD?" },
		{ "GBK", "\xC9\xCC", "??" },
		{ "tag", "a\xF3\xA0\x81\x81" "b", "a?b" },
	};
	char	 text[32];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text), "%s", cases[i].text);
		utf8_mask(text);
		check_text(cases[i].name, text, cases[i].want);
	}
}

static void
cutting(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text;
		size_t		 max, want;
	} cases[] = {
		{ "nothing", BYTES(""), 0, 0 },
		{ "room", BYTES("abc"), 4, 3 },
		{ "just room", BYTES("abc"), 3, 3 },
		{ "ASCII", BYTES("abc"), 2, 2 },
		{ "to nothing", BYTES("abc"), 0, 0 },
		{ "before a character", BYTES("a\xE4\xB8\xAD"), 1, 1 },
		{ "behind its first byte", BYTES("a\xE4\xB8\xAD"), 2, 1 },
		{ "behind its second byte", BYTES("a\xE4\xB8\xAD"), 3, 1 },
		{ "whole", BYTES("a\xE4\xB8\xAD"), 4, 4 },
		{ "four bytes", BYTES("\xF0\x9F\x98\x80" "a"), 3, 0 },
		{ "only continuations", BYTES("\x80\x80\x80\x80\x80\x80"), 5, 5 },
	};
	struct guarded	 g;
	size_t		 i;

	(void)state;
	guarded_init(&g, 16);
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, (int64_t)utf8_cut(guarded_slice(&g, cases[i].text),
		    cases[i].max), (int64_t)cases[i].want);
	guarded_fini(&g);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(java_replacement), TEST(every_code_point), TEST(every_prefix),
		TEST(utf16_order), TEST(utf16_order_all_over),
		TEST(printable), TEST(white_space), TEST(masking), TEST(cutting),
	};

	return RUN("utf8", tests);
}
