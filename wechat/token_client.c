#include <string.h>

#include "core/json.h"
#include "core/query.h"
#include "wechat/errcode.h"
#include "wechat/token_client.h"

enum {
	TOKEN_MAX = 512,	/* bytes; WeChat asks to reserve so many */
	ID_MAX = 128		/* bytes of an openid or unionid; today they have 28 */
};

/* 1 to max bytes of printable ASCII without blanks. */
static bool
is_word(struct slice s, size_t max)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.len != 0 && s.len <= max;
}

/*
 * Calls url; the caller frees the answer.  NULL: no JSON answer, and why begins with `who`.
 * *status is that of HTTP; 0: there is no answer.
 */
static struct json *
get_json(struct http_client *h, int *status, const char *who, const char *url,
    int64_t deadline_ms, char why[TOKEN_CLIENT_WHY])
{
	const struct http_call	 call = { .url = url, .get = true, .deadline_ms = deadline_ms };
	struct http_answer	 answer = { 0 };
	struct json		*j;

	http_client_do(h, &answer, &call);
	j = errcode_parse(&answer, who, why, TOKEN_CLIENT_WHY);
	*status = answer.status;
	buf_free(&answer.body);
	return j;
}

enum token_client_result
token_client_get_token(struct http_client *h, struct buf *token, const struct account *a,
    int64_t deadline_ms, char why[TOKEN_CLIENT_WHY])
{
	const char			*path = a->control_token_path;
	enum token_client_result	 result = TOKEN_CLIENT_FAILED;
	char				 lost[JSON_WHY];
	struct json			*j;
	int				 status;

	*why = '\0';
	buf_reset(token);
	if ((j = get_json(h, &status, "control_url", a->control_url, deadline_ms, why)) == NULL)
		return TOKEN_CLIENT_FAILED;
	if (json_path(j, token, slice_of(path), lost) != JSON_FOUND)
		errcode_print(why, TOKEN_CLIENT_WHY, "control_token_path: %s", lost);
	else if (!is_word(buf_slice(token), TOKEN_MAX))
		errcode_print(why, TOKEN_CLIENT_WHY, "control_token_path: at %s, %zu bytes, is "
		    "not an access_token: 1 to %d characters without blanks", path,
		    token->len, TOKEN_MAX);
	else
		result = TOKEN_CLIENT_OK;
	if (result != TOKEN_CLIENT_OK)
		buf_reset(token);
	json_free(j);
	return result;
}

/* Makes the URL of user/info, with its NUL. */
static enum error
make_user_url(struct buf *out, const char *api, struct slice token, struct slice openid)
{
	size_t		 len = strlen(api);
	enum error	 er;

	if (len != 0 && api[len - 1] == '/')
		len--;
	if ((er = buf_put(out, api, len)) != ERR_OK ||
	    (er = buf_puts(out, "/cgi-bin/user/info?access_token=")) != ERR_OK ||
	    (er = query_encode(out, token)) != ERR_OK ||
	    (er = buf_puts(out, "&openid=")) != ERR_OK ||
	    (er = query_encode(out, openid)) != ERR_OK)
		return er;
	return buf_put(out, "&lang=zh_CN", sizeof("&lang=zh_CN"));	/* with its NUL */
}

/* What a refusal says. */
static const enum token_client_result	 results[ERRCODE__MAX] = {
	[ERRCODE_OTHER]		= TOKEN_CLIENT_STRANGE,
	[ERRCODE_BUSY]		= TOKEN_CLIENT_NO_ANSWER,
	[ERRCODE_TOKEN]		= TOKEN_CLIENT_BAD_TOKEN,
	[ERRCODE_ADDRESS]	= TOKEN_CLIENT_FAILED,
	[ERRCODE_SETTING]	= TOKEN_CLIENT_FAILED,
	[ERRCODE_MINUTE]	= TOKEN_CLIENT_FAILED,
	[ERRCODE_DAY]		= TOKEN_CLIENT_FAILED,
	[ERRCODE_DENIED]	= TOKEN_CLIENT_FAILED,
	[ERRCODE_USER]		= TOKEN_CLIENT_NO_UNIONID,
	[ERRCODE_BUG]		= TOKEN_CLIENT_STRANGE,
};

/* Reads why WeChat has refused. */
static enum token_client_result
read_refusal(const struct json *j, int64_t code, struct slice token, char why[TOKEN_CLIENT_WHY])
{
	const struct errcode	*e = errcode_of(code);

	errcode_explain(why, TOKEN_CLIENT_WHY, e, code, j, token);
	return results[e->kind];
}

/* A member has this value; a number is compared by its digits. */
static bool
has_value(const struct json *j, const char *path, const char *value)
{
	struct buf	 b = { 0 };
	char		 lost[JSON_WHY];
	bool		 has;

	has = json_path(j, &b, slice_of(path), lost) == JSON_FOUND &&
	    slice_is(buf_slice(&b), value);
	buf_free(&b);
	return has;
}

/* WeChat's answer has no unionid.  This is certain only if it says what the user is. */
static enum token_client_result
read_no_unionid(const struct json *j, char why[TOKEN_CLIENT_WHY])
{
	static const struct {
		const char	*value, *why;
	} subscribe[] = {
		{ "0", "the user does not follow the account" },
		{ "1", "the account is bound to no open platform" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(subscribe) / sizeof(subscribe[0]); i++)
		if (has_value(j, "$.subscribe", subscribe[i].value)) {
			errcode_print(why, TOKEN_CLIENT_WHY, "WeChat: no unionid: %s",
			    subscribe[i].why);
			return TOKEN_CLIENT_NO_UNIONID;
		}
	errcode_print(why, TOKEN_CLIENT_WHY, "WeChat: the answer has neither unionid nor "
	    "subscribe");
	return TOKEN_CLIENT_STRANGE;
}

static enum token_client_result
read_unionid(struct buf *unionid, const struct json *j, char why[TOKEN_CLIENT_WHY])
{
	char	 lost[JSON_WHY];

	if (json_path(j, unionid, slice_of("$.unionid"), lost) != JSON_FOUND ||
	    unionid->len == 0)
		return read_no_unionid(j, why);
	if (is_word(buf_slice(unionid), ID_MAX))
		return TOKEN_CLIENT_OK;
	errcode_print(why, TOKEN_CLIENT_WHY, "WeChat: the answer has no valid unionid: %zu bytes",
	    unionid->len);
	buf_reset(unionid);
	return TOKEN_CLIENT_STRANGE;
}

enum token_client_result
token_client_get_unionid(struct http_client *h, struct buf *unionid, const char *api,
    struct slice token, struct slice openid, int64_t deadline_ms, char why[TOKEN_CLIENT_WHY])
{
	enum token_client_result	 result = TOKEN_CLIENT_FAILED;
	struct json			*j = NULL;
	struct buf			 url = { 0 };
	enum error			 er;
	int64_t				 code;
	int				 status;

	*why = '\0';
	buf_reset(unionid);
	if (!is_word(openid, ID_MAX)) {
		errcode_print(why, TOKEN_CLIENT_WHY, "the user is not an openid");
		return TOKEN_CLIENT_NO_UNIONID;
	}
	if ((er = make_user_url(&url, api, token, openid)) != ERR_OK)
		errcode_print(why, TOKEN_CLIENT_WHY, "%s", error_table[er].name);
	else if ((j = get_json(h, &status, "WeChat", url.p, deadline_ms, why)) == NULL)
		result = status == 200 ? TOKEN_CLIENT_STRANGE : TOKEN_CLIENT_NO_ANSWER;
	else
		result = (code = errcode_code(j)) != 0 ? read_refusal(j, code, token, why) :
		    read_unionid(unionid, j, why);
	json_free(j);
	buf_free(&url);
	return result;
}
