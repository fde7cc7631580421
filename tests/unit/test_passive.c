#include <stdio.h>
#include <string.h>

#include "passive.h"
#include "tests/unit/unit.h"
#include "wechat/xml_scan.h"

#define USER	"oUser-of-28-characters-12345"
#define GH	"gh_1234567890ab"
#define KEY	"IFGF9ebDk0CcozaiPhRUNzmS5a7chvahvFChPjvCwt4"
#define KEY_OLD	"jQQLfG6x1feZAnGlfIAJC5085finIifaIPODeC1l38Q"

#define HEAD	"<xml><ToUserName><![CDATA[" USER "]]></ToUserName>" \
		"<FromUserName><![CDATA[" GH "]]></FromUserName>" \
		"<CreateTime>1712345678</CreateTime>"
#define TYPE(t)	"<MsgType><![CDATA[" t "]]></MsgType>"

static const struct account	 account = {
	.path = "p", .appid = "wx5c0f9e8d7b6a1234", .token = "qtoaToken01", .aes_key = KEY,
};

/* Puts a NUL behind the bytes in use, for strstr(). */
static const char *
as_string(struct buf *b)
{
	assert_int_equal(buf_reserve(b, 1), ERR_OK);
	b->p[b->len] = '\0';
	return b->p;
}

static enum error
write_reply(struct buf *out, const struct passive *p)
{
	buf_reset(out);
	return passive_write(out, p, slice_of(USER), slice_of(GH), 1712345678);
}

static void
written(void **state)
{
	static const struct {
		const char	*name;
		struct passive	 p;
		const char	*want;
	} cases[] = {
		{ "text", { PASSIVE_TEXT, { [PASSIVE_CONTENT] = BYTES("hello\n<a href=\"u\">x</a>") } },
		    TYPE("text") "<Content><![CDATA[hello\n<a href=\"u\">x</a>]]></Content>" },
		{ "image", { PASSIVE_IMAGE, { [PASSIVE_MEDIA_ID] = BYTES("m1") } },
		    TYPE("image") "<Image><MediaId><![CDATA[m1]]></MediaId></Image>" },
		{ "voice", { PASSIVE_VOICE, { [PASSIVE_MEDIA_ID] = BYTES("m1") } },
		    TYPE("voice") "<Voice><MediaId><![CDATA[m1]]></MediaId></Voice>" },
		{ "video", { PASSIVE_VIDEO, { [PASSIVE_MEDIA_ID] = BYTES("m1"),
		    [PASSIVE_TITLE] = BYTES("t"), [PASSIVE_DESCRIPTION] = BYTES("d") } },
		    TYPE("video") "<Video><MediaId><![CDATA[m1]]></MediaId><Title><![CDATA[t]]></Title>"
		    "<Description><![CDATA[d]]></Description></Video>" },
		{ "video without title", { PASSIVE_VIDEO, { [PASSIVE_MEDIA_ID] = BYTES("m1") } },
		    TYPE("video") "<Video><MediaId><![CDATA[m1]]></MediaId></Video>" },
		{ "music", { PASSIVE_MUSIC, { [PASSIVE_TITLE] = BYTES("t"),
		    [PASSIVE_MUSIC_URL] = BYTES("http://m/?a=1&b=2"),
		    [PASSIVE_HQ_MUSIC_URL] = BYTES("http://h"),
		    [PASSIVE_THUMB_MEDIA_ID] = BYTES("th") } },
		    TYPE("music") "<Music><Title><![CDATA[t]]></Title><MusicUrl>"
		    "<![CDATA[http://m/?a=1&b=2]]></MusicUrl><HQMusicUrl><![CDATA[http://h]]>"
		    "</HQMusicUrl><ThumbMediaId><![CDATA[th]]></ThumbMediaId></Music>" },
		{ "news", { PASSIVE_NEWS, { [PASSIVE_TITLE] = BYTES("t"), [PASSIVE_URL] = BYTES("u") } },
		    TYPE("news") "<ArticleCount>1</ArticleCount><Articles><item><Title><![CDATA[t]]>"
		    "</Title><Description><![CDATA[]]></Description><PicUrl><![CDATA[]]></PicUrl>"
		    "<Url><![CDATA[u]]></Url></item></Articles>" },
		{ "transfer", { PASSIVE_TRANSFER, { { NULL, 0 } } },
		    TYPE("transfer_customer_service") },
		{ "transfer to one", { PASSIVE_TRANSFER, { [PASSIVE_KF_ACCOUNT] = BYTES("a@b") } },
		    TYPE("transfer_customer_service")
		    "<TransInfo><KfAccount><![CDATA[a@b]]></KfAccount></TransInfo>" },
		{ "other types' fields", { PASSIVE_TEXT, { [PASSIVE_CONTENT] = BYTES("c"),
		    [PASSIVE_MEDIA_ID] = BYTES("m") } },
		    TYPE("text") "<Content><![CDATA[c]]></Content>" },
	};
	struct buf	 out = { 0 };
	char		 want[1024];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(want, sizeof(want), "%s%s</xml>", HEAD, cases[i].want);
		check_err(cases[i].name, write_reply(&out, &cases[i].p), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(want));
	}
	buf_free(&out);
}

/* What becomes of a text's bytes. */
static void
texts(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text;
		const char	*want;
	} cases[] = {
		{ "end of CDATA", BYTES("a]]>b"), "a]]]]><![CDATA[>b" },
		{ "two ends", BYTES("]]>]]>"), "]]]]><![CDATA[>]]]]><![CDATA[>" },
		{ "brackets at the end", BYTES("a]]"), "a]]" },
		{ "many brackets", BYTES("]]]]]>"), "]]]]]]]><![CDATA[>" },
		{ "an end that a removal makes", BYTES("]]\x01>"), "]]]]><![CDATA[>" },
		{ "begin of CDATA", BYTES("<![CDATA[x]]>"), "<![CDATA[x]]]]><![CDATA[>" },
		{ "control characters", BYTES("a\0b\x01\x08\x0B\x1F\x7F" "c\td\ne"),
		    "ab\x7F" "c\td\ne" },
		{ "emoji", BYTES("\xF0\x9F\x98\x80\xE4\xBD\xA0"), "\xF0\x9F\x98\x80\xE4\xBD\xA0" },
		{ "not UTF-8", BYTES("a\xFF" "b\xE4\xBD"), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" },
		{ "surrogate", BYTES("\xED\xA0\x80"), "\xEF\xBF\xBD" },
		{ "FFFE and FFFF", BYTES("a\xEF\xBF\xBE\xEF\xBF\xBF" "b"), "ab" },
	};
	struct passive	 p = { .type = PASSIVE_TEXT };
	struct buf	 out = { 0 };
	char		 want[1024];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p.v[PASSIVE_CONTENT] = cases[i].text;
		(void)snprintf(want, sizeof(want), HEAD TYPE("text")
		    "<Content><![CDATA[%s]]></Content></xml>", cases[i].want);
		check_err(cases[i].name, write_reply(&out, &p), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(want));
	}
	buf_free(&out);
}

/* A Content of 2048 bytes at most, and never a part of a character; other fields are not cut. */
static void
lengths(void **state)
{
	static const struct {
		const char	*name, *of;
		size_t		 times, kept;	/* characters */
	} cases[] = {
		{ "600 Chinese characters", "\xE6\xB1\x89", 600, 600 },
		{ "682 of them", "\xE6\xB1\x89", 682, 682 },
		{ "683 of them", "\xE6\xB1\x89", 683, 682 },
		{ "512 emoji", "\xF0\x9F\x98\x80", 512, 512 },
		{ "513 emoji", "\xF0\x9F\x98\x80", 513, 512 },
		{ "ASCII", "x", 5000, 2048 },
		{ "not UTF-8", "\xFF", 2000, 682 },
	};
	struct passive	 p = { .type = PASSIVE_TEXT };
	struct buf	 text = { 0 }, out = { 0 }, got = { 0 };
	size_t		 i, n, width;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&text);
		for (n = 0; n < cases[i].times; n++)
			(void)buf_puts(&text, cases[i].of);
		p.v[PASSIVE_CONTENT] = buf_slice(&text);
		check_err(cases[i].name, write_reply(&out, &p), ERR_OK);
		buf_reset(&got);
		check_err(cases[i].name, xml_scan_child(&got, buf_slice(&out), "Content"), ERR_OK);
		width = *cases[i].of == '\xFF' ? 3 : strlen(cases[i].of);
		check_int(cases[i].name, (int64_t)got.len, (int64_t)(cases[i].kept * width));
	}
	p = (struct passive){ PASSIVE_NEWS, { [PASSIVE_TITLE] = { text.p, text.len },
	    [PASSIVE_URL] = slice_of("u") } };
	check_err("a title", write_reply(&out, &p), ERR_OK);
	CHECK("a title", out.len > text.len * 3);
	buf_free(&text);
	buf_free(&out);
	buf_free(&got);
}

static void
lacking(void **state)
{
	static const struct {
		const char		*name;
		struct passive		 p;
		enum passive_field	 lacks;
	} cases[] = {
		{ "text", { PASSIVE_TEXT, { { NULL, 0 } } }, PASSIVE_CONTENT },
		{ "empty text", { PASSIVE_TEXT, { [PASSIVE_CONTENT] = BYTES("") } }, PASSIVE_CONTENT },
		{ "image", { PASSIVE_IMAGE, { [PASSIVE_CONTENT] = BYTES("x") } }, PASSIVE_MEDIA_ID },
		{ "music", { PASSIVE_MUSIC, { [PASSIVE_TITLE] = BYTES("x") } },
		    PASSIVE_THUMB_MEDIA_ID },
		{ "news", { PASSIVE_NEWS, { [PASSIVE_TITLE] = BYTES("x") } }, PASSIVE_URL },
		{ "transfer", { PASSIVE_TRANSFER, { { NULL, 0 } } }, PASSIVE_FIELD__MAX },
		{ "whole", { PASSIVE_VIDEO, { [PASSIVE_MEDIA_ID] = BYTES("x") } },
		    PASSIVE_FIELD__MAX },
	};
	enum passive_type	 type;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, passive_lacks(&cases[i].p), cases[i].lacks);
	for (type = 0; type != PASSIVE__MAX; type++)
		CHECK(passive_types[type], passive_has(type, PASSIVE_KF_ACCOUNT) ==
		    (type == PASSIVE_TRANSFER));
}

#define GOOD	HEAD TYPE("text") "<Content>hi</Content></xml>"

static void
judged(void **state)
{
	static const struct {
		const char		*name;
		struct slice		 body;
		enum passive_body	 is;
		enum passive_type	 type;
		const char		*xml;	/* NULL: the body */
	} cases[] = {
		{ "empty", BYTES(""), PASSIVE_EMPTY, PASSIVE__MAX, "" },
		{ "blanks", BYTES(" \r\n"), PASSIVE_EMPTY, PASSIVE__MAX, "" },
		{ "mark alone", BYTES("\xEF\xBB\xBF"), PASSIVE_EMPTY, PASSIVE__MAX, "" },
		{ "success", BYTES("success"), PASSIVE_SUCCESS, PASSIVE__MAX, "" },
		{ "with line end", BYTES("\xEF\xBB\xBFsuccess\n"), PASSIVE_SUCCESS, PASSIVE__MAX, "" },
		{ "upper case", BYTES("SUCCESS"), PASSIVE_SUCCESS, PASSIVE__MAX, "" },
		{ "text", BYTES(GOOD), PASSIVE_PLAIN, PASSIVE_TEXT, NULL },
		{ "around", BYTES("\n\xEF\xBB\xBF " GOOD "\n"), PASSIVE_PLAIN, PASSIVE_TEXT, GOOD },
		{ "declaration", BYTES("<?xml version=\"1.0\"?>" GOOD), PASSIVE_PLAIN, PASSIVE_TEXT,
		    NULL },
		{ "layout", BYTES("<xml>\n <ToUserName>" USER "</ToUserName>\n <FromUserName>g"
		    "</FromUserName>\n <CreateTime> 1712345678000 </CreateTime>\n <MsgType>news"
		    "</MsgType><ArticleCount>1</ArticleCount><Articles>\n<item><Title>t</Title></item>"
		    "</Articles></xml>"), PASSIVE_PLAIN, PASSIVE_NEWS, NULL },
		{ "image", BYTES(HEAD TYPE("image") "<Image><MediaId>m</MediaId></Image></xml>"),
		    PASSIVE_PLAIN, PASSIVE_IMAGE, NULL },
		{ "music without thumb", BYTES(HEAD TYPE("music") "<Music><Title>m</Title></Music>"
		    "</xml>"), PASSIVE_PLAIN, PASSIVE_MUSIC, NULL },
		{ "transfer", BYTES(HEAD TYPE("transfer_customer_service") "</xml>"),
		    PASSIVE_PLAIN, PASSIVE_TRANSFER, NULL },
		{ "split CDATA", BYTES(HEAD TYPE("text") "<Content><![CDATA[a]]]]><![CDATA[>b]]>"
		    "</Content></xml>"), PASSIVE_PLAIN, PASSIVE_TEXT, NULL },
		{ "words", BYTES("ok"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "success and more", BYTES("success!"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "JSON", BYTES("{\"errcode\":0}"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "HTML", BYTES("<html><body>502</body></html>"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "HTML document", BYTES("<!DOCTYPE html><html></html>"), PASSIVE_BAD, PASSIVE__MAX,
		    "" },
		{ "cut", BYTES(HEAD TYPE("text") "<Content>hi</Con"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "more behind", BYTES(GOOD "x"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "two of them", BYTES(GOOD GOOD), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "bare &", BYTES(HEAD TYPE("text") "<Content>a & b</Content></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
		{ "control", BYTES(HEAD TYPE("text") "<Content><![CDATA[\x01]]></Content></xml>"),
		    PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "entity", BYTES("<!DOCTYPE x [<!ENTITY a \"b\">]>" GOOD), PASSIVE_BAD, PASSIVE__MAX,
		    "" },
		{ "unknown type", BYTES(HEAD TYPE("event") "</xml>"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "no type", BYTES(HEAD "<Content>x</Content></xml>"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "type in upper case", BYTES(HEAD TYPE("Text") "<Content>x</Content></xml>"),
		    PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "no content", BYTES(HEAD TYPE("text") "</xml>"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "empty content", BYTES(HEAD TYPE("text") "<Content><![CDATA[]]></Content></xml>"),
		    PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "empty element", BYTES(HEAD TYPE("text") "<Content/></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
		{ "no MediaId", BYTES(HEAD TYPE("image") "<Image></Image></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
		{ "MediaId outside", BYTES(HEAD TYPE("image") "<MediaId>m</MediaId></xml>"),
		    PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "no article", BYTES(HEAD TYPE("news") "<Articles></Articles></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
		{ "to another", BYTES("<xml><ToUserName>" GH "</ToUserName><FromUserName>" USER
		    "</FromUserName><CreateTime>1</CreateTime>" TYPE("text")
		    "<Content>x</Content></xml>"), PASSIVE_BAD, PASSIVE__MAX, "" },
		{ "from nobody", BYTES("<xml><ToUserName>" USER "</ToUserName><CreateTime>1"
		    "</CreateTime>" TYPE("text") "<Content>x</Content></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
		{ "no time", BYTES("<xml><ToUserName>" USER "</ToUserName><FromUserName>" GH
		    "</FromUserName>" TYPE("text") "<Content>x</Content></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
		{ "not encrypted right", BYTES("<xml><Encrypt>AAAA</Encrypt></xml>"), PASSIVE_BAD,
		    PASSIVE__MAX, "" },
	};
	struct passive_judged	 j = { .is = PASSIVE_EMPTY };
	struct crypto		*c = crypto_new();
	struct slice		 xml;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, passive_judge(&j, c, &account, slice_of(USER),
		    cases[i].body), ERR_OK);
		check_int(cases[i].name, j.is, cases[i].is);
		CHECK(cases[i].name, (*j.why != '\0') == (cases[i].is == PASSIVE_BAD));
		if (cases[i].is != PASSIVE_BAD)
			check_int(cases[i].name, j.type, cases[i].type);
		xml = cases[i].xml == NULL ? cases[i].body : slice_of(cases[i].xml);
		CHECK(cases[i].name, (j.xml.p != NULL) == (cases[i].is == PASSIVE_PLAIN));
		check_bytes(cases[i].name, j.xml.p == NULL ? slice_of("") : j.xml, xml);
	}
	crypto_free(c);
	passive_judged_free(&j);
}

/* A back end's encrypted reply, with the right and with wrong values. */
static void
judged_sealed(void **state)
{
	static const struct {
		const char		*name, *token, *key, *appid, *user;
		enum passive_body	 is;
	} cases[] = {
		{ "right", "qtoaToken01", KEY, "wx5c0f9e8d7b6a1234", USER, PASSIVE_SEALED },
		{ "old token", "oldToken", KEY, "wx5c0f9e8d7b6a1234", USER, PASSIVE_SEALED },
		{ "old key", "qtoaToken01", KEY_OLD, "wx5c0f9e8d7b6a1234", USER, PASSIVE_SEALED },
		{ "other token", "otherToken", KEY, "wx5c0f9e8d7b6a1234", USER, PASSIVE_BAD },
		{ "other key", "qtoaToken01", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		    "wx5c0f9e8d7b6a1234", USER, PASSIVE_BAD },
		{ "other AppID", "qtoaToken01", KEY, "wx0000000000000000", USER, PASSIVE_BAD },
		{ "other user", "qtoaToken01", KEY, "wx5c0f9e8d7b6a1234", "oOther", PASSIVE_BAD },
	};
	struct account		 ours = account, theirs = account;
	struct passive_judged	 j = { .is = PASSIVE_EMPTY };
	struct crypto		*c = crypto_new(), *back_end = crypto_new();
	struct buf		 out = { 0 };
	size_t			 i, at;

	(void)state;
	ours.token_old = "oldToken";
	ours.aes_key_old = KEY_OLD;
	for (i = 0; i < COUNT(cases); i++) {
		theirs.token = cases[i].token;
		theirs.aes_key = cases[i].key;
		theirs.appid = cases[i].appid;
		buf_reset(&out);
		check_err(cases[i].name, passive_pack(&out, back_end, &theirs, slice_of(GOOD),
		    1712345678), ERR_OK);
		check_err(cases[i].name, passive_judge(&j, c, &ours, slice_of(cases[i].user),
		    buf_slice(&out)), ERR_OK);
		check_int(cases[i].name, j.is, cases[i].is);
		CHECK(cases[i].name, (*j.why != '\0') == (cases[i].is == PASSIVE_BAD));
		check_bytes(cases[i].name, j.xml.p == NULL ? slice_of("") : j.xml,
		    slice_of(cases[i].is == PASSIVE_SEALED ? GOOD : ""));
		check_bytes(cases[i].name, j.body, buf_slice(&out));
	}
	/* One bit of the signature, and no signature. */
	theirs = account;
	buf_reset(&out);
	check_err("flipped", passive_pack(&out, back_end, &theirs, slice_of(GOOD), 1), ERR_OK);
	at = (size_t)(strstr(as_string(&out), "]]></MsgSignature>") - out.p) - 1;
	out.p[at] = (char)(out.p[at] ^ 1);
	check_err("flipped", passive_judge(&j, c, &ours, slice_of(USER), buf_slice(&out)), ERR_OK);
	check_int("flipped", j.is, PASSIVE_BAD);
	out.p[at] = (char)(out.p[at] ^ 1);
	at = (size_t)(strstr(as_string(&out), "<TimeStamp>1</TimeStamp>") - out.p);
	memcpy(out.p + at, "<TimeSt__p>1</TimeSt__p>", 24);
	check_err("no time", passive_judge(&j, c, &ours, slice_of(USER), buf_slice(&out)), ERR_OK);
	check_int("no time", j.is, PASSIVE_BAD);
	crypto_free(c);
	crypto_free(back_end);
	buf_free(&out);
	passive_judged_free(&j);
}

static void
packed(void **state)
{
	static const enum account_mode	 modes[] = { SAFE, COMPATIBLE, PLAIN };
	struct account	 a = account;
	struct crypto	*c = crypto_new();
	struct buf	 out = { 0 }, xml = { 0 }, work = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(modes); i++) {
		a.mode = modes[i];
		buf_reset(&out);
		check_err("packed", buf_puts(&out, "before"), ERR_OK);
		check_err("packed", passive_pack(&out, c, &a, slice_of(GOOD), 1712345678), ERR_OK);
		CHECK("stays", memcmp(out.p, "before", 6) == 0);
		if (modes[i] == PLAIN) {
			check_bytes("plain", buf_slice(&out), slice_of("before" GOOD));
			continue;
		}
		check_err("opens", crypto_open_reply(c, &xml, &work, &a,
		    (struct slice){ out.p + 6, out.len - 6 }), ERR_OK);
		check_bytes("opens", buf_slice(&xml), slice_of(GOOD));
		CHECK("in seconds", strstr(as_string(&out), "<TimeStamp>1712345678</TimeStamp>") != NULL);
	}
	a.mode = SAFE;
	a.aes_key = NULL;
	buf_reset(&out);
	check_err("no key", passive_pack(&out, c, &a, slice_of(GOOD), 1), ERR_AESKEY);
	check_int("no key", (int64_t)out.len, 0);
	crypto_free(c);
	buf_free(&out);
	buf_free(&xml);
	buf_free(&work);
}

/* Each allocation fails in its turn. */
static void
out_of_memory(void **state)
{
	struct passive_judged	 j;
	struct crypto		*c = crypto_new();
	struct buf		 sealed = { 0 };
	enum error		 er = ERR_NOMEM;
	unsigned		 n;

	(void)state;
	check_err("made", passive_pack(&sealed, c, &account, slice_of(GOOD), 1), ERR_OK);
	for (n = 1; er == ERR_NOMEM; n++) {
		memset(&j, 0, sizeof(j));
		unit_memory = n;
		er = passive_judge(&j, c, &account, slice_of(USER), buf_slice(&sealed));
		CHECK("told", unit_memory == 0 ? er == ERR_NOMEM && j.is == PASSIVE_BAD :
		    er == ERR_OK);
		unit_memory = 0;
		passive_judged_free(&j);
	}
	CHECK("some of them", n > 3);
	buf_free(&sealed);
	crypto_free(c);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(written), TEST(texts), TEST(lengths), TEST(lacking), TEST(judged),
		TEST(judged_sealed), TEST(packed), TEST(out_of_memory),
	};

	return RUN("passive", tests);
}
