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
		TEST(prefixes), TEST(names), TEST(numbers), TEST(choices), TEST(load),
		TEST(values), TEST(beside_the_file), TEST(no_account), TEST(wrong_prefix),
	};

	return RUN("conf_env", tests);
}
