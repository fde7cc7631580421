#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "net/ca_store.h"
#include "net/http_client.h"

enum {
	ANSWER_MAX = 64 * 1024,		/* bytes of an answer, where a call has no say */
	TRANSFER_MIN_MS = 1,		/* libcurl takes 0 for no limit */
	RECEIVE_BUFFER = 1024,		/* bytes; QT's answers have 60 */
	SEND_BUFFER = 16 * 1024,	/* bytes; the least that libcurl takes, not 64 KiB */
	IDLE_CONNECTIONS = 4,		/* that one handle keeps, one per QT address */
	LOOK_MS = 250,			/* a group looks for stop_ms this often */
};

static const char stopping[] = "broken off: the program stops";
static const char late[] = "no time left";

/* A libcurl handle and what its callbacks fill. */
struct handle {
	struct handle		*below;		/* on the stack */
	struct http_client	*http;
	CURL			*curl;
	struct http_answer	*answer;	/* of the transfer under way */
	int			 place;		/* in its group */
	bool			 again;		/* it has had its second try */
	size_t			 max;		/* bytes of the answer */
	bool			 too_long;	/* it was over that */
	bool			 dated;		/* its Date is wanted */
	char			 error[CURL_ERROR_SIZE];
};

struct http_client {
	const struct settings	*set;
	const _Atomic int64_t	*stop_ms;
	struct ca_store		 trust;
	struct curl_slist	*json, *xml;	/* headers of the two content types */
	pthread_mutex_t		 lock;
	struct handle		*top;		/* handles not in use, last used first */
	bool			 ready;		/* libcurl is initialised */
};

/* Answers, first come first. */
struct queue {
	struct http_answer	*first, *last;
};

struct http_multi {
	struct http_client	*http;
	CURLM			*multi;
	atomic_bool		 woken;
	struct queue		 waiting, done;
	int			 parallel;	/* room in handles */
	int			 n;		/* handles there are */
	int			 busy;		/* of them, with a transfer under way */
	struct handle		*handles[];	/* the busy ones first */
};

struct http_client *
http_client_new(const struct settings *set, const _Atomic int64_t *stop_ms)
{
	struct http_client	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->set = set;
	h->stop_ms = stop_ms;
	ca_store_init(&h->trust, set->ca_file);
	(void)pthread_mutex_init(&h->lock, NULL);
	return h;
}

static void
handle_free(struct handle *t)
{
	if (t == NULL)
		return;
	curl_easy_cleanup(t->curl);
	free(t);
}

void
http_client_free(struct http_client *h)
{
	struct handle	*t;

	if (h == NULL)
		return;
	while ((t = h->top) != NULL) {
		h->top = t->below;
		handle_free(t);
	}
	curl_slist_free_all(h->json);
	curl_slist_free_all(h->xml);
	if (h->ready)
		curl_global_cleanup();
	ca_store_fini(&h->trust);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

/* Has the time come at which everything gives up? */
static bool
stopped(const struct http_client *h)
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
	struct handle	*t = arg;

	n *= size;
	if (n > t->max || t->answer->body.len > t->max - n) {
		t->too_long = true;
		return 0;
	}
	return buf_put(&t->answer->body, p, n) == ERR_OK ? n : 0;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char	 name[] = "retry-after:";
	struct handle		*t = arg;
	int			 s = 0;
	size_t			 i;

	n *= size;
	if (n <= sizeof(name) || strncasecmp(p, name, sizeof(name) - 1) != 0)
		return n;
	for (i = sizeof(name) - 1; i < n && p[i] == ' '; i++)
		;
	for (; i < n && p[i] >= '0' && p[i] <= '9' && s < 86400; i++)
		s = s * 10 + (p[i] - '0');
	t->answer->retry_after_s = s;	/* a date instead gives 0: our own back-off */
	return n;
}

/* Ends a transfer when the program is told to stop. */
static int
on_progress(void *arg, curl_off_t dt, curl_off_t dn, curl_off_t ut, curl_off_t un)
{
	const struct handle	*t = arg;

	(void)dt, (void)dn, (void)ut, (void)un;
	return stopped(t->http);
}

static CURLcode
on_ssl_ctx(CURL *curl, void *ssl_ctx, void *arg)
{
	struct handle	*t = arg;

	(void)curl;
	return ca_store_apply(&t->http->trust, ssl_ctx) == 0 ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

/*
 * What holds for all transfers of a handle.  A CGI's environment is the client's, so
 * nothing may come from there: no proxy, no netrc, no default certificates.
 */
static bool
set_options(struct handle *t)
{
	const struct settings	*set = t->http->set;
	CURL			*c = t->curl;
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
	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, t);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO, NULL);
#undef SET
	/* Our shared certificates; a libcurl that cannot share reads the file itself. */
	if (curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx) == CURLE_OK)
		return ok && curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, t) == CURLE_OK;
	return ok && curl_easy_setopt(c, CURLOPT_CAINFO, ca_store_file(&t->http->trust)) == CURLE_OK;
}

/* libcurl is only started by who needs it; called with the lock held. */
static bool
start(struct http_client *h)
{
	if (h->ready)
		return true;
	if (h->json == NULL)
		h->json = curl_slist_append(NULL, "Content-Type: application/json");
	if (h->xml == NULL)
		h->xml = curl_slist_append(NULL, "Content-Type: text/xml");
	h->ready = h->json != NULL && h->xml != NULL &&
	    curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
	return h->ready;
}

static struct handle *
handle_new(struct http_client *h)
{
	struct handle	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->http = h;
	if ((t->curl = curl_easy_init()) == NULL || !set_options(t)) {
		handle_free(t);
		return NULL;
	}
	return t;
}

static struct handle *
take(struct http_client *h)
{
	struct handle	*t;
	bool		 started;

	(void)pthread_mutex_lock(&h->lock);
	started = start(h);
	if ((t = h->top) != NULL)
		h->top = t->below;
	(void)pthread_mutex_unlock(&h->lock);
	return t != NULL || !started ? t : handle_new(h);
}

static void
give_back(struct http_client *h, struct handle *t)
{
	(void)pthread_mutex_lock(&h->lock);
	t->below = h->top;
	h->top = t;
	(void)pthread_mutex_unlock(&h->lock);
}

static void
copy(char *to, size_t size, const char *from)
{
	size_t	 len = strlen(from);

	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static void
say(struct http_answer *a, const char *why)
{
	copy(a->why, sizeof(a->why), why);
}

static void
reset(struct http_answer *a)
{
	a->begin_ms = clock_mono_ms();
	a->status = a->retry_after_s = a->ms = 0;
	a->date_s = 0;
	a->sent = false;
	a->why[0] = '\0';
	buf_reset(&a->body);
}

/* The method comes with what is set last. */
static CURLcode
set_method(struct handle *t, const struct http_call *call)
{
	const struct slice	 body = call->get ? (struct slice){ NULL, 0 } : call->body;
	struct curl_slist	*headers = call->xml ? t->http->xml : t->http->json;
	CURLcode		 rc;

	if ((rc = curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER,
	    call->get ? NULL : headers)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)body.len)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body.p)) != CURLE_OK)
		return rc;
	return call->get ? curl_easy_setopt(t->curl, CURLOPT_HTTPGET, 1L) : CURLE_OK;
}

static CURLcode
set_call(struct handle *t, struct http_answer *a, const struct http_call *call)
{
	CURLcode	 rc;

	t->answer = a;
	t->max = call->answer_max != 0 ? call->answer_max : ANSWER_MAX;
	t->dated = call->dated;
	t->again = t->too_long = false;
	t->error[0] = '\0';
	rc = curl_easy_setopt(t->curl, CURLOPT_URL, call->url);
	return rc == CURLE_OK ? set_method(t, call) : rc;
}

/* Before each try: what is left of the time. */
static CURLcode
set_time(struct handle *t, int64_t deadline_ms)
{
	int64_t	 left_ms = deadline_ms - clock_mono_ms();

	if (left_ms < TRANSFER_MIN_MS)
		return CURLE_OPERATION_TIMEDOUT;
	return curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
}

/*
 * A kept connection that the peer ends just as it is used is nobody's fault, and libcurl
 * tries a new one.  But it counts these over the life of a handle and gives up
 * at every sixth (mended by curl pull request 19066, late in 2025).
 */
static bool
gave_up_on_kept(const struct handle *t, CURLcode rc)
{
	long	 new_connections = 1;

	return (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR) && !t->again &&
	    t->answer->body.len == 0 &&
	    curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &new_connections) == CURLE_OK &&
	    new_connections == 0;
}

/*
 * Has a try that failed sent anything?  libcurl counts what the connection took, over
 * all connections of the try, the kept one that failed first too.
 */
static bool
has_sent(const struct handle *t)
{
	long	 bytes = 1;

	return curl_easy_getinfo(t->curl, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK ||
	    bytes != 0;
}

static void
fail(struct handle *t, CURLcode rc)
{
	char	 too_long[48];

	(void)snprintf(too_long, sizeof(too_long), "answer over %zu KiB", t->max / 1024);
	say(t->answer, t->too_long ? too_long :
	    rc == CURLE_ABORTED_BY_CALLBACK ? stopping :
	    t->error[0] != '\0' ? t->error : curl_easy_strerror(rc));
}

/* The answer's Date, epoch seconds; 0: there is none. */
static int64_t
read_date(CURL *curl)
{
	struct curl_header	*header;
	time_t			 date;

	if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return 0;
	date = curl_getdate(header->value, NULL);
	return date == -1 ? 0 : (int64_t)date;
}

/* A try is over: false if another one is due. */
static bool
settle(struct handle *t, CURLcode rc)
{
	struct http_answer	*a = t->answer;
	long			 status = 0;

	if (rc == CURLE_OK) {
		a->sent = true;
		(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
		a->status = (int)status;
		if (t->dated)
			a->date_s = read_date(t->curl);
		return true;
	}
	a->sent = a->sent || has_sent(t);
	if (gave_up_on_kept(t, rc)) {
		t->again = true;
		return false;
	}
	fail(t, rc);
	return true;
}

static void
transfer(struct handle *t, struct http_answer *a, const struct http_call *call)
{
	CURLcode	 rc;

	if ((rc = set_call(t, a, call)) != CURLE_OK) {
		fail(t, rc);
		return;
	}
	do {
		if ((rc = set_time(t, call->deadline_ms)) != CURLE_OK) {
			fail(t, rc);
			return;
		}
		rc = curl_easy_perform(t->curl);
	} while (!settle(t, rc));
}

void
http_client_do(struct http_client *h, struct http_answer *a, const struct http_call *call)
{
	struct handle	*t;

	reset(a);
	if (call->deadline_ms - a->begin_ms < TRANSFER_MIN_MS) {
		say(a, late);
		return;
	}
	if ((t = take(h)) == NULL) {
		say(a, "libcurl does not start");
		return;
	}
	transfer(t, a, call);
	give_back(h, t);
	a->ms = (int)(clock_mono_ms() - a->begin_ms);
}

/*
 * A look at a server.
 */

/* A line of what libcurl says of a certificate: "Subject:CN = qt.example". */
static void
read_cert_line(struct tls_cert *cert, const char *line)
{
	const struct {
		const char	*name;
		char		*text;
		int64_t		*time_s;
	} wanted[] = {
		{ "Subject:", cert->subject, NULL },
		{ "Issuer:", cert->issuer, NULL },
		{ "X509v3 Subject Alternative Name:", cert->names, NULL },
		{ "Start date:", NULL, &cert->from_s },
		{ "Expire date:", NULL, &cert->until_s },
	};
	const char	*value;
	time_t		 date;
	size_t		 i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strncmp(line, wanted[i].name, strlen(wanted[i].name)) != 0)
			continue;
		value = line + strlen(wanted[i].name);
		if (wanted[i].text != NULL)
			copy(wanted[i].text, HTTP_NAME, value);
		else if ((date = curl_getdate(value, NULL)) != -1)
			*wanted[i].time_s = (int64_t)date;
	}
}

static void
read_certs(struct tls_probe *l, CURL *curl)
{
	const struct curl_slist	*line;
	struct curl_certinfo	*info = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL)
		return;
	for (l->n = 0; l->n < info->num_of_certs && l->n < TLS_CERTS; l->n++)
		for (line = info->certinfo[l->n]; line != NULL; line = line->next)
			read_cert_line(&l->certs[l->n], line->data);
}

static enum tls_stage
stage_of(const struct tls_probe *l, CURLcode rc)
{
	switch (rc) {
	case CURLE_OK:
		return TLS_STAGE_DONE;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return TLS_STAGE_URL;
	case CURLE_COULDNT_RESOLVE_HOST:
		return TLS_STAGE_NAME;
	case CURLE_SSL_CACERT_BADFILE:
		return TLS_STAGE_TRUST;
	default:
		return *l->peer != '\0' ? TLS_STAGE_TLS : TLS_STAGE_CONNECT;
	}
}

/* Addresses; libcurl 8.14 forgets whom it was connected to when TLS fails. */
struct reach {
	char	 tried[HTTP_PEER];	/* last */
	char	 peer[HTTP_PEER];	/* connected to, until there was no use for it */
};

static void
put_address(char text[HTTP_PEER], const struct sockaddr *a, socklen_t len)
{
	if (getnameinfo(a, len, text, HTTP_PEER, NULL, 0, NI_NUMERICHOST) != 0)
		*text = '\0';
}

static curl_socket_t
open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct reach	*r = ctx;
	const int	 fd = socket(a->family, a->socktype, a->protocol);

	(void)purpose;
	if (fd == -1)
		return CURL_SOCKET_BAD;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	put_address(r->tried, &a->addr, a->addrlen);
	return fd;
}

static int
close_socket(void *ctx, curl_socket_t fd)
{
	struct reach		*r = ctx;
	struct sockaddr_storage	 a;
	socklen_t		 len = sizeof(a);

	if (getpeername(fd, (struct sockaddr *)&a, &len) == 0)
		put_address(r->peer, (const struct sockaddr *)&a, len);
	return close(fd);
}

static CURLcode
watch_sockets(CURL *curl, struct reach *r)
{
	CURLcode	 rc;

	if ((rc = curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket)) != CURLE_OK ||
	    (rc = curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, r)) != CURLE_OK ||
	    (rc = curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, close_socket)) != CURLE_OK)
		return rc;
	return curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, r);
}

/* Once all its sockets are closed. */
static const char *
whom(const struct reach *r, CURLcode rc)
{
	const bool	 tls = rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_PEER_FAILED_VERIFICATION;

	/* One that was reset is connected to nobody any more. */
	return *r->peer == '\0' && tls ? r->tried : r->peer;
}

static CURLcode
connect_only(struct handle *t, struct reach *r, const char *url, bool verified,
    int64_t deadline_ms)
{
	CURLcode	 rc;

	if ((rc = watch_sockets(t->curl, r)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_URL, url)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_CONNECT_ONLY, 1L)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_CERTINFO, 1L)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, (long)verified)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L)) !=
	    CURLE_OK || (rc = set_time(t, deadline_ms)) != CURLE_OK)
		return rc;
	return curl_easy_perform(t->curl);
}

/* With a handle of its own, that nobody uses after it. */
static CURLcode
look(struct http_client *h, struct tls_probe *l, const char *url, bool verified, int64_t deadline_ms)
{
	struct http_answer	 none = { 0 };
	struct reach		 reach = { "", "" };
	struct handle		*t = NULL;
	CURLcode		 rc = CURLE_FAILED_INIT;
	bool			 started;

	(void)pthread_mutex_lock(&h->lock);
	started = start(h);
	(void)pthread_mutex_unlock(&h->lock);
	if (started && (t = handle_new(h)) != NULL) {
		t->answer = &none;
		rc = connect_only(t, &reach, url, verified, deadline_ms);
		read_certs(l, t->curl);
	}
	if (verified && rc != CURLE_OK)
		copy(l->why, sizeof(l->why), t != NULL && *t->error != '\0' ? t->error :
		    curl_easy_strerror(rc));
	handle_free(t);
	if (verified)
		copy(l->peer, sizeof(l->peer), whom(&reach, rc));
	return rc;
}

void
tls_probe(struct http_client *h, struct tls_probe *l, const char *url, int64_t deadline_ms)
{
	const int64_t	 begin_ms = clock_mono_ms();

	memset(l, 0, sizeof(*l));
	l->tls = strncasecmp(url, "https:", 6) == 0;
	l->failed = stage_of(l, look(h, l, url, true, deadline_ms));
	l->ms = (int)(clock_mono_ms() - begin_ms);
	if (l->failed == TLS_STAGE_TLS && l->n == 0)
		(void)look(h, l, url, false, deadline_ms);
}

bool
tls_probe_addresses(char *text, size_t size, const char *host)
{
	const struct addrinfo	 hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	const struct addrinfo	*a;
	struct addrinfo		*list;
	char			 one[64];
	size_t			 len = 0;

	*text = '\0';
	if (getaddrinfo(host, NULL, &hints, &list) != 0)
		return false;
	for (a = list; a != NULL; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, one, sizeof(one), NULL, 0,
		    NI_NUMERICHOST) != 0 || strlen(one) + 2 > size - len)
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%s", len == 0 ? "" : " ", one);
	}
	freeaddrinfo(list);
	return true;
}

const char *
http_client_trusts(const struct http_client *h)
{
	return ca_store_file(&h->trust);
}

struct http_multi *
http_multi_new(struct http_client *h, int parallel)
{
	struct http_multi	*g;
	bool			 started;

	(void)pthread_mutex_lock(&h->lock);
	started = start(h);
	(void)pthread_mutex_unlock(&h->lock);
	if (!started || (g = calloc(1, sizeof(*g) +
	    (size_t)parallel * sizeof(g->handles[0]))) == NULL)
		return NULL;
	g->http = h;
	g->parallel = parallel;
	/*
	 * As many connections again stay while another peer has its turn.  The wake shows
	 * that there is a descriptor for it.
	 */
	if ((g->multi = curl_multi_init()) == NULL ||
	    curl_multi_setopt(g->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK ||
	    curl_multi_setopt(g->multi, CURLMOPT_MAXCONNECTS, 2L * parallel) != CURLM_OK ||
	    curl_multi_wakeup(g->multi) != CURLM_OK) {
		http_multi_free(g);
		return NULL;
	}
	return g;
}

void
http_multi_free(struct http_multi *g)
{
	int	 i;

	if (g == NULL)
		return;
	for (i = 0; i < g->n; i++) {
		if (i < g->busy)
			(void)curl_multi_remove_handle(g->multi, g->handles[i]->curl);
		handle_free(g->handles[i]);
	}
	(void)curl_multi_cleanup(g->multi);
	free(g);
}

static void
put(struct queue *q, struct http_answer *a)
{
	a->next = NULL;
	if (q->first == NULL)
		q->first = a;
	else
		q->last->next = a;
	q->last = a;
}

static struct http_answer *
get(struct queue *q)
{
	struct http_answer	*a = q->first;

	if (a != NULL)
		q->first = a->next;
	return a;
}

void
http_multi_add(struct http_multi *g, void *tag, struct http_answer *a,
    const struct http_call *call)
{
	reset(a);
	a->tag = tag;
	a->call = *call;
	put(&g->waiting, a);
}

static void
finish(struct http_multi *g, struct http_answer *a)
{
	a->ms = (int)(clock_mono_ms() - a->begin_ms);
	put(&g->done, a);
}

/* The first handle that is not busy, made if there is none yet. */
static struct handle *
spare(struct http_multi *g)
{
	struct handle	*t;

	if (g->busy == g->n) {
		if ((t = handle_new(g->http)) == NULL)
			return NULL;
		t->place = g->n;
		g->handles[g->n++] = t;
	}
	return g->handles[g->busy];
}

/* One try of a handle that is not in the multi. */
static CURLcode
try(struct http_multi *g, struct handle *t)
{
	CURLcode	 rc;

	if ((rc = set_time(t, t->answer->call.deadline_ms)) != CURLE_OK)
		return rc;
	return curl_multi_add_handle(g->multi, t->curl) == CURLM_OK ? CURLE_OK :
	    CURLE_OUT_OF_MEMORY;
}

static void
begin(struct http_multi *g, struct http_answer *a)
{
	struct handle	*t;
	CURLcode	 rc;

	if (a->call.deadline_ms - clock_mono_ms() < TRANSFER_MIN_MS) {
		say(a, late);
		finish(g, a);
	} else if ((t = spare(g)) == NULL) {
		say(a, "libcurl does not start");
		finish(g, a);
	} else if ((rc = set_call(t, a, &a->call)) != CURLE_OK || (rc = try(g, t)) != CURLE_OK) {
		fail(t, rc);
		finish(g, a);
	} else {
		g->busy++;
	}
}

/* A busy handle is out of the multi and has its answer: the last busy one takes its place. */
static void
release(struct http_multi *g, struct handle *t)
{
	struct handle	*last = g->handles[--g->busy];

	g->handles[t->place] = last;
	g->handles[g->busy] = t;
	last->place = t->place;
	t->place = g->busy;
	finish(g, t->answer);
}

static void
end(struct http_multi *g, struct handle *t, CURLcode rc)
{
	bool	 over = settle(t, rc);

	(void)curl_multi_remove_handle(g->multi, t->curl);
	if (!over) {
		if ((rc = try(g, t)) == CURLE_OK)
			return;
		fail(t, rc);
	}
	release(g, t);
}

static void
end_all(struct http_multi *g)
{
	struct http_answer	*a;

	while (g->busy != 0)
		end(g, g->handles[0], CURLE_ABORTED_BY_CALLBACK);
	while ((a = get(&g->waiting)) != NULL) {
		say(a, stopping);
		finish(g, a);
	}
}

/* Those whose time is over before their turn came. */
static void
end_late(struct http_multi *g)
{
	struct queue		 all = g->waiting;
	struct http_answer	*a;
	int64_t			 now_ms;

	if (all.first == NULL)
		return;
	now_ms = clock_mono_ms();
	g->waiting.first = NULL;
	while ((a = get(&all)) != NULL)
		if (a->call.deadline_ms - now_ms < TRANSFER_MIN_MS) {
			say(a, late);
			finish(g, a);
		} else {
			put(&g->waiting, a);
		}
}

/* All that can be done without waiting. */
static void
work(struct http_multi *g)
{
	struct http_answer	*a;
	struct handle		*t;
	CURLMsg			*m;
	int			 n;

	if (stopped(g->http))
		end_all(g);
	do {
		while (g->busy < g->parallel && (a = get(&g->waiting)) != NULL)
			begin(g, a);
		if (g->busy != 0)
			(void)curl_multi_perform(g->multi, &n);
		while ((m = curl_multi_info_read(g->multi, &n)) != NULL)
			if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle,
			    CURLINFO_PRIVATE, (char **)&t) == CURLE_OK)
				end(g, t, m->data.result);
	} while (g->busy < g->parallel && g->waiting.first != NULL);
	end_late(g);
}

/* How long nothing need be done that no descriptor tells of, left_ms at most. */
static int
patience(const struct http_multi *g, int64_t left_ms)
{
	const struct http_answer	*a;
	int64_t				 now_ms = clock_mono_ms(), ms = left_ms;

	if (g->busy != 0 && ms > LOOK_MS)
		ms = LOOK_MS;
	for (a = g->waiting.first; a != NULL; a = a->next)
		if (a->call.deadline_ms - now_ms < ms)
			ms = a->call.deadline_ms - now_ms;
	return ms < 1 ? 1 : (int)ms;
}

void
http_multi_wait(struct http_multi *g, int timeout_ms)
{
	const struct timespec	 pause = { 0, 10000000 };
	int64_t			 end_ms = clock_mono_ms() + timeout_ms, left_ms;

	for (;;) {
		work(g);
		if (g->done.first != NULL || atomic_exchange(&g->woken, false) ||
		    (left_ms = end_ms - clock_mono_ms()) <= 0)
			return;
		if (curl_multi_poll(g->multi, NULL, 0, patience(g, left_ms), NULL) != CURLM_OK)
			(void)nanosleep(&pause, NULL);	/* no memory: it did not wait */
	}
}

void *
http_multi_done(struct http_multi *g)
{
	struct http_answer	*a = get(&g->done);

	return a == NULL ? NULL : a->tag;
}

void
http_multi_wake(struct http_multi *g)
{
	atomic_store(&g->woken, true);
	(void)curl_multi_wakeup(g->multi);
}
