#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "net/curl_handle.h"
#include "net/tls_probe.h"

/* Reads a line that libcurl writes of a certificate, such as "Subject:CN = qt.example". */
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
			curl_handle_copy(wanted[i].text, TLS_CERT_TEXT, value);
		else if ((date = curl_getdate(value, NULL)) != -1)
			*wanted[i].time_s = (int64_t)date;
	}
}

/* Many certificates have names of hosts and no other name of their own. */
static void
name_cert(struct tls_cert *cert)
{
	if (*cert->subject == '\0' && *cert->issuer != '\0')
		memcpy(cert->subject, cert->names, sizeof(cert->subject));
}

static void
read_certs(struct tls_probe *p, CURL *curl)
{
	const struct curl_slist	*line;
	struct curl_certinfo	*info = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL)
		return;
	for (p->n = 0; p->n < info->num_of_certs && p->n < TLS_CERTS; p->n++) {
		for (line = info->certinfo[p->n]; line != NULL; line = line->next)
			read_cert_line(&p->certs[p->n], line->data);
		name_cert(&p->certs[p->n]);
	}
}

static enum tls_stage
stage_of(const struct tls_probe *p, CURLcode rc)
{
	switch (rc) {
	case CURLE_OK:
		return TLS_STAGE_DONE;
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_UNKNOWN_OPTION:
		return TLS_STAGE_LIBCURL;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return TLS_STAGE_URL;
	case CURLE_COULDNT_RESOLVE_HOST:
		return TLS_STAGE_NAME;
	case CURLE_SSL_CACERT_BADFILE:
		return TLS_STAGE_TRUST;
	default:
		return *p->peer != '\0' ? TLS_STAGE_TLS : TLS_STAGE_CONNECT;
	}
}

/* The addresses of a connection: libcurl 8.14 forgets its peer when TLS fails. */
struct connection {
	char	 tried[TLS_PROBE_PEER];	/* the last address that was tried */
	char	 peer[TLS_PROBE_PEER];	/* the address that was reached */
};

static void
write_address(char text[TLS_PROBE_PEER], const struct sockaddr *a, socklen_t len)
{
	if (getnameinfo(a, len, text, TLS_PROBE_PEER, NULL, 0, NI_NUMERICHOST) != 0)
		*text = '\0';
}

static curl_socket_t
open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct connection	*c = ctx;
	const int		 fd = socket(a->family, a->socktype, a->protocol);

	(void)purpose;
	if (fd == -1)
		return CURL_SOCKET_BAD;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	write_address(c->tried, &a->addr, a->addrlen);
	return fd;
}

static int
close_socket(void *ctx, curl_socket_t fd)
{
	struct connection	*c = ctx;
	struct sockaddr_storage	 a;
	socklen_t		 len = sizeof(a);

	if (getpeername(fd, (struct sockaddr *)&a, &len) == 0)
		write_address(c->peer, (const struct sockaddr *)&a, len);
	return close(fd);
}

static CURLcode
watch_sockets(CURL *curl, struct connection *c)
{
	CURLcode	 rc;

	if ((rc = curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket)) != CURLE_OK ||
	    (rc = curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, c)) != CURLE_OK ||
	    (rc = curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, close_socket)) != CURLE_OK)
		return rc;
	return curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, c);
}

/* The peer of a connection whose sockets are closed; "": there was no connection. */
static const char *
peer_of(const struct connection *c, CURLcode rc)
{
	const bool	 tls = rc == CURLE_SSL_CONNECT_ERROR ||
			    rc == CURLE_PEER_FAILED_VERIFICATION;

	/* A socket that was reset has no peer any more. */
	return *c->peer == '\0' && tls ? c->tried : c->peer;
}

static CURLcode
connect_only(struct curl_handle *t, struct connection *c, const char *url, bool verified,
    int64_t deadline_ms)
{
	CURLcode	 rc;

	if ((rc = watch_sockets(t->curl, c)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_URL, url)) != CURLE_OK ||
	    (rc = (CURLcode)curl_handle_set_proxy(t, url, false)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_CONNECT_ONLY, 1L)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_CERTINFO, 1L)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, (long)verified)) != CURLE_OK ||
	    (rc = curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L)) !=
	    CURLE_OK)
		return rc;
	return curl_handle_set_time(t, deadline_ms) ? curl_easy_perform(t->curl) :
	    CURLE_OPERATION_TIMEDOUT;
}

/* Connects once, with a handle that nobody uses after it.  Only the verified try is reported. */
static void
probe_once(struct http_client *h, struct tls_probe *p, const char *url, bool verified,
    int64_t deadline_ms)
{
	struct http_answer	 nowhere = { 0 };
	struct connection	 c = { "", "" };
	struct curl_handle	*t = NULL;
	CURLcode		 rc = CURLE_FAILED_INIT;
	bool			 barred = false;

	if (curl_handle_start(h) && (t = curl_handle_new(h)) != NULL) {
		t->answer = &nowhere;
		rc = connect_only(t, &c, url, verified, deadline_ms);
		read_certs(p, t->curl);
		barred = rc != CURLE_OK && curl_handle_is_barred(t, (int)rc);
		if (t->proxied)
			curl_handle_copy(p->proxy, sizeof(p->proxy), h->proxy.where);
	}
	if (verified && rc != CURLE_OK)
		curl_handle_copy(p->why, sizeof(p->why), t != NULL && *t->error != '\0' ?
		    t->error : curl_easy_strerror(rc));
	curl_handle_free(t);	/* which closes its sockets */
	if (!verified)
		return;
	curl_handle_copy(p->peer, sizeof(p->peer), peer_of(&c, rc));
	p->failed = barred ? TLS_STAGE_PROXY : stage_of(p, rc);
}

void
tls_probe(struct http_client *h, struct tls_probe *p, const char *url, int64_t deadline_ms)
{
	const int64_t	 begin_ms = clock_mono_ms();

	memset(p, 0, sizeof(*p));
	p->tls = strncasecmp(url, "https:", 6) == 0;
	p->failed = TLS_STAGE_LIBCURL;
	if (http_client_lacks(h, p->why, url))
		return;
	probe_once(h, p, url, true, deadline_ms);
	p->ms = (int)(clock_mono_ms() - begin_ms);
	if (p->failed == TLS_STAGE_TLS && p->n == 0)
		probe_once(h, p, url, false, deadline_ms);
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
