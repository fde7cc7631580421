#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/collect.h"
#include "collector/event_store.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/json.h"
#include "crypto.h"
#include "sign.h"
#include "state/queue.h"
#include "wechat/message.h"
#include "wechat/push.h"
#include "wechat/xml_scan.h"
#include "xmlmap.h"

/* The fields that QT's table calls required (3.2). */
enum { SIGN, APP_ID, APPKEY, TS, CODE, DATA, NEEDED };

static const char *const needed[NEEDED] = {
	[SIGN]		= "sign",
	[APP_ID]	= "app_id",
	[APPKEY]	= "appkey",
	[TS]		= "ts",
	[CODE]		= "code",
	[DATA]		= "weChatOAData",
};

/* QT's answers (3.4). */
enum verdict {
	ACCEPTED, BAD_SIGN, NOT_JSON, MISSING, NO_USER, NO_EVENT, BAD_KEYS, BAD_XML, ILLEGAL,
	BAD_ENCRYPTION, NO_UNIONID, VERDICTS
};

static const struct {
	const char	*code, *message;
} answers[VERDICTS] = {
	[ACCEPTED]	= { COLLECT_DONE, "Report success" },
	[BAD_SIGN]	= { "Httpapi_300_101", "Illegal signature" },
	[NOT_JSON]	= { "Httpapi_300_102", "The reported data type is not in JSON format." },
	[MISSING]	= { "Httpapi_300_103", "Missing required fields" },
	[NO_USER]	= { "Httpapi_300_104", "The user attribute is missing a required field" },
	[NO_EVENT]	= { "Httpapi_300_105", "Illegal event id" },
	[BAD_KEYS]	= { "Httpapi_300_106", "Incorrect ak/sk" },
	[BAD_XML]	= { "Httpapi_300_107",
			    "Non-standard xml format of WeChat official account reporting log" },
	[ILLEGAL]	= { "Httpapi_300_108",
			    "The reported WeChat official account message is illegal" },
	[BAD_ENCRYPTION] = { "Httpapi_300_109",
			    "Unrecognized WeChat official account encryption type" },
	[NO_UNIONID]	= { "Httpapi_300_110", "Failed to obtain the unionid." },
};

/* What was posted, as fields; those that mean something by number. */
struct envelope {
	struct sign_field	 f[SIGN_FIELDS_MAX];
	char			 bare[SIGN_FIELDS_MAX][40];	/* what bare fields point to */
	size_t			 n;
	bool			 nested;	/* holds what QT's clients never sign */
	struct slice		 need[NEEDED];
	struct push		 push;		/* WeChat's parameters */
	bool			 twice;		/* one of these more than once */
};

struct collector {
	const struct conf	*conf;
	struct store		*store;
	struct unionid		*identity;
	struct crypto		*crypto;
	struct signer		*signer;
	struct xmlmap		*xmlmap;
	struct message		 head;
	struct event		 ev;
	struct buf		 canonical, opened, work, device;
	struct buf		 attributes;		/* of all events, one after the other */

	/* Of the message at hand. */
	struct collect_result		*res;
	struct slice			 body;
	int64_t				 deadline_ms;
	struct json			*json;
	struct envelope			 m;
	struct slice			 xml;
	enum verdict			 v;
	struct event_store_message	 message;
	struct event_store_event	 events[XMLMAP_EVENTS_MAX];
	enum event_store_as		 as;
};

static enum error
refuse(struct collector *c, enum verdict v, const char *why)
{
	c->v = v;
	(void)snprintf(c->res->why, sizeof(c->res->why), "%s", why);
	return ERR_OK;
}

/*
 * The envelope.
 */

/* Which of the fields that mean something this is. */
static void
keep_field(struct envelope *m, const struct sign_field *f)
{
	size_t	 i;

	for (i = 0; i < NEEDED && !f->array; i++)
		if (slice_is(f->name, needed[i]))
			m->need[i] = f->value;
	for (i = 0; i < PUSH__MAX; i++)
		if (slice_is(f->name, push_names[i])) {
			m->push.v[i] = f->value;
			m->twice |= f->array;
		}
}

static enum error
on_member(void *ctx, struct slice name, enum json_kind kind, struct slice value, bool array)
{
	struct envelope		*m = ctx;
	struct sign_field	*f = &m->f[m->n];

	if (kind == JSON_NESTED || m->n == SIGN_FIELDS_MAX) {
		m->nested = true;
		return ERR_OK;
	}
	*f = (struct sign_field){ name, value, array, kind == JSON_BARE };
	if (f->bare) {
		(void)snprintf(m->bare[m->n], sizeof(m->bare[0]), "%.*s", (int)value.len,
		    value.p);
		f->value = slice_of(m->bare[m->n]);
	}
	keep_field(m, f);
	m->n++;
	return ERR_OK;
}

static enum error
read_envelope(struct collector *c)
{
	struct envelope	*m = &c->m;
	enum error	 er;
	size_t		 i;

	m->n = 0;
	m->nested = m->twice = false;
	memset(m->need, 0, sizeof(m->need));
	memset(&m->push, 0, sizeof(m->push));
	if ((c->json = json_parse(c->body)) == NULL)
		return refuse(c, NOT_JSON, "");
	if ((er = json_each(c->json, on_member, m)) != ERR_OK)
		return er;
	for (i = 0; i < NEEDED; i++)
		if (m->need[i].len == 0 &&
		    (i != APPKEY || !c->conf->set.collector_appkey_optional))
			return refuse(c, MISSING, needed[i]);
	return ERR_OK;
}

static enum error
find_account(struct collector *c)
{
	const struct slice	*need = c->m.need;
	const struct account	*a;

	for (a = c->conf->accounts; a != c->conf->accounts + c->conf->n; a++)
		if (slice_is(need[APP_ID], a->service_id) && slice_is(need[CODE], a->appid) &&
		    (need[APPKEY].len == 0 ||
		    slice_is(need[APPKEY], a->app_key == NULL ? "" : a->app_key))) {
			c->res->account = a;
			return ERR_OK;
		}
	return refuse(c, BAD_KEYS, "no account has this app_id, appkey and code");
}

/* What was posted, without sign, printed anew and signed, gives the sign it came with. */
static enum error
check_sign(struct collector *c)
{
	const struct envelope	*m = &c->m;
	struct sign_field	 f[SIGN_FIELDS_MAX];
	char			 hex[SIGN_MD5_HEX + 1];
	size_t			 i, n = 0;
	enum error		 er;

	if (m->nested)
		return refuse(c, BAD_SIGN, "values that no client of QT signs");
	for (i = 0; i < m->n; i++)
		if (!slice_is(m->f[i].name, "sign"))
			f[n++] = m->f[i];
	buf_reset(&c->canonical);
	if ((er = sign_canonical(&c->canonical, f, n)) != ERR_OK ||
	    (er = sign_digest(c->signer, hex, buf_slice(&c->canonical),
	    slice_of(c->res->account->service_secret))) != ERR_OK)
		return er;
	return digest_equal(m->need[SIGN], slice_of(hex)) ? ERR_OK : refuse(c, BAD_SIGN, "");
}

/*
 * WeChat's message.
 */

static enum error
has_child(bool *has, struct slice body, const char *name)
{
	struct slice	 inside;
	enum error	 er = xml_scan_children(&inside, &name, 1, body);

	*has = er == ERR_OK && inside.p != NULL;
	return er == ERR_XML ? ERR_OK : er;
}

/* How the message is sealed, as its sender says, and as the account's are. */
static enum error
check_encryption(struct collector *c)
{
	const struct slice	 type = c->m.push.v[PUSH_ENCRYPT_TYPE];
	const bool		 aes = slice_is(type, "aes");
	bool			 sealed, open;
	enum error		 er;

	if (!aes && type.len != 0 && !slice_is(type, "raw"))
		return refuse(c, BAD_ENCRYPTION, "encrypt_type is neither raw nor aes");
	if (c->res->account->mode != PLAIN)
		return ERR_OK;
	if ((er = has_child(&sealed, c->m.need[DATA], "Encrypt")) != ERR_OK ||
	    (er = has_child(&open, c->m.need[DATA], "MsgType")) != ERR_OK)
		return er;
	return aes || (sealed && !open) ?
	    refuse(c, BAD_ENCRYPTION, "encrypted, and the account is in plain mode") : ERR_OK;
}

/* `signature` is WeChat's, where the client has passed it on with what it covers. */
static enum error
check_push(struct collector *c)
{
	const struct push	*p = &c->m.push;
	enum error		 er;

	if (c->m.twice)
		return refuse(c, ILLEGAL, "a parameter of WeChat's given twice");
	if (p->v[PUSH_SIGNATURE].len == 0 || p->v[PUSH_TIMESTAMP].len == 0 ||
	    p->v[PUSH_NONCE].len == 0)
		return ERR_OK;
	er = crypto_check_url(c->crypto, c->res->account, p);
	return er == ERR_SIGNATURE ? refuse(c, ILLEGAL, "signature is not WeChat's") : er;
}

static enum error
open_message(struct collector *c)
{
	enum error	 er;

	c->xml = c->m.need[DATA];
	if (c->res->account->mode == PLAIN)
		return ERR_OK;
	er = crypto_open(c->crypto, &c->opened, &c->work, c->res->account, &c->m.push, c->xml);
	switch (er) {
	case ERR_OK:
		c->xml = buf_slice(&c->opened);
		return ERR_OK;
	case ERR_NOMEM:
	case ERR_CRYPTO:
		return er;
	case ERR_XML:	/* no XML at all, or one that is not encrypted */
		if ((er = xmlmap_event(c->xmlmap, &c->ev, c->xml)) != ERR_XML)
			return er != ERR_OK ? er : refuse(c, ILLEGAL, "it is not encrypted");
		return refuse(c, BAD_XML, xmlmap_why(c->xmlmap));
	default:
		return refuse(c, ILLEGAL, error_table[er].name);
	}
}

static enum error
read_message(struct collector *c)
{
	const struct event	*ev = &c->ev;
	const bool		 strict = c->conf->set.collector_strict != 0;
	enum error		 er;

	if ((er = xmlmap_event(c->xmlmap, &c->ev, c->xml)) == ERR_XML)
		return refuse(c, BAD_XML, xmlmap_why(c->xmlmap));
	if (er != ERR_OK)
		return er;
	if (ev->msgtype.len == 0)
		return refuse(c, ILLEGAL, "no MsgType");
	if (ev->user.len == 0)
		return refuse(c, strict && ev->code != NULL ? NO_USER : ILLEGAL,
		    "no FromUserName");
	if (strict && ev->code == NULL)
		return refuse(c, NO_EVENT, "QT's event table has no row for it");
	return ERR_OK;
}

/*
 * Counting it.
 */

/* The key that the forwarder has for it too. */
static enum error
make_key(struct collector *c)
{
	char		 hex[MESSAGE_KEY_HEX + 1];
	enum error	 er;

	if ((er = message_read(&c->head, c->xml)) != ERR_OK ||
	    (er = message_key(&c->head, hex, slice_of(c->res->account->path), c->xml)) != ERR_OK)
		return er;
	queue_key(c->message.key, c->head.time_s, hex);
	c->res->user = c->head.user;	/* what the event points to moves with its next one */
	return ERR_OK;
}

/* All events of the message.  Their attributes may move until the last one is there. */
static enum error
translate(struct collector *c)
{
	size_t		 begin[XMLMAP_EVENTS_MAX + 1], n = 0, i;
	enum error	 er = ERR_OK;
	bool		 more = true;

	buf_reset(&c->attributes);
	for (begin[0] = 0; more && n < XMLMAP_EVENTS_MAX; begin[n] = c->attributes.len) {
		c->events[n++].code = c->ev.code;
		if ((er = event_attributes(&c->attributes, &c->ev)) != ERR_OK)
			return er;
		if ((more = xmlmap_more(c->xmlmap)) &&
		    (er = xmlmap_next(c->xmlmap, &c->ev)) != ERR_OK)
			return er;
	}
	for (i = 0; i < n; i++)
		c->events[i].attributes = (struct slice){ c->attributes.p + begin[i],
		    begin[i + 1] - begin[i] };
	c->message.events = c->events;
	c->message.n = n;
	return ERR_OK;
}

static enum error
find_device(struct collector *c)
{
	enum error	 er;
	bool		 known;

	er = unionid_device(c->identity, &c->device, &known, c->res->account, c->ev.user,
	    c->deadline_ms, c->res->why);
	if (er != ERR_OK || known)
		return er;
	c->v = NO_UNIONID;
	return ERR_OK;
}

static enum error
add(struct db *db, void *arg)
{
	struct collector	*c = arg;

	return event_store_add(db, &c->as, &c->message);
}

static enum error
count(struct collector *c)
{
	struct event_store_message	*m = &c->message;
	enum error			 er;

	m->account = c->res->account;
	m->device = buf_slice(&c->device);
	m->received_ms = clock_wall_ms();
	m->time_s = c->ev.time_s != 0 ? c->ev.time_s : m->received_ms / 1000;
	c->res->event = c->ev.code;
	c->res->read = true;
	if ((er = make_key(c)) != ERR_OK || (er = translate(c)) != ERR_OK)
		return er;
	if ((er = store_do(c->store, STORE_SYNC, add, c, c->deadline_ms)) == ERR_STORE)
		store_why(c->store, c->res->why, sizeof(c->res->why));
	else if (er == ERR_OK && c->as == EVENT_STORE_FORGOTTEN)
		(void)snprintf(c->res->why, sizeof(c->res->why), "its day has been forgotten: "
		    "older than collect_days");
	c->res->repeat = er == ERR_OK && c->as == EVENT_STORE_REPEAT;
	return er;
}

/* The way of a message; the first step that refuses it is the last. */
static enum error
judge(struct collector *c)
{
	static enum error	 (*const steps[])(struct collector *c) = {
		read_envelope, find_account, check_sign, check_encryption, check_push,
		open_message, read_message, find_device, count,
	};
	enum error		 er = ERR_OK;
	size_t			 i;

	c->v = ACCEPTED;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]) && er == ERR_OK && c->v == ACCEPTED; i++)
		er = steps[i](c);
	return er;
}

enum error
collect_message(struct collector *c, struct collect_result *res, struct buf *out,
    struct slice body, int64_t deadline_ms)
{
	enum error	 er;

	memset(res, 0, sizeof(*res));
	c->res = res;
	c->body = body;
	c->deadline_ms = deadline_ms;
	er = judge(c);
	json_free(c->json);
	c->json = NULL;
	res->code = answers[c->v].code;
	buf_reset(out);
	if (er == ERR_OK)
		er = buf_printf(out, "{\"code\":\"%s\",\"message\":\"%s\"}", answers[c->v].code,
		    answers[c->v].message);
	return er;
}

struct collector *
collect_new(const struct conf *conf, struct store *s, struct unionid *id)
{
	struct collector	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->conf = conf;
	c->store = s;
	c->identity = id;
	if ((c->crypto = crypto_new()) == NULL || (c->signer = sign_new()) == NULL ||
	    (c->xmlmap = xmlmap_for(&conf->set)) == NULL) {
		collect_free(c);
		return NULL;
	}
	return c;
}

void
collect_free(struct collector *c)
{
	if (c == NULL)
		return;
	crypto_free(c->crypto);
	sign_free(c->signer);
	xmlmap_free(c->xmlmap);
	message_free(&c->head);
	event_free(&c->ev);
	buf_free(&c->canonical);
	buf_free(&c->opened);
	buf_free(&c->work);
	buf_free(&c->device);
	buf_free(&c->attributes);
	free(c);
}
