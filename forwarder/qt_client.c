#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "forwarder/qt_client.h"

const char *const forward_names[FORWARD__MAX] = {
	[FORWARD_DELIVERED]	= "delivered",
	[FORWARD_RETRY]		= "retry",
	[FORWARD_CONFIG]	= "config",
	[FORWARD_REFUSED]	= "refused",
};

const char *const forward_hints[FORWARD__MAX] = {
	[FORWARD_DELIVERED]	= "",
	[FORWARD_RETRY]		= "QT cannot be reached or has trouble; run: qtoa check",
	[FORWARD_CONFIG]	= "compare qt_url, app_key, service_id, service_secret in QT",
	[FORWARD_REFUSED]	= "QT refuses this message; its code says why (QT, 3.4)",
};

/* QT, 3.4.  Codes begin with Httpapi_300_. */
static const struct {
	const char	*code;
	enum outcome	 outcome;
} codes[] = {
	{ "200", FORWARD_DELIVERED },
	{ "101", FORWARD_CONFIG },	/* illegal signature */
	{ "102", FORWARD_REFUSED },	/* not JSON */
	{ "103", FORWARD_REFUSED },	/* required field missing */
	{ "104", FORWARD_REFUSED },	/* user attribute missing */
	{ "105", FORWARD_REFUSED },	/* illegal event id */
	{ "106", FORWARD_CONFIG },	/* incorrect ak/sk */
	{ "107", FORWARD_REFUSED },	/* not XML */
	{ "108", FORWARD_REFUSED },	/* illegal message */
	{ "109", FORWARD_REFUSED },	/* unknown encryption type */
	{ "110", FORWARD_RETRY },	/* no unionid */
};

/* False: it is not QT's. */
static bool
classify_code(enum outcome *outcome, struct slice code)
{
	static const char	 prefix[] = "Httpapi_300_";
	enum { LEN = sizeof(prefix) - 1 };
	size_t			 i;

	*outcome = FORWARD_RETRY;
	if (code.len <= LEN || memcmp(code.p, prefix, LEN) != 0)
		return false;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (slice_is((struct slice){ code.p + LEN, code.len - LEN }, codes[i].code))
			*outcome = codes[i].outcome;
	return true;
}

/* Without a code to go by: 3xx is an address that moved, 4xx but 429 a refusal. */
static enum outcome
classify_status(int status)
{
	if (status >= 300 && status < 400)
		return FORWARD_CONFIG;
	if (status >= 400 && status < 500 && status != 429)
		return FORWARD_REFUSED;
	return FORWARD_RETRY;
}

static void
read_code(struct forward_result *res, struct slice code)
{
	size_t	 len = code.len < sizeof(res->code) ? code.len : sizeof(res->code) - 1;

	res->alive = classify_code(&res->outcome, code);
	memcpy(res->code, code.p, len);
	res->code[len] = '\0';
}

/* QT nearly always answers the same word for word: then there is nothing to parse. */
static bool
recall(struct forward_result *res)
{
	const struct buf	*body = &res->http.body;

	if (body->len == 0 || body->len != res->known.len ||
	    memcmp(body->p, res->known.p, body->len) != 0)
		return false;
	memcpy(res->code, res->known_code, sizeof(res->code));
	res->outcome = res->known_outcome;
	res->alive = true;
	return true;
}

static void
remember(struct forward_result *res)
{
	buf_reset(&res->known);
	if (buf_put(&res->known, res->http.body.p, res->http.body.len) != QT_OK)
		res->known.len = 0;
	memcpy(res->known_code, res->code, sizeof(res->code));
	res->known_outcome = res->outcome;
}

static void
say(struct forward_result *res, const char *why)
{
	(void)snprintf(res->http.why, sizeof(res->http.why), "%s", why);
}

static void
read_answer(struct forward_result *res)
{
	struct json	*j;
	struct slice	 code;

	if (recall(res))
		return;
	j = json_parse(buf_slice(&res->http.body));
	code = j == NULL ? (struct slice){ NULL, 0 } : json_text(j, "code");
	if (j == NULL) {
		say(res, "answer is no JSON");
	} else if (code.p == NULL) {
		say(res, "answer without a code");
	} else {
		read_code(res, code);
		if (res->alive)
			remember(res);
	}
	json_free(j);
}

enum outcome
forward_classify(struct forward_result *res)
{
	res->code[0] = '\0';
	res->alive = false;
	res->outcome = classify_status(res->http.status);
	if (res->http.status == 200)
		read_answer(res);
	return res->outcome;
}

void
forward_explain(struct forward_result *res)
{
	if (*res->http.why == '\0' && *res->code == '\0')
		(void)snprintf(res->http.why, sizeof(res->http.why), "HTTP %d", res->http.status);
}

void
forward_result_free(struct forward_result *res)
{
	buf_free(&res->http.body);
	buf_free(&res->known);
}

bool
forward_standby(struct http_call *call, const struct account *a, const struct http_answer *got)
{
	if (got->status != 0 || got->sent || call->url != a->qt_url ||
	    a->qt_url_standby == NULL || *a->qt_url_standby == '\0' ||
	    clock_mono_ms() >= call->deadline_ms)
		return false;
	call->url = a->qt_url_standby;
	return true;
}

void
forward_post(struct http *h, const struct settings *set, struct forward_result *res,
    const struct account *a, struct slice envelope, int64_t deadline_ms)
{
	int64_t			 ours_ms = clock_mono_ms() + set->forward_ms;
	struct http_call	 call = {
		.url = a->qt_url,
		.body = envelope,
		.deadline_ms = ours_ms < deadline_ms ? ours_ms : deadline_ms,
	};
	int			 first_ms;

	http_do(h, &res->http, &call);
	if (forward_standby(&call, a, &res->http)) {
		first_ms = res->http.ms;
		http_do(h, &res->http, &call);
		res->http.ms += first_ms;
	}
	(void)forward_classify(res);
}
