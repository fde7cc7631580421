#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf.h"
#include "core/conf_env.h"
#include "tests/unit/unit.h"

#define KEY	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

static void
prefixes(void **state)
{
	static const struct {
		const char	*prefix;
		bool		 good;
	} cases[] = {
		{ "QTOA_", true }, { "QTOA_2_", true }, { "A_", true }, { "X9_", true },
		{ "ABCDEFGHIJKLMNOPQRSTUVW_", true }, { "ABCDEFGHIJKLMNOPQRSTUVWX_", false },
		{ "", false }, { "_", false }, { "QTOA", false }, { "qtoa_", false },
		{ "2QTOA_", false }, { "QT-OA_", false }, { "QTOA _", false }, { "$QTOA_", false },
		{ "@QTOA_", false }, { "HTTP_", false }, { "HTTP_X_", false },
		{ "REQUEST_", false }, { "SERVER_", false }, { "\xC3\x84_", false },
	};
	struct conf_value_reason	 r;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].prefix, conf_env_is_prefix(&r, cases[i].prefix), cases[i].good);
}

static void
members(void **state)
{
	(void)state;
	CHECK("a member", conf_env_has("T_", "token"));
	CHECK("the prefix itself", !conf_env_has("T_", "environment"));
	CHECK("no prefix", !conf_env_has(NULL, "token"));
	CHECK("an empty one", !conf_env_has("", "token"));
	CHECK("a client's", !conf_env_has("HTTP_", "token"));
}

static void
names(void **state)
{
	char	 name[CONF_ENV_NAME];

	(void)state;
	assert_int_equal(unsetenv("T_AES_KEY_OLD"), 0);
	assert_false(conf_env_find(name, "T_", "aes_key_old"));
	assert_string_equal(name, "$T_AES_KEY_OLD");
	assert_int_equal(setenv("T_AES_KEY_OLD", "", 1), 0);
	assert_false(conf_env_find(name, "T_", "aes_key_old"));
	assert_int_equal(setenv("T_AES_KEY_OLD", "x", 1), 0);
	CHECK("set", conf_env_find(name, "T_", "aes_key_old"));
	assert_int_equal(unsetenv("T_AES_KEY_OLD"), 0);
}

static void
numbers(void **state)
{
	static const struct {
		const char	*text;
		int		 n;		/* 99: it is refused */
		const char	*why;
	} cases[] = {
		{ "1", 1, "" }, { "64", 64, "" }, { "-1", -1, "" }, { "007", 7, "" }, { "0", 0, "" },
		{ "65", 99, "65, must be -1 to 64" }, { "-2", 99, "-2, must be -1 to 64" },
		{ "99999999999999999999", 99, "99999999999999999999, must be -1 to 64" },
		{ "4294967297", 99, "must be" },
		{ "", 99, "is not a whole number: write one from -1 to 64" },
		{ "x", 99, "whole" }, { "1x", 99, "whole" }, { "1.5", 99, "whole" },
		{ "1e1", 99, "whole" }, { " 1", 99, "whole" }, { "+1", 99, "whole" },
		{ "0x10", 99, "whole" }, { "--1", 99, "whole" },
	};
	struct conf_value_reason	 r;
	size_t				 i;
	int				 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		n = 99;
		*r.text = '\0';
		check_int(cases[i].text, conf_env_number(&r, &n, cases[i].text, -1, 64),
		    cases[i].n != 99);
		check_int(cases[i].text, n, cases[i].n);
		CHECK(cases[i].text, strstr(r.text, cases[i].why) != NULL);
	}
}

static void
choices(void **state)
{
	static const char *const	 all[] = { "SAFE", "COMPATIBLE", "PLAIN" };
	static const struct {
		const char	*text;
		int		 choice;	/* -1: it is refused */
	} cases[] = {
		{ "SAFE", 0 }, { "safe", 0 }, { "Compatible", 1 }, { "PLAIN", 2 }, { "plane", -1 },
		{ "", -1 }, { "SAF", -1 }, { "SAFES", -1 }, { "0", -1 },
	};
	struct conf_value_reason	 r;
	size_t				 i;
	int				 choice;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		choice = -1;
		check_int(cases[i].text, conf_env_choice(&r, &choice, cases[i].text, all, 3),
		    cases[i].choice != -1);
		check_int(cases[i].text, choice, cases[i].choice);
		if (choice == -1)
			assert_string_equal(r.text, "must be SAFE, COMPATIBLE or PLAIN");
	}
}

/* Whole configurations.  A variable is "NAME=VALUE"; the problems are what is expected of them. */

enum { VARIABLES = 12, PROBLEMS = 6 };

static const char *const	one[] = {
	"T_PATH=shop", "T_APPID=wx0123456789abcdef", "T_TOKEN=tokenTOKEN0", "T_AES_KEY=" KEY,
	"T_QT_URL=https://qt.example/x", "T_APP_KEY=k", "T_SERVICE_ID=i", "T_SERVICE_SECRET=hush",
	NULL
};

static const struct {
	const char	*name;
	const char	*set[VARIABLES];	/* beside those of one[] */
	size_t		 accounts;
	const char	*problems[PROBLEMS];
} loads[] = {
	{ "one account", { NULL }, 1, { NULL } },
	{ "its mode", { "T_MODE=plain", "T_AES_KEY=" }, 1, { NULL } },
	{ "a mode that is none", { "T_MODE=plane" }, 1,
	  { "T_MODE: must be SAFE, COMPATIBLE or PLAIN" } },
	{ "identity", { "T_IDENTITY=UNIONID", "T_SECRET=appSecret" }, 1, { NULL } },
	{ "an identity that is none", { "T_IDENTITY=name" }, 1,
	  { "T_IDENTITY: must be OPENID or UNIONID" } },
	{ "numbers", { "T_THREADS=7", "T_FRESH_S=-1" }, 1, { NULL } },
	{ "too large", { "T_THREADS=1025" }, 1, { "T_THREADS: 1025, must be 1 to 1024" } },
	{ "too small", { "T_THREADS=0" }, 1, { "T_THREADS: 0, must be 1 to 1024" } },
	{ "no number", { "T_THREADS=many" }, 1,
	  { "T_THREADS: is not a whole number: write one from 1 to 1024" } },
	{ "a blank around", { "T_THREADS= 7 ", "T_TOKEN= tokenTOKEN0\r" }, 1, { NULL } },
	{ "no token", { "T_TOKEN=" }, 1, { "T_TOKEN: missing" } },
	{ "a short token", { "T_TOKEN=ab" }, 1, { "T_TOKEN: 2 characters, must be 3 to 32" } },
	{ "a setting", { "T_LOG_LEVEL=loud" }, 1, { "T_LOG_LEVEL: must be debug, info" } },
	{ "a file that is not there", { "T_TOKEN=@/nonexistent/t" }, 1,
	  { "T_TOKEN: /nonexistent/t: No such file" } },
	{ "no name of a file", { "T_TOKEN=@" }, 1, { "T_TOKEN: a name must follow @" } },
	{ "no variable twice", { "T_TOKEN=$T_APPID" }, 1, { "T_TOKEN: may contain only letters" } },
	{ "two", { "T_2_PATH=news", "T_2_APPID=wx0123456789abcdee", "T_2_TOKEN=token2",
	  "T_2_MODE=PLAIN", "T_2_QT_URL=http://qt/x", "T_2_SERVICE_ID=i",
	  "T_2_SERVICE_SECRET=s" }, 2, { NULL } },
	{ "half of the second", { "T_2_TOKEN=token2" }, 2,
	  { "T_2_PATH: missing", "T_2_APPID: missing", "T_2_AES_KEY: missing",
	    "T_2_QT_URL: missing", "T_2_SERVICE_ID: missing", "T_2_SERVICE_SECRET: missing" } },
	{ "the same path", { "T_2_PATH=shop", "T_2_APPID=wx0123456789abcdee", "T_2_TOKEN=token2",
	  "T_2_MODE=PLAIN", "T_2_QT_URL=http://qt/x", "T_2_SERVICE_ID=i",
	  "T_2_SERVICE_SECRET=s" }, 2, { "T_2_PATH: accounts[0] has the same path" } },
};

static const struct account	accounts[] = {
	{ .environment = "T_" }, { .environment = "T_2_" },
};
static const struct settings	settings = { .environment = "T_" };

static void
set_all(const char *const *set, bool on)
{
	const char	*value;
	char		 name[64];

	for (; *set != NULL; set++) {
		value = strchr(*set, '=');
		(void)snprintf(name, sizeof(name), "%.*s", (int)(value - *set), *set);
		assert_int_equal(on ? setenv(name, value + 1, 1) : unsetenv(name), 0);
	}
}

struct said {
	char	 text[4096];
	int	 n;
};

static void
add_line(void *ctx, const char *line)
{
	struct said	*s = ctx;
	const size_t	 len = strlen(s->text);

	(void)snprintf(s->text + len, sizeof(s->text) - len, "%s\n", line);
	s->n++;
}

static void
load(void **state)
{
	struct said	 s;
	struct conf	 c;
	size_t		 i;
	int		 k, n;

	(void)state;
	for (i = 0; i < COUNT(loads); i++) {
		s = (struct said){ .n = 0 };
		set_all(one, true);
		set_all(loads[i].set, true);
		n = conf_load_from(&c, accounts, 2, &settings, add_line, &s);
		check_int(loads[i].name, n, s.n);
		check_int(loads[i].name, (int64_t)c.n, (int64_t)loads[i].accounts);
		for (k = 0; k < PROBLEMS && loads[i].problems[k] != NULL; k++)
			CHECK(loads[i].problems[k], strstr(s.text, loads[i].problems[k]) != NULL);
		check_int(loads[i].name, s.n, k);
		CHECK("no secret", strstr(s.text, "hush") == NULL && strstr(s.text, KEY) == NULL);
		conf_free(&c);
		set_all(loads[i].set, false);
		set_all(one, false);
	}
}

static void
values(void **state)
{
	static const char *const	 set[] = {
		"T_MODE=compatible", "T_IDENTITY=unionid", "T_SECRET=appSecret", "T_THREADS=7",
		"T_STATE_DIR=/srv/q", "T_FRESH_S=-1", NULL
	};
	struct said	 s = { .n = 0 };
	struct conf	 c;

	(void)state;
	set_all(one, true);
	set_all(set, true);
	assert_int_equal(conf_load_from(&c, accounts, 2, &settings, add_line, &s), 0);
	assert_string_equal(c.accounts[0].path, "shop");
	assert_string_equal(c.accounts[0].name, "shop");
	assert_string_equal(c.accounts[0].token, "tokenTOKEN0");
	assert_string_equal(c.accounts[0].control_token_path, "$.access_token");
	assert_int_equal(c.accounts[0].mode, COMPATIBLE);
	assert_int_equal(c.accounts[0].identity, UNIONID);
	assert_string_equal(c.set.state_dir, "/srv/q");
	assert_string_equal(c.set.log, "stderr");
	check_int("threads", c.set.threads, 7);
	assert_int_equal(c.set.fresh_s, -1);
	assert_int_equal(c.set.deadline_ms, 4000);
	conf_free(&c);
	set_all(set, false);
	set_all(one, false);
}

/* A variable goes before what is in the file; an account of which none is set does not exist. */
static void
beside_the_file(void **state)
{
	static const struct account	 both[] = {
		{ .environment = "T_", .token = "inTheFile", .mode = PLAIN },
		{ .path = "fixed", .appid = "wx0123456789abcdef", .token = "abc", .mode = PLAIN,
		  .qt_url = "http://qt/x", .service_id = "i", .service_secret = "s" },
	};
	struct said	 s = { .n = 0 };
	struct conf	 c;

	(void)state;
	assert_int_equal(conf_load_from(&c, both, 2, &settings, add_line, &s), 0);
	check_int("the fixed one", (int64_t)c.n, 1);
	assert_string_equal(c.accounts[0].path, "fixed");
	conf_free(&c);
	set_all(one, true);
	assert_int_equal(conf_load_from(&c, both, 2, &settings, add_line, &s), 0);
	check_int("both", (int64_t)c.n, 2);
	assert_string_equal(c.accounts[0].token, "tokenTOKEN0");
	assert_int_equal(c.accounts[0].mode, PLAIN);
	conf_free(&c);
	set_all(one, false);
}

/* What is wrong in the file is not the fault of a variable that is not set. */
static void
wrong_in_the_file(void **state)
{
	static const struct account	 a[] = { { .environment = "T_", .token = "ab" } };
	static const struct settings	 set = {
		.environment = "T_", .threads = 5000, .log_level = "loud",
	};
	struct said	 s = { .n = 0 };
	struct conf	 c;

	(void)state;
	set_all(one, true);
	assert_int_equal(unsetenv("T_TOKEN"), 0);
	check_int("three", conf_load_from(&c, a, 1, &set, add_line, &s), 3);
	CHECK(s.text, strstr(s.text, ": accounts[0].token (shop): 2 characters") != NULL);
	CHECK(s.text, strstr(s.text, ": settings.threads: 5000, must be 1 to 1024") != NULL);
	CHECK(s.text, strstr(s.text, ": settings.log_level: must be") != NULL);
	CHECK(s.text, strstr(s.text, "variable") == NULL);
	conf_free(&c);
	set_all(one, false);
}

/*
 * What conf_members() and conf_values_here() say of such accounts.
 */

enum { FIELDS = 160 };

struct fields {
	struct seen {
		int	 i;
		char	 name[32], written[64], value[64];
		bool	 is_default;
	}	 f[FIELDS];
	size_t	 n;
};

static void
add_field(void *ctx, const struct conf_field *f)
{
	struct fields	*all = ctx;
	struct seen	*to = &all->f[all->n++];

	CHECK("room", all->n <= FIELDS);
	to->i = f->i;
	to->is_default = f->is_default;
	(void)snprintf(to->name, sizeof(to->name), "%s", f->name);
	(void)snprintf(to->written, sizeof(to->written), "%s", f->written == NULL ? "-" :
	    f->written);
	(void)snprintf(to->value, sizeof(to->value), "%s", f->value == NULL ? "-" : f->value);
}

static void
add_value(void *ctx, int i, const char *field, const char *value)
{
	add_field(ctx, &(struct conf_field){ .i = i, .name = field, .written = value });
}

/* The first account is not there, so that the second is number 0 and has its own row. */
static const struct account	 three[] = {
	{ .environment = "T_9_", .path = "absent", .token = "absent" },
	{ .environment = "T_", .token = "inTheFile", .name = "shown", .mode = COMPATIBLE },
	{ .path = "fixed", .appid = "wx0123456789abcdef", .token = "abc", .mode = PLAIN,
	  .qt_url = "http://qt/x", .service_id = "i", .service_secret = "s" },
};

static const char *const	set_here[] = {
	"T_IDENTITY=openid", "T_THREADS=7", "T_LATE_S=late", "T_FRESH_S=0", "T_LOG_LEVEL= ",
	"T_SECRET=@/nonexistent/t", NULL
};

static const struct seen	 wanted[] = {
	{ -1, "environment", "T_", "T_", false },
	{ -1, "threads", "$T_THREADS", "7", false },
	{ -1, "late_s", "$T_LATE_S", "-", false },
	{ -1, "fresh_s", "$T_FRESH_S", "600", true },
	{ -1, "io_ms", "900", "900", false },
	{ -1, "connect_ms", "-", "1000", true },
	{ -1, "log_level", "$T_LOG_LEVEL", "info", true },
	{ -1, "log", "-", "stderr", true },
	{ 0, "path", "$T_PATH", "shop", false },
	{ 0, "name", "shown", "shown", false },
	{ 0, "token", "$T_TOKEN", "tokenTOKEN0", false },
	{ 0, "secret", "$T_SECRET", "-", false },
	{ 0, "token_old", "-", "-", false },
	{ 0, "mode", "compatible", "compatible", false },
	{ 0, "identity", "$T_IDENTITY", "openid", false },
	{ 1, "path", "fixed", "fixed", false },
	{ 1, "name", "-", "fixed", true },
	{ 1, "token", "abc", "abc", false },
	{ 1, "mode", "plain", "plain", false },
};

static const struct seen *
find_field(const struct fields *all, int i, const char *name)
{
	const struct seen	*f;

	for (f = all->f; f != all->f + all->n; f++)
		if (f->i == i && strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void
fields(void **state)
{
	static const struct settings	 set = { .environment = "T_", .io_ms = 900 };
	static struct fields		 all, here;
	const struct seen		*f;
	struct said			 s = { .n = 0 };
	struct conf			 c;
	size_t				 i;

	(void)state;
	set_all(one, true);
	set_all(set_here, true);
	check_int("two", conf_load_from(&c, three, 3, &set, add_line, &s), 2);
	conf_members(&c, add_field, &all);
	conf_values_here(&c, add_value, &here);
	for (i = 0; i < COUNT(wanted); i++) {
		f = find_field(&all, wanted[i].i, wanted[i].name);
		CHECK(wanted[i].name, f != NULL);
		assert_string_equal(f->written, wanted[i].written);
		assert_string_equal(f->value, wanted[i].value);
		check_int(wanted[i].name, f->is_default, wanted[i].is_default);
	}
	assert_string_equal(find_field(&here, 0, "token")->written, "$T_TOKEN");
	assert_string_equal(find_field(&here, 0, "secret")->written, "@/nonexistent/t");
	assert_string_equal(find_field(&here, 1, "token")->written, "abc");
	CHECK("not there", find_field(&here, 2, "token") == NULL);
	conf_free(&c);
	set_all(set_here, false);
	set_all(one, false);
}

static void
no_account(void **state)
{
	struct said	 s = { .n = 0 };
	struct conf	 c;

	(void)state;
	check_int("one problem", conf_load_from(&c, accounts, 2, &settings, add_line, &s), 1);
	assert_string_equal(s.text, "environment: there is no account: set T_PATH, T_APPID, "
	    "T_TOKEN, T_AES_KEY, T_QT_URL, T_APP_KEY, T_SERVICE_ID and T_SERVICE_SECRET\n");
	conf_free(&c);
}

static void
wrong_prefix(void **state)
{
	static const struct account	 a[] = { { .environment = "$T_" } };
	struct said			 s = { .n = 0 };
	struct conf			 c;

	(void)state;
	set_all(one, true);
	assert_true(conf_load_from(&c, a, 1, &settings, add_line, &s) > 0);
	CHECK("refused", strstr(s.text, ".environment (unnamed): must be capitals") != NULL);
	conf_free(&c);
	set_all(one, false);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(prefixes), TEST(members), TEST(names), TEST(numbers), TEST(choices), TEST(load),
		TEST(values), TEST(beside_the_file), TEST(wrong_in_the_file), TEST(fields),
		TEST(no_account), TEST(wrong_prefix),
	};

	return RUN("conf_env", tests);
}
