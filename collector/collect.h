/*
 * collect.h: the receiver of POST /server/thirdPartyDataSource (QT, 3.2 to 3.4), where there is no
 * QT and in tests.
 *
 * It judges a message as QT does.  If it accepts the message it maps it to events (xmlmap.h) and
 * counts them (collector/event_store.h) before it answers.  A message that is posted again is not
 * counted again.  QT's codes Httpapi_300_..., and when they are given:
 *
 *	101	sign is not the signature of what was posted
 *	102	the body is not a JSON object
 *	103	a required field is missing or empty
 *	104	only with collector_strict: an event in QT's table has no user
 *	105	only with collector_strict: the message has no event code
 *	106	no account of ours has this app_id, appkey and code
 *	107	the message is not well-formed XML, and not because of what a user has typed
 *	108	WeChat's signature or the encryption is wrong; no MsgType or no FromUserName
 *	109	encrypt_type is neither raw nor aes; or the message is encrypted, and the account is
 *		in plain mode
 *	110	the account's identity is UNIONID, and WeChat could not be asked for the unionid
 *
 * The age of a message does not matter, because it may have waited for days.  But a message from
 * before the days that collect_days keeps is accepted and not counted.
 */
#ifndef COLLECTOR_COLLECT_H
#define COLLECTOR_COLLECT_H

#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/buf.h"
#include "core/conf.h"
#include "state/arrivals.h"
#include "state/store.h"

#define COLLECT_PATH	"/server/thirdPartyDataSource"

#define COLLECT_DONE	"Httpapi_300_200"

enum { COLLECT_WHY = TOKEN_CLIENT_WHY };	/* bytes */

struct collect_result {
	const char		*code;		/* Httpapi_300_... */
	const struct account	*account;	/* that has these keys; NULL: no account */
	bool			 read;		/* event and user are set */
	bool			 repeat;	/* it was counted before, and not again */
	const char		*event;		/* QT's event code; NULL: its table has no row */
	struct slice		 user;		/* openid; valid until the next message */
	char			 why[COLLECT_WHY]; /* more about the code; "": nothing */
};

/* Belongs to one thread. */
struct collector;

/* All three must outlive the collector; u may be NULL for collect_arrival().  NULL: no memory. */
struct collector *collect_new(const struct conf *conf, struct store *s, struct unionid *u);
void		 collect_free(struct collector *c);

/*
 * Judges a posted body, counts the message if it is accepted, and replaces the content of out by
 * the JSON answer.  It decodes the body where it is: the body is not JSON any more.  Before the
 * signature is checked, nothing takes memory for what is in it.  ERR_OK: the answer has any of QT's
 * codes.  ERR_STORE, ERR_NOMEM: there is no answer, and the client must send it again.
 */
enum error	 collect_message(struct collector *c, struct collect_result *res,
		    struct buf *out, struct buf *body, int64_t deadline_ms);

/*
 * For store_work: counts a message that the forwarder has acknowledged.  Text that is not a message
 * of a user is left out.  ERR_STORE, ERR_NOMEM.
 */
enum error	 collect_arrival(struct collector *c, struct db *db,
		    struct event_store_batch *batch, const struct account *a,
		    const struct arrival *arrival);

#endif
