#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/check/check_net.h"
#include "cli/check/check_wechat.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/jsonpath.h"
#include "core/lang.h"
#include "core/proxy.h"
#include "forwarder/qt_client.h"
#include "forwarder/services.h"
#include "monitor/alert_robot.h"
#include "state/observed.h"
#include "wechat/token_client.h"

enum {
	PROBE_MS = 5000,	/* how long an answer is waited for */
	SOON_DAYS = 14,		/* a certificate that ends sooner gets a warning */
	CLOCK_ODD_S = 30,
	CLOCK_WRONG_S = 300,	/* or half of fresh_s */
	NAMED = 3,		/* accounts that a subject names; the others are counted */
	SUBJECT = 256,		/* bytes */
	HOST = 256,		/* bytes */
	DATE = 16		/* bytes */
};

struct net {
	struct check_results	*r;
	const struct conf	*c;
	struct services		 services;	/* an HTTP client; later what access_tokens need */
	const char		**failed;	/* URLs whose server cannot be reached */
	size_t			 n;
	struct observation	*notes;		/* of certificates, for /-/metrics */
	size_t			 n_notes;
};

/*
 * Parts of URLs, and the accounts that use them.
 */

/* Compares two URLs: only their origins, or all of them. */
typedef bool same_fn(const char *a, const char *b);

/* The length of a URL's scheme, host and port. */
static size_t
origin_length_of(const char *url)
{
	const char	*host = strstr(url, "://");

	host = host == NULL ? url : host + 3;
	return (size_t)(host - url) + strcspn(host, "/?");
}

static bool
is_same_origin(const char *a, const char *b)
{
	const size_t	 len = origin_length_of(a);

	return origin_length_of(b) == len && memcmp(a, b, len) == 0;
}

static bool
is_same_url(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Writes the host of a URL.  False: it is an IP address and not a name. */
static bool
write_host_name(char host[HOST], const char *url)
{
	const struct slice	 s = proxy_host(url);

	(void)snprintf(host, HOST, "%.*s", (int)s.len, s.p);
	return strchr(host, ':') == NULL && host[strspn(host, "0123456789.")] != '\0';
}

/* An account's i-th URL.  NULL: it has no such URL, or the account has no name. */
enum {
	URLS	= 3,
	OTHERS	= 8	/* room for addresses that are not an account's */
};

static const char *
url_of(const struct account *a, int i)
{
	const char *const	 urls[URLS] = { a->qt_url, a->qt_url_standby, a->control_url };

	return a->name != NULL && conf_is_set(urls[i]) ? urls[i] : NULL;
}

/* True: one of the account's first n URLs is the same. */
static bool
has_url(const struct account *a, int n, const char *url, same_fn *same)
{
	int	 i;

	for (i = 0; i < n; i++)
		if (url_of(a, i) != NULL && same(url_of(a, i), url))
			return true;
	return false;
}

/*
 * Writes which accounts use the i-th URL of `first`: "shop, news, blog and 2 more".  False: the URL
 * has been checked already, for this account or for one before it.
 */
static bool
write_users(char text[SUBJECT], const struct net *n, const struct account *first, int i,
    same_fn *same)
{
	const char		*url = url_of(first, i);
	const struct account	*a;
	size_t			 len = 0;
	int			 users = 0;

	for (a = n->c->accounts; a != first; a++)
		if (has_url(a, URLS, url, same))
			return false;
	if (has_url(first, i, url, same))
		return false;
	for (; a != n->c->accounts + conf_destinations(n->c); a++)
		if (has_url(a, URLS, url, same) && ++users <= NAMED && len < SUBJECT)
			len += (size_t)snprintf(text + len, SUBJECT - len, "%s%.64s",
			    users == 1 ? "" : ", ", a->name);
	if (users > NAMED && len < SUBJECT)
		(void)snprintf(text + len, SUBJECT - len, lang_text(" and %d more"), users - NAMED);
	return true;
}

/*
 * Results for certificates.
 */

static void
write_certificate_day(char text[DATE], int64_t epoch_s)
{
	const time_t	 t = (time_t)epoch_s;
	struct tm	 tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(text, DATE, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(text, DATE, "?");
}

/* The certificate of a chain that ends first; NULL: no end is known. */
static const struct tls_cert *
first_to_end_of(const struct tls_probe *l)
{
	const struct tls_cert	*first = NULL;
	int			 i;

	for (i = 0; i < l->n; i++)
		if (l->certs[i].until_s != 0 &&
		    (first == NULL || l->certs[i].until_s < first->until_s))
			first = &l->certs[i];
	return first;
}

/* Reports why the certificates that the server sent cannot be trusted. */
static void
add_untrusted(struct check_results *r, const char *subject, const char *where,
    const struct tls_probe *l, const char *ca_file, int64_t now_s)
{
	const struct tls_cert	*cert = &l->certs[0], *first = first_to_end_of(l);
	char			 day[DATE];

	if (first != NULL && first->until_s <= now_s) {
		write_certificate_day(day, first->until_s);
		check_result_add(r, CHECK_FAILED, subject, "%s: the certificate of %s ended on "
		    "%s\nask those who run the server to renew it, and check this host's clock",
		    where, first->subject, day);
	} else if (cert->from_s > now_s) {
		write_certificate_day(day, cert->from_s);
		check_result_add(r, CHECK_FAILED, subject, "%s: the certificate of %s begins on "
		    "%s\ncheck this host's clock", where, cert->subject, day);
	} else if (strstr(l->why, "match") != NULL) {
		check_result_add(r, CHECK_FAILED, subject, "%s: the certificate of %s is for %s: "
		    "%s\ncheck the address", where, cert->subject,
		    *cert->names == '\0' ? lang_text("no name") : cert->names, l->why);
	} else if (l->n == 1 && strcmp(cert->subject, cert->issuer) == 0) {
		check_result_add(r, CHECK_FAILED, subject, "%s: the certificate of %s is "
		    "self-signed: no CA vouches for it\ncheck the address; if it is right, give "
		    "that certificate as settings.ca_file", where, cert->subject);
	} else {
		check_result_add(r, CHECK_FAILED, subject, "%s: the certificate of %s is from %s, "
		    "a CA that %s does not have: %s\ncheck the address; if it is right, add that "
		    "CA to settings.ca_file, or let the server send its intermediate certificates",
		    where, cert->subject, l->certs[l->n - 1].issuer, ca_file, l->why);
	}
}

static void
add_trusted(struct check_results *r, const char *subject, const char *where,
    const struct tls_probe *l, int64_t now_s)
{
	const struct tls_cert	*cert = &l->certs[0], *first = first_to_end_of(l);
	const long long		 days = (long long)((first->until_s - now_s) / CALENDAR_DAY_S);
	char			 day[DATE], other[TLS_CERT_TEXT + 64] = "";

	write_certificate_day(day, first->until_s);
	if (first != cert)
		(void)snprintf(other, sizeof(other), lang_text(", in the chain %s"),
		    first->subject);
	if (days < SOON_DAYS)
		check_result_add(r, CHECK_WARNING, subject, "%s: the certificate of %s%s ends on "
		    "%s, in %lld days\nask those who run the server to renew it", where,
		    cert->subject, other, day, days);
	else
		check_result_add(r, CHECK_OK, subject, "%s: certificate of %s, from %s, "
		    "verified%s, until %s, %lld days more", where, cert->subject, cert->issuer,
		    other, day, days);
}

void
check_net_certificate(struct check_results *r, const char *subject, const char *where,
    const struct tls_probe *l, const char *ca_file, int64_t now_s)
{
	if (l->failed == TLS_STAGE_TRUST)
		check_result_add(r, CHECK_FAILED, subject, "%s: %s has no CA certificates: "
		    "%s\ninstall the package ca-certificates, or set settings.ca_file to a PEM "
		    "file of them", where, ca_file == NULL ? lang_text("this host") : ca_file,
		    l->why);
	else if (l->failed == TLS_STAGE_TLS && l->n == 0)
		check_result_add(r, CHECK_FAILED, subject,
		    "%s: there is no TLS: %s\ncheck the port; the server must speak TLS 1.2 or "
		    "later", where, l->why);
	else if (l->failed == TLS_STAGE_TLS)
		add_untrusted(r, subject, where, l, ca_file == NULL ? lang_text("this host") :
		    ca_file, now_s);
	else if (first_to_end_of(l) != NULL)
		add_trusted(r, subject, where, l, now_s);
	else
		check_result_add(r, CHECK_OK, subject, "%s: certificate verified", where);
}

/*
 * Checks of the name, the connection and TLS, once for each origin (scheme, host and port).
 */

static void
add_probe(struct net *n, const char *subject, const char *where, const struct tls_probe *l)
{
	char	 host[HOST], addresses[256];

	switch (l->failed) {
	case TLS_STAGE_LIBCURL:
		check_result_add(n->r, CHECK_FAILED, subject, "%s: %s\ninstall libcurl 7.68.0 or "
		    "later with HTTPS, and start qtoa again", where, l->why);
		return;
	case TLS_STAGE_URL:
		check_result_add(n->r, CHECK_FAILED, subject, "%s: %s\ncorrect the address", where,
		    l->why);
		return;
	case TLS_STAGE_PROXY:
		check_result_add(n->r, CHECK_FAILED, subject, "%s: the proxy %s does not lead "
		    "there: %s\ncorrect settings.proxy, ask those who run the proxy, or name the "
		    "host in settings.no_proxy", where, l->proxy, l->why);
		return;
	case TLS_STAGE_NAME:
		check_result_add(n->r, CHECK_FAILED, subject,
		    "%s: the name has no address: %s\ncheck the name, and this host's DNS "
		    "(/etc/resolv.conf)", where, l->why);
		return;
	case TLS_STAGE_CONNECT:
		check_result_add(n->r, CHECK_FAILED, subject,
		    "%s: no connection: %s\ncheck the address, the firewalls, and whether the "
		    "server runs", where, l->why);
		return;
	case TLS_STAGE_TRUST:
	case TLS_STAGE_TLS:
	case TLS_STAGE_DONE:
		break;
	}
	/* A proxy finds the host by itself: this host may have no DNS for it. */
	if (*l->proxy == '\0' && write_host_name(host, where) &&
	    tls_probe_addresses(addresses, sizeof(addresses), host))
		check_result_add(n->r, CHECK_OK, subject, "%s: the name resolves to %s", where,
		    addresses);
	if (*l->proxy != '\0')
		check_result_add(n->r, CHECK_OK, subject, "%s: connected through the proxy %s in "
		    "%d ms", where, l->proxy, l->ms);
	else if (*l->peer != '\0')
		check_result_add(n->r, CHECK_OK, subject, "%s: connected to %s in %d ms", where,
		    l->peer, l->ms);
	if (l->tls)
		check_net_certificate(n->r, subject, where, l,
		    http_client_ca_file(n->services.http),
		    clock_wall_ms() / 1000);
}

/*
 * Notes when the first of the certificates ends, trusted or not.  Without one, what was seen before
 * stays.
 */
static void
note_certificate(struct net *n, const char *url, const struct tls_probe *l)
{
	const struct tls_cert	*first = first_to_end_of(l);
	struct observation	*note = &n->notes[n->n_notes];
	const char		*end = url + origin_length_of(url), *host = end;
	size_t			 len;

	while (host[-1] != '/' && host[-1] != '@')
		host--;
	len = (size_t)(end - host);
	if (len >= sizeof(note->key))
		return;
	if (len > 4 && memcmp(host + len - 4, ":443", 4) == 0)
		len -= 4;
	*note = (struct observation){
		.kind = OBSERVED_CERTIFICATE, .until_s = first == NULL ? 0 : first->until_s,
		.seen_s = clock_wall_ms() / 1000,
	};
	memcpy(note->key, host, len);
	n->n_notes++;
}

/* Writes the notes.  A host that cannot write them has failed other checks. */
static void
save_notes(struct net *n)
{
	if (n->n_notes != 0 && conf_is_set(n->c->set.state_dir) &&
	    services_add(&n->services, SERVICES_LOCKS))
		(void)observed_note(n->services.locks, n->c->set.state_dir, n->notes, n->n_notes,
		    true, clock_wall_ms() / 1000);
}

static void
probe_origin(struct net *n, const char *subject, const char *url)
{
	char			 where[HOST + 16];
	struct tls_probe	 l;

	(void)snprintf(where, sizeof(where), "%.*s", (int)origin_length_of(url), url);
	tls_probe(n->services.http, &l, url, clock_mono_ms() + PROBE_MS);
	if (l.failed != TLS_STAGE_DONE)
		n->failed[n->n++] = url;
	if (strncmp(url, "https:", 6) == 0)
		note_certificate(n, url, &l);
	add_probe(n, subject, where, &l);
}

static bool
is_reached(const struct net *n, const char *url)
{
	size_t	 i;

	for (i = 0; i < n->n; i++)
		if (is_same_origin(n->failed[i], url))
			return false;
	return true;
}

/*
 * Checks of QT's answer and clock.  QT refuses an empty object with a code of its own, and records
 * nothing.
 */

void
check_net_clock(struct check_results *r, const char *subject, int64_t ahead_s, int fresh_s)
{
	const int64_t	 off_s = ahead_s < 0 ? -ahead_s : ahead_s;
	const int64_t	 wrong_s = fresh_s > 0 && fresh_s / 2 < CLOCK_WRONG_S ? fresh_s / 2 :
			     CLOCK_WRONG_S;
	const char	*side = lang_text(ahead_s < 0 ? "behind" : "ahead of");

	if (off_s > wrong_s)
		check_result_add(r, CHECK_FAILED, subject, "this host's clock is %lld s %s QT's: "
		    "pushes and signatures are refused as too old\nset the clock, and keep it set: "
		    "timedatectl set-ntp true, or chrony", (long long)off_s, side);
	else if (off_s > CLOCK_ODD_S)
		check_result_add(r, CHECK_WARNING, subject, "this host's clock is %lld s %s "
		    "QT's\nset the clock, and keep it set: timedatectl set-ntp true, or chrony",
		    (long long)off_s, side);
	else
		check_result_add(r, CHECK_OK, subject, "this host's clock is %lld s from QT's",
		    (long long)off_s);
}

static void
probe_qt(struct net *n, const char *subject, const char *url)
{
	struct qt_result	 r = { 0 };
	const struct http_call	 call = {
		.url = url, .body = slice_of("{}"), .dated = true,
		.deadline_ms = clock_mono_ms() + PROBE_MS,
	};

	http_client_do(n->services.http, &r.http, &call);
	if (r.http.status == 0)
		check_result_add(n->r, CHECK_FAILED, subject, "%s: no answer: %s\nif this lasts, "
		    "ask those who run QT; until then messages wait in the queue", url, r.http.why);
	else if ((void)qt_client_classify(&r), !r.alive || r.http.status / 100 != 2)
		check_result_add(n->r, CHECK_FAILED, subject, "%s: HTTP %d, and the answer is not "
		    "QT's\ncompare it with \"Server tracking\" in QT's console; it must end with "
		    "/server/thirdPartyDataSource", url, r.http.status);
	else
		check_result_add(n->r, CHECK_OK, subject, "%s answers %s in %d ms", url, r.code,
		    r.http.ms);
	if (r.alive && r.http.date_s != 0)
		check_net_clock(n->r, subject, clock_wall_ms() / 1000 - r.http.date_s,
		    n->c->set.fresh_s);
	qt_client_result_free(&r);
}

/*
 * Checks of access_tokens.
 */

/* Asks the control server as the Test button of QT's console does. */
static void
ask_control_server(struct net *n, const struct account *a)
{
	const int64_t	 deadline_ms = clock_mono_ms() + PROBE_MS;
	struct buf	 token = { 0 };
	struct jsonpath	 path;
	char		 why[TOKEN_CLIENT_WHY], wrong[JSONPATH_WHY], said[LANG_PARTS];

	if (!jsonpath_parse(&path, slice_of(a->control_token_path), wrong))
		return;		/* check_conf.c has reported it */
	if (token_client_get_token(n->services.http, &token, a, deadline_ms,
	    why) == TOKEN_CLIENT_OK)
		check_result_add(n->r, CHECK_OK, a->name, "control_url gives an access_token of "
		    "%zu characters by %s", token.len, a->control_token_path);
	else
		check_result_add(n->r, CHECK_FAILED, a->name, "%s\ncompare control_url and "
		    "control_token_path with what the control server answers",
		    lang_parts(said, why));
	buf_free(&token);
}

/* True: there is a token. */
static bool
ask_token(struct net *n, const struct account *a)
{
	const int64_t		 deadline_ms = clock_mono_ms() + PROBE_MS;
	char			 why[TOKEN_WHY], said[LANG_PARTS];
	struct access_token	 t;

	if (!access_token_get(n->services.tokens, &t, a, deadline_ms, why)) {
		check_result_add(n->r, CHECK_FAILED, a->name, "there is no access_token: "
		    "%s\ncorrect that, then run: qtoa token %s --refresh", lang_parts(said, why),
		    a->name);
		return false;
	}
	if (*why != '\0')
		check_result_add(n->r, CHECK_WARNING, a->name, "the access_token is not the "
		    "newest: %s\ncorrect that, then run: qtoa token %s --refresh",
		    lang_parts(said, why), a->name);
	else
		check_result_add(n->r, CHECK_OK, a->name, "the access_token is valid for %lld s "
		    "more", (long long)(t.expires_s - clock_wall_ms() / 1000));
	return true;
}

/* The first name in report_hosts that a URL can have: this host's public one.  NULL: no name. */
static const char *
find_public_host(char host[HOST], const char *hosts)
{
	static const char	 separators[] = " \t\r\n,";
	size_t			 len;

	for (; hosts != NULL && *hosts != '\0'; hosts += len) {
		hosts += strspn(hosts, separators);
		len = strcspn(hosts, separators);
		(void)snprintf(host, HOST, "%.*s", len < HOST ? (int)len : 0, hosts);
		if (*host != '\0' && strchr(host, '*') == NULL && strchr(host, ':') == NULL &&
		    host[strspn(host, "0123456789.")] != '\0')
			return host;
	}
	return NULL;
}

void
check_net_own_certificate(struct check_results *r, const char *where, const struct tls_probe *l,
    int64_t now_s)
{
	static const char	 subject[] = "settings.report_hosts";
	const struct tls_cert	*first = first_to_end_of(l);
	long long		 days;
	char			 day[DATE];

	if (first == NULL) {
		check_result_add(r, CHECK_OK, subject, "%s: this host cannot see its own "
		    "certificate: %s", where, *l->why == '\0' ? "-" : l->why);
		return;
	}
	days = (long long)((first->until_s - now_s) / CALENDAR_DAY_S);
	write_certificate_day(day, first->until_s);
	if (first->until_s <= now_s)
		check_result_add(r, CHECK_FAILED, subject, "%s: this host's own certificate ended "
		    "on %s\nrenew it, then reload the web server", where, day);
	else if (l->failed == TLS_STAGE_TLS && strstr(l->why, "match") != NULL)
		check_result_add(r, CHECK_WARNING, subject, "%s: this host's own certificate is "
		    "for %s: %s\nget one for this name, or correct the name", where,
		    *l->certs[0].names == '\0' ? lang_text("no name") : l->certs[0].names,
		    l->why);
	else if (days < SOON_DAYS)
		check_result_add(r, CHECK_WARNING, subject, "%s: this host's own certificate ends "
		    "on %s, in %lld days\nrenew it, then reload the web server", where, day, days);
	else
		check_result_add(r, CHECK_OK, subject, "%s: this host's own certificate holds "
		    "until %s, %lld days more", where, day, days);
}

/* Looks at the certificate that WeChat gets from this host. */
static void
probe_public_host(struct net *n, const char *host)
{
	char			 where[HOST + 16];
	struct tls_probe	 l;

	(void)snprintf(where, sizeof(where), "https://%s", host);
	tls_probe(n->services.http, &l, where, clock_mono_ms() + PROBE_MS);
	note_certificate(n, where, &l);
	check_net_own_certificate(n->r, where, &l, clock_wall_ms() / 1000);
}

static void
ask_tokens(struct net *n)
{
	char			 host[HOST];
	struct check_wechat	 w = {
		.r = n->r, .c = n->c, .services = &n->services,
		.host = find_public_host(host, n->c->set.report_hosts),
	};
	const struct account	*a;

	if (!services_add(&n->services, SERVICES_TOKENS))
		return;
	for (a = n->c->accounts; a != n->c->accounts + n->c->n; a++)
		if (a->name != NULL && a->appid != NULL && conf_is_set(a->secret) &&
		    ask_token(n, a))
			check_wechat_account(&w, a);
	if (w.host != NULL && strchr(w.host, '.') != NULL)	/* a public name has a dot */
		probe_public_host(n, w.host);
}

/* Checks the receiver of alerts, which gets no message. */
static void
check_alert_url(struct net *n)
{
	static const char	 subject[] = "settings.alert_url";
	const char		*url = n->c->set.alert_url;

	if (!conf_is_set(url))
		return;
	if (alert_robot_lacks_key(url))
		check_result_add(n->r, CHECK_WARNING, subject, "there is no key in the address, as "
		    "%s's robots have one\ncopy the whole address of the robot, then run: qtoa "
		    "alert test", lang_text(alert_robot_name(alert_robot_of(url))));
	probe_origin(n, subject, url);
}

static bool
is_wechat_needed(const struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)
		if (conf_is_set(c->accounts[i].secret) || c->accounts[i].identity == UNIONID)
			return true;
	return false;
}

static void
check_account_urls(struct net *n, const struct account *a)
{
	char		 subject[SUBJECT];
	const char	*url;
	int		 i;

	for (i = 0; i < URLS; i++) {
		if ((url = url_of(a, i)) == NULL)
			continue;
		if (write_users(subject, n, a, i, is_same_origin))
			probe_origin(n, subject, url);
		if (!is_reached(n, url))
			continue;
		if (url == a->control_url)
			ask_control_server(n, a);
		else if (write_users(subject, n, a, i, is_same_url))
			probe_qt(n, subject, url);
	}
}

/* A relay: only whether its server can be reached. */
static void
check_relay_url(struct net *n, const struct account *relay)
{
	char	 subject[SUBJECT];

	if (write_users(subject, n, relay, 0, is_same_origin))
		probe_origin(n, subject, relay->qt_url);
}

void
check_net_libcurl(struct check_results *r, const struct conf *c)
{
	struct http_client	*h = http_client_new(&c->set, NULL);
	char			 why[HTTP_CLIENT_LACK] = "", known[HTTP_CLIENT_LACK] = "";
	size_t			 i;
	int			 k;

	for (i = 0; h != NULL && i < c->n; i++)
		for (k = 0; k < URLS; k++) {
			if (url_of(&c->accounts[i], k) == NULL || !http_client_lacks(h, why,
			    url_of(&c->accounts[i], k)) || strcmp(why, known) == 0)
				continue;
			check_result_add(r, CHECK_FAILED, "libcurl", "%s; pushes are answered 503, "
			    "since they could not be sent to QT\ninstall libcurl 7.68.0 or later "
			    "with HTTPS, and start qtoa again", why);
			(void)snprintf(known, sizeof(known), "%s", why);
		}
	if (h != NULL && *known == '\0') {
		http_client_version(why);
		check_result_add(r, CHECK_OK, "libcurl", "%s", why);
	}
	http_client_free(h);
}

void
check_net_run(struct check_results *r, const struct conf *c, bool store)
{
	struct net	 n = { .r = r, .c = c };
	size_t		 i;

	n.failed = calloc(conf_destinations(c) * URLS + 2, sizeof(*n.failed));
	n.notes = calloc(conf_destinations(c) * URLS + OTHERS, sizeof(*n.notes));
	if (!services_open(&n.services, c, SERVICES_HTTP, STORE_BRIEF, NULL) || n.failed == NULL ||
	    n.notes == NULL) {
		check_result_add(r, CHECK_FAILED, "network", "%s\n%s",
		    lang_text(error_table[ERR_NOMEM].name),
		    lang_text(error_table[ERR_NOMEM].hint));
		goto out;
	}
	for (i = 0; i < c->n; i++)
		check_account_urls(&n, &c->accounts[i]);
	for (; i < conf_destinations(c); i++)
		check_relay_url(&n, &c->accounts[i]);
	if (is_wechat_needed(c) && conf_is_set(c->set.wechat_api)) {
		probe_origin(&n, "settings.wechat_api", c->set.wechat_api);
		if (store && is_reached(&n, c->set.wechat_api))
			ask_tokens(&n);
	}
	check_alert_url(&n);
	save_notes(&n);
out:
	services_close(&n.services);
	free(n.failed);
	free(n.notes);
}
