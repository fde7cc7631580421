#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/conf.h"
#include "core/conf_warn.h"
#include "tests/unit/unit.h"

#define X32	"0123456789abcdef0123456789abcdef"
#define X64	X32 X32
#define X256	X64 X64 X64 X64
#define X1024	X256 X256 X256 X256
#define KEY	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

#define ACCOUNT(m)	{ #m, offsetof(struct account, m) }
#define SETTING(m)	{ #m, offsetof(struct settings, m) }

/* A member of a struct: its name in messages, and its offset. */
struct member {
	const char	*name;
	size_t		 off;
};

static const struct account	 good = {
	.path = "acme", .name = "acme", .appid = "wx0123456789abcdef", .token = "tokenTOKEN0",
	.mode = SAFE, .aes_key = KEY, .qt_url = "https://qt.example/server/thirdPartyDataSource",
	.app_key = "appKey", .service_id = "OA1", .service_secret = "secret",
};

static const struct settings	 none;

/* All problems, a line each. */
struct said {
	struct buf	 text;
	int		 lines;
	bool		 clean;		/* each was one line, and not an empty one */
};

static void
add_line(void *ctx, const char *line)
{
	struct said	*s = ctx;

	s->clean = s->clean && *line != '\0' && strchr(line, '\n') == NULL;
	s->lines++;
	assert_int_equal(buf_puts(&s->text, line), ERR_OK);
	assert_int_equal(buf_puts(&s->text, "\n"), ERR_OK);
}

static void
add_warning(void *ctx, const struct conf *c, int i, const char *field, const char *what,
    const char *remedy)
{
	char	 line[512];

	if (i == -1)
		(void)snprintf(line, sizeof(line), "settings.%s %s; %s", field, what, remedy);
	else
		(void)snprintf(line, sizeof(line), "accounts[%d].%s (%s) %s; %s", i, field,
		    c->accounts[i].path, what, remedy);
	add_line(ctx, line);
}

/* The problems as text, with a NUL, so that strstr() can search it. */
static const char *
text_of(struct said *s)
{
	assert_int_equal(buf_reserve(&s->text, 1), ERR_OK);
	s->text.p[s->text.len] = '\0';
	return s->text.p;
}

/* True: the text has "kind.name", and not only as the beginning of a longer name. */
static bool
names_member(const char *text, const char *before, const char *name)
{
	char	 want[64];
	size_t	 len = (size_t)snprintf(want, sizeof(want), "%s.%s", before, name);

	for (; (text = strstr(text, want)) != NULL; text++)
		if (text[len] == ' ' || text[len] == ':')
			return true;
	return false;
}

static const char **
text_at(void *base, size_t off)
{
	return (const char **)(void *)((char *)base + off);
}

/* Changes one member of the good account: each problem must name that member. */
static int
load_changed(struct conf *c, struct said *s, const struct member *m, const char *value,
    enum account_mode mode)
{
	struct account	 a = good;
	int		 problems;

	a.mode = mode;
	*text_at(&a, m->off) = value;
	*s = (struct said){ .clean = true };
	problems = conf_load_from(c, &a, 1, &none, add_line, s);
	check_int("as many as were said", s->lines, problems);
	CHECK("one line each", s->clean);
	return problems;
}

static const struct {
	const char		*name;
	struct member		 m;
	const char		*value;
	enum account_mode	 mode;
} good_accounts_cases[] = {
	{ "as it is", ACCOUNT(path), "acme", SAFE },
	{ "path with all that can stand in it", ACCOUNT(path), "a-Z_0.9~", SAFE },
	{ "path of one", ACCOUNT(path), "a", SAFE },
	{ "path of 64", ACCOUNT(path), X64, SAFE },
	{ "no name", ACCOUNT(name), NULL, SAFE },
	{ "empty name", ACCOUNT(name), "", SAFE },
	{ "name in Chinese", ACCOUNT(name), "\xE4\xB8\xAD\xE6\x96\x87", SAFE },
	{ "token of 3", ACCOUNT(token), "aB3", SAFE },
	{ "token of 32", ACCOUNT(token), X32, SAFE },
	{ "no old token", ACCOUNT(token_old), NULL, SAFE },
	{ "empty old token", ACCOUNT(token_old), "", PLAIN },
	{ "old token", ACCOUNT(token_old), "aB3", COMPATIBLE },
	{ "no aes_key in PLAIN", ACCOUNT(aes_key), NULL, PLAIN },
	{ "empty aes_key in PLAIN", ACCOUNT(aes_key), "", PLAIN },
	{ "aes_key in PLAIN", ACCOUNT(aes_key), KEY, PLAIN },
	{ "aes_key in COMPATIBLE", ACCOUNT(aes_key), KEY, COMPATIBLE },
	{ "aes_key with spare bits", ACCOUNT(aes_key),
	    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFH", SAFE },
	{ "no old key", ACCOUNT(aes_key_old), NULL, SAFE },
	{ "empty old key", ACCOUNT(aes_key_old), "", SAFE },
	{ "old key", ACCOUNT(aes_key_old), KEY, SAFE },
	{ "http", ACCOUNT(qt_url), "http://127.0.0.1:8080/x", SAFE },
	{ "URL without a path", ACCOUNT(qt_url), "https://qt.example", SAFE },
	{ "URL with a query", ACCOUNT(qt_url), "https://qt.example/a?b=c&d", SAFE },
	{ "IPv6", ACCOUNT(qt_url), "https://[::1]:8443/x", SAFE },
	{ "no app_key", ACCOUNT(app_key), NULL, SAFE },
	{ "empty app_key", ACCOUNT(app_key), "", SAFE },
	{ "secret", ACCOUNT(secret), X32, SAFE },
	{ "no control_key", ACCOUNT(control_key), "", SAFE },
	{ "control_key of 16", ACCOUNT(control_key), "0123456789/+=&%~", SAFE },
	{ "control_allow", ACCOUNT(control_allow), "192.0.2.7, 10.0.0.0/8 ::1", SAFE },
	{ "replies", ACCOUNT(replies), "/etc/qtoa/shop-replies.json", SAFE },
};

static void
good_accounts(void **state)
{
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(good_accounts_cases); i++) {
		if (!check_int(good_accounts_cases[i].name, load_changed(&c, &s,
		    &good_accounts_cases[i].m, good_accounts_cases[i].value,
		    good_accounts_cases[i].mode), 0))
			print_error("  %s", text_of(&s));
		check_int(good_accounts_cases[i].name, (int64_t)c.n, 1);
		CHECK(good_accounts_cases[i].name,
		    c.accounts[0].mode == good_accounts_cases[i].mode);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* Secrets: no problem may show their values. */
static bool
is_secret(const char *member)
{
	static const char *const names[] = {
		"token", "token_old", "aes_key", "aes_key_old", "app_key", "service_secret", "secret",
		"control_key",
	};
	size_t	 i;

	for (i = 0; i < COUNT(names); i++)
		if (strcmp(member, names[i]) == 0)
			return true;
	return false;
}

static const struct {
	const char		*name;
	struct member		 m;
	const char		*value;
	enum account_mode	 mode;
} bad_accounts_cases[] = {
	{ "no path", ACCOUNT(path), NULL, SAFE },
	{ "empty path", ACCOUNT(path), "", SAFE },
	{ "path of 65", ACCOUNT(path), X64 "a", SAFE },
	{ "path with a slash", ACCOUNT(path), "a/b", SAFE },
	{ "path with a blank", ACCOUNT(path), "a b", SAFE },
	{ "path with a %", ACCOUNT(path), "a%62", SAFE },
	{ "path with a line end", ACCOUNT(path), "a\nb", SAFE },
	{ "path in Chinese", ACCOUNT(path), "\xE4\xB8\xAD", SAFE },
	{ "path .", ACCOUNT(path), ".", SAFE },
	{ "path ..", ACCOUNT(path), "..", SAFE },
	{ "path -, the operators'", ACCOUNT(path), "-", SAFE },
	{ "path of the collector", ACCOUNT(path), "thirdPartyDataSource", SAFE },
	{ "name of 65", ACCOUNT(name), X64 "a", SAFE },
	{ "control_key of 15", ACCOUNT(control_key), "0123456789abcde", SAFE },
	{ "control_key with a blank", ACCOUNT(control_key), "0123456789abcde f", SAFE },
	{ "control_allow with a name", ACCOUNT(control_allow), "::1 localhost", SAFE },
	{ "content of a file of replies", ACCOUNT(replies), "{\n}", SAFE },
	{ "content in a line", ACCOUNT(replies), "{\"click\":[]}", SAFE },
	{ "no appid", ACCOUNT(appid), NULL, SAFE },
	{ "empty appid", ACCOUNT(appid), "", SAFE },
	{ "appid with a blank", ACCOUNT(appid), "wx 1", SAFE },
	{ "appid with a line end", ACCOUNT(appid), "wx1\n", SAFE },
	{ "appid of 65", ACCOUNT(appid), X64 "a", SAFE },
	{ "no token", ACCOUNT(token), NULL, SAFE },
	{ "no token in PLAIN", ACCOUNT(token), NULL, PLAIN },
	{ "empty token", ACCOUNT(token), "", SAFE },
	{ "token of 2", ACCOUNT(token), "ab", SAFE },
	{ "token of 33", ACCOUNT(token), X32 "a", SAFE },
	{ "token with a _", ACCOUNT(token), "ab_cd", SAFE },
	{ "token with a line end", ACCOUNT(token), "abcd\n", SAFE },
	{ "old token of 2", ACCOUNT(token_old), "ab", SAFE },
	{ "old token with a _", ACCOUNT(token_old), "ab_cd", PLAIN },
	{ "no aes_key in SAFE", ACCOUNT(aes_key), NULL, SAFE },
	{ "empty aes_key in SAFE", ACCOUNT(aes_key), "", SAFE },
	{ "no aes_key in COMPATIBLE", ACCOUNT(aes_key), NULL, COMPATIBLE },
	{ "aes_key of 42", ACCOUNT(aes_key),
	    "IFGF9ebDk0CcozaiPhRUNzmS5a7chvahvFChPjvCwt", SAFE },
	{ "aes_key with =", ACCOUNT(aes_key),
	    "IFGF9ebDk0CcozaiPhRUNzmS5a7chvahvFChPjvCwt4=", SAFE },
	{ "aes_key with a -", ACCOUNT(aes_key),
	    "IFGF9-bDk0CcozaiPhRUNzmS5a7chvahvFChPjvCwt4", SAFE },
	{ "bad aes_key in PLAIN", ACCOUNT(aes_key), "short", PLAIN },
	{ "bad old key", ACCOUNT(aes_key_old), "short", SAFE },
	{ "old key of 44", ACCOUNT(aes_key_old), KEY "H", SAFE },
	{ "no qt_url", ACCOUNT(qt_url), NULL, SAFE },
	{ "empty qt_url", ACCOUNT(qt_url), "", SAFE },
	{ "qt_url without a scheme", ACCOUNT(qt_url), "qt.example/x", SAFE },
	{ "qt_url with another scheme", ACCOUNT(qt_url), "ftp://qt.example/x", SAFE },
	{ "qt_url to a file", ACCOUNT(qt_url), "file:///etc/passwd", SAFE },
	{ "qt_url without a host", ACCOUNT(qt_url), "https:///x", SAFE },
	{ "qt_url with a port alone", ACCOUNT(qt_url), "https://:80/x", SAFE },
	{ "qt_url ends at //", ACCOUNT(qt_url), "https://", SAFE },
	{ "qt_url with a password", ACCOUNT(qt_url), "https://u:p@qt.example/x", SAFE },
	{ "qt_url with a fragment", ACCOUNT(qt_url), "https://qt.example/x#y", SAFE },
	{ "qt_url with a blank", ACCOUNT(qt_url), "https://qt.example/x y", SAFE },
	{ "qt_url with a line end", ACCOUNT(qt_url), "https://qt.example/\r\nX: y", SAFE },
	{ "qt_url over 1024", ACCOUNT(qt_url), "https://qt.example/" X1024, SAFE },
	{ "app_key over 256", ACCOUNT(app_key), X256 "a", SAFE },
	{ "app_key with a blank before", ACCOUNT(app_key), " key", SAFE },
	{ "app_key with a line end", ACCOUNT(app_key), "key\n", SAFE },
	{ "app_key with a mark", ACCOUNT(app_key), "\xEF\xBB\xBFkey", SAFE },
	{ "secret with a no-break space", ACCOUNT(secret), "secret\xC2\xA0", SAFE },
	{ "service_secret in GBK", ACCOUNT(service_secret), "\xD6\xD0\xCE\xC4", SAFE },
	{ "no service_id", ACCOUNT(service_id), NULL, SAFE },
	{ "empty service_id", ACCOUNT(service_id), "", SAFE },
	{ "service_id over 256", ACCOUNT(service_id), X256 "a", SAFE },
	{ "no service_secret", ACCOUNT(service_secret), NULL, SAFE },
	{ "empty service_secret", ACCOUNT(service_secret), "", SAFE },
	{ "service_secret over 256", ACCOUNT(service_secret), X256 "a", SAFE },
	{ "no such mode", ACCOUNT(mode), NULL, (enum account_mode)7 },
};

static void
bad_accounts(void **state)
{
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(bad_accounts_cases); i++) {
		if (strcmp(bad_accounts_cases[i].m.name, "mode") == 0)
			(void)load_changed(&c, &s, &(struct member)ACCOUNT(name), "acme",
			    bad_accounts_cases[i].mode);
		else
			(void)load_changed(&c, &s, &bad_accounts_cases[i].m,
			    bad_accounts_cases[i].value, bad_accounts_cases[i].mode);
		check_int(bad_accounts_cases[i].name, s.lines, 1);
		CHECK(bad_accounts_cases[i].name, names_member(text_of(&s), "accounts[0]",
		    bad_accounts_cases[i].m.name));
		CHECK(bad_accounts_cases[i].name, strcmp(bad_accounts_cases[i].m.name,
		    "name") == 0 ||
		    strstr(text_of(&s), "acme") != NULL);
		if (is_secret(bad_accounts_cases[i].m.name) &&
		    bad_accounts_cases[i].value != NULL &&
		    strlen(bad_accounts_cases[i].value) >= 4)
			CHECK(bad_accounts_cases[i].name, strstr(text_of(&s),
			    bad_accounts_cases[i].value) == NULL);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* UNIONID needs a control_url or a secret. */
static void
by_unionid(void **state)
{
	static const struct {
		const char	*name, *control_url, *secret;
		int		 problems;
	} cases[] = {
		{ "neither", NULL, "", 1 },
		{ "a control server", "https://control.example/token", NULL, 0 },
		{ "ourselves", NULL, X32, 0 },
		{ "both", "https://control.example/token", X32, 0 },
	};
	struct account	 a = good;
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	a.identity = UNIONID;
	for (i = 0; i < COUNT(cases); i++) {
		a.control_url = cases[i].control_url;
		a.secret = cases[i].secret;
		s = (struct said){ .clean = true };
		check_int(cases[i].name, conf_load_from(&c, &a, 1, &none, add_line, &s),
		    cases[i].problems);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* An operator's word for an account: its path first, then its name, then its AppID. */
static void
finding(void **state)
{
	struct account	 a[3] = { good, good, good };
	struct said	 s = { .clean = true };
	struct conf	 c;

	(void)state;
	a[1].path = "other";
	a[2].path = "ACME";
	check_int("three", conf_load_from(&c, a, 3, &none, add_line, &s), 0);
	c.accounts[2].name = "other";	/* which is the path of the second account */
	c.accounts[1].name = "Shop";
	c.accounts[0].appid = "wx0000000000000000";
	CHECK("by path, before a name", conf_find(&c, "other") == &c.accounts[1]);
	CHECK("by name", conf_find(&c, "Shop") == &c.accounts[1]);
	CHECK("by AppID", conf_find(&c, "wx0000000000000000") == &c.accounts[0]);
	CHECK("by nothing", conf_find(&c, "") == NULL && conf_find(&c, "shop") == NULL);
	CHECK("meant", conf_means(&c.accounts[2], "other") && conf_means(&c.accounts[2], "ACME"));
	c.accounts[0].path = c.accounts[0].name = NULL;	/* as if its file could not be read */
	CHECK("nameless", conf_find(&c, "acme") == NULL);
	conf_free(&c);
	buf_free(&s.text);
}

static void
several_accounts(void **state)
{
	struct account	 a[3] = { good, good, good };
	struct conf	 c;
	struct said	 s = { .clean = true };

	(void)state;
	check_int("none", conf_load_from(&c, NULL, 0, &none, add_line, &s), 1);
	CHECK("none", strstr(text_of(&s), "accounts") != NULL);
	CHECK("none", conf_account(&c, slice_of("acme")) == NULL);
	conf_free(&c);
	buf_free(&s.text);

	a[1].path = "other";
	s = (struct said){ .clean = true };
	check_int("a path twice", conf_load_from(&c, a, 3, &none, add_line, &s), 1);
	CHECK("a path twice", names_member(text_of(&s), "accounts[2]", "path"));
	conf_free(&c);
	buf_free(&s.text);

	a[2].path = "ACME";
	s = (struct said){ .clean = true };
	check_int("three", conf_load_from(&c, a, 3, &none, add_line, &s), 0);
	CHECK("first", conf_account(&c, slice_of("acme")) == &c.accounts[0]);
	CHECK("second", conf_account(&c, slice_of("other")) == &c.accounts[1]);
	CHECK("case counts", conf_account(&c, slice_of("ACME")) == &c.accounts[2]);
	CHECK("prefix", conf_account(&c, slice_of("acm")) == NULL);
	CHECK("longer", conf_account(&c, slice_of("acmeX")) == NULL);
	CHECK("NUL", conf_account(&c, (struct slice){ "acme\0", 5 }) == NULL);
	CHECK("empty", conf_account(&c, slice_of("")) == NULL);
	CHECK("absent", conf_account(&c, slice_of(NULL)) == NULL);
	conf_free(&c);
	buf_free(&s.text);

	a[0].token = NULL;
	a[1].service_id = "";
	s = (struct said){ .clean = true };
	check_int("all problems at once", conf_load_from(&c, a, 3, &none, add_line, &s), 2);
	CHECK("first", names_member(text_of(&s), "accounts[0]", "token"));
	CHECK("second", names_member(text_of(&s), "accounts[1]", "service_id"));
	conf_free(&c);
	buf_free(&s.text);
}

/* An account without a name gets its path as name. */
static void
default_name(void **state)
{
	struct account	 a = good;
	struct conf	 c;
	struct said	 s = { .clean = true };

	(void)state;
	a.name = NULL;
	check_int("none", conf_load_from(&c, &a, 1, &none, add_line, &s), 0);
	check_text("none", c.accounts[0].name, "acme");
	conf_free(&c);
	a.name = "Acme & Co";
	check_int("given", conf_load_from(&c, &a, 1, &none, add_line, &s), 0);
	check_text("given", c.accounts[0].name, "Acme & Co");
	conf_free(&c);
	buf_free(&s.text);
	check_text("safe", conf_mode_name(SAFE), "safe");
	check_text("compatible", conf_mode_name(COMPATIBLE), "compatible");
	check_text("plain", conf_mode_name(PLAIN), "plain");
}

static const struct {
	const char	*name;
	size_t		 off;
	int		 want;
} default_numbers[] = {
	{ "threads", offsetof(struct settings, threads), 64 },
	{ "deadline_ms", offsetof(struct settings, deadline_ms), 4000 },
	{ "forward_ms", offsetof(struct settings, forward_ms), 2500 },
	{ "connect_ms", offsetof(struct settings, connect_ms), 1000 },
	{ "io_ms", offsetof(struct settings, io_ms), 2000 },
	{ "body_max", offsetof(struct settings, body_max), 65536 },
	{ "fresh_s", offsetof(struct settings, fresh_s), 600 },
	{ "one_per_item", offsetof(struct settings, one_per_item), 0 },
	{ "collector", offsetof(struct settings, collector), 0 },
};

static void
defaults(void **state)
{
	struct settings	 given = {
		.state_dir = "/s", .ca_file = "/c", .log = "syslog", .threads = 3,
		.deadline_ms = 5000, .forward_ms = 1, .connect_ms = 2, .io_ms = 4,
		.body_max = 1 << 20, .fresh_s = 30, .one_per_item = 1, .collector = 1,
		.is_scan_yes = "1", .is_scan_no = "0", .article_url = "url",
	};
	struct conf	 c;
	struct said	 s = { .clean = true };
	size_t		 i;

	(void)state;
	check_int("nothing set", conf_load_from(&c, &good, 1, &none, add_line, &s), 0);
	for (i = 0; i < COUNT(default_numbers); i++)
		check_int(default_numbers[i].name,
		    *(const int *)(const void *)((const char *)&c.set + default_numbers[i].off),
		    default_numbers[i].want);
	CHECK("state_dir", c.set.state_dir != NULL && *c.set.state_dir == '/');
	CHECK("ca_file", c.set.ca_file == NULL);
	check_text("log", c.set.log, "stderr");
	check_text("is_scan_yes", c.set.is_scan_yes, "true");
	check_text("is_scan_no", c.set.is_scan_no, "false");
	check_text("article_url", c.set.article_url, "article_URL");
	conf_free(&c);

	check_int("all set", conf_load_from(&c, &good, 1, &given, add_line, &s), 0);
	for (i = 0; i < COUNT(default_numbers); i++)
		check_int(default_numbers[i].name,
		    *(const int *)(const void *)((const char *)&c.set + default_numbers[i].off),
		    *(const int *)(const void *)((const char *)&given + default_numbers[i].off));
	check_text("state_dir", c.set.state_dir, "/s");
	check_text("ca_file", c.set.ca_file, "/c");
	check_text("log", c.set.log, "syslog");
	check_text("is_scan_yes", c.set.is_scan_yes, "1");
	check_text("is_scan_no", c.set.is_scan_no, "0");
	check_text("article_url", c.set.article_url, "url");
	conf_free(&c);
	buf_free(&s.text);
}

static void
bad_settings(void **state)
{
	static const struct {
		const char	*name;
		struct member	 m;
		int		 value;
	} cases[] = {
		{ "threads below 1", SETTING(threads), -1 },
		{ "threads over 1024", SETTING(threads), 1025 },
		{ "deadline_ms below 1", SETTING(deadline_ms), -1 },
		{ "deadline_ms over WeChat's 5 s", SETTING(deadline_ms), 5001 },
		{ "forward_ms below 1", SETTING(forward_ms), -1 },
		{ "forward_ms over 5 s", SETTING(forward_ms), 5001 },
		{ "connect_ms below 1", SETTING(connect_ms), -1 },
		{ "connect_ms over 5 s", SETTING(connect_ms), 5001 },
		{ "io_ms below 1", SETTING(io_ms), -1 },
		{ "body_max below 1", SETTING(body_max), -1 },
		{ "body_max without measure", SETTING(body_max), 0x7FFFFFFF },
		{ "fresh_s below -1", SETTING(fresh_s), -2 },
		{ "one_per_item neither 0 nor 1", SETTING(one_per_item), 2 },
		{ "collector neither 0 nor 1", SETTING(collector), 2 },
		{ "collector below 0", SETTING(collector), -1 },
	};
	struct settings	 set;
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set = none;
		*(int *)(void *)((char *)&set + cases[i].m.off) = cases[i].value;
		s = (struct said){ .clean = true };
		check_int(cases[i].name, conf_load_from(&c, &good, 1, &set, add_line, &s), 1);
		check_int(cases[i].name, s.lines, 1);
		CHECK(cases[i].name, names_member(text_of(&s), "settings", cases[i].m.name));
		conf_free(&c);
		buf_free(&s.text);
	}
}

static void
bad_settings_texts(void **state)
{
	static const struct member	 cases[] = {
		SETTING(state_dir), SETTING(ca_file), SETTING(log), SETTING(is_scan_yes),
		SETTING(is_scan_no), SETTING(article_url),
	};
	struct settings	 set;
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set = none;
		*text_at(&set, cases[i].off) = "/" X1024;
		s = (struct said){ .clean = true };
		check_int(cases[i].name, conf_load_from(&c, &good, 1, &set, add_line, &s), 1);
		CHECK(cases[i].name, names_member(text_of(&s), "settings", cases[i].name));
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* The token is in a file: the file's content, and whether it is accepted. */
static void
from_files(void **state)
{
	static char		 big[4097];
	static const struct {
		const char	*name;
		struct slice	 content;
		const char	*want;		/* NULL: refused */
	} cases[] = {
		{ "no line end", BYTES("secret"), "secret" },
		{ "line end", BYTES("secret\n"), "secret" },
		{ "CR LF", BYTES("secret\r\n"), "secret" },
		{ "blanks around", BYTES(" \tse cret \n"), "se cret" },
		{ "@ and $ are themselves", BYTES("@/etc/passwd"), "@/etc/passwd" },
		{ "Windows' Notepad", BYTES("\xEF\xBB\xBFsec2\r\n"), "sec2" },
		{ "two marks, blanks between", BYTES("\xEF\xBB\xBF \xEF\xBB\xBFs"), "s" },
		{ "mark at the end", BYTES("s\xEF\xBB\xBF"), "s" },
		{ "no-break space", BYTES("\xC2\xA0s\xC2\xA0\n"), "s" },
		{ "wide blank", BYTES("\xE3\x80\x80s\xE3\x80\x80"), "s" },
		{ "zero width space around", BYTES("\xE2\x80\x8Bs\xE2\x80\x8B\r\n"), "s" },
		{ "line separator around", BYTES("s\xE2\x80\xA8"), "s" },
		{ "form feed, vertical tab, NEL", BYTES("\f\vs\xC2\x85"), "s" },
		{ "Chinese", BYTES("\xE4\xB8\xAD\n"), "\xE4\xB8\xAD" },
		{ "only a mark", BYTES("\xEF\xBB\xBF"), NULL },
		{ "only white space", BYTES(" \t\r\n\xE3\x80\x80"), NULL },
		{ "inner line end", BYTES("a\nb\n"), NULL },
		{ "inner tab", BYTES("a\tb"), NULL },
		{ "inner mark", BYTES("a\xEF\xBB\xBF" "b"), NULL },
		{ "inner zero width space", BYTES("a\xE2\x80\x8B" "b"), NULL },
		{ "inner no-break space", BYTES("a\xC2\xA0" "b"), NULL },
		{ "escape", BYTES("\x1b[31m"), NULL },
		{ "override of the direction", BYTES("a\xE2\x80\xAE"), NULL },
		{ "GBK", BYTES("\xD6\xD0\xCE\xC4"), NULL },
		{ "UTF-16, little end first", BYTES("\xFF\xFEs\0e\0c\0"), NULL },
		{ "UTF-16, big end first", BYTES("\xFE\xFF\0s\0e\0c"), NULL },
		{ "UTF-16 without a mark", BYTES("s\0e\0c\0\r\0\n\0"), NULL },
		{ "empty", BYTES(""), NULL },
		{ "only a line end", BYTES("\n"), NULL },
		{ "NUL", BYTES("a\0b"), NULL },
		{ "256", BYTES(X256), X256 },
		{ "too long for the field", BYTES(X256 "a"), NULL },
		{ "over 4096", { big, sizeof(big) }, NULL },
	};
	char		 value[300];
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	memset(big, 'a', sizeof(big));
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(value, sizeof(value), "@%s", unit_file("f", cases[i].content));
		(void)load_changed(&c, &s, &(struct member)ACCOUNT(service_secret), value, SAFE);
		check_int(cases[i].name, s.lines, cases[i].want == NULL);
		if (cases[i].want != NULL)
			check_text(cases[i].name, c.accounts[0].service_secret, cases[i].want);
		else
			CHECK(cases[i].name, names_member(text_of(&s), "accounts[0]",
			    "service_secret"));
		conf_free(&c);
		buf_free(&s.text);
	}
}

static void
from_no_files(void **state)
{
	static const struct {
		const char	*name, *file;	/* in unit_dir(); NULL: there is no file */
	} cases[] = {
		{ "not there", "/nothing" }, { "a directory", "" }, { "no name", NULL },
	};
	char		 value[300];
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(value, sizeof(value), "@%s%s",
		    cases[i].file == NULL ? "" : unit_dir(),
		    cases[i].file == NULL ? "" : cases[i].file);
		(void)load_changed(&c, &s, &(struct member)ACCOUNT(token), value, SAFE);
		check_int(cases[i].name, s.lines, 1);
		CHECK(cases[i].name, names_member(text_of(&s), "accounts[0]", "token"));
		CHECK(cases[i].name, c.accounts[0].token == NULL);
		conf_free(&c);
		buf_free(&s.text);
	}
}

static void
from_environment(void **state)
{
	static const struct {
		const char	*name, *value, *variable, *set;
		const char	*want;		/* NULL: refused */
	} cases[] = {
		{ "set", "$QTOA_UNIT", "QTOA_UNIT", "fromEnv", "fromEnv" },
		{ "checked like any other", "$QTOA_UNIT", "QTOA_UNIT", "x", NULL },
		{ "@ is itself there", "$QTOA_UNIT", "QTOA_UNIT", "@/etc/passwd", NULL },
		{ "empty", "$QTOA_UNIT", "QTOA_UNIT", "", NULL },
		{ "not set", "$QTOA_UNIT_NOT", "QTOA_UNIT", "x", NULL },
		{ "no name", "$", "QTOA_UNIT", "x", NULL },
		{ "client's header", "$HTTP_X_TOKEN", "HTTP_X_TOKEN", "fromEnv", NULL },
		{ "client's proxy", "$HTTP_PROXY", "HTTP_PROXY", "fromEnv", NULL },
		{ "only the prefix", "$HTTP_", "HTTP_", "fromEnv", NULL },
		{ "query", "$QUERY_STRING", "QUERY_STRING", "fromEnv", NULL },
		{ "request URI", "$REQUEST_URI", "REQUEST_URI", "fromEnv", NULL },
		{ "method", "$REQUEST_METHOD", "REQUEST_METHOD", "fromEnv", NULL },
		{ "path", "$PATH_INFO", "PATH_INFO", "fromEnv", NULL },
		{ "path on disk", "$PATH_TRANSLATED", "PATH_TRANSLATED", "fromEnv", NULL },
		{ "type", "$CONTENT_TYPE", "CONTENT_TYPE", "fromEnv", NULL },
		{ "length", "$CONTENT_LENGTH", "CONTENT_LENGTH", "fromEnv", NULL },
		{ "user", "$REMOTE_USER", "REMOTE_USER", "fromEnv", NULL },
		{ "host name as asked for", "$SERVER_NAME", "SERVER_NAME", "fromEnv", NULL },
		{ "like a header, but not", "$HTTPX", "HTTPX", "fromEnv", "fromEnv" },
	};
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(setenv(cases[i].variable, cases[i].set, 1), 0);
		(void)load_changed(&c, &s, &(struct member)ACCOUNT(token), cases[i].value, SAFE);
		check_int(cases[i].name, s.lines, cases[i].want == NULL);
		if (cases[i].want != NULL)
			check_text(cases[i].name, c.accounts[0].token, cases[i].want);
		else
			CHECK(cases[i].name, names_member(text_of(&s), "accounts[0]", "token"));
		/* The configuration has its own copy of the value. */
		assert_int_equal(setenv(cases[i].variable, "another", 1), 0);
		assert_int_equal(unsetenv(cases[i].variable), 0);
		if (cases[i].want != NULL)
			check_text(cases[i].name, c.accounts[0].token, cases[i].want);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* Settings may be in files too; an empty value counts as not set. */
static void
settings_from_outside(void **state)
{
	static const struct {
		const char	*name, *set, *want;
	} cases[] = {
		{ "set", "/some/where", "/some/where" },
		{ "empty", "", NULL },
	};
	struct settings	 set = { .state_dir = "$QTOA_UNIT" };
	struct conf	 c;
	struct said	 s = { .clean = true };
	size_t		 i;
	int		 problems;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(setenv("QTOA_UNIT", cases[i].set, 1), 0);
		problems = conf_load_from(&c, &good, 1, &set, add_line, &s);
		if (cases[i].want != NULL)
			check_text(cases[i].name, c.set.state_dir, cases[i].want);
		else	/* state_dir must never be "", which is the root of all paths */
			CHECK(cases[i].name, problems != 0 || *c.set.state_dir != '\0');
		conf_free(&c);
	}
	assert_int_equal(unsetenv("QTOA_UNIT"), 0);
	s.lines = 0;
	check_int("not set", conf_load_from(&c, &good, 1, &set, add_line, &s), 1);
	CHECK("not set", names_member(text_of(&s), "settings", "state_dir"));
	conf_free(&c);
	set.state_dir = "$HTTP_STATE";
	check_int("client's", conf_load_from(&c, &good, 1, &set, add_line, &s), 1);
	conf_free(&c);
	buf_free(&s.text);
}

/* What is wrong with a file is said, and not what is in it. */
static void
words_about_files(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 content;
		const char	*words;
	} cases[] = {
		{ "UTF-16", BYTES("\xFF\xFEs\0e\0c\0"), "is UTF-16, which Notepad" },
		{ "UTF-16 without a mark", BYTES("s\0e\0c\0"), "is UTF-16, which Notepad" },
		{ "NUL", BYTES("sec\0"), "has a NUL byte" },
		{ "GBK", BYTES("sec\xD6\xD0"), "character 4 is not UTF-8: save" },
		{ "zero width space", BYTES("s\xE2\x80\x8B" "ec"), "character 2 is U+200B, which" },
		{ "two lines", BYTES("sec\nsec"), "character 4 is U+000A, which" },
		{ "nothing", BYTES("\xEF\xBB\xBF\r\n"), "/f is empty: copy it from" },
	};
	char		 value[300];
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(value, sizeof(value), "@%s", unit_file("f", cases[i].content));
		(void)load_changed(&c, &s, &(struct member)ACCOUNT(service_secret), value, SAFE);
		if (!CHECK(cases[i].name, strstr(text_of(&s), cases[i].words) != NULL))
			print_error("  %s", text_of(&s));
		CHECK(cases[i].name, strstr(text_of(&s), "sec\n") == NULL &&
		    strstr(text_of(&s), ": sec") == NULL);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* Every text of an account and of the settings loses what is around its value. */
static void
every_field_is_stripped(void **state)
{
	static const struct {
		struct member	 m;
		const char	*value;
	} cases[] = {
		{ ACCOUNT(path), "acme" }, { ACCOUNT(name), "\xE4\xB8\xAD" },
		{ ACCOUNT(appid), "wx0123456789abcdef" }, { ACCOUNT(token), "abc" },
		{ ACCOUNT(token_old), "abc" }, { ACCOUNT(aes_key), KEY },
		{ ACCOUNT(aes_key_old), KEY }, { ACCOUNT(qt_url), "https://qt.example/a" },
		{ ACCOUNT(qt_url_standby), "https://qt.example/a" }, { ACCOUNT(app_key), "k" },
		{ ACCOUNT(service_id), "i" }, { ACCOUNT(service_secret), "s" },
		{ ACCOUNT(secret), "s" }, { ACCOUNT(control_key), "0123456789abcdef" },
		{ ACCOUNT(control_allow), "192.0.2.7\r\n::1" },
		{ ACCOUNT(control_url), "https://c.example/a" },
		{ ACCOUNT(control_token_path), "$.token" },
	};
	char		 text[300], value[300];
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < 2 * COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text), "\xEF\xBB\xBF \t%s\xC2\xA0\r\n",
		    cases[i / 2].value);
		(void)snprintf(value, sizeof(value), "@%s", unit_file("f", slice_of(text)));
		assert_int_equal(setenv("QTOA_UNIT", text, 1), 0);
		if (!check_int(cases[i / 2].m.name, load_changed(&c, &s, &cases[i / 2].m,
		    i % 2 == 0 ? value : "$QTOA_UNIT", SAFE), 0))
			print_error("  %s", text_of(&s));
		else
			check_text(cases[i / 2].m.name, *text_at(&c.accounts[0],
			    cases[i / 2].m.off), cases[i / 2].value);
		conf_free(&c);
		buf_free(&s.text);
	}
	assert_int_equal(unsetenv("QTOA_UNIT"), 0);
}

static void
every_setting_is_stripped(void **state)
{
	static const struct {
		struct member	 m;
		const char	*value;
	} cases[] = {
		{ SETTING(state_dir), "/s" }, { SETTING(ca_file), "/c" }, { SETTING(log), "syslog" },
		{ SETTING(is_scan_yes), "\xE6\x98\xAF" }, { SETTING(is_scan_no), "0" },
		{ SETTING(article_url), "url" }, { SETTING(wechat_api), "https://w.example" },
		{ SETTING(report_allow), "::1 127.0.0.1" }, { SETTING(metrics_allow), "::1" },
		{ SETTING(log_level), "notice" },
	};
	struct settings	 set;
	char		 text[300];
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text), "\xEF\xBB\xBF%s\xE3\x80\x80\r\n",
		    cases[i].value);
		assert_int_equal(setenv("QTOA_UNIT", text, 1), 0);
		set = none;
		*text_at(&set, cases[i].m.off) = "$QTOA_UNIT";
		s = (struct said){ .clean = true };
		check_int(cases[i].m.name, conf_load_from(&c, &good, 1, &set, add_line, &s), 0);
		check_text(cases[i].m.name, *text_at(&c.set, cases[i].m.off), cases[i].value);
		conf_free(&c);
		buf_free(&s.text);
	}
	assert_int_equal(unsetenv("QTOA_UNIT"), 0);
}

/* Of an account or the settings with one odd value, that value is reported. */
static void
warnings(void **state)
{
	static const struct {
		const char	*name;
		struct member	 m;
		const char	*value, *words;	/* NULL: nothing is odd */
	} cases[] = {
		{ "nothing", ACCOUNT(path), "acme", NULL },
		{ "original ID", ACCOUNT(appid), "gh_0123456789ab", "the account's original ID" },
		{ "short AppID", ACCOUNT(appid), "wx0123456789abcde", "is not wx and 16" },
		{ "long AppID", ACCOUNT(appid), "wx0123456789abcdef0", "is not wx and 16" },
		{ "AppID in capitals", ACCOUNT(appid), "WX0123456789ABCDEF", "is not wx and 16" },
		{ "AppID with an o", ACCOUNT(appid), "wxo123456789abcdef", "is not wx and 16" },
		{ "no path", ACCOUNT(qt_url), "https://qt.example", "has no path" },
		{ "only a slash", ACCOUNT(qt_url), "https://qt.example:443/", "has no path" },
		{ "only a query", ACCOUNT(qt_url), "https://qt.example?a=/b", "has no path" },
		{ "slash and query", ACCOUNT(qt_url), "https://qt.example/?a", "has no path" },
		{ "standby", ACCOUNT(qt_url_standby), "https://b.example", "has no path" },
		{ "no standby", ACCOUNT(qt_url_standby), NULL, NULL },
		{ "any path", ACCOUNT(qt_url), "http://127.0.0.1:80/qt", NULL },
		{ "no app_key", ACCOUNT(app_key), NULL, "is empty" },
		{ "empty app_key", ACCOUNT(app_key), "", "is empty" },
		{ "name in Chinese", ACCOUNT(name), "\xE4\xB8\xAD", NULL },
		{ "name in GBK", ACCOUNT(name), "\xD6\xD0", "not printable UTF-8" },
		{ "name with a blank behind", ACCOUNT(name), "a ", "not printable UTF-8" },
		{ "name that turns around", ACCOUNT(name), "\xE2\x80\xAE" "a",
		    "not printable UTF-8" },
	};
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, load_changed(&c, &s, &cases[i].m, cases[i].value, SAFE), 0);
		conf_warn_all(&c, add_warning, &s);
		check_int(cases[i].name, s.lines, cases[i].words != NULL);
		if (cases[i].words != NULL) {
			CHECK(cases[i].name, strstr(text_of(&s), cases[i].words) != NULL);
			CHECK(cases[i].name, names_member(text_of(&s), "accounts[0]",
			    cases[i].m.name));
		}
		conf_free(&c);
		buf_free(&s.text);
	}
}

static void
warnings_of_settings(void **state)
{
	static const struct {
		struct member	 m;
		const char	*value;
		int		 lines;
	} cases[] = {
		{ SETTING(state_dir), "/var/lib/qtoa", 0 }, { SETTING(state_dir), "state", 1 },
		{ SETTING(state_dir), "./state", 1 }, { SETTING(state_dir), "~/state", 1 },
		{ SETTING(ca_file), "ca.pem", 1 }, { SETTING(ca_file), NULL, 0 },
		{ SETTING(log), "stderr", 0 }, { SETTING(log), "syslog", 0 },
		{ SETTING(log), "/var/log/q", 0 }, { SETTING(log), "q.log", 1 },
	};
	struct settings	 set;
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set = none;
		*text_at(&set, cases[i].m.off) = cases[i].value;
		s = (struct said){ .clean = true };
		check_int(cases[i].m.name, conf_load_from(&c, &good, 1, &set, add_line, &s), 0);
		conf_warn_all(&c, add_warning, &s);
		check_int(cases[i].m.name, s.lines, cases[i].lines);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* A number that takes a push of any age. */
static void
warnings_of_numbers(void **state)
{
	static const struct {
		const char	*name;
		int		 fresh_s;
		int		 lines, want;
	} cases[] = {
		{ "left out", 0, 0, 600 }, { "any age", -1, 1, -1 }, { "one second", 1, 0, 1 },
		{ "a day", 86400, 0, 86400 },
	};
	struct settings	 set;
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set = none;
		set.fresh_s = cases[i].fresh_s;
		s = (struct said){ .clean = true };
		check_int(cases[i].name, conf_load_from(&c, &good, 1, &set, add_line, &s), 0);
		check_int(cases[i].name, c.set.fresh_s, cases[i].want);
		conf_warn_all(&c, add_warning, &s);
		check_int(cases[i].name, s.lines, cases[i].lines);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* A list of WeChat's addresses is fetched with an access_token. */
static void
wechat_only(void **state)
{
	static const struct {
		const char		*name;
		enum conf_wechat_only	 value;
		const char		*secret;
		int			 problems, lines;
	} cases[] = {
		{ "off", OFF, NULL, 0, 0 }, { "no secret", ADVISE, NULL, 0, 1 },
		{ "no secret, enforced", ENFORCE, "", 0, 1 }, { "secret", ENFORCE, "s", 0, 0 },
		{ "no such value", (enum conf_wechat_only)7, "s", 1, 1 },
	};
	struct account	 account = good;
	struct settings	 set = none;
	struct conf	 c;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set.wechat_only = cases[i].value;
		account.secret = cases[i].secret;
		s = (struct said){ .clean = true };
		check_int(cases[i].name, conf_load_from(&c, &account, 1, &set, add_line, &s),
		    cases[i].problems);
		conf_warn_all(&c, add_warning, &s);
		check_int(cases[i].name, s.lines, cases[i].lines);
		conf_free(&c);
		buf_free(&s.text);
	}
}

/* The values of config.h pass the checks of the build. */
static void
built_values(void **state)
{
	struct said	 s = { .clean = true };

	(void)state;
	if (!check_int("config.h", conf_check_built(add_line, add_warning, &s), 0))
		print_error("  %s", text_of(&s));
	buf_free(&s.text);
}

static void
load_without_memory(void **state)
{
	struct conf	 c;
	struct said	 s = { .clean = true };
	struct account	 a = good;

	(void)state;
	assert_int_equal(buf_reserve(&s.text, 4096), ERR_OK);
	assert_int_equal(setenv("QTOA_UNIT", "fromEnv", 1), 0);
	a.token = "$QTOA_UNIT";
	unit_memory = 1;
	check_int("said", conf_load_from(&c, &a, 1, &none, add_line, &s), 1);
	CHECK("names the field", names_member(text_of(&s), "accounts[0]", "token"));
	conf_free(&c);
	buf_free(&s.text);
	assert_int_equal(unsetenv("QTOA_UNIT"), 0);
}

/* The rules of one struct, or of both. */
struct rules {
	const char		*name;		/* of the one that is looked for */
	const char		*of;
	struct conf_rule	 found;		/* the last of that name */
	int			 n, same;	/* all of them; those of that name */
};

/* A conf_each_rule. */
static void
find_rule(void *ctx, const struct conf_rule *rule)
{
	struct rules	*r = ctx;

	r->n++;
	if (strcmp(rule->of, r->of) != 0 || strcmp(rule->name, r->name) != 0)
		return;
	r->found = *rule;
	r->same++;
}

/* A conf_each_field: a member has one rule, and its default is that of the rule. */
static void
compare_rule(void *ctx, const struct conf_field *f)
{
	static const char	 relay[] = "relays[0].";
	struct rules	 r = { .name = f->name, .of = f->i == -1 ? "setting" : "account" };
	char		 number[16];
	const char	*dflt;

	if (strncmp(f->name, relay, sizeof(relay) - 1) == 0) {
		r.name = f->name + sizeof(relay) - 1;
		r.of = "relay";
	}
	conf_rules(find_rule, &r);
	*(int *)ctx += 1;
	check_int(f->name, r.same, 1);
	check_int(f->name, r.found.is_number, !f->is_text);
	(void)snprintf(number, sizeof(number), "%d", r.found.number);
	dflt = r.found.is_number ? number : r.found.dflt;
	if (f->i != -1 || f->value == NULL || dflt == NULL)
		return;
	if (strcasecmp(f->value, dflt) != 0)
		fail_msg("%s: the program has %s, the rule %s", f->name, f->value, dflt);
	CHECK(f->name, !r.found.is_number ||
	    (r.found.number >= r.found.min && r.found.number <= r.found.max));
}

static void
rules_of_members(void **state)
{
	struct account	 a = good;
	struct conf	 c;
	struct rules	 r = { .name = "token", .of = "account" };
	int		 members = 0;

	(void)state;
	a.relays[0].url = "https://crm.example/";
	check_int("problems", conf_load_from(&c, &a, 1, &none, NULL, NULL), 0);
	conf_members(&c, compare_rule, &members);
	conf_rules(find_rule, &r);
	check_int("rules and members", r.n, members);
	CHECK("a Token is required", r.found.is_required && r.found.alphabet == CONF_ALNUM);
	check_int("characters", r.found.min * 100 + r.found.max, 332);
	r.name = "mode";
	conf_rules(find_rule, &r);
	check_int("modes", r.found.n, 3);
	assert_string_equal(r.found.choices[2], "PLAIN");
	conf_free(&c);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(good_accounts), TEST(bad_accounts), TEST(by_unionid),
		TEST(several_accounts), TEST(finding), TEST(default_name), TEST(defaults),
		TEST(bad_settings), TEST(bad_settings_texts), TEST(from_files),
		TEST(from_no_files), TEST(from_environment), TEST(settings_from_outside),
		TEST(words_about_files), TEST(every_field_is_stripped),
		TEST(every_setting_is_stripped), TEST(warnings),
		TEST(warnings_of_settings), TEST(warnings_of_numbers), TEST(wechat_only),
		TEST(built_values), TEST(rules_of_members),
		TEST(load_without_memory),
	};

	return RUN("conf", tests);
}
