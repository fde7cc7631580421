#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/memops.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/version.h>

#include "core/digest.h"
#include "core/hex.h"

static const struct nettle_hash *const hashes[DIGEST__MAX] = {
	[DIGEST_MD5]	= &nettle_md5,
	[DIGEST_SHA1]	= &nettle_sha1,
	[DIGEST_SHA256]	= &nettle_sha256,
};

struct digest {
	const struct nettle_hash	*hash;
	union {
		struct md5_ctx		 md5;
		struct sha1_ctx		 sha1;
		struct sha256_ctx	 sha256;
	} state;
};

struct digest *
digest_new(enum digest_kind kind)
{
	struct digest	*d;

	if ((d = calloc(1, sizeof(*d))) != NULL)
		d->hash = hashes[kind];
	return d;
}

void
digest_free(struct digest *d)
{
	free(d);
}

void
digest_begin(struct digest *d)
{
	d->hash->init(&d->state);
}

void
digest_add(struct digest *d, struct slice part)
{
	d->hash->update(&d->state, part.len, (const uint8_t *)part.p);
}

void
digest_end(struct digest *d, char *hex)
{
	uint8_t	 md[SHA256_DIGEST_SIZE];	/* the longest of them */

#if NETTLE_VERSION_MAJOR >= 4
	d->hash->digest(&d->state, md);
#else
	d->hash->digest(&d->state, d->hash->digest_size, md);
#endif
	hex_encode(hex, md, d->hash->digest_size);
}

void
digest_hex(struct digest *d, char *hex, const struct slice *parts, size_t n)
{
	size_t	 i;

	digest_begin(d);
	for (i = 0; i < n; i++)
		digest_add(d, parts[i]);
	digest_end(d, hex);
}

void
digest_hmac(unsigned char mac[DIGEST_HMAC], struct slice key, const struct slice *parts, size_t n)
{
	struct hmac_sha256_ctx	 ctx;
	size_t			 i;

	hmac_sha256_set_key(&ctx, key.len, (const uint8_t *)key.p);
	for (i = 0; i < n; i++)
		hmac_sha256_update(&ctx, parts[i].len, (const uint8_t *)parts[i].p);
#if NETTLE_VERSION_MAJOR >= 4
	hmac_sha256_digest(&ctx, mac);
#else
	hmac_sha256_digest(&ctx, DIGEST_HMAC, mac);
#endif
}

void
digest_alias(struct digest *d, char alias[DIGEST_ALIAS + 1], struct slice user)
{
	char	 hex[DIGEST_SHA256_HEX + 1];

	digest_hex(d, hex, &user, 1);
	memcpy(alias, hex, DIGEST_ALIAS);
	alias[DIGEST_ALIAS] = '\0';
}

void
digest_hmac_base64(char base64[DIGEST_HMAC_BASE64 + 1], struct slice key, struct slice text)
{
	unsigned char	 mac[DIGEST_HMAC];

	digest_hmac(mac, key, &text, 1);
	base64_encode_raw(base64, sizeof(mac), mac);
	base64[DIGEST_HMAC_BASE64] = '\0';
}

bool
digest_equal(struct slice a, struct slice b)
{
	return a.len == b.len && memeql_sec(a.p, b.p, a.len) != 0;
}

const char *
digest_library(void)
{
#define TEXT(number)	#number
#define VERSION(major, minor)	"Nettle " TEXT(major) "." TEXT(minor)
	return VERSION(NETTLE_VERSION_MAJOR, NETTLE_VERSION_MINOR);
}
