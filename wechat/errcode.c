#include <ctype.h>
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
	{ 40201, ERRCODE_SETTING, "no URL, or an illegal one, is set in WeChat's console" },
	{ 40202, ERRCODE_BUG, "the kind of check is wrong" },
	{ 40203, ERRCODE_BUG, "the network to check from is wrong" },
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
	{ 45029, ERRCODE_DENIED, "the account has 100,000 permanent QR codes, as many as WeChat "
	    "allows; make temporary ones" },
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
	{ 76001, ERRCODE_OTHER, "there is no call with this rid" },
	{ 76002, ERRCODE_OTHER, "this is not a rid" },
	{ 76003, ERRCODE_DENIED, "this rid is of another account" },
	{ 76004, ERRCODE_OTHER, "the rid is too old: WeChat keeps it for a week" },
	{ 76021, ERRCODE_BUG, "there is no such interface" },
	{ 76022, ERRCODE_DENIED, "the account may not ask about this interface" },
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

/* Where a part begins in a text; NULL: it is not there. */
static const char *
find_part(struct slice text, struct slice part)
{
	size_t	 i;

	for (i = 0; part.len != 0 && part.len <= text.len && i <= text.len - part.len; i++)
		if (memcmp(text.p + i, part.p, part.len) == 0)
			return text.p + i;
	return NULL;
}

static const char	 rid_mark[] = "rid:";

/* Where "rid:" begins, as a word; NULL: it is not there. */
static const char *
find_rid_mark(struct slice text)
{
	const char	*end = text.p + text.len, *at = find_part(text, slice_of(rid_mark));

	while (at != NULL && at != text.p && isalnum((unsigned char)at[-1])) {
		at++;
		at = find_part((struct slice){ at, (size_t)(end - at) }, slice_of(rid_mark));
	}
	return at;
}

bool
errcode_rid(char rid[ERRCODE_RID], struct slice text)
{
	static const char	 digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";
	const char		*p = find_rid_mark(text);
	const char		*end = text.p + text.len;
	size_t			 n = 0;

	if (p != NULL)
		for (p += sizeof(rid_mark) - 1; p != end && *p == ' '; p++)
			;
	for (; p != NULL && p != end && *p != '\0' && strchr(digits, *p) != NULL; p++)
		if (n < ERRCODE_RID - 1)
			rid[n++] = *p;
	rid[n] = '\0';
	return n != 0;
}

/* Appends WeChat's words to why, where len bytes stand already, and the rid behind them. */
static void
append_words(char *why, size_t size, size_t len, struct slice words, struct slice secret)
{
	const char	*mark = find_rid_mark(words);
	char		 rid[ERRCODE_RID], tail[ERRCODE_RID + 8] = "";
	size_t		 taken;

	if (find_part(words, secret) != NULL && mark != NULL)
		words = (struct slice){ mark, words.len - (size_t)(mark - words.p) };
	if (find_part(words, secret) != NULL)
		return;
	if (errcode_rid(rid, words)) {
		words.len = (size_t)(find_rid_mark(words) - words.p);
		(void)snprintf(tail, sizeof(tail), "rid: %s", rid);
	}
	taken = len + strlen(tail) + sizeof(": ") + 1;
	words.len = utf8_cut(words, taken < size ? size - taken : 0);
	while (words.len != 0 && words.p[words.len - 1] == ' ')
		words.len--;
	errcode_print(why + len, size - len, "%s%.*s%s%s", words.len + strlen(tail) == 0 ? "" :
	    ": ", (int)words.len, words.len == 0 ? "" : words.p,
	    words.len == 0 || *tail == '\0' ? "" : " ", tail);
}

void
errcode_explain(char *why, size_t size, const struct errcode *e, int64_t code, const struct json *j,
    struct slice secret)
{
	struct buf	 msg = { 0 };
	char		 lost[JSON_WHY];

	if (json_path(j, &msg, slice_of("$.errmsg"), lost) != JSON_FOUND)
		(void)json_path(j, &msg, slice_of("$.base_resp.err_msg"), lost);
	errcode_print(why, size, "WeChat: errcode %lld: %s", (long long)code, e->hint);
	append_words(why, size, strlen(why), buf_slice(&msg), secret);
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
