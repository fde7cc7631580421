#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "wechat/errcode.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

static const struct errcode	 errors[] = {
	{ -1, ERRCODE_BUSY, "WeChat is busy" },
	{ 40001, ERRCODE_TOKEN, "the access_token is not the latest" },
	{ 40002, ERRCODE_BUG, "grant_type is wrong" },
	{ 40003, ERRCODE_USER, "this user is not a user of the account of the access_token" },
	{ 40013, ERRCODE_SETTING, "there is no such appid; compare it with WeChat's console" },
	{ 40014, ERRCODE_TOKEN, "the access_token is not valid" },
	{ 40125, ERRCODE_SETTING, "secret is not the AppSecret in WeChat's console" },
	{ 40164, ERRCODE_ADDRESS, "put this address on the IP whitelist in WeChat's console" },
	{ 40243, ERRCODE_SETTING, "the AppSecret is frozen; see WeChat's console" },
	{ 41001, ERRCODE_BUG, "access_token is missing" },
	{ 41002, ERRCODE_BUG, "appid is missing" },
	{ 41004, ERRCODE_BUG, "secret is missing" },
	{ 42001, ERRCODE_TOKEN, "the access_token has expired" },
	{ 42007, ERRCODE_SETTING, "the account's password has changed: authorize again" },
	{ 43002, ERRCODE_BUG, "the request must be a POST" },
	{ 43004, ERRCODE_USER, "the user does not follow the account" },
	{ 45009, ERRCODE_DAY, "the day's quota of this interface is used up" },
	{ 45011, ERRCODE_MINUTE, "this interface is called too often" },
	{ 46004, ERRCODE_USER, "there is no such user" },
	{ 48001, ERRCODE_DENIED, "the account may not use this interface; see WeChat's console" },
	{ 50002, ERRCODE_SETTING, "WeChat has restricted the account" },
	{ 50004, ERRCODE_DENIED, "the account is not allowed to do this" },
	{ 50007, ERRCODE_SETTING, "WeChat has disabled the account" },
	{ 61004, ERRCODE_ADDRESS, "the third-party platform does not have this address" },
	{ 61007, ERRCODE_DENIED, "the third-party platform may not do this for the account" },
	{ 61500, ERRCODE_BUG, "the dates are not valid" },
	{ 61501, ERRCODE_BUG, "the range of days is too long or wrong" },
	{ 61502, ERRCODE_BUSY, "the figures are not ready yet" },
	{ 61503, ERRCODE_BUSY, "the figures are not ready yet" },
	{ 89501, ERRCODE_ADDRESS, "the administrator has not confirmed this address yet" },
	{ 89503, ERRCODE_ADDRESS, "the account's administrator must confirm this address" },
	{ 89506, ERRCODE_ADDRESS, "the administrator has refused this address for 24 hours" },
	{ 89507, ERRCODE_ADDRESS, "the administrator has refused this address for an hour" },
};

/* Numbers that mean something else in the call that asks for an access_token. */
static const struct errcode	 token_errors[] = {
	{ 40001, ERRCODE_SETTING, "secret is not the AppSecret in WeChat's console" },
	{ 40014, ERRCODE_BUG, "the call needs no access_token" },
	{ 42001, ERRCODE_BUG, "the call needs no access_token" },
	{ 45009, ERRCODE_DAY, "the day's quota of access_tokens is used up" },
	{ 45011, ERRCODE_MINUTE, "access_tokens are asked for too often" },
	{ 48001, ERRCODE_SETTING, "the account may have no access_token; see WeChat's console" },
};

static const struct errcode	 unknown = { 0, ERRCODE_OTHER, "see WeChat's return codes" };

static const struct errcode *
find_errcode(const struct errcode *e, size_t n, int64_t code)
{
	for (; n != 0; e++, n--)
		if (e->code == code)
			return e;
	return NULL;
}

const struct errcode *
errcode_of(int64_t code)
{
	const struct errcode	*e = find_errcode(errors, NELEM(errors), code);

	return e != NULL ? e : &unknown;
}

const struct errcode *
errcode_of_token(int64_t code)
{
	const struct errcode	*e = find_errcode(token_errors, NELEM(token_errors), code);

	return e != NULL ? e : errcode_of(code);
}

struct json *
errcode_parse(struct http_answer *answer, const char *who, char *why, size_t size)
{
	struct json	*j = NULL;

	if (answer->status == 0)
		errcode_print(why, size, "%s: no answer: %s", who, answer->why);
	else if (answer->status != 200)
		errcode_print(why, size, "%s: HTTP %d instead of 200%s", who, answer->status,
		    answer->status / 100 == 3 ? ", redirects are not followed" : "");
	else if ((j = json_parse_body(&answer->body)) == NULL)
		errcode_print(why, size, "%s: the answer, %zu bytes, is not JSON", who,
		    answer->body.len);
	return j;
}

int64_t
errcode_integer(const struct json *j, const char *path)
{
	struct buf	 b = { 0 };
	char		 lost[JSON_WHY];
	int64_t		 n = 0;

	if (json_path(j, &b, slice_of(path), lost) == JSON_FOUND && buf_putc(&b, '\0') == ERR_OK)
		n = strtoll(b.p, NULL, 10);
	buf_free(&b);
	return n;
}

int64_t
errcode_code(const struct json *j)
{
	const int64_t	 code = errcode_integer(j, "$.errcode");

	return code != 0 ? code : errcode_integer(j, "$.base_resp.ret");
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

void
errcode_explain(char *why, size_t size, const struct errcode *e, int64_t code, const struct json *j,
    struct slice secret)
{
	struct buf	 msg = { 0 };
	char		 lost[JSON_WHY];

	if (json_path(j, &msg, slice_of("$.errmsg"), lost) != JSON_FOUND)
		(void)json_path(j, &msg, slice_of("$.base_resp.err_msg"), lost);
	if (contains(buf_slice(&msg), secret))
		msg.len = 0;
	errcode_print(why, size, "WeChat: errcode %lld: %s%s%.*s", (long long)code, e->hint,
	    msg.len == 0 ? "" : ": ", msg.len > size ? (int)size : (int)msg.len,
	    msg.len == 0 ? "" : msg.p);
	buf_free(&msg);
}

void
errcode_print(char *why, size_t size, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	utf8_mask(why);
}
