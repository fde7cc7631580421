#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nettle/aes.h>
#include <nettle/base64.h>
#include <nettle/cbc.h>
#include <nettle/nettle-meta.h>

#include "core/digest.h"
#include "core/hex.h"
#include "core/number.h"
#include "crypto.h"
#include "wechat/push.h"
#include "wechat/xml_scan.h"

enum {
	LENGTH = 4,			/* bytes of the length field, big endian */
	HEAD = CRYPTO_RANDOM + LENGTH,	/* bytes before the message */
	BLOCK = 32,			/* WeChat pads to a multiple of 32, although AES has 16 */
	SEAL_MAX = 1 << 24,		/* bytes of a message to seal; WeChat's have a few KiB */
	NONCE = 16			/* characters of a reply's Nonce */
};

struct crypto {
	struct digest	*sha1;
	struct digest	*sha256;	/* NULL until it is needed */
	bool		 old_token, old_key;	/* the last push needed the old ones */
};

/* AES-256-CBC.  WeChat takes the first half of the key as the IV. */
struct aes {
	unsigned char		 key[CRYPTO_KEY], iv[AES_BLOCK_SIZE];
	struct aes256_ctx	 ctx;
};

/* The compiler does not know which function this is, and so cannot leave a call of it out. */
static void	*(*const volatile wipe)(void *, int, size_t) = memset;

struct crypto *
crypto_new(void)
{
	struct crypto	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	if ((c->sha1 = digest_new(DIGEST_SHA1)) == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void
crypto_free(struct crypto *c)
{
	if (c == NULL)
		return;
	digest_free(c->sha1);
	digest_free(c->sha256);
	free(c);
}

/* The value of each of the 64 digits, plus 1; 0: the character is not a digit. */
static const unsigned char base64_digits[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	    23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46,
	    47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['+'] = 63,
	['/'] = 64,
};

/* The value of a digit; UINT_MAX: the character is not a digit. */
static unsigned
digit_of(char c)
{
	return base64_digits[(unsigned char)c] - 1u;
}

/*
 * Decodes n digits, four at a time.  Bits at the end that do not fill a byte are dropped.  out may
 * be where in is.  False: a character is not a digit.
 */
static bool
decode_digits(unsigned char *out, const char *in, size_t n)
{
	unsigned	 a, b, c, d, bits = 0, have, all = 0;

	for (; n >= 4; n -= 4, in += 4) {
		a = digit_of(in[0]);
		b = digit_of(in[1]);
		c = digit_of(in[2]);
		d = digit_of(in[3]);
		all |= a | b | c | d;
		bits = a << 18 | b << 12 | c << 6 | d;
		*out++ = (unsigned char)(bits >> 16 & 0xFF);
		*out++ = (unsigned char)(bits >> 8 & 0xFF);
		*out++ = (unsigned char)(bits & 0xFF);
	}
	for (have = (unsigned)n * 6; n != 0; n--, in++) {
		all |= digit_of(*in);
		bits = bits << 6 | digit_of(*in);
	}
	for (; have >= 8; have -= 8)
		*out++ = (unsigned char)(bits >> (have - 8) & 0xFF);
	return all < 64;
}

/* Decodes base64 with its padding, in place. */
static enum error
decode_base64(struct buf *b)
{
	size_t	 n = b->len, pad = 0;

	if (n == 0 || n % 4 != 0)
		return ERR_BASE64;
	while (pad < 2 && b->p[n - 1 - pad] == '=')
		pad++;
	if (!decode_digits((unsigned char *)b->p, b->p, n - pad))
		return ERR_BASE64;
	b->len = n / 4 * 3 - pad;
	return ERR_OK;
}

enum error
crypto_key(unsigned char key[CRYPTO_KEY], struct slice text)
{
	size_t	 i;

	if (text.len != CRYPTO_KEY_TEXT)
		return ERR_AESKEY;
	for (i = 0; i < text.len; i++)
		if (text.p[i] == '+' || text.p[i] == '/')	/* no key of WeChat's has them */
			return ERR_AESKEY;
	return decode_digits(key, text.p, text.len) ? ERR_OK : ERR_AESKEY;
}

static int
compare_bytes(struct slice a, struct slice b)
{
	int	 d = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return d != 0 ? d : (a.len > b.len) - (a.len < b.len);
}

void
crypto_sign(struct crypto *c, char hex[CRYPTO_SHA1_HEX + 1], const struct slice *parts, size_t n)
{
	struct slice	 sorted[4], part;
	size_t		 i, j;

	for (i = 0; i < n; i++) {
		part = parts[i];
		for (j = i; j > 0 && compare_bytes(sorted[j - 1], part) > 0; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = part;
	}
	digest_hex(c->sha1, hex, sorted, n);
}

/*
 * Checks that the given signature is that of the account's token, or of token_old (*old), and the
 * parts behind the first, which is the token's place.  Both are computed, so that the time does not
 * tell which of them WeChat uses.
 */
static enum error
check_signature(struct crypto *c, bool *old, const struct account *a, struct slice given,
    struct slice *parts, size_t n)
{
	const char	*tokens[] = { a->token, a->token_old };
	char		 hex[CRYPTO_SHA1_HEX + 1];
	bool		 equal[2] = { false, false };
	size_t		 i;

	for (i = 1; i < n; i++)
		if (parts[i].p == NULL)
			return ERR_PARAM;
	if (a->token == NULL)
		return ERR_PARAM;
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		if (i > 0 && !conf_is_set(tokens[i]))
			continue;
		parts[0] = slice_of(tokens[i]);
		crypto_sign(c, hex, parts, n);
		equal[i] = digest_equal(given, slice_of(hex));
	}
	*old = !equal[0];
	return equal[0] || equal[1] ? ERR_OK : ERR_SIGNATURE;
}

enum error
crypto_check_url(struct crypto *c, const struct account *a, const struct push *p)
{
	struct slice	 parts[] = { { NULL, 0 }, p->v[PUSH_TIMESTAMP], p->v[PUSH_NONCE] };

	return check_signature(c, &c->old_token, a, p->v[PUSH_SIGNATURE], parts, 3);
}

enum error
crypto_check_fresh(const struct push *p, int fresh_s, int64_t now_s)
{
	int64_t	 t;

	if (fresh_s < 0)
		return ERR_OK;
	if (!number_parse(&t, p->v[PUSH_TIMESTAMP]))
		return ERR_STALE;
	return t >= now_s - fresh_s && t <= now_s + fresh_s ? ERR_OK : ERR_STALE;
}

/* Reads the key and makes the IV.  ERR_AESKEY. */
static enum error
read_key(struct aes *aes, struct slice text)
{
	enum error	 er;

	if ((er = crypto_key(aes->key, text)) == ERR_OK)
		memcpy(aes->iv, aes->key, sizeof(aes->iv));
	return er;
}

static enum error
decrypt_text(struct buf *out, struct slice key_text, const struct buf *cipher)
{
	struct aes	 aes;
	enum error	 er;

	if ((er = read_key(&aes, key_text)) != ERR_OK)
		return er;
	out->len = 0;
	if (cipher->len == 0 || cipher->len % BLOCK != 0)
		er = ERR_AES;
	else if ((er = buf_reserve(out, cipher->len)) == ERR_OK) {
		aes256_set_decrypt_key(&aes.ctx, aes.key);
		cbc_decrypt(&aes.ctx, nettle_aes256.decrypt, AES_BLOCK_SIZE, aes.iv, cipher->len,
		    (uint8_t *)out->p, (const uint8_t *)cipher->p);
		out->len = cipher->len;
	}
	wipe(&aes, 0, sizeof(aes));
	return er;
}

/* Removes the padding: 1 to BLOCK bytes, each of which has their number as its value. */
static enum error
remove_padding(struct buf *b)
{
	size_t	 pad = (unsigned char)b->p[b->len - 1], i;

	if (pad < 1 || pad > BLOCK || pad > b->len)
		return ERR_AES;
	for (i = 1; i <= pad; i++)
		if ((unsigned char)b->p[b->len - i] != pad)
			return ERR_AES;
	b->len -= pad;
	return ERR_OK;
}

/* Checks the AppID behind the message, and leaves only the message. */
static enum error
extract_message(struct buf *b, struct slice appid)
{
	const unsigned char	*l;
	size_t			 len, rest;

	if (b->len <= HEAD)
		return ERR_BUFFER;
	l = (const unsigned char *)b->p + CRYPTO_RANDOM;
	len = (size_t)l[0] << 24 | (size_t)l[1] << 16 | (size_t)l[2] << 8 | l[3];
	rest = b->len - HEAD;
	if (len >= rest)
		return ERR_BUFFER;
	if (!digest_equal((struct slice){ b->p + HEAD + len, rest - len }, appid))
		return ERR_APPID;
	memmove(b->p, b->p + HEAD, len);
	b->len = len;
	return ERR_OK;
}

/* Opens with one key.  xml becomes the message, empty after an error. */
static enum error
open_with_key(struct buf *xml, const char *key, const char *appid, const struct buf *cipher)
{
	enum error	 er;

	if ((er = decrypt_text(xml, slice_of(key), cipher)) == ERR_OK &&
	    (er = remove_padding(xml)) == ERR_OK)
		er = extract_message(xml, slice_of(appid));
	if (er != ERR_OK)
		xml->len = 0;
	return er;
}

/* Opens base64 text with the account's key, or else with the old one (*old); it spoils the text. */
static enum error
open_text(struct buf *xml, bool *old, const struct account *a, struct buf *text)
{
	enum error	 er;

	*old = false;
	if ((er = decode_base64(text)) != ERR_OK ||
	    (er = open_with_key(xml, a->aes_key, a->appid, text)) == ERR_OK)
		return er;
	*old = conf_is_set(a->aes_key_old) &&
	    open_with_key(xml, a->aes_key_old, a->appid, text) == ERR_OK;
	return *old ? ERR_OK : er;
}

enum error
crypto_open(struct crypto *c, struct buf *xml, struct buf *work, const struct account *a,
    const struct push *p, struct slice body)
{
	struct slice	 parts[4] = { { NULL, 0 }, p->v[PUSH_TIMESTAMP], p->v[PUSH_NONCE] };
	enum error	 er;

	buf_reset(xml);
	buf_reset(work);
	if ((er = xml_scan_child(work, body, "Encrypt")) != ERR_OK)
		return er;
	if (work->len == 0)
		return ERR_XML;
	parts[3] = buf_slice(work);
	er = check_signature(c, &c->old_token, a, p->v[PUSH_MSG_SIGNATURE], parts, 4);
	return er == ERR_OK ? open_text(xml, &c->old_key, a, work) : er;
}

/* The parts of an encrypted reply. */
enum reply_part { REPLY_SIGNATURE, REPLY_TIME, REPLY_NONCE, REPLY_ENCRYPT, REPLY_PARTS };

/* Appends the texts of the parts but Encrypt to `to`, and that of Encrypt to work. */
static enum error
read_reply(struct slice part[REPLY_PARTS], struct buf *to, struct buf *work, struct slice body)
{
	static const char *const names[REPLY_PARTS] = {
		[REPLY_SIGNATURE] = "MsgSignature", [REPLY_TIME] = "TimeStamp",
		[REPLY_NONCE] = "Nonce", [REPLY_ENCRYPT] = "Encrypt",
	};
	struct slice	 inside[REPLY_PARTS];
	size_t		 end[REPLY_ENCRYPT];
	enum error	 er;
	bool		 stray;
	int		 i;

	if ((er = xml_scan_children(inside, &stray, names, REPLY_PARTS, body)) != ERR_OK)
		return er;
	for (i = 0; i < REPLY_ENCRYPT; i++) {
		if (inside[i].p == NULL)
			return i == REPLY_SIGNATURE ? ERR_SIGNATURE : ERR_PARAM;
		if ((er = xml_scan_text(to, inside[i])) != ERR_OK)
			return er;
		end[i] = to->len;
	}
	for (i = 0; i < REPLY_ENCRYPT; i++)
		part[i] = (struct slice){ buf_slice(to).p + (i == 0 ? 0 : end[i - 1]),
		    end[i] - (i == 0 ? 0 : end[i - 1]) };
	if (inside[REPLY_ENCRYPT].p == NULL ||
	    (er = xml_scan_text(work, inside[REPLY_ENCRYPT])) != ERR_OK)
		return er != ERR_OK ? er : ERR_XML;
	part[REPLY_ENCRYPT] = buf_slice(work);
	return ERR_OK;
}

enum error
crypto_open_reply(struct crypto *c, struct buf *xml, struct buf *work, const struct account *a,
    struct slice body)
{
	struct slice	 part[REPLY_PARTS], parts[4];
	enum error	 er;
	bool		 old;

	buf_reset(xml);
	buf_reset(work);
	if ((er = read_reply(part, xml, work, body)) == ERR_OK) {
		memcpy(parts + 1, part + 1, 3 * sizeof(parts[0]));
		er = check_signature(c, &old, a, part[REPLY_SIGNATURE], parts, 4);
	}
	if (er == ERR_OK)
		er = open_text(xml, &old, a, work);
	if (er != ERR_OK)
		xml->len = 0;
	return er;
}

/* Appends the text to encrypt: random bytes, length, message, AppID, padding. */
static enum error
append_clear_text(struct buf *out, const unsigned char *random, struct slice msg,
    struct slice appid)
{
	unsigned char	 head[HEAD], pad[BLOCK];
	size_t		 n;
	enum error	 er;

	memcpy(head, random, CRYPTO_RANDOM);
	head[CRYPTO_RANDOM] = (unsigned char)(msg.len >> 24 & 0xFF);
	head[CRYPTO_RANDOM + 1] = (unsigned char)(msg.len >> 16 & 0xFF);
	head[CRYPTO_RANDOM + 2] = (unsigned char)(msg.len >> 8 & 0xFF);
	head[CRYPTO_RANDOM + 3] = (unsigned char)(msg.len & 0xFF);
	n = BLOCK - (HEAD + msg.len + appid.len) % BLOCK;
	memset(pad, (int)n, n);
	if ((er = buf_put(out, head, HEAD)) != ERR_OK ||
	    (er = buf_put(out, msg.p, msg.len)) != ERR_OK ||
	    (er = buf_put(out, appid.p, appid.len)) != ERR_OK)
		return er;
	return buf_put(out, pad, n);
}

/* Encrypts clear where it is, and appends its base64 text. */
static enum error
append_cipher_text(struct buf *out, struct aes *aes, struct buf *clear)
{
	const size_t	 len = BASE64_ENCODE_RAW_LENGTH(clear->len);
	uint8_t		*text = (uint8_t *)clear->p;
	enum error	 er;

	if ((er = buf_reserve(out, len)) != ERR_OK)
		return er;
	aes256_set_encrypt_key(&aes->ctx, aes->key);
	cbc_encrypt(&aes->ctx, nettle_aes256.encrypt, AES_BLOCK_SIZE, aes->iv, clear->len, text,
	    text);
	base64_encode_raw(out->p + out->len, clear->len, text);
	out->len += len;
	return ERR_OK;
}

static enum error
seal_with_key(struct buf *out, const char *key, const char *appid, struct slice msg,
    const unsigned char random[CRYPTO_RANDOM])
{
	struct buf	 clear = { 0 };
	struct aes	 aes;
	enum error	 er;

	if (msg.len > SEAL_MAX)
		return ERR_TOOBIG;
	if ((er = read_key(&aes, slice_of(key))) != ERR_OK)
		return er;
	if ((er = append_clear_text(&clear, random, msg, slice_of(appid))) == ERR_OK)
		er = append_cipher_text(out, &aes, &clear);
	wipe(&aes, 0, sizeof(aes));
	buf_free(&clear);
	return er;
}

enum error
crypto_seal(struct buf *out, const struct account *a, struct slice msg,
    const unsigned char random[CRYPTO_RANDOM])
{
	return seal_with_key(out, a->aes_key, a->appid, msg, random);
}

/*
 * Makes the bytes that differ for each reply: a digest of the key, the time and the message.  For
 * those who do not have the key they are as good as random ones, and no file and no system call is
 * needed for them.
 */
static enum error
make_random(struct crypto *c, unsigned char random[CRYPTO_RANDOM], char nonce[NONCE + 1],
    const char *key, struct slice msg)
{
	char		 hex[DIGEST_SHA256_HEX + 1];
	struct timespec	 now = { 0 };
	size_t		 i;

	if (c->sha256 == NULL && (c->sha256 = digest_new(DIGEST_SHA256)) == NULL)
		return ERR_NOMEM;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	digest_hex(c->sha256, hex, (struct slice[]){ slice_of(key),
	    { (const char *)&now, sizeof(now) }, msg }, 3);
	for (i = 0; i < CRYPTO_RANDOM; i++)
		random[i] = (unsigned char)(hex_digit(hex[2 * i]) << 4 |
		    hex_digit(hex[2 * i + 1]));
	memcpy(nonce, hex + 2 * CRYPTO_RANDOM, NONCE);
	nonce[NONCE] = '\0';
	return ERR_OK;
}

enum error
crypto_seal_reply(struct crypto *c, struct buf *out, const struct account *a, struct slice msg,
    int64_t now_s)
{
	const char	*key = c->old_key ? a->aes_key_old : a->aes_key;
	unsigned char	 random[CRYPTO_RANDOM];
	char		 hex[CRYPTO_SHA1_HEX + 1], time[24], nonce[NONCE + 1];
	struct slice	 parts[4];
	enum error	 er;
	size_t		 at;

	if ((er = make_random(c, random, nonce, key, msg)) != ERR_OK ||
	    (er = buf_puts(out, "<xml><Encrypt><![CDATA[")) != ERR_OK)
		return er;
	at = out->len;
	if ((er = seal_with_key(out, key, a->appid, msg, random)) != ERR_OK)
		return er;
	(void)snprintf(time, sizeof(time), "%lld", (long long)now_s);
	parts[0] = slice_of(c->old_token ? a->token_old : a->token);
	parts[1] = slice_of(time);
	parts[2] = slice_of(nonce);
	parts[3] = (struct slice){ out->p + at, out->len - at };
	crypto_sign(c, hex, parts, 4);
	return buf_printf(out, "]]></Encrypt><MsgSignature><![CDATA[%s]]></MsgSignature>"
	    "<TimeStamp>%s</TimeStamp><Nonce><![CDATA[%s]]></Nonce></xml>", hex, time, nonce);
}
