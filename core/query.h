/*
 * query.h: reads a query string as a Java servlet container does.
 *
 * `+` is a space, `%XX` is a byte, a parameter without `=` has an empty value.  A parameter with an
 * empty name or a broken `%` is left out.  Names and values are decoded in place: they point into
 * the text that the caller gave.
 */
#ifndef CORE_QUERY_H
#define CORE_QUERY_H

#include "core/buf.h"

enum { QUERY_MAX = 32 };	/* parameters; WeChat sends six at most */

struct param {
	struct slice	name, value;
};

struct query {
	struct param	p[QUERY_MAX];
	size_t		n;
};

/* Decodes text in place.  ERR_REQUEST: more than QUERY_MAX parameters. */
enum error	query_parse(struct query *q, char *text, size_t len);

/* Appends a name or value; all but the unreserved characters of RFC 3986 become %XX. */
enum error	query_encode(struct buf *out, struct slice s);

#endif
