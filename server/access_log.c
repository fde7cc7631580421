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

struct journal {
	const struct means	*m;
	struct digest		*sha256;	/* made when first needed */
};

struct journal *
journal_new(const struct means *m)
{
	struct journal	*j;

	if ((j = calloc(1, sizeof(*j))) != NULL)
		j->m = m;
	return j;
}

void
journal_free(struct journal *j)
{
	if (j != NULL)
		digest_free(j->sha256);
	free(j);
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
put_user(struct logline *l, struct journal *j, struct slice user)
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
	if (j->sha256 != NULL && digest_alias(j->sha256, alias, user) == QT_OK)
		log_str(l, "user", alias);
}

/* What a message was.  Without a row in QT's table: what WeChat calls it. */
static void
put_message(struct logline *l, const struct entry *e)
{
	const struct head	*h = e->head;

	log_str(l, "event", h->code != NULL ? h->code : "-");
	if (h->code == NULL) {
		log_bytes(l, "msgtype", h->msgtype);
		log_bytes(l, "wechat_event", h->event);
	}
	log_bytes(l, "key", (struct slice){ e->key, 16 });
}

static void
put_outcome(struct logline *l, struct journal *j, const struct entry *e)
{
	const struct err_info	*kind = &errs[e->er];

	log_str(l, "account", e->account != NULL ? e->account->name : "-");
	log_str(l, "verdict", e->verdict != NULL ? e->verdict : "rejected");
	log_int(l, "status", e->status);
	if (e->er != QT_OK)
		log_str(l, "error", kind->name);
	if (kind->wechat != 0)
		log_int(l, "wechat", kind->wechat);
	if (*e->code != '\0')
		log_str(l, "qt", e->code);
	if (e->head != NULL)
		put_message(l, e);
	else if (e->event != NULL)
		log_str(l, "event", e->event);
	put_user(l, j, e->user);
	if (e->posted != NULL && e->posted->why_not != NULL)
		log_str(l, "class", e->posted->why_not);
	if (e->posted != NULL && e->posted->qt.http.status != 0)
		log_int(l, "qt_status", e->posted->qt.http.status);
}

/* Whether QT was, whatever it answered. */
static bool
was_asked(const struct entry *e)
{
	const struct http_answer	*qt = e->posted != NULL ? &e->posted->qt.http : NULL;

	return qt != NULL && (qt->status != 0 || qt->ms != 0);
}

static void
put_request(struct logline *l, const struct entry *e)
{
	const struct request	*r = e->request;

	log_int(l, "bytes", (int64_t)r->body.len);
	log_int(l, "ms", clock_mono_ms() - r->accepted_ms);
	if (was_asked(e))
		log_int(l, "qt_ms", e->posted->qt.http.ms);
	if (r->peer.len != 0)
		log_bytes(l, "peer", r->peer);
	if (e->er == QT_EPATH)
		log_bytes(l, "path", r->path);
	if (e->er == QT_EMETHOD)
		log_bytes(l, "method", r->method_name);
}

static void
put_advice(struct logline *l, const struct entry *e)
{
	const char	*hint = e->hint != NULL ? e->hint : errs[e->er].hint;

	if (e->detail != NULL && *e->detail != '\0')
		log_str(l, "detail", e->detail);
	if (*hint != '\0')
		log_str(l, "hint", hint);
}

static enum log_level
level_of(const struct entry *e)
{
	const enum log_level	 least = errs[e->er].level;

	return e->er == QT_OK || e->level > least ? e->level : least;
}

/* What makes one failure the same as another. */
static struct failure
failure_of(const struct entry *e)
{
	struct failure	 x = {
		.level = level_of(e), .what = "request",
		.error = e->er != QT_OK ? errs[e->er].name : "",
		.account = e->account != NULL ? e->account->name : "-", .reason = e->code,
	};

	if (e->posted == NULL)
		x.peer = e->request->peer;
	else if (*e->code == '\0' && e->posted->why_not != NULL)
		x.reason = e->posted->why_not;
	return x;
}

static void
say(struct journal *j, const struct entry *e)
{
	const struct failure	 x = failure_of(e);
	/* A page that tells of trouble is none itself: it has neither error nor code. */
	const bool		 failed = x.level > LEVEL_INFO && (*x.error != '\0' || *x.reason != '\0');
	const bool		 wanted = log_wants(x.level);
	struct logline		 l;

	if (wanted) {
		log_begin(&l, x.level, "request");
		put_id(&l, e->request);
		put_outcome(&l, j, e);
		put_request(&l, e);
		put_advice(&l, e);
	}
	if (failed)
		flood_end(j->m->flood, wanted ? &l : NULL, &x);
	else if (wanted)
		log_end(&l);
}

static enum tally_count
place_of(const struct entry *e)
{
	static const enum tally_count	 verdicts[VERDICT__MAX] = {
		[VERDICT_DELIVERED]	= TALLY_DELIVERED,
		[VERDICT_QUEUED]	= TALLY_QUEUED,
		[VERDICT_DEAD]		= TALLY_DEAD,
		[VERDICT_REPEAT]	= TALLY_REPEAT,
		[VERDICT_UNSAFE]	= TALLY_UNSAFE,
	};

	if (e->posted != NULL)
		return verdicts[e->posted->verdict];
	if (e->er != QT_OK)
		return tally_refused(e->er, e->counts_as == TALLY_DELIVERED);
	if (e->counts_as == TALLY_COLLECTED && strcmp(e->code, COLLECT_DONE) != 0)
		return TALLY_NOT_COLLECTED;
	return e->counts_as;
}

static void
count(const struct entry *e, struct tally *t)
{
	struct tally_request		 r = {
		.account = e->account, .end = place_of(e), .qt_ms = -1,
		.ms = clock_mono_ms() - e->request->accepted_ms,
		.event = e->head != NULL ? tally_event(e->head->code) : -1,
	};

	r.came_ms = clock_wall_ms() - r.ms;
	if (was_asked(e))
		r.qt_ms = e->posted->qt.http.ms;
	tally_request(t, &r);
}

void
journal_write(struct journal *j, const struct entry *e)
{
	say(j, e);
	count(e, j->m->tally);
}
