/*
 * token_server.h: the access_token control server of an account, GET .../ACCOUNT/access_token.
 * QT's console wants one (QT, "Official account tracking", 1.1).
 *
 * A client that has the account's control_key gets {"access_token":"...","expires_in":SECONDS}.
 * If control_allow is set, the client's address must be in it, too.  All refusals look the same to
 * the client and cost no access to the disk.  Key and token are never logged.
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
	const struct query	*query;		/* it may hold the key: key=KEY, once */
	struct slice		 authorization;	/* or this header: "Bearer KEY" */
	struct slice		 peer;		/* the client's address, as text */
	bool			 hidden;	/* it may be a proxy's: control_allow has it not */
	int64_t			 deadline_ms;
};

struct token_server_reply {
	struct buf	*body;		/* JSON; its content is replaced */
	char		 headers[40];	/* more header lines, each with CR LF; or "" */
	char		 why[TOKEN_WHY];/* one line for the log; or "" */
};

/* True: the account has both control_key and secret, so it has a control server. */
bool		 token_server_is_on(const struct account *a);

/*
 * Answers a request.  ERR_KEY, ERR_ADDRESS: refused, without a body.  ERR_OFTEN: more requests than
 * control_per_minute.  ERR_TOKEN: there is no token, see why.  ERR_STORE, ERR_NOMEM.
 */
enum error	 token_server_answer(struct token_server_reply *a, const struct settings *set,
		    struct access_tokens *ts, struct store *s,
		    const struct token_server_request *q);

#endif
