#include <stdio.h>
#include <string.h>

#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"
#include "wechat/message.h"
#include "wechat/xml_repair.h"
#include "xmlmap.h"

#define REPORTS	"tests/vectors/reports"

#define HEAD	"<xml><FromUserName><![CDATA[oU]]></FromUserName><MsgType>text</MsgType>"
#define TAIL	"<MsgId>7</MsgId></xml>"
#define CONTENT(s)	BYTES(HEAD "<Content>" s "</Content>" TAIL)
#define TYPED(s)	CONTENT("<![CDATA[" s "]]>"), BYTES(s)
#define CDATA(s)	CONTENT("<![CDATA[" s "]]>")
#define FFFD	"\xEF\xBF\xBD"

#define CONTROL		"control character"
#define NOT_UTF8	"not UTF-8"
#define FORBIDDEN	"character that XML forbids"
#define REFERENCE	"reference to a character that XML forbids"
#define AMPERSAND	"& that begins no reference"
#define CDATA_END	"]]> within the text"

static struct xmlmap	*map;
static struct event	 ev;
static struct message	 message;

static int
begin_repair_test(void **state)
{
	map = xmlmap_new(NULL);
	return map == NULL ? -1 : unit_begin(state);
}

static int
end_repair_test(void **state)
{
	xmlmap_free(map);
	event_free(&ev);
	message_free(&message);
	return unit_end(state);
}

#define REPAIRTEST(f)	cmocka_unit_test_setup_teardown(f, begin_repair_test, end_repair_test)

static struct slice
value(const char *key)
{
	size_t	 i;

	for (i = 0; i < ev.nattr; i++)
		if (strcmp(ev.attr[i].key, key) == 0)
			return ev.attr[i].value;
	return (struct slice){ NULL, 0 };
}

/* The text counts as it was typed, and both readers of messages say the same of it. */
static void
check_repaired(const char *name, struct slice xml, struct slice content, const char *what)
{
	char	 why[80] = "";

	if (*what != '\0')
		(void)snprintf(why, sizeof(why), "repaired text: %s", what);
	if (!check_err(name, xmlmap_event(map, &ev, xml), ERR_OK))
		return;
	check_bytes(name, value("Content"), content);
	check_text(name, xmlmap_repaired(map), why);
	check_err(name, xmlmap_message(&message, xml), ERR_OK);
	check_text(name, message.why, "");
	CHECK(name, message.code == ev.message.code);
	check_bytes(name, message.user, ev.message.user);
	check_bytes(name, message.msgtype, ev.message.msgtype);
	check_bytes(name, message.msgid, value("MsgId"));
	check_int(name, message.time_s, ev.message.time_s);
}

static const struct {
	const char	*name;
	struct slice	 xml, content;
	const char	*what;
} typed_cases[] = {
	{ "nothing to repair", TYPED("a <b> & c; ]] > \x7F\xC2\x80\xF0\x9F\x98\x80"), "" },
	{ "split as XML wants it", CDATA("a]]]]><![CDATA[>b"), BYTES("a]]>b"), "" },
	{ "two sections", CDATA("a]]> <![CDATA[b"), BYTES("ab"), "" },

	{ "control character", CDATA(" \x1D" "c"), BYTES(" " FFFD "c"), CONTROL },
	{ "NUL", CDATA("a\0b"), BYTES("a" FFFD "b"), CONTROL },
	{ "all of them", CDATA("\x01\x02\x08\x0B\x0C\x0E\x1F"), BYTES(FFFD FFFD FFFD FFFD FFFD FFFD
	    FFFD), CONTROL },
	{ "without CDATA", CONTENT(" a\x02" "b "), BYTES("a" FFFD "b"), CONTROL },
	{ "in an attribute", CONTENT("a</Content><x y='\x01&\xFF'/><Content>"), BYTES("a"),
	    CONTROL },
	{ "in a comment", CONTENT("a<!-- \x01\xFF & -->b"), BYTES("ab"), CONTROL },

	{ "cut within a character", CDATA("\xE6\xB8\x85\xE6\x99"), BYTES("\xE6\xB8\x85" FFFD),
	    NOT_UTF8 },
	{ "overlong", CDATA("a\xC0\xAF\xE0\x80\xAF" "b"), BYTES("a" FFFD FFFD FFFD FFFD FFFD "b"),
	    NOT_UTF8 },
	{ "surrogates", CDATA("\xED\xA0\xBD\xED\xB8\x80"), BYTES(FFFD FFFD), NOT_UTF8 },
	{ "beyond Unicode", CDATA("\xF4\x90\x80\x80"), BYTES(FFFD FFFD FFFD FFFD), NOT_UTF8 },
	{ "GBK", CDATA("\xC4\xE3\xBA\xC3"), BYTES(FFFD FFFD FFFD), NOT_UTF8 },
	{ "GBK with a bracket as second byte", CDATA("\x81]"), BYTES(FFFD "]"), NOT_UTF8 },
	{ "U+FFFE and U+FFFF", CDATA("\xEF\xBF\xBE\xEF\xBF\xBF"), BYTES(FFFD FFFD), FORBIDDEN },

	{ "decimal reference", CONTENT("a&#29;b"), BYTES("a" FFFD "b"), REFERENCE },
	{ "hex references", CONTENT("&#x1F;&#0;&#xD800;&#xDFFF;&#xFFFE;&#xFFFF;&#x110000;"),
	    BYTES(FFFD FFFD FFFD FFFD FFFD FFFD FFFD), REFERENCE },
	{ "a very large reference", CONTENT("&#99999999999999999999;"), BYTES(FFFD), REFERENCE },
	{ "many zeros", CONTENT("&#000000000065;&#x0000000000042;"), BYTES("AB"), "" },
	{ "references in CDATA are text", CDATA("&#29;&nbsp;&"), BYTES("&#29;&nbsp;&"), "" },

	{ "lone &", CONTENT("a & b"), BYTES("a & b"), AMPERSAND },
	{ "unknown entity", CONTENT("a&nbsp;&LT;b"), BYTES("a&nbsp;&LT;b"), AMPERSAND },
	{ "& of an address", CONTENT("http://a/?b=1&c=2&lt=3"), BYTES("http://a/?b=1&c=2&lt=3"),
	    AMPERSAND },
	{ "no number", CONTENT("&#;&#x;&#4a;&#X41;&;&"), BYTES("&#;&#x;&#4a;&#X41;&;&"), AMPERSAND },
	{ "beside a good one", CONTENT("&amp;&&#65;"), BYTES("&&A"), AMPERSAND },

	{ "]]> typed", TYPED("a]]>b"), CDATA_END },
	{ "]]> first", TYPED("]]>b"), CDATA_END },
	{ "]]> last", TYPED("a]]>"), CDATA_END },
	{ "only ]]>", TYPED("]]>"), CDATA_END },
	{ "several", TYPED("]]>]]> ]]>\n]]>"), CDATA_END },
	{ "blanks behind", TYPED("a]]> \n"), CDATA_END },
	{ "a section typed", TYPED("x<![CDATA[y]]>z"), CDATA_END },
	{ "ends and sections", TYPED("a]]> & <![CDATA[b]]>c"), CDATA_END },
	{ "with a tag", TYPED("a]]><b>c"), CDATA_END },
	{ "with an open tag", TYPED("a]]><b"), CDATA_END },
	{ "with an empty tag", TYPED("a]]><b/>c"), CDATA_END },
	{ "with an end tag", TYPED("a]]></b>c"), CDATA_END },
	{ "with an open end tag", TYPED("a]]></b"), CDATA_END },
	{ "with quotes", TYPED("it]]> <a href='x"), CDATA_END },
	{ "with the end of the element", TYPED("a]]></Content>"), CDATA_END },
	{ "with an open comment", TYPED("a]]><!-- b"), CDATA_END },
	{ "with an instruction", TYPED("a]]><?php b"), CDATA_END },
	{ "with a document type", TYPED("a]]><!DOCTYPE b"), CDATA_END },
	{ "text behind the section", CONTENT("<![CDATA[a]]>b]]>c"), BYTES("a]]>bc"), CDATA_END },
	{ "without CDATA, ]]>", CONTENT("a]]>b"), BYTES("a]]>b"), CDATA_END },
	{ "]]> and a control character", CDATA("a]]>\x01&"), BYTES("a]]>" FFFD "&"), CDATA_END },
	{ "a comment beside it", CONTENT("<!-- ]]> --><![CDATA[a]]>b]]>"), BYTES("a]]>b"),
	    CDATA_END },
};

static void
typed(void **state)
{
	struct guarded	 g;
	size_t		 i;

	(void)state;
	guarded_init(&g, 1024);
	for (i = 0; i < COUNT(typed_cases); i++)
		check_repaired(typed_cases[i].name, guarded_slice(&g, typed_cases[i].xml),
		    typed_cases[i].content, typed_cases[i].what);
	guarded_fini(&g);
}

/* Other elements than Content: both readers of messages say the same, too. */
static void
elements(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 xml, user, event;
	} cases[] = {
		{ "user", BYTES("<xml><FromUserName>o\x01U\xFF</FromUserName></xml>"),
		    BYTES("o" FFFD "U" FFFD), { NULL, 0 } },
		{ "user with ]]>", BYTES("<xml><FromUserName><![CDATA[o]]>U]]></FromUserName></xml>"),
		    BYTES("o]]>U"), { NULL, 0 } },
		{ "user with &", BYTES("<xml><FromUserName>o&U&#1;</FromUserName></xml>"),
		    BYTES("o&U" FFFD), { NULL, 0 } },
		{ "event", BYTES("<xml><FromUserName>o</FromUserName><Event><![CDATA[a\x1D]]></Event>"
		    "</xml>"), BYTES("o"), BYTES("a" FFFD) },
		{ "event's key", BYTES("<xml><EventKey><![CDATA[a]]><b>]]></EventKey><Event>CLICK"
		    "</Event><FromUserName>o</FromUserName></xml>"), BYTES("o"), BYTES("CLICK") },
		{ "user by number", BYTES("<xml><FromUserName>&#x6f;&#000000000085;</FromUserName>"
		    "</xml>"), BYTES("oU"), { NULL, 0 } },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, xmlmap_event(map, &ev, cases[i].xml), ERR_OK);
		check_err(cases[i].name, message_read(&message, cases[i].xml), ERR_OK);
		check_text(cases[i].name, message.why, "");
		check_bytes(cases[i].name, message.user, cases[i].user);
		check_bytes(cases[i].name, ev.message.user, cases[i].user);
		check_bytes(cases[i].name, message.event, cases[i].event);
		check_bytes(cases[i].name, ev.message.event, cases[i].event);
	}
}

/* What is wrong in its structure stays so, and is not changed but in its texts. */
static void
structure(void **state)
{
	static const char *const texts[] = {
		"", "hello", "hello\x01", "{\"MsgType\":\"text\"}", "<xml>", "<xml><a></xml>",
		"<xml><a>b", "<xml><a><b></a></b></xml>", "<xml/><xml/>", "<xml></xml>x",
		"<xml>a < b</xml>", "<xml><a b></a></xml>", "<xml><a\x01></a\x01></xml>",
		"<xml><a><![CDATA[b</a></xml>", "<xml><a><!-- b</a></xml>", "<xml><!-- a -- b --></xml>",
		"<!DOCTYPE xml><xml>\x01</xml>", "<xml><!DOCTYPE a>]]></xml>",
		"<xml><a><![CDATA[b]]>c]]></xml>", "<xml><a><![CDATA[b]]></a></a></xml>",
		"<xml><a>\x01</a><b></xml>", "<xml><a><![CDATA[b]]></a>]]></b></xml>",
	};
	struct buf	 out = { 0 };
	const char	*what;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		check_err(texts[i], xml_repair(&out, &what, slice_of(texts[i])), ERR_OK);
		check_err(texts[i], xmlmap_event(map, &ev, slice_of(texts[i])), ERR_XML);
		CHECK(texts[i], *xmlmap_why(map) != '\0');
		check_text(texts[i], xmlmap_repaired(map), "");
	}
	buf_free(&out);
}

/* The messages that were reported. */
static void
reports(void **state)
{
	static const struct {
		const char	*file;
		struct slice	 content;
		const char	*what;
	} cases[] = {
		{ "ctl-1d.xml", BYTES(" " FFFD "c"), CONTROL },
		{ "utf8-cut.xml", BYTES("\xE6\xB8\x85" FFFD), NOT_UTF8 },
		{ "cdata-end-in-text.xml", BYTES("a]]>b"), CDATA_END },
	};
	struct buf	 xml = { 0 };
	char		 path[128];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(path, sizeof(path), REPORTS "/%s", cases[i].file);
		assert_int_equal(buf_read_file(&xml, path, 1 << 20), 0);
		check_repaired(cases[i].file, buf_slice(&xml), cases[i].content, cases[i].what);
	}
	buf_free(&xml);
}

/* A sender chooses how often something must be repaired: it takes linear time and memory. */
static void
much_to_repair(void **state)
{
	static const struct {
		const char	*before, *part, *after;
		size_t		 times;
		enum error	 want;
	} cases[] = {
		{ HEAD "<Content><![CDATA[", "]]>", "]]></Content></xml>", 20000, ERR_OK },
		{ HEAD "<Content><![CDATA[", "\x01", "]]></Content></xml>", 60000, ERR_OK },
		{ HEAD "<Content>", "&", "</Content></xml>", 60000, ERR_OK },
		{ HEAD, "<a><![CDATA[a]]>b]]></a>", "</xml>", 900, ERR_OK },
		{ HEAD, "<a><![CDATA[a]]>b]]>", "</xml>", 3000, ERR_XML },
		{ HEAD, "<a><![CDATA[a]]>b]]>c</a>", "</xml>", 3000, ERR_XML },
		{ HEAD "<a>", "<![CDATA[]]>", "\x01</a></xml>", 3000, ERR_OK },
		{ HEAD "<a>", "<![CDATA[]]><b>", "\x01</a></xml>", 3000, ERR_XML },
	};
	struct buf	 b = { 0 }, out = { 0 };
	const char	*what;
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		assert_int_equal(buf_puts(&b, cases[i].before), ERR_OK);
		for (k = 0; k < cases[i].times; k++)
			assert_int_equal(buf_puts(&b, cases[i].part), ERR_OK);
		assert_int_equal(buf_puts(&b, cases[i].after), ERR_OK);
		check_err(cases[i].part, xml_repair(&out, &what, buf_slice(&b)), ERR_OK);
		CHECK(cases[i].part, out.len <= 5 * b.len);
		check_err(cases[i].part, xmlmap_event(map, &ev, buf_slice(&b)), cases[i].want);
	}
	buf_free(&b);
	buf_free(&out);
}

/* A character that is not clean is found at every place of a text of every length. */
static void
clean(void **state)
{
	static const char *const bad[] = { "\x1F", "\xFF", "\xE6\x99", "\xEF\xBF\xBE" };
	char	 text[100];
	size_t	 len, i, k;
	bool	 found = true, passed = true;

	(void)state;
	for (k = 0; k < COUNT(bad); k++)
		for (len = strlen(bad[k]); len < sizeof(text); len++)
			for (i = 0; i + strlen(bad[k]) <= len; i++) {
				memset(text, '\t', len);
				passed &= xml_repair_is_clean((struct slice){ text, len });
				memcpy(text + i, bad[k], strlen(bad[k]));
				found &= !xml_repair_is_clean((struct slice){ text, len });
			}
	CHECK("each is found", found);
	CHECK("clean texts pass", passed);
	CHECK("nothing", xml_repair_is_clean(slice_of("")));
	CHECK("Chinese", xml_repair_is_clean(slice_of("\xE6\xB8\x85\xF0\x9F\x98\x80\x7F\xC2\x80")));
}

static void
without_memory(void **state)
{
	struct buf	 out = { 0 };
	const char	*what;

	(void)state;
	unit_memory = 1;
	check_err("no memory", xml_repair(&out, &what, slice_of("<xml>\x01</xml>")), ERR_NOMEM);
	unit_memory = 0;
	check_err("again", xml_repair(&out, &what, slice_of("<xml>\x01</xml>")), ERR_OK);
	check_bytes("again", buf_slice(&out), slice_of("<xml>" FFFD "</xml>"));
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		REPAIRTEST(typed), REPAIRTEST(elements), REPAIRTEST(structure),
		REPAIRTEST(reports), REPAIRTEST(much_to_repair), REPAIRTEST(clean),
		REPAIRTEST(without_memory),
	};

	return RUN("xml_repair", tests);
}
