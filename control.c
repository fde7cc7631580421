#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "json.h"

enum {
	TOKEN_MAX = 512,	/* bytes, WeChat's own advice */
	ID_MAX = 128,		/* bytes of an openid or unionid; they have 28 */
};

/* What WeChat's numbers mean here. */
static const struct errcode {
	const char		*code;
	enum control_result	 result;
	const char		*hint;
} errcodes[] = {
	{ "40001", CONTROL_TOKEN, "control_url gives a token that is not the latest" },
	{ "40014", CONTROL_TOKEN, "control_url gives no token of WeChat's" },
	{ "42001", CONTROL_TOKEN, "control_url gives a token that is over" },
	{ "40003", CONTROL_NONE, "this is no user of the account that the token is for" },
	{ "40013", CONTROL_FAILED, "compare appid with WeChat's console" },
	{ "40164", CONTROL_FAILED, "put this address on the IP whitelist in WeChat's console" },
	{ "45009", CONTROL_FAILED, "the day's quota of user/info is used up" },
	{ "45011", CONTROL_FAILED, "user/info is asked too often" },
	{ "48001", CONTROL_FAILED, "the account may not use user/info, see WeChat's console" },
	{ "50002", CONTROL_FAILED, "WeChat has restricted the account" },
	{ "89503", CONTROL_FAILED, "the account's administrator must confirm this address" },
	{ "-1", CONTROL_FAILED, "WeChat is busy" },
};
static const struct errcode	 other_errcode = { "", CONTROL_FAILED, "see WeChat's errcodes" };

static void	say(char why[CONTROL_WHY], const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

/* Foreign text within it is made printable. */
static void
say(char why[CONTROL_WHY], const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	va_start(ap, fmt);
	(void)vsnprintf(why, CONTROL_WHY, fmt, ap);
	va_end(ap);
	for (p = why; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

/* One word, short enough, that can stand in a URL and in a log. */
static bool
is_word(struct slice s, size_t max)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.len != 0 && s.len <= max;
}

/* Asks url; NULL: there is no answer that is JSON, why begins with who. */
static struct json *
ask(struct http *h, const char *who, const char *url, int64_t deadline_ms, char why[CONTROL_WHY])
{
	const struct http_call	 call = { .url = url, .get = true, .deadline_ms = deadline_ms };
	struct http_answer	 answer = { 0 };
	struct json		*j = NULL;

	http_do(h, &answer, &call);
	if (answer.status == 0)
		say(why, "%s: no answer: %s", who, answer.why);
	else if (answer.status != 200)
		say(why, "%s: HTTP %d instead of 200%s", who, answer.status,
		    answer.status / 100 == 3 ? ", redirects are not followed" : "");
	else if ((j = json_parse_any(buf_slice(&answer.body))) == NULL)
		say(why, "%s: the answer, %zu bytes, is no JSON", who, answer.body.len);
	buf_free(&answer.body);
	return j;
}

enum control_result
control_token(struct http *h, struct buf *token, const struct account *a, int64_t deadline_ms,
    char why[CONTROL_WHY])
{
	const char		*path = a->control_token_path;
	enum control_result	 result = CONTROL_FAILED;
	char			 lost[JSON_WHY];
	struct json		*j;

	*why = '\0';
	buf_reset(token);
	if ((j = ask(h, "control_url", a->control_url, deadline_ms, why)) == NULL)
		return CONTROL_FAILED;
	if (json_path(j, token, slice_of(path), lost) != JSON_FOUND)
		say(why, "control_token_path: %s", lost);
	else if (!is_word(buf_slice(token), TOKEN_MAX))
		say(why, "control_token_path: at %s, %zu bytes, is no access_token: 1 to %d "
		    "characters without blanks", path, token->len, TOKEN_MAX);
	else
		result = CONTROL_OK;
	if (result != CONTROL_OK)
		buf_reset(token);
	json_free(j);
	return result;
}

/* All but what RFC 3986 calls unreserved as %XX. */
static enum qt_err
put_encoded(struct buf *out, struct slice s)
{
	static const char	 bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-._~";
	enum qt_err		 er = QT_OK;
	size_t			 i;

	for (i = 0; i < s.len && er == QT_OK; i++)
		if (memchr(bare, s.p[i], sizeof(bare) - 1) != NULL)
			er = buf_putc(out, s.p[i]);
		else
			er = buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
	return er;
}

static enum qt_err
put_url(struct buf *out, const char *api, struct slice token, struct slice openid)
{
	size_t		 len = strlen(api);
	enum qt_err	 er;

	if (len != 0 && api[len - 1] == '/')
		len--;
	if ((er = buf_put(out, api, len)) != QT_OK ||
	    (er = buf_puts(out, "/cgi-bin/user/info?access_token=")) != QT_OK ||
	    (er = put_encoded(out, token)) != QT_OK ||
	    (er = buf_puts(out, "&openid=")) != QT_OK ||
	    (er = put_encoded(out, openid)) != QT_OK)
		return er;
	return buf_put(out, "&lang=zh_CN", sizeof("&lang=zh_CN"));	/* with its NUL */
}

static const struct errcode *
errcode_of(struct slice code)
{
	size_t	 i;

	for (i = 0; i < sizeof(errcodes) / sizeof(errcodes[0]); i++)
		if (slice_is(code, errcodes[i].code))
			return &errcodes[i];
	return &other_errcode;
}

static bool
contains(struct slice text, struct slice part)
{
	size_t	 i;

	for (i = 0; part.len != 0 && part.len <= text.len && i <= text.len - part.len; i++)
		if (memcmp(text.p + i, part.p, part.len) == 0)
			return true;
	return false;
}

/* WeChat has refused: its number, what to do, and its words, unless the token is in them. */
static enum control_result
explain(const struct json *j, struct slice code, struct slice token, char why[CONTROL_WHY])
{
	const struct errcode	*e = errcode_of(code);
	struct slice		 msg = json_text(j, "errmsg");

	if (contains(msg, token))
		msg.len = 0;
	say(why, "WeChat: errcode %.*s: %s: %.*s", code.len > 20 ? 20 : (int)code.len, code.p,
	    e->hint, msg.len > CONTROL_WHY ? CONTROL_WHY : (int)msg.len, msg.len == 0 ? "" : msg.p);
	return e->result;
}

/* Whether a member has that value, in digits where it is a number. */
static bool
is_member(const struct json *j, const char *path, const char *value)
{
	struct buf	 b = { 0 };
	char		 lost[JSON_WHY];
	bool		 is;

	is = json_path(j, &b, slice_of(path), lost) == JSON_FOUND && slice_is(buf_slice(&b), value);
	buf_free(&b);
	return is;
}

static enum control_result
read_unionid(struct buf *unionid, const struct json *j, char why[CONTROL_WHY])
{
	char	 lost[JSON_WHY];

	if (json_path(j, unionid, slice_of("$.unionid"), lost) != JSON_FOUND ||
	    unionid->len == 0) {
		say(why, "WeChat: no unionid: %s", is_member(j, "$.subscribe", "0") ?
		    "the user does not follow the account" :
		    "the account is bound to no open platform");
		return CONTROL_NONE;
	}
	if (is_word(buf_slice(unionid), ID_MAX))
		return CONTROL_OK;
	say(why, "WeChat: the unionid is none: %zu bytes", unionid->len);
	buf_reset(unionid);
	return CONTROL_FAILED;
}

static enum control_result
read_answer(struct buf *unionid, const struct json *j, struct slice token, char why[CONTROL_WHY])
{
	enum control_result	 result = CONTROL_FAILED;
	struct buf		 code = { 0 };
	char			 lost[JSON_WHY];

	if (json_path(j, &code, slice_of("$.errcode"), lost) == JSON_FOUND &&
	    !slice_is(buf_slice(&code), "0"))
		result = explain(j, buf_slice(&code), token, why);
	else
		result = read_unionid(unionid, j, why);
	buf_free(&code);
	return result;
}

enum control_result
control_unionid(struct http *h, struct buf *unionid, const char *api, struct slice token,
    struct slice openid, int64_t deadline_ms, char why[CONTROL_WHY])
{
	enum control_result	 result = CONTROL_FAILED;
	struct json		*j = NULL;
	struct buf		 url = { 0 };
	enum qt_err		 er;

	*why = '\0';
	buf_reset(unionid);
	if (!is_word(openid, ID_MAX)) {
		say(why, "the user is no openid");
		return CONTROL_NONE;
	}
	if ((er = put_url(&url, api, token, openid)) != QT_OK)
		say(why, "%s", errs[er].name);
	else if ((j = ask(h, "WeChat", url.p, deadline_ms, why)) != NULL)
		result = read_answer(unionid, j, token, why);
	json_free(j);
	buf_free(&url);
	return result;
}
