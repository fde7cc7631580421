/*
 * crypto.h: WeChat's signature and its encrypted envelope (Official Account
 * documentation, "Access overview" and "Message encryption and decryption"; numbers
 * of the checks as WXBizMsgCrypt has them).
 *
 *	signature     = hex SHA1 of the byte-wise sorted token, timestamp, nonce
 *	msg_signature = the same with the text of <Encrypt> as a fourth part
 *	Encrypt       = base64 of AES-256-CBC(16 random, length, XML, AppID, padding)
 *
 * A struct crypto holds the library's contexts for one thread.
 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "wechat/push.h"

enum { CRYPTO_SHA1_HEX = 40, CRYPTO_RANDOM = 16, CRYPTO_KEY = 32, CRYPTO_KEY_TEXT = 43 };

struct crypto;

struct crypto	*crypto_new(void);	/* NULL: ERR_CRYPTO */
void		 crypto_free(struct crypto *c);

/* 43 characters to 32 bytes; spare bits of the last are ignored.  ERR_AESKEY. */
enum error	 crypto_key(unsigned char key[CRYPTO_KEY], struct slice text);

/* Hex signature of n (up to 4) parts, NUL terminated.  ERR_CRYPTO. */
enum error	 crypto_sign(struct crypto *c, char hex[CRYPTO_SHA1_HEX + 1],
		    const struct slice *parts, size_t n);

/* The URL's `signature`, compared in constant time.  ERR_SIGNATURE. */
enum error	 crypto_check_url(struct crypto *c, const struct account *a,
		    const struct push *p);

/* The timestamp is at most fresh_s (0: any) from now_s.  ERR_STALE. */
enum error	 crypto_check_fresh(const struct push *p, int fresh_s, int64_t now_s);

/*
 * Checks msg_signature over the body's <Encrypt> and opens it with the account's key,
 * then with the old one.  xml is the message, empty on error; work is scratch.
 * ERR_XML, ERR_SIGNATURE, ERR_BASE64, ERR_AESKEY, ERR_AES, ERR_BUFFER, ERR_APPID,
 * in WeChat's order of checks (the key's error is that of aes_key).
 */
enum error	 crypto_open(struct crypto *c, struct buf *xml, struct buf *work,
		    const struct account *a, const struct push *p, struct slice body);

/*
 * The reverse: appends to out the base64 of msg sealed with the account's aes_key and
 * the 16 given bytes (NULL: random ones).
 */
enum error	 crypto_seal(struct crypto *c, struct buf *out, const struct account *a,
		    struct slice msg, const unsigned char *random);

#endif
