/*
 * query.h: the query string, read as a servlet container reads it, and of it the
 * parameters that WeChat sends.
 *
 * `+` is a space, `%XX` a byte, no `=` means an empty value, an empty name is
 * skipped, a parameter with a broken `%` is dropped.  Names and values are decoded in
 * place: they point into the text given.
 */
#ifndef CORE_QUERY_H
#define CORE_QUERY_H

#include "core/buf.h"

enum { QUERY_MAX = 32 };	/* WeChat sends six at most */

struct param {
	struct slice	name, value;
};

struct query {
	struct param	p[QUERY_MAX];
	size_t		n;
};

/* WeChat's own parameters; nothing else of a query is ever used or passed on. */
enum push_key {
	PUSH_SIGNATURE, PUSH_TIMESTAMP, PUSH_NONCE, PUSH_OPENID,
	PUSH_ENCRYPT_TYPE, PUSH_MSG_SIGNATURE, PUSH_ECHOSTR, PUSH__MAX
};

extern const char *const push_names[PUSH__MAX];

struct push {
	struct slice	v[PUSH__MAX];	/* p NULL: absent */
};

/* Decodes text in place.  ERR_REQUEST: more than QUERY_MAX parameters. */
enum error	query_parse(struct query *q, char *text, size_t len);

/*
 * Picks WeChat's parameters.  ERR_PARAM, *which then says which: one of them given
 * twice or empty, or one of those in the bit mask `need` (1 << PUSH_...) missing.
 */
enum error	push_read(struct push *out, enum push_key *which, const struct query *q,
		    unsigned need);

/* Appends a name or value: all but what RFC 3986 calls unreserved as %XX. */
enum error	query_encode(struct buf *out, struct slice s);

/* Appends WeChat's parameters as a query string from which they can be read again. */
enum error	push_write(struct buf *out, const struct push *p);

#endif
