/*
 * base64.h: base64 with its padding (RFC 4648).
 */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include "core/buf.h"

/* Appends the text of n bytes.  ERR_NOMEM. */
enum error	base64_encode(struct buf *out, const unsigned char *p, size_t n);

/* Appends the bytes of a text.  ERR_BASE64: it is not base64; ERR_NOMEM. */
enum error	base64_decode(struct buf *out, struct slice text);

#endif
