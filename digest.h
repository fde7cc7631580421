/*
 * digest.h: one digest of several parts.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include "buf.h"

enum { CRYPTO_SHA256_HEX = 64 };

/*
 * Hex SHA-256, NUL terminated, of n parts, each led by its length (eight bytes, big
 * endian), so that no other parts give the same text.  QT_ECRYPTO.
 */
enum qt_err	crypto_digest(char hex[CRYPTO_SHA256_HEX + 1], const struct slice *parts,
		    size_t n);

#endif
