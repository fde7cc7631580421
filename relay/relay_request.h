/*
 * relay_request.h: the HTTP request by which a relay gets a message.
 *
 *	RAW		the query string and the body as WeChat sent them
 *	RESIGNED	as WeChat would send the message now: new timestamp, nonce and signatures,
 *			in the relay's .mode
 *	JSON		the event as `qtoa map` prints it, with the headers of Standard Webhooks
 *			(webhook-id, webhook-timestamp, webhook-signature: v1, HMAC-SHA256)
 *
 * All of them have the header Idempotency-Key, which is the same each time that the message is
 * sent, and the same for all relays.
 *
 * It also says what a relay's answer means: see relay_request_judge().
 */
#ifndef RELAY_RELAY_REQUEST_H
#define RELAY_RELAY_REQUEST_H

#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "state/queue.h"

/* A maker belongs to one thread.  NULL: no memory. */
struct relay_maker;

struct relay_maker	*relay_request_maker_new(const struct settings *set);
void			 relay_request_maker_free(struct relay_maker *m);

/* The message as WeChat sent it. */
struct relay_message {
	const struct account	*account;	/* whose it is */
	unsigned char		 key[QUEUE_KEY]; /* its own, not that of a relay's row */
	struct slice		 query, body;
	struct slice		 xml;		/* decrypted; absent: the maker opens the body */
};

struct relay_request {
	struct buf	 url, headers, body;	/* the first two end with a NUL */
};

void		 relay_request_free(struct relay_request *r);	/* its buffers, not r */

/*
 * Makes the request of a relay in *r; what was there goes.  Errors: those of crypto_open() and
 * ERR_REQUEST: the message cannot be read; it never can.  ERR_NOMEM.
 */
enum error	 relay_request_make(struct relay_maker *m, struct relay_request *r,
		    const struct relay *relay, const struct relay_message *msg, int64_t now_ms);

/* What an answer means, by its status. */
enum relay_fate {
	RELAY_TAKEN,	/* 2xx: the relay has the message */
	RELAY_REFUSED,	/* it will never take this message */
	RELAY_WAITS,	/* the relay has trouble, or the answer is about all messages */
};
enum relay_fate	 relay_request_judge(int status);

#endif
