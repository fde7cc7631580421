#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/check/check_conf.h"
#include "cli/check/check_host.h"
#include "cli/check/check_net.h"
#include "cli/check/check_result.h"
#include "cli/check/check_store.h"
#include "tests/unit/unit.h"

enum { DAY_S = 86400, USER = 60001, OTHER = 60002 };

#define NOW_S	INT64_C(1800000000)	/* 2027-01-15 */

/* The output of one check. */
struct said {
	struct check_results	 f;
	char			*text;
	size_t			 len;
};

static struct check_results *
begin_check(struct said *s)
{
	FILE	*out = open_memstream(&s->text, &s->len);

	assert_non_null(out);
	check_result_begin(&s->f, out, false);
	return &s->f;
}

/* Checks the numbers of failures and warnings, and that the output contains the words. */
static void
check_said(struct said *s, const char *name, int failed, int warnings, const char *words)
{
	FILE	*out = s->f.out;
	bool	 well;

	(void)check_result_end(&s->f);
	(void)fclose(out);
	well = check_int(name, s->f.n[CHECK_FAILED], failed);
	well = check_int(name, s->f.n[CHECK_WARNING], warnings) && well;
	well = CHECK(name, strstr(s->text, words) != NULL) && well;
	if (!well)
		(void)fprintf(stderr, "%s", s->text);
	free(s->text);
}

/*
 * check_host: the program's file, by the rules of suEXEC.
 */

/* A file's type, as of the file `like`, with these mode bits. */
static mode_t
with_mode(unsigned mode, const char *like)
{
	struct stat	 st;

	assert_int_equal(stat(like, &st), 0);
	return (st.st_mode & ~(mode_t)07777) | (mode_t)mode;
}

static void
program(void **state)
{
	static const struct {
		const char	*name;
		uid_t		 owner, dir_owner;
		unsigned	 mode, dir_mode;
		int		 failed, warnings;
		const char	*words;
	} cases[] = {
		{ "as it is to be", USER, USER, 0750, 0755, 0, 0, "ok       program: /home/u/c/q" },
		{ "open to nobody else", USER, USER, 0700, 0700, 0, 0, "mode 0700" },
		{ "world-readable", USER, USER, 0755, 0755, 0, 1, "chmod o-r /home/u/c/q" },
		{ "executable only", USER, USER, 0711, 0755, 0, 0, "mode 0711" },
		{ "group-writable", USER, USER, 0770, 0755, 0, 1, "chmod g-w /home/u/c/q\n" },
		{ "world-writable", USER, USER, 0752, 0755, 1, 0, "chmod go-w /home/u/c/q\n" },
		{ "directory group-writable", USER, USER, 0750, 0775, 0, 1,
		    "chmod g-w /home/u/c\n" },
		{ "directory world-writable", USER, USER, 0750, 0777, 1, 0,
		    "chmod go-w /home/u/c\n" },
		{ "with the sticky bit", USER, USER, 0750, 01777, 0, 1, "chmod go-w /home/u/c\n" },
		{ "setuid", USER, USER, 04750, 0755, 1, 0, "chmod ug-s /home/u/c/q" },
		{ "setgid", USER, USER, 02750, 0755, 1, 0, "chmod ug-s /home/u/c/q" },
		{ "directory setgid", USER, USER, 0750, 02755, 0, 0, "ok " },
		{ "another's", OTHER, USER, 0750, 0755, 0, 1, "/home/u/c/q belongs to uid 60002" },
		{ "in another's", USER, OTHER, 0750, 0755, 0, 1, "/home/u/c belongs to uid 60002" },
		{ "root's, at home", 0, USER, 0750, 0755, 0, 1, "chown uid 60001 /home/u/c/q" },
		{ "all at once", OTHER, OTHER, 06777, 0777, 3, 3, "suEXEC refuses it" },
	};
	struct check_host_program	 p;
	struct said			 s;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = (struct check_host_program){ .file = "/home/u/c/q", .dir = "/home/u/c",
		    .home = "/home/u", .uid = USER, .secrets = true };
		p.file_st.st_uid = cases[i].owner;
		p.file_st.st_mode = with_mode(cases[i].mode, "/dev/null");
		p.dir_st.st_uid = cases[i].dir_owner;
		p.dir_st.st_mode = with_mode(cases[i].dir_mode, "/");
		check_host_program(begin_check(&s), &p);
		check_said(&s, cases[i].name, cases[i].failed, cases[i].warnings, cases[i].words);
	}
}

/* A program that a package has installed is well, for every user who runs it. */
static void
installed(void **state)
{
	static const struct {
		const char	*name, *home;
		uid_t		 uid;
	} cases[] = {
		{ "a user", "/home/u", USER },
		{ "a user without a home", "", USER },
		{ "one whose home begins like it", "/usr/lib/cgi", USER },
		{ "a server whose home it is", "/usr/lib", 33 },
		{ "one who is at home everywhere", "/", USER },
		{ "root", "/root", 0 },
	};
	struct check_host_program	 p;
	struct said			 s;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = (struct check_host_program){ .file = "/usr/lib/cgi-bin/q",
		    .dir = "/usr/lib/cgi-bin", .home = cases[i].home, .uid = cases[i].uid };
		/* no secret is compiled in */
		p.file_st.st_mode = with_mode(0755, "/dev/null");
		p.dir_st.st_mode = with_mode(0755, "/");
		check_host_program(begin_check(&s), &p);
		check_said(&s, cases[i].name, 0, 0,
		    "ok       program: /usr/lib/cgi-bin/q, owner root");
	}
}

/*
 * check_store
 */

static void
disk(void **state)
{
	static const struct {
		const char	*name;
		struct disk	 d;
		int		 failed, warnings;
		const char	*words;
	} cases[] = {
		{ "room", { 5000000000, 9000000000, 100000, 200000 }, 0, 0,
		    "5000 MB of 9000 MB, 100000 of 200000 inodes are free" },
		{ "inodes are not counted", { 5000000000, 9000000000, 0, 0 }, 0, 0,
		    "5000 MB of 9000 MB are free" },
		{ "just enough", { 100000000, 9000000000, 1000, 200000 }, 0, 0, "ok " },
		{ "nearly full", { 99999999, 9000000000, 100000, 200000 }, 0, 1, "make room" },
		{ "inodes nearly out", { 5000000000, 9000000000, 999, 200000 }, 0, 1, "make room" },
		{ "full", { 9999999, 9000000000, 100000, 200000 }, 1, 0, "make room" },
		{ "inodes are out", { 5000000000, 9000000000, 0, 200000 }, 1, 0, "make room" },
	};
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_store_disk(begin_check(&s), "/srv/q", &cases[i].d);
		check_said(&s, cases[i].name, cases[i].failed, cases[i].warnings, cases[i].words);
	}
}

/*
 * check_net
 */

static void
clocks(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 ahead_s;
		int		 fresh_s;
		int		 failed, warnings;
		const char	*words;
	} cases[] = {
		{ "the same", 0, 600, 0, 0, "0 s from QT's" },
		{ "a little", -30, 600, 0, 0, "30 s from QT's" },
		{ "odd", 31, 600, 0, 1, "31 s ahead of QT's" },
		{ "odd, behind", -31, 600, 0, 1, "31 s behind QT's" },
		{ "just about", 300, 600, 0, 1, "timedatectl" },
		{ "wrong", 301, 600, 1, 0, "timedatectl" },
		{ "any age is taken", 301, -1, 1, 0, "301 s ahead" },
		{ "any age is taken, just about", 300, -1, 0, 1, "300 s ahead" },
		{ "old ones are taken", 301, 86400, 1, 0, "301 s ahead" },
		{ "only new ones are taken", 61, 120, 1, 0, "61 s ahead" },
		{ "only new ones, just about", -60, 120, 0, 1, "60 s behind" },
		{ "an hour", -3600, 600, 1, 0, "3600 s behind" },
	};
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_net_clock(begin_check(&s), "shop", cases[i].ahead_s, cases[i].fresh_s);
		check_said(&s, cases[i].name, cases[i].failed, cases[i].warnings, cases[i].words);
	}
}

#define CERT(name, from, days)	{ .subject = "CN = " name, .issuer = "CN = ca", \
	.names = "DNS:" name, .from_s = NOW_S + (from) * DAY_S, \
	.until_s = NOW_S + (days) * DAY_S + 1 }

static const struct {
	const char		*name;
	struct tls_probe	 l;
	int			 failed, warnings;
	const char		*words;
} certificate_cases[] = {
	{ "good", { .failed = TLS_STAGE_DONE, .n = 1, .certs = { CERT("a", -1, 30) } },
	    0, 0, "verified, until 2027-02-14, 30 days more" },
	{ "14 days", { .failed = TLS_STAGE_DONE, .n = 1, .certs = { CERT("a", -1, 14) } },
	    0, 0, "14 days more" },
	{ "13 days", { .failed = TLS_STAGE_DONE, .n = 1, .certs = { CERT("a", -1, 13) } },
	    0, 1, "ends on 2027-01-28, in 13 days; ask those who run the server to renew "
	    "it" },
	{ "another one of the chain", { .failed = TLS_STAGE_DONE, .n = 3, .certs = {
	    CERT("a", -1, 90), CERT("b", -1, 3), CERT("c", -1, 900) } },
	    0, 1, "CN = a, in the chain CN = b ends on 2027-01-18, in 3 days" },
	{ "when is not known", { .failed = TLS_STAGE_DONE, .n = 1 }, 0, 0, "verified" },
	{ "ended", { .failed = TLS_STAGE_TLS, .n = 1, .certs = { CERT("a", -9, -1) },
	    .why = "certificate has expired" }, 1, 0, "CN = a ended on 2027-01-14" },
	{ "ended in the chain", { .failed = TLS_STAGE_TLS, .n = 2, .certs = {
	    CERT("a", -9, 9), CERT("b", -9, -1) }, .why = "certificate has expired" },
	    1, 0, "CN = b ended on 2027-01-14" },
	{ "not yet", { .failed = TLS_STAGE_TLS, .n = 1, .certs = { CERT("a", 1, 9) },
	    .why = "certificate is not yet valid" }, 1, 0, "check this host's clock" },
	{ "for another host", { .failed = TLS_STAGE_TLS, .n = 1, .certs = {
	    CERT("a", -1, 9) }, .why = "name does not match" }, 1, 0,
	    "CN = a is for DNS:a: name does not match; check the address" },
	{ "nobody's", { .failed = TLS_STAGE_TLS, .n = 1, .certs = { { .subject = "CN = x",
	    .issuer = "CN = x", .until_s = NOW_S + DAY_S } } }, 1, 0, "is self-signed" },
	{ "a stranger's", { .failed = TLS_STAGE_TLS, .n = 1, .certs = { CERT("a", -1, 9) },
	    .why = "unable to get local issuer" }, 1, 0,
	    "is from CN = ca, a CA that /ca.pem does not have" },
	{ "no TLS", { .failed = TLS_STAGE_TLS, .why = "wrong version number" }, 1, 0,
	    "there is no TLS: wrong version number; check the port" },
	{ "no CAs", { .failed = TLS_STAGE_TRUST, .why = "cannot be read" },
	    1, 0, "/ca.pem has no CA certificates" },
};

static const struct {
	const char		*name;
	struct tls_probe	 l;
	int			 failed, warnings;
	const char		*words;
} own_cases[] = {
	{ "good", { .failed = TLS_STAGE_DONE, .n = 1, .certs = { CERT("a", -1, 30) } },
	    0, 0, "own certificate holds until 2027-02-14, 30 days more" },
	{ "14 days", { .failed = TLS_STAGE_DONE, .n = 1, .certs = { CERT("a", -1, 14) } },
	    0, 0, "14 days more" },
	{ "13 days, in the chain", { .failed = TLS_STAGE_DONE, .n = 2, .certs = {
	    CERT("a", -1, 90), CERT("b", -1, 13) } },
	    0, 1, "ends on 2027-01-28, in 13 days; renew it, then reload the web server" },
	{ "ended", { .failed = TLS_STAGE_TLS, .n = 1, .certs = { CERT("a", -9, -1) },
	    .why = "certificate has expired" }, 1, 0, "own certificate ended on 2027-01-14" },
	{ "for another host", { .failed = TLS_STAGE_TLS, .n = 1, .certs = {
	    CERT("a", -1, 90) }, .why = "name does not match" }, 0, 1,
	    "is for DNS:a: name does not match; get one for this name" },
	/* settings.ca_file may be for QT alone. */
	{ "of a CA that is not known", { .failed = TLS_STAGE_TLS, .n = 1, .certs = {
	    CERT("a", -1, 90) }, .why = "unable to get local issuer" }, 0, 0, "90 days more" },
	{ "not reached", { .failed = TLS_STAGE_CONNECT, .why = "Connection refused" },
	    0, 0, "cannot see its own certificate: Connection refused" },
	{ "no end", { .failed = TLS_STAGE_DONE, .n = 1 }, 0, 0, "its own certificate: -" },
};

static void
own_certificates(void **state)
{
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(own_cases); i++) {
		check_net_own_certificate(begin_check(&s), "https://wechat.example",
		    &own_cases[i].l, NOW_S);
		check_said(&s, own_cases[i].name, own_cases[i].failed, own_cases[i].warnings,
		    own_cases[i].words);
	}
}

static void
certificates(void **state)
{
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(certificate_cases); i++) {
		check_net_certificate(begin_check(&s), "shop", "qt.example",
		    &certificate_cases[i].l,
		    "/ca.pem", NOW_S);
		check_said(&s, certificate_cases[i].name, certificate_cases[i].failed,
		    certificate_cases[i].warnings, certificate_cases[i].words);
	}
	check_net_certificate(begin_check(&s), "shop", "qt.example",
	    &certificate_cases[COUNT(certificate_cases) - 1].l,
	    NULL, NOW_S);
	check_said(&s, "no file of them", 1, 0, "this host has no CA certificates");
}

/*
 * check_conf
 */

static const struct account	 good = {
	.path = "shop", .name = "shop", .appid = "wx1", .token = "abc", .mode = SAFE,
	.qt_url = "https://qt.example/", .control_token_path = "$.access_token",
};
static const struct settings	 usual = {
	.threads = 64, .deadline_ms = 4000, .forward_ms = 2500, .connect_ms = 1000,
	.body_max = 65536, .fresh_s = 600, .dedupe_days = 7,
	.wechat_api = "https://api.weixin.qq.com",
};

static void
check_conf(const char *name, const struct account *a, const struct settings *set, int failed,
    int warnings, const char *words)
{
	struct account		 one = *a;
	const struct conf	 c = { .accounts = &one, .n = 1, .set = *set };
	struct said		 s;

	check_conf_run(begin_check(&s), &c);
	check_said(&s, name, failed, warnings, words);
}

static const struct {
	const char	*name;
	size_t		 off;
	const char	*value;
	int		 failed, warnings;
	const char	*words;
} account_cases[] = {
	{ "nothing", offsetof(struct account, name), "shop", 0, 0,
	    "ok       shop: .../shop" },
	{ "open", offsetof(struct account, qt_url), "http://qt.example/", 0, 1,
	    "shop: qt_url is not https" },
	{ "open, here", offsetof(struct account, qt_url), "http://127.0.0.1:80/", 0, 0,
	    "ok " },
	{ "open, here by name", offsetof(struct account, qt_url), "http://localhost/", 0, 0,
	    "ok " },
	{ "open, here by IPv6", offsetof(struct account, qt_url), "http://[::1]:80/", 0, 0,
	    "ok " },
	{ "open standby", offsetof(struct account, qt_url_standby), "http://b.example/",
	    0, 1,
	    "qt_url_standby is not https" },
	{ "open control", offsetof(struct account, control_url), "http://c.example/", 0, 1,
	    "control_url is not https" },
	{ "no path", offsetof(struct account, control_token_path), "$.", 1, 0,
	    "control_token_path: $.: at character" },
	{ "a key for nothing", offsetof(struct account, control_key), "0123456789abcdef",
	    0, 1,
	    "control_key without secret" },
	{ "the demo's token", offsetof(struct account, token), "qtoaDemoToken", 0, 1,
	    "still the values of the shipped config.h: token; put in" },
	{ "the demo's key", offsetof(struct account, app_key), "demoAppKey", 0, 1,
	    "still the values of the shipped config.h: app_key; put in" },
	{ "incomplete", offsetof(struct account, qt_url), NULL, 0, 0, "0 failed" },
};

static void
accounts(void **state)
{
	struct account	 a;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(account_cases); i++) {
		a = good;
		memcpy((char *)&a + account_cases[i].off, &account_cases[i].value,
		    sizeof(account_cases[i].value));
		check_conf(account_cases[i].name, &a, &usual, account_cases[i].failed,
		    account_cases[i].warnings,
		    account_cases[i].words);
	}
	a = good;
	a.mode = PLAIN;
	check_conf("plain", &a, &usual, 0, 1, "does not sign the body; choose safe mode");
	a = good;
	a.control_key = "0123456789abcdef";
	a.secret = "x";
	check_conf("a key for a secret", &a, &usual, 0, 0, "ok ");
}

static void
settings(void **state)
{
	static const struct {
		const char	*name;
		size_t		 off;
		int		 value, warnings;
		const char	*words;
	} cases[] = {
		{ "small", offsetof(struct settings, body_max), 8191, 1, "settings.body_max: " },
		{ "small, just about", offsetof(struct settings, body_max), 8192, 0, "ok " },
		{ "large", offsetof(struct settings, body_max), (4 << 20) + 1, 1, "over 256 MiB" },
		{ "large, just about", offsetof(struct settings, body_max), 4 << 20, 0, "ok " },
		{ "many", offsetof(struct settings, threads), 257, 1, "settings.threads: " },
		{ "many, just about", offsetof(struct settings, threads), 256, 0, "ok " },
		{ "late", offsetof(struct settings, forward_ms), 4000, 1, "settings.forward_ms: " },
		{ "late, just about", offsetof(struct settings, forward_ms), 3999, 0, "ok " },
		{ "patient", offsetof(struct settings, connect_ms), 2501, 1,
		    "settings.connect_ms: " },
		{ "patient, just about", offsetof(struct settings, connect_ms), 2500, 0, "ok " },
	};
	struct settings	 set;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set = usual;
		memcpy((char *)&set + cases[i].off, &cases[i].value, sizeof(cases[i].value));
		check_conf(cases[i].name, &good, &set, 0, cases[i].warnings, cases[i].words);
	}
	set = usual;
	set.fresh_s = 86400;
	set.dedupe_days = 1;
	check_conf("forgetful", &good, &set, 0, 1, "settings.dedupe_days: ");
	set = usual;
	set.wechat_api = "http://wechat.example";
	check_conf("open", &good, &set, 0, 1, "settings: wechat_api is not https");
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(program), TEST(installed), TEST(disk), TEST(clocks),
		TEST(certificates), TEST(own_certificates), TEST(accounts), TEST(settings),
	};

	return RUN("check", tests);
}
