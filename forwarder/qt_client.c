#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/json_flat.h"
#include "forwarder/qt_client.h"

const char *const qt_client_names[QT__MAX] = {
	[QT_DELIVERED]	= "delivered",
	[QT_RETRY]	= "retry",
	[QT_CONFIG]	= "config",
	[QT_GATEWAY]	= "gateway",
	[QT_UNREADABLE]	= "unreadable",
	[QT_REFUSED]	= "refused",
};

const char	qt_client_unreadable[] = "QT's answer cannot be read";

/* Advice for the operator: after an answer of QT, and after none of QT. */
static const struct {
	const char	*answered, *otherwise;
} hints[QT__MAX] = {
	[QT_DELIVERED]	= { "", "" },
	[QT_RETRY]	= { "QT has trouble with this message; its code says why (QT, 3.4)",
			    "QT cannot be reached or has trouble; run: qtoa check" },
	[QT_CONFIG]	= { "compare qt_url, app_key, service_id, service_secret with QT's console",
			    "qt_url leads elsewhere; compare it with QT's console" },
	[QT_GATEWAY]	= { "", "a gateway answers and not QT; correct qt_url or the gateway, "
			    "and run: qtoa check" },
	[QT_UNREADABLE]	= { "", "QT's answer has no code that can be read; find out what "
			    "changes it on its way" },
	[QT_REFUSED]	= { "QT refuses this message; its code says why (QT, 3.4)",
			    "a gateway refuses this message as too large; let it take more, then "
			    "run: qtoa queue retry --outcome 'HTTP 413'" },
};

const char *
qt_client_hint(const struct qt_result *res)
{
	if (res->outcome == QT_RETRY && res->http.status == 0 && res->http.local)
		return "the cause is on this host and not QT or the network; run: qtoa check";
	if (res->outcome == QT_RETRY && !res->alive && res->http.status != 0)
		return "what answers at qt_url has trouble; the message is sent again by itself";
	return res->alive ? hints[res->outcome].answered : hints[res->outcome].otherwise;
}

/* The codes of QT's manual, 3.4, without the Httpapi_300_ with which all begin. */
static const struct {
	const char	*code;
	enum qt_outcome	 outcome;
} codes[] = {
	{ "200", QT_DELIVERED },
	{ "101", QT_CONFIG },	/* illegal signature */
	{ "102", QT_REFUSED },	/* not JSON */
	{ "103", QT_REFUSED },	/* required field missing */
	{ "104", QT_REFUSED },	/* user attribute missing */
	{ "105", QT_REFUSED },	/* illegal event id */
	{ "106", QT_CONFIG },	/* incorrect ak/sk */
	{ "107", QT_REFUSED },	/* not XML */
	{ "108", QT_REFUSED },	/* illegal message */
	{ "109", QT_REFUSED },	/* unknown encryption type */
	{ "110", QT_RETRY },	/* no unionid */
};

/* False: it is not a code of QT's. */
static bool
classify_code(enum qt_outcome *outcome, struct slice code)
{
	static const char	 prefix[] = "Httpapi_300_";
	enum { LEN = sizeof(prefix) - 1 };
	size_t			 i;

	*outcome = QT_RETRY;
	if (code.len <= LEN || memcmp(code.p, prefix, LEN) != 0)
		return false;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (slice_is((struct slice){ code.p + LEN, code.len - LEN }, codes[i].code))
			*outcome = codes[i].outcome;
	return true;
}

static bool
is_good(int status)
{
	return status >= 200 && status < 300;
}

/*
 * For an answer without a code of QT's.  413 is about this one message, whoever says it.  A page
 * with a good status is a gateway's, too: QT has no pages.
 */
static enum qt_outcome
classify_status(int status, bool page)
{
	static const struct {
		int		 from, to;
		enum qt_outcome	 outcome;
	} ranges[] = {
		{ 200, 299, QT_UNREADABLE },
		{ 300, 399, QT_CONFIG },	/* the address has moved */
		{ 408, 408, QT_RETRY },		/* took too long */
		{ 413, 413, QT_REFUSED },	/* message too large */
		{ 425, 425, QT_RETRY },		/* too early */
		{ 429, 429, QT_RETRY },		/* too many */
		{ 400, 499, QT_GATEWAY },
	};
	size_t	 i;

	if (page && is_good(status))
		return QT_GATEWAY;
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (status >= ranges[i].from && status <= ranges[i].to)
			return ranges[i].outcome;
	return QT_RETRY;
}

static void
read_code(struct qt_result *res, struct slice code)
{
	size_t	 len = code.len < sizeof(res->code) ? code.len : sizeof(res->code) - 1;

	res->alive = classify_code(&res->outcome, code);
	memcpy(res->code, code.p, len);
	res->code[len] = '\0';
}

/* QT nearly always answers the same bytes as before: then there is nothing to parse. */
static bool
recall_answer(struct qt_result *res)
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
remember_answer(struct qt_result *res)
{
	if (buf_put(&res->known, res->http.body.p, res->http.body.len) != ERR_OK)
		res->known.len = 0;
	memcpy(res->known_code, res->code, sizeof(res->code));
	res->known_outcome = res->outcome;
}

static void
set_why(struct qt_result *res, const char *why)
{
	(void)snprintf(res->http.why, sizeof(res->http.why), "%s", why);
}

/*
 * Finds the code in a body that is strict JSON, as QT's are: a CGI, which remembers no answer, need
 * not load the library for it.  work gets a copy, in which the code is.
 */
static struct slice
find_code(struct buf *work, struct slice body)
{
	struct json_flat	 j;
	size_t			 i;

	buf_reset(work);
	if (buf_put(work, body.p, body.len) == ERR_OK && json_flat_read(&j, work->p, work->len))
		for (i = 0; i < j.n; i++)
			if (!j.v[i].bare && !j.v[i].array && slice_is(j.v[i].name, "code"))
				return j.v[i].value;
	return (struct slice){ NULL, 0 };
}

/* Reads the body's code.  True: it is one of QT's. */
static bool
read_answer(struct qt_result *res)
{
	const bool	 good = is_good(res->http.status);
	struct json	*j = NULL;
	struct slice	 code;

	if (recall_answer(res))
		return true;
	code = find_code(&res->known, buf_slice(&res->http.body));
	if (code.p == NULL && (j = json_parse_lenient(buf_slice(&res->http.body))) != NULL)
		code = json_text(j, "code");
	if (code.p != NULL)
		read_code(res, code);
	buf_reset(&res->known);
	if (res->alive)
		remember_answer(res);
	else if (good)
		set_why(res, res->page ? "a page instead of QT's answer" :
		    code.p != NULL ? "answer has a code that is not QT's" :
		    j == NULL ? "answer is not JSON" : "answer has no code");
	json_free(j);
	return res->alive;
}

/* The first byte that is neither a blank nor of a byte order mark begins a tag. */
static bool
is_page(struct slice body)
{
	static const char	 skipped[] = "\xEF\xBB\xBF \t\r\n";
	size_t			 i;

	for (i = 0; i < body.len && memchr(skipped, body.p[i], sizeof(skipped) - 1) != NULL; i++)
		;
	return i < body.len && body.p[i] == '<';
}

enum qt_outcome
qt_client_classify(struct qt_result *res)
{
	const int	 status = res->http.status;

	res->code[0] = '\0';
	res->alive = res->page = false;
	res->outcome = QT_RETRY;
	if (status == 0)
		return res->outcome;
	res->page = is_page(buf_slice(&res->http.body));
	if (read_answer(res) && (res->outcome != QT_DELIVERED || is_good(status)))
		return res->outcome;
	/* With a bad status the code for success contradicts it, and another is not QT's. */
	if (!is_good(status))
		res->code[0] = '\0';
	res->alive = false;
	return res->outcome = classify_status(status, res->page);
}

void
qt_client_explain(struct qt_result *res)
{
	if (*res->http.why == '\0' && *res->code == '\0')
		(void)snprintf(res->http.why, sizeof(res->http.why), "HTTP %d", res->http.status);
}

void
qt_client_result_free(struct qt_result *res)
{
	buf_free(&res->http.body);
	buf_free(&res->known);
}

bool
qt_client_lacks(struct http_client *h, char why[HTTP_CLIENT_LACK], const struct account *a)
{
	char	 other[HTTP_CLIENT_LACK];

	return http_client_lacks(h, why, a->qt_url) && (!conf_is_set(a->qt_url_standby) ||
	    http_client_lacks(h, other, a->qt_url_standby));
}

bool
qt_client_standby(struct http_call *call, const struct account *a, const struct http_answer *got)
{
	if (got->status != 0 || got->sent || call->url != a->qt_url ||
	    a->qt_url_standby == NULL || *a->qt_url_standby == '\0' ||
	    clock_mono_ms() >= call->deadline_ms)
		return false;
	call->url = a->qt_url_standby;
	return true;
}

void
qt_client_post(struct http_client *h, const struct settings *set, struct qt_result *res,
    const struct account *a, struct slice envelope, int64_t deadline_ms)
{
	int64_t			 ours_ms = clock_mono_ms() + set->forward_ms;
	struct http_call	 call = {
		.url = a->qt_url,
		.body = envelope,
		.deadline_ms = ours_ms < deadline_ms ? ours_ms : deadline_ms,
	};
	int			 first_ms;

	http_client_do(h, &res->http, &call);
	if (qt_client_standby(&call, a, &res->http)) {
		first_ms = res->http.ms;
		http_client_do(h, &res->http, &call);
		res->http.ms += first_ms;
	}
	(void)qt_client_classify(res);
}
