#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/log_line.h"
#include "tests/unit/unit.h"

#define NEWEST	INT64_C(1795500000000)	/* 2026-11-24T06:00:00Z */

/* A line as each place keeps it. */
static void
places(void **state)
{
	static const struct {
		const char	*name, *raw;
		int64_t		 ms;		/* -1: it has no time */
		const char	*account, *detail;
	} cases[] = {
		{ "file", "time=2026-11-22T07:02:41.227Z level=info what=request account=shop "
		    "detail=\"a \\\"b\\\" c\\\\d\"\n", 1795330961227, "shop", "a \"b\" c\\d" },
		{ "no line end", "time=2026-11-22T07:02:41.227Z level=info what=request account=shop",
		    1795330961227, "shop", NULL },
		{ "not ASCII", "time=2026-11-22T07:02:41.227Z level=info what=request "
		    "account=\xE5\xBA\x97 detail=\"\\x1b[2J\"", 1795330961227, "\xE5\xBA\x97",
		    "\x1b[2J" },
		{ "cut", "time=2026-11-22T07:02:41.227Z level=info what=request account=shop "
		    "detail=\"so lo...", 1795330961227, "shop", "so lo..." },
		{ "rsyslog", "2026-11-22T15:02:41.227000+08:00 host qtoa[12]: level=info "
		    "what=request account=shop", 1795330961227, "shop", NULL },
		{ "syslog", "Nov 22 07:02:41 host qtoa[12]: level=info what=request account=shop",
		    1795330961000, "shop", NULL },
		{ "syslog, one digit", "Nov  2 07:02:41 host qtoa[12]: level=info what=request "
		    "account=shop", 1793602961000, "shop", NULL },
		{ "syslog, a year ago", "Dec 22 07:02:41 host qtoa[12]: level=info what=request "
		    "account=shop", 1766386961000, "shop", NULL },
		{ "Apache", "[Sun Nov 22 07:02:41.229000 2026] [cgid:error] [pid 7:tid 8] [client "
		    "127.0.0.1:9] AH01215: stderr from /srv/qtoa.cgi: "
		    "time=2026-11-22T07:02:41.227Z level=info what=request "
		    "account=\\xe5\\xba\\x97 detail=\\\"a \\\\\\\"b\\\\\\\"\\\"", 1795330961227,
		    "\xE5\xBA\x97", "a \"b\"" },
		{ "Apache 2.4.6", "[Sun Nov 22 07:02:41 2026] [cgi:error] [pid 7] [client "
		    "127.0.0.1:9] AH01215: time=2026-11-22T07:02:41.227Z level=info what=request "
		    "account=shop detail=\\\"a b\\\": /srv/qtoa.cgi", 1795330961227, "shop", "a b" },
		{ "Apache, referer", "[Sun Nov 22 07:02:41 2026] [cgi:error] [pid 7] AH01215: "
		    "time=2026-11-22T07:02:41.227Z level=info what=request account=shop, referer: x=y",
		    1795330961227, "shop,", NULL },
		{ "nginx", "2026/11/22 07:02:41 [error] 5#5: *1 FastCGI sent in stderr: "
		    "\"time=2026-11-22T07:02:41.227Z level=info what=request account=shop "
		    "detail=\"a b\"\" while reading response header from upstream, client: 1.2.3.4",
		    1795330961227, "shop", "a b" },
		{ "nginx, plain end", "2026/11/22 07:02:41 [error] 5#5: *1 FastCGI sent in stderr: "
		    "\"time=2026-11-22T07:02:41.227Z level=info what=request account=shop\" while "
		    "reading", 1795330961227, "shop", NULL },
		{ "lighttpd", "2026-11-22 07:02:41: (mod_cgi.c.588) stderr: "
		    "time=2026-11-22T07:02:41.227Z level=info what=request account=shop",
		    1795330961227, "shop", NULL },
	};
	struct log_line	 l = { 0 };
	size_t		 i;

	(void)state;
	(void)setenv("TZ", "UTC", 1);
	tzset();
	for (i = 0; i < COUNT(cases); i++) {
		if (!CHECK(cases[i].name, log_line_parse(&l, slice_of(cases[i].raw), -1, NEWEST)))
			continue;
		check_int(cases[i].name, l.time_ms, cases[i].ms);
		check_bytes(cases[i].name, log_line_get(&l, "account"), slice_of(cases[i].account));
		check_bytes(cases[i].name, log_line_get(&l, "what"), slice_of("request"));
		check_bytes(cases[i].name, log_line_get(&l, "detail"), slice_of(cases[i].detail));
	}
	CHECK("stamp", log_line_parse(&l, slice_of("level=info what=start msg=x"), 5, NEWEST) &&
	    l.time_ms == 5);
	CHECK("no time", log_line_parse(&l, slice_of("level=info what=start"), -1, NEWEST) &&
	    l.time_ms == -1);
	log_line_free(&l);
}

static void
other_lines(void **state)
{
	static const char *const	 cases[] = {
		"", "\n", "level=", "level=info", "level=info msg=x", "level=loud what=request",
		"127.0.0.1 - - [22/Nov/2026:07:02:41 +0000] \"POST /qtoa/shop HTTP/1.1\" 200 7",
		"time=2026-11-22T07:02:41Z level=info msg=\"another program\"",
		"Nov 22 07:02:41 host sshd[12]: Accepted publickey for root", "l", "levellevel=",
	};
	struct log_line			 l = { 0 };
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		CHECK(cases[i], !log_line_parse(&l, slice_of(cases[i]), -1, NEWEST));
	log_line_free(&l);
}

static void
failures(void **state)
{
	static const struct {
		const char	*raw;
		bool		 failed;
	} cases[] = {
		{ "level=info what=request verdict=delivered", false },
		{ "level=info what=request verdict=repeat", false },
		{ "level=notice what=breaker msg=x", false },
		{ "level=notice what=request verdict=rejected error=\"signature mismatch\"", true },
		{ "level=notice what=request verdict=handshake error=\"signature mismatch\"", true },
		{ "level=warning what=request verdict=queued error=\"not confirmed by QT\"", true },
		{ "level=error what=request verdict=dead", true },
		{ "level=info what=drain verdict=dead", true },
		{ "level=error what=request verdict=unsafe status=503", true },
		{ "level=info what=drain verdict=delivered attempts=2", false },
		{ "level=error what=store msg=x", true },
		{ "level=warning what=start msg=x", true },
		{ "level=notice what=repeated line=request error=\"signature mismatch\"", true },
		{ "level=info what=repeated line=request reason=repeat count=3", false },
	};
	struct log_line	 l = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		CHECK(cases[i].raw, log_line_parse(&l, slice_of(cases[i].raw), -1, NEWEST) &&
		    log_line_is_failure(&l) == cases[i].failed);
	log_line_free(&l);
}

/* Seen from 2026-11-22 15:02:41 in China. */
static void
times(void **state)
{
	static const struct {
		const char	*text;
		bool		 last;
		int64_t		 ms;		/* -1: it is not a time */
	} cases[] = {
		{ "now", false, 1795330961227 },
		{ "90s", false, 1795330961227 - 90000 },
		{ "5m", false, 1795330961227 - 300000 },
		{ "5min", false, 1795330961227 - 300000 },
		{ "2h", false, 1795330961227 - 7200000 },
		{ "3 d", false, 1795330961227 - 3 * INT64_C(86400000) },
		{ "1w", false, 1795330961227 - 7 * INT64_C(86400000) },
		{ "0s", false, 1795330961227 },
		{ "today", false, 1795276800000 },
		{ "today", true, 1795363199999 },
		{ "yesterday", false, 1795190400000 },
		{ "yesterday", true, 1795276799999 },
		{ "2026-11-22", false, 1795276800000 },
		{ "2026-11-22", true, 1795363199999 },
		{ "2026-11-22 12:44", false, 1795322640000 },
		{ "2026-11-22 12:44:05", true, 1795322645000 },
		{ "2026-11-22T12:44:05", false, 1795322645000 },
		{ "2026-11-22T04:44:05.649Z", false, 1795322645649 },
		{ "2026-11-22T04:44:05+00:00", false, 1795322645000 },
		{ "2026-11-22 12:44:05+0800", false, 1795322645000 },
		{ "2026-11-21 23:44:05-05:00", false, 1795322645000 },
		{ "12:44", false, 1795322640000 },
		{ "12:44:05", false, 1795322645000 },
		{ "", false, -1 }, { "h", false, -1 }, { "2", false, -1 }, { "-2h", false, -1 },
		{ "2x", false, -1 }, { "2h3", false, -1 }, { "2026-13-01", false, -1 },
		{ "2026-11-22 25:00", false, -1 }, { "2026-11-22 12:60", false, -1 },
		{ "2026-11-22x", false, -1 }, { "12:4", false, -1 }, { "12:44x", false, -1 },
		{ "99999999999999999999d", false, -1 }, { "tomorrow", false, -1 },
	};
	int64_t	 ms;
	size_t	 i;
	bool	 ok;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		ok = log_line_when(&ms, cases[i].text, 1795330961227, cases[i].last);
		CHECK(cases[i].text, ok == (cases[i].ms != -1));
		if (ok)
			check_int(cases[i].text, ms, cases[i].ms);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(places), TEST(other_lines), TEST(failures), TEST(times),
	};

	return RUN("log_line", tests);
}
