#include <string.h>

#include "tests/unit/unit.h"
#include "wechat/around.h"

#define TO	"<ToUserName><![CDATA[gh_1]]></ToUserName>"
#define REST	"<FromUserName><![CDATA[o1]]></FromUserName>\n<Content>a &amp; b</Content>"
#define XML	"<xml>" TO "\n" REST "</xml>"
#define ENC	"<Encrypt><![CDATA[QUJD]]></Encrypt>"

static const struct {
	const char	*name, *body;
	bool		 safe, compatible;	/* whether it agrees in these modes */
} cases[] = {
	{ "WeChat's in safe mode", "<xml>\n    " TO "\n    " ENC "\n</xml>\n", true, false },
	{ "the other way round", "<xml>" ENC TO "</xml>", true, false },
	{ "receiver without CDATA", "<xml><ToUserName>gh_1</ToUserName>" ENC "</xml>", true,
	    false },
	{ "byte order mark", "\xEF\xBB\xBF<xml>" TO ENC "</xml>", true, false },
	{ "no receiver", "<xml>" ENC "</xml>", false, false },
	{ "another receiver", "<xml><ToUserName>gh_2</ToUserName>" ENC "</xml>", false, false },
	{ "receiver twice", "<xml>" TO TO ENC "</xml>", false, false },
	{ "receiver with an attribute", "<xml><ToUserName a=\"b\">gh_1</ToUserName>" ENC "</xml>",
	    false, false },
	{ "receiver with a child", "<xml><ToUserName>gh_1<a/></ToUserName>" ENC "</xml>", false,
	    false },
	{ "empty receiver", "<xml><ToUserName/>" ENC "</xml>", false, false },
	{ "WeChat's in compatible mode", "<xml>" TO "\n" REST ENC "</xml>", true, true },
	{ "on lines", "<xml>" TO "\n" REST "\n" ENC "\n</xml>\n", true, true },
	{ "other blanks", "<xml>\n" TO REST ENC "</xml>", true, true },
	{ "Encrypt in front", "<xml>" ENC TO REST "</xml>", true, true },
	{ "another order", "<xml>" REST TO ENC "</xml>", false, false },
	{ "one is missing", "<xml>" TO "<Content>a &amp; b</Content>" ENC "</xml>", false, false },
	{ "one more", "<xml>" TO REST "<MsgId>1</MsgId>" ENC "</xml>", false, false },
	{ "one differs", "<xml>" TO "<FromUserName>o2</FromUserName><Content>a &amp; b</Content>"
	    ENC "</xml>", false, false },
	{ "no Encrypt", XML, false, false },
	{ "two", "<xml>" TO ENC ENC "</xml>", false, false },
	{ "two, all there", "<xml>" TO REST ENC ENC "</xml>", false, false },
	{ "an empty one", "<xml>" TO ENC "<Encrypt/></xml>", false, false },
	{ "Encrypt with an attribute", "<xml>" TO "<Encrypt a=''>QUJD</Encrypt></xml>", false,
	    false },
	{ "Encrypt with a comment", "<xml>" TO "<Encrypt>QU<!---->JD</Encrypt></xml>", false,
	    false },
	{ "Encrypt with a child", "<xml>" TO "<Encrypt>QUJD<a>b</a></Encrypt></xml>", false,
	    false },
	{ "the same, byte by byte", "<xml>" TO "\n" REST "<Encrypt>QUJD<a/></Encrypt></xml>",
	    false, false },
	{ "comment", "<xml>" TO "<!-- -->" ENC "</xml>", false, false },
	{ "comment before", "<!-- --><xml>" TO ENC "</xml>", false, false },
	{ "comment behind", "<xml>" TO ENC "</xml><!-- -->", false, false },
	{ "declaration", "<?xml version=\"1.0\"?><xml>" TO ENC "</xml>", false, false },
	{ "text", "<xml>" TO "x" ENC "</xml>", false, false },
	{ "CDATA", "<xml>" TO "<![CDATA[]]>" ENC "</xml>", false, false },
	{ "text behind", "<xml>" TO ENC "</xml>x", false, false },
	{ "attribute of the root", "<xml a='b'>" TO ENC "</xml>", false, false },
	{ "another root", "<xmI>" TO ENC "</xmI>", false, false },
	{ "names that do not match", "<xml><ToUserName>gh_1</ToUserNamf>" ENC "</xml>", false,
	    false },
	{ "empty", "", false, false },
	{ "cut", "<xml>" TO "<Encrypt><![CDATA[QU", false, false },
};

static void
agrees(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, around_agrees(SAFE, slice_of(cases[i].body),
		    slice_of(XML)), cases[i].safe);
		check_int(cases[i].name, around_agrees(COMPATIBLE, slice_of(cases[i].body),
		    slice_of(XML)), cases[i].compatible);
	}
}

/* A body that is cut short, or has another byte outside of what is signed, does not agree. */
static void
no_byte_goes_unseen(void **state)
{
	static const char	 body[] = "<xml>" TO "\n" REST ENC "</xml>";
	const char		*encrypt = strstr(body, "<![CDATA[QUJD]]>");
	char			 copy[sizeof(body)];
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(body) - 1; i++) {
		CHECK(body + i, !around_agrees(COMPATIBLE, (struct slice){ body, i },
		    slice_of(XML)));
		if (body[i] == '\n' || (body + i >= encrypt && body + i < encrypt + 16))
			continue;
		memcpy(copy, body, sizeof(body));
		copy[i] = 'x';
		if (copy[i] != body[i])
			CHECK(body + i, !around_agrees(COMPATIBLE, slice_of(copy),
			    slice_of(XML)));
	}
}

/* What users type may not be well-formed: then it must be the message byte by byte. */
static void
broken_text(void **state)
{
	static const char	 xml[] = "<xml>" TO "<Content><![CDATA[a]]>b</z>&]]></Content>\n</xml>";
	static const char	 body[] = "<xml>" TO "<Content><![CDATA[a]]>b</z>&]]></Content>\n"
				    ENC "\n</xml>";
	static const char	 other[] = "<xml>" TO "<Content><![CDATA[a]]>c</z>&]]></Content>\n"
				    ENC "\n</xml>";

	(void)state;
	CHECK("same", around_agrees(COMPATIBLE, slice_of(body), slice_of(xml)));
	CHECK("other", !around_agrees(COMPATIBLE, slice_of(other), slice_of(xml)));
	CHECK("safe", around_agrees(SAFE, slice_of("<xml>" TO ENC "</xml>"), slice_of(xml)));
}

/* What is decrypted has no ToUserName, or is no XML. */
static void
no_receiver(void **state)
{
	static const char *const xmls[] = { "<xml><Content>a</Content></xml>", "x", "", "<xml>" };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(xmls); i++) {
		CHECK(xmls[i], around_agrees(SAFE, slice_of("<xml>" ENC "</xml>"),
		    slice_of(xmls[i])));
		CHECK(xmls[i], around_agrees(SAFE, slice_of("<xml>" TO ENC "</xml>"),
		    slice_of(xmls[i])));
		CHECK(xmls[i], !around_agrees(SAFE, slice_of("<xml>" TO "<a/>" ENC "</xml>"),
		    slice_of(xmls[i])));
		CHECK(xmls[i], !around_agrees(SAFE, slice_of("<xml><ToUserName><a/></ToUserName>"
		    ENC "</xml>"), slice_of(xmls[i])));
	}
}

static void
writes(void **state)
{
	static const struct {
		const char	*name;
		enum account_mode mode;
		const char	*xml, *want;
	} rows[] = {
		{ "safe", SAFE, XML, "<xml>\n" TO "\n" ENC "\n</xml>" },
		{ "compatible", COMPATIBLE, XML, "<xml>" TO "\n" REST ENC "</xml>" },
		{ "compatible, blanks", COMPATIBLE, XML " \n", "<xml>" TO "\n" REST ENC "</xml>" },
		{ "no receiver", SAFE, "<xml><a>b</a></xml>", "<xml>\n" ENC "\n</xml>" },
		{ "receiver with an attribute", SAFE, "<xml><ToUserName a=''>b</ToUserName></xml>",
		    "<xml>\n" ENC "\n</xml>" },
		{ "no XML", COMPATIBLE, "hello", "<xml>\n" ENC "\n</xml>" },
		{ "empty", COMPATIBLE, "", "<xml>\n" ENC "\n</xml>" },
	};
	const struct slice	 body = slice_of("<xml a='b'><x>y</x>" ENC "<Encrypt>evil</Encrypt>"
				    "</xml>");
	struct buf		 out = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		check_err(rows[i].name, around_write(&out, rows[i].mode, body,
		    slice_of(rows[i].xml)), ERR_OK);
		check_bytes(rows[i].name, buf_slice(&out), slice_of(rows[i].want));
		CHECK(rows[i].name, around_agrees(SAFE, buf_slice(&out), slice_of(rows[i].xml)) ||
		    i == 4);
	}
	buf_free(&out);
}

static void
no_memory(void **state)
{
	const struct slice	 body = slice_of("<xml><x>y</x>" ENC "</xml>");
	struct buf		 out = { 0 };
	enum error		 er = ERR_NOMEM;
	unsigned		 n;

	(void)state;
	for (n = 1; n < 50 && er != ERR_OK; n++) {
		buf_free(&out);
		unit_memory = n;
		er = around_write(&out, COMPATIBLE, body, slice_of(XML));
		CHECK("write", er == ERR_OK || er == ERR_NOMEM);
		unit_memory = n;
		(void)around_agrees(SAFE, body, slice_of(XML));
	}
	unit_memory = 0;
	check_err("in the end", er, ERR_OK);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest	 t[] = {
		TEST(agrees), TEST(no_byte_goes_unseen), TEST(broken_text), TEST(no_receiver),
		TEST(writes), TEST(no_memory),
	};

	return RUN("around", t);
}
