/*
 * token_server.h: the access_token control server of an account, GET .../ACCOUNT/access_token, as
 * QT's console wants one (QT, "Official account tracking", 1.1).
 *
 * Who has the account's control_key, and an address in control_allow where that is set, is
 * handed the token: {"access_token":"...","expires_in":SECONDS}.  Every refusal looks the same
 * from outside and touches no disk; nothing of key or token is logged.
 */
#ifndef WECHAT_TOKEN_SERVER_H
#define WECHAT_TOKEN_SERVER_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/conf.h"
#include "core/query.h"
#include "state/store.h"
#include "wechat/access_token.h"

struct token_server_request {
	const struct account	*account;
	const struct query	*query;		/* the key: key=KEY, once ... */
	struct slice		 authorization;	/* ... or Authorization: Bearer KEY */
	struct slice		 peer;		/* the client's address */
	int64_t			 deadline_ms;
};

struct token_server_reply {
	struct buf	*body;		/* JSON; what it held is replaced */
	char		 headers[40];	/* further ones; "": none */
	char		 why[TOKEN_WHY];/* for the log */
};

/* Whether there is one: it takes both control_key and secret. */
bool		 token_server_is_on(const struct account *a);

/*
 * ERR_KEY, ERR_ADDRESS: refused, without a body.  ERR_OFTEN: beyond control_per_minute.
 * ERR_TOKEN: there is no token.  ERR_STORE, ERR_NOMEM.
 */
enum error	 token_server_answer(struct token_server_reply *a, const struct settings *set, struct access_tokens *ts,
		    struct store *s, const struct token_server_request *q);

#endif
