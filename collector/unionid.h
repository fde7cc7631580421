/*
 * unionid.h: the device ID of a user for QT.  It is the openid, or the unionid that WeChat has for
 * this openid.
 *
 * A unionid is kept in the store for ever, and WeChat is asked only about unknown users.  A token
 * is kept in memory until WeChat refuses it; then another one is fetched, once.  It comes from the
 * account's control server; if there is no such server, from WeChat with the account's secret
 * (wechat/access_token.h).  All threads share one struct unionid.
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

/* All four must outlive it.  NULL: no memory. */
struct unionid	*unionid_new(const struct conf *conf, struct http_client *h, struct store *s,
		    struct access_tokens *ts);
void		 unionid_free(struct unionid *u);

/*
 * Replaces the content of device by the device ID of a user.  ERR_OK and *known is false: the
 * look-up has failed, and why tells the reason.  ERR_STORE, ERR_NOMEM.
 */
enum error	 unionid_device(struct unionid *u, struct buf *device, bool *known,
		    const struct account *a, struct slice openid, int64_t deadline_ms,
		    char why[TOKEN_CLIENT_WHY]);

/*
 * The unionids in the store; these two are for store_work.
 */

/* Appends the unionid of a user of an official account; nothing if it is not known.  ERR_NOMEM. */
enum error	 unionid_find(struct db *db, struct buf *out, const char *appid,
		    struct slice openid);
enum error	 unionid_store(struct db *db, const char *appid, struct slice openid,
		    struct slice unionid);

#endif
