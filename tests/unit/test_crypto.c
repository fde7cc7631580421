#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/digest.h"
#include "crypto.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"
#include "wechat/push.h"

#define NEED_URL	(1u << PUSH_SIGNATURE | 1u << PUSH_TIMESTAMP | 1u << PUSH_NONCE)
#define NEED_SAFE	(NEED_URL | 1u << PUSH_MSG_SIGNATURE)

#define KEY_A	"IFGF9ebDk0CcozaiPhRUNzmS5a7chvahvFChPjvCwt4"
#define KEY_B	"jQQLfG6x1feZAnGlfIAJC5085finIifaIPODeC1l38Q"
#define KEY_C	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

static const unsigned char	 sixteen[CRYPTO_RANDOM] = "0123456789abcde";

static const struct account	 account = {
	.path = "p", .appid = "wx5c0f9e8d7b6a1234", .token = "qtoaToken01", .aes_key = KEY_A,
};

/* What crypto_open() needs beside its inputs, and memory that ends right after an input. */
struct bench {
	struct crypto	*c;
	struct buf	 xml, work, query;
	struct guarded	 g, gq;
};

static void
bench_init(struct bench *b)
{
	*b = (struct bench){ .c = crypto_new() };
	assert_non_null(b->c);
	guarded_init(&b->g, 1 << 17);
	guarded_init(&b->gq, 4096);
}

static void
bench_fini(struct bench *b)
{
	crypto_free(b->c);
	buf_free(&b->xml);
	buf_free(&b->work);
	buf_free(&b->query);
	guarded_fini(&b->g);
	guarded_fini(&b->gq);
}

/* Reads a query string as the program does; p points into b. */
static enum error
read_query(struct bench *b, struct push *p, struct slice text, unsigned need)
{
	enum push_key	 which;
	struct query	 q;
	enum error	 er;

	if ((er = query_parse(&q, guarded_put(&b->gq, text), text.len)) != ERR_OK)
		return er;
	return push_read(p, &which, &q, need);
}

static struct account
account_of(const json_t *line)
{
	return (struct account){
		.path = "p",
		.appid = vector_get(line, "appid").p,
		.token = vector_get(line, "token").p,
		.mode = SAFE,
		.aes_key = vector_get(line, "encodingAESKey").p,
		.aes_key_old = vector_get(line, "previousEncodingAESKey").p,
	};
}

static bool
accepts(const json_t *line, int code)
{
	const json_t	*codes = json_object_get(line, "accept_codes");
	size_t		 i;

	for (i = 0; i < json_array_size(codes); i++)
		if (json_integer_value(json_array_get(codes, i)) == code)
			return true;
	return false;
}

static bool
is_of_kind(const json_t *line, const char *kind)
{
	return slice_is(vector_get(line, "kind"), kind);
}

static void
check_opened(struct bench *b, const json_t *line)
{
	const char	*name = vector_name(line);
	struct account	 a = account_of(line);
	struct push	 p;
	enum error	 er;

	if ((er = read_query(b, &p, vector_get(line, "query"), NEED_SAFE)) == ERR_OK)
		er = crypto_open(b->c, &b->xml, &b->work, &a, &p,
		    guarded_slice(&b->g, vector_get(line, "xml_envelope")));
	else
		buf_reset(&b->xml);
	if (json_is_true(json_object_get(line, "ok"))) {
		check_err(name, er, ERR_OK);
		check_bytes(name, buf_slice(&b->xml), vector_get(line, "plaintext"));
		check_err(name, crypto_check_url(b->c, &a, &p), ERR_OK);
		return;
	}
	CHECK(name, accepts(line, error_table[er].wechat));
	/* Several errors would be right; WeChat's order of checks decides. */
	check_int(name, error_table[er].wechat,
	    json_integer_value(json_object_get(line, "error_code")));
	CHECK(name, er != ERR_OK);
	/* Every forgery is answered the same, and nothing of it is left. */
	check_int(name, error_table[er].status, 403);
	check_int(name, (int64_t)b->xml.len, 0);
}

static void
vectors_opened(void **state)
{
	struct vectors	 v;
	struct bench	 b;
	size_t		 i;
	int		 good = 0, bad = 0;

	(void)state;
	bench_init(&b);
	vectors_load(&v, "crypto-vectors.jsonl");
	check_int("vectors", (int64_t)v.n, 120);
	for (i = 0; i < v.n; i++) {
		if (!is_of_kind(v.line[i], "decrypt"))
			continue;
		check_opened(&b, v.line[i]);
		good += json_is_true(json_object_get(v.line[i], "ok"));
		bad += json_is_false(json_object_get(v.line[i], "ok"));
	}
	check_int("good ones", good, 56);
	check_int("bad ones", bad, 59);
	vectors_free(&v);
	bench_fini(&b);
}

/* A bad key is found by itself, without a message. */
static void
vectors_keys(void **state)
{
	unsigned char	 key[CRYPTO_KEY];
	struct vectors	 v;
	size_t		 i;
	int		 n = 0;
	bool		 bad;

	(void)state;
	vectors_load(&v, "crypto-vectors.jsonl");
	for (i = 0; i < v.n; i++) {
		bad = strncmp(vector_name(v.line[i]), "bad-key-", 8) == 0;
		n += bad;
		check_err(vector_name(v.line[i]), crypto_key(key,
		    vector_get(v.line[i], "encodingAESKey")), bad ? ERR_AESKEY : ERR_OK);
	}
	check_int("bad keys", n, 4);
	vectors_free(&v);
}

static void
check_sealed(struct bench *b, const json_t *line)
{
	const char	*name = vector_name(line);
	struct account	 a = account_of(line);
	struct slice	 random = vector_get(line, "random");
	struct slice	 msg = vector_get(line, "plaintext");
	struct buf	 out = { 0 };
	struct push	 p = { .v = {
		[PUSH_TIMESTAMP] = vector_get(line, "timestamp"),
		[PUSH_NONCE] = vector_get(line, "nonce"),
		[PUSH_MSG_SIGNATURE] = vector_get(line, "msg_signature"),
	} };
	struct slice	 parts[4] = { slice_of(a.token), p.v[PUSH_TIMESTAMP], p.v[PUSH_NONCE] };
	char		 hex[CRYPTO_SHA1_HEX + 1];

	assert_int_equal(random.len, CRYPTO_RANDOM);
	check_err(name, crypto_seal(&out, &a, guarded_slice(&b->g, msg),
	    (const unsigned char *)random.p), ERR_OK);
	check_bytes(name, buf_slice(&out), vector_get(line, "encrypt"));
	parts[3] = buf_slice(&out);
	crypto_sign(b->c, hex, parts, 4);
	check_bytes(name, slice_of(hex), p.v[PUSH_MSG_SIGNATURE]);
	/* The other side can open it. */
	check_err(name, crypto_open(b->c, &b->xml, &b->work, &a, &p,
	    guarded_slice(&b->g, vector_get(line, "xml_envelope"))), ERR_OK);
	check_bytes(name, buf_slice(&b->xml), msg);
	buf_free(&out);
}

static void
vectors_sealed(void **state)
{
	struct vectors	 v;
	struct bench	 b;
	size_t		 i;
	int		 n = 0;

	(void)state;
	bench_init(&b);
	vectors_load(&v, "crypto-vectors.jsonl");
	for (i = 0; i < v.n; i++)
		if (is_of_kind(v.line[i], "encrypt")) {
			check_sealed(&b, v.line[i]);
			n++;
		}
	check_int("vectors", n, 5);
	vectors_free(&v);
	bench_fini(&b);
}

/* Appends `&name=` and the value, every byte of it escaped; nothing if the value is absent. */
static void
put_param(struct buf *out, const char *name, struct slice value)
{
	size_t	 i;

	if (value.p == NULL)
		return;
	assert_int_equal(buf_printf(out, "&%s=", name), ERR_OK);
	for (i = 0; i < value.len; i++)
		assert_int_equal(buf_printf(out, "%%%02x", (unsigned char)value.p[i]), ERR_OK);
}

/* The signature in the URL of a handshake. */
static void
check_url_case(struct bench *b, const json_t *line)
{
	static const char *const names[] = { "signature", "timestamp", "nonce", "echostr" };
	const char	*name = vector_name(line);
	struct account	 a = { .token = vector_get(line, "token").p };
	struct push	 p;
	enum error	 er;
	size_t		 i;

	buf_reset(&b->query);
	for (i = 0; i < COUNT(names); i++)
		put_param(&b->query, names[i], vector_get(line, names[i]));
	if ((er = read_query(b, &p, buf_slice(&b->query), NEED_URL)) == ERR_OK)
		er = crypto_check_url(b->c, &a, &p);
	if (json_is_true(json_object_get(line, "valid"))) {
		check_err(name, er, ERR_OK);
		check_bytes(name, p.v[PUSH_ECHOSTR], vector_get(line, "echostr"));
	} else {
		CHECK(name, er == ERR_SIGNATURE || er == ERR_PARAM);
		check_int(name, error_table[er].status, 403);
	}
}

/*
 * The signature of a message.  The texts are not encrypted: if the signature is right, the next
 * check refuses the text.
 */
static void
check_msg_case(struct bench *b, const json_t *line)
{
	const char	*name = vector_name(line);
	struct account	 a = account;
	struct slice	 encrypt = vector_get(line, "encrypt");
	struct push	 p = { .v = {
		[PUSH_TIMESTAMP] = vector_get(line, "timestamp"),
		[PUSH_NONCE] = vector_get(line, "nonce"),
		[PUSH_MSG_SIGNATURE] = vector_get(line, "msg_signature"),
	} };
	struct slice	 parts[4] = { vector_get(line, "token"), p.v[PUSH_TIMESTAMP],
			    p.v[PUSH_NONCE], encrypt };
	struct buf	 body = { 0 };
	char		 hex[CRYPTO_SHA1_HEX + 1];
	bool		 valid = json_is_true(json_object_get(line, "valid"));

	a.token = parts[0].p;
	crypto_sign(b->c, hex, parts, 4);
	CHECK(name, slice_is(p.v[PUSH_MSG_SIGNATURE], hex) == valid);
	assert_int_equal(buf_printf(&body, "<xml><Encrypt>%s</Encrypt></xml>", encrypt.p), ERR_OK);
	check_err(name, crypto_open(b->c, &b->xml, &b->work, &a, &p, buf_slice(&body)),
	    !valid ? ERR_SIGNATURE : encrypt.len == 0 ? ERR_XML : ERR_AES);
	buf_free(&body);
}

static void
vectors_signatures(void **state)
{
	struct vectors	 v;
	struct bench	 b;
	size_t		 i;
	int		 urls = 0, msgs = 0;

	(void)state;
	bench_init(&b);
	vectors_load(&v, "signature-cases.jsonl");
	for (i = 0; i < v.n; i++) {
		if (is_of_kind(v.line[i], "url")) {
			check_url_case(&b, v.line[i]);
			urls++;
		} else if (is_of_kind(v.line[i], "msg")) {
			check_msg_case(&b, v.line[i]);
			msgs++;
		}
	}
	check_int("url", urls, 29);
	check_int("msg", msgs, 5);
	check_int("all", (int64_t)v.n, 34);
	vectors_free(&v);
	bench_fini(&b);
}

static const struct {
	const char	*name;
	struct slice	 ts;
	int		 fresh_s;
	enum error	 want;
} ages[] = {
	{ "now", BYTES("1712345678"), 600, ERR_OK },
	{ "oldest", BYTES("1712345078"), 600, ERR_OK },
	{ "too old", BYTES("1712345077"), 600, ERR_STALE },
	{ "furthest ahead", BYTES("1712346278"), 600, ERR_OK },
	{ "too far ahead", BYTES("1712346279"), 600, ERR_STALE },
	{ "within a second", BYTES("1712345677"), 1, ERR_OK },
	{ "not within a second", BYTES("1712345676"), 1, ERR_STALE },
	{ "any age", BYTES("1"), -1, ERR_OK },
	{ "any age ahead", BYTES("9712345678"), -1, ERR_OK },
	{ "zero", BYTES("0"), 600, ERR_STALE },
	{ "milliseconds", BYTES("1712345678000"), 600, ERR_STALE },
	{ "no digits", BYTES("now"), 600, ERR_STALE },
	{ "digits and more", BYTES("1712345678x"), 600, ERR_STALE },
	{ "NUL behind", BYTES("1712345678\0"), 600, ERR_STALE },
	{ "blank before", BYTES(" 1712345678"), 600, ERR_STALE },
	{ "blank behind", BYTES("1712345678 "), 600, ERR_STALE },
	{ "plus", BYTES("+1712345678"), 600, ERR_STALE },
	{ "minus", BYTES("-1712345678"), 600, ERR_STALE },
	{ "fraction", BYTES("1712345678.0"), 600, ERR_STALE },
	{ "exponent", BYTES("1712345678e0"), 600, ERR_STALE },
	{ "hexadecimal", BYTES("0x661075CE"), 600, ERR_STALE },
	{ "wraps in 32 bits", BYTES("6007312974"), 600, ERR_STALE },
	{ "largest in 64 bits", BYTES("9223372036854775807"), 600, ERR_STALE },
	{ "wraps in 64 bits", BYTES("18446744075421897294"), 600, ERR_STALE },
	{ "a great many digits", BYTES("99999999999999999999999999999999"), 600,
	    ERR_STALE },
	{ "empty", BYTES(""), 600, ERR_STALE },
	{ "absent", { NULL, 0 }, 600, ERR_STALE },
};

static void
fresh(void **state)
{
	enum { NOW = 1712345678 };
	struct guarded	 g;
	struct push	 p = { .v = { { NULL, 0 } } };
	size_t		 i;

	(void)state;
	guarded_init(&g, 64);
	for (i = 0; i < COUNT(ages); i++) {
		p.v[PUSH_TIMESTAMP] = ages[i].ts.p == NULL ? ages[i].ts :
		    guarded_slice(&g, ages[i].ts);
		check_err(ages[i].name, crypto_check_fresh(&p, ages[i].fresh_s, NOW),
		    ages[i].want);
	}
	guarded_fini(&g);
}

/* 43 characters are 258 bits: the last two do not matter, all others do. */
static void
spare_bits(void **state)
{
	static const char	 digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789";
	unsigned char		 key[CRYPTO_KEY], other[CRYPTO_KEY];
	char			 text[] = KEY_A, name[32];
	size_t			 i, at;
	bool			 same;

	(void)state;
	check_err("key", crypto_key(key, slice_of(KEY_A)), ERR_OK);
	for (at = 0; at < CRYPTO_KEY_TEXT; at++)
		for (i = 0; i < sizeof(digits) - 1; i++) {
			memcpy(text, KEY_A, sizeof(text));
			text[at] = digits[i];
			(void)snprintf(name, sizeof(name), "%c at %zu", digits[i], at);
			check_err(name, crypto_key(other, slice_of(text)), ERR_OK);
			/*
			 * The last one is 4, number 56 of the digits: 14 times 4, and no spare
			 * bits.
			 */
			same = at == CRYPTO_KEY_TEXT - 1 ? i / 4 == 14 : digits[i] == KEY_A[at];
			CHECK(name, (memcmp(key, other, sizeof(key)) == 0) == same);
		}
}

static void
keys(void **state)
{
	static const unsigned char	 want[CRYPTO_KEY] = {
		0x69, 0xb7, 0x1d, 0x79, 0xf8, 0x21, 0x8a, 0x39, 0x25, 0x9a, 0x7a, 0x29, 0xaa, 0xbb,
		0x2d, 0xba, 0xfc, 0x31, 0xcb, 0x3d, 0x35, 0xdb, 0x7e, 0x39, 0xeb, 0xbf, 0x3d, 0x00,
		0x10, 0x83, 0x10, 0x51,
	};
	static const struct {
		const char	*name;
		struct slice	 text;
	} bad[] = {
		{ "absent", { NULL, 0 } },
		{ "empty", BYTES("") },
		{ "42", BYTES("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF") },
		{ "44", BYTES("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH") },
		{ "44 with =", BYTES(KEY_C "=") },
		{ "= for the last", BYTES("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF=") },
		{ "line end", BYTES("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF\n") },
		{ "blank", BYTES("abcdefghijklmnopqrstuvwxyz 123456789ABCDEFG") },
		{ "minus", BYTES("abcdefghijklmnopqrstuvwxyz-123456789ABCDEFG") },
		{ "NUL", BYTES("abcdefghijklmnopqrstuvwxyz\000123456789ABCDEFG") },
		{ "foreign byte", BYTES("abcdefghijklmnopqrstuvwxyz\377123456789ABCDEFG") },
	};
	unsigned char	 key[CRYPTO_KEY];
	struct guarded	 g;
	size_t		 i;

	(void)state;
	guarded_init(&g, 64);
	check_err("good", crypto_key(key, guarded_slice(&g, slice_of(KEY_C))), ERR_OK);
	check_bytes("good", (struct slice){ (const char *)key, sizeof(key) },
	    (struct slice){ (const char *)want, sizeof(want) });
	for (i = 0; i < COUNT(bad); i++)
		check_err(bad[i].name, crypto_key(key, guarded_slice(&g, bad[i].text)),
		    ERR_AESKEY);
	guarded_fini(&g);
}

static void
equal(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 a, b;
		bool		 want;
	} cases[] = {
		{ "the same", BYTES("abc"), BYTES("abc"), true },
		{ "first differs", BYTES("abc"), BYTES("xbc"), false },
		{ "last differs", BYTES("abc"), BYTES("abx"), false },
		{ "one bit", BYTES("abc"), BYTES("abC"), false },
		{ "shorter", BYTES("abc"), BYTES("ab"), false },
		{ "NUL behind", BYTES("abc"), BYTES("abc\0"), false },
		{ "differs behind a NUL", BYTES("a\0b"), BYTES("a\0c"), false },
		{ "empty", BYTES(""), BYTES(""), true },
		{ "absent and something", { NULL, 0 }, BYTES("a"), false },
	};
	struct guarded	 g, h;
	struct slice	 a, b;
	size_t		 i;

	(void)state;
	guarded_init(&g, 16);
	guarded_init(&h, 16);
	for (i = 0; i < COUNT(cases); i++) {
		a = guarded_slice(&g, cases[i].a);
		b = guarded_slice(&h, cases[i].b);
		CHECK(cases[i].name, digest_equal(a, b) == cases[i].want);
		CHECK(cases[i].name, digest_equal(b, a) == cases[i].want);
	}
	guarded_fini(&g);
	guarded_fini(&h);
}

/* A push as WeChat makes it. */
struct sealed {
	struct buf	 body;
	size_t		 encrypt_at, encrypt_len;
	char		 url[CRYPTO_SHA1_HEX + 1], msg[CRYPTO_SHA1_HEX + 1];
	struct push	 p;
};

/* Makes the push of a message for an account. */
static void
seal_push(struct bench *b, struct sealed *s, const struct account *a, const char *text)
{
	struct slice	 parts[4] = { slice_of(a->token), slice_of("1712345678"),
			    slice_of("nonce") };

	*s = (struct sealed){ .body = { 0 } };
	assert_int_equal(buf_puts(&s->body, "<xml><ToUserName/><Encrypt><![CDATA["), ERR_OK);
	s->encrypt_at = s->body.len;
	assert_int_equal(crypto_seal(&s->body, a, slice_of(text), sixteen), ERR_OK);
	s->encrypt_len = s->body.len - s->encrypt_at;
	parts[3] = (struct slice){ s->body.p + s->encrypt_at, s->encrypt_len };
	crypto_sign(b->c, s->url, parts, 3);
	crypto_sign(b->c, s->msg, parts, 4);
	assert_int_equal(buf_puts(&s->body, "]]></Encrypt></xml>"), ERR_OK);
	s->p.v[PUSH_TIMESTAMP] = parts[1];
	s->p.v[PUSH_NONCE] = parts[2];
	s->p.v[PUSH_SIGNATURE] = slice_of(s->url);
	s->p.v[PUSH_MSG_SIGNATURE] = slice_of(s->msg);
}

static void
old_key(void **state)
{
	static const struct {
		const char	*name, *sealed_with, *key, *old;
		bool		 opens;
	} cases[] = {
		{ "current, no old one", KEY_A, KEY_A, NULL, true },
		{ "current, old one empty", KEY_A, KEY_A, "", true },
		{ "current, old one set", KEY_A, KEY_A, KEY_B, true },
		{ "current, both the same", KEY_A, KEY_A, KEY_A, true },
		{ "old, old one set", KEY_B, KEY_A, KEY_B, true },
		{ "old, not set any more", KEY_B, KEY_A, NULL, false },
		{ "old, empty", KEY_B, KEY_A, "", false },
		{ "neither", KEY_C, KEY_A, KEY_B, false },
	};
	struct account	 a = account;
	struct sealed	 s;
	struct bench	 b;
	enum error	 er, alone;
	size_t		 i;

	(void)state;
	bench_init(&b);
	for (i = 0; i < COUNT(cases); i++) {
		a.aes_key = cases[i].sealed_with;
		seal_push(&b, &s, &a, "<xml>text</xml>");
		a.aes_key = cases[i].key;
		a.aes_key_old = NULL;
		alone = crypto_open(b.c, &b.xml, &b.work, &a, &s.p, buf_slice(&s.body));
		a.aes_key_old = cases[i].old;
		er = crypto_open(b.c, &b.xml, &b.work, &a, &s.p, buf_slice(&s.body));
		check_err(cases[i].name, er, cases[i].opens ? ERR_OK : alone);
		check_bytes(cases[i].name, buf_slice(&b.xml),
		    slice_of(cases[i].opens ? "<xml>text</xml>" : ""));
		CHECK(cases[i].name, cases[i].opens || alone == ERR_AES ||
		    alone == ERR_BUFFER || alone == ERR_APPID);
		buf_free(&s.body);
	}
	bench_fini(&b);
}

/* Both signatures, with the Token that is set, the one before, and another one, in each mode. */
static void
old_token(void **state)
{
	static const struct {
		const char	*name, *signed_with, *token, *old;
		bool		 right;
	} cases[] = {
		{ "current, no old one", "newToken", "newToken", NULL, true },
		{ "current, old one empty", "newToken", "newToken", "", true },
		{ "current, old one set", "newToken", "newToken", "oldToken", true },
		{ "current, both the same", "newToken", "newToken", "newToken", true },
		{ "old, old one set", "oldToken", "newToken", "oldToken", true },
		{ "old, not set any more", "oldToken", "newToken", NULL, false },
		{ "old, empty", "oldToken", "newToken", "", false },
		{ "none, old one empty", "", "newToken", "", false },
		{ "beginning of the old one", "oldTok", "newToken", "oldToken", false },
		{ "neither", "third", "newToken", "oldToken", false },
	};
	static const enum account_mode	 modes[] = { SAFE, COMPATIBLE, PLAIN };
	struct account			 a = account;
	struct sealed			 s;
	struct bench			 b;
	size_t				 i;

	(void)state;
	bench_init(&b);
	for (i = 0; i < COUNT(cases) * COUNT(modes); i++) {
		a.mode = modes[i % COUNT(modes)];
		a.token = cases[i / COUNT(modes)].signed_with;
		a.token_old = NULL;
		seal_push(&b, &s, &a, "<xml>text</xml>");
		a.token = cases[i / COUNT(modes)].token;
		a.token_old = cases[i / COUNT(modes)].old;
		check_err(cases[i / COUNT(modes)].name, crypto_check_url(b.c, &a, &s.p),
		    cases[i / COUNT(modes)].right ? ERR_OK : ERR_SIGNATURE);
		check_err(cases[i / COUNT(modes)].name, crypto_open(b.c, &b.xml, &b.work, &a, &s.p,
		    buf_slice(&s.body)), cases[i / COUNT(modes)].right ? ERR_OK : ERR_SIGNATURE);
		buf_free(&s.body);
	}
	bench_fini(&b);
}

/* Every character of both signatures matters, and their lengths do. */
static void
signatures_are_compared_whole(void **state)
{
	static const char	 put[] = "0123456789abcdefABCDEFg \0";
	struct sealed		 s;
	struct bench		 b;
	char			 text[CRYPTO_SHA1_HEX + 2] = "", name[32];
	size_t			 at, k, len;

	(void)state;
	bench_init(&b);
	seal_push(&b, &s, &account, "text");
	check_err("right", crypto_check_url(b.c, &account, &s.p), ERR_OK);
	check_err("right", crypto_open(b.c, &b.xml, &b.work, &account, &s.p,
	    buf_slice(&s.body)), ERR_OK);
	for (at = 0; at < CRYPTO_SHA1_HEX; at++)
		for (k = 0; k < sizeof(put) - 1; k++) {
			(void)snprintf(name, sizeof(name), "put %zu at %zu", k, at);
			memcpy(text, s.url, CRYPTO_SHA1_HEX);
			text[at] = put[k];
			s.p.v[PUSH_SIGNATURE].p = text;
			check_err(name, crypto_check_url(b.c, &account, &s.p),
			    put[k] == s.url[at] ? ERR_OK : ERR_SIGNATURE);
			memcpy(text, s.msg, CRYPTO_SHA1_HEX);
			text[at] = put[k];
			s.p.v[PUSH_MSG_SIGNATURE].p = text;
			check_err(name, crypto_open(b.c, &b.xml, &b.work, &account, &s.p,
			    buf_slice(&s.body)),
			    put[k] == s.msg[at] ? ERR_OK : ERR_SIGNATURE);
		}
	memcpy(text, s.url, CRYPTO_SHA1_HEX);
	for (len = 0; len <= CRYPTO_SHA1_HEX + 1; len++) {
		(void)snprintf(name, sizeof(name), "%zu characters", len);
		s.p.v[PUSH_SIGNATURE] = guarded_slice(&b.gq, (struct slice){ text, len });
		check_err(name, crypto_check_url(b.c, &account, &s.p),
		    len == CRYPTO_SHA1_HEX ? ERR_OK : ERR_SIGNATURE);
	}
	buf_free(&s.body);
	bench_fini(&b);
}

/* Texts with a right signature that are not encrypted. */
static const struct {
	const char	*name, *text;
	enum error	 want;
} texts[] = {
	{ "nothing", "", ERR_XML },
	{ "blanks", " \n ", ERR_XML },
	{ "1 character", "A", ERR_BASE64 },
	{ "2 characters", "AA", ERR_BASE64 },
	{ "3 characters", "AAA", ERR_BASE64 },
	{ "5 characters", "AAAAA", ERR_BASE64 },
	{ "three =", "A===", ERR_BASE64 },
	{ "only =", "====", ERR_BASE64 },
	{ "= within", "AA=A", ERR_BASE64 },
	{ "= and more", "AA==AAAA", ERR_BASE64 },
	{ "URL alphabet", "A-_A", ERR_BASE64 },
	{ "line end within", "AA\nA", ERR_BASE64 },
	{ "blank within", "AA A", ERR_BASE64 },
	{ "foreign byte", "AA\xFF" "A", ERR_BASE64 },
	{ "3 bytes", "AAAA", ERR_AES },
	{ "2 bytes", "AAA=", ERR_AES },
	{ "1 byte", "+/==", ERR_AES },
	{ "16 bytes", "AAAAAAAAAAAAAAAAAAAAAA==", ERR_AES },
	{ "48 bytes", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	    ERR_AES },
};

static void
encrypt_texts(void **state)
{
	struct push	 p = { .v = {
		[PUSH_TIMESTAMP] = BYTES("1712345678"), [PUSH_NONCE] = BYTES("nonce"),
	} };
	struct slice	 parts[4] = { slice_of(account.token), p.v[PUSH_TIMESTAMP],
			    p.v[PUSH_NONCE] };
	struct buf	 body = { 0 };
	char		 hex[CRYPTO_SHA1_HEX + 1];
	struct bench	 b;
	size_t		 i;

	(void)state;
	bench_init(&b);
	for (i = 0; i < COUNT(texts); i++) {
		parts[3] = slice_of(texts[i].text);
		crypto_sign(b.c, hex, parts, 4);
		p.v[PUSH_MSG_SIGNATURE] = slice_of(hex);
		buf_reset(&body);
		assert_int_equal(buf_printf(&body, "<xml><Encrypt>%s</Encrypt></xml>",
		    texts[i].text), ERR_OK);
		check_err(texts[i].name, crypto_open(b.c, &b.xml, &b.work, &account, &p,
		    guarded_slice(&b.g, buf_slice(&body))), texts[i].want);
		check_int(texts[i].name, (int64_t)b.xml.len, 0);
	}
	buf_free(&body);
	bench_fini(&b);
}

static void
spoil_byte(char *p, bool spoil)
{
	*p = (char)(*p ^ spoil);
}

/* The answer is the same for every check that fails, and nothing of the message is left. */
static void
constant_answer(void **state)
{
	enum spoil { NOTHING, URL, MSG, TEXT, BODY, KEY, APPID, SHORT };
	static const struct {
		const char	*name;
		enum spoil	 what;
		enum error	 want;
	} cases[] = {
		{ "nothing wrong", NOTHING, ERR_OK },
		{ "signature", URL, ERR_SIGNATURE },
		{ "msg_signature", MSG, ERR_SIGNATURE },
		{ "ciphertext", TEXT, ERR_SIGNATURE },
		{ "no <Encrypt>", BODY, ERR_XML },
		{ "EncodingAESKey", KEY, ERR_AESKEY },
		{ "AppID", APPID, ERR_APPID },
		{ "AppID one shorter", SHORT, ERR_APPID },
	};
	struct account	 a;
	struct sealed	 s;
	struct bench	 b;
	enum error	 er;
	size_t		 i;

	(void)state;
	bench_init(&b);
	for (i = 0; i < COUNT(cases); i++) {
		a = account;
		seal_push(&b, &s, &a, "text");
		spoil_byte(&s.url[7], cases[i].what == URL);
		spoil_byte(&s.msg[7], cases[i].what == MSG);
		spoil_byte(&s.body.p[s.encrypt_at + 9], cases[i].what == TEXT);
		spoil_byte(&s.body.p[2], cases[i].what == BODY);
		a.aes_key = cases[i].what == KEY ? "short" : a.aes_key;
		a.appid = cases[i].what == APPID ? "wx5c0f9e8d7b6a1235" :
		    cases[i].what == SHORT ? "wx5c0f9e8d7b6a123" : a.appid;
		if ((er = crypto_check_url(b.c, &a, &s.p)) == ERR_OK)
			er = crypto_open(b.c, &b.xml, &b.work, &a, &s.p, buf_slice(&s.body));
		else
			buf_reset(&b.xml);
		check_err(cases[i].name, er, cases[i].want);
		check_int(cases[i].name, error_table[er].status, er == ERR_OK ? 200 : 403);
		check_bytes(cases[i].name, buf_slice(&b.xml), slice_of(er == ERR_OK ? "text" : ""));
		buf_free(&s.body);
	}
	bench_fini(&b);
}

/* A body that is cut after any byte, and one with any byte of the encrypted text changed. */
static void
damaged(void **state)
{
	struct sealed	 s;
	struct bench	 b;
	struct slice	 body;
	char		*copy, name[32];
	enum error	 er;
	size_t		 i;

	(void)state;
	bench_init(&b);
	seal_push(&b, &s, &account, "<xml>text</xml>");
	body = buf_slice(&s.body);
	for (i = 0; i <= body.len; i++) {
		(void)snprintf(name, sizeof(name), "first %zu", i);
		er = crypto_open(b.c, &b.xml, &b.work, &account, &s.p, guarded_slice(&b.g,
		    (struct slice){ body.p, i }));
		check_err(name, er, i == body.len ? ERR_OK : ERR_XML);
	}
	for (i = 0; i < s.encrypt_len; i++) {
		(void)snprintf(name, sizeof(name), "character %zu", i);
		copy = guarded_put(&b.g, body);
		copy[s.encrypt_at + i] ^= 1;
		er = crypto_open(b.c, &b.xml, &b.work, &account, &s.p,
		    (struct slice){ copy, body.len });
		check_err(name, er, ERR_SIGNATURE);
		check_int(name, (int64_t)b.xml.len, 0);
	}
	buf_free(&s.body);
	bench_fini(&b);
}

/* Messages of many lengths, so that every padding occurs: each can be opened. */
static void
every_padding(void **state)
{
	char		 text[200], name[32];
	struct sealed	 s;
	struct bench	 b;
	size_t		 len;

	(void)state;
	bench_init(&b);
	for (len = 0; len < sizeof(text); len++) {
		(void)snprintf(name, sizeof(name), "%zu bytes", len);
		memset(text, 'x', len);
		text[len] = '\0';
		seal_push(&b, &s, &account, text);
		/* 16 random bytes, length, message and AppID, padded to 32, in base64. */
		check_int(name, (int64_t)s.encrypt_len,
		    (int64_t)((16 + 4 + len + 18) / 32 * 32 + 32 + 2) / 3 * 4);
		check_err(name, crypto_open(b.c, &b.xml, &b.work, &account, &s.p,
		    guarded_slice(&b.g, buf_slice(&s.body))), ERR_OK);
		check_bytes(name, buf_slice(&b.xml), slice_of(text));
		buf_free(&s.body);
	}
	bench_fini(&b);
}

/* Appends clear (blocks of 16 bytes) in AES-256-CBC and base64, by OpenSSL instead of crypto.c. */
static void
put_encrypted(struct buf *out, const char *key_text, const struct buf *clear)
{
	unsigned char	 key[48], text[512], base64[700];
	EVP_CIPHER_CTX	*ctx = EVP_CIPHER_CTX_new();
	char		 padded[64];
	int		 n;

	(void)snprintf(padded, sizeof(padded), "%s=", key_text);
	assert_int_equal(EVP_DecodeBlock(key, (unsigned char *)padded, 44), 33);
	assert_true(ctx != NULL && clear->len <= sizeof(text));
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, text, &n, (unsigned char *)clear->p,
	    (int)clear->len), 1);
	EVP_CIPHER_CTX_free(ctx);
	n = EVP_EncodeBlock(base64, text, n);
	assert_int_equal(buf_put(out, base64, (size_t)n), ERR_OK);
}

/* Padding of any length in which every byte is right: 1 to 32 bytes are allowed. */
static void
long_padding(void **state)
{
	struct push	 p = { .v = {
		[PUSH_TIMESTAMP] = BYTES("1712345678"), [PUSH_NONCE] = BYTES("nonce"),
	} };
	struct slice	 parts[4] = { slice_of(account.token), p.v[PUSH_TIMESTAMP],
			    p.v[PUSH_NONCE] };
	char		 hex[CRYPTO_SHA1_HEX + 1], name[24];
	struct buf	 clear = { 0 }, text = { 0 }, body = { 0 };
	struct bench	 b;
	size_t		 pad, len;

	(void)state;
	bench_init(&b);
	for (pad = 1; pad < 256; pad++) {
		(void)snprintf(name, sizeof(name), "padding %zu", pad);
		len = 320 - pad - 16 - 4 - strlen(account.appid);
		buf_reset(&clear);
		buf_reset(&text);
		buf_reset(&body);
		assert_int_equal(buf_printf(&clear, "%16s%c%c%c%c%*s%s", "", 0, 0,
		    (int)(len >> 8), (int)(len & 0xFF), (int)len, "", account.appid), ERR_OK);
		while (clear.len < 320)
			assert_int_equal(buf_putc(&clear, (char)pad), ERR_OK);
		put_encrypted(&text, KEY_A, &clear);
		parts[3] = buf_slice(&text);
		crypto_sign(b.c, hex, parts, 4);
		p.v[PUSH_MSG_SIGNATURE] = slice_of(hex);
		assert_int_equal(buf_printf(&body, "<xml><Encrypt>%.*s</Encrypt></xml>",
		    (int)text.len, text.p), ERR_OK);
		check_err(name, crypto_open(b.c, &b.xml, &b.work, &account, &p,
		    buf_slice(&body)), pad <= 32 ? ERR_OK : ERR_AES);
		check_int(name, (int64_t)b.xml.len, pad <= 32 ? (int64_t)len : 0);
	}
	buf_free(&clear);
	buf_free(&text);
	buf_free(&body);
	bench_fini(&b);
}

static void
sealing(void **state)
{
	struct account	 a = account;
	struct buf	 one = { 0 }, two = { 0 };
	struct slice	 msg = slice_of("message");
	unsigned char	 other[CRYPTO_RANDOM];

	(void)state;
	memcpy(other, sixteen, CRYPTO_RANDOM);
	other[0] ^= 1;
	assert_int_equal(buf_puts(&one, "kept:"), ERR_OK);
	check_err("appended", crypto_seal(&one, &a, msg, sixteen), ERR_OK);
	check_err("again", crypto_seal(&two, &a, msg, other), ERR_OK);
	CHECK("appended", one.len == two.len + 5 && memcmp(one.p, "kept:", 5) == 0);
	CHECK("all differs if the random bytes differ", one.len == two.len + 5 &&
	    memcmp(one.p + one.len - 20, two.p + two.len - 20, 20) != 0);
	a.aes_key = "short";
	buf_reset(&two);
	check_err("no key", crypto_seal(&two, &a, msg, sixteen), ERR_AESKEY);
	check_int("no key", (int64_t)two.len, 0);
	buf_free(&one);
	buf_free(&two);
	crypto_free(NULL);
}

/* Parts are sorted by their bytes, whatever the order in which they are given. */
static void
parts_are_sorted(void **state)
{
	static const struct {
		const char	*name;
		const char	*parts[4];	/* in their order */
	} cases[] = {
		{ "digits, capitals, letters", { "1", "B", "a", "b" } },
		{ "prefix first", { "1", "17", "171", "1715" } },
		{ "not as numbers", { "10", "100", "9", "90" } },
		{ "equal ones", { "1", "1", "2", "2" } },
		{ "empty ones", { "", "", "1", "\xFF" } },
	};
	struct crypto	*c = crypto_new();
	struct slice	 parts[4], whole;
	char		 want[CRYPTO_SHA1_HEX + 1], hex[CRYPTO_SHA1_HEX + 1], text[32];
	size_t		 i, k, order;

	(void)state;
	assert_non_null(c);
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text), "%s%s%s%s", cases[i].parts[0],
		    cases[i].parts[1], cases[i].parts[2], cases[i].parts[3]);
		whole = slice_of(text);
		crypto_sign(c, want, &whole, 1);
		for (order = 0; order < 24; order++) {
			/* The permutation of four that has this number. */
			size_t left[4] = { 0, 1, 2, 3 }, o = order, n, at;

			for (k = 0, n = 4; n > 0; n--, k++) {
				at = o % n;
				o /= n;
				parts[k] = slice_of(cases[i].parts[left[at]]);
				memmove(left + at, left + at + 1,
				    (n - at - 1) * sizeof(*left));
			}
			crypto_sign(c, hex, parts, 4);
			check_text(cases[i].name, hex, want);
		}
	}
	crypto_free(c);
}

static void
out_of_memory(void **state)
{
	struct sealed	 s;
	struct bench	 b;
	enum error	 er;
	unsigned	 n;

	(void)state;
	bench_init(&b);
	seal_push(&b, &s, &account, "<xml>text</xml>");
	for (n = 1;; n++) {
		buf_free(&b.xml);
		buf_free(&b.work);
		unit_memory = n;
		er = crypto_open(b.c, &b.xml, &b.work, &account, &s.p, buf_slice(&s.body));
		if (unit_memory != 0)
			break;
		check_err("short of memory", er, ERR_NOMEM);
		check_int("short of memory", (int64_t)b.xml.len, 0);
	}
	unit_memory = 0;
	check_err("enough", er, ERR_OK);
	CHECK("both bufs", n == 3);
	buf_free(&s.body);
	bench_fini(&b);
}

/* Puts a NUL behind the bytes in use, for strstr(). */
static const char *
as_string(struct buf *b)
{
	assert_int_equal(buf_reserve(b, 1), ERR_OK);
	b->p[b->len] = '\0';
	return b->p;
}

/*
 * A reply goes out with the Token and the key that WeChat has used for the push.  Here WeChat opens
 * it: it knows only those.
 */
static void
sealed_replies(void **state)
{
	static const struct {
		const char	*name, *token, *key;
	} cases[] = {
		{ "current", "newToken", KEY_A }, { "old key", "newToken", KEY_B },
		{ "old token", "oldToken", KEY_A }, { "both old", "oldToken", KEY_B },
		{ "current again", "newToken", KEY_A },
	};
	struct account	 a = account, wechat = account;
	struct buf	 out = { 0 };
	struct sealed	 s;
	struct bench	 b, peer;
	size_t		 i;

	(void)state;
	bench_init(&b);
	bench_init(&peer);
	a.token = "newToken";
	a.token_old = "oldToken";
	a.aes_key_old = KEY_B;
	for (i = 0; i < COUNT(cases); i++) {
		wechat.token = cases[i].token;
		wechat.aes_key = cases[i].key;
		seal_push(&b, &s, &wechat, "<xml>push</xml>");
		check_err(cases[i].name, crypto_check_url(b.c, &a, &s.p), ERR_OK);
		check_err(cases[i].name, crypto_open(b.c, &b.xml, &b.work, &a, &s.p,
		    buf_slice(&s.body)), ERR_OK);
		buf_reset(&out);
		check_err(cases[i].name, crypto_seal_reply(b.c, &out, &a,
		    slice_of("<xml>reply</xml>"), 1712345678), ERR_OK);
		check_err(cases[i].name, crypto_open_reply(peer.c, &peer.xml, &peer.work, &wechat,
		    buf_slice(&out)), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&peer.xml), slice_of("<xml>reply</xml>"));
		/* What a back end used says nothing of WeChat. */
		check_err(cases[i].name, crypto_open_reply(b.c, &b.xml, &b.work, &a,
		    buf_slice(&out)), ERR_OK);
		CHECK(cases[i].name, strstr(as_string(&out),
		    "<TimeStamp>1712345678</TimeStamp>") != NULL);
		buf_free(&s.body);
	}
	bench_fini(&b);
	bench_fini(&peer);
	buf_free(&out);
}

/* The same reply twice: other random bytes, another Nonce. */
static void
replies_differ(void **state)
{
	struct buf	 one = { 0 }, two = { 0 };
	struct bench	 b;

	(void)state;
	bench_init(&b);
	check_err("one", crypto_seal_reply(b.c, &one, &account, slice_of("<xml/>"), 1), ERR_OK);
	check_err("two", crypto_seal_reply(b.c, &two, &account, slice_of("<xml/>"), 1), ERR_OK);
	check_int("length", (int64_t)one.len, (int64_t)two.len);
	CHECK("text", memcmp(one.p, two.p, one.len) != 0);
	CHECK("nonce", strcmp(strstr(as_string(&one), "<Nonce>"),
	    strstr(as_string(&two), "<Nonce>")) != 0);
	CHECK("beginning", memcmp(one.p + 23, two.p + 23, 20) != 0);
	buf_free(&one);
	buf_free(&two);
	bench_fini(&b);
}

/* Replies of others that are damaged, or made for somebody else. */
static void
damaged_replies(void **state)
{
	static const struct {
		const char	*name, *find, *put;
		enum error	 want;
	} cases[] = {
		{ "untouched", "<xml>", "<xml>", ERR_OK },
		{ "no XML", "<xml>", "<xm >", ERR_XML },
		{ "no Encrypt", "<Encrypt>", "<Encryp_>", ERR_XML },
		{ "no signature", "<MsgSignature>", "<MsgSignatur_>", ERR_XML },
		{ "no time", "<TimeStamp>1712345678</TimeStamp>",
		    "<TimeStam_>1712345678</TimeStam_>", ERR_PARAM },
		{ "other time", "1712345678", "1712345679", ERR_SIGNATURE },
		{ "other text", "<Encrypt><![CDATA[", "<Encrypt><![CDATA[\n", ERR_SIGNATURE },
	};
	struct buf	 out = { 0 };
	struct bench	 b;
	enum error	 er;
	size_t		 i, at;

	(void)state;
	bench_init(&b);
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err("made", crypto_seal_reply(b.c, &out, &account, slice_of("<xml/>"),
		    1712345678), ERR_OK);
		at = (size_t)(strstr(as_string(&out), cases[i].find) - out.p);
		memcpy(out.p + at, cases[i].put, strlen(cases[i].put));
		er = crypto_open_reply(b.c, &b.xml, &b.work, &account,
		    guarded_slice(&b.g, buf_slice(&out)));
		check_err(cases[i].name, er, cases[i].want);
		check_bytes(cases[i].name, buf_slice(&b.xml),
		    slice_of(cases[i].want == ERR_OK ? "<xml/>" : ""));
	}
	buf_free(&out);
	bench_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(vectors_opened), TEST(vectors_keys), TEST(vectors_sealed),
		TEST(vectors_signatures), TEST(fresh), TEST(spare_bits), TEST(keys), TEST(equal),
		TEST(encrypt_texts), TEST(old_key), TEST(old_token), TEST(signatures_are_compared_whole),
		TEST(constant_answer), TEST(damaged), TEST(every_padding), TEST(long_padding),
		TEST(sealing), TEST(parts_are_sorted), TEST(out_of_memory), TEST(sealed_replies),
		TEST(replies_differ), TEST(damaged_replies),
	};

	return RUN("crypto", tests);
}
