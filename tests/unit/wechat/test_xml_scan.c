#include <stdio.h>
#include <string.h>

#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"
#include "wechat/xml_scan.h"

static const struct {
	const char	*name;
	struct slice	 in, want;
} found_cases[] = {
	{ "plain", BYTES("<xml><E>abc</E></xml>"), BYTES("abc") },
	{ "CDATA", BYTES("<xml><E><![CDATA[abc]]></E></xml>"), BYTES("abc") },
	{ "among others", BYTES("<xml><A>1</A><E>abc</E><B>2</B></xml>"), BYTES("abc") },
	{ "layout around", BYTES("\n<xml>\r\n  <E>abc</E>\r\n</xml>\r\n"), BYTES("abc") },
	{ "trimmed", BYTES("<xml><E> \t\r\n abc \n</E></xml>"), BYTES("abc") },
	{ "inner blanks stay", BYTES("<xml><E> a b\nc </E></xml>"), BYTES("a b\nc") },
	{ "blanks around CDATA", BYTES("<xml><E>\n <![CDATA[abc]]>\t\n</E></xml>"),
	    BYTES("abc") },
	{ "blanks in CDATA stay", BYTES("<xml><E><![CDATA[ abc\n]]></E></xml>"),
	    BYTES(" abc\n") },
	{ "CDATA split at ]]>",
	    BYTES("<xml><E><![CDATA[a]]]]><![CDATA[>b]]></E></xml>"), BYTES("a]]>b") },
	{ "three CDATA, blanks between",
	    BYTES("<xml><E><![CDATA[a]]> <![CDATA[b]]>\n<![CDATA[c]]></E></xml>"),
	    BYTES("abc") },
	{ "empty CDATA", BYTES("<xml><E><![CDATA[]]></E></xml>"), BYTES("") },
	{ "brackets in CDATA", BYTES("<xml><E><![CDATA[[x]]]]></E></xml>"), BYTES("[x]]") },
	{ "markup in CDATA is text",
	    BYTES("<xml><E><![CDATA[<E>&lt;</E><!-- x -->]]></E></xml>"),
	    BYTES("<E>&lt;</E><!-- x -->") },
	{ "comment before and behind",
	    BYTES("<!-- a --><xml><E>abc</E></xml><!-- b -->"), BYTES("abc") },
	{ "comment with the element in it",
	    BYTES("<xml><!-- <E>no</E> --><E>abc</E></xml>"), BYTES("abc") },
	{ "comment with quotes and brackets",
	    BYTES("<xml><!-- ' \" > ]]> --><E>abc</E></xml>"), BYTES("abc") },
	{ "comment within", BYTES("<xml><E>ab<!-- x -->c</E></xml>"), BYTES("abc") },
	{ "empty comment", BYTES("<xml><!----><E>abc</E></xml>"), BYTES("abc") },
	{ "XML declaration", BYTES("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	    "<xml><E>abc</E></xml>"), BYTES("abc") },
	{ "instruction with the element in it",
	    BYTES("<xml><?x <E>no</E> ?><E>abc</E></xml><?y?>"), BYTES("abc") },
	{ "byte order mark", BYTES("\xEF\xBB\xBF<xml><E>abc</E></xml>"), BYTES("abc") },
	{ "byte order mark and declaration",
	    BYTES("\xEF\xBB\xBF<?xml version='1.0'?><xml><E>abc</E></xml>"), BYTES("abc") },
	{ "attributes", BYTES("<xml a=\"1\" b='2'><E c=\"3\">abc</E></xml>"),
	    BYTES("abc") },
	{ "> in double quotes", BYTES("<xml a=\">\"><E b=\"/>'\">abc</E></xml>"),
	    BYTES("abc") },
	{ "> in single quotes", BYTES("<xml a='>'><E b='/>\"'>abc</E></xml>"),
	    BYTES("abc") },
	{ "= and blanks around", BYTES("<xml a = '1' ><E\nb\n=\n'2'\n>abc</E ></xml\t>"),
	    BYTES("abc") },
	{ "/ at the end of a quoted value", BYTES("<xml a='/'><E>abc</E></xml>"),
	    BYTES("abc") },
	{ "first of two", BYTES("<xml><E>abc</E><E>def</E></xml>"), BYTES("abc") },
	{ "first is empty", BYTES("<xml><E></E><E>def</E></xml>"), BYTES("") },
	{ "first is its own end", BYTES("<xml><E/><E>def</E></xml>"), BYTES("") },
	{ "nested one before", BYTES("<xml><A><E>no</E></A><E>abc</E></xml>"),
	    BYTES("abc") },
	{ "one nested in it", BYTES("<xml><E>a<E>no</E>bc</E></xml>"), BYTES("abc") },
	{ "longer and shorter names",
	    BYTES("<xml><EE>1</EE><e>2</e><E.>3</E.><E>abc</E></xml>"), BYTES("abc") },
	{ "names with a colon", BYTES("<xml><n:E>1</n:E><E>abc</E></xml>"), BYTES("abc") },
	{ "elements that are their own end",
	    BYTES("<xml><A/><B a='/'/><C /><E>abc</E><D/></xml>"), BYTES("abc") },
	{ "the five entities", BYTES("<xml><E>&lt;&gt;&amp;&quot;&apos;</E></xml>"),
	    BYTES("<>&\"'") },
	{ "resolved once", BYTES("<xml><E>&amp;lt;&#38;lt;</E></xml>"), BYTES("&lt;&lt;") },
	{ "decimal", BYTES("<xml><E>&#65;&#066;</E></xml>"), BYTES("AB") },
	{ "hexadecimal", BYTES("<xml><E>&#x41;&#x004a;&#x4A;</E></xml>"), BYTES("AJJ") },
	{ "two bytes", BYTES("<xml><E>&#x80;&#x7FF;</E></xml>"),
	    BYTES("\xC2\x80\xDF\xBF") },
	{ "three bytes", BYTES("<xml><E>&#x800;&#20013;&#xFFFD;</E></xml>"),
	    BYTES("\xE0\xA0\x80\xE4\xB8\xAD\xEF\xBF\xBD") },
	{ "four bytes", BYTES("<xml><E>&#x10000;&#x1f600;&#x10FFFF;</E></xml>"),
	    BYTES("\xF0\x90\x80\x80\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF") },
	{ "entity beside CDATA", BYTES("<xml><E>&lt;<![CDATA[&gt;]]></E></xml>"),
	    BYTES("<&gt;") },
	{ "entities elsewhere are not looked at",
	    BYTES("<xml><A>&foo; &</A><E>abc</E></xml>"), BYTES("abc") },
	{ "text between elements", BYTES("<xml>x<E>abc</E>y</xml>"), BYTES("abc") },
	{ "foreign bytes stay", BYTES("<xml><E>\xFF\x01\x80</E></xml>"),
	    BYTES("\xFF\x01\x80") },
	{ "]]> in plain text", BYTES("<xml><E>a]]>b</E></xml>"), BYTES("a]]>b") },
};

static void
found(void **state)
{
	struct guarded	 g;
	struct buf	 got = { 0 };
	size_t		 i;

	(void)state;
	guarded_init(&g, 512);
	for (i = 0; i < COUNT(found_cases); i++) {
		buf_reset(&got);
		check_err(found_cases[i].name, xml_scan_child(&got, guarded_slice(&g,
		    found_cases[i].in), "E"),
		    ERR_OK);
		check_bytes(found_cases[i].name, buf_slice(&got), found_cases[i].want);
	}
	guarded_fini(&g);
	buf_free(&got);
}

static const struct {
	const char	*name;
	struct slice	 in;
} refused_cases[] = {
	{ "nothing", BYTES("") },
	{ "blanks", BYTES(" \n") },
	{ "byte order mark alone", BYTES("\xEF\xBB\xBF") },
	{ "word", BYTES("hello") },
	{ "JSON", BYTES("{\"Encrypt\":\"abc\"}") },
	{ "no such child", BYTES("<xml><A>abc</A></xml>") },
	{ "empty root", BYTES("<xml></xml>") },
	{ "root is its own end", BYTES("<xml/>") },
	{ "only nested", BYTES("<xml><A><E>abc</E></A></xml>") },
	{ "only in a comment", BYTES("<xml><!-- <E>abc</E> --></xml>") },
	{ "only in CDATA", BYTES("<xml><![CDATA[<E>abc</E>]]></xml>") },
	{ "only in an instruction", BYTES("<xml><?x <E>abc</E>?></xml>") },
	{ "only in an attribute", BYTES("<xml><A a='E'>abc</A></xml>") },
	{ "is the root", BYTES("<E>abc</E>") },
	{ "another root", BYTES("<root><E>abc</E></root>") },
	{ "root in capitals", BYTES("<XML><E>abc</E></XML>") },
	{ "longer root", BYTES("<xmlx><E>abc</E></xmlx>") },
	{ "document type", BYTES("<!DOCTYPE xml><xml><E>abc</E></xml>") },
	{ "document type with entities",
	    BYTES("<!DOCTYPE xml [<!ENTITY e \"x\">]><xml><E>&e;</E></xml>") },
	{ "document type behind the declaration",
	    BYTES("<?xml version='1.0'?>\n<!DOCTYPE xml SYSTEM 'x'><xml><E>a</E></xml>") },
	{ "document type in small letters", BYTES("<!doctype xml><xml><E>abc</E></xml>") },
	{ "document type within", BYTES("<xml><!DOCTYPE xml><E>abc</E></xml>") },
	{ "document type behind", BYTES("<xml><E>abc</E></xml><!DOCTYPE xml>") },
	{ "entity declaration within", BYTES("<xml><!ENTITY e 'x'><E>&e;</E></xml>") },
	{ "text before", BYTES("x<xml><E>abc</E></xml>") },
	{ "text behind", BYTES("<xml><E>abc</E></xml>x") },
	{ "NUL behind", BYTES("<xml><E>abc</E></xml>\0") },
	{ "CDATA before", BYTES("<![CDATA[ ]]><xml><E>abc</E></xml>") },
	{ "CDATA behind", BYTES("<xml><E>abc</E></xml><![CDATA[]]>") },
	{ "two roots", BYTES("<xml><E>abc</E></xml><xml></xml>") },
	{ "end tag before", BYTES("</xml><xml><E>abc</E></xml>") },
	{ "end tag behind", BYTES("<xml><E>abc</E></xml></xml>") },
	{ "second byte order mark", BYTES("\xEF\xBB\xBF\xEF\xBB\xBF<xml><E>a</E></xml>") },
	{ "never closed", BYTES("<xml><E>abc</E>") },
	{ "child never closed", BYTES("<xml><E>abc</xml>") },
	{ "crossed", BYTES("<xml><A><E>abc</A></E></xml>") },
	{ "closed by another", BYTES("<xml><E>abc</F></xml>") },
	{ "closed by a longer one", BYTES("<xml><E>abc</E><A></AA></xml>") },
	{ "root closed by a shorter one", BYTES("<xml><E>abc</E></xm>") },
	{ "closed by a shorter one", BYTES("<xml><E>abc</E><AA></A></xml>") },
	{ "closed in the other case", BYTES("<xml><E>abc</e></xml>") },
	{ "wrong nesting behind the child", BYTES("<xml><E>abc</E><A></B></xml>") },
	{ "attribute in an end tag", BYTES("<xml><E>abc</E a='1'></xml>") },
	{ "nameless tag", BYTES("<xml><E>abc</E><></></xml>") },
	{ "blank before the name", BYTES("<xml>< E>abc</E></xml>") },
	{ "blank before the name of an end", BYTES("<xml><E>abc</ E></xml>") },
	{ "lone <", BYTES("<xml><E>a<b</E></xml>") },
	{ "< in a tag", BYTES("<xml><E <A>abc</E></xml>") },
	{ "< in a quoted value", BYTES("<xml><E a='<'>abc</E></xml>") },
	{ "quote never closed", BYTES("<xml><E a='>abc</E></xml>") },
	{ "comment never closed", BYTES("<xml><E>abc</E><!-- </xml>") },
	{ "comment that ends at once", BYTES("<xml><E>abc</E><!--></xml>") },
	{ "CDATA never closed", BYTES("<xml><E><![CDATA[abc]]</E></xml>") },
	{ "cdata in small letters", BYTES("<xml><E><![cdata[abc]]></E></xml>") },
	{ "instruction never closed", BYTES("<xml><E>abc</E><?x ></xml>") },
	{ "unknown entity", BYTES("<xml><E>&foo;</E></xml>") },
	{ "entity in capitals", BYTES("<xml><E>&LT;</E></xml>") },
	{ "entity without ;", BYTES("<xml><E>&lt</E></xml>") },
	{ "& alone", BYTES("<xml><E>a & b</E></xml>") },
	{ "& at the end", BYTES("<xml><E>a&</E></xml>") },
	{ "&;", BYTES("<xml><E>&;</E></xml>") },
	{ "&#;", BYTES("<xml><E>&#;</E></xml>") },
	{ "&#x;", BYTES("<xml><E>&#x;</E></xml>") },
	{ "hex without x", BYTES("<xml><E>&#4A;</E></xml>") },
	{ "large X", BYTES("<xml><E>&#X41;</E></xml>") },
	{ "sign", BYTES("<xml><E>&#-65;</E></xml>") },
	{ "blank in a reference", BYTES("<xml><E>&# 65;</E></xml>") },
	{ "no hex digit", BYTES("<xml><E>&#x4G;</E></xml>") },
	{ "control bytes are no hex digits", BYTES("<xml><E>&#x\x14\x11;</E></xml>") },
	{ "NUL as reference", BYTES("<xml><E>&#0;</E></xml>") },
	{ "surrogate as reference", BYTES("<xml><E>&#xD800;</E></xml>") },
	{ "last surrogate", BYTES("<xml><E>&#57343;</E></xml>") },
	{ "beyond Unicode", BYTES("<xml><E>&#x110000;</E></xml>") },
	{ "wraps in 32 bits", BYTES("<xml><E>&#4294967361;</E></xml>") },
	{ "wraps in 64 bits", BYTES("<xml><E>&#18446744073709551681;</E></xml>") },
	{ "UTF-16", BYTES("\xFF\xFE<\0x\0m\0l\0>\0") },
};

static void
refused(void **state)
{
	struct guarded	 g;
	struct buf	 got = { 0 };
	size_t		 i;

	(void)state;
	guarded_init(&g, 512);
	for (i = 0; i < COUNT(refused_cases); i++) {
		buf_reset(&got);
		check_err(refused_cases[i].name, xml_scan_child(&got, guarded_slice(&g,
		    refused_cases[i].in), "E"),
		    ERR_XML);
	}
	guarded_fini(&g);
	buf_free(&got);
}

static const char *const	 envelopes[] = {
	"<xml>\n    <ToUserName><![CDATA[gh_7d0c41fa52e9]]></ToUserName>\n"
	"    <Encrypt><![CDATA[aGVsbG8gd29ybGQ=]]></Encrypt>\n</xml>",
	"\xEF\xBB\xBF<?xml version=\"1.0\" encoding='utf-8'?><!-- c -->\r\n<xml a=\">\">"
	"<A><B/></A><Encrypt t='1'>a&#x47;Vs&amp;bG8=</Encrypt><?pi x?></xml>",
};

/* A body that is cut anywhere is refused, and nothing behind the cut is read. */
static void
truncated(void **state)
{
	struct guarded	 g;
	struct buf	 got = { 0 };
	struct slice	 whole;
	char		 name[40];
	size_t		 i, len;

	(void)state;
	guarded_init(&g, 512);
	for (i = 0; i < COUNT(envelopes); i++) {
		whole = slice_of(envelopes[i]);
		for (len = 0; len <= whole.len; len++) {
			(void)snprintf(name, sizeof(name), "envelope %zu, first %zu", i, len);
			buf_reset(&got);
			check_err(name, xml_scan_child(&got, guarded_slice(&g,
			    (struct slice){ whole.p, len }), "Encrypt"),
			    len == whole.len ? ERR_OK : ERR_XML);
		}
	}
	guarded_fini(&g);
	buf_free(&got);
}

/* Any one byte becomes a special one: there is an answer, and no read out of bounds. */
static void
one_byte_changed(void **state)
{
	static const char	 put[] = "<>/!?&;#x[]-\"' \0E";
	struct guarded		 g;
	struct buf		 got = { 0 };
	struct slice		 whole;
	char			*copy, name[80];
	size_t			 i, at, k;
	enum error		 er;

	(void)state;
	guarded_init(&g, 512);
	for (i = 0; i < COUNT(envelopes); i++) {
		whole = slice_of(envelopes[i]);
		for (at = 0; at < whole.len; at++)
			for (k = 0; k < sizeof(put); k++) {
				(void)snprintf(name, sizeof(name),
				    "envelope %zu, byte %zu, put %zu", i, at, k);
				copy = guarded_put(&g, whole);
				copy[at] = put[k];
				buf_reset(&got);
				er = xml_scan_child(&got, (struct slice){ copy, whole.len },
				    "Encrypt");
				CHECK(name, er == ERR_OK || er == ERR_XML);
			}
	}
	guarded_fini(&g);
	buf_free(&got);
}

/* The sender chooses depth and width; neither may use up the stack. */
static void
deep_and_wide(void **state)
{
	static const struct {
		const char	*name, *open, *close;
		size_t		 times;
		enum error	 want;
	} cases[] = {
		{ "eight deep", "<a>", "</a>", 8, ERR_OK },
		{ "far too deep", "<a>", "</a>", 20000, ERR_XML },
		{ "wide", "<a></a>", "", 20000, ERR_OK },
		{ "wide and empty", "<a/>", "", 20000, ERR_OK },
		{ "many comments", "<!---->", "", 20000, ERR_OK },
		{ "many CDATA", "<![CDATA[]]>", "", 20000, ERR_OK },
		{ "many unclosed comments", "<!--", "", 20000, ERR_XML },
		{ "many unclosed CDATA", "<![CDATA[", "", 20000, ERR_XML },
		{ "many half ends", "]]", "", 20000, ERR_OK },
	};
	struct buf	 b = { 0 }, got = { 0 };
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		buf_reset(&got);
		assert_int_equal(buf_puts(&b, "<xml>"), ERR_OK);
		for (k = 0; k < cases[i].times; k++)
			assert_int_equal(buf_puts(&b, cases[i].open), ERR_OK);
		for (k = 0; k < cases[i].times; k++)
			assert_int_equal(buf_puts(&b, cases[i].close), ERR_OK);
		assert_int_equal(buf_puts(&b, "<E>abc</E></xml>"), ERR_OK);
		if (check_err(cases[i].name, xml_scan_child(&got, buf_slice(&b), "E"),
		    cases[i].want) && cases[i].want == ERR_OK)
			check_bytes(cases[i].name, buf_slice(&got), slice_of("abc"));
	}
	buf_free(&b);
	buf_free(&got);
}

static void
appends(void **state)
{
	struct slice	 body = slice_of("<xml><E>abc</E></xml>");
	struct buf	 got = { 0 };

	(void)state;
	unit_memory = 1;
	check_err("no memory", xml_scan_child(&got, body, "E"), ERR_NOMEM);
	assert_int_equal(buf_puts(&got, "kept:"), ERR_OK);
	check_err("appended", xml_scan_child(&got, body, "E"), ERR_OK);
	check_bytes("appended", buf_slice(&got), slice_of("kept:abc"));
	buf_free(&got);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(found), TEST(refused), TEST(truncated), TEST(one_byte_changed),
		TEST(deep_and_wide), TEST(appends),
	};

	return RUN("scan", tests);
}
