#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wechat/errcode.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

static const struct wxerr	 errors[] = {
	{ -1, WXERR_BUSY, "WeChat is busy" },
	{ 40001, WXERR_TOKEN, "the access_token is not the latest" },
	{ 40002, WXERR_BUG, "grant_type is wrong" },
	{ 40003, WXERR_BUG, "this is no user of the account that the access_token is for" },
	{ 40013, WXERR_SETTING, "appid is none of WeChat's, compare it with WeChat's console" },
	{ 40014, WXERR_TOKEN, "the access_token is none" },
	{ 40125, WXERR_SETTING, "secret is not the AppSecret in WeChat's console" },
	{ 40164, WXERR_ADDRESS, "put this address on the IP whitelist in WeChat's console" },
	{ 40243, WXERR_SETTING, "the AppSecret is frozen, see WeChat's console" },
	{ 41001, WXERR_BUG, "access_token is missing" },
	{ 41002, WXERR_BUG, "appid is missing" },
	{ 41004, WXERR_BUG, "secret is missing" },
	{ 42001, WXERR_TOKEN, "the access_token is over" },
	{ 42007, WXERR_SETTING, "the account's password has changed: authorize anew" },
	{ 43002, WXERR_BUG, "must be a POST" },
	{ 45009, WXERR_DAY, "the day's quota of this interface is used up" },
	{ 45011, WXERR_MINUTE, "this interface is asked too often" },
	{ 48001, WXERR_DENIED, "the account may not use this interface, see WeChat's console" },
	{ 50002, WXERR_SETTING, "WeChat has restricted the account" },
	{ 50004, WXERR_DENIED, "the account is not allowed to do this" },
	{ 50007, WXERR_SETTING, "WeChat has disabled the account" },
	{ 61004, WXERR_ADDRESS, "the third-party platform does not have this address" },
	{ 61007, WXERR_DENIED, "the third-party platform may not do this for the account" },
	{ 61500, WXERR_BUG, "the dates are none" },
	{ 61501, WXERR_BUG, "the span of days is too long or wrong" },
	{ 61502, WXERR_BUSY, "the figures are not there yet" },
	{ 61503, WXERR_BUSY, "the figures are not there yet" },
	{ 89501, WXERR_ADDRESS, "this address waits for the account's administrator" },
	{ 89503, WXERR_ADDRESS, "the account's administrator must confirm this address" },
	{ 89506, WXERR_ADDRESS, "the administrator has refused this address for 24 hours" },
	{ 89507, WXERR_ADDRESS, "the administrator has refused this address for an hour" },
};

/* What means something else while an access_token is asked for. */
static const struct wxerr	 token_errors[] = {
	{ 40001, WXERR_SETTING, "secret is not the AppSecret in WeChat's console" },
	{ 40014, WXERR_BUG, "no access_token was asked with" },
	{ 42001, WXERR_BUG, "no access_token was asked with" },
	{ 45009, WXERR_DAY, "the day's quota of access_tokens is used up" },
	{ 45011, WXERR_MINUTE, "access_tokens are asked for too often" },
	{ 48001, WXERR_SETTING, "the account may have no access_token, see WeChat's console" },
};

static const struct wxerr	 other = { 0, WXERR_OTHER, "see WeChat's return codes" };

static const struct wxerr *
find(const struct wxerr *e, size_t n, int64_t code)
{
	for (; n != 0; e++, n--)
		if (e->code == code)
			return e;
	return NULL;
}

const struct wxerr *
wxerr_of(int64_t code)
{
	const struct wxerr	*e = find(errors, NELEM(errors), code);

	return e != NULL ? e : &other;
}

const struct wxerr *
wxerr_of_token(int64_t code)
{
	const struct wxerr	*e = find(token_errors, NELEM(token_errors), code);

	return e != NULL ? e : wxerr_of(code);
}

/* The integer at a path, also one in quotes; 0 without one. */
static int64_t
number_at(const struct json *j, const char *path)
{
	struct buf	 b = { 0 };
	char		 lost[JSON_WHY];
	int64_t		 n = 0;

	if (json_path(j, &b, slice_of(path), lost) == JSON_FOUND && buf_putc(&b, '\0') == QT_OK)
		n = strtoll(b.p, NULL, 10);
	buf_free(&b);
	return n;
}

int64_t
wxerr_code(const struct json *j)
{
	const int64_t	 code = number_at(j, "$.errcode");

	return code != 0 ? code : number_at(j, "$.base_resp.ret");
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
wxerr_say(char *why, size_t size, const struct wxerr *e, int64_t code, const struct json *j,
    struct slice secret)
{
	struct buf	 msg = { 0 };
	char		 lost[JSON_WHY];

	if (json_path(j, &msg, slice_of("$.errmsg"), lost) != JSON_FOUND)
		(void)json_path(j, &msg, slice_of("$.base_resp.err_msg"), lost);
	if (contains(buf_slice(&msg), secret))
		msg.len = 0;
	wxerr_print(why, size, "WeChat: errcode %lld: %s%s%.*s", (long long)code, e->hint,
	    msg.len == 0 ? "" : ": ", msg.len > size ? (int)size : (int)msg.len,
	    msg.len == 0 ? "" : msg.p);
	buf_free(&msg);
}

void
wxerr_print(char *why, size_t size, const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	for (p = why; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}
