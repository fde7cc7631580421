/*
 * token_client.h: asking an access_token control server for the token, as QT's console is
 * configured to (QT, "Official account tracking", 1.1: address and JSONPath), and WeChat's
 * user/info with it.
 */
#ifndef WECHAT_TOKEN_CLIENT_H
#define WECHAT_TOKEN_CLIENT_H

#include "core/buf.h"
#include "core/conf.h"
#include "net/http_client.h"

enum { TOKEN_CLIENT_WHY = 192 };

enum token_client_result {
	TOKEN_CLIENT_OK,
	TOKEN_CLIENT_FAILED,		/* whoever the user is: see why */
	TOKEN_CLIENT_NONE,		/* WeChat has none for this user: see why */
	TOKEN_CLIENT_TOKEN		/* WeChat did not take the token: another one may do */
};

/*
 * Without TOKEN_CLIENT_OK, why is a line in printable ASCII: what is wrong and what to do.  No
 * secret is in it, and of control_url, which may hold one, no more than the host.
 */

/* The account's token replaces what token held.  TOKEN_CLIENT_OK, TOKEN_CLIENT_FAILED. */
enum token_client_result	token_client_ask(struct http_client *h, struct buf *token, const struct account *a,
			    int64_t deadline_ms, char why[TOKEN_CLIENT_WHY]);

/*
 * WeChat's unionid of a user replaces what unionid held.  An account that is bound to no
 * open platform has none: TOKEN_CLIENT_NONE.
 */
enum token_client_result	token_client_ask_unionid(struct http_client *h, struct buf *unionid, const char *api,
			    struct slice token, struct slice openid, int64_t deadline_ms,
			    char why[TOKEN_CLIENT_WHY]);

#endif
