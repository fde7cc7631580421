#include <stdio.h>

#include "core/acl.h"
#include "core/host.h"
#include "server/forwarded.h"
#include "server/guard.h"

static const char	loopback[] = "127.0.0.0/8, ::1";

/* Networks whose addresses are not of the Internet. */
static const char	private[] = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, "
			"169.254.0.0/16, fc00::/7, fe80::/10";

static bool
is_trusted(const struct worker *w)
{
	return acl_has(w->app->conf.set.trusted_proxies, w->request->peer);
}

/* True: the client is on this host, or something that connects to us from here. */
static bool
is_here(const struct request *r)
{
	return acl_has(loopback, r->peer) || acl_is_same(r->peer, r->server);
}

void
guard_name_peer(struct worker *w)
{
	struct request	*r = w->request;
	struct slice	 client;

	if (!conf_is_set(w->app->conf.set.trusted_proxies) || !is_trusted(w))
		return;
	request_read_origin(w->request);
	if (r->forwarded.n == 0 ||
	    !forwarded_client(&client, &r->forwarded, w->app->conf.set.trusted_proxies))
		return;
	r->peer = client;
	r->forwarded.n = 0;
}

bool
guard_hides_client(const struct worker *w, const char *allow)
{
	const struct request	*r = w->request;
	struct slice		 client;

	request_read_origin(w->request);
	if (r->forwarded.n == 0)
		return false;
	if (is_here(r) || is_trusted(w))
		return true;
	return acl_has(private, r->peer) &&
	    (!forwarded_client(&client, &r->forwarded, NULL) || !acl_has(allow, client));
}

void
guard_explain(struct worker *w)
{
	(void)snprintf(w->why, sizeof(w->why), "it came through a proxy: %s",
	    forwarded_label(&w->request->forwarded));
	w->entry.detail = w->why;
	w->entry.hint = "a proxy or a tunnel passes on requests from elsewhere; if it may: add its "
	    "address to settings.trusted_proxies";
}

/* True: no page of somebody else can have made a browser send this. */
static bool
is_own_host(const struct worker *w)
{
	const struct request	*r = w->request;
	const char		*hosts = w->app->conf.set.report_hosts;
	struct slice		 host;

	if (r->host.len == 0)		/* HTTP/1.0; no browser leaves it out */
		return true;
	if (!host_parse(&host, r->host))
		return false;
	if (host_is_loopback(host) || host_is_listed(hosts, host))
		return true;
	/* A certificate proves the name; and nobody can point an address elsewhere. */
	return !conf_is_set(hosts) && !is_here(r) && (r->https || host_is_address(host));
}

enum error
guard_check(struct worker *w, const char *allow)
{
	if (!acl_has(allow, w->request->peer))
		return ERR_ADDRESS;
	if (guard_hides_client(w, allow)) {
		guard_explain(w);
		return ERR_ADDRESS;
	}
	if (is_own_host(w))
		return ERR_OK;
	w->reply.body = slice_of("not accepted: this host is not in settings.report_hosts\n");
	return ERR_HOST;
}
