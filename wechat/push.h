/*
 * push.h: the parameters that WeChat puts into the query string of a push.
 */
#ifndef WECHAT_PUSH_H
#define WECHAT_PUSH_H

#include "core/query.h"

/* WeChat's own parameters.  No other parameter of a query is used or passed on. */
enum push_key {
	PUSH_SIGNATURE, PUSH_TIMESTAMP, PUSH_NONCE, PUSH_OPENID,
	PUSH_ENCRYPT_TYPE, PUSH_MSG_SIGNATURE, PUSH_ECHOSTR, PUSH__MAX
};

extern const char *const push_names[PUSH__MAX];	/* "signature", ... */

struct push {
	struct slice	v[PUSH__MAX];	/* borrowed from the query; p NULL: absent */
};

/*
 * Reads WeChat's parameters from a query; `need` is a mask of bits (1 << PUSH_...).  ERR_PARAM:
 * one of the parameters is there twice or is empty, or one of `need` is missing; *which tells
 * which one, and out has it only if it is there twice.
 */
enum error	push_read(struct push *out, enum push_key *which, const struct query *q,
		    unsigned need);

/* Appends the parameters as a query string that push_read() can read.  ERR_NOMEM. */
enum error	push_write(struct buf *out, const struct push *p);

#endif
