#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/query.h"
#include "wechat/api.h"
#include "wechat/errcode.h"

enum { TRIES = 2 };	/* with a token that WeChat refuses, and with another one */

/* Makes the URL, with its NUL. */
static enum error
make_api_url(struct buf *url, const struct settings *set, const struct api_call *call,
    const struct access_token *t)
{
	size_t		 len = strlen(set->wechat_api);
	enum error	 er;

	buf_reset(url);
	if (len != 0 && set->wechat_api[len - 1] == '/')
		len--;
	if ((er = buf_put(url, set->wechat_api, len)) != ERR_OK ||
	    (er = buf_puts(url, call->path)) != ERR_OK ||
	    (er = buf_puts(url, "?access_token=")) != ERR_OK ||
	    (er = query_encode(url, slice_of(t->text))) != ERR_OK)
		return er;
	if (call->query != NULL && ((er = buf_putc(url, '&')) != ERR_OK ||
	    (er = buf_puts(url, call->query)) != ERR_OK))
		return er;
	return buf_putc(url, '\0');
}

/* Reads what WeChat answers to one request. */
static enum api_result
read_api_answer(struct api_answer *a, struct http_answer *got, const struct access_token *t,
    bool is_file)
{
	struct json	*j;
	enum api_result	 result = API_OK;

	if (is_file && got->status == 200 && got->body.len != 0 && *got->body.p != '{')
		return API_OK;
	if ((j = errcode_parse(got, "WeChat", a->why, TOKEN_WHY)) == NULL)
		return got->status == 0 && got->body.len == 0 ? API_NO_ANSWER : API_STRANGE;
	if ((a->errcode = errcode_code(j)) != 0) {
		errcode_explain(a->why, TOKEN_WHY, errcode_of(a->errcode), a->errcode, j,
		    slice_of(t->text));
		result = API_REFUSED;
	}
	json_free(j);
	return result;
}

static enum api_result
send_request(struct http_client *h, struct api_answer *a, const struct settings *set,
    const struct api_call *call, const struct access_token *t)
{
	struct http_answer	 got = { .body = a->body };
	struct http_call	 c = {
		.get = call->body.p == NULL, .body = call->body, .answer_max = call->answer_max,
		.deadline_ms = call->deadline_ms,
	};
	struct buf	 url = { 0 };
	enum api_result	 result = API_NO_TOKEN;
	enum error	 er;
	char		 header[128];

	a->errcode = 0;
	if (call->type != NULL) {
		(void)snprintf(header, sizeof(header), "Content-Type: %s\n", call->type);
		c.headers = header;
	}
	if ((er = make_api_url(&url, set, call, t)) == ERR_OK) {
		c.url = url.p;
		a->calls++;
		http_client_do(h, &got, &c);
		result = read_api_answer(a, &got, t, call->is_file);
	} else {
		errcode_print(a->why, TOKEN_WHY, "%s", error_table[er].name);
	}
	a->body = got.body;
	buf_free(&url);
	return result;
}

enum api_result
api_call(struct access_tokens *ts, struct http_client *h, struct api_answer *a,
    const struct settings *set, const struct api_call *call)
{
	enum api_result		 result = API_NO_TOKEN;
	struct access_token	 t;
	bool			 has_token;
	int			 i;

	buf_reset(&a->body);
	a->errcode = a->calls = 0;
	has_token = access_token_get(ts, &t, call->account, call->deadline_ms, a->why);
	for (i = 0; i < TRIES && has_token; i++) {
		*a->why = '\0';
		result = send_request(h, a, set, call, &t);
		if (result != API_REFUSED || errcode_of(a->errcode)->kind != ERRCODE_TOKEN)
			return result;
		if (i + 1 < TRIES)
			has_token = access_token_replace(ts, &t, call->account,
			    call->deadline_ms, a->why);
	}
	return has_token ? result : API_NO_TOKEN;
}
