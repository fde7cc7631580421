/*
 * push.h: the parameters that WeChat sends in the query string of a push.
 */
#ifndef WECHAT_PUSH_H
#define WECHAT_PUSH_H

#include "core/query.h"

/* WeChat's own parameters; nothing else of a query is ever used or passed on. */
enum push_key {
	PUSH_SIGNATURE, PUSH_TIMESTAMP, PUSH_NONCE, PUSH_OPENID,
	PUSH_ENCRYPT_TYPE, PUSH_MSG_SIGNATURE, PUSH_ECHOSTR, PUSH__MAX
};

extern const char *const push_names[PUSH__MAX];

struct push {
	struct slice	v[PUSH__MAX];	/* p NULL: absent */
};

/*
 * Picks WeChat's parameters.  ERR_PARAM, *which then says which: one of them given
 * twice or empty, or one of those in the bit mask `need` (1 << PUSH_...) missing.
 */
enum error	push_read(struct push *out, enum push_key *which, const struct query *q,
		    unsigned need);

/* Appends WeChat's parameters as a query string from which they can be read again. */
enum error	push_write(struct buf *out, const struct push *p);

#endif
