/*
 * unionid.h: who a user is to QT: the device ID, an openid or the unionid that WeChat knows
 * for it.
 *
 * The pair is kept in the store for ever and WeChat is asked for unknown users only.  Tokens are
 * kept in memory until WeChat refuses one; then one other is fetched, once: from the account's
 * control server or, where it has a secret and no such server, from WeChat (wechat/access_token.h).  Threads
 * share one struct unionid.
 */
#ifndef COLLECTOR_UNIONID_H
#define COLLECTOR_UNIONID_H

#include "core/buf.h"
#include "core/conf.h"
#include "net/http_client.h"
#include "state/db.h"
#include "state/store.h"
#include "wechat/access_token.h"
#include "wechat/token_client.h"

struct unionid;

/* Keeps all four.  NULL: no memory. */
struct unionid	*unionid_new(const struct conf *c, struct http_client *h, struct store *s,
		    struct access_tokens *ts);
void		 unionid_free(struct unionid *id);

/*
 * The device ID of a user replaces what device held.  ERR_OK with *known false: the look-up
 * has failed, why says how.  ERR_STORE, ERR_NOMEM.
 */
enum error	 unionid_device(struct unionid *id, struct buf *device, bool *known,
		    const struct account *a, struct slice openid, int64_t deadline_ms,
		    char why[TOKEN_CLIENT_WHY]);

/*
 * What is kept of it; for store_work.
 */

/* The unionid of a user of an official account is appended to out; nothing if it is not known. */
enum error	 unionid_find(struct db *db, struct buf *out, const char *appid,
		    struct slice openid);
enum error	 unionid_store(struct db *db, const char *appid, struct slice openid,
		    struct slice unionid);

#endif
