#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/digest.h"
#include "core/hex.h"

static const char *const names[DIGEST__MAX] = {
	[DIGEST_MD5]	= "MD5",
	[DIGEST_SHA1]	= "SHA1",
	[DIGEST_SHA256]	= "SHA256",
};

/* The algorithm is fetched once: OpenSSL 3 would look it up at each use. */
struct digest {
	EVP_MD		*md;
	EVP_MD_CTX	*ctx;
};

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static EVP_MD *
fetch_md(const char *name)
{
	return EVP_MD_fetch(NULL, name, NULL);
}

static void
free_md(EVP_MD *md)
{
	EVP_MD_free(md);
}
#else	/* OpenSSL 1.1.1 cannot fetch */
static EVP_MD *
fetch_md(const char *name)
{
	const EVP_MD	*md = EVP_get_digestbyname(name);

	return md == NULL ? NULL : EVP_MD_meth_dup(md);
}

static void
free_md(EVP_MD *md)
{
	EVP_MD_meth_free(md);
}
#endif

struct digest *
digest_new(enum digest_kind kind)
{
	struct digest	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return NULL;
	d->md = fetch_md(names[kind]);
	d->ctx = EVP_MD_CTX_new();
	if (d->md == NULL || d->ctx == NULL) {
		digest_free(d);
		return NULL;
	}
	return d;
}

void
digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	free_md(d->md);
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

enum error
digest_begin(struct digest *d)
{
	return EVP_DigestInit_ex(d->ctx, d->md, NULL) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum error
digest_add(struct digest *d, struct slice part)
{
	return EVP_DigestUpdate(d->ctx, part.p, part.len) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum error
digest_end(struct digest *d, char *hex)
{
	unsigned char	 md[EVP_MAX_MD_SIZE];
	unsigned	 len;

	if (EVP_DigestFinal_ex(d->ctx, md, &len) != 1)
		return ERR_CRYPTO;
	hex_encode(hex, md, len);
	return ERR_OK;
}

enum error
digest_hex(struct digest *d, char *hex, const struct slice *parts, size_t n)
{
	enum error	 er = digest_begin(d);
	size_t		 i;

	for (i = 0; i < n && er == ERR_OK; i++)
		er = digest_add(d, parts[i]);
	return er == ERR_OK ? digest_end(d, hex) : er;
}

enum error
digest_alias(struct digest *d, char alias[DIGEST_ALIAS + 1], struct slice user)
{
	char		 hex[DIGEST_SHA256_HEX + 1];
	enum error	 er;

	if ((er = digest_hex(d, hex, &user, 1)) != ERR_OK)
		return er;
	memcpy(alias, hex, DIGEST_ALIAS);
	alias[DIGEST_ALIAS] = '\0';
	return ERR_OK;
}

bool
digest_equal(struct slice a, struct slice b)
{
	return a.len == b.len && CRYPTO_memcmp(a.p, b.p, a.len) == 0;
}

const char *
digest_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
