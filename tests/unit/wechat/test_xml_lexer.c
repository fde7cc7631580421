#include <stdio.h>
#include <string.h>

#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"
#include "wechat/xml_lexer.h"

/* One line for each token: a letter for its kind, a tag's name, and what is inside. */
static void
list_tokens(struct buf *out, struct slice text)
{
	static const char	 letters[] = "SE/TCMIDde";	/* as enum xml_lexer_token */
	struct xml_lexer	 lx;
	enum xml_lexer_token	 token;

	buf_reset(out);
	xml_lexer_init(&lx, text);
	xml_lexer_skip_bom(&lx);
	do {
		token = xml_lexer_next(&lx);
		(void)buf_printf(out, "%c", letters[token]);
		if (token == XML_LEXER_ERROR)
			(void)buf_printf(out, "%c", letters[lx.began]);
		if (token == XML_LEXER_START || token == XML_LEXER_EMPTY || token == XML_LEXER_END)
			(void)buf_printf(out, "(%.*s)", (int)lx.name.len, lx.name.p);
		if (token != XML_LEXER_DONE)
			(void)(buf_putc(out, '['), buf_put(out, lx.inside.p, lx.inside.len),
			    buf_putc(out, ']'));
	} while (token < XML_LEXER_DOCTYPE);
}

static void
tokens(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text, want;
	} cases[] = {
		{ "nothing", BYTES(""), BYTES("d") },
		{ "a message", BYTES("<xml><A>b</A></xml>"),
		    BYTES("S(xml)[xml]S(A)[A]T[b]/(A)[A]/(xml)[xml]d") },
		{ "byte order mark", BYTES("\xEF\xBB\xBF<a/>"), BYTES("E(a)[a/]d") },
		{ "attributes", BYTES("<a b='>' c=\"'/\">"), BYTES("S(a)[a b='>' c=\"'/\"]d") },
		{ "a slash that is not the last", BYTES("<a/ >"), BYTES("S(a)[a/ ]d") },
		{ "blanks in an end tag", BYTES("</a\n >"), BYTES("/(a)[a\n ]d") },
		{ "CDATA", BYTES("<![CDATA[]] >]]>x"), BYTES("C[]] >]T[x]d") },
		{ "comment", BYTES("<!--a--b-->"), BYTES("M[a--b]d") },
		{ "a comment needs four dashes", BYTES("<!-->"), BYTES("eM[>]") },
		{ "instruction", BYTES("<?xml a?><?b?>"), BYTES("I[xml a]I[b]d") },
		{ "document type", BYTES("a<!DOCTYPE b>"), BYTES("T[a]D[DOCTYPE b>]") },
		{ "begin of a CDATA section", BYTES("<![CDATA"), BYTES("D[[CDATA]") },
		{ "CDATA without end", BYTES("<![CDATA[a]]"), BYTES("eC[a]]]") },
		{ "instruction without end", BYTES("<?a?"), BYTES("eI[a?]") },
		{ "only <", BYTES("a<"), BYTES("T[a]eS[]") },
		{ "tag without end", BYTES("<a b"), BYTES("eS[a b]") },
		{ "quote without end", BYTES("<a b='>"), BYTES("eS[a b='>]") },
		{ "< in a tag", BYTES("<a <b>"), BYTES("eS[a <b>]") },
		{ "tag without name", BYTES("< a>"), BYTES("eS[ a>]") },
		{ "NUL in a name", BYTES("<a\0>"), BYTES("eS[a\0>]") },
		{ "end tag without end", BYTES("</a "), BYTES("e/[a ]") },
	};
	struct guarded	 g;
	struct buf	 out = { .p = NULL };
	size_t		 i;

	(void)state;
	guarded_init(&g, 1024);
	for (i = 0; i < COUNT(cases); i++) {
		list_tokens(&out, guarded_slice(&g, cases[i].text));
		check_bytes(cases[i].name, buf_slice(&out), cases[i].want);
	}
	guarded_fini(&g);
	buf_free(&out);
}

static void
references(void **state)
{
	static const struct {
		const char	*ref;
		uint32_t	 want;
	} cases[] = {
		{ "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' },
		{ "#64", 64 }, { "#x40", 64 }, { "#xfF", 255 }, { "#1114111", 0x10FFFF },
		{ "#1114112", 0 }, { "#x", 0 }, { "#", 0 }, { "#4a", 0 }, { "#X40", 0 }, { "#0",
		    0 },
		{ "", 0 }, { "LT", 0 }, { "nbsp", 0 }, { "#-1", 0 }, { "#99999999999999", 0 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].ref, xml_lexer_reference(slice_of(cases[i].ref)),
		    cases[i].want);
}

static void
trimmed(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text, want;
	} cases[] = {
		{ "nothing", BYTES(""), BYTES("") },
		{ "only blanks", BYTES(" \t\r\n"), BYTES("") },
		{ "both ends", BYTES("\n a b\t"), BYTES("a b") },
		{ "no blanks", BYTES("\v"), BYTES("\v") },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_bytes(cases[i].name, xml_lexer_trim(cases[i].text), cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(tokens), TEST(references), TEST(trimmed) };

	return RUN("xml_lexer", tests);
}
