#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"
#include "wechat/message.h"
#include "xmlmap.h"

#define CASES	"tests/cases"

#define HEAD	"<xml><FromUserName>u</FromUserName><CreateTime>1712000001</CreateTime>"
#define TEXT	HEAD "<MsgType>text</MsgType>"
#define EVENT(e) HEAD "<MsgType>event</MsgType><Event>" e "</Event>"
#define CLICKED(s)	EVENT("CLICK") s "</xml>"
#define SENT(s)		EVENT("subscribe_msg_sent_event") "<SubscribeMsgSentEvent>" s \
			"</SubscribeMsgSentEvent></xml>"

static struct message	 message;

static int
end_message_test(void **state)
{
	message_free(&message);
	return unit_end(state);
}

#define MESSAGETEST(f)	cmocka_unit_test_setup_teardown(f, unit_begin, end_message_test)

static void
check_slice(const char *name, struct slice got, struct slice want)
{
	if (CHECK(name, (got.p == NULL) == (want.p == NULL)) && got.p != NULL)
		check_bytes(name, got, want);
}

/*
 * The deduplication key.
 */

static void
make_key(char key[MESSAGE_KEY_HEX + 1], const char *account, struct slice xml)
{
	check_err(account, xmlmap_message(&message, xml), ERR_OK);
	check_err(account, message_key(&message, key, slice_of(account), xml), ERR_OK);
	check_int(account, (int64_t)strspn(key, "0123456789abcdef"), MESSAGE_KEY_HEX);
}

static void
keys(void **state)
{
	/* Messages of one user in one second: each has another key than `a`. */
	static const struct {
		const char	*name, *account[2], *xml[2];
		bool		 same;
	} cases[] = {
		{ "a repeat", { "demo", "demo" }, { TEXT "<MsgId>1</MsgId></xml>",
		    TEXT "<MsgId>1</MsgId></xml>" }, true },
		{ "another account", { "demo", "demo2" }, { TEXT "</xml>", TEXT "</xml>" }, false },
		{ "MsgId", { "a", "a" }, { TEXT "<MsgId>1</MsgId></xml>",
		    TEXT "<MsgId>2</MsgId></xml>" }, false },
		{ "MsgID of an event", { "a", "a" }, { EVENT("TEMPLATESENDJOBFINISH") "<MsgID>1"
		    "</MsgID></xml>", EVENT("TEMPLATESENDJOBFINISH") "<MsgID>2</MsgID></xml>" },
		    false },
		{ "two clicks", { "a", "a" }, { CLICKED("<EventKey>1</EventKey>"),
		    CLICKED("<EventKey>2</EventKey>") }, false },
		{ "click and view", { "a", "a" }, { EVENT("CLICK") "</xml>",
		    EVENT("VIEW") "</xml>" }, false },
		{ "event and message", { "a", "a" }, { EVENT("CLICK") "</xml>", TEXT "</xml>" },
		    false },
		{ "two templates, one MsgID", { "a", "a" }, { SENT("<List><TemplateId>1"
		    "</TemplateId><MsgID>7</MsgID></List>"), SENT("<List><TemplateId>2"
		    "</TemplateId><MsgID>7</MsgID></List>") }, false },
		{ "without row", { "a", "a" }, { EVENT("x") "<y>1</y></xml>",
		    EVENT("x") "<y>2</y></xml>" }, false },
		{ "without row, a repeat", { "a", "a" }, { EVENT("x") "<y>1</y></xml>",
		    EVENT("x") "<y>1</y></xml>" }, true },
		{ "no XML", { "a", "a" }, { "x", "y" }, false },
		{ "no XML, a repeat", { "a", "a" }, { "x", "x" }, true },
		{ "no XML, account and text shift", { "ab", "a" }, { "c", "bc" }, false },
	};
	char	 key[2][MESSAGE_KEY_HEX + 1];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		make_key(key[0], cases[i].account[0], slice_of(cases[i].xml[0]));
		make_key(key[1], cases[i].account[1], slice_of(cases[i].xml[1]));
		CHECK(cases[i].name, (strcmp(key[0], key[1]) == 0) == cases[i].same);
	}
}

/* The key was computed by other means: it must not change from release to release. */
static void
key_value(void **state)
{
	char	 key[MESSAGE_KEY_HEX + 1];

	(void)state;
	make_key(key, "demo", slice_of(TEXT "<Content>hi</Content><MsgId>1</MsgId></xml>"));
	check_text("message", key,
	    "7198971f6d6e4f967b6306c1b1d32384dbd84bbc2b3ced93f2f5ea2ded5c7ffe");
	make_key(key, "demo", slice_of("not XML"));
	check_text("no XML", key,
	    "3e184268f2fee84e54e001698cacaa928bba7e5b286611256d5c33b475ca209e");
}

/*
 * The samples: message_read() and xmlmap_event() agree, and no two samples have the same key.
 */

static void
check_as_in_full(const char *name, struct xmlmap *map, struct slice xml)
{
	struct event	 ev = { .nattr = 0 };

	check_err(name, xmlmap_event(map, &ev, xml), ERR_OK);
	check_err(name, xmlmap_message(&message, xml), ERR_OK);
	check_text(name, message.why, "");
	CHECK(name, message.code == ev.message.code);
	check_slice(name, message.msgtype, ev.message.msgtype);
	check_slice(name, message.event, ev.message.event);
	check_slice(name, message.user, ev.message.user);
	check_int(name, message.time_s, ev.message.time_s);
	event_free(&ev);
}

static void
samples(void **state)
{
	static char	 seen[128][MESSAGE_KEY_HEX + 1];
	struct xmlmap	*map = xmlmap_new(NULL);
	struct dirent	*e;
	struct buf	 xml = { .p = NULL };
	char		 path[512];
	size_t		 n = 0, i;
	DIR		*d = opendir(CASES);

	(void)state;
	assert_non_null(map);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strlen(e->d_name) < 4 ||
		    strcmp(e->d_name + strlen(e->d_name) - 4, ".xml") != 0)
			continue;
		(void)snprintf(path, sizeof(path), CASES "/%s", e->d_name);
		assert_int_equal(buf_read_file(&xml, path, 1 << 20), 0);
		check_as_in_full(e->d_name, map, buf_slice(&xml));
		assert_true(n < COUNT(seen));
		make_key(seen[n], "demo", buf_slice(&xml));
		for (i = 0; i < n; i++)
			CHECK(e->d_name, strcmp(seen[i], seen[n]) != 0);
		n++;
	}
	(void)closedir(d);
	CHECK("all samples", n == 70);
	buf_free(&xml);
	xmlmap_free(map);
}

/*
 * The elements of a message, and texts that are not a message.
 */

static const struct {
	const char	*name, *xml, *why, *code;
	struct slice	 user, msgid;
	int64_t		 time_s;
} parts_cases[] = {
	{ "MsgId", TEXT "<MsgId>7</MsgId></xml>", "", "$$_receive_msg", BYTES("u"),
	    BYTES("7"), 1712000001 },
	{ "MsgID", EVENT("TEMPLATESENDJOBFINISH") "<MsgID>8</MsgID></xml>", "",
	    "$$_template_send_finish", BYTES("u"), BYTES("8"), 1712000001 },
	{ "MsgId before MsgID", TEXT "<MsgID>8</MsgID><MsgId>7</MsgId></xml>", "",
	    "$$_receive_msg", BYTES("u"), BYTES("7"), 1712000001 },
	{ "the first of two", TEXT "<FromUserName>v</FromUserName></xml>", "",
	    "$$_receive_msg", BYTES("u"), { NULL, 0 }, 1712000001 },
	{ "not a grandchild", "<xml><a><FromUserName>v</FromUserName></a></xml>", "",
	    NULL, { NULL, 0 }, { NULL, 0 }, 0 },
	{ "case of the type", "<xml><MsgType> TEXT </MsgType></xml>", "",
	    "$$_receive_msg", { NULL, 0 }, { NULL, 0 }, 0 },
	{ "empty user", "<xml><FromUserName/></xml>", "", NULL, BYTES(""),
	    { NULL, 0 }, 0 },
	{ "time is no number", "<xml><CreateTime>1e9</CreateTime></xml>", "", NULL,
	    { NULL, 0 }, { NULL, 0 }, 0 },
	{ "time too long", "<xml><CreateTime>1234567890123456789</CreateTime></xml>",
	    "", NULL, { NULL, 0 }, { NULL, 0 }, 0 },
	{ "nothing", "", "not well-formed", NULL, { NULL, 0 }, { NULL, 0 }, 0 },
	{ "no XML", "hello", "not well-formed", NULL, { NULL, 0 }, { NULL, 0 }, 0 },
	{ "JSON", "{\"MsgType\":\"text\"}", "not well-formed", NULL, { NULL, 0 },
	    { NULL, 0 }, 0 },
	{ "another root", "<a><MsgType>text</MsgType></a>", "not well-formed", NULL,
	    { NULL, 0 }, { NULL, 0 }, 0 },
	{ "cut short", TEXT, "not well-formed", NULL, { NULL, 0 }, { NULL, 0 }, 0 },
	{ "unknown entity", "<xml><MsgType>&x;</MsgType></xml>", "", NULL, { NULL, 0 },
	    { NULL, 0 }, 0 },
	{ "control character", TEXT "<Content>\x01</Content></xml>", "",
	    "$$_receive_msg", BYTES("u"), { NULL, 0 }, 1712000001 },
	{ "tab and line ends", TEXT "<Content>\t\r\n</Content></xml>", "",
	    "$$_receive_msg", BYTES("u"), { NULL, 0 }, 1712000001 },
};

static void
parts(void **state)
{
	struct guarded	 g;
	size_t		 i;

	(void)state;
	guarded_init(&g, 1024);
	for (i = 0; i < COUNT(parts_cases); i++) {
		check_err(parts_cases[i].name, xmlmap_message(&message,
		    guarded_slice(&g, slice_of(parts_cases[i].xml))), ERR_OK);
		check_text(parts_cases[i].name, message.why, parts_cases[i].why);
		check_text(parts_cases[i].name, message.code == NULL ? "-" : message.code,
		    parts_cases[i].code == NULL ? "-" : parts_cases[i].code);
		check_slice(parts_cases[i].name, message.user, parts_cases[i].user);
		check_slice(parts_cases[i].name, message.msgid, parts_cases[i].msgid);
		check_int(parts_cases[i].name, message.time_s, parts_cases[i].time_s);
	}
	guarded_fini(&g);
}

/* A CreateTime counts if it can be one; what counts else, and what the log says. */
static void
times(void **state)
{
	enum { NOW = 1796024486, DAY = 86400, FIRST = 1325347200 };
	static const char	 ms[] = "CreateTime is in milliseconds";
	static const char	 us[] = "CreateTime is in microseconds";
	static const char	 none[] = "CreateTime is missing or cannot be: "
	    "the time of receipt counts";
	static const struct {
		const char	*name;
		int64_t		 time_s, now_s, want;
		const char	*remark;
	} cases[] = {
		{ "now", NOW, NOW, NOW, "" },
		{ "years ago", 1400000000, NOW, 1400000000, "" },
		{ "the first", FIRST, NOW, FIRST, "" },
		{ "a day ahead", NOW + DAY, NOW, NOW + DAY, "" },
		{ "more than a day ahead", NOW + DAY + 1, NOW, NOW, none },
		{ "years ahead", 4000000000, NOW, NOW, none },
		{ "before 2012", FIRST - 1, NOW, NOW, none },
		{ "1970", 1, NOW, NOW, none },
		{ "missing", 0, NOW, NOW, none },
		{ "milliseconds", 1796024486123, NOW, NOW, ms },
		{ "milliseconds of 2012", FIRST * INT64_C(1000), NOW, FIRST, ms },
		{ "milliseconds, a day ahead", (NOW + DAY) * INT64_C(1000) + 999, NOW, NOW + DAY,
		    ms },
		{ "milliseconds, too far ahead", (NOW + DAY + 1) * INT64_C(1000), NOW, NOW, none },
		{ "milliseconds of 2011", FIRST * INT64_C(1000) - 1, NOW, NOW, none },
		{ "microseconds", 1796024486123456, NOW, NOW, us },
		{ "a tenth of ms", 17960244861234, NOW, NOW, none },
		{ "the largest number", 999999999999999999, NOW, NOW, none },
		{ "our clock is wrong", NOW, 1000, NOW, "" },
		{ "our clock is wrong, ms", 1796024486123, 1000, NOW, ms },
	};
	const char	*remark;
	int64_t		 when_s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		remark = message_when(&when_s, cases[i].time_s, cases[i].now_s);
		check_int(cases[i].name, when_s, cases[i].want);
		check_text(cases[i].name, remark, cases[i].remark);
	}
}

static void
encrypted(void **state)
{
	static const struct {
		const char	*xml;
		bool		 want;
	} cases[] = {
		{ "<xml><Encrypt>x</Encrypt></xml>", true },
		{ "<xml><ToUserName>u</ToUserName><Encrypt/></xml>", true },
		{ "<xml><Encrypt>x</Encrypt><MsgType>text</MsgType></xml>", false },
		{ TEXT "</xml>", false },
		{ "<xml><a><Encrypt>x</Encrypt></a></xml>", false },
		{ "<xml><Encrypt>x</Encrypt>", false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].xml, message_read(&message, slice_of(cases[i].xml)), ERR_OK);
		CHECK(cases[i].xml, message.encrypted == cases[i].want);
	}
}

/* What comes to the address of an account and is no message of it. */
static void
astray(void **state)
{
	static const struct {
		const char	*text;
		bool		 notice, platform, json;
	} cases[] = {
		{ TEXT "</xml>", false, false, false },
		{ "<xml><AppId>wx1</AppId><InfoType>component_verify_ticket</InfoType></xml>", true,
		    false, false },
		{ "<xml><InfoType>authorized</InfoType><MsgType/></xml>", true, false, false },
		{ "<xml><InfoType>x</InfoType><MsgType>text</MsgType></xml>", false, false, false },
		{ "<xml><InfoType/></xml>", false, false, false },
		{ "<xml><a><InfoType>x</InfoType></a></xml>", false, false, false },
		{ "<xml><AppId><![CDATA[wx1]]></AppId><Encrypt>x</Encrypt></xml>", false, true, false },
		{ "<xml><AppId>ours</AppId><Encrypt>x</Encrypt></xml>", false, false, false },
		{ "<xml><AppId/><Encrypt>x</Encrypt></xml>", false, false, false },
		{ "<xml><AppId>wx1</AppId></xml>", false, false, false },
		{ "<xml><ToUserName>g</ToUserName><AppId>wx1</AppId><Encrypt>x</Encrypt></xml>",
		    false, false, false },
		{ "{\"MsgType\":\"text\"}", false, false, true },
		{ "\xEF\xBB\xBF \r\n[", false, false, true },
		{ "", false, false, false }, { " ", false, false, false }, { "hello", false, false, false },
		{ "<xml>{</xml>", false, false, false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].text, message_read(&message, slice_of(cases[i].text)), ERR_OK);
		CHECK(cases[i].text, message_is_notice(&message) == cases[i].notice);
		CHECK(cases[i].text, message_is_platform(slice_of(cases[i].text), "ours") ==
		    cases[i].platform);
		CHECK(cases[i].text, message_is_json(slice_of(cases[i].text)) == cases[i].json);
	}
}

static void
without_memory(void **state)
{
	(void)state;
	unit_memory = 1;
	check_err("first text", xmlmap_message(&message, slice_of(TEXT "</xml>")), ERR_NOMEM);
	unit_memory = 0;
	check_err("again", xmlmap_message(&message, slice_of(TEXT "</xml>")), ERR_OK);
	check_slice("again", message.user, slice_of("u"));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		MESSAGETEST(keys), MESSAGETEST(key_value), MESSAGETEST(samples), MESSAGETEST(parts),
		MESSAGETEST(times), MESSAGETEST(encrypted), MESSAGETEST(astray),
		MESSAGETEST(without_memory),
	};

	return RUN("message", tests);
}
