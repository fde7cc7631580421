/*
 * query.h: the query string, read as a servlet container reads it.
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

/* Decodes text in place.  ERR_REQUEST: more than QUERY_MAX parameters. */
enum error	query_parse(struct query *q, char *text, size_t len);

/* Appends a name or value: all but what RFC 3986 calls unreserved as %XX. */
enum error	query_encode(struct buf *out, struct slice s);

#endif
