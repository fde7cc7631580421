#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/unit/unit.h"
#include "wechat/xml_sanitize.h"
#include "xmlmap.h"

#define CASES	"tests/cases"

#define HEAD	"<xml><FromUserName>u</FromUserName><CreateTime>1712000001</CreateTime>"
#define TEXT	HEAD "<MsgType>text</MsgType>"
#define EVENT(e) HEAD "<MsgType>event</MsgType><Event>" e "</Event>"

static struct xmlmap	*map;
static struct event	 ev;

static int
begin_xmlmap_test(void **state)
{
	map = xmlmap_new(NULL);
	return map == NULL ? -1 : unit_begin(state);
}

static int
end_xmlmap_test(void **state)
{
	xmlmap_free(map);
	event_free(&ev);
	return unit_end(state);
}

#define MAPTEST(f)	cmocka_unit_test_setup_teardown(f, begin_xmlmap_test, end_xmlmap_test)

/* The value of a key, as text; absent if the key is not there. */
static struct slice
value(const char *key)
{
	size_t	 i;

	for (i = 0; i < ev.nattr; i++)
		if (strcmp(ev.attr[i].key, key) == 0)
			return ev.attr[i].value;
	return (struct slice){ NULL, 0 };
}

/*
 * The samples: each gives its expected.json, with every layout of the XML.
 */

/* The keys are the same; numbers are compared by value, strings exactly. */
static bool
same_value(const json_t *got, const json_t *want)
{
	if (json_is_number(got) && json_is_number(want))
		return !(json_number_value(got) < json_number_value(want)) &&
		    !(json_number_value(got) > json_number_value(want));
	return json_equal(got, want);
}

static bool
same_attributes(const json_t *got, const json_t *want)
{
	const char	*key;
	json_t		*v;

	if (!json_is_object(got) || json_object_size(got) != json_object_size(want))
		return false;
	json_object_foreach((json_t *)want, key, v)
		if (!same_value(json_object_get(got, key), v))
			return false;
	return true;
}

static void
check_sample(const char *name, struct slice xml, const json_t *want)
{
	struct buf	 out = { .p = NULL };
	json_t		*got;

	if (check_err(name, xmlmap_event(map, &ev, xml), ERR_OK) &&
	    check_err(name, event_json(&out, &ev), ERR_OK)) {
		got = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);
		if (!CHECK(name, got != NULL) ||
		    !CHECK(name, json_equal(json_object_get(got, "event_code"),
		    json_object_get(want, "event_code"))) ||
		    !CHECK(name, same_attributes(json_object_get(got, "attributes"),
		    json_object_get(want, "attributes"))))
			print_error("  %.*s\n", (int)out.len, out.p);
		json_decref(got);
	}
	CHECK(name, !xmlmap_more(map));
	buf_free(&out);
}

/* Calls fn with each sample. */
static void
each_sample(void (*fn)(const char *name, struct slice xml, const json_t *want))
{
	struct dirent	*e;
	struct buf	 xml = { .p = NULL };
	json_t		*want;
	char		 path[512], *dot;
	size_t		 n = 0;
	DIR		*d;

	if ((d = opendir(CASES)) == NULL)
		fail_msg(CASES ": not readable from here");
	while ((e = readdir(d)) != NULL) {
		if ((dot = strrchr(e->d_name, '.')) == NULL || strcmp(dot, ".xml") != 0)
			continue;
		(void)snprintf(path, sizeof(path), CASES "/%s", e->d_name);
		assert_int_equal(buf_read_file(&xml, path, XML_SIZE_MAX), 0);
		*dot = '\0';
		(void)snprintf(path, sizeof(path), CASES "/%s.expected.json", e->d_name);
		want = json_load_file(path, 0, NULL);
		if (CHECK(e->d_name, want != NULL))
			fn(e->d_name, buf_slice(&xml), want);
		json_decref(want);
		n++;
	}
	(void)closedir(d);
	buf_free(&xml);
	CHECK(CASES, n >= 70);
}

static void
samples(void **state)
{
	(void)state;
	each_sample(check_sample);
}

/* The end of the tag, CDATA section, instruction or text that begins at p. */
static const char *
behind(const char *p, const char *end)
{
	const char	*q;

	if (*p != '<')
		return (q = memchr(p, '<', (size_t)(end - p))) == NULL ? end : q;
	if (end - p > 9 && memcmp(p, "<![CDATA[", 9) == 0) {
		while (memcmp(p, "]]>", 3) != 0)
			p++;
		return p + 3;
	}
	return (const char *)memchr(p, '>', (size_t)(end - p)) + 1;
}

static bool
is_tag(const char *p, bool open)
{
	return p[0] == '<' && p[1] != '!' && p[1] != '?' && (p[1] != '/') == open;
}

/* Inserts `what` before each start tag and behind each end tag. */
static void
between(struct buf *out, struct slice xml, const char *what)
{
	const char	*p, *q, *end = xml.p + xml.len;
	int		 depth = 0;

	buf_reset(out);
	for (p = xml.p; p != end; p = q) {
		q = behind(p, end);
		if (is_tag(p, true) && depth++ != 0)
			(void)buf_puts(out, what);
		(void)buf_put(out, p, (size_t)(q - p));
		if (is_tag(p, false) || (is_tag(p, true) && q[-2] == '/')) {
			if (--depth != 0)
				(void)buf_puts(out, what);
		}
	}
}

static const char *
element_end(const char *p, const char *end)
{
	const char	*q;
	int		 depth = 0;

	do {
		q = behind(p, end);
		if (is_tag(p, true) && q[-2] != '/')
			depth++;
		else if (is_tag(p, false))
			depth--;
		p = q;
	} while (depth != 0);
	return q;
}

static struct slice
tag_name(const char *p)
{
	return (struct slice){ p + 1, strcspn(p + 1, " />") };
}

/* Reverses the elements of this level.  False: a name repeats, so the order counts. */
static bool
reverse(struct buf *out, const char *p, const char *end)
{
	struct slice	 el[64];
	size_t		 n = 0, i;
	const char	*q;

	for (; p != end; p = q) {
		q = is_tag(p, true) ? element_end(p, end) : behind(p, end);
		if (!is_tag(p, true))
			continue;
		for (i = 0; i < n; i++)
			if (tag_name(el[i].p).len == tag_name(p).len &&
			    memcmp(el[i].p, p, tag_name(p).len + 1) == 0)
				return false;
		assert_true(n < COUNT(el));
		el[n++] = (struct slice){ p, (size_t)(q - p) };
	}
	if (n == 0)
		return false;
	while (n-- != 0) {
		p = behind(el[n].p, end);
		for (q = el[n].p + el[n].len - 1; *q != '<'; q--)
			;
		(void)buf_put(out, el[n].p, (size_t)(p - el[n].p));
		if (q > p && !reverse(out, p, q))
			(void)buf_put(out, p, (size_t)(q - p));
		if (q >= p)
			(void)buf_put(out, q, (size_t)(el[n].p + el[n].len - q));
	}
	return true;
}

static void
check_layouts(const char *name, struct slice xml, const json_t *want)
{
	static const struct {
		const char	*name, *what;
	} layouts[] = {
		{ "pretty-printed", "\n\t\t" },
		{ "pretty-printed with CR LF", "\r\n  " },
		{ "comments", "<!-- <Event>no</Event> ]]> -->" },
		{ "empty comments", "<!---->" },
		{ "instructions", "<?x <Event>no</Event>?>" },
		{ "unknown elements", "<Unknown><Event>no</Event><MsgType/></Unknown>" },
		{ "comments and blanks", " <!--a--> <!--b--> " },
	};
	struct buf	 b = { .p = NULL };
	char		 label[160];
	const char	*root = xml.p;
	size_t		 i;

	for (i = 0; i < COUNT(layouts); i++) {
		(void)snprintf(label, sizeof(label), "%s, %s", name, layouts[i].name);
		between(&b, xml, layouts[i].what);
		CHECK(label, b.len > xml.len);
		check_sample(label, buf_slice(&b), want);
	}
	while (memcmp(root, "<xml>", 5) != 0)
		root++;
	buf_reset(&b);
	(void)buf_puts(&b, "<xml>");
	CHECK(name, reverse(&b, root + 5, xml.p + xml.len - 6));
	(void)buf_puts(&b, "</xml>");
	(void)snprintf(label, sizeof(label), "%s, reversed", name);
	CHECK(label, buf_slice(&b).len > 6 && memcmp(b.p, xml.p, b.len) != 0);
	check_sample(label, buf_slice(&b), want);
	buf_free(&b);
}

static void
check_line_ends(const char *name, struct slice xml, const json_t *want)
{
	static const char *const ends[] = { "\r\n", "\r" };
	struct buf	 b = { .p = NULL };
	char		 label[160];
	size_t		 i, k;

	for (k = 0; k < COUNT(ends); k++) {
		buf_reset(&b);
		for (i = 0; i < xml.len; i++)
			if (xml.p[i] == '\n')
				(void)buf_puts(&b, ends[k]);
			else
				(void)buf_putc(&b, xml.p[i]);
		(void)snprintf(label, sizeof(label), "%s, line ends %zu", name, k);
		check_sample(label, buf_slice(&b), want);
	}
	buf_reset(&b);
	(void)buf_puts(&b, "\xEF\xBB\xBF");
	if (memcmp(xml.p, "<?xml", 5) != 0)
		(void)buf_puts(&b, "<?xml version='1.0' encoding='utf-8'?>\r\n<!--a-->");
	(void)buf_put(&b, xml.p, xml.len);
	(void)buf_puts(&b, "\r\n<?end?>\n<!-- > -->\n");
	(void)snprintf(label, sizeof(label), "%s, with a prologue", name);
	check_sample(label, buf_slice(&b), want);
	buf_free(&b);
}

static void
sample_layouts(void **state)
{
	(void)state;
	each_sample(check_layouts);
}

static void
sample_line_ends(void **state)
{
	(void)state;
	each_sample(check_line_ends);
}

/*
 * One value: its XML, and the result.  want NULL: there is no such key.
 */

struct one {
	const char	*name, *xml, *key, *want;
};

static void
check_one(const struct one *c)
{
	if (check_err(c->name, xmlmap_event(map, &ev, slice_of(c->xml)), ERR_OK))
		check_bytes(c->name, value(c->key), slice_of(c->want));
}

#define CONTENT(s)	TEXT "<Content>" s "</Content></xml>", "Content"

static const struct one	 texts_cases[] = {
	{ "plain", CONTENT("abc"), "abc" },
	{ "trimmed", CONTENT(" \r\n\t a b \n "), "a b" },
	{ "nothing but blanks", CONTENT(" \n "), "" },
	{ "empty", CONTENT(""), "" },
	{ "empty element", TEXT "<Content/></xml>", "Content", "" },
	{ "empty element, blank", TEXT "<Content /></xml>", "Content", "" },
	{ "absent", TEXT "</xml>", "Content", NULL },
	{ "CDATA", CONTENT("<![CDATA[a<b>&amp;]]>"), "a<b>&amp;" },
	{ "CDATA is not trimmed", CONTENT("<![CDATA[ a ]]>"), " a " },
	{ "blanks around CDATA", CONTENT("\n <![CDATA[ a ]]>\r\n"), " a " },
	{ "blank CDATA", CONTENT("<![CDATA[ ]]>"), " " },
	{ "empty CDATA", CONTENT(" <![CDATA[]]> "), "" },
	{ "pieces", CONTENT("<![CDATA[a]]]]><![CDATA[>b]]>"), "a]]>b" },
	{ "blanks between pieces", CONTENT("<![CDATA[a]]>\n<![CDATA[ b]]>"), "a b" },
	{ "text beside CDATA is not trimmed", CONTENT(" x <![CDATA[y]]> z "), " x y z " },
	{ "brackets", CONTENT("<![CDATA[]]]]]]><![CDATA[>[[]]>"), "]]]]>[[" },
	{ "five entities", CONTENT("&lt;&gt;&amp;&quot;&apos;"), "<>&\"'" },
	{ "entity of an entity", CONTENT("&amp;lt;"), "&lt;" },
	{ "decimal reference", CONTENT("&#20320;&#65;"), "\xE4\xBD\xA0" "A" },
	{ "hex reference", CONTENT("&#x4F60;&#x1f600;&#x0041;"),
	    "\xE4\xBD\xA0\xF0\x9F\x98\x80" "A" },
	{ "last character", CONTENT("&#x10FFFF;"), "\xF4\x8F\xBF\xBF" },
	{ "references keep CR", CONTENT("a&#13;&#10;b"), "a\r\nb" },
	{ "blank by reference beside CDATA", CONTENT("&#32;<![CDATA[a]]>&#xA;&#13;&#9;"),
	    "a" },
	{ "blanks by reference", CONTENT("&#32;a&#32;b&#10;"), "a b" },
	{ "CR LF becomes LF", CONTENT("a\r\nb\rc\n\r\rd"), "a\nb\nc\n\n\nd" },
	{ "CR LF in CDATA", CONTENT("<![CDATA[\r\na\r\r\n]]>"), "\na\n\n" },
	{ "comment does not part", CONTENT("a<!-- x --> b"), "a b" },
	{ "comment beside CDATA", CONTENT("<!-- x --><![CDATA[ a]]><!---->"), " a" },
	{ "instruction does not part", CONTENT("a<?x y?>b"), "ab" },
	{ "comment of dashes", CONTENT("a<!-- - - -->b"), "ab" },
	{ "comment with markup", CONTENT("a<!-- <b> & ]]> <![CDATA[ -->b"), "ab" },
	{ "instruction with >", CONTENT("a<?x > -->?>b"), "ab" },
	{ "> and ] in text", CONTENT("a>b]c]] >d"), "a>b]c]] >d" },
	{ "]]&gt; in text", CONTENT("]]&gt;"), "]]>" },
	{ "U+FEFF within text", CONTENT("a\xEF\xBB\xBF" "b"), "a\xEF\xBB\xBF" "b" },
	{ "U+FEFF in CDATA", CONTENT("<![CDATA[\xEF\xBB\xBF ]]>"), "\xEF\xBB\xBF " },
	{ "DEL and C1", CONTENT("\x7F\xC2\x80"), "\x7F\xC2\x80" },
	{ "children are not text", CONTENT("a<b>x</b>c"), "ac" },
	{ "attributes", TEXT "<Content a='>' b = \"/>'\"\n c='&lt;'>x</Content\n></xml>",
	    "Content", "x" },
	{ "32 attributes", TEXT "<Content a='' b='' c='' d='' e='' f='' "
	    "g='' h='' i='' j='' k='' l='' m='' n='' o='' p='' q='' r='' s='' t='' u='' "
	    "v='' w='' x='' y='' z='' A='' B='' C='' D='' E='' F=''>x</Content></xml>",
	    "Content", "x" },
	{ "letters beyond ASCII in names", TEXT "<\xE4\xBD\xA0 \xE4\xBD\xA0=''/>"
	    "<Content>x</Content></xml>", "Content", "x" },
	{ "the first counts", CONTENT("a</Content><Content>b"), "a" },
	{ "the first counts though empty", CONTENT("</Content><Content>b"), "" },
	{ "nested does not count", TEXT "<x><Content>no</Content></x></xml>", "Content",
	    NULL },
	{ "names are exact", TEXT "<content>a</content><Content1>b</Content1>"
	    "<Conten>c</Conten></xml>", "Content", NULL },
	{ "a comment is no element", TEXT "<!--Content--><!--Content>x</Content--></xml>",
	    "Content", NULL },
};

static void
texts(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(texts_cases); i++)
		check_one(&texts_cases[i]);
}

static void
numbers(void **state)
{
	static const struct {
		const char	*text, *want;
	} cases[] = {
		{ "0", "0" }, { "-0", "-0" }, { "16", "16" }, { "113.352425", "113.352425" },
		{ "-1.50", "-1.50" }, { "1e5", "1e5" }, { "1E+5", "1E+5" },
		{ "1.0e-05", "1.0e-05" }, { " 7\n", "7" }, { "<![CDATA[ 7 ]]>", "7" },
		{ "0.0", "0.0" },
		{ "12345678901234567890123", "12345678901234567890123" },
		{ "", NULL }, { " ", NULL }, { "+5", NULL }, { "016", NULL }, { "-016", NULL },
		{ "00", NULL }, { ".5", NULL }, { "5.", NULL }, { "-", NULL }, { "--1", NULL },
		{ "1e", NULL }, { "1e+", NULL }, { "e5", NULL }, { "1.e5", NULL }, { "0x10", NULL },
		{ "N/A", NULL }, { "1,5", NULL }, { "1 2", NULL }, { "inf", NULL }, { "nan", NULL },
		{ "1.5.5", NULL }, { "1e5e5", NULL }, { "1e5.5", NULL }, { "\xEF\xBC\x95", NULL },
	};
	struct buf	 b = { .p = NULL };
	size_t		 i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		(void)buf_printf(&b, EVENT("LOCATION") "<Precision>%s</Precision></xml>",
		    cases[i].text);
		if (!check_err(cases[i].text, xmlmap_event(map, &ev, buf_slice(&b)), ERR_OK))
			continue;
		check_bytes(cases[i].text, value("Precision"), slice_of(cases[i].want));
		for (n = 0; n < ev.nattr; n++)
			check_int(cases[i].text, ev.attr[n].type,
			    strcmp(ev.attr[n].key, "Precision") == 0 ? EVENT_NUMBER : EVENT_STRING);
	}
	buf_free(&b);
}

#define SENT(s)		EVENT("subscribe_msg_sent_event") "<SubscribeMsgSentEvent>" s \
			"</SubscribeMsgSentEvent></xml>"
#define MASS(s)		EVENT("MASSSENDJOBFINISH") s "</xml>"
#define COPYRIGHT(s)	"<CopyrightCheckResult><ResultList>" s "</ResultList>" \
			"</CopyrightCheckResult>"
#define ARTICLE(s)	"<ArticleUrlResult><ResultList>" s "</ResultList></ArticleUrlResult>"

static const struct one	 lists_cases[] = {
	{ "one", SENT("<List><MsgID>1</MsgID></List>"), "MsgID", "1" },
	{ "three", SENT("<List><MsgID>1</MsgID></List><List><MsgID>2</MsgID></List>"
	    "<List><MsgID>3</MsgID></List>"), "MsgID", "1,2,3" },
	{ "an empty place", SENT("<List><MsgID>1</MsgID></List><List/>"
	    "<List><MsgID>3</MsgID></List>"), "MsgID", "1,,3" },
	{ "empty places at the ends", SENT("<List/><List><MsgID>2</MsgID></List><List/>"),
	    "MsgID", ",2," },
	{ "an empty value", SENT("<List><MsgID/></List>"), "MsgID", "" },
	{ "no item has it", SENT("<List><ErrorCode>1</ErrorCode></List><List/>"), "MsgID",
	    NULL },
	{ "no items", SENT(""), "MsgID", NULL },
	{ "commas stay", SENT("<List><ErrorStatus>a,b</ErrorStatus></List>"
	    "<List><ErrorStatus>c</ErrorStatus></List>"), "ErrorStatus", "a,b,c" },
	{ "of an item the first", SENT("<List><MsgID>1</MsgID><MsgID>2</MsgID></List>"),
	    "MsgID", "1" },
	{ "direct children of an item", SENT("<List><x><MsgID>1</MsgID></x></List>"),
	    "MsgID", NULL },
	{ "items of another name between", SENT("<List><MsgID>1</MsgID></List><list/>x"
	    "<List><MsgID>2</MsgID></List>"), "MsgID", "1,2" },
	{ "another's container", EVENT("subscribe_msg_sent_event") "<SubscribeMsgChange"
	    "Event><List><MsgID>1</MsgID></List></SubscribeMsgChangeEvent></xml>", "MsgID",
	    "1" },
	{ "popup before change", EVENT("subscribe_msg_sent_event") "<SubscribeMsgChange"
	    "Event><List><MsgID>1</MsgID></List></SubscribeMsgChangeEvent><SubscribeMsg"
	    "PopupEvent><List><MsgID>2</MsgID></List></SubscribeMsgPopupEvent></xml>",
	    "MsgID", "2" },
	{ "its own container though empty", EVENT("subscribe_msg_sent_event")
	    "<SubscribeMsgPopupEvent><List><MsgID>1</MsgID></List></SubscribeMsgPopupEvent>"
	    "<SubscribeMsgSentEvent/></xml>", "MsgID", NULL },
	{ "ArticleIdx of the copyright list", MASS(ARTICLE("<item><ArticleIdx>3"
	    "</ArticleIdx></item>") COPYRIGHT("<item><ArticleIdx>1</ArticleIdx></item>"
	    "<item/>")),
	    "ArticleIdx", "1," },
	{ "ArticleIdx of the articles", MASS(COPYRIGHT("") ARTICLE("<item><ArticleIdx>3"
	    "</ArticleIdx></item>")), "ArticleIdx", "3" },
	{ "a copyright item without it", MASS(COPYRIGHT("<item/>") ARTICLE("<item>"
	    "<ArticleIdx>3</ArticleIdx></item>")), "ArticleIdx", NULL },
	{ "ArticleUrl", MASS(ARTICLE("<item><ArticleUrl>a</ArticleUrl></item><item>"
	    "<ArticleUrl>b</ArticleUrl></item>")), "ArticleUrl", "a,b" },
	{ "fail_idx", EVENT("PUBLISHJOBFINISH") "<PublishEventInfo><fail_idx>1</fail_idx>"
	    "<publish_id>9</publish_id><fail_idx/><fail_idx>3</fail_idx></PublishEventInfo>"
	    "</xml>", "fail_idx", "1,,3" },
};

static void
lists(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(lists_cases); i++)
		check_one(&lists_cases[i]);
}

#define CLICKED(s)	EVENT("CLICK") s "</xml>"

static void
objects(void **state)
{
	static const struct one	 cases[] = {
		{ "scan", CLICKED("<ScanCodeInfo><ScanResult>b</ScanResult><ScanType>a</ScanType>"
		    "</ScanCodeInfo>"), "ScanCodeInfo",
		    "{\"ScanType\":\"a\",\"ScanResult\":\"b\"}" },
		{ "empty", CLICKED("<ScanCodeInfo/>"), "ScanCodeInfo", "{}" },
		{ "absent", CLICKED(""), "ScanCodeInfo", NULL },
		{ "unknown elements", CLICKED("<ScanCodeInfo><x>1</x><ScanType/></ScanCodeInfo>"),
		    "ScanCodeInfo", "{\"ScanType\":\"\"}" },
		{ "escapes", CLICKED("<ScanCodeInfo><ScanResult><![CDATA[\"\\/\n\t]]>&#13;&lt;"
		    "\x7F\xE2\x80\xA8\xF0\x9F\x98\x80</ScanResult></ScanCodeInfo>"), "ScanCodeInfo",
		    "{\"ScanResult\":\"\\\"\\\\/\\n\\t\\u000d<\x7F\xE2\x80\xA8\xF0\x9F\x98\x80"
		    "\"}" },
		{ "pictures", CLICKED("<SendPicsInfo><PicList><item><PicMd5Sum>a</PicMd5Sum></item>"
		    "<item/></PicList><Count>2</Count></SendPicsInfo>"), "SendPicsInfo",
		    "{\"Count\":\"2\",\"PicList\":[{\"PicMd5Sum\":\"a\"},{}]}" },
		{ "no pictures", CLICKED("<SendPicsInfo><PicList></PicList></SendPicsInfo>"),
		    "SendPicsInfo", "{\"PicList\":[]}" },
		{ "two lists of pictures", CLICKED("<SendPicsInfo><PicList/><Count>1</Count>"
		    "<PicList><item><PicMd5Sum>a</PicMd5Sum></item></PicList><PicList><item>"
		    "<PicMd5Sum>b</PicMd5Sum></item></PicList></SendPicsInfo>"), "SendPicsInfo",
		    "{\"Count\":\"1\",\"PicList\":[{\"PicMd5Sum\":\"a\"},{\"PicMd5Sum\":\"b\"}]}" },
		{ "location", CLICKED("<SendLocationInfo><Poiname/><Scale>15</Scale>"
		    "</SendLocationInfo>"), "SendLocationInfo",
		    "{\"Scale\":\"15\",\"Poiname\":\"\"}" },
		{ "text of X is a string", CLICKED("<SendLocationInfo><Location_X>1.0</Location_X>"
		    "</SendLocationInfo>"), "Location_X", "1.0" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_one(&cases[i]);
}

static void
choices(void **state)
{
	static const struct one	 cases[] = {
		{ "MenuId before MenuID", CLICKED("<MenuID>1</MenuID><MenuId>2</MenuId>"), "MenuID",
		    "2" },
		{ "MenuID alone", CLICKED("<MenuID>1</MenuID>"), "MenuID", "1" },
		{ "MsgID of a template", EVENT("TEMPLATESENDJOBFINISH") "<MsgId>1</MsgId><MsgID>2"
		    "</MsgID></xml>", "MsgID", "2" },
		{ "MsgId of a template", EVENT("TEMPLATESENDJOBFINISH") "<MsgId>1</MsgId></xml>",
		    "MsgID", "1" },
		{ "MsgID of a message", TEXT "<MsgID>2</MsgID></xml>", "MsgId", "2" },
		{ "an id keeps its digits", TEXT "<MsgId>18446744073709551615</MsgId></xml>",
		    "MsgId", "18446744073709551615" },
		{ "no scan", EVENT("subscribe") "</xml>", "is_scan", "false" },
		{ "scan by prefix", EVENT("subscribe") "<EventKey>qrscene_1</EventKey></xml>",
		    "is_scan", "true" },
		{ "the prefix alone", EVENT("subscribe") "<EventKey>qrscene_</EventKey></xml>",
		    "is_scan", "true" },
		{ "prefix elsewhere", EVENT("subscribe") "<EventKey>xqrscene_1</EventKey></xml>",
		    "is_scan", "false" },
		{ "prefix cut short", EVENT("subscribe") "<EventKey>qrscene</EventKey></xml>",
		    "is_scan", "false" },
		{ "scan by ticket", EVENT("subscribe") "<Ticket>t</Ticket></xml>", "is_scan",
		    "true" },
		{ "empty ticket", EVENT("subscribe") "<Ticket/></xml>", "is_scan", "false" },
		{ "the prefix stays", EVENT("subscribe") "<EventKey>qrscene_1</EventKey></xml>",
		    "EventKey", "qrscene_1" },
		{ "the spelling stays", EVENT("cLiCk") "</xml>", "Event", "cLiCk" },
		{ "blanks in CDATA stay", HEAD "<MsgType><![CDATA[ Event ]]></MsgType>"
		    "<Event><![CDATA[ view ]]></Event></xml>", "Event", " view " },
		{ "article", EVENT("FreePublishJobFinish") "<PublishEventInfo><article_detail>"
		    "<item><article_url>a</article_url></item></article_detail></PublishEventInfo>"
		    "</xml>", "article_URL", "a" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_one(&cases[i]);
}

static const struct {
	const char	*name, *xml, *code, *msgtype, *event, *user;
	int64_t		 time_s;
} heads_cases[] = {
	{ "message", TEXT "</xml>", "$$_receive_msg", "text", NULL, "u", 1712000001 },
	{ "event", EVENT("unsubscribe") "</xml>", "$$_official_account_unfollow", "event",
	    "unsubscribe", "u", 1712000001 },
	{ "no row for the event", EVENT("kf_create_session") "</xml>", NULL, "event",
	    "kf_create_session", "u", 1712000001 },
	{ "no row for the type", HEAD "<MsgType>file</MsgType></xml>", NULL, "file", NULL,
	    "u", 1712000001 },
	{ "an event's name is no type", HEAD "<MsgType>CLICK</MsgType></xml>", NULL,
	    "CLICK", NULL, "u", 1712000001 },
	{ "a type is no event's name", EVENT("text") "</xml>", NULL, "event", "text", "u",
	    1712000001 },
	{ "event of a message is not looked at", TEXT "<Event>CLICK</Event></xml>",
	    "$$_receive_msg", "text", "CLICK", "u", 1712000001 },
	{ "no event", HEAD "<MsgType>event</MsgType></xml>", NULL, "event", NULL, "u",
	    1712000001 },
	{ "empty event", EVENT("") "</xml>", NULL, "event", "", "u", 1712000001 },
	{ "part of a name", EVENT("CLIC") "</xml>", NULL, "event", "CLIC", "u",
	    1712000001 },
	{ "more than a name", EVENT("CLICKS") "</xml>", NULL, "event", "CLICKS", "u",
	    1712000001 },
	{ "case does not count", HEAD "<MsgType>EVENT</MsgType><Event>Scan</Event></xml>",
	    "$$_scan_open_official_account", "EVENT", "Scan", "u", 1712000001 },
	{ "nothing at all", "<xml/>", NULL, NULL, NULL, NULL, 0 },
	{ "nothing in it", "<xml></xml>", NULL, NULL, NULL, NULL, 0 },
	{ "empty user", "<xml><FromUserName/></xml>", NULL, NULL, NULL, "", 0 },
	{ "time in CDATA", "<xml><CreateTime><![CDATA[ 12 ]]></CreateTime></xml>", NULL,
	    NULL, NULL, NULL, 12 },
	{ "time is no number", "<xml><CreateTime>12a</CreateTime></xml>", NULL, NULL, NULL,
	    NULL, 0 },
	{ "time below zero", "<xml><CreateTime>-1</CreateTime></xml>", NULL, NULL, NULL,
	    NULL, 0 },
	{ "time empty", "<xml><CreateTime/></xml>", NULL, NULL, NULL, NULL, 0 },
	{ "the latest time", "<xml><CreateTime>999999999999999999</CreateTime></xml>", NULL,
	    NULL, NULL, NULL, 999999999999999999 },
	{ "time too long", "<xml><CreateTime>9999999999999999999</CreateTime></xml>", NULL,
	    NULL, NULL, NULL, 0 },
};

static void
heads(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(heads_cases); i++) {
		if (!check_err(heads_cases[i].name, xmlmap_event(map, &ev,
		    slice_of(heads_cases[i].xml)),
		    ERR_OK))
			continue;
		check_text(heads_cases[i].name, ev.message.code, heads_cases[i].code);
		check_bytes(heads_cases[i].name, ev.message.msgtype,
		    slice_of(heads_cases[i].msgtype));
		check_bytes(heads_cases[i].name, ev.message.event, slice_of(heads_cases[i].event));
		check_bytes(heads_cases[i].name, ev.message.user, slice_of(heads_cases[i].user));
		check_int(heads_cases[i].name, ev.message.time_s, heads_cases[i].time_s);
		check_text(heads_cases[i].name, xmlmap_why(map), "");
		if (heads_cases[i].code == NULL)
			check_int(heads_cases[i].name, (int64_t)ev.nattr, 0);
	}
}

static void
json(void **state)
{
	static const struct {
		const char	*name, *xml, *want;
	} cases[] = {
		{ "event", EVENT("LOCATION") "<Latitude>23.10</Latitude></xml>",
		    "{\"event_code\":\"$$_send_localtion\",\"user\":\"u\",\"time\":1712000001,"
		    "\"attributes\":{\"Event\":\"LOCATION\",\"Latitude\":23.10}}" },
		{ "no row", "<xml/>",
		    "{\"event_code\":null,\"user\":null,\"time\":null,\"attributes\":{}}" },
		{ "escapes", "<xml><FromUserName>\"\\\n&#9;/</FromUserName></xml>",
		    "{\"event_code\":null,\"user\":\"\\\"\\\\\\n\\t/\",\"time\":null,"
		    "\"attributes\":{}}" },
	};
	struct buf	 out = { .p = NULL };
	enum error	 er;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err(cases[i].name, xmlmap_event(map, &ev, slice_of(cases[i].xml)), ERR_OK);
		check_err(cases[i].name, event_json(&out, &ev), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].want));
	}
	check_err("long", xmlmap_event(map, &ev, slice_of(EVENT("LOCATION") "<Latitude>"
	    "1.00000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "</Latitude></xml>")), ERR_OK);
	out.max = 16;
	for (er = ERR_TOOBIG; er != ERR_OK && out.max < 1024; out.max++) {
		buf_free(&out);
		er = event_json(&out, &ev);
		CHECK("ceiling", er == ERR_OK || er == ERR_TOOBIG);
	}
	check_err("room enough", er, ERR_OK);
	buf_free(&out);
}

/*
 * Texts that are refused: they are not XML, or cannot be a message.
 */

static const struct refusal {
	const char	*name;
	struct slice	 in;
	const char	*why;
} refused_cases[] = {
	{ "empty", BYTES(""), "empty" },
	{ "blank", BYTES(" \n"), "no XML" },
	{ "text", BYTES("hello"), "no XML" },
	{ "JSON", BYTES("{\"a\":1}"), "no XML" },
	{ "mark alone", BYTES("\xEF\xBB\xBF"), "no XML" },
	{ "two marks", BYTES("\xEF\xBB\xBF\xEF\xBB\xBF<xml/>"), "no XML" },
	{ "another root", BYTES("<html/>"), "root element is not <xml>" },
	{ "case of the root", BYTES("<XML></XML>"), "root element is not <xml>" },
	{ "prefix of the root", BYTES("<xmlx/>"), "root element is not <xml>" },
	{ "open root", BYTES("<xml>"), "cut short" },
	{ "open root, text", BYTES("<xml>a"), "cut short" },
	{ "open tag", BYTES("<xml"), "cut short" },
	{ "bracket alone", BYTES("<"), "malformed tag" },
	{ "end tag first", BYTES("</xml>"), "malformed tag" },
	{ "wrong end tag", BYTES("<xml><a></b></xml>"), "end tag does not match" },
	{ "end tags crossed", BYTES("<xml><a><b></a></b></xml>"),
	    "end tag does not match" },
	{ "end tag longer", BYTES("<xml><a></ab></xml>"), "end tag does not match" },
	{ "end tag shorter", BYTES("<xml><ab></a></xml>"), "end tag does not match" },
	{ "end tag with blank before", BYTES("<xml></ xml>"), "end tag does not match" },
	{ "end tag with attribute", BYTES("<xml></xml a=''>"), "end tag does not match" },
	{ "end tag cut short", BYTES("<xml></xm"), "end tag does not match" },
	{ "end tag without bracket", BYTES("<xml></xml"), "end tag does not match" },
	{ "two roots", BYTES("<xml/><xml/>"), "more than one root" },
	{ "text behind", BYTES("<xml/>a"), "more than one root" },
	{ "NUL behind", BYTES("<xml/>\0"), "more than one root" },
	{ "mark behind", BYTES("<xml/>\xEF\xBB\xBF"), "more than one root" },
	{ "CDATA behind", BYTES("<xml/><![CDATA[]]>"), "document type refused" },
	{ "document type", BYTES("<!DOCTYPE xml><xml/>"), "document type refused" },
	{ "internal subset", BYTES("<!DOCTYPE xml [<!ENTITY a SYSTEM 'file:///etc/hosts'>]>"
	    "<xml>&a;</xml>"), "document type refused" },
	{ "document type behind", BYTES("<xml/><!DOCTYPE xml>"), "document type refused" },
	{ "document type within", BYTES("<xml><!DOCTYPE xml></xml>"),
	    "document type refused" },
	{ "document type, small", BYTES("<!doctype xml><xml/>"), "document type refused" },
	{ "entity declared", BYTES("<!ENTITY a 'b'><xml/>"), "document type refused" },
	{ "ampersand at the end", BYTES("<xml>&"), "cut short" },
	{ "open entity", BYTES("<xml>&amp"), "malformed reference" },
	{ "byte order of UTF-16", BYTES("\xFF\xFE<\0x\0m\0l\0/\0>\0"), "no XML" },
	{ "character cut by the end", BYTES("<xml>\xE4\xBD"), "not UTF-8" },
	{ "U+FEFF in a name", BYTES("<xml><\xEF\xBB\xBF/></xml>"), "malformed tag" },
	{ "bad name", BYTES("<xml><a\xFF/></xml>"), "not UTF-8" },
	{ "open CDATA", BYTES("<xml><![CDATA[a]]</xml>"), "cut short" },
	{ "CDATA cut short", BYTES("<xml><![CDATA["), "cut short" },
	{ "half a CDATA", BYTES("<xml><![CDATA a]]></xml>"), "document type refused" },
	{ "open comment", BYTES("<xml><!-- </xml>"), "cut short" },
	{ "comment ends in dash", BYTES("<xml><!-- ---></xml>"), "malformed comment" },
	{ "dashes in a comment", BYTES("<xml><!-- a -- b --></xml>"), "malformed comment" },
	{ "short comment", BYTES("<xml><!--></xml>"), "cut short" },
	{ "open comment in front", BYTES("<!-- <xml/>"), "cut short" },
	{ "open instruction", BYTES("<xml><?a </xml>"), "cut short" },
	{ "nameless instruction", BYTES("<xml><? a?></xml>"), "malformed tag" },
	{ "instruction without blank", BYTES("<xml><?a+b?></xml>"),
	    "malformed instruction" },
	{ "declaration within", BYTES("<xml><?xml version='1.0'?></xml>"),
	    "misplaced XML declaration" },
	{ "empty declaration", BYTES("<?xml?><xml/>"), "misplaced XML declaration" },
	{ "declaration after a blank", BYTES(" <?xml version='1.0'?><xml/>"),
	    "misplaced XML declaration" },
	{ "declaration behind", BYTES("<xml/><?XML version='1.0'?>"),
	    "misplaced XML declaration" },
	{ "blank before a name", BYTES("<xml>< a/></xml>"), "malformed tag" },
	{ "digit first", BYTES("<xml><1/></xml>"), "malformed tag" },
	{ "bracket in a tag", BYTES("<xml><a<b/></xml>"), "malformed tag" },
	{ "entity in a name", BYTES("<xml><a&gt;b/></xml>"), "malformed tag" },
	{ "slash in a tag", BYTES("<xml><a/ ></xml>"), "malformed tag" },
	{ "attribute without value", BYTES("<xml><a b></a></xml>"), "malformed attribute" },
	{ "attribute without quotes", BYTES("<xml><a b=c/></xml>"), "malformed attribute" },
	{ "bracket in an attribute", BYTES("<xml><a b='<'/></xml>"),
	    "malformed attribute" },
	{ "open attribute", BYTES("<xml><a b='c/></xml>"), "malformed attribute" },
	{ "attribute cut short", BYTES("<xml a='"), "cut short" },
	{ "no blank between", BYTES("<xml a='1'b='2'/>"), "malformed tag" },
	{ "attribute twice", BYTES("<xml a='1' b='2' a='3'/>"), "attribute given twice" },
	{ "33 attributes", BYTES("<xml a='' b='' c='' d='' e='' f='' g='' h='' i='' j='' "
	    "k='' l='' m='' n='' o='' p='' q='' r='' s='' t='' u='' v='' w='' x='' y='' "
	    "z='' A='' B='' C='' D='' E='' F='' G=''/>"), "too many attributes" },
};

/* What users type may be so; xml_sanitize() refuses it, and so it is repaired. */
static const struct refusal	 repaired_cases[] = {
	{ "unknown entity", BYTES("<xml>&nbsp;</xml>"), "unknown entity" },
	{ "case of an entity", BYTES("<xml>&LT;</xml>"), "unknown entity" },
	{ "empty entity", BYTES("<xml>&;</xml>"), "unknown entity" },
	{ "bare ampersand", BYTES("<xml>a & b, not closed</xml>"), "malformed reference" },
	{ "long entity", BYTES("<xml>&aaaaaaaaaaaaaaaaaaaaaaaaaaa;</xml>"),
	    "malformed reference" },
	{ "reference to NUL", BYTES("<xml>&#0;</xml>"),
	    "reference to a character that XML forbids" },
	{ "reference without digits", BYTES("<xml>&#;</xml>"),
	    "reference to a character that XML forbids" },
	{ "reference without hex digits", BYTES("<xml>&#x;</xml>"),
	    "reference to a character that XML forbids" },
	{ "reference to a surrogate", BYTES("<xml>&#xD800;</xml>"),
	    "reference to a character that XML forbids" },
	{ "reference beyond Unicode", BYTES("<xml>&#x110000;</xml>"),
	    "reference to a character that XML forbids" },
	{ "reference to U+FFFE", BYTES("<xml>&#xFFFE;</xml>"),
	    "reference to a character that XML forbids" },
	{ "reference to a control character", BYTES("<xml>&#1;</xml>"),
	    "reference to a character that XML forbids" },
	{ "negative reference", BYTES("<xml>&#-5;</xml>"),
	    "reference to a character that XML forbids" },
	{ "hex digits in decimal", BYTES("<xml>&#6A;</xml>"),
	    "reference to a character that XML forbids" },
	{ "capital X", BYTES("<xml>&#X41;</xml>"),
	    "reference to a character that XML forbids" },
	{ "NUL", BYTES("<xml>\0</xml>"), "control character" },
	{ "NUL in CDATA", BYTES("<xml><![CDATA[\0]]></xml>"), "control character" },
	{ "NUL in a comment", BYTES("<xml><!--\0--></xml>"), "control character" },
	{ "NUL in an instruction", BYTES("<xml><?a \0?></xml>"), "control character" },
	{ "NUL in an attribute", BYTES("<xml a='\0'/>"), "control character" },
	{ "bell", BYTES("<xml>\a</xml>"), "control character" },
	{ "escape in CDATA", BYTES("<xml><![CDATA[a\x1B" "b]]></xml>"),
	    "control character" },
	{ "U+FFFF", BYTES("<xml>\xEF\xBF\xBF</xml>"), "control character" },
	{ "lone byte", BYTES("<xml>\xFF</xml>"), "not UTF-8" },
	{ "UTF-16 within", BYTES("<xml>\xFE\xFF\0a</xml>"), "not UTF-8" },
	{ "UTF-16 within CDATA", BYTES("<xml><![CDATA[\xFE\xFF]]></xml>"), "not UTF-8" },
	{ "GBK", BYTES("<xml>\xC4\xE3\xBA\xC3</xml>"), "not UTF-8" },
	{ "overlong", BYTES("<xml>\xC0\x80</xml>"), "not UTF-8" },
	{ "surrogate", BYTES("<xml>\xED\xA0\x80</xml>"), "not UTF-8" },
	{ "beyond Unicode", BYTES("<xml>\xF4\x90\x80\x80</xml>"), "not UTF-8" },
	{ "character cut by a tag", BYTES("<xml>\xE4\xBD</xml>"), "not UTF-8" },
	{ "]]> in text", BYTES("<xml>a]]>b</xml>"), "]]> outside a CDATA section" },
	{ "entity in an attribute", BYTES("<xml><a b='&x;'/></xml>"), "unknown entity" },
	{ "bad attribute name", BYTES("<xml a\xFF=''/>"), "not UTF-8" },
	{ "bad declaration", BYTES("<?xml \xFF?><xml/>"), "not UTF-8" },
};

/* A root that is not ours is good XML. */
static void
check_refusal(const struct refusal *r)
{
	struct buf	 out = { .p = NULL };
	const char	*why;

	if (xml_sanitize(&out, &why, r->in) == ERR_XML)
		check_text(r->name, why, r->why);
	else
		check_text(r->name, "root element is not <xml>", r->why);
	buf_free(&out);
}

static void
refused(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(refused_cases); i++) {
		check_refusal(&refused_cases[i]);
		check_err(refused_cases[i].name, xmlmap_event(map, &ev, refused_cases[i].in),
		    ERR_XML);
		CHECK(refused_cases[i].name, *xmlmap_why(map) != '\0');
		CHECK(refused_cases[i].name, ev.message.code == NULL && ev.nattr == 0 &&
		    ev.message.user.p == NULL);
		CHECK(refused_cases[i].name, !xmlmap_more(map));
	}
	check_err("good again", xmlmap_event(map, &ev, slice_of("<xml/>")), ERR_OK);
	check_text("good again", xmlmap_why(map), "");
}

static void
repaired(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(repaired_cases); i++) {
		check_refusal(&repaired_cases[i]);
		check_err(repaired_cases[i].name, xmlmap_event(map, &ev, repaired_cases[i].in),
		    ERR_OK);
		check_text(repaired_cases[i].name, xmlmap_why(map), "");
		CHECK(repaired_cases[i].name, *xmlmap_repaired(map) != '\0');
	}
	check_err("good again", xmlmap_event(map, &ev, slice_of("<xml/>")), ERR_OK);
	check_text("good again", xmlmap_repaired(map), "");
}

/* An XML text: before, then n times part, then after. */
static void
check_limit(const char *name, const char *before, const char *part, size_t n,
    const char *after, const char *why)
{
	struct buf	 b = { .p = NULL };

	assert_int_equal(buf_puts(&b, before), ERR_OK);
	while (n-- != 0)
		assert_int_equal(buf_puts(&b, part), ERR_OK);
	assert_int_equal(buf_puts(&b, after), ERR_OK);
	check_err(name, xmlmap_event(map, &ev, buf_slice(&b)), why == NULL ? ERR_OK : ERR_XML);
	check_text(name, xmlmap_why(map), why == NULL ? "" : why);
	buf_free(&b);
}

static void
limits(void **state)
{
	size_t	 room = XML_SIZE_MAX - strlen("<xml><a></a></xml>");

	(void)state;
	check_limit("deep enough", "<xml>", "<a>", XML_DEPTH_MAX - 1, "", "cut short");
	check_limit("too deep", "<xml>", "<a>", XML_DEPTH_MAX, "", "nested too deeply");
	check_limit("far too deep", "<xml>", "<a>", 300000, "", "nested too deeply");
	check_limit("elements", "<xml>", "<a/>", XML_NODES_MAX - 1, "</xml>", NULL);
	check_limit("too many elements", "<xml>", "<a/>", XML_NODES_MAX, "</xml>",
	    "too many nodes");
	check_limit("texts", "<xml>", "x<a/>", XML_NODES_MAX / 2 - 1, "</xml>", NULL);
	check_limit("too many texts", "<xml>", "x<a/>", XML_NODES_MAX / 2, "</xml>",
	    "too many nodes");
	check_limit("sections", "<xml>", "<![CDATA[]]>", XML_NODES_MAX - 1, "</xml>", NULL);
	check_limit("too many sections", "<xml>", "<![CDATA[]]>", XML_NODES_MAX, "</xml>",
	    "too many nodes");
	check_limit("blanks and comments are no nodes", "<xml>", " <!----> ", 20000, "</xml>",
	    NULL);
	check_limit("large enough", "<xml><a>", "x", room, "</a></xml>", NULL);
	check_limit("too large", "<xml><a>", "x", room + 1, "</a></xml>", "too large");
	check_limit("marks within text", "<xml><a>", "\xEF\xBB\xBF", room / 3, "</a></xml>", NULL);
	check_limit("too many marks in a section", "<xml><a><![CDATA[", "\xEF\xBB\xBF",
	    XML_NODES_MAX, "]]></a></xml>", "too many nodes");
}

/*
 * The options, where QT's table leaves a choice.
 */

static void
options(void **state)
{
	static const struct settings	 set = {
		.is_scan_yes = "1", .is_scan_no = "0", .article_url = "article_url",
	};
	static const struct one	 cases[] = {
		{ "scan", EVENT("subscribe") "<Ticket>t</Ticket></xml>", "is_scan", "1" },
		{ "no scan", EVENT("subscribe") "</xml>", "is_scan", "0" },
		{ "address", EVENT("PUBLISHJOBFINISH") "<PublishEventInfo><article_detail><item>"
		    "<article_url>a</article_url></item><item/></article_detail></PublishEventInfo>"
		    "</xml>", "article_url", "a," },
	};
	size_t	 i;

	(void)state;
	xmlmap_free(map);
	assert_non_null(map = xmlmap_for(&set));
	for (i = 0; i < COUNT(cases); i++)
		check_one(&cases[i]);
	check_bytes("one spelling", value("article_URL"), slice_of(NULL));
}

static void
one_per_item(void **state)
{
	static const struct settings	 set = { .one_per_item = 1 };
	static const struct {
		const char	*name, *xml, *key, *want[4];
	} cases[] = {
		{ "no list", TEXT "<Content>a</Content></xml>", "Content", { "a", NULL } },
		{ "no row", EVENT("x") "</xml>", "Event", { "-", NULL } },
		{ "no item", SENT(""), "MsgID", { "-", NULL } },
		{ "one", SENT("<List><MsgID>1</MsgID></List>"), "MsgID", { "1", NULL } },
		{ "three", SENT("<List><MsgID>1</MsgID></List><List><ErrorCode>0</ErrorCode></List>"
		    "<List><MsgID>3</MsgID></List>"), "MsgID", { "1", "-", "3", NULL } },
		{ "scalars in each", MASS("<Status>s</Status>" COPYRIGHT("<item/><item/>")),
		    "Status", { "s", "s", NULL } },
		{ "the shorter list", MASS(COPYRIGHT("<item><ArticleIdx>1</ArticleIdx></item>")
		    ARTICLE("<item/><item><ArticleUrl>b</ArticleUrl></item>")), "ArticleIdx",
		    { "1", "-", NULL } },
		{ "the longer list", MASS(COPYRIGHT("<item><ArticleIdx>1</ArticleIdx></item>")
		    ARTICLE("<item/><item><ArticleUrl>b</ArticleUrl></item>")), "ArticleUrl",
		    { "-", "b", NULL } },
		{ "failed articles", EVENT("PUBLISHJOBFINISH") "<PublishEventInfo><fail_idx>1"
		    "</fail_idx><fail_idx>2</fail_idx></PublishEventInfo></xml>", "fail_idx",
		    { "1", "2", NULL } },
	};
	enum error	 er;
	size_t		 i, n;

	(void)state;
	xmlmap_free(map);
	assert_non_null(map = xmlmap_for(&set));
	for (i = 0; i < COUNT(cases); i++) {
		er = xmlmap_event(map, &ev, slice_of(cases[i].xml));
		for (n = 0; check_err(cases[i].name, er, ERR_OK); n++) {
			check_bytes(cases[i].name, ev.message.user, slice_of("u"));
			check_int(cases[i].name, ev.message.time_s, 1712000001);
			if (!CHECK(cases[i].name, cases[i].want[n] != NULL))
				break;
			check_bytes(cases[i].name, value(cases[i].key),
			    *cases[i].want[n] == '-' ? slice_of(NULL) : slice_of(cases[i].want[n]));
			if (!xmlmap_more(map)) {
				CHECK(cases[i].name, cases[i].want[n + 1] == NULL);
				break;
			}
			er = xmlmap_next(map, &ev);
		}
	}
}

static void
many_items(void **state)
{
	static const struct xmlmap_options	 opt = { .one_per_item = true };
	struct buf				 xml = { .p = NULL };
	char					 want[16];
	size_t					 n;

	(void)state;
	xmlmap_free(map);
	assert_non_null(map = xmlmap_new(&opt));
	(void)buf_puts(&xml, EVENT("PUBLISHJOBFINISH") "<PublishEventInfo>");
	for (n = 1; n <= XMLMAP_EVENTS_MAX + 2; n++)
		(void)buf_printf(&xml, "<fail_idx>%zu</fail_idx>", n);
	(void)buf_puts(&xml, "</PublishEventInfo></xml>");
	check_err("first", xmlmap_event(map, &ev, buf_slice(&xml)), ERR_OK);
	for (n = 1; n < XMLMAP_EVENTS_MAX && CHECK("more", xmlmap_more(map)); n++) {
		(void)snprintf(want, sizeof(want), "%zu", n);
		check_bytes("one", value("fail_idx"), slice_of(want));
		check_err("next", xmlmap_next(map, &ev), ERR_OK);
	}
	check_bytes("the last", value("fail_idx"), slice_of("64,65,66"));
	CHECK("no more", !xmlmap_more(map));
	check_err("beyond the last", xmlmap_next(map, &ev), ERR_OK);
	CHECK("beyond the last", ev.message.code == NULL && ev.message.user.p == NULL &&
	    ev.nattr == 0);
	buf_free(&xml);
}

/* A message that was not read to its end leaves nothing in the next one. */
static void
left_over(void **state)
{
	static const struct xmlmap_options	 opt = { .one_per_item = true };

	(void)state;
	xmlmap_free(map);
	assert_non_null(map = xmlmap_new(&opt));
	check_err("two items", xmlmap_event(map, &ev, slice_of(SENT("<List/><List/>"))), ERR_OK);
	CHECK("two items", xmlmap_more(map));
	check_err("no XML", xmlmap_event(map, &ev, slice_of("x")), ERR_XML);
	CHECK("no XML", !xmlmap_more(map));
	check_err("two items", xmlmap_event(map, &ev, slice_of(SENT("<List/><List/>"))), ERR_OK);
	check_err("text", xmlmap_event(map, &ev, slice_of(TEXT "</xml>")), ERR_OK);
	CHECK("text", !xmlmap_more(map));
	check_err("two items", xmlmap_event(map, &ev, slice_of(SENT("<List/><List/>"))), ERR_OK);
	CHECK("freed half read", xmlmap_more(map));
}

/*
 * Memory runs out at every possible place.  A buf grows at 512 bytes, and the length of the user
 * decides which part of the event needs more.
 */
static void
out_of_memory(void **state)
{
	static const char *const	 parts[] = {
		"<MsgType>event</MsgType><Event>MASSSENDJOBFINISH</Event><TotalCount>1</TotalCount>"
		COPYRIGHT("<item><ArticleIdx>1</ArticleIdx></item><item><ArticleIdx/></item>"),
		"<MsgType>event</MsgType><Event>CLICK</Event><SendPicsInfo><PicList><item>"
		"<PicMd5Sum>a</PicMd5Sum></item><item/></PicList></SendPicsInfo><ScanCodeInfo>"
		"<ScanType>&#34;</ScanType><ScanResult>b</ScanResult></ScanCodeInfo>"
		"<SendLocationInfo><Scale>15</Scale></SendLocationInfo>",
		"<MsgType>event</MsgType><Event>subscribe</Event><Ticket>t</Ticket>",
		"<MsgType>text</MsgType><Content><![CDATA[\xEF\xBB\xBF]]></Content>",
	};
	struct buf	 xml = { .p = NULL };
	enum error	 er;
	unsigned	 n;
	size_t		 i;
	int		 pad;

	(void)state;
	for (i = 0; i < COUNT(parts); i++) {
		for (pad = 300; pad < 512; pad++) {
			buf_reset(&xml);
			(void)buf_printf(&xml, "<xml><FromUserName>%0*d</FromUserName>%s</xml>",
			    pad, 0, parts[i]);
			for (n = 1, er = ERR_NOMEM; er != ERR_OK && n < 20; n++) {
				xmlmap_free(map);
				event_free(&ev);
				assert_non_null(map = xmlmap_new(NULL));
				unit_memory = n;
				er = xmlmap_event(map, &ev, buf_slice(&xml));
				unit_memory = 0;
				CHECK(parts[i], er == ERR_OK || (er == ERR_NOMEM && ev.nattr == 0));
			}
			CHECK(parts[i], er == ERR_OK && n > 2);
		}
	}
	buf_free(&xml);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		MAPTEST(samples),
		MAPTEST(sample_layouts),
		MAPTEST(sample_line_ends),
		MAPTEST(texts),
		MAPTEST(numbers),
		MAPTEST(lists),
		MAPTEST(objects),
		MAPTEST(choices),
		MAPTEST(heads),
		MAPTEST(json),
		MAPTEST(refused), MAPTEST(repaired),
		MAPTEST(limits),
		MAPTEST(options),
		MAPTEST(one_per_item),
		MAPTEST(many_items),
		MAPTEST(left_over),
		MAPTEST(out_of_memory),
	};

	return RUN("xmlmap", tests);
}
