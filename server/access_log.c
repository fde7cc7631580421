#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/collect.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/number.h"
#include "server/access_log.h"
#include "state/counters.h"
#include "state/log_ratelimit.h"

struct access_log {
	const struct services	*services;
	struct digest		*sha256;	/* NULL until it is needed */
};

struct access_log *
access_log_new(const struct services *services)
{
	struct access_log	*a;

	if ((a = calloc(1, sizeof(*a))) != NULL)
		a->services = services;
	return a;
}

void
access_log_free(struct access_log *a)
{
	if (a != NULL)
		digest_free(a->sha256);
	free(a);
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
append_request_id(struct logline *l, const struct request *r)
{
	char	 id[40], *const end = id + sizeof(id), *p;

	p = number_write_hex(end, r->id & 0xFFFFFFFF);
	*--p = '-';
	p = number_write_hex(p, r->id >> 32);
	log_bytes(l, "id", (struct slice){ p, (size_t)(end - p) });
}

/* Appends the user: an alias unless log_users is set, since others may read the log, too. */
static void
append_user(struct logline *l, struct access_log *a, struct slice user)
{
	char	 alias[DIGEST_ALIAS + 1];

	if (user.len == 0)
		return;
	if (a->services->conf->set.log_users != 0) {
		log_bytes(l, "user", user);
		return;
	}
	if (a->sha256 == NULL)
		a->sha256 = digest_new(DIGEST_SHA256);
	if (a->sha256 == NULL)
		return;
	digest_alias(a->sha256, alias, user);
	log_str(l, "user", alias);
}

/* Appends QT's event code, or WeChat's names of a message that has no such code. */
static void
append_message(struct logline *l, const struct access_entry *e)
{
	const struct message	*m = e->message;

	log_str(l, "event", m->code != NULL ? m->code : "-");
	if (m->code == NULL) {
		log_bytes(l, "msgtype", m->msgtype);
		log_bytes(l, "wechat_event", m->event);
	}
	log_bytes(l, "key", (struct slice){ e->key, 16 });
}

static void
append_outcome(struct logline *l, struct access_log *a, const struct access_entry *e)
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
		append_message(l, e);
	else if (e->event != NULL)
		log_str(l, "event", e->event);
	append_user(l, a, e->user);
	if (e->reply != NULL)
		log_str(l, "reply", e->reply);
	if (e->reply != NULL && e->rule != NULL && *e->rule != '\0')
		log_str(l, "rule", e->rule);
	if (e->delivery != NULL && e->delivery->why_not != NULL)
		log_str(l, "class", e->delivery->why_not);
	if (e->delivery != NULL && e->delivery->qt.http.status != 0)
		log_int(l, "qt_status", e->delivery->qt.http.status);
}

/* True: QT was asked, whether it answered or not. */
static bool
is_forwarded(const struct access_entry *e)
{
	const struct http_answer	*qt = e->delivery != NULL ? &e->delivery->qt.http : NULL;

	return qt != NULL && (qt->status != 0 || qt->ms != 0);
}

static void
append_request(struct logline *l, const struct access_entry *e)
{
	const struct request	*r = e->request;

	log_int(l, "bytes", (int64_t)r->body.len);
	log_int(l, "ms", clock_mono_ms() - r->accepted_ms);
	if (is_forwarded(e))
		log_int(l, "qt_ms", e->delivery->qt.http.ms);
	if (e->delivery != NULL && *e->delivery->relays != '\0')
		log_str(l, "relays", e->delivery->relays);
	if (r->peer.len != 0)
		log_bytes(l, "peer", r->peer);
	if (e->er == ERR_PATH)
		log_bytes(l, "path", r->path);
	if (e->er == ERR_HOST)
		log_bytes(l, "host", r->host);
	if (e->er == ERR_METHOD)
		log_bytes(l, "method", r->method_name);
}

static void
append_advice(struct logline *l, const struct access_entry *e)
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

/* True: a copy of an earlier request.  Anybody can send it again and again: it is signed. */
static bool
is_again(const struct access_entry *e)
{
	return e->er == ERR_OK && (e->again ||
	    (e->delivery != NULL && e->delivery->verdict == VERDICT_REPEAT));
}

/* What the log's rate limit compares: failures with equal values are repeats of one failure. */
static struct log_ratelimit_failure
failure_of(const struct access_entry *e)
{
	struct log_ratelimit_failure	 x = {
		.level = level_of(e), .what = "request",
		.error = e->er != ERR_OK ? error_table[e->er].name : "",
		.account = e->account != NULL ? e->account->name : "-", .reason = e->code,
	};

	if (is_again(e))
		x.reason = e->verdict;
	if (e->delivery == NULL || is_again(e))
		x.peer = e->request->peer;
	else if (e->er == ERR_LIBCURL || e->delivery->qt.http.local)
		x.reason = e->delivery->detail;		/* `qtoa status` shows the cause */
	else if (*e->code == '\0' && e->delivery->why_not != NULL)
		x.reason = e->delivery->why_not;
	return x;
}

static void
write_line(struct access_log *a, const struct access_entry *e)
{
	const struct log_ratelimit_failure	 f = failure_of(e);
	/* An answer of the health end point is not a failure, although it may be a "notice". */
	const bool				 wanted = log_wants(f.level);
	const bool				 failed = (is_again(e) && wanted) ||
						    (f.level > LEVEL_INFO && (*f.error != '\0' ||
						    *f.reason != '\0'));
	struct logline				 l;

	if (wanted) {
		log_begin(&l, f.level, "request");
		append_request_id(&l, e->request);
		append_outcome(&l, a, e);
		append_request(&l, e);
		append_advice(&l, e);
	}
	if (failed)
		log_ratelimit_end(a->services->log_ratelimit, wanted ? &l : NULL, &f);
	else if (wanted)
		log_end(&l);
}

static enum counter
counter_of(const struct access_entry *e)
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
count_request(struct counters *c, const struct access_entry *e)
{
	struct counters_request		 r = {
		.account = e->account, .end = counter_of(e), .qt_ms = -1,
		.ms = clock_mono_ms() - e->request->accepted_ms,
		.event = e->message != NULL ? counters_event(e->message->code) : -1,
		.peer_unknown = e->peer_unknown,
	};

	r.came_ms = clock_wall_ms() - r.ms;
	if (is_forwarded(e))
		r.qt_ms = e->delivery->qt.http.ms;
	counters_request(c, &r);
}

void
access_log_write(struct access_log *a, const struct access_entry *e)
{
	write_line(a, e);
	count_request(a->services->counters, e);
}
