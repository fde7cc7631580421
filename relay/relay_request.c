#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "core/digest.h"
#include "core/hex.h"
#include "core/query.h"
#include "crypto.h"
#include "relay/relay_request.h"
#include "wechat/around.h"
#include "wechat/event.h"
#include "wechat/push.h"
#include "wechat/xml_scan.h"
#include "xmlmap.h"

enum {
	ID	= 2 * (QUEUE_KEY - 8),	/* digits of a message's name for relays */
	NONCE	= 10
};

struct relay_maker {
	struct crypto		*crypto;
	struct xmlmap		*xmlmap;
	struct digest		*sha256;
	struct event		 event;
	struct buf		 opened, work, query, sealed, secret;
};

struct relay_maker *
relay_request_maker_new(const struct settings *set)
{
	const struct xmlmap_options	 opt = {
		.is_scan_yes = set->is_scan_yes, .is_scan_no = set->is_scan_no,
		.article_url = set->article_url,
	};
	struct relay_maker		*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->crypto = crypto_new();
	m->xmlmap = xmlmap_new(&opt);
	m->sha256 = digest_new(DIGEST_SHA256);
	if (m->crypto == NULL || m->xmlmap == NULL || m->sha256 == NULL) {
		relay_request_maker_free(m);
		return NULL;
	}
	return m;
}

void
relay_request_maker_free(struct relay_maker *m)
{
	if (m == NULL)
		return;
	crypto_free(m->crypto);
	xmlmap_free(m->xmlmap);
	digest_free(m->sha256);
	event_free(&m->event);
	buf_free(&m->opened);
	buf_free(&m->work);
	buf_free(&m->query);
	buf_free(&m->sealed);
	buf_free(&m->secret);
	free(m);
}

void
relay_request_free(struct relay_request *r)
{
	buf_free(&r->url);
	buf_free(&r->headers);
	buf_free(&r->body);
}

/* Appends the URL of the relay and a query behind it. */
static enum error
append_url(struct relay_request *r, const struct relay *relay, struct slice query)
{
	enum error	 er = buf_puts(&r->url, relay->url);

	if (er == ERR_OK && query.len != 0)
		er = buf_putc(&r->url, strchr(relay->url, '?') == NULL ? '?' : '&');
	if (er == ERR_OK)
		er = buf_put(&r->url, query.p, query.len);
	return er;
}

/* Appends the Content-Type and the name of the message. */
static enum error
append_headers(struct relay_request *r, const char *type, const struct relay_message *msg)
{
	char	 id[ID + 1];

	hex_encode(id, msg->key + 8, QUEUE_KEY - 8);
	return buf_printf(&r->headers, "Content-Type: %s\nIdempotency-Key: %s\n", type, id);
}

/* Finds the message in plain: *xml.  It may point into m. */
static enum error
open_message(struct relay_maker *m, struct slice *xml, struct push *p,
    const struct relay_message *msg)
{
	enum push_key	 which;
	struct query	 q;
	enum error	 er;

	buf_reset(&m->query);
	if (msg->body.len == 0)
		return ERR_REQUEST;
	if ((er = buf_put(&m->query, msg->query.p, msg->query.len)) != ERR_OK ||
	    (er = query_parse(&q, m->query.p, m->query.len)) != ERR_OK ||
	    (er = push_read(p, &which, &q, 0)) != ERR_OK)
		return er;
	*xml = msg->xml;
	if (xml->p == NULL && msg->account->mode != PLAIN) {
		er = crypto_open(m->crypto, &m->opened, &m->work, msg->account, p, msg->body);
		*xml = buf_slice(&m->opened);
	} else if (xml->p == NULL) {
		*xml = msg->body;
	}
	return er;
}

/*
 * As WeChat sent it.
 */

static enum error
make_raw(struct relay_maker *m, struct relay_request *r, const struct relay *relay,
    const struct relay_message *msg, int64_t now_ms)
{
	enum error	 er;

	(void)m, (void)now_ms;
	if (msg->body.len == 0)
		return ERR_REQUEST;
	if ((er = append_url(r, relay, msg->query)) == ERR_OK &&
	    (er = append_headers(r, "text/xml", msg)) == ERR_OK)
		er = buf_put(&r->body, msg->body.p, msg->body.len);
	return er;
}

/*
 * As WeChat would send it now.
 */

/* Parameters of a push that we sign. */
struct signing {
	char		 time[24], nonce[NONCE + 1];
	unsigned char	 random[CRYPTO_RANDOM];
};

/*
 * Bytes that differ from message to message and from time to time: a digest of the account's
 * token, the message and the time.
 */
static void
begin_signing(struct relay_maker *m, struct signing *s, const struct relay_message *msg,
    int64_t now_ms)
{
	char		 hex[DIGEST_SHA256_HEX + 1];
	uint64_t	 number = 0;
	size_t		 i;

	(void)snprintf(s->time, sizeof(s->time), "%lld", (long long)(now_ms / 1000));
	digest_hex(m->sha256, hex, (struct slice[]){ slice_of(msg->account->token),
	    { (const char *)msg->key, QUEUE_KEY }, { (const char *)&now_ms, sizeof(now_ms) } }, 3);
	for (i = 0; i < CRYPTO_RANDOM; i++)
		s->random[i] = (unsigned char)(hex_digit(hex[2 * i]) << 4 |
		    hex_digit(hex[2 * i + 1]));
	for (i = 2 * CRYPTO_RANDOM; i < DIGEST_SHA256_HEX / 2 + 16; i++)
		number = number << 4 | (uint64_t)hex_digit(hex[i]);
	(void)snprintf(s->nonce, sizeof(s->nonce), "%010llu",
	    (unsigned long long)(number % UINT64_C(10000000000)));
}

/* Writes the body of SAFE or COMPATIBLE; *text becomes what is signed of it. */
static enum error
seal_body(struct relay_maker *m, struct relay_request *r, struct slice *text,
    const struct relay *relay, const struct relay_message *msg, struct slice xml,
    const struct signing *s)
{
	static const char	 begin[] = "<xml><Encrypt><![CDATA[", end[] = "]]></Encrypt></xml>";
	enum error		 er;

	buf_reset(&m->sealed);
	if ((er = buf_puts(&m->sealed, begin)) != ERR_OK ||
	    (er = crypto_seal(&m->sealed, msg->account, xml, s->random)) != ERR_OK ||
	    (er = buf_puts(&m->sealed, end)) != ERR_OK)
		return er;
	*text = (struct slice){ m->sealed.p + sizeof(begin) - 1,
	    m->sealed.len - (sizeof(begin) - 1) - (sizeof(end) - 1) };
	return around_write(&r->body, relay->mode, buf_slice(&m->sealed), xml);
}

static enum error
make_resigned(struct relay_maker *m, struct relay_request *r, const struct relay *relay,
    const struct relay_message *msg, int64_t now_ms)
{
	const struct account	*a = msg->account;
	char			 hex[2][CRYPTO_SHA1_HEX + 1];
	struct slice		 xml, parts[4];
	struct signing		 s;
	struct push		 p;
	struct buf		 query = { 0 };
	enum error		 er;

	if ((er = open_message(m, &xml, &p, msg)) != ERR_OK)
		return er;
	begin_signing(m, &s, msg, now_ms);
	parts[0] = slice_of(a->token);
	parts[1] = slice_of(s.time);
	parts[2] = slice_of(s.nonce);
	crypto_sign(m->crypto, hex[0], parts, 3);
	p = (struct push){ .v = { [PUSH_SIGNATURE] = slice_of(hex[0]), [PUSH_TIMESTAMP] = parts[1],
	    [PUSH_NONCE] = parts[2], [PUSH_OPENID] = p.v[PUSH_OPENID] } };
	if (relay->mode == PLAIN) {
		er = buf_put(&r->body, xml.p, xml.len);
	} else if ((er = seal_body(m, r, &parts[3], relay, msg, xml, &s)) == ERR_OK) {
		crypto_sign(m->crypto, hex[1], parts, 4);
		p.v[PUSH_ENCRYPT_TYPE] = slice_of("aes");
		p.v[PUSH_MSG_SIGNATURE] = slice_of(hex[1]);
	}
	if (er == ERR_OK && (er = push_write(&query, &p)) == ERR_OK &&
	    (er = append_url(r, relay, buf_slice(&query))) == ERR_OK)
		er = append_headers(r, "text/xml", msg);
	buf_free(&query);
	return er;
}

/*
 * As JSON.
 */

/* Appends the headers of Standard Webhooks, which sign the body. */
static enum error
sign_hook(struct relay_maker *m, struct relay_request *r, const struct relay *relay,
    const struct relay_message *msg, int64_t now_ms)
{
	unsigned char	 mac[DIGEST_HMAC];
	char		 id[ID + 1], time[24];
	enum error	 er;

	buf_reset(&m->secret);
	if ((er = base64_decode(&m->secret, slice_of(relay->secret + strlen("whsec_")))) != ERR_OK)
		return er;
	hex_encode(id, msg->key + 8, QUEUE_KEY - 8);
	(void)snprintf(time, sizeof(time), "%lld", (long long)(now_ms / 1000));
	digest_hmac(mac, buf_slice(&m->secret), (struct slice[]){ slice_of(id), slice_of("."),
	    slice_of(time), slice_of("."), buf_slice(&r->body) }, 5);
	if ((er = buf_printf(&r->headers, "webhook-id: %s\nwebhook-timestamp: %s\n"
	    "webhook-signature: v1,", id, time)) == ERR_OK &&
	    (er = base64_encode(&r->headers, mac, sizeof(mac))) == ERR_OK)
		er = buf_putc(&r->headers, '\n');
	return er;
}

static enum error
make_json(struct relay_maker *m, struct relay_request *r, const struct relay *relay,
    const struct relay_message *msg, int64_t now_ms)
{
	struct slice	 xml;
	struct push	 p;
	enum error	 er;

	if ((er = open_message(m, &xml, &p, msg)) != ERR_OK)
		return er;
	/* Text that is no XML gives an event without a code. */
	if ((er = xmlmap_event(m->xmlmap, &m->event, xml)) == ERR_XML) {
		event_reset(&m->event);
		er = ERR_OK;
	}
	if (er == ERR_OK && (er = event_json(&r->body, &m->event)) == ERR_OK &&
	    (er = append_url(r, relay, (struct slice){ NULL, 0 })) == ERR_OK &&
	    (er = append_headers(r, "application/json", msg)) == ERR_OK)
		er = sign_hook(m, r, relay, msg, now_ms);
	return er;
}

typedef enum error make_request(struct relay_maker *m, struct relay_request *r,
    const struct relay *relay, const struct relay_message *msg, int64_t now_ms);

static make_request *const makers[] = {
	[RAW] = make_raw, [RESIGNED] = make_resigned, [JSON] = make_json,
};

enum error
relay_request_make(struct relay_maker *m, struct relay_request *r, const struct relay *relay,
    const struct relay_message *msg, int64_t now_ms)
{
	enum error	 er;

	buf_reset(&r->url);
	buf_reset(&r->headers);
	buf_reset(&r->body);
	if ((er = makers[relay->format](m, r, relay, msg, now_ms)) == ERR_OK &&
	    (er = buf_putc(&r->url, '\0')) == ERR_OK)
		er = buf_putc(&r->headers, '\0');
	return er;
}

enum relay_fate
relay_request_judge(int status)
{
	static const struct {
		int		 from, to;
		enum relay_fate	 fate;
	} ranges[] = {
		{ 200, 299, RELAY_TAKEN },
		{ 400, 400, RELAY_REFUSED },	/* malformed */
		{ 413, 413, RELAY_REFUSED },	/* too large */
		{ 415, 415, RELAY_REFUSED },	/* not in a form that it knows */
		{ 422, 422, RELAY_REFUSED },	/* it makes no sense of it */
	};
	size_t	 i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (status >= ranges[i].from && status <= ranges[i].to)
			return ranges[i].fate;
	return RELAY_WAITS;
}
