/*
 * digest.h: digests (hashes) as hexadecimal text, and HMAC.
 *
 * WeChat signs with SHA-1, QT with MD5, robots of chats with HMAC-SHA256; qtoa's own digests are
 * SHA-256.  A struct digest belongs to
 * one thread, which uses it again and again.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stdbool.h>

#include "core/buf.h"

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST__MAX };

enum { DIGEST_MD5_HEX = 32, DIGEST_SHA1_HEX = 40, DIGEST_SHA256_HEX = 64 };

struct digest;

struct digest	*digest_new(enum digest_kind kind);	/* NULL: no memory */
void		 digest_free(struct digest *d);

/* The digest of n parts in a row, with a NUL: DIGEST_..._HEX + 1 bytes. */
void		 digest_hex(struct digest *d, char *hex, const struct slice *parts, size_t n);

/* The same for parts that come one by one: begin, add each, end. */
void		 digest_begin(struct digest *d);
void		 digest_add(struct digest *d, struct slice part);
void		 digest_end(struct digest *d, char *hex);

enum { DIGEST_HMAC = 32 };

/* HMAC-SHA256 of n parts in a row, DIGEST_HMAC bytes. */
void		 digest_hmac(unsigned char mac[DIGEST_HMAC], struct slice key,
		    const struct slice *parts, size_t n);

enum { DIGEST_ALIAS = 12 };

/*
 * The name by which the log calls a user: the beginning of a SHA-256, as
 * `printf %s OPENID | sha256sum | cut -c1-12` prints it.  d is a DIGEST_SHA256.
 */
void		 digest_alias(struct digest *d, char alias[DIGEST_ALIAS + 1], struct slice user);

enum { DIGEST_HMAC_BASE64 = 44 };

/* HMAC-SHA256 of a text, in base64, with a NUL. */
void		 digest_hmac_base64(char base64[DIGEST_HMAC_BASE64 + 1], struct slice key,
		    struct slice text);

/* True: the texts are the same.  The time it takes shows only their lengths: for secrets. */
bool		 digest_equal(struct slice a, struct slice b);

/* Nettle's name and version, as it was built with. */
const char	*digest_library(void);

#endif
