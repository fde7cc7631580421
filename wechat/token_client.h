/*
 * token_client.h: gets the access_token from an account's control server (QT, "Official account
 * tracking", 1.1: address and JSONPath, as in QT's console), and gets a unionid with it from
 * WeChat's user/info.
 */
#ifndef WECHAT_TOKEN_CLIENT_H
#define WECHAT_TOKEN_CLIENT_H

#include "core/buf.h"
#include "core/conf.h"
#include "net/http_client.h"

enum { TOKEN_CLIENT_WHY = 192 };	/* bytes, with the NUL */

enum token_client_result {
	TOKEN_CLIENT_OK,
	TOKEN_CLIENT_FAILED,		/* for every user: see why */
	TOKEN_CLIENT_NO_ANSWER,		/* about this user; perhaps it is the same for others */
	TOKEN_CLIENT_STRANGE,		/* the answer about this user cannot be read */
	TOKEN_CLIENT_NO_UNIONID,	/* WeChat says that this user has no unionid: see why */
	TOKEN_CLIENT_BAD_TOKEN		/* WeChat has refused the token; get another one */
};

/*
 * If the result is not TOKEN_CLIENT_OK, why is a line of printable UTF-8: what is wrong and what to
 * do.  It has no secret; of control_url, which may hold one, it has at most the host.
 */

/* Replaces the content of token by the account's token.  TOKEN_CLIENT_OK, TOKEN_CLIENT_FAILED. */
enum token_client_result	token_client_get_token(struct http_client *h, struct buf *token,
			    const struct account *a, int64_t deadline_ms,
			    char why[TOKEN_CLIENT_WHY]);

/*
 * Replaces the content of unionid by WeChat's unionid of a user.  TOKEN_CLIENT_NO_UNIONID: the user
 * does not follow the account or is unknown, or the account is not bound to an open platform.
 * TOKEN_CLIENT_NO_ANSWER: no connection, a status of HTTP other than 200, or "WeChat is busy".
 */
enum token_client_result	token_client_get_unionid(struct http_client *h, struct buf *unionid,
			    const char *api, struct slice token, struct slice openid,
			    int64_t deadline_ms, char why[TOKEN_CLIENT_WHY]);

#endif
