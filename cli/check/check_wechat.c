#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/check/check_wechat.h"
#include "core/acl.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/json.h"
#include "core/lang.h"
#include "state/counters.h"
#include "wechat/api.h"
#include "wechat/errcode.h"

enum {
	ASK_MS = 5000,		/* for one call */
	PING_MS = 10000,	/* for the one in which WeChat pings this host */
	ANSWER_MAX = 256 * 1024,/* bytes of an answer */
	ADDRESS = 64,		/* bytes of an address, with the NUL */
	ADDRESSES = 16,		/* of a list that are shown or compared; more are counted */
	LIST_MAX = 4096,	/* elements of a list that are counted */
	LIST = ADDRESSES * ADDRESS,
	LITTLE = 10		/* a warning if less than this share of a quota is left: a tenth */
};

/* Addresses of a list. */
struct addresses {
	char	 a[ADDRESSES][ADDRESS];
	int	 n;		/* in a */
	int	 all;		/* in the list, without what is not an address */
};

/*
 * Answers.
 */

static void
add_address(struct addresses *l, struct slice s)
{
	if (s.len == 0 || s.len >= ADDRESS || acl_is_wide(s))
		return;
	l->all++;
	if (l->n < ADDRESSES)
		(void)snprintf(l->a[l->n++], ADDRESS, "%.*s", (int)s.len, s.p);
}

/* Reads the elements of a list, such as "$.ip_list[%d]" or "$.dns[%d].ip". */
static void
read_addresses(struct addresses *l, struct slice body, const char *list, const char *member)
{
	struct json	*j = json_parse_any(body);
	struct buf	 text = { 0 };
	enum json_found	 found = JSON_FOUND;
	char		 path[64], lost[JSON_WHY];
	int		 i;

	*l = (struct addresses){ .n = 0 };
	for (i = 0; j != NULL && i < LIST_MAX && (i == 0 || found != JSON_NOTHING); i++) {
		(void)snprintf(path, sizeof(path), "$.%s[%d]%s", list, i, member);
		buf_reset(&text);
		found = json_path(j, &text, slice_of(path), lost);
		if (found == JSON_FOUND && memchr(text.p, '\0', text.len) == NULL)
			add_address(l, buf_slice(&text));
	}
	buf_free(&text);
	json_free(j);
}

/* Writes "192.0.2.7, 192.0.2.8 and 5 more". */
static const char *
write_addresses(char text[LIST], const struct addresses *l)
{
	size_t	 len = 0;
	int	 i;

	*text = '\0';
	for (i = 0; i < l->n && len < LIST; i++)
		len += (size_t)snprintf(text + len, LIST - len, i == 0 ? "%s" : lang_text(", %s"),
		    l->a[i]);
	if (l->all > l->n && len < LIST)
		(void)snprintf(text + len, LIST - len, lang_text(" and %d more"), l->all - l->n);
	return text;
}

static bool
has_address(const struct addresses *l, const char *address)
{
	int	 i;

	for (i = 0; i < l->n; i++)
		if (acl_is_same(slice_of(l->a[i]), slice_of(address)))
			return true;
	return false;
}

static bool
have_common_address(const struct addresses *a, const struct addresses *b)
{
	int	 i;

	for (i = 0; i < a->n; i++)
		if (has_address(b, a->a[i]))
			return true;
	return false;
}

/* Calls WeChat.  False: there is no answer that can be used, and a result says why. */
static bool
ask_wechat(struct check_wechat *w, struct api_answer *a, const struct account *account,
    const char *path, const char *body, int ms)
{
	const struct api_call	 call = {
		.account = account, .path = path, .body = slice_of(body),
		.answer_max = ANSWER_MAX, .deadline_ms = clock_mono_ms() + ms,
	};
	char			 rid[ERRCODE_RID], said[LANG_PARTS];
	enum api_result		 result;

	if (w->is_silent)
		return false;
	result = api_call(w->services->tokens, w->services->http, a, &w->c->set, &call);
	if (result == API_OK)
		return true;
	w->is_silent = result == API_NO_ANSWER;
	if (result == API_NO_ANSWER)
		check_result_add(w->r, CHECK_WARNING, account->name, "%s: %s\nWeChat is not asked "
		    "anything more in this check; run it again later", path,
		    lang_parts(said, a->why));
	else if (errcode_rid(rid, slice_of(a->why)))
		check_result_add(w->r, CHECK_WARNING, account->name, "%s: %s\nif that does not "
		    "help, see what WeChat has recorded of the call: qtoa rid %s %s", path,
		    lang_parts(said, a->why), account->path, rid);
	else
		check_result_add(w->r, CHECK_WARNING, account->name, "%s: %s\nsee this error in "
		    "WeChat's \"Global return codes\"; if it lasts, ask WeChat's support", path,
		    lang_parts(said, a->why));
	return false;
}

/*
 * Where WeChat sends pushes: the addresses of the URL in its console.
 */

static const char	private[] = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, "
			"169.254.0.0/16, 127.0.0.0/8, ::1, fc00::/7, fe80::/10";

static bool
write_address(char text[ADDRESS], const struct sockaddr *sa)
{
	const void	*in = sa == NULL ? NULL : sa->sa_family == AF_INET ?
	    (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr :
	    sa->sa_family == AF_INET6 ?
	    (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr : NULL;

	return in != NULL && inet_ntop(sa->sa_family, in, text, ADDRESS) != NULL;
}

/* The addresses of this host's network interfaces; public: only those of the Internet. */
static void
read_own_addresses(struct addresses *l, bool public)
{
	struct ifaddrs	*all, *i;
	char		 text[ADDRESS];

	*l = (struct addresses){ .n = 0 };
	if (getifaddrs(&all) == -1)
		return;
	for (i = all; i != NULL; i = i->ifa_next)
		if (write_address(text, i->ifa_addr) && !has_address(l, text) &&
		    !(public && acl_has(private, slice_of(text))))
			add_address(l, slice_of(text));
	freeifaddrs(all);
}

/* The addresses that a name has here. */
static void
resolve_name(struct addresses *l, const char *name)
{
	const struct addrinfo	 hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo		*all, *i;
	char			 text[ADDRESS];

	*l = (struct addresses){ .n = 0 };
	if (getaddrinfo(name, NULL, &hints, &all) != 0)
		return;
	for (i = all; i != NULL; i = i->ai_next)
		if (write_address(text, i->ai_addr) && !has_address(l, text))
			add_address(l, slice_of(text));
	freeaddrinfo(all);
}

/* Compares WeChat's addresses with those that the name has here. */
static void
compare_name(struct check_wechat *w, const struct account *a, const struct addresses *theirs)
{
	struct addresses	 here;
	char			 their_text[LIST], here_text[LIST];

	if (w->host == NULL)
		return;
	resolve_name(&here, w->host);
	(void)write_addresses(their_text, theirs);
	(void)write_addresses(here_text, &here);
	if (here.n == 0)
		check_result_add(w->r, CHECK_WARNING, a->name, "WeChat sends pushes to %s, but "
		    "here the name %s has no address\ncheck the name, and this host's DNS "
		    "(/etc/resolv.conf)", their_text, w->host);
	else if (have_common_address(theirs, &here))
		check_result_add(w->r, CHECK_OK, a->name, "%s resolves here to %s, an address that "
		    "WeChat sends pushes to", w->host, here_text);
	else
		check_result_add(w->r, CHECK_WARNING, a->name, "WeChat sends pushes to %s, but "
		    "here %s resolves to %s\ncompare the URL in WeChat's console with that name; "
		    "after a change of DNS, wait until it is known everywhere", their_text, w->host,
		    here_text);
}

/* Compares WeChat's addresses with those of this host. */
static void
compare_host(struct check_wechat *w, const struct account *a, const struct addresses *theirs)
{
	struct addresses	 own, public;
	char			 their_text[LIST], own_text[LIST];
	int			 i;

	read_own_addresses(&own, false);
	read_own_addresses(&public, true);
	(void)write_addresses(their_text, theirs);
	(void)write_addresses(own_text, public.n != 0 ? &public : &own);
	for (i = 0; i < theirs->n; i++)
		if (acl_has(private, slice_of(theirs->a[i])) && !has_address(&own, theirs->a[i])) {
			check_result_add(w->r, CHECK_WARNING, a->name, "the host in the URL of "
			    "WeChat's console has the address %s, which the Internet cannot "
			    "reach\ngive that name the public address of this host", theirs->a[i]);
			return;
		}
	if (have_common_address(theirs, &own))
		check_result_add(w->r, CHECK_OK, a->name, "WeChat sends pushes to %s, an address "
		    "of this host", their_text);
	else if (public.n == 0)
		check_result_add(w->r, CHECK_OK, a->name, "WeChat sends pushes to %s; this host "
		    "has private addresses only, so something before it must pass them on",
		    their_text);
	else
		check_result_add(w->r, CHECK_OK, a->name, "WeChat sends pushes to %s; this host "
		    "has %s, so a proxy must pass them on, or the URL in WeChat's console leads "
		    "elsewhere", their_text, own_text);
}

/* Counts the pings, and those that were answered. */
static int
count_pings(struct slice body, int *answered)
{
	struct json	*j = json_parse_any(body);
	struct buf	 text = { 0 };
	enum json_found	 found = JSON_FOUND;
	char		 path[48], lost[JSON_WHY];
	int		 n = 0;

	for (*answered = 0; j != NULL && n < LIST_MAX; n++) {
		(void)snprintf(path, sizeof(path), "$.ping[%d].package_loss", n);
		buf_reset(&text);
		if ((found = json_path(j, &text, slice_of(path), lost)) == JSON_NOTHING)
			break;
		*answered += found == JSON_FOUND && text.len != 0 &&
		    !slice_is(buf_slice(&text), "100%");
	}
	buf_free(&text);
	json_free(j);
	return n;
}

/* Many hosts answer no ping, so this is never a fault. */
static void
add_pings(struct check_wechat *w, const struct account *a, struct slice body)
{
	int	 answered, n = count_pings(body, &answered);

	if (n == 0)
		return;
	if (answered != 0)
		check_result_add(w->r, CHECK_OK, a->name, "WeChat's ping was answered, %d of %d",
		    answered, n);
	else
		check_result_add(w->r, CHECK_OK, a->name, "WeChat's ping was not answered: many "
		    "hosts and firewalls drop it, and pushes can come all the same");
}

static void
check_callback(struct check_wechat *w, const struct account *a)
{
	static const char	 path[] = "/cgi-bin/callback/check";
	static const char	 body[] = "{\"action\":\"all\",\"check_operator\":\"DEFAULT\"}";
	struct api_answer	 answer = { 0 };
	struct addresses	 theirs;

	if (ask_wechat(w, &answer, a, path, body, PING_MS)) {
		read_addresses(&theirs, buf_slice(&answer.body), "dns", ".ip");
		if (theirs.n == 0)
			check_result_add(w->r, CHECK_WARNING, a->name, "%s: the answer, %zu bytes, "
			    "has no addresses in dns\ncheck the URL in WeChat's console, and its "
			    "DNS record", path, answer.body.len);
		else {
			compare_host(w, a, &theirs);
			compare_name(w, a, &theirs);
		}
		add_pings(w, a, buf_slice(&answer.body));
	}
	buf_free(&answer.body);
}

/*
 * What is the same for all accounts.
 */

/* The list of addresses is kept, and not older than a day. */
static void
check_sources(struct check_wechat *w)
{
	struct services			*s = w->services;
	const struct callback_ips_asker	 asker = { s->tokens, s->http, s->locks };
	struct callback_ips_state	 state;
	char				 why[CALLBACK_IPS_WHY] = "", said[LANG_PARTS];
	char				 age[FORMAT_SPAN];

	if (w->is_silent || !services_add(s, SERVICES_CALLBACK_IPS))
		return;
	if (callback_ips_is_due(s->callback_ips) && callback_ips_fetch(s->callback_ips, &asker,
	    clock_mono_ms() + ASK_MS, why) == CALLBACK_IPS_FAILED)
		check_result_add(w->r, CHECK_WARNING, "getcallbackip", "%s\nthe last list serves, "
		    "and qtoa asks again; it is needed only for settings.wechat_only",
		    lang_parts(said, why));
	callback_ips_state(s->callback_ips, &state);
	if (state.networks == 0)
		return;
	format_span(age, clock_wall_ms() - state.fetched_s * 1000);
	check_result_add(w->r, CHECK_OK, "getcallbackip", "WeChat's pushes come from %lld "
	    "addresses and networks; the list is %s old", (long long)state.networks, age);
}

static void
check_firewall(struct check_wechat *w, const struct account *a)
{
	static const char	 path[] = "/cgi-bin/get_api_domain_ip";
	struct api_answer	 answer = { 0 };
	struct addresses	 l;
	char			 text[LIST];

	if (ask_wechat(w, &answer, a, path, NULL, ASK_MS)) {
		read_addresses(&l, buf_slice(&answer.body), "ip_list", "");
		if (l.n == 0)
			check_result_add(w->r, CHECK_WARNING, a->name, "%s: the answer, %zu bytes, "
			    "has no addresses in ip_list\nlet an outgoing firewall pass TCP port "
			    "443 to the name api.weixin.qq.com", path, answer.body.len);
		else
			check_result_add(w->r, CHECK_OK, "get_api_domain_ip", "an outgoing "
			    "firewall must let TCP port 443 pass to WeChat's API, %d addresses: %s",
			    l.all, write_addresses(text, &l));
	}
	buf_free(&answer.body);
}

/*
 * Quotas.
 */

static void
add_quota(struct check_wechat *w, const struct account *a, const char *call, const struct json *j)
{
	const int64_t	 limit = errcode_integer(j, "$.quota.daily_limit");
	const int64_t	 used = errcode_integer(j, "$.quota.used");
	const int64_t	 left = errcode_integer(j, "$.quota.remain");

	if (limit <= 0 || used < 0 || left < 0)
		check_result_add(w->r, CHECK_WARNING, a->name, "openapi/quota/get: the answer has "
		    "no quota of %s\nsee the quotas in WeChat's console", call);
	else if (left < limit / LITTLE || left == 0)
		check_result_add(w->r, CHECK_WARNING, a->name, "of %lld calls of %s a day only "
		    "%lld are left\nfind out who else asks for access_tokens of this AppID; the "
		    "quota is full again tomorrow", (long long)limit, call, (long long)left);
	else
		check_result_add(w->r, CHECK_OK, a->name, "%lld of %lld calls of %s are left today",
		    (long long)left, (long long)limit, call);
}

static void
check_quota(struct check_wechat *w, const struct account *a)
{
	const char		*call = w->c->set.legacy_token != 0 ? "/cgi-bin/token" :
				    "/cgi-bin/stable_token";
	struct api_answer	 answer = { 0 };
	struct json		*j;
	char			 body[64];

	(void)snprintf(body, sizeof(body), "{\"cgi_path\":\"%s\"}", call);
	if (ask_wechat(w, &answer, a, "/cgi-bin/openapi/quota/get", body, ASK_MS) &&
	    (j = json_parse_any(buf_slice(&answer.body))) != NULL) {
		add_quota(w, a, call, j);
		json_free(j);
	}
	buf_free(&answer.body);
}

void
check_wechat_account(struct check_wechat *w, const struct account *a)
{
	check_callback(w, a);
	if (!w->has_ips && !w->is_silent) {
		w->has_ips = true;
		check_sources(w);
		check_firewall(w, a);
	}
	check_quota(w, a);
}

/*
 * The setting.
 */

/* It is a counters_each. */
static void
add_unknown(void *ctx, const struct counter_hour *h)
{
	*(int64_t *)ctx += (int64_t)h->numbers->count[COUNTER_PEER_UNKNOWN];
}

void
check_wechat_only(struct check_results *r, const struct conf *c)
{
	static const char		 subject[] = "settings.wechat_only";
	const char			*mode = conf_wechat_only_name(c->set.wechat_only);
	const int64_t			 now_s = clock_wall_ms() / 1000;
	const int64_t			 day = calendar_day_at(now_s);
	struct callback_ips_state	 s;
	int64_t				 unknown = 0;
	char				 age[FORMAT_SPAN];

	if (c->set.wechat_only == OFF || mode == NULL || !conf_is_set(c->set.state_dir))
		return;
	callback_ips_read_state(&s, c->set.state_dir);
	(void)counters_read(c->set.state_dir, day, day, add_unknown, &unknown);
	format_span(age, (now_s - s.fetched_s) * 1000);
	if (s.networks == 0)
		check_result_add(r, CHECK_WARNING, subject, "%s: there is no list of WeChat's "
		    "addresses yet, so no push is compared with it\nan account with .secret is "
		    "needed; under FastCGI qtoa fetches the list by itself, under CGI after a "
		    "push, or run: qtoa drain", mode);
	else if (unknown != 0)
		check_result_add(r, CHECK_WARNING, subject, "%s: %lld signed pushes of today did "
		    "not come from the %lld addresses and networks of WeChat's list, %s old\nthe "
		    "log names their peers: behind a proxy set settings.trusted_proxies; if they "
		    "are strangers, change the Token in WeChat's console", mode,
		    (long long)unknown, (long long)s.networks, age);
	else
		check_result_add(r, CHECK_OK, subject, "%s: %lld addresses and networks, the list "
		    "is %s old; all of today's signed pushes came from there", mode,
		    (long long)s.networks, age);
}
