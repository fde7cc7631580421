/*
 * digest.h: digests as hex.  WeChat signs with SHA-1, QT with MD5; what is ours is
 * SHA-256.  A struct digest belongs to one thread and is used again and again.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stdbool.h>

#include "core/buf.h"

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST__MAX };

enum { DIGEST_MD5_HEX = 32, DIGEST_SHA1_HEX = 40, DIGEST_SHA256_HEX = 64 };

struct digest;

struct digest	*digest_new(enum digest_kind kind);	/* NULL: not to be had here */
void		 digest_free(struct digest *d);

/* Hex of the n parts one after the other, NUL terminated: DIGEST_..._HEX + 1 bytes. */
enum error	 digest_hex(struct digest *d, char *hex, const struct slice *parts, size_t n);

/*
 * As whom the log has a user: `printf %s OPENID | sha256sum | cut -c1-12` says it, too.  d is one
 * of DIGEST_SHA256.
 */
enum { DIGEST_ALIAS = 12 };
enum error	 digest_alias(struct digest *d, char alias[DIGEST_ALIAS + 1], struct slice user);

/* Whether two texts are the same, in a time that only their lengths decide: for signatures, keys. */
bool		 digest_equal(struct slice a, struct slice b);

#endif
