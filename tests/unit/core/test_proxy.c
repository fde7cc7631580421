#include <stdio.h>
#include <string.h>

#include "core/proxy.h"
#include "tests/unit/unit.h"

static void
hosts(void **state)
{
	static const struct {
		const char	*url, *host;
	} cases[] = {
		{ "https://qt.example/server", "qt.example" },
		{ "https://qt.example", "qt.example" },
		{ "https://qt.example:8443/a:b", "qt.example" },
		{ "https://qt.example?key=a/b:c", "qt.example" },
		{ "http://192.0.2.7:80/", "192.0.2.7" },
		{ "http://[2001:db8::1]/", "2001:db8::1" },
		{ "http://[2001:db8::1]:8080", "2001:db8::1" },
		{ "http://[2001", "[2001" },
		{ "http://", "" },
		{ "", "" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_bytes(cases[i].url, proxy_host(cases[i].url), slice_of(cases[i].host));
}

static const struct {
	const char	*url;
	const char	*where, *user, *password;	/* where NULL: refused */
	const char	*why;				/* a part of it */
} addresses_cases[] = {
	{ "http://p.example:3128", "http://p.example:3128", "", "", NULL },
	{ "https://192.0.2.7:443/", "https://192.0.2.7:443", "", "", NULL },
	{ "socks5h://[2001:db8::1]:1080", "socks5h://[2001:db8::1]:1080", "", "", NULL },
	{ "http://u:p@p:1", "http://p:1", "u", "p", NULL },
	{ "http://u@p:1", "http://p:1", "u", "", NULL },
	{ "http://u:@p:1", "http://p:1", "u", "", NULL },
	{ "http://u:a:b@p:1", "http://p:1", "u", "a:b", NULL },
	{ "http://u:a@b/c@p:1", "http://p:1", "u", "a@b/c", NULL },
	{ "http://u%40d:%70%2F%e4%b8%ad%@p:65535", "http://p:65535", "u@d", "p/\xE4\xB8\xAD%", NULL },
	{ "http://u:100%25%zz@p:1", "http://p:1", "u", "100%%zz", NULL },
	{ "", NULL, NULL, NULL, "must begin" },
	{ "p:3128", NULL, NULL, NULL, "must begin" },
	{ "socks4://p:1", NULL, NULL, NULL, "must begin" },
	{ "http://", NULL, NULL, NULL, "no host" },
	{ "http://:3128", NULL, NULL, NULL, "no host" },
	{ "http://SECRET:SECRET@", NULL, NULL, NULL, "no host" },
	{ "http://p", NULL, NULL, NULL, "no port" },
	{ "http://p:", NULL, NULL, NULL, "no port" },
	{ "http://p/", NULL, NULL, NULL, "no port" },
	{ "http://p:0", NULL, NULL, NULL, "no port" },
	{ "http://p:65536", NULL, NULL, NULL, "no port" },
	{ "http://p:SECRET", NULL, NULL, NULL, "no port" },
	{ "http://[::1]", NULL, NULL, NULL, "no port" },
	{ "http://[::1", NULL, NULL, NULL, "no host" },
	{ "http://p:1/path", NULL, NULL, NULL, "has more" },
	{ "http://p:1?q", NULL, NULL, NULL, "has more" },
	{ "http://:SECRET@p:1", NULL, NULL, NULL, "user" },
	{ "http://a%3Ab:SECRET@p:1", NULL, NULL, NULL, "colon" },
	{ "http://u:SECRET%0a@p:1", NULL, NULL, NULL, "control" },
	{ "http://u:SECRET%00@p:1", NULL, NULL, NULL, "control" },
};

/* Addresses of proxies; what is refused is not repeated, since it may have a password. */
static void
addresses(void **state)
{
	struct proxy	 p;
	const char	*why;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(addresses_cases); i++) {
		why = proxy_parse(&p, addresses_cases[i].url);
		if (!CHECK(addresses_cases[i].url, (why == NULL) ==
		    (addresses_cases[i].where != NULL)))
			continue;
		if (why != NULL) {
			CHECK(why, strstr(why, addresses_cases[i].why) != NULL);
			CHECK(why, strstr(why, "SECRET") == NULL);
			continue;
		}
		check_text(addresses_cases[i].url, p.where, addresses_cases[i].where);
		check_text(addresses_cases[i].url, p.user, addresses_cases[i].user);
		check_text(addresses_cases[i].url, p.password, addresses_cases[i].password);
	}
}

static void
long_addresses(void **state)
{
	struct proxy	 p;
	char		 url[1100], x[300];

	(void)state;
	memset(x, 'x', sizeof(x));
	(void)snprintf(url, sizeof(url), "http://%.255s:%.255s@%.200s:1", x, x, x);
	CHECK("longest", proxy_parse(&p, url) == NULL);
	(void)snprintf(url, sizeof(url), "http://%.256s:p@p:1", x);
	CHECK("user", proxy_parse(&p, url) != NULL);
	(void)snprintf(url, sizeof(url), "http://u:%.256s@p:1", x);
	CHECK("password", proxy_parse(&p, url) != NULL);
	(void)snprintf(url, sizeof(url), "http://u:p@%.300s:1", x);
	CHECK("host", proxy_parse(&p, url) != NULL);
}

static void
spared(void **state)
{
	static const struct {
		const char	*list, *host;
		bool		 want;
	} cases[] = {
		{ NULL, "qt.local", false },
		{ "", "qt.local", false },
		{ "qt.local", "qt.local", true },
		{ "QT.local", "qt.LOCAL", true },
		{ "qt.local", "qt.local.", true },
		{ "qt.local", "a.qt.local", true },
		{ "qt.local", "aqt.local", false },
		{ "qt.local", "local", false },
		{ ".local", "qt.local", true },
		{ ".local", "local", true },
		{ "*.local", "qt.local", true },
		{ "*", "qt.local", true },
		{ "a,b, c  d\t e", "d", true },
		{ "a,b, c  d\t e", "e", true },
		{ ",,a,,", "b", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.70", false },
		{ "10.0.0.0/8", "10.1.2.3", true },
		{ "10.0.0.0/8", "11.1.2.3", false },
		{ "10.0.0.0/8", "10.example", false },
		{ "x, ::1", "::1", true },
		{ "2001:db8::/32", "2001:db8::7", true },
		{ "qt.local", "", false },
	};
	size_t	 i;
	char	 name[80];

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "%s in %s", cases[i].host,
		    cases[i].list != NULL ? cases[i].list : "no list");
		check_int(name, proxy_is_spared(cases[i].list, slice_of(cases[i].host)),
		    cases[i].want);
	}
}

static void
wrong_entries(void **state)
{
	static const struct {
		const char	*list;
		bool		 wrong;
	} cases[] = {
		{ NULL, false }, { "", false }, { "*", false }, { "a_b.c-d, .e *.f", false },
		{ "10.0.0.0/8,::1", false }, { "a, http://b", true }, { "a:80", true },
		{ "a/b", true }, { ".", true }, { "*.", true }, { "a*", true }, { "[::1]", true },
		{ "a, http://u:p@b:1", true },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].list != NULL ? cases[i].list : "no list",
		    proxy_is_wrong(cases[i].list), cases[i].wrong);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(hosts), TEST(addresses), TEST(long_addresses), TEST(spared),
		TEST(wrong_entries),
	};

	return RUN("proxy", tests);
}
