#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "clock.h"
#include "forward.h"
#include "json.h"
#include "trust.h"

enum {
	ANSWER_MAX = 64 * 1024,		/* bytes of an answer */
	TRANSFER_MIN_MS = 1,		/* libcurl takes 0 for no limit */
	RECEIVE_BUFFER = 1024,		/* bytes; QT's answers have 60 */
	SEND_BUFFER = 16 * 1024,	/* bytes; the least that libcurl takes, not 64 KiB */
	IDLE_CONNECTIONS = 4,		/* that one handle keeps, one per QT address */
};

const char *const forward_names[FORWARD__MAX] = {
	[FORWARD_DELIVERED]	= "delivered",
	[FORWARD_RETRY]		= "retry",
	[FORWARD_CONFIG]	= "config",
	[FORWARD_REFUSED]	= "refused",
};

const char *const forward_hints[FORWARD__MAX] = {
	[FORWARD_DELIVERED]	= "",
	[FORWARD_RETRY]		= "QT cannot be reached or has trouble; run: qtoa check --online",
	[FORWARD_CONFIG]	= "compare qt_url, app_key, service_id, service_secret in QT",
	[FORWARD_REFUSED]	= "QT refuses this message; its code says why (QT, 3.4)",
};

/* A libcurl handle and what its callbacks fill. */
struct handle {
	struct handle		*below;		/* on the stack */
	struct forward		*f;
	CURL			*curl;
	struct http_answer	*answer;	/* of the transfer under way */
	bool			 too_long;	/* the answer was over ANSWER_MAX */
	char			 error[CURL_ERROR_SIZE];
};

struct forward {
	const struct settings	*set;
	const _Atomic int64_t	*stop_ms;
	struct trust		 trust;
	struct curl_slist	*json, *xml;	/* headers of the two content types */
	pthread_mutex_t		 lock;
	struct handle		*top;		/* handles not in use, last used first */
	bool			 ready;		/* libcurl is initialised */
};

struct forward *
forward_new(const struct settings *set, const _Atomic int64_t *stop_ms)
{
	struct forward	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->set = set;
	f->stop_ms = stop_ms;
	trust_init(&f->trust, set->ca_file);
	(void)pthread_mutex_init(&f->lock, NULL);
	return f;
}

static void
handle_free(struct handle *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

void
forward_free(struct forward *f)
{
	struct handle	*h;

	if (f == NULL)
		return;
	while ((h = f->top) != NULL) {
		f->top = h->below;
		handle_free(h);
	}
	curl_slist_free_all(f->json);
	curl_slist_free_all(f->xml);
	if (f->ready)
		curl_global_cleanup();
	trust_fini(&f->trust);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct handle	*h = arg;

	n *= size;
	if (h->answer->body.len + n > ANSWER_MAX) {
		h->too_long = true;
		return 0;
	}
	return buf_put(&h->answer->body, p, n) == QT_OK ? n : 0;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char	 name[] = "retry-after:";
	struct handle		*h = arg;
	int			 s = 0;
	size_t			 i;

	n *= size;
	if (n <= sizeof(name) || strncasecmp(p, name, sizeof(name) - 1) != 0)
		return n;
	for (i = sizeof(name) - 1; i < n && p[i] == ' '; i++)
		;
	for (; i < n && p[i] >= '0' && p[i] <= '9' && s < 86400; i++)
		s = s * 10 + (p[i] - '0');
	h->answer->retry_after_s = s;	/* a date instead gives 0: our own back-off */
	return n;
}

/* Ends a transfer when the program is told to stop. */
static int
on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	const struct handle	*h = arg;
	int64_t			 stop_ms;

	(void)dt, (void)dn, (void)ut, (void)un;
	if (h->f->stop_ms == NULL)
		return 0;
	stop_ms = atomic_load_explicit(h->f->stop_ms, memory_order_relaxed);
	return stop_ms != 0 && clock_mono_ms() >= stop_ms;
}

static CURLcode
on_ssl_ctx(CURL *curl, void *ssl_ctx, void *arg)
{
	struct handle	*h = arg;

	(void)curl;
	return trust_apply(&h->f->trust, ssl_ctx) == 0 ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

/*
 * What holds for all transfers of a handle.  A CGI's environment is the client's, so
 * nothing may come from there: no proxy, no netrc, no default certificates.
 */
static bool
set_options(struct handle *h)
{
	const struct settings	*set = h->f->set;
	CURL			*c = h->curl;
	bool			 ok = true;

#define SET(option, value)	(ok = ok && curl_easy_setopt(c, option, value) == CURLE_OK)
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)set->connect_ms);
	SET(CURLOPT_QUICK_EXIT, 1L);	/* a hung DNS must not outlive the deadline */
	SET(CURLOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BUFFER);
	SET(CURLOPT_USERAGENT, "qtoa/" QTOA_VERSION);
	SET(CURLOPT_ERRORBUFFER, h->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, h);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, h);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, h);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO, NULL);
#undef SET
	/* Our shared certificates; a libcurl that cannot share reads the file itself. */
	if (curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) == CURLE_OK)
		return ok && curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h) == CURLE_OK;
	return ok && curl_easy_setopt(c, CURLOPT_CAINFO, trust_file(&h->f->trust)) == CURLE_OK;
}

/* libcurl is only started by who needs it; called with the lock held. */
static bool
start(struct forward *f)
{
	if (f->ready)
		return true;
	if (f->json == NULL)
		f->json = curl_slist_append(NULL, "Content-Type: application/json");
	if (f->xml == NULL)
		f->xml = curl_slist_append(NULL, "Content-Type: text/xml");
	f->ready = f->json != NULL && f->xml != NULL &&
	    curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
	return f->ready;
}

static struct handle *
handle_new(struct forward *f)
{
	struct handle	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->f = f;
	if ((h->curl = curl_easy_init()) == NULL || !set_options(h)) {
		handle_free(h);
		return NULL;
	}
	return h;
}

static struct handle *
take(struct forward *f)
{
	struct handle	*h;
	bool		 started;

	(void)pthread_mutex_lock(&f->lock);
	started = start(f);
	if ((h = f->top) != NULL)
		f->top = h->below;
	(void)pthread_mutex_unlock(&f->lock);
	return h != NULL || !started ? h : handle_new(f);
}

static void
give_back(struct forward *f, struct handle *h)
{
	(void)pthread_mutex_lock(&f->lock);
	h->below = f->top;
	f->top = h;
	(void)pthread_mutex_unlock(&f->lock);
}

static void
say(struct http_answer *a, const char *why)
{
	size_t	 len = strlen(why);

	if (len >= sizeof(a->why))
		len = sizeof(a->why) - 1;
	memcpy(a->why, why, len);
	a->why[len] = '\0';
}

static CURLcode
perform(struct handle *h, int64_t deadline_ms)
{
	int64_t	 left_ms = deadline_ms - clock_mono_ms();

	if (left_ms < TRANSFER_MIN_MS)
		return CURLE_OPERATION_TIMEDOUT;
	h->error[0] = '\0';
	if (curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, (long)left_ms) != CURLE_OK)
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_perform(h->curl);
}

/*
 * A kept connection that the peer ends just as it is used is nobody's fault, and libcurl
 * tries a new one.  But it counts these over the life of a handle and gives up
 * at every sixth (mended by curl pull request 19066, late in 2025).
 */
static bool
gave_up_on_kept(const struct handle *h, CURLcode rc)
{
	long	 new_connections = 1;

	return (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR) && h->answer->body.len == 0 &&
	    curl_easy_getinfo(h->curl, CURLINFO_NUM_CONNECTS, &new_connections) == CURLE_OK &&
	    new_connections == 0;
}

static void
transfer(struct handle *h, struct http_answer *a, const struct http_call *call)
{
	CURLcode	 rc;
	long		 status = 0;

	h->answer = a;
	h->too_long = false;
	if (curl_easy_setopt(h->curl, CURLOPT_URL, call->url) != CURLE_OK ||
	    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER,
	    call->xml ? h->f->xml : h->f->json) != CURLE_OK ||
	    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)call->body.len) != CURLE_OK ||
	    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, call->body.p) != CURLE_OK) {
		say(a, "out of memory");
		return;
	}
	rc = perform(h, call->deadline_ms);
	if (gave_up_on_kept(h, rc))
		rc = perform(h, call->deadline_ms);
	if (rc != CURLE_OK) {
		say(a, h->too_long ? "answer over 64 KiB" :
		    h->error[0] != '\0' ? h->error : curl_easy_strerror(rc));
		return;
	}
	(void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	a->status = (int)status;
}

void
forward_http(struct forward *f, struct http_answer *a, const struct http_call *call)
{
	int64_t		 begin_ms = clock_mono_ms();
	struct handle	*h;

	a->status = a->retry_after_s = a->ms = 0;
	a->why[0] = '\0';
	buf_reset(&a->body);
	if (call->deadline_ms - begin_ms < TRANSFER_MIN_MS) {
		say(a, "no time left");
		return;
	}
	if ((h = take(f)) == NULL) {
		say(a, "libcurl does not start");
		return;
	}
	transfer(h, a, call);
	give_back(f, h);
	a->ms = (int)(clock_mono_ms() - begin_ms);
}

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

static enum outcome
classify_code(struct slice code)
{
	static const char	 prefix[] = "Httpapi_300_";
	enum { LEN = sizeof(prefix) - 1 };
	size_t			 i;

	if (code.len <= LEN || memcmp(code.p, prefix, LEN) != 0)
		return FORWARD_RETRY;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (slice_is((struct slice){ code.p + LEN, code.len - LEN }, codes[i].code))
			return codes[i].outcome;
	return FORWARD_RETRY;
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

	res->outcome = classify_code(code);
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
read_answer(struct forward_result *res)
{
	struct json	*j;
	struct slice	 code;

	if (recall(res))
		return;
	j = json_parse(buf_slice(&res->http.body));
	code = j == NULL ? (struct slice){ NULL, 0 } : json_text(j, "code");
	if (j == NULL) {
		say(&res->http, "answer is no JSON");
	} else if (code.p == NULL) {
		say(&res->http, "answer without a code");
	} else {
		read_code(res, code);
		remember(res);
	}
	json_free(j);
}

enum outcome
forward_classify(struct forward_result *res)
{
	res->code[0] = '\0';
	res->outcome = classify_status(res->http.status);
	if (res->http.status == 200)
		read_answer(res);
	return res->outcome;
}

void
forward_result_free(struct forward_result *res)
{
	buf_free(&res->http.body);
	buf_free(&res->known);
}

void
forward_post(struct forward *f, struct forward_result *res, const struct account *a,
    struct slice envelope, int64_t deadline_ms)
{
	int64_t			 ours_ms = clock_mono_ms() + f->set->forward_ms;
	const struct http_call	 call = {
		.url = a->qt_url,
		.body = envelope,
		.deadline_ms = ours_ms < deadline_ms ? ours_ms : deadline_ms,
	};

	forward_http(f, &res->http, &call);
	(void)forward_classify(res);
}
