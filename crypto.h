/*
 * crypto.h: WeChat's signatures and encryption (WeChat's document for Official Accounts, "Access
 * overview" and "Message encryption and decryption"; the errors are those of its sample code,
 * WXBizMsgCrypt).
 *
 *	signature     = hex SHA-1 of token, timestamp and nonce, sorted by bytes and joined
 *	msg_signature = the same of four parts; the fourth is the text of the element Encrypt
 *	Encrypt       = base64 of AES-256-CBC of: 16 random bytes, length of the message (4 bytes,
 *	                big endian), message, AppID, padding to a multiple of 32
 *
 * A reply is encrypted in the same way.
 */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "wechat/push.h"

enum { CRYPTO_SHA1_HEX = 40, CRYPTO_RANDOM = 16, CRYPTO_KEY = 32, CRYPTO_KEY_TEXT = 43 };

/* A crypto belongs to one thread. */
struct crypto;

struct crypto	*crypto_new(void);	/* NULL: no memory */
void		 crypto_free(struct crypto *c);

/*
 * The 32 bytes of an EncodingAESKey, which has 43 characters.  These are 258 bits: the last two
 * do not matter.  ERR_AESKEY.
 */
enum error	 crypto_key(unsigned char key[CRYPTO_KEY], struct slice text);

/* The signature of n parts, up to 4, as hex digits and a NUL. */
void		 crypto_sign(struct crypto *c, char hex[CRYPTO_SHA1_HEX + 1],
		    const struct slice *parts, size_t n);

/*
 * Checks `signature` with the account's token and with token_old, in a time that does not depend
 * on it.  ERR_SIGNATURE, ERR_PARAM.
 */
enum error	 crypto_check_url(struct crypto *c, const struct account *a,
		    const struct push *p);

/*
 * Checks that the timestamp is at most fresh_s before or after now_s; fresh_s below 0:
 * any is good.  ERR_STALE.
 */
enum error	 crypto_check_fresh(const struct push *p, int fresh_s, int64_t now_s);

/*
 * Checks msg_signature over the element Encrypt of the body, as crypto_check_url() does, and
 * decrypts its text with the account's aes_key, or else with aes_key_old.  xml becomes the message,
 * empty after an error; work is scratch.  ERR_XML, ERR_SIGNATURE, ERR_BASE64, ERR_AESKEY, ERR_AES,
 * ERR_BUFFER, ERR_APPID, in WeChat's order of checks (those of aes_key); ERR_NOMEM.
 */
enum error	 crypto_open(struct crypto *c, struct buf *xml, struct buf *work,
		    const struct account *a, const struct push *p, struct slice body);

/*
 * The reverse: appends to out the base64 text of msg, encrypted with the account's aes_key.
 * random: what it begins with, other bytes for each message.  ERR_TOOBIG, ERR_AESKEY, ERR_NOMEM.
 */
enum error	 crypto_seal(struct buf *out, const struct account *a, struct slice msg,
		    const unsigned char random[CRYPTO_RANDOM]);

/*
 * Appends msg, a reply, as WeChat wants it in the answer to a push: an <xml> with Encrypt,
 * MsgSignature, TimeStamp (now_s) and Nonce.  The token and the key are those of the push that c
 * has checked and opened last, since WeChat may still use the old ones.  ERR_TOOBIG, ERR_AESKEY,
 * ERR_NOMEM.
 */
enum error	 crypto_seal_reply(struct crypto *c, struct buf *out, const struct account *a,
		    struct slice msg, int64_t now_s);

/*
 * Opens such an <xml> that another program has made with the account's token and key, or with the
 * old ones.  xml becomes the reply, empty after an error; work is scratch.  Errors: as
 * crypto_open(); ERR_PARAM: TimeStamp or Nonce is missing.
 */
enum error	 crypto_open_reply(struct crypto *c, struct buf *xml, struct buf *work,
		    const struct account *a, struct slice body);

#endif
