#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "core/json.h"
#include "core/json_write.h"
#include "core/number.h"
#include "core/proxy.h"
#include "core/utf8.h"
#include "monitor/alert_robot.h"

enum { ERRMSG = 128 };	/* bytes of a robot's own words that are shown */

/* What an error code means, and what to do. */
struct code {
	int64_t		 code;
	const char	*why;
};

static const struct code	wecom_codes[] = {
	{ 93000,
	    "the robot's address is wrong, or the robot was removed: copy the address again" },
	{ 45009, "more than 20 messages in a minute: others write with this robot, too" },
	{ 45002, "the message is too long" },
	{ 40058, "the robot cannot read the message" },
	{ 40008, "the robot does not know this kind of message" },
	{ 0, NULL }
};

static const struct code	dingtalk_codes[] = {
	{ 310000, "the robot's security settings refuse it: set its keyword to qtoa, or put the "
	    "key of its signature (SEC...) into settings.alert_secret, or add this host's address "
	    "to its addresses; and check this host's clock" },
	{ 300005, "there is no such access_token: copy the robot's address again" },
	{ 400101, "there is no such access_token: copy the robot's address again" },
	{ 400102, "the robot was stopped: start it in the group's settings" },
	{ 400013, "the group was dissolved: make a robot in another one" },
	{ 130101, "more than 20 messages in a minute: others write with this robot, too" },
	{ 410100, "more than 20 messages in a minute: others write with this robot, too" },
	{ 0, NULL }
};

static const struct code	feishu_codes[] = {
	{ 19001,
	    "the robot's address is wrong, or the robot was removed: copy the address again" },
	{ 19021, "the signature is wrong: put the robot's key into settings.alert_secret, and "
	    "check this host's clock" },
	{ 19022, "this host's address is not on the robot's list: add it" },
	{ 19024, "the robot wants a keyword: set its keyword to qtoa" },
	{ 9499, "the robot cannot read the message" },
	{ 11232, "too many messages: others write with this robot, too" },
	{ 0, NULL }
};

/* How a kind of robot is recognized and written to. */
static const struct robot {
	const char		*name;
	const char		*hosts[3];	/* ended by NULL */
	const char		*key;		/* what its URL has; NULL: it has nothing special */
	const char		*before, *behind; /* around the text, which is a JSON string */
	size_t			 text_max;	/* bytes of the text; 0: any number */
	const char		*code, *errmsg;	/* paths in its answer; NULL: it has none */
	const struct code	*codes;
	bool			 signs_url, signs_body;	/* a signature goes there */
} robots[ALERT_ROBOT__MAX] = {
	[ALERT_ROBOT_WECOM] = {
		.name = "WeCom", .hosts = { "qyapi.weixin.qq.com" }, .key = "key=",
		.before = "\"msgtype\":\"text\",\"text\":{\"content\":", .behind = "}",
		.text_max = 2048, .code = "$.errcode", .errmsg = "$.errmsg", .codes = wecom_codes,
	},
	[ALERT_ROBOT_DINGTALK] = {
		.name = "DingTalk", .hosts = { "oapi.dingtalk.com" }, .key = "access_token=",
		.before = "\"msgtype\":\"text\",\"text\":{\"content\":", .behind = "}",
		.text_max = 16000, .code = "$.errcode", .errmsg = "$.errmsg",
		.codes = dingtalk_codes, .signs_url = true,
	},
	[ALERT_ROBOT_FEISHU] = {
		.name = "Feishu", .hosts = { "open.feishu.cn", "open.larksuite.com" },
		.key = "/hook/",
		.before = "\"msg_type\":\"text\",\"content\":{\"text\":", .behind = "}",
		.text_max = 16000, .code = "$.code", .errmsg = "$.msg", .codes = feishu_codes,
		.signs_body = true,
	},
	[ALERT_ROBOT_JSON] = { .name = "webhook", .before = "\"text\":", .behind = "" },
};

static const struct robot *
find_robot(const char *url)
{
	return &robots[alert_robot_of(url)];
}

static bool
is_host(struct slice host, const char *name)
{
	size_t	 i;
	char	 c;

	for (i = 0; i < host.len && name[i] != '\0'; i++) {
		c = host.p[i];
		if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != name[i])
			return false;
	}
	return i == host.len && name[i] == '\0';
}

enum alert_robot
alert_robot_of(const char *url)
{
	const struct slice	 host = proxy_host(url);
	enum alert_robot	 r;
	int			 i;

	for (r = 0; r < ALERT_ROBOT_JSON; r++)
		for (i = 0; robots[r].hosts[i] != NULL; i++)
			if (is_host(host, robots[r].hosts[i]))
				return r;
	return ALERT_ROBOT_JSON;
}

const char *
alert_robot_name(enum alert_robot r)
{
	return robots[r].name;
}

enum language
alert_robot_lang(const struct settings *set)
{
	enum language	 l = alert_robot_of(set->alert_url) == ALERT_ROBOT_JSON ? ENGLISH : CHINESE;

	if (conf_is_set(set->alert_lang))
		(void)lang_read(&l, set->alert_lang);
	return l;
}

bool
alert_robot_lacks_key(const char *url)
{
	const char	*key = find_robot(url)->key, *at = key == NULL ? url : strstr(url, key);

	return at == NULL || (key != NULL && at[strlen(key)] == '\0');
}

/* Appends text with all but letters and digits as %XX. */
static enum error
append_encoded(struct buf *b, const char *text)
{
	enum error	 er = ERR_OK;

	for (; *text != '\0' && er == ERR_OK; text++)
		if ((*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'Z') ||
		    (*text >= 'a' && *text <= 'z'))
			er = buf_putc(b, *text);
		else
			er = buf_printf(b, "%%%02X", (unsigned)(unsigned char)*text);
	return er;
}

/* DingTalk's signature: the text "TIMESTAMP\nSECRET", signed with the secret. */
enum error
alert_robot_url(struct buf *url, const struct settings *set, int64_t now_ms)
{
	const char	*given = set->alert_url;
	char		 text[320], sign[DIGEST_HMAC_BASE64 + 1];
	enum error	 er;

	buf_reset(url);
	if ((er = buf_puts(url, given)) != ERR_OK)
		return er;
	if (find_robot(given)->signs_url && conf_is_set(set->alert_secret)) {
		(void)snprintf(text, sizeof(text), "%lld\n%s", (long long)now_ms,
		    set->alert_secret);
		digest_hmac_base64(sign, slice_of(set->alert_secret), slice_of(text));
		if ((er = buf_printf(url, "%ctimestamp=%lld&sign=",
		    strchr(given, '?') == NULL ? '?' : '&', (long long)now_ms)) != ERR_OK ||
		    (er = append_encoded(url, sign)) != ERR_OK)
			return er;
	}
	return buf_putc(url, '\0');
}

/* Feishu's signature: the same text with seconds is the key, and nothing is signed with it. */
static enum error
append_body_sign(struct buf *body, const char *secret, int64_t now_ms)
{
	char	 key[320], sign[DIGEST_HMAC_BASE64 + 1];

	(void)snprintf(key, sizeof(key), "%lld\n%s", (long long)(now_ms / 1000), secret);
	digest_hmac_base64(sign, slice_of(key), slice_of(""));
	return buf_printf(body, "\"timestamp\":\"%lld\",\"sign\":\"%s\",",
	    (long long)(now_ms / 1000), sign);
}

/* How many bytes of a text the robot gets: whole lines, if possible. */
static size_t
cut_text(struct slice text, size_t max)
{
	size_t	 len;

	if (max == 0 || text.len <= max)
		return text.len;
	for (len = max; len > max / 2 && text.p[len - 1] != '\n'; len--)
		;
	return len > max / 2 ? len : utf8_cut(text, max);
}

static enum error
append_cut_text(struct buf *body, const struct robot *r, struct slice text)
{
	static const char	 more[] = "\xE2\x80\xA6";	/* U+2026 */
	const size_t		 max = r->text_max == 0 ? 0 : r->text_max - sizeof(more);
	struct buf		 whole = { 0 };
	const size_t		 len = cut_text(text, max);
	enum error		 er;

	if ((er = buf_put(&whole, text.p, len)) == ERR_OK && len != text.len)
		er = buf_puts(&whole, more);
	if (er == ERR_OK)
		er = json_write_value(body, buf_slice(&whole));
	buf_free(&whole);
	return er;
}

enum error
alert_robot_body(struct buf *body, const struct settings *set, const struct alert_robot_message *m,
    int64_t now_ms)
{
	const struct robot	*r = find_robot(set->alert_url);
	enum error		 er;

	buf_reset(body);
	if ((er = buf_putc(body, '{')) != ERR_OK)
		return er;
	if (r->signs_body && conf_is_set(set->alert_secret) &&
	    (er = append_body_sign(body, set->alert_secret, now_ms)) != ERR_OK)
		return er;
	if ((er = buf_puts(body, r->before)) != ERR_OK ||
	    (er = append_cut_text(body, r, m->text)) != ERR_OK ||
	    (er = buf_puts(body, r->behind)) != ERR_OK)
		return er;
	if (r->codes == NULL && m->json.len != 0 && ((er = buf_putc(body, ',')) != ERR_OK ||
	    (er = buf_put(body, m->json.p, m->json.len)) != ERR_OK))
		return er;
	return buf_putc(body, '}');
}

/* Copies what the robot says itself, unless it repeats the secret end of our URL. */
static void
copy_errmsg(char to[ERRMSG], struct slice said, const char *url)
{
	const char	*end = url + strlen(url);

	(void)snprintf(to, ERRMSG, "%.*s", said.len < ERRMSG ? (int)said.len : ERRMSG - 1,
	    said.len == 0 ? "" : said.p);
	to[utf8_cut(slice_of(to), ERRMSG - 1)] = '\0';
	utf8_mask(to);
	while (end != url && strchr("=/?&", end[-1]) == NULL)
		end--;
	if (*end != '\0' && strstr(to, end) != NULL)
		*to = '\0';
}

/* Reads a number, which may be below 0. */
static bool
read_number(int64_t *n, struct slice text)
{
	const bool	 below = text.len != 0 && *text.p == '-';

	if (!number_parse(n, (struct slice){ text.p + below, text.len - below }))
		return false;
	if (below)
		*n = -*n;
	return true;
}

/* False: the answer has no code. */
static bool
read_code(int64_t *code, char said[ERRMSG], const struct settings *set, struct slice body)
{
	const struct robot	*r = find_robot(set->alert_url);
	struct json		*j = json_parse_any(body);
	struct buf		 text = { 0 };
	char			 lost[JSON_WHY];
	bool			 got = j != NULL && json_path(j, &text, slice_of(r->code), lost) ==
				    JSON_FOUND && read_number(code, buf_slice(&text));

	buf_reset(&text);
	if (got && json_path(j, &text, slice_of(r->errmsg), lost) == JSON_FOUND)
		copy_errmsg(said, buf_slice(&text), set->alert_url);
	buf_free(&text);
	json_free(j);
	return got;
}

bool
alert_robot_took(char why[ALERT_ROBOT_WHY], const struct settings *set, int status,
    struct slice body)
{
	const struct robot	*r = find_robot(set->alert_url);
	const bool		 is_good = status >= 200 && status <= 299;
	const struct code	*c;
	char			 said[ERRMSG] = "";
	int64_t			 code;

	*why = '\0';
	if (r->codes != NULL && read_code(&code, said, set, body)) {
		for (c = r->codes; c->why != NULL && c->code != code; c++)
			;
		if (code == 0 && is_good)
			return true;
		(void)snprintf(why, ALERT_ROBOT_WHY, "%s: errcode %lld: %s", r->name,
		    (long long)code, c->why != NULL ? c->why : said);
	} else if (!is_good) {
		(void)snprintf(why, ALERT_ROBOT_WHY, "HTTP %d: check the address", status);
	} else if (r->codes != NULL) {
		(void)snprintf(why, ALERT_ROBOT_WHY, "the answer is not a robot's: check the "
		    "address");
	}
	return *why == '\0';
}
