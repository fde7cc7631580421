/*
 * collect.h: QT's side of the wire, the receiver of POST /server/thirdPartyDataSource
 * (QT, 3.2 to 3.4).  It stands for QT where there is none, and in tests.
 *
 * An accepted message is translated (xmlmap.h) and counted (collector/event_store.h), once however often
 * it is posted, before the answer.  Which of QT's codes is given for what:
 *
 *	101	sign is not that of what was posted
 *	102	no JSON object
 *	103	a required field is missing or empty
 *	104	collector_strict: a translated event without its user
 *	105	collector_strict: a message without an event code
 *	106	app_id, appkey and code are none of our accounts'
 *	107	the message is no well-formed XML
 *	108	WeChat's signature or the encryption is wrong; no MsgType or FromUserName
 *	109	encrypt_type is neither raw nor aes; encrypted, and the account is in plain mode
 *	110	identity UNIONID: WeChat does not tell it
 *
 * How old a message is does not matter: it may have waited for days.  One from before the days
 * that collect_days keeps is accepted and not counted.
 */
#ifndef COLLECTOR_COLLECT_H
#define COLLECTOR_COLLECT_H

#include "collector/unionid.h"
#include "core/buf.h"
#include "core/conf.h"
#include "state/store.h"

#define COLLECT_PATH	"/server/thirdPartyDataSource"

#define COLLECT_DONE	"Httpapi_300_200"

enum { COLLECT_WHY = TOKEN_CLIENT_WHY };

struct collect_result {
	const char		*code;		/* Httpapi_300_... */
	const struct account	*account;	/* whose keys they are, NULL: nobody's */
	bool			 read;		/* event and key are this message's */
	bool			 repeat;	/* it had been counted before */
	const char		*event;		/* QT's event code; NULL: no row */
	struct slice		 user;		/* openid; until the next message */
	char			 why[COLLECT_WHY]; /* more than the code tells, of a refusal above all */
};

/* One thread's. */
struct collector;

/* Keeps all three.  NULL: no memory, or no such digests here. */
struct collector *collect_new(const struct conf *c, struct store *s, struct unionid *id);
void		 collect_free(struct collector *c);

/*
 * Judges one posted body and counts what it accepts; out gets the JSON answer.  ERR_OK with
 * any of QT's codes; ERR_STORE, ERR_NOMEM, ERR_CRYPTO: no answer, the sender must ask again.
 */
enum error	 collect_message(struct collector *c, struct collect_result *res,
		    struct buf *out, struct slice body, int64_t deadline_ms);

#endif
