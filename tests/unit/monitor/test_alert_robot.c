#include <string.h>

#include "monitor/alert_robot.h"
#include "tests/unit/unit.h"

#define WECOM	"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k-123"
#define DING	"https://oapi.dingtalk.com/robot/send?access_token=t0k"
#define FEISHU	"https://open.feishu.cn/open-apis/bot/v2/hook/h00k"
#define OTHER	"https://hooks.example.com/services/x?token=s3cret"

enum { NOW_S = 1795363200 };

static void
kinds(void **state)
{
	static const struct {
		const char		*url;
		enum alert_robot	 want;
		bool			 lacks;
	} cases[] = {
		{ WECOM, ALERT_ROBOT_WECOM, false },
		{ "https://QYAPI.weixin.qq.com:443/cgi-bin/webhook/send", ALERT_ROBOT_WECOM, true },
		{ "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", ALERT_ROBOT_WECOM, true },
		{ DING, ALERT_ROBOT_DINGTALK, false },
		{ "https://oapi.dingtalk.com/robot/send", ALERT_ROBOT_DINGTALK, true },
		{ FEISHU, ALERT_ROBOT_FEISHU, false },
		{ "https://open.larksuite.com/open-apis/bot/v2/hook/h", ALERT_ROBOT_FEISHU, false },
		{ "https://open.feishu.cn/open-apis/bot/v2/hook/", ALERT_ROBOT_FEISHU, true },
		{ OTHER, ALERT_ROBOT_JSON, false },
		{ "https://qyapi.weixin.qq.com.example.com/?key=1", ALERT_ROBOT_JSON, false },
		{ "https://example.com/qyapi.weixin.qq.com", ALERT_ROBOT_JSON, false },
		{ "http://127.0.0.1:9/", ALERT_ROBOT_JSON, false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].url, alert_robot_of(cases[i].url), cases[i].want);
		check_int(cases[i].url, alert_robot_lacks_key(cases[i].url), cases[i].lacks);
	}
}

static void
languages(void **state)
{
	static const struct {
		const char	*url, *lang;
		enum language	 want;
	} cases[] = {
		{ WECOM, NULL, CHINESE }, { DING, "", CHINESE }, { FEISHU, NULL, CHINESE },
		{ OTHER, NULL, ENGLISH }, { WECOM, "en", ENGLISH }, { OTHER, "zh", CHINESE },
	};
	struct settings	 set = { .state_dir = NULL };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set.alert_url = cases[i].url;
		set.alert_lang = cases[i].lang;
		check_int(cases[i].url, alert_robot_lang(&set), cases[i].want);
	}
}

/* The signatures are those of Python's hmac, as DingTalk's and Feishu's documents have it. */
static void
requests(void **state)
{
	static const char	 secret[] = "SECdemo0123456789";
	static const struct {
		const char	*url, *secret, *want_url, *want_body;
	} cases[] = {
		{ WECOM, NULL, WECOM,
		    "{\"msgtype\":\"text\",\"text\":{\"content\":\"a \\\"b\\\"\\nc\"}}" },
		{ WECOM, secret, WECOM,
		    "{\"msgtype\":\"text\",\"text\":{\"content\":\"a \\\"b\\\"\\nc\"}}" },
		{ DING, NULL, DING,
		    "{\"msgtype\":\"text\",\"text\":{\"content\":\"a \\\"b\\\"\\nc\"}}" },
		{ DING, secret, DING "&timestamp=1795363200000&sign="
		    "IUdhGSfnyIOPHTNfK0rv1zcnl8UJhulqjCkNVVex5kc%3D",
		    "{\"msgtype\":\"text\",\"text\":{\"content\":\"a \\\"b\\\"\\nc\"}}" },
		{ FEISHU, NULL, FEISHU,
		    "{\"msg_type\":\"text\",\"content\":{\"text\":\"a \\\"b\\\"\\nc\"}}" },
		{ FEISHU, secret, FEISHU, "{\"timestamp\":\"1795363200\",\"sign\":\""
		    "HWcKqm+Jr/5IJqrRAJg/lFhByOakm0Vjvn8khB64IoU=\","
		    "\"msg_type\":\"text\",\"content\":{\"text\":\"a \\\"b\\\"\\nc\"}}" },
		{ OTHER, secret, OTHER, "{\"text\":\"a \\\"b\\\"\\nc\",\"event\":\"test\"}" },
	};
	const struct alert_robot_message	 m = {
		.text = BYTES("a \"b\"\nc"), .json = BYTES("\"event\":\"test\""),
	};
	struct buf				 url = { 0 }, body = { 0 };
	struct settings				 set = { .state_dir = NULL };
	size_t					 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set.alert_url = cases[i].url;
		set.alert_secret = cases[i].secret;
		check_err(cases[i].url, alert_robot_url(&url, &set, INT64_C(1000) * NOW_S), ERR_OK);
		check_text(cases[i].url, url.p, cases[i].want_url);
		check_err(cases[i].url, alert_robot_body(&body, &set, &m,
		    INT64_C(1000) * NOW_S), ERR_OK);
		check_bytes(cases[i].url, buf_slice(&body), slice_of(cases[i].want_body));
	}
	buf_free(&url);
	buf_free(&body);
}

/* A text that is too long ends with a whole line; one without lines, with a whole character. */
static void
long_texts(void **state)
{
	static const char	 frame[] = "{\"msgtype\":\"text\",\"text\":{\"content\":\"\"}}";
	static const struct {
		const char	*unit;
		size_t		 units;
		size_t		 want;		/* bytes of the text that are sent */
		const char	*end;
	} cases[] = {
		{ "0123456789", 200, 2000, "0123456789\"}}" },
		{ "0123456789", 300, 2044 + 3, "0123\xE2\x80\xA6\"}}" },
		{ "012345678\n", 300, 2040 + 204 + 3, "012345678\\n\xE2\x80\xA6\"}}" },
		{ "\xE4\xB8\xAD", 1000, 2043 + 3, "\xE4\xB8\xAD\xE2\x80\xA6\"}}" },
	};
	struct settings				 set = { .alert_url = WECOM };
	struct buf				 text = { 0 }, body = { 0 };
	struct alert_robot_message		 m = { .json = BYTES("") };
	size_t					 i, k, len;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&text);
		for (k = 0; k < cases[i].units; k++)
			assert_int_equal(buf_puts(&text, cases[i].unit), ERR_OK);
		m.text = buf_slice(&text);
		check_err(cases[i].unit, alert_robot_body(&body, &set, &m, 0), ERR_OK);
		check_int(cases[i].unit, (int64_t)(body.len - (sizeof(frame) - 1)),
		    (int64_t)cases[i].want);
		len = strlen(cases[i].end);
		check_bytes(cases[i].unit, (struct slice){ body.p + body.len - len, len },
		    slice_of(cases[i].end));
	}
	buf_free(&text);
	buf_free(&body);
}

static void
answers(void **state)
{
	static const struct {
		const char	*name, *url;
		int		 status;
		const char	*body, *want;	/* "": it was taken */
	} cases[] = {
		{ "WeCom", WECOM, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", "" },
		{ "removed", WECOM, 200, "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}",
		    "WeCom: errcode 93000: the robot's address is wrong, or the robot was removed: "
		    "copy the address again" },
		{ "too often", WECOM, 200, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}",
		    "WeCom: errcode 45009: more than 20 messages in a minute: others write with "
		    "this robot, too" },
		{ "busy", WECOM, 200, "{\"errcode\":-1,\"errmsg\":\"system\x1b busy\"}",
		    "WeCom: errcode -1: system? busy" },
		{ "it tells the key", WECOM, 200, "{\"errcode\":1,\"errmsg\":\"no k-123\"}",
		    "WeCom: errcode 1: " },
		{ "a page", WECOM, 200, "<html>", "the answer is not a robot's: check the address" },
		{ "an empty object", WECOM, 200, "{}",
		    "the answer is not a robot's: check the address" },
		{ "nothing", WECOM, 200, "", "the answer is not a robot's: check the address" },
		{ "gateway", WECOM, 502, "<html>", "HTTP 502: check the address" },
		{ "moved", OTHER, 302, "", "HTTP 302: check the address" },
		{ "DingTalk", DING, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", "" },
		{ "DingTalk too often", DING, 200, "{\"errcode\":130101}", "DingTalk: errcode "
		    "130101: more than 20 messages in a minute: others write with this robot, too" },
		{ "Feishu", FEISHU, 200, "{\"code\":0,\"msg\":\"success\",\"data\":{}}", "" },
		{ "Feishu's keyword", FEISHU, 200, "{\"code\":19024,\"msg\":\"Key Words Not Found\"}",
		    "Feishu: errcode 19024: the robot wants a keyword: set its keyword to qtoa" },
		{ "Feishu, 400", FEISHU, 400, "{\"code\":19021,\"msg\":\"sign match fail\"}",
		    "Feishu: errcode 19021: the signature is wrong: put the robot's key into "
		    "settings.alert_secret, and check this host's clock" },
		{ "a code of 0 and 500", FEISHU, 500, "{\"code\":0}", "Feishu: errcode 0: " },
		{ "any", OTHER, 204, "", "" },
		{ "any, with words", OTHER, 200, "ok", "" },
		{ "any, refused", OTHER, 403, "{\"errcode\":0}", "HTTP 403: check the address" },
	};
	struct settings	 set = { .state_dir = NULL };
	char		 why[ALERT_ROBOT_WHY];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set.alert_url = cases[i].url;
		check_int(cases[i].name, alert_robot_took(why, &set, cases[i].status,
		    slice_of(cases[i].body)), *cases[i].want == '\0');
		check_text(cases[i].name, why, cases[i].want);
	}
}

/* Whatever a robot's security settings want is named. */
static void
dingtalk_security(void **state)
{
	static const char *const	 words[] = { "keyword", "alert_secret", "address", "clock" };
	static const char		 body[] = "{\"errcode\":310000,\"errmsg\":\"sign not match\"}";
	const struct settings		 set = { .alert_url = DING };
	char				 why[ALERT_ROBOT_WHY];
	size_t				 i;

	(void)state;
	CHECK("refused", !alert_robot_took(why, &set, 200, slice_of(body)));
	for (i = 0; i < COUNT(words); i++)
		CHECK(words[i], strstr(why, words[i]) != NULL);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(kinds), TEST(languages), TEST(requests), TEST(long_texts), TEST(answers),
		TEST(dingtalk_security),
	};

	return RUN("alert_robot", tests);
}
