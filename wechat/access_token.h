/*
 * access_token.h: the access_token of an account (WeChat, "Get access_token", "getStableAccessToken"):
 * fetched with AppID and AppSecret, kept in the store, renewed before it expires.
 *
 * Of all threads, processes and CGI runs one fetches at a time (state/lock.h), the others wait for
 * it; a restart costs no call.  Errors are followed by a pause that doubles, and WeChat's quotas
 * are never reached.  Nothing here ever logs a token or a secret.
 */
#ifndef WECHAT_ACCESS_TOKEN_H
#define WECHAT_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "net/http_client.h"
#include "state/lock.h"
#include "state/store.h"

enum {
	TOKEN_MAX = 512,	/* bytes of a token, as WeChat asks to reserve */
	TOKEN_WHY = 192
};

struct access_token {
	char	 text[TOKEN_MAX + 1];
	int64_t	 fetched_s, expires_s;	/* epoch seconds */
};

struct access_tokens;

/* Keeps all of them.  NULL: no memory. */
struct access_tokens	*access_token_new(const struct conf *c, struct http_client *h, struct locks *cs,
		    struct store *s);
void			 access_token_free(struct access_tokens *ts);

/*
 * A token that is good for five minutes at least, where WeChat gives one; else the one that
 * there is as long as it has not expired; then why says what is wrong with a newer one, else it
 * is "".  False: there is none, and why says why and what to do, in one line fit for the log and
 * for an operator.
 */
bool			 access_token_get(struct access_tokens *ts, struct access_token *t, const struct account *a,
			    int64_t deadline_ms, char why[TOKEN_WHY]);

/*
 * WeChat has refused *t (40001, 40014, 42001): another one, fetched at most once however many
 * find out at the same time.
 */
bool			 access_token_replace(struct access_tokens *ts, struct access_token *t, const struct account *a,
			    int64_t deadline_ms, char why[TOKEN_WHY]);

/* What the store knows of an account's token. */
struct access_token_state {
	bool	 known;			/* one has been asked for */
	int64_t	 fetched_s, expires_s;	/* of the last that was got; 0: there is none */
	int64_t	 fails;			/* in a row since; a call that is under way is none yet */
	char	 why[TOKEN_WHY];	/* of the last; "" without one */
};

/* Asks nobody, for a store_work.  ERR_STORE, ERR_CRYPTO. */
enum error	 access_token_look(struct db *db, struct access_token_state *t, const struct conf *c,
		    const struct account *a);

/* By hand only: the token before becomes invalid at once (force_refresh). */
bool		 access_token_force(struct access_tokens *ts, struct access_token *t, const struct account *a,
		    int64_t deadline_ms, char why[TOKEN_WHY]);

#endif
