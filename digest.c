#include <stdint.h>

#include <openssl/evp.h>

#include "digest.h"

enum qt_err
crypto_digest(char hex[CRYPTO_SHA256_HEX + 1], const struct slice *parts, size_t n)
{
	unsigned char		 md[EVP_MAX_MD_SIZE], len[8];
	EVP_MD_CTX		*ctx;
	size_t			 i;
	int			 b, ok;

	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return QT_ECRYPTO;
	ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	for (i = 0; i < n && ok; i++) {
		for (b = 0; b < 8; b++)
			len[b] = (unsigned char)((uint64_t)parts[i].len >> (56 - 8 * b));
		ok = EVP_DigestUpdate(ctx, len, sizeof(len)) &&
		    EVP_DigestUpdate(ctx, parts[i].p, parts[i].len);
	}
	ok = ok && EVP_DigestFinal_ex(ctx, md, NULL);
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return QT_ECRYPTO;
	hex_encode(hex, md, CRYPTO_SHA256_HEX / 2);
	return QT_OK;
}
