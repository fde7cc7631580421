/*
 * access_token.h: the access_token of an account (WeChat, "Get access_token" and
 * "getStableAccessToken").  It is fetched with AppID and AppSecret, kept in the store, and renewed
 * before it expires.
 *
 * Of all threads, processes and CGI runs only one fetches at a time, of all hosts that share the
 * store (state/lease.h), and the others wait for it.  A restart costs no call.  After an error
 * there is a pause, which doubles; WeChat's quotas are never used up.  No token and no secret is
 * ever logged here.
 */
#ifndef WECHAT_ACCESS_TOKEN_H
#define WECHAT_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "net/http_client.h"
#include "state/store.h"

enum {
	TOKEN_MAX = 512,	/* bytes of a token; WeChat asks to reserve so many */
	TOKEN_WHY = 192		/* bytes, with the NUL */
};

struct access_token {
	char	 text[TOKEN_MAX + 1];
	int64_t	 fetched_s, expires_s;	/* epoch seconds */
};

struct access_tokens;

/* All three must outlive it.  NULL: no memory. */
struct access_tokens	*access_token_new(const struct conf *conf, struct http_client *h,
			    struct store *s);
void			 access_token_free(struct access_tokens *ts);

/*
 * In each of these, `why` is one line for the log and for the operator: what is wrong and what to
 * do.
 *
 * Gets a token that is valid for five more minutes at least.  If WeChat does not give such a token,
 * *t is the old one until it expires, and why tells what is wrong with a newer one; else why is "".
 * False: there is no token, see why.
 */
bool			 access_token_get(struct access_tokens *ts, struct access_token *t,
			    const struct account *a, int64_t deadline_ms, char why[TOKEN_WHY]);

/*
 * Call it when WeChat has refused *t (errcode 40001, 40014, 42001): gets another token.  If many
 * threads call it at the same time, one token is fetched.  False: see why.
 */
bool			 access_token_replace(struct access_tokens *ts, struct access_token *t,
			    const struct account *a, int64_t deadline_ms, char why[TOKEN_WHY]);

/*
 * Gets a new token at once; the old one becomes invalid (force_refresh).  Only for an operator.
 * False: see why.
 */
bool			 access_token_force(struct access_tokens *ts, struct access_token *t,
			    const struct account *a, int64_t deadline_ms, char why[TOKEN_WHY]);

/* What the store knows about an account's token. */
struct access_token_state {
	bool	 known;			/* WeChat has been asked for a token */
	int64_t	 fetched_s, expires_s;	/* of the last token, epoch seconds; 0: no token */
	int64_t	 fails;			/* since then; an unanswered call does not count */
	char	 why[TOKEN_WHY];	/* the last failure; "": no failure */
};

/* Reads the state and asks nobody; for a store_work.  ERR_STORE, ERR_NOMEM. */
enum error	 access_token_read(struct db *db, struct access_token_state *t,
		    const struct conf *conf, const struct account *a);

#endif
