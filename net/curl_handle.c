#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "net/curl_handle.h"

enum {
	ANSWER_MAX = 64 * 1024,		/* bytes of a body, unless the call has its own limit */
	RECEIVE_BUFFER = 1024,		/* bytes; QT's answers have 60 */
	SEND_BUFFER = 16 * 1024,	/* bytes; the least of libcurl, not its 64 KiB */
	PATH_WORDS = 64,		/* bytes of a file's name there */
	WORDS = 119,			/* bytes of libcurl's words in an answer's why */
	IDLE_CONNECTIONS = 4		/* of one handle, one for each address of QT */
};

/*
 * Options and a result that curl.h does not name before libcurl 7.85, 7.87 and 7.73, or calls
 * deprecated.  Their numbers never change, and the libcurl of the host may be older or newer than
 * the one of the build.
 */
enum {
	OPTION_PROTOCOLS = CURLOPTTYPE_LONG + 181,
	OPTION_PROTOCOLS_STR = CURLOPTTYPE_OBJECTPOINT + 318,
	OPTION_QUICK_EXIT = CURLOPTTYPE_LONG + 322,
	RESULT_PROXY = 97
};

/* Which options libcurl may be without. */
enum need {
	NEEDED,
	NEEDED_BY_PROXY,	/* by settings.proxy; a libcurl that has no proxies asks none */
	OPTIONAL		/* without it, libcurl does the same in another way, or slower */
};

_Static_assert((int)CURL_HANDLE_ERROR == CURL_ERROR_SIZE, "libcurl's error buffer");
_Static_assert(LIBCURL_VERSION_NUM >= CURL_HANDLE_OLDEST, "qtoa needs libcurl 7.68.0 or later");

const char	curl_handle_late[] = "no time left";
const char	curl_handle_stopping[] = "cut off: the program stops";

bool
curl_handle_is_stopped(const struct http_client *h)
{
	int64_t	 stop_ms;

	if (h->stop_ms == NULL)
		return false;
	stop_ms = atomic_load_explicit(h->stop_ms, memory_order_relaxed);
	return stop_ms != 0 && clock_mono_ms() >= stop_ms;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct curl_handle	*t = arg;

	n *= size;
	if (n > t->max || t->answer->body.len > t->max - n) {
		t->too_long = true;
		return 0;
	}
	return buf_put(&t->answer->body, p, n) == ERR_OK ? n : 0;
}

/* Reads the answer's Date.  After each status line another answer's headers follow. */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char	 name[] = "Date:";
	struct curl_handle	*t = arg;
	char			 text[64];
	time_t			 date;

	n *= size;
	if (!t->dated)
		return n;
	if (n > 5 && memcmp(p, "HTTP/", 5) == 0)
		t->date_s = 0;
	if (n < sizeof(name) || n >= sizeof(text) || strncasecmp(p, name, sizeof(name) - 1) != 0)
		return n;
	memcpy(text, p, n);
	text[n] = '\0';
	date = curl_getdate(text + sizeof(name) - 1, NULL);
	t->date_s = date == -1 ? 0 : (int64_t)date;
	return n;
}

/* Ends a transfer when the program is told to stop. */
static int
on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	const struct curl_handle	*t = arg;

	(void)dt, (void)dn, (void)ut, (void)un;
	return curl_handle_is_stopped(t->http);
}

static CURLcode
on_ssl_ctx(CURL *curl, void *ssl_ctx, void *arg)
{
	struct curl_handle	*t = arg;

	(void)curl;
	return ca_store_apply(&t->http->ca_store, ssl_ctx) == 0 ? CURLE_OK :
	    CURLE_SSL_CACERT_BADFILE;
}

static void	write_lack(struct http_client *h, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
write_lack(struct http_client *h, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)pthread_mutex_lock(&h->lock);
	(void)vsnprintf(h->lack, sizeof(h->lack), fmt, ap);
	(void)pthread_mutex_unlock(&h->lock);
	va_end(ap);
}

/* An older libcurl than that has not been tried. */
static bool
is_new_enough(struct http_client *h)
{
	const curl_version_info_data	*info = h->libcurl;

	if (info->version_num >= CURL_HANDLE_OLDEST)
		return true;
	write_lack(h, "libcurl %s is too old: qtoa needs 7.68.0 or later", info->version);
	return false;
}

/* True: libcurl took an option, or works without it.  Else it writes which one is missing. */
static bool
is_accepted(struct http_client *h, CURLcode rc, enum need need, const char *option)
{
	const bool	 unknown = rc == CURLE_UNKNOWN_OPTION || rc == CURLE_NOT_BUILT_IN;

	if (rc == CURLE_OK || (unknown && (need == OPTIONAL ||
	    (need == NEEDED_BY_PROXY && *h->proxy.where == '\0'))))
		return true;
	if (unknown)		/* else there is no memory */
		write_lack(h, "libcurl %s does not know %s, which qtoa needs: 7.68.0 or later has "
		    "it", ((const curl_version_info_data *)h->libcurl)->version, option);
	return false;
}

/* Limits a handle to HTTP and HTTPS. */
static CURLcode
limit_protocols(CURL *c)
{
	CURLcode	 rc = curl_easy_setopt(c, (CURLoption)OPTION_PROTOCOLS_STR, "http,https");

	return rc != CURLE_UNKNOWN_OPTION ? rc : curl_easy_setopt(c, (CURLoption)OPTION_PROTOCOLS,
	    (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
}

/*
 * The options of all transfers of a handle.  In a CGI the client writes the environment, so
 * nothing may come from there: no proxy, no netrc, no default certificates.  A proxy's CA
 * certificates are those of the servers.
 */

#define OPTION(name)	CURLOPT_##name, "CURLOPT_" #name

static const struct number_option {
	int		 option;
	const char	*name;
	enum need	 need;
	long		 value;
} numbers[] = {
	{ OPTION(NOSIGNAL), NEEDED, 1 },
	{ OPTION(PROXY_SSL_VERIFYPEER), NEEDED_BY_PROXY, 1 },
	{ OPTION(PROXY_SSL_VERIFYHOST), NEEDED_BY_PROXY, 2 },
	{ OPTION(PROXY_SSLVERSION), NEEDED_BY_PROXY, CURL_SSLVERSION_TLSv1_2 },
	{ OPTION(SUPPRESS_CONNECT_HEADERS), NEEDED_BY_PROXY, 1 },
	{ OPTION(NETRC), OPTIONAL, CURL_NETRC_IGNORED },
	{ OPTION(FOLLOWLOCATION), NEEDED, 0 },
	{ OPTION(HTTP_VERSION), NEEDED, CURL_HTTP_VERSION_1_1 },
	{ OPTION(SSL_VERIFYPEER), NEEDED, 1 },
	{ OPTION(SSL_VERIFYHOST), NEEDED, 2 },
	{ OPTION(SSLVERSION), NEEDED, CURL_SSLVERSION_TLSv1_2 },
	/* A DNS that hangs must not outlive the deadline.  Before 7.87 it can. */
	{ OPTION_QUICK_EXIT, "CURLOPT_QUICK_EXIT", OPTIONAL, 1 },
	{ OPTION(MAXCONNECTS), OPTIONAL, IDLE_CONNECTIONS },
	{ OPTION(BUFFERSIZE), OPTIONAL, RECEIVE_BUFFER },
	{ OPTION(UPLOAD_BUFFERSIZE), OPTIONAL, SEND_BUFFER },
	{ OPTION(NOPROGRESS), NEEDED, 0 },
};

static bool
set_numbers(struct curl_handle *t)
{
	const struct number_option	*o = numbers;
	const struct number_option	*end = o + sizeof(numbers) / sizeof(numbers[0]);

	while (o != end && is_accepted(t->http, curl_easy_setopt(t->curl, (CURLoption)o->option,
	    o->value), o->need, o->name))
		o++;
	return o == end;
}

#define SET(need, option, value) \
	(ok = ok && is_accepted(t->http, curl_easy_setopt(c, option, value), need, #option))

/* All handles share one store of CA certificates, where libcurl can do that. */
static bool
set_certificates(struct curl_handle *t)
{
	CURL		*c = t->curl;
	const char	*file = NULL, *dir = NULL;
	bool		 ok = true;

	if (curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) == CURLE_OK)
		SET(NEEDED, CURLOPT_SSL_CTX_DATA, t);
	else if ((file = ca_store_file(&t->http->ca_store)) != NULL &&
	    ca_store_is_directory(file)) {
		dir = file;
		file = NULL;
	}
	SET(OPTIONAL, CURLOPT_PROXY_CAPATH, dir);
	SET(NEEDED_BY_PROXY, CURLOPT_PROXY_CAINFO, file);
	SET(OPTIONAL, CURLOPT_CAPATH, dir);
	SET(NEEDED, CURLOPT_CAINFO, file);
	return ok;
}

static bool
set_options(struct curl_handle *t)
{
	CURL	*c = t->curl;
	bool	 ok = set_numbers(t) && set_certificates(t) &&
		    is_accepted(t->http, limit_protocols(c), NEEDED, "CURLOPT_PROTOCOLS");

	SET(NEEDED_BY_PROXY, CURLOPT_PROXY, "");
	/* curl_handle_set_proxy() knows the hosts without it. */
	SET(NEEDED_BY_PROXY, CURLOPT_NOPROXY, "");
	SET(NEEDED, CURLOPT_CONNECTTIMEOUT_MS, (long)t->http->set->connect_ms);
	SET(OPTIONAL, CURLOPT_USERAGENT, "qtoa/" QTOA_VERSION);
	SET(NEEDED, CURLOPT_ERRORBUFFER, t->error);
	SET(NEEDED, CURLOPT_PRIVATE, t);
	SET(NEEDED, CURLOPT_WRITEFUNCTION, on_body);
	SET(NEEDED, CURLOPT_WRITEDATA, t);
	SET(NEEDED, CURLOPT_HEADERFUNCTION, on_header);
	SET(NEEDED, CURLOPT_HEADERDATA, t);
	SET(NEEDED, CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(NEEDED, CURLOPT_XFERINFODATA, t);
	return ok;
}

#undef SET

bool
curl_handle_start(struct http_client *h)
{
	bool	 ready;

	(void)pthread_mutex_lock(&h->lock);
	if (!h->ready) {
		if (!conf_is_set(h->set->store))	/* libpq may have a key with a password */
			ca_store_omit_ciphers();
		if (h->json == NULL)
			h->json = curl_slist_append(NULL, "Content-Type: application/json");
		if (h->xml == NULL)
			h->xml = curl_slist_append(NULL, "Content-Type: text/xml");
		h->ready = h->json != NULL && h->xml != NULL &&
		    curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
		h->libcurl = curl_version_info(CURLVERSION_NOW);
	}
	ready = h->ready;
	(void)pthread_mutex_unlock(&h->lock);
	return ready;
}

struct curl_handle *
curl_handle_new(struct http_client *h)
{
	struct curl_handle	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->http = h;
	if (!is_new_enough(h) || (t->curl = curl_easy_init()) == NULL || !set_options(t)) {
		curl_handle_free(t);
		return NULL;
	}
	return t;
}

void
curl_handle_free(struct curl_handle *t)
{
	if (t == NULL)
		return;
	curl_easy_cleanup(t->curl);
	curl_url_cleanup(t->parsed);
	curl_slist_free_all(t->headers);
	free(t->url);
	free(t);
}

void
curl_handle_copy(char *to, size_t size, const char *from)
{
	size_t	 len = strlen(from);

	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

void
curl_handle_reset_answer(struct http_answer *a)
{
	a->begin_ms = clock_mono_ms();
	a->status = a->ms = 0;
	a->date_s = 0;
	a->sent = a->local = false;
	a->why[0] = '\0';
	buf_reset(&a->body);
}

void
curl_handle_refuse(struct http_client *h, struct http_answer *a)
{
	a->local = true;
	(void)pthread_mutex_lock(&h->lock);
	curl_handle_copy(a->why, sizeof(a->why), *h->lack != '\0' ? h->lack :
	    "libcurl does not start");
	(void)pthread_mutex_unlock(&h->lock);
}

/* Replaces the headers of the handle by the lines of a text.  False: no memory. */
static bool
set_headers(struct curl_handle *t, const char *lines)
{
	struct curl_slist	*list;
	char			 line[512];
	size_t			 len;

	curl_slist_free_all(t->headers);
	t->headers = NULL;
	for (; *lines != '\0'; lines += len + (lines[len] == '\n')) {
		if ((len = strcspn(lines, "\n")) >= sizeof(line))
			return false;
		memcpy(line, lines, len);
		line[len] = '\0';
		if ((list = curl_slist_append(t->headers, line)) == NULL)
			return false;
		t->headers = list;
	}
	return true;
}

/* CURLOPT_HTTPGET must come last, since CURLOPT_POSTFIELDS makes the method POST. */
static CURLcode
set_method(struct curl_handle *t, const struct http_call *call)
{
	const struct slice	 body = call->get ? (struct slice){ NULL, 0 } : call->body;
	struct curl_slist	*headers = call->xml ? t->http->xml : t->http->json;
	CURLcode		 rc;

	if (call->headers != NULL && !set_headers(t, call->headers))
		return CURLE_OUT_OF_MEMORY;
	if (call->headers != NULL)
		headers = t->headers;
	if ((rc = curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER,
	    call->get ? NULL : headers)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)body.len)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body.p)) != CURLE_OK)
		return rc;
	return call->get ? curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L) : CURLE_OK;
}

/* Reads the URL, unless it is that of the last request. */
static CURLcode
set_url(struct curl_handle *t, const char *url)
{
	CURLUcode	 rc = CURLUE_OUT_OF_MEMORY;

	if (t->url != NULL && strcmp(t->url, url) == 0)
		return CURLE_OK;
	free(t->url);
	t->url = NULL;
	if (t->parsed == NULL)
		t->parsed = curl_url();
	if (t->parsed != NULL)
		rc = curl_url_set(t->parsed, CURLUPART_URL, url, 0);
	if (rc != CURLUE_OK)
		return rc == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_URL_MALFORMAT;
	if ((t->url = strdup(url)) == NULL)
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(t->curl, CURLOPT_CURLU, t->parsed);
}

int
curl_handle_set_proxy(struct curl_handle *t, const char *url, bool direct)
{
	const struct proxy	*p = &t->http->proxy;
	CURLcode		 rc;

	if (*p->where == '\0')
		return CURLE_OK;
	t->proxied = !direct && !proxy_is_spared(t->http->set->no_proxy, proxy_host(url));
	if ((rc = curl_easy_setopt(t->curl, CURLOPT_PROXY, t->proxied ? p->where : "")) !=
	    CURLE_OK || *p->user == '\0')
		return (int)rc;
	/* Within CURLOPT_PROXY they could come into an error text of libcurl. */
	if ((rc = curl_easy_setopt(t->curl, CURLOPT_PROXYUSERNAME, p->user)) == CURLE_OK)
		rc = curl_easy_setopt(t->curl, CURLOPT_PROXYPASSWORD, p->password);
	return (int)rc;
}

bool
curl_handle_is_barred(const struct curl_handle *t, int code)
{
	long	 answer = 0;

	if (!t->proxied)
		return false;
	/* A connection that is kept has no answer of the proxy. */
	(void)curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &answer);
	return code == CURLE_COULDNT_RESOLVE_PROXY || code == RESULT_PROXY ||
	    code == CURLE_COULDNT_CONNECT || (answer != 0 && answer / 100 != 2);
}

bool
curl_handle_set_call(struct curl_handle *t, struct http_answer *a, const struct http_call *call)
{
	CURLcode	 rc;

	t->answer = a;
	t->max = call->answer_max != 0 ? call->answer_max : ANSWER_MAX;
	t->dated = call->dated;
	t->date_s = 0;
	t->retried = t->too_long = false;
	t->error[0] = '\0';
	if ((rc = set_url(t, call->url)) == CURLE_OK &&
	    (rc = (CURLcode)curl_handle_set_proxy(t, call->url, call->direct)) == CURLE_OK &&
	    (rc = set_method(t, call)) == CURLE_OK)
		return true;
	curl_handle_fail(t, (int)rc);
	return false;
}

bool
curl_handle_set_time(struct curl_handle *t, int64_t deadline_ms)
{
	int64_t		 left_ms = deadline_ms - clock_mono_ms();
	CURLcode	 rc = CURLE_OPERATION_TIMEDOUT;

	if (left_ms >= CURL_HANDLE_MIN_MS)
		rc = curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
	if (rc != CURLE_OK)
		curl_handle_fail(t, (int)rc);
	return rc == CURLE_OK;
}

/*
 * True: libcurl has given up because the peer closed kept connections just as they were used.
 * That is nobody's fault, and libcurl itself tries a new connection then.  But it counts these
 * tries over the life of a handle and gives up at every sixth (curl pull request 19066, late in
 * 2025, fixes that).
 */
static bool
has_lost_kept_connection(const struct curl_handle *t, int code)
{
	long	 new_connections = 1;

	return (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) && !t->retried &&
	    t->answer->body.len == 0 &&
	    curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &new_connections) == CURLE_OK &&
	    new_connections == 0;
}

bool
curl_handle_has_sent(const struct curl_handle *t)
{
	long	 bytes = 1;

	return curl_easy_getinfo(t->curl, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK ||
	    bytes != 0;
}

/* True: the reason of a failure is on this host, so that no other try will go better. */
static bool
is_local(int code)
{
	static const CURLcode	 codes[] = {
		CURLE_UNSUPPORTED_PROTOCOL, CURLE_FAILED_INIT, CURLE_NOT_BUILT_IN,
		CURLE_UNKNOWN_OPTION, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_SSL_CACERT_BADFILE,
		CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_CIPHER,
		CURLE_SSL_ENGINE_INITFAILED,
	};
	size_t			 i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if ((int)codes[i] == code)
			return true;
	return false;
}

void
curl_handle_fail(struct curl_handle *t, int code)
{
	struct http_answer	*a = t->answer;
	const char		*words = t->error[0] != '\0' ? t->error :
				    curl_easy_strerror((CURLcode)code);
	const char		*ca_file = code == CURLE_SSL_CACERT_BADFILE ?
				    ca_store_file(&t->http->ca_store) : NULL;

	a->local = is_local(code) && !t->too_long && !curl_handle_is_barred(t, code);
	if (t->too_long)
		(void)snprintf(a->why, sizeof(a->why), "answer over %zu KiB", t->max / 1024);
	else if (ca_file != NULL && ca_store_is_directory(ca_file))
		(void)snprintf(a->why, sizeof(a->why), "no hashed CA certificates in %.*s; run "
		    "there: openssl rehash .", PATH_WORDS, ca_file);
	else if (ca_file != NULL)	/* libcurl's words do not name the file */
		(void)snprintf(a->why, sizeof(a->why), "no CA certificates in %.*s; set "
		    "settings.ca_file to a file of them", PATH_WORDS, ca_file);
	else if (code == CURLE_ABORTED_BY_CALLBACK)
		curl_handle_copy(a->why, sizeof(a->why), curl_handle_stopping);
	else if (code == CURLE_SSL_CACERT_BADFILE)
		curl_handle_copy(a->why, sizeof(a->why), "no CA certificates can be read; set "
		    "settings.ca_file, or install the package ca-certificates");
	else
		(void)snprintf(a->why, sizeof(a->why), "%s%.*s",
		    curl_handle_is_barred(t, code) ? "proxy: " : "", WORDS, words);
}

bool
curl_handle_settle(struct curl_handle *t, int code)
{
	struct http_answer	*a = t->answer;
	long			 status = 0;

	if (code == CURLE_OK) {
		a->sent = true;
		(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
		a->status = (int)status;
		if (t->dated)
			a->date_s = t->date_s;
		return true;
	}
	a->sent = a->sent || (curl_handle_has_sent(t) && !curl_handle_is_barred(t, code));
	if (has_lost_kept_connection(t, code)) {
		t->retried = true;
		return false;
	}
	curl_handle_fail(t, code);
	return true;
}
