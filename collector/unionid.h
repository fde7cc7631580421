/*
 * unionid.h: the device ID of a user for QT.  It is the openid, or the unionid that WeChat has for
 * this openid.
 *
 * A unionid is kept in the store for ever, and WeChat is asked only about unknown users.  WeChat
 * has no unionid of a user who does not follow the account, or if the account is bound to no open
 * platform.  Then the device ID is the openid, and the store has a mark of it: a row with an empty
 * unionid.  WeChat is asked again at the user's next event.  Once it has a unionid, the events that
 * were counted under the openid become those of the unionid (event_store_join()).
 *
 * A token, an address or a quota that WeChat refuses concerns all users: then nobody is asked for
 * PAUSE_MS, and twice as long after each further failure.  The same if WeChat does not answer about
 * two users in a row.  A failure about one user only does not refuse the next user.  A token
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

enum unionid_answer {
	UNIONID_FAILED,		/* WeChat could not be asked, or its answer cannot be read */
	UNIONID_THERE,		/* the device ID is the one that the account's identity wants */
	UNIONID_NONE		/* WeChat has no unionid of this user: it is the openid */
};

/* All four must outlive it.  NULL: no memory. */
struct unionid	*unionid_new(const struct conf *conf, struct http_client *h, struct store *s,
		    struct access_tokens *ts);
void		 unionid_free(struct unionid *u);

/*
 * Replaces the content of device by the device ID of a user.  If *answer is not UNIONID_THERE, why
 * tells the reason.  ERR_STORE, ERR_NOMEM.
 */
enum error	 unionid_device(struct unionid *u, struct buf *device, enum unionid_answer *answer,
		    const struct account *a, struct slice openid, int64_t deadline_ms,
		    char why[TOKEN_CLIENT_WHY]);

/*
 * The unionids in the store; these three are for store_work.
 */

/* Appends the unionid of a user of an official account; nothing if it is not known.  ERR_NOMEM. */
enum error	 unionid_find(struct db *db, struct buf *out, const char *appid,
		    struct slice openid);
/*
 * Stores a unionid, and takes a mark away.  Events of the openid become those of the unionid, and
 * so does the follower (collector/follower_store.h).
 */
enum error	 unionid_store(struct db *db, const char *appid, struct slice openid,
		    struct slice unionid);
/*
 * For an event that is counted in this transaction: appends the unionid, or marks the openid if the
 * unionid is not known; then the event is counted under the openid.  Until the transaction ends, no
 * other one stores the unionid.
 */
enum error	 unionid_hold(struct db *db, struct buf *out, const char *appid,
		    struct slice openid);

#endif
