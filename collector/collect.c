#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/collect.h"
#include "collector/erased.h"
#include "collector/event_store.h"
#include "core/digest.h"
#include "core/json_flat.h"
#include "crypto.h"
#include "sign.h"
#include "state/queue.h"
#include "wechat/message.h"
#include "wechat/push.h"
#include "xmlmap.h"

/* The fields that are required in QT's table (3.2). */
enum { SIGN, APP_ID, APPKEY, TS, CODE, DATA, NEEDED };

static const char *const needed[NEEDED] = {
	[SIGN]		= "sign",
	[APP_ID]	= "app_id",
	[APPKEY]	= "appkey",
	[TS]		= "ts",
	[CODE]		= "code",
	[DATA]		= "weChatOAData",
};

/* What QT answers (3.4). */
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

/* The JSON object that was posted. */
struct envelope {
	struct json_flat	 json;
	struct slice		 need[NEEDED];
	struct push		 push;		/* WeChat's parameters */
	bool			 twice;		/* one of these is there more than once */
};

struct collector {
	const struct conf	*conf;
	struct store		*store;
	struct unionid		*unionid;
	struct crypto		*crypto;
	struct signer		*signer;
	struct xmlmap		*xmlmap;
	struct buf		 opened, work, device;
	struct buf		 attributes;		/* of all events, one behind the other */

	/* Of the message that is judged now. */
	struct collect_result		*res;
	struct buf			*body;
	int64_t				 deadline_ms;
	struct envelope			 envelope;
	struct slice			 xml;
	enum verdict			 verdict;
	struct message			 message;
	struct event			 event;
	struct event_store_message	 counted;
	struct event_store_event	 events[XMLMAP_EVENTS_MAX];
	enum event_store_result		 stored;
};

static enum error
refuse_message(struct collector *c, enum verdict verdict, const char *why)
{
	c->verdict = verdict;
	(void)snprintf(c->res->why, sizeof(c->res->why), "%s", why);
	return ERR_OK;
}

/*
 * The envelope.
 */

/* Keeps the value if this is a required field or a parameter of WeChat's. */
static void
keep_value(struct envelope *e, const struct json_flat_value *v)
{
	size_t	 i;

	for (i = 0; i < NEEDED && !v->array; i++)
		if (slice_is(v->name, needed[i]))
			e->need[i] = v->value;
	for (i = 0; i < PUSH__MAX; i++)
		if (slice_is(v->name, push_names[i])) {
			e->push.v[i] = v->value;
			e->twice |= v->array;
		}
}

/* Reads what was posted.  Anybody may have posted it: nothing here takes memory for it. */
static enum error
read_envelope(struct collector *c)
{
	struct envelope	*e = &c->envelope;
	size_t		 i;

	e->twice = false;
	memset(e->need, 0, sizeof(e->need));
	memset(&e->push, 0, sizeof(e->push));
	if (!json_flat_read(&e->json, c->body->p, c->body->len))
		return refuse_message(c, NOT_JSON, "");
	for (i = 0; i < e->json.n; i++)
		keep_value(e, &e->json.v[i]);
	for (i = 0; i < NEEDED; i++)
		if (e->need[i].len == 0 &&
		    (i != APPKEY || !c->conf->set.collector_appkey_optional))
			return refuse_message(c, MISSING, needed[i]);
	return ERR_OK;
}

static enum error
find_account(struct collector *c)
{
	const struct slice	*need = c->envelope.need;
	const struct account	*a;

	for (a = c->conf->accounts; a != c->conf->accounts + c->conf->n; a++)
		if (slice_is(need[APP_ID], a->service_id) && slice_is(need[CODE], a->appid) &&
		    (need[APPKEY].len == 0 ||
		    slice_is(need[APPKEY], a->app_key == NULL ? "" : a->app_key))) {
			c->res->account = a;
			return ERR_OK;
		}
	return refuse_message(c, BAD_KEYS, "no account has this app_id, appkey and code");
}

/* Signs all members but sign as QT does, and compares. */
static enum error
check_sign(struct collector *c)
{
	const struct envelope		*e = &c->envelope;
	const struct json_flat_value	*v;
	struct sign_field		 f[JSON_FLAT_MAX];
	char				 hex[SIGN_MD5_HEX + 1];
	size_t				 n = 0;
	enum error			 er;

	if (e->json.odd)
		return refuse_message(c, BAD_SIGN, "it has values that no client of QT signs");
	for (v = e->json.v; v != e->json.v + e->json.n; v++)
		if (!slice_is(v->name, "sign"))
			f[n++] = (struct sign_field){ v->name, v->value, v->array, v->bare };
	if ((er = sign_fields(c->signer, hex, f, n,
	    slice_of(c->res->account->service_secret))) != ERR_OK)
		return er;
	return digest_equal(e->need[SIGN], slice_of(hex)) ? ERR_OK :
	    refuse_message(c, BAD_SIGN, "");
}

/*
 * WeChat's message.
 */

/*
 * encrypt_type must have a known value.  If the account is in plain mode, the message must not be
 * encrypted.
 */
static enum error
check_encryption(struct collector *c)
{
	const struct slice	 type = c->envelope.push.v[PUSH_ENCRYPT_TYPE];
	const bool		 is_aes = slice_is(type, "aes");
	enum error		 er;

	if (!is_aes && type.len != 0 && !slice_is(type, "raw"))
		return refuse_message(c, BAD_ENCRYPTION, "encrypt_type is neither raw nor aes");
	if (c->res->account->mode != PLAIN)
		return ERR_OK;
	c->xml = c->envelope.need[DATA];
	if ((er = message_read(&c->message, c->xml)) != ERR_OK)
		return er;
	return !is_aes && !c->message.encrypted ? ERR_OK :
	    refuse_message(c, BAD_ENCRYPTION, "encrypted, and the account is in plain mode");
}

/* If the client has passed on `signature` and what it covers, it must be WeChat's. */
static enum error
check_push(struct collector *c)
{
	const struct push	*p = &c->envelope.push;
	enum error		 er;

	if (c->envelope.twice)
		return refuse_message(c, ILLEGAL, "a parameter of WeChat's is given twice");
	if (p->v[PUSH_SIGNATURE].len == 0 || p->v[PUSH_TIMESTAMP].len == 0 ||
	    p->v[PUSH_NONCE].len == 0)
		return ERR_OK;
	er = crypto_check_url(c->crypto, c->res->account, p);
	return er == ERR_SIGNATURE ? refuse_message(c, ILLEGAL, "signature is not WeChat's") : er;
}

/* Decrypts and reads the message; one in plain mode has been read already. */
static enum error
open_message(struct collector *c)
{
	const struct slice	 data = c->envelope.need[DATA];
	enum error		 er;

	if (c->res->account->mode == PLAIN)
		return ERR_OK;
	er = crypto_open(c->crypto, &c->opened, &c->work, c->res->account, &c->envelope.push, data);
	switch (er) {
	case ERR_OK:
		c->xml = buf_slice(&c->opened);
		return message_read(&c->message, c->xml);
	case ERR_NOMEM:
		return er;
	case ERR_XML:	/* it is not XML, or it is not encrypted */
		if ((er = xmlmap_event(c->xmlmap, &c->event, data)) != ERR_XML)
			return er != ERR_OK ? er :
			    refuse_message(c, ILLEGAL, "it is not encrypted");
		return refuse_message(c, BAD_XML, xmlmap_why(c->xmlmap));
	default:
		return refuse_message(c, ILLEGAL, error_table[er].name);
	}
}

/* True: the event means that the user leaves, and by the settings such a user is forgotten. */
static bool
is_leaving(const struct settings *set, const struct message *m)
{
	static const char *const	 revoked[] = {
		"user_authorization_revoke", "user_authorization_cancellation",
	};
	size_t				 i;

	if (!slice_is(m->msgtype, "event"))
		return false;
	if (slice_is(m->event, "unsubscribe"))
		return set->forget_unsubscribed != 0;
	for (i = 0; i < sizeof(revoked) / sizeof(revoked[0]); i++)
		if (slice_is(m->event, revoked[i]))
			return set->forget_revoked != 0;
	return false;
}

static enum error
map_message(struct collector *c)
{
	const struct message	*m = &c->event.message;
	const bool		 strict = c->conf->set.collector_strict != 0;
	enum error		 er;

	if ((er = xmlmap_event(c->xmlmap, &c->event, c->xml)) == ERR_XML)
		return refuse_message(c, BAD_XML, xmlmap_why(c->xmlmap));
	if (er != ERR_OK)
		return er;
	if (m->msgtype.len == 0)
		return refuse_message(c, ILLEGAL, "no MsgType");
	if (m->user.len == 0)
		return refuse_message(c, strict && m->code != NULL ? NO_USER : ILLEGAL,
		    "no FromUserName");
	if (strict && m->code == NULL)
		return refuse_message(c, NO_EVENT, "QT's event table has no row for it");
	c->counted.leaver = (struct slice){ NULL, 0 };
	if (is_leaving(&c->conf->set, m))
		c->counted.leaver = m->user;
	return ERR_OK;
}

/*
 * Counting the message.
 */

/* Makes the key; the forwarder has the same one for this message. */
static enum error
make_key(struct collector *c)
{
	char		 hex[MESSAGE_KEY_HEX + 1];
	enum error	 er;

	er = message_key(&c->message, hex, slice_of(c->res->account->path), c->xml);
	if (er != ERR_OK)
		return er;
	queue_key(c->counted.key, c->message.time_s, hex);
	/* That of c->event moves with the next event. */
	c->res->user = c->counted.openid = c->message.user;
	return ERR_OK;
}

/* Lists all events of the message.  Their attributes may move until the last one is there. */
static enum error
list_events(struct collector *c)
{
	size_t		 begin[XMLMAP_EVENTS_MAX + 1], n = 0, i;
	enum error	 er = ERR_OK;
	bool		 more = true;

	buf_reset(&c->attributes);
	for (begin[0] = 0; more && n < XMLMAP_EVENTS_MAX; begin[n] = c->attributes.len) {
		c->events[n++].code = c->event.message.code;
		if ((er = event_attributes(&c->attributes, &c->event)) != ERR_OK)
			return er;
		if ((more = xmlmap_more(c->xmlmap)) &&
		    (er = xmlmap_next(c->xmlmap, &c->event)) != ERR_OK)
			return er;
	}
	for (i = 0; i < n; i++)
		c->events[i].attributes = (struct slice){ c->attributes.p + begin[i],
		    begin[i + 1] - begin[i] };
	c->counted.events = c->events;
	c->counted.n = n;
	return ERR_OK;
}

/* Fills what is counted of c->event, but for the key and the device. */
static enum error
describe_message(struct collector *c, const char **remark, const struct account *a,
    int64_t received_ms)
{
	struct event_store_message	*m = &c->counted;

	m->account = a;
	m->received_ms = received_ms;
	*remark = message_when(&m->time_s, c->event.message.time_s, received_ms / 1000);
	return list_events(c);
}

/* A user, and whether this message is of a time up to which the user is forgotten. */
struct known_user {
	struct slice	 application, openid;
	int64_t		 time_s;
	bool		 is_erased;
};

static enum error
look_up_erased(struct db *db, void *arg)
{
	struct known_user	*u = arg;

	return erased_knows(db, &u->is_erased, u->application, u->openid, u->time_s);
}

/*
 * WeChat is not asked for the UnionID of a user who is forgotten: the answer would be kept.
 * False: not so, or nobody can say; then the store fails again, and tells why.
 */
static bool
is_erased(struct collector *c)
{
	const struct account	*a = c->res->account;
	struct known_user	 u = {
		slice_of(a->app_key == NULL ? "" : a->app_key), c->event.message.user, 0, false,
	};

	(void)message_when(&u.time_s, c->event.message.time_s,
	    store_now_ms(c->store) / 1000);
	return a->identity == UNIONID && store_do(c->store, STORE_READ, look_up_erased, &u,
	    c->deadline_ms) == ERR_OK && u.is_erased;
}

static enum error
find_device(struct collector *c)
{
	const struct slice	 user = c->event.message.user;
	enum unionid_answer	 answer;
	enum error		 er;

	c->counted.openid_only = false;
	if (is_erased(c)) {
		buf_reset(&c->device);
		return buf_put(&c->device, user.p, user.len);
	}
	er = unionid_device(c->unionid, &c->device, &answer, c->res->account,
	    c->event.message.user, c->deadline_ms, c->res->why);
	c->counted.openid_only = answer == UNIONID_NONE;
	if (er == ERR_OK && answer == UNIONID_FAILED)
		c->verdict = NO_UNIONID;
	return er;
}

static enum error
store_message(struct db *db, void *arg)
{
	struct collector	*c = arg;

	return event_store_add(db, &c->stored, &c->counted);
}

/* Adds a remark on a message that was counted. */
static void
add_remark(struct collector *c, const char *remark)
{
	const size_t	 len = strlen(c->res->why);

	if (*remark != '\0')
		(void)snprintf(c->res->why + len, sizeof(c->res->why) - len, "%s%s",
		    len != 0 ? "; " : "", remark);
}

static enum error
count_message(struct collector *c)
{
	const char	*remark;
	enum error	 er;

	c->counted.device = buf_slice(&c->device);
	c->res->event = c->event.message.code;
	c->res->read = true;
	if ((er = make_key(c)) != ERR_OK ||
	    (er = describe_message(c, &remark, c->res->account,
	    store_now_ms(c->store))) != ERR_OK)
		return er;
	if ((er = store_do(c->store, STORE_ADD, store_message, c, c->deadline_ms)) == ERR_STORE)
		store_why(c->store, c->res->why, sizeof(c->res->why));
	else if (er == ERR_OK && c->stored == EVENT_STORE_FORGOTTEN)
		(void)snprintf(c->res->why, sizeof(c->res->why), "its day has been forgotten: "
		    "older than collect_days");
	c->res->repeat = er == ERR_OK && c->stored == EVENT_STORE_REPEAT;
	if (er == ERR_OK) {
		add_remark(c, xmlmap_repaired(c->xmlmap));
		add_remark(c, remark);
	}
	return er;
}

/* Takes all steps of a message, up to the first one that refuses it or fails. */
static enum error
judge_message(struct collector *c)
{
	static enum error	 (*const steps[])(struct collector *c) = {
		read_envelope, find_account, check_sign, check_encryption, check_push,
		open_message, map_message, find_device, count_message,
	};
	enum error		 er = ERR_OK;
	size_t			 i;

	c->verdict = ACCEPTED;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if ((er = steps[i](c)) != ERR_OK || c->verdict != ACCEPTED)
			break;
	return er;
}

enum error
collect_message(struct collector *c, struct collect_result *res, struct buf *out,
    struct buf *body, int64_t deadline_ms)
{
	enum error	 er;

	memset(res, 0, sizeof(*res));
	c->res = res;
	c->body = body;
	c->deadline_ms = deadline_ms;
	er = judge_message(c);
	res->code = answers[c->verdict].code;
	buf_reset(out);
	if (er == ERR_OK)
		er = buf_printf(out, "{\"code\":\"%s\",\"message\":\"%s\"}",
		    answers[c->verdict].code, answers[c->verdict].message);
	return er;
}

/* The user's slice moves with the next event of the message. */
static enum error
copy_user(struct collector *c)
{
	const struct slice	 user = c->event.message.user;

	buf_reset(&c->device);
	return buf_put(&c->device, user.p, user.len);
}

enum error
collect_arrival(struct collector *c, struct db *db, struct event_store_batch *batch,
    const struct account *a, const struct arrival *arrival)
{
	struct event_store_message	*m = &c->counted;
	struct collect_result		 ignored = { .account = a };
	const char			*remark;
	enum error			 er;

	c->res = &ignored;
	c->xml = arrival->xml;
	c->verdict = ACCEPTED;
	if ((er = map_message(c)) == ERR_OK && c->verdict == ACCEPTED &&
	    (er = copy_user(c)) == ERR_OK &&
	    (er = describe_message(c, &remark, a, arrival->received_ms)) == ERR_OK) {
		m->device = buf_slice(&c->device);
		m->openid_only = a->identity == UNIONID;
		memcpy(m->key, arrival->key, sizeof(m->key));
		m->batch = batch;
		er = event_store_add(db, &c->stored, m);
		m->batch = NULL;
	}
	c->res = NULL;
	return er;
}

struct collector *
collect_new(const struct conf *conf, struct store *s, struct unionid *u)
{
	struct collector	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->conf = conf;
	c->store = s;
	c->unionid = u;
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
	message_free(&c->message);
	event_free(&c->event);
	buf_free(&c->opened);
	buf_free(&c->work);
	buf_free(&c->device);
	buf_free(&c->attributes);
	free(c);
}
