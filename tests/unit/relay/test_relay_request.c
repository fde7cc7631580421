#include <stdio.h>
#include <string.h>

#include "core/query.h"
#include "crypto.h"
#include "relay/relay_request.h"
#include "tests/unit/unit.h"
#include "wechat/push.h"

enum { NOW_S = 1700000000 };

static const char	 key[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
static const char	 xml[] = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oUser"
			    "</FromUserName><CreateTime>1700000000</CreateTime>"
			    "<MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>";
static const char	 query[] = "signature=0&timestamp=1&nonce=2&openid=oUser&a=%zz";

static const struct account	 account = {
	.path = "a", .appid = "wx0123456789abcdef", .token = "token", .mode = PLAIN,
	.aes_key = key,
};
static const struct settings	 settings = { .body_max = 65536 };

static struct relay_message
message_of(const struct account *a)
{
	struct relay_message	 m = {
		.account = a, .query = slice_of(query), .body = slice_of(xml),
	};

	memset(m.key, 0xAB, sizeof(m.key));
	return m;
}

static void
make(const char *name, struct relay_request *r, const struct relay *relay,
    const struct relay_message *m)
{
	struct relay_maker	*maker = relay_request_maker_new(&settings);

	check_err(name, relay_request_make(maker, r, relay, m, NOW_S * INT64_C(1000) + 7),
	    ERR_OK);
	relay_request_maker_free(maker);
}

static const char	 named[] = "Idempotency-Key: abababababababababababababababab\n";

/* The query and body byte for byte, also what no parameter of WeChat's is. */
static void
raw(void **state)
{
	static const struct {
		const char	*url, *want;
	} cases[] = {
		{ "http://h/x", "http://h/x?" }, { "http://h/x?k=v", "http://h/x?k=v&" },
	};
	struct relay_message	 m = message_of(&account);
	struct relay_request	 r = { .url = { 0 } };
	struct relay		 relay = { .format = RAW };
	char			 want[256];
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		relay.url = cases[i].url;
		make(relay.url, &r, &relay, &m);
		(void)snprintf(want, sizeof(want), "%s%s", cases[i].want, query);
		check_text(relay.url, r.url.p, want);
		check_bytes(relay.url, buf_slice(&r.body), slice_of(xml));
		(void)snprintf(want, sizeof(want), "Content-Type: text/xml\n%s", named);
		check_text(relay.url, r.headers.p, want);
	}
	m.query = (struct slice){ NULL, 0 };
	relay.url = "http://h/x";
	make("no query", &r, &relay, &m);
	check_text("no query", r.url.p, "http://h/x");
	relay_request_free(&r);
}

/* What is signed again passes our own check of a push, in each mode. */
static void
resigned(void **state)
{
	static const enum account_mode	 modes[] = { SAFE, COMPATIBLE, PLAIN };
	struct relay_message		 m = message_of(&account);
	struct relay			 relay = { .url = "http://h/x", .format = RESIGNED };
	struct account			 reader = account;
	struct relay_request		 r = { .url = { 0 } };
	struct buf			 opened = { 0 }, work = { 0 };
	struct crypto			*crypto = crypto_new();
	enum push_key			 which;
	struct query			 q;
	struct push			 p;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(modes); i++) {
		relay.mode = reader.mode = modes[i];
		make(conf_mode_name(modes[i]), &r, &relay, &m);
		check_err("query", query_parse(&q, strchr(r.url.p, '?') + 1,
		    strlen(strchr(r.url.p, '?') + 1)), ERR_OK);
		check_err("parameters", push_read(&p, &which, &q, 1u << PUSH_SIGNATURE |
		    1u << PUSH_TIMESTAMP | 1u << PUSH_NONCE | 1u << PUSH_OPENID), ERR_OK);
		check_err("signature", crypto_check_url(crypto, &reader, &p), ERR_OK);
		check_err("time", crypto_check_fresh(&p, 0, NOW_S), ERR_OK);
		if (modes[i] == PLAIN) {
			check_bytes("plain", buf_slice(&r.body), slice_of(xml));
			continue;
		}
		check_err("sealed", crypto_open(crypto, &opened, &work, &reader, &p,
		    buf_slice(&r.body)), ERR_OK);
		check_bytes("sealed", buf_slice(&opened), slice_of(xml));
	}
	crypto_free(crypto);
	buf_free(&opened);
	buf_free(&work);
	relay_request_free(&r);
}

/* The signature is what Python's hmac makes of this key, name, time and body. */
static void
hook(void **state)
{
	struct relay_message	 m = message_of(&account);
	const struct relay	 relay = { .url = "http://h/x", .format = JSON,
				    .secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
	struct relay_request	 r = { .url = { 0 } };

	(void)state;
	make("hook", &r, &relay, &m);
	check_text("URL", r.url.p, "http://h/x");
	check_bytes("body", buf_slice(&r.body), slice_of("{\"event_code\":\"$$_receive_msg\","
	    "\"user\":\"oUser\",\"time\":1700000000,\"attributes\":{\"MsgType\":\"text\","
	    "\"Content\":\"hi\",\"MsgId\":\"1\"}}"));
	CHECK("id", strstr(r.headers.p, "webhook-id: abababababababababababababababab\n") != NULL);
	CHECK("time", strstr(r.headers.p, "webhook-timestamp: 1700000000\n") != NULL);
	CHECK("signature", strstr(r.headers.p, "webhook-signature: v1,SNUHZJ204JajA99nMMCmumIN5PKu4CfhF5W32rOWMTM=\n") != NULL);
	m.body = slice_of("this is no XML");
	make("no XML", &r, &relay, &m);
	check_bytes("no XML", buf_slice(&r.body), slice_of("{\"event_code\":null,\"user\":null,"
	    "\"time\":null,\"attributes\":{}}"));
	relay_request_free(&r);
}

/* What cannot be read cannot be sent, and never will be. */
static void
unreadable(void **state)
{
	struct account		 safe = account;
	struct relay_message	 m = message_of(&safe);
	struct relay		 relay = { .url = "http://h/x" };
	struct relay_request	 r = { .url = { 0 } };
	struct relay_maker	*maker = relay_request_maker_new(&settings);

	(void)state;
	safe.mode = SAFE;
	relay.format = RESIGNED;
	CHECK("not encrypted", relay_request_make(maker, &r, &relay, &m, 1) != ERR_OK);
	m.body.len = 0;
	relay.format = RAW;
	check_err("no body", relay_request_make(maker, &r, &relay, &m, 1), ERR_REQUEST);
	relay_request_maker_free(maker);
	relay_request_free(&r);
}

static void
fates(void **state)
{
	static const struct {
		int		 status;
		enum relay_fate	 want;
	} cases[] = {
		{ 200, RELAY_TAKEN }, { 204, RELAY_TAKEN }, { 299, RELAY_TAKEN },
		{ 0, RELAY_WAITS }, { 301, RELAY_WAITS }, { 400, RELAY_REFUSED },
		{ 401, RELAY_WAITS }, { 403, RELAY_WAITS }, { 404, RELAY_WAITS },
		{ 413, RELAY_REFUSED }, { 415, RELAY_REFUSED }, { 422, RELAY_REFUSED },
		{ 429, RELAY_WAITS }, { 500, RELAY_WAITS }, { 503, RELAY_WAITS },
	};
	char	 name[16];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "%d", cases[i].status);
		check_int(name, relay_request_judge(cases[i].status), cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(raw), TEST(resigned), TEST(hook), TEST(unreadable), TEST(fates),
	};

	return RUN("relay_request", tests);
}
