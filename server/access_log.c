#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/collect.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/log.h"
#include "server/access_log.h"
#include "state/counters.h"
#include "state/log_ratelimit.h"

struct access_log {
	const struct services	*m;
	struct digest		*sha256;	/* made when first needed */
};

struct access_log *
access_log_new(const struct services *m)
{
	struct access_log	*j;

	if ((j = calloc(1, sizeof(*j))) != NULL)
		j->m = m;
	return j;
}

void
access_log_free(struct access_log *j)
{
	if (j != NULL)
		digest_free(j->sha256);
	free(j);
}

void
access_log_add_delivery(struct access_entry *e, const struct delivery *d)
{
	e->delivery = d;
	e->verdict = deliver_verdicts[d->verdict];
	e->code = d->qt.code;
	if (*d->detail != '\0')
		e->detail = d->detail;
	if (d->hint != NULL && *d->hint != '\0')
		e->hint = d->hint;
}

static void
put_id(struct logline *l, const struct request *r)
{
	char	 id[24];

	(void)snprintf(id, sizeof(id), "%x-%x", (unsigned)(r->id >> 32),
	    (unsigned)(r->id & 0xFFFFFFFF));
	log_str(l, "id", id);
}

/* Who is meant, without saying who: the log may be read by more than the operator. */
static void
put_user(struct logline *l, struct access_log *j, struct slice user)
{
	char	 alias[DIGEST_ALIAS + 1];

	if (user.len == 0)
		return;
	if (j->m->conf->set.log_users != 0) {
		log_bytes(l, "user", user);
		return;
	}
	if (j->sha256 == NULL)
		j->sha256 = digest_new(DIGEST_SHA256);
	if (j->sha256 != NULL && digest_alias(j->sha256, alias, user) == ERR_OK)
		log_str(l, "user", alias);
}

/* What a message was.  Without a row in QT's table: what WeChat calls it. */
static void
put_message(struct logline *l, const struct access_entry *e)
{
	const struct message	*h = e->message;

	log_str(l, "event", h->code != NULL ? h->code : "-");
	if (h->code == NULL) {
		log_bytes(l, "msgtype", h->msgtype);
		log_bytes(l, "wechat_event", h->event);
	}
	log_bytes(l, "key", (struct slice){ e->key, 16 });
}

static void
put_outcome(struct logline *l, struct access_log *j, const struct access_entry *e)
{
	const struct error_info	*kind = &error_table[e->er];

	log_str(l, "account", e->account != NULL ? e->account->name : "-");
	log_str(l, "verdict", e->verdict != NULL ? e->verdict : "rejected");
	log_int(l, "status", e->status);
	if (e->er != ERR_OK)
		log_str(l, "error", kind->name);
	if (kind->wechat != 0)
		log_int(l, "wechat", kind->wechat);
	if (*e->code != '\0')
		log_str(l, "qt", e->code);
	if (e->message != NULL)
		put_message(l, e);
	else if (e->event != NULL)
		log_str(l, "event", e->event);
	put_user(l, j, e->user);
	if (e->delivery != NULL && e->delivery->why_not != NULL)
		log_str(l, "class", e->delivery->why_not);
	if (e->delivery != NULL && e->delivery->qt.http.status != 0)
		log_int(l, "qt_status", e->delivery->qt.http.status);
}

/* Whether QT was, whatever it answered. */
static bool
was_asked(const struct access_entry *e)
{
	const struct http_answer	*qt = e->delivery != NULL ? &e->delivery->qt.http : NULL;

	return qt != NULL && (qt->status != 0 || qt->ms != 0);
}

static void
put_request(struct logline *l, const struct access_entry *e)
{
	const struct request	*r = e->request;

	log_int(l, "bytes", (int64_t)r->body.len);
	log_int(l, "ms", clock_mono_ms() - r->accepted_ms);
	if (was_asked(e))
		log_int(l, "qt_ms", e->delivery->qt.http.ms);
	if (r->peer.len != 0)
		log_bytes(l, "peer", r->peer);
	if (e->er == ERR_PATH)
		log_bytes(l, "path", r->path);
	if (e->er == ERR_METHOD)
		log_bytes(l, "method", r->method_name);
}

static void
put_advice(struct logline *l, const struct access_entry *e)
{
	const char	*hint = e->hint != NULL ? e->hint : error_table[e->er].hint;

	if (e->detail != NULL && *e->detail != '\0')
		log_str(l, "detail", e->detail);
	if (*hint != '\0')
		log_str(l, "hint", hint);
}

static enum log_level
level_of(const struct access_entry *e)
{
	const enum log_level	 least = error_table[e->er].level;

	return e->er == ERR_OK || e->level > least ? e->level : least;
}

/* What makes one failure the same as another. */
static struct log_ratelimit_failure
failure_of(const struct access_entry *e)
{
	struct log_ratelimit_failure	 x = {
		.level = level_of(e), .what = "request",
		.error = e->er != ERR_OK ? error_table[e->er].name : "",
		.account = e->account != NULL ? e->account->name : "-", .reason = e->code,
	};

	if (e->delivery == NULL)
		x.peer = e->request->peer;
	else if (*e->code == '\0' && e->delivery->why_not != NULL)
		x.reason = e->delivery->why_not;
	return x;
}

static void
say(struct access_log *j, const struct access_entry *e)
{
	const struct log_ratelimit_failure	 x = failure_of(e);
	/* A page that tells of trouble is none itself: it has neither error nor code. */
	const bool				 failed = x.level > LEVEL_INFO && (*x.error != '\0' || *x.reason != '\0');
	const bool				 wanted = log_wants(x.level);
	struct logline				 l;

	if (wanted) {
		log_begin(&l, x.level, "request");
		put_id(&l, e->request);
		put_outcome(&l, j, e);
		put_request(&l, e);
		put_advice(&l, e);
	}
	if (failed)
		log_ratelimit_end(j->m->log_ratelimit, wanted ? &l : NULL, &x);
	else if (wanted)
		log_end(&l);
}

static enum counter
place_of(const struct access_entry *e)
{
	static const enum counter	 verdicts[VERDICT__MAX] = {
		[VERDICT_DELIVERED]	= COUNTER_DELIVERED,
		[VERDICT_QUEUED]	= COUNTER_QUEUED,
		[VERDICT_DEAD]		= COUNTER_DEAD,
		[VERDICT_REPEAT]	= COUNTER_REPEAT,
		[VERDICT_UNSAFE]	= COUNTER_UNSAFE,
	};

	if (e->delivery != NULL)
		return verdicts[e->delivery->verdict];
	if (e->er != ERR_OK)
		return counters_refused(e->er, e->counts_as == COUNTER_DELIVERED);
	if (e->counts_as == COUNTER_COLLECTED && strcmp(e->code, COLLECT_DONE) != 0)
		return COUNTER_NOT_COLLECTED;
	return e->counts_as;
}

static void
count(const struct access_entry *e, struct counters *t)
{
	struct counters_request		 r = {
		.account = e->account, .end = place_of(e), .qt_ms = -1,
		.ms = clock_mono_ms() - e->request->accepted_ms,
		.event = e->message != NULL ? counters_event(e->message->code) : -1,
	};

	r.came_ms = clock_wall_ms() - r.ms;
	if (was_asked(e))
		r.qt_ms = e->delivery->qt.http.ms;
	counters_request(t, &r);
}

void
access_log_write(struct access_log *j, const struct access_entry *e)
{
	say(j, e);
	count(e, j->m->counters);
}
