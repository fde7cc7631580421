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

enum { CONTROL_WHY = 192 };

enum control_result {
	CONTROL_OK,
	CONTROL_FAILED,		/* whoever the user is: see why */
	CONTROL_NONE,		/* WeChat has none for this user: see why */
	CONTROL_TOKEN		/* WeChat did not take the token: another one may do */
};

/*
 * Without CONTROL_OK, why is a line in printable ASCII: what is wrong and what to do.  No
 * secret is in it, and of control_url, which may hold one, no more than the host.
 */

/* The account's token replaces what token held.  CONTROL_OK, CONTROL_FAILED. */
enum control_result	control_token(struct http *h, struct buf *token, const struct account *a,
			    int64_t deadline_ms, char why[CONTROL_WHY]);

/*
 * WeChat's unionid of a user replaces what unionid held.  An account that is bound to no
 * open platform has none: CONTROL_NONE.
 */
enum control_result	control_unionid(struct http *h, struct buf *unionid, const char *api,
			    struct slice token, struct slice openid, int64_t deadline_ms,
			    char why[CONTROL_WHY]);

#endif
