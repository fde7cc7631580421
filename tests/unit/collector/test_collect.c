#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/collect.h"
#include "collector/event_store.h"
#include "core/clock.h"
#include "core/log.h"
#include "crypto.h"
#include "net/http_client.h"
#include "sign.h"
#include "state/lock.h"
#include "state/sqlite/sqlite_db.h"
#include "state/store.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 30000, FIELDS = 12 };

#define KEY	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
#define MESSAGE(rest)	"<xml><ToUserName>gh</ToUserName>" rest "</xml>"
#define TEXT	MESSAGE("<FromUserName>o1</FromUserName><CreateTime>1700000000</CreateTime>" \
		"<MsgType>text</MsgType><Content>hi</Content><MsgId>7</MsgId>")

struct place {
	struct account		 accounts[2];
	struct conf		 conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;
	struct unionid		*identity;
	struct collector	*collector;
	struct signer		*signer;
	struct crypto		*crypto;
};

static struct place *
place_new(bool strict)
{
	struct place	*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->accounts[0] = (struct account){
		.path = "plain", .name = "plain", .appid = "wx1", .token = "tok", .mode = PLAIN,
		.app_key = "k1", .service_id = "i1", .service_secret = "s1",
	};
	p->accounts[1] = (struct account){
		.path = "safe", .name = "safe", .appid = "wx2", .token = "tok", .mode = SAFE,
		.aes_key = KEY, .service_id = "i1", .service_secret = "s1", .app_key = "k1",
	};
	p->conf = (struct conf){
		.set = {
			.state_dir = state_new(), .collector = 1, .collector_strict = strict,
			.collector_appkey_optional = strict,
		},
		.accounts = p->accounts, .n = COUNT(p->accounts),
	};
	assert_int_equal(log_open(NULL), 0);
	assert_non_null(p->http = http_client_new(&p->conf.set, NULL));
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_BRIEF));
	assert_non_null(p->identity = unionid_new(&p->conf, p->http, p->store, NULL));
	assert_non_null(p->collector = collect_new(&p->conf, p->store, p->identity));
	assert_non_null(p->signer = sign_new());
	assert_non_null(p->crypto = crypto_new());
	return p;
}

static void
place_free(struct place *p)
{
	crypto_free(p->crypto);
	sign_free(p->signer);
	collect_free(p->collector);
	unionid_free(p->identity);
	store_free(p->store);
	lock_free(p->locks);
	http_client_free(p->http);
	free(p);
}

static enum error
count_rows(struct db *db, void *n)
{
	return sqlite_db_number(db, n, "SELECT count(*) FROM event", DB_NO_VALUES);
}

static int64_t
events(struct place *p)
{
	int64_t	 n = -1;

	check_err("counted", store_do(p->store, STORE_READ, count_rows, &n,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	return n;
}

/* Adds a field of the envelope; value NULL: leaves it out. */
struct part {
	const char	*name, *value;
};

static void
put_field(struct sign_field *f, size_t *n, const char *name, const char *value, bool array)
{
	size_t	 i;

	for (i = 0; i < *n && !slice_is(f[i].name, name); i++)
		;
	if (i == *n)
		++*n;
	if (value == NULL)
		f[i] = f[--*n];
	else
		f[i] = (struct sign_field){ slice_of(name), slice_of(value), array, false };
}

/* Makes the JSON of a good envelope with these changes, signed or not. */
static void
envelope(struct place *p, struct buf *out, const struct part *change, size_t changes, bool good)
{
	const struct part	 usual[] = {
		{ "app_id", "i1" }, { "appkey", "k1" }, { "ts", "1700000000000" },
		{ "code", "wx1" }, { "weChatOAData", TEXT },
	};
	struct sign_field	 f[FIELDS];
	struct buf		 json = { 0 };
	char			 sign[SIGN_MD5_HEX + 1] = "00000000000000000000000000000000";
	size_t			 n = 0, i;

	for (i = 0; i < COUNT(usual); i++)
		put_field(f, &n, usual[i].name, usual[i].value, false);
	for (i = 0; i < changes && change[i].name != NULL; i++)
		put_field(f, &n, change[i].name, change[i].value, false);
	assert_int_equal(sign_canonical(&json, f, n), ERR_OK);
	if (good)
		sign_digest(p->signer, sign, buf_slice(&json), slice_of("s1"));
	put_field(f, &n, "sign", sign, false);
	out->len = 0;
	assert_int_equal(sign_canonical(out, f, n), ERR_OK);
	buf_free(&json);
}

static void
post(struct place *p, const char *name, struct slice body, const char *code)
{
	struct collect_result	 res;
	struct buf		 out = { 0 }, copy = { 0 };
	char			 want[40];

	assert_int_equal(buf_put(&copy, body.p, body.len), ERR_OK);
	check_err(name, collect_message(p->collector, &res, &out, &copy,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	(void)snprintf(want, sizeof(want), "{\"code\":\"Httpapi_300_%s\",", code);
	CHECK(name, out.len > strlen(want) && memcmp(out.p, want, strlen(want)) == 0);
	CHECK(name, strcmp(res.code + strlen("Httpapi_300_"), code) == 0);
	CHECK(name, (strcmp(code, "200") == 0) == res.read);
	buf_free(&out);
	buf_free(&copy);
}

static const struct {
	const char	*name;
	bool		 strict;
	const char	*code;
	struct part	 change[3];
} codes_cases[] = {
	{ "no appkey", false, "103", { { "appkey", NULL } } },
	{ "empty appkey", false, "103", { { "appkey", "" } } },
	{ "no code", false, "103", { { "code", NULL } } },
	{ "no ts", false, "103", { { "ts", NULL } } },
	{ "empty message", false, "103", { { "weChatOAData", "" } } },
	{ "another app_id", false, "106", { { "app_id", "i2" } } },
	{ "another appkey", false, "106", { { "appkey", "k2" } } },
	{ "another code", false, "106", { { "code", "wx3" } } },
	{ "another appkey, optional", true, "106", { { "appkey", "k2" } } },
	{ "no XML", false, "107", { { "weChatOAData", "hello" } } },
	{ "cut XML", false, "107", { { "weChatOAData", "<xml><MsgType>text" } } },
	{ "a document type", false, "107", { { "weChatOAData",
	    "<!DOCTYPE xml>" TEXT } } },
	{ "no user", false, "108", { { "weChatOAData",
	    MESSAGE("<MsgType>text</MsgType>") } } },
	{ "no user, strict", true, "104", { { "weChatOAData",
	    MESSAGE("<MsgType>text</MsgType>") } } },
	{ "no user, unknown, strict", true, "108", { { "weChatOAData",
	    MESSAGE("<MsgType>x</MsgType>") } } },
	{ "no type", false, "108", { { "weChatOAData",
	    MESSAGE("<FromUserName>o1</FromUserName>") } } },
	{ "unknown, strict", true, "105", { { "weChatOAData",
	    MESSAGE("<FromUserName>o1</FromUserName><MsgType>x</MsgType>") } } },
	{ "sealed, plain account", false, "109", { { "weChatOAData",
	    MESSAGE("<Encrypt>x</Encrypt>") } } },
	{ "aes, plain account", false, "109", { { "encrypt_type", "aes" } } },
	{ "rot13", false, "109", { { "encrypt_type", "rot13" } } },
	{ "another signature", false, "108", { { "signature",
	    "0000000000000000000000000000000000000000" },
	    { "timestamp", "1700000000" }, { "nonce", "1" } } },
	{ "open, safe account", false, "108", { { "code", "wx2" } } },
	{ "no XML, safe account", false, "107", { { "code", "wx2" },
	    { "weChatOAData", "<xml>" } } },
	{ "sealed by others", false, "108", { { "code", "wx2" },
	    { "encrypt_type", "aes" }, { "weChatOAData",
	    MESSAGE("<Encrypt>AAAA</Encrypt>") } } },
	{ "good", false, "200", { { NULL, NULL } } },
	{ "good, raw", false, "200", { { "encrypt_type", "raw" } } },
	{ "good, no appkey", true, "200", { { "appkey", NULL } } },
	{ "good, unknown", false, "200", { { "weChatOAData",
	    MESSAGE("<FromUserName>o1</FromUserName><MsgType>x</MsgType>") } } },
};

static void
codes(void **state)
{
	struct place	*p;
	struct buf	 b = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(codes_cases); i++) {
		p = place_new(codes_cases[i].strict);
		envelope(p, &b, codes_cases[i].change, 3, true);
		post(p, codes_cases[i].name, buf_slice(&b), codes_cases[i].code);
		check_int(codes_cases[i].name, events(p), strcmp(codes_cases[i].code, "200") == 0);
		place_free(p);
	}
	buf_free(&b);
}

static void
envelopes(void **state)
{
	static const char *const not_json[] = { "", "hello", "[]", "1", "{", "{\"a\":}" };
	struct place	*p = place_new(false);
	struct buf	 b = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(not_json); i++)
		post(p, not_json[i], slice_of(not_json[i]), "102");
	post(p, "nothing", slice_of("{}"), "103");
	envelope(p, &b, NULL, 0, false);
	post(p, "another sign", buf_slice(&b), "101");
	check_int("nothing is counted", events(p), 0);
	envelope(p, &b, NULL, 0, true);
	post(p, "good", buf_slice(&b), "200");
	post(p, "again", buf_slice(&b), "200");
	check_int("once", events(p), 1);
	place_free(p);
	buf_free(&b);
}

/* An encrypted message and a plain one are the same message. */
static void
sealed(void **state)
{
	struct place	*p = place_new(false);
	struct buf	 b = { 0 }, text = { 0 }, xml = { 0 };
	struct slice	 parts[4] = { slice_of("tok"), slice_of("1700000000"), slice_of("42") };
	char		 hex[CRYPTO_SHA1_HEX + 1];
	struct part	 change[6] = {
		{ "code", "wx2" }, { "encrypt_type", "aes" }, { "timestamp", "1700000000" },
		{ "nonce", "42" }, { "msg_signature", hex },
	};
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		text.len = xml.len = 0;
		assert_int_equal(crypto_seal(&text, &p->accounts[1], slice_of(TEXT),
		    (const unsigned char *)"0123456789abcdef"), ERR_OK);
		parts[3] = buf_slice(&text);
		crypto_sign(p->crypto, hex, parts, 4);
		assert_int_equal(buf_printf(&xml, "<xml><Encrypt>%.*s</Encrypt></xml>",
		    (int)text.len, text.p), ERR_OK);
		assert_int_equal(buf_putc(&xml, '\0'), ERR_OK);
		change[5] = (struct part){ "weChatOAData", xml.p };
		envelope(p, &b, change, 6, true);
		post(p, "sealed", buf_slice(&b), "200");
		check_int("once", events(p), 1);
	}
	hex[3] = hex[3] == '0' ? '1' : '0';
	envelope(p, &b, change, 6, true);
	post(p, "another msg_signature", buf_slice(&b), "108");
	place_free(p);
	buf_free(&b);
	buf_free(&text);
	buf_free(&xml);
}

/* Wherever memory runs out there is no good answer, and the sender may send again. */
static void
out_of_memory(void **state)
{
	struct collect_result	 res;
	struct place		*p;
	struct buf		 b = { 0 }, copy = { 0 }, out = { 0 };
	unsigned		 n;
	enum error		 er = ERR_NOMEM;

	(void)state;
	for (n = 1; er != ERR_OK && n < 200; n++) {
		p = place_new(false);
		envelope(p, &b, NULL, 0, true);
		buf_free(&out);
		copy.len = 0;
		assert_int_equal(buf_put(&copy, b.p, b.len), ERR_OK);
		unit_memory = n;
		er = collect_message(p->collector, &res, &out, &copy,
		    clock_mono_ms() + PATIENCE_MS);
		unit_memory = 0;
		CHECK("no word", er == ERR_OK || er == ERR_NOMEM || er == ERR_STORE);
		if (er != ERR_OK)
			post(p, "again", buf_slice(&b), "200");
		check_int("once", events(p), 1);
		place_free(p);
	}
	CHECK("some were refused", n > 5 && n < 200);
	buf_free(&b);
	buf_free(&copy);
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(codes), TEST(envelopes), TEST(sealed), TEST(out_of_memory),
	};

	return RUN("collect", tests);
}
