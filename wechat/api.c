#include <string.h>

#include "core/json.h"
#include "core/query.h"
#include "wechat/api.h"
#include "wechat/errcode.h"

enum { TRIES = 2 };	/* a token that WeChat refuses, and another one */

/* The URL, with its NUL. */
static enum qt_err
put_url(struct buf *url, const struct settings *set, const struct wxapi_call *call,
    const struct token *t)
{
	size_t		 len = strlen(set->wechat_api);
	enum qt_err	 er;

	buf_reset(url);
	if (len != 0 && set->wechat_api[len - 1] == '/')
		len--;
	if ((er = buf_put(url, set->wechat_api, len)) != QT_OK ||
	    (er = buf_puts(url, call->path)) != QT_OK ||
	    (er = buf_puts(url, "?access_token=")) != QT_OK ||
	    (er = query_encode(url, slice_of(t->text))) != QT_OK)
		return er;
	if (call->query != NULL && ((er = buf_putc(url, '&')) != QT_OK ||
	    (er = buf_puts(url, call->query)) != QT_OK))
		return er;
	return buf_putc(url, '\0');
}

/* What WeChat says to one request. */
static enum wxapi_result
read_answer(struct wxapi_answer *a, const struct http_answer *got, const struct token *t)
{
	struct json		*j;
	enum wxapi_result	 result = WXAPI_OK;

	if (got->status == 0) {
		wxerr_print(a->why, TOKEN_WHY, "WeChat: no answer: %s", got->why);
		return WXAPI_TROUBLE;
	}
	if (got->status != 200) {
		wxerr_print(a->why, TOKEN_WHY, "WeChat: HTTP %d instead of 200", got->status);
		return WXAPI_TROUBLE;
	}
	if ((j = json_parse_any(buf_slice(&got->body))) == NULL) {
		wxerr_print(a->why, TOKEN_WHY, "WeChat: the answer, %zu bytes, is no JSON",
		    got->body.len);
		return WXAPI_TROUBLE;
	}
	if ((a->errcode = wxerr_code(j)) != 0) {
		wxerr_say(a->why, TOKEN_WHY, wxerr_of(a->errcode), a->errcode, j,
		    slice_of(t->text));
		result = WXAPI_REFUSED;
	}
	json_free(j);
	return result;
}

static enum wxapi_result
request(struct http *h, struct wxapi_answer *a, const struct settings *set,
    const struct wxapi_call *call, const struct token *t)
{
	struct http_answer	 got = { .body = a->body };
	struct http_call	 c = {
		.get = call->body.p == NULL, .body = call->body, .answer_max = call->answer_max,
		.deadline_ms = call->deadline_ms,
	};
	struct buf		 url = { 0 };
	enum wxapi_result	 result = WXAPI_TROUBLE;
	enum qt_err		 er;

	a->errcode = 0;
	if ((er = put_url(&url, set, call, t)) == QT_OK) {
		c.url = url.p;
		a->calls++;
		http_do(h, &got, &c);
		result = read_answer(a, &got, t);
	} else {
		wxerr_print(a->why, TOKEN_WHY, "%s", errs[er].name);
	}
	a->body = got.body;
	buf_free(&url);
	return result;
}

enum wxapi_result
wxapi_call(struct tokens *ts, struct http *h, struct wxapi_answer *a, const struct settings *set,
    const struct wxapi_call *call)
{
	enum wxapi_result	 result = WXAPI_TROUBLE;
	struct token		 t;
	bool			 there;
	int			 i;

	buf_reset(&a->body);
	a->errcode = a->calls = 0;
	there = token_get(ts, &t, call->account, call->deadline_ms, a->why);
	for (i = 0; i < TRIES && there; i++) {
		*a->why = '\0';
		result = request(h, a, set, call, &t);
		if (result != WXAPI_REFUSED || wxerr_of(a->errcode)->kind != WXERR_TOKEN)
			return result;
		if (i + 1 < TRIES)
			there = token_another(ts, &t, call->account, call->deadline_ms, a->why);
	}
	return there ? result : WXAPI_TROUBLE;
}
