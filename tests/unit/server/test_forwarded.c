#include <stdio.h>

#include "server/forwarded.h"
#include "tests/unit/unit.h"

#define XFF	"HTTP_X_FORWARDED_FOR="
#define RFC	"HTTP_FORWARDED="
#define TRUSTED	"127.0.0.1, ::1, 10.0.0.0/8"

static const struct {
	const char	*name, *variable[4], *want;	/* NULL: it is not known */
} cases[] = {
	{ "one", { XFF "203.0.113.9" }, "203.0.113.9" },
	{ "port", { XFF "203.0.113.9:4711" }, "203.0.113.9" },
	{ "IPv6", { XFF "2001:db8::7" }, "2001:db8::7" },
	{ "brackets", { XFF "[2001:db8::7]" }, "2001:db8::7" },
	{ "brackets and port", { XFF "[2001:db8::7]:4711" }, "2001:db8::7" },
	{ "mapped", { XFF "::ffff:203.0.113.9" }, "::ffff:203.0.113.9" },
	{ "quotes", { XFF "\"203.0.113.9\"" }, "203.0.113.9" },
	{ "the last one", { XFF "127.0.0.1, 192.0.2.1,203.0.113.9" }, "203.0.113.9" },
	{ "behind trusted ones", { XFF "192.0.2.1, 203.0.113.9, 10.1.1.1, 127.0.0.1" },
	    "203.0.113.9" },
	{ "all are trusted", { XFF "10.0.0.3, 10.0.0.2 , 127.0.0.1" }, "10.0.0.3" },
	{ "two headers", { XFF "127.0.0.1", XFF "203.0.113.9" }, "203.0.113.9" },
	{ "two headers, the last trusted", { XFF "192.0.2.1, 203.0.113.9", XFF "10.0.0.2" },
	    "203.0.113.9" },
	{ "empty places", { XFF " ,, 203.0.113.9 , " }, "203.0.113.9" },
	{ "unknown", { XFF "203.0.113.9, unknown" }, NULL },
	{ "unknown before", { XFF "unknown, 203.0.113.9" }, "203.0.113.9" },
	{ "unknown behind a trusted one", { XFF "unknown, 10.0.0.2" }, NULL },
	{ "name", { XFF "localhost" }, NULL }, { "network", { XFF "203.0.113.9/32" }, NULL },
	{ "bad port", { XFF "203.0.113.9:x" }, NULL }, { "no bracket", { XFF "[::1" }, NULL },
	{ "bracket and more", { XFF "[::1]x" }, NULL }, { "zone", { XFF "fe80::1%eth0" }, NULL },
	{ "blank", { XFF " " }, NULL }, { "nothing", { NULL }, NULL },
	{ "cloudflared", { XFF "203.0.113.9", "HTTP_CF_CONNECTING_IP=203.0.113.9",
	    "HTTP_CF_RAY=1" }, "203.0.113.9" },
	{ "nginx", { "HTTP_X_REAL_IP=203.0.113.9", XFF "192.0.2.1, 203.0.113.9" }, "203.0.113.9" },
	{ "they do not agree", { "HTTP_X_REAL_IP=127.0.0.1", XFF "203.0.113.9" }, NULL },
	{ "one more of the client's", { XFF "203.0.113.9", "HTTP_TRUE_CLIENT_IP=127.0.0.1" }, NULL },
	{ "they agree in two forms", { "HTTP_X_REAL_IP=::ffff:203.0.113.9", XFF "203.0.113.9" },
	    "203.0.113.9" },
	{ "signs only", { "HTTP_VIA=1.1 squid", "HTTP_X_FORWARDED_PROTO=https" }, NULL },
	{ "RFC 7239", { RFC "for=203.0.113.9" }, "203.0.113.9" },
	{ "its pairs", { RFC "proto=https;For=\"203.0.113.9:4711\" ; by=10.0.0.1" }, "203.0.113.9" },
	{ "IPv6 in it", { RFC "for=\"[2001:db8::7]:4711\"" }, "2001:db8::7" },
	{ "several", { RFC "for=127.0.0.1, for=203.0.113.9;proto=http, for=10.0.0.2" },
	    "203.0.113.9" },
	{ "several headers", { RFC "for=127.0.0.1", RFC "for=203.0.113.9" }, "203.0.113.9" },
	{ "unknown in it", { RFC "for=unknown" }, NULL }, { "hidden", { RFC "for=_secret" }, NULL },
	{ "hidden before", { RFC "for=_secret, for=203.0.113.9" }, "203.0.113.9" },
	{ "no for", { RFC "proto=https" }, NULL },
	{ "no for in the last", { RFC "for=127.0.0.1, proto=https" }, NULL },
	{ "for twice", { RFC "for=127.0.0.1;for=203.0.113.9" }, NULL },
	{ "comma in quotes", { RFC "x=\"a, for=127.0.0.1\";for=203.0.113.9" }, "203.0.113.9" },
	{ "open quote", { RFC "for=\"127.0.0.1, for=203.0.113.9" }, NULL },
	{ "quotes across", { RFC "for=127.0.0.1;x=\", for=\"[2001:db8::7]\"" }, NULL },
	{ "backslash", { RFC "for=\"127.0.0.1\\\"\", for=203.0.113.9" }, NULL },
	{ "no pair", { RFC "203.0.113.9" }, NULL }, { "no value", { RFC "for=" }, NULL },
	{ "both headers", { RFC "for=203.0.113.9", XFF "203.0.113.9" }, "203.0.113.9" },
};

static void
client(void **state)
{
	struct forwarded	 f;
	struct slice		 got;
	bool			 known;
	size_t			 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		f.n = 0;
		for (k = 0; k < 4 && cases[i].variable[k] != NULL; k++)
			forwarded_add(&f, cases[i].variable[k]);
		check_int(cases[i].name, (int64_t)f.n, (int64_t)k);
		known = forwarded_client(&got, &f, TRUSTED);
		if (check_int(cases[i].name, known, cases[i].want != NULL) && known)
			check_bytes(cases[i].name, got, slice_of(cases[i].want));
	}
}

static void
headers(void **state)
{
	static const struct {
		const char	*variable, *label;	/* "": it is not from a proxy */
	} rows[] = {
		{ "HTTP_X_FORWARDED_FOR=x", "X-Forwarded-For" }, { "HTTP_FORWARDED=x", "Forwarded" },
		{ "HTTP_X_REAL_IP=", "" },
		{ "HTTP_FORWARDED_FOR=x", "Forwarded-For" }, { "HTTP_X_REAL_IP=x", "X-Real-IP" },
		{ "HTTP_CF_CONNECTING_IP=x", "CF-Connecting-IP" }, { "HTTP_VIA=x", "Via" },
		{ "HTTP_TRUE_CLIENT_IP=x", "True-Client-IP" }, { "HTTP_X_CLIENT_IP=x", "X-Client-IP" },
		{ "HTTP_X_FORWARDED_HOST=x", "X-Forwarded-Host" },
		{ "HTTP_X_FORWARDED_PORT=x", "X-Forwarded" }, { "HTTP_X_FORWARDED=x", "X-Forwarded" },
		{ "HTTP_CF_RAY=x", "a header of Cloudflare" }, { "HTTP_HOST=x", "" },
		{ "HTTP_VIAX=x", "" }, { "HTTP_X_REAL_IPS=x", "" }, { "X_FORWARDED_FOR=x", "" },
		{ "HTTP_X_FORWARDED_FOR", "" }, { "HTTP_USER_AGENT=HTTP_VIA=", "" }, { "", "" },
	};
	struct forwarded	 f;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		f.n = 0;
		forwarded_add(&f, rows[i].variable);
		check_text(rows[i].variable, forwarded_label(&f), rows[i].label);
	}
}

/* More than there is room for tells nothing, whatever it is. */
static void
too_many(void **state)
{
	struct forwarded	 f = { .n = 0 };
	char			 list[1000] = XFF;
	struct slice		 got;
	int			 i, len = (int)sizeof(XFF) - 1;

	(void)state;
	for (i = 0; i < FORWARDED_MAX; i++)
		forwarded_add(&f, XFF "203.0.113.9");
	CHECK("as many as may be", forwarded_client(&got, &f, NULL));
	for (i = 0; i < 3; i++)
		forwarded_add(&f, XFF "203.0.113.9");
	CHECK("one more", !forwarded_client(&got, &f, NULL));
	f.n = 0;
	for (i = 0; i < 65; i++)
		len += snprintf(list + len, sizeof(list) - (size_t)len, "10.0.0.2,");
	forwarded_add(&f, list);
	CHECK("a long list", !forwarded_client(&got, &f, TRUSTED));
}

/* Caddy adds three headers to every request; what they say beyond the client's address stays. */
static void
caddy(void **state)
{
	static const struct {
		const char	*name, *variable[4], *label;
	} rows[] = {
		{ "its own", { XFF "192.0.2.1", "HTTP_X_FORWARDED_PROTO=https",
		    "HTTP_X_FORWARDED_HOST=a" }, "" },
		{ "its own, from a proxy", { "HTTP_X_FORWARDED_PROTO=https", XFF
		    "203.0.113.9, 192.0.2.1", "HTTP_X_FORWARDED_HOST=a" }, "X-Forwarded-For" },
		{ "another address", { XFF "192.0.2.2" }, "X-Forwarded-For" },
		{ "others", { "HTTP_X_FORWARDED_HOST=a", "HTTP_VIA=1.1 a" }, "Via" },
		{ "of Cloudflare", { XFF "192.0.2.1", "HTTP_CF_CONNECTING_IP=192.0.2.1" },
		    "CF-Connecting-IP" },
	};
	struct forwarded	 f;
	size_t			 i, k;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		f.n = 0;
		for (k = 0; k < 4 && rows[i].variable[k] != NULL; k++)
			forwarded_add(&f, rows[i].variable[k]);
		forwarded_drop_caddy(&f, slice_of("192.0.2.1"));
		check_text(rows[i].name, forwarded_label(&f), rows[i].label);
	}
}

int
main(void)
{
	const struct CMUnitTest	 t[] = { TEST(caddy), TEST(client), TEST(headers), TEST(too_many) };

	return RUN("forwarded", t);
}
