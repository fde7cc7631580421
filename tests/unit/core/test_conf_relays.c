#include <stdio.h>
#include <string.h>

#include "core/conf.h"
#include "tests/unit/unit.h"

#define SECRET	"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define KEY	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

static const struct settings	 none;

static struct account
account_with(struct relay one, struct relay two)
{
	return (struct account){
		.path = "acme", .appid = "wx0123456789abcdef", .token = "tokenTOKEN0",
		.mode = PLAIN, .qt_url = "https://qt.example/x", .app_key = "appKey",
		.service_id = "OA1", .service_secret = "secret", .relays = { one, two },
	};
}

static void
add_line(void *ctx, const char *line)
{
	struct buf	*said = ctx;

	assert_int_equal(buf_puts(said, line), ERR_OK);
	assert_int_equal(buf_puts(said, "\n"), ERR_OK);
}

/* One relay that is wrong, and what is said of it. */
static const struct {
	const char	*name;
	struct relay	 relay;
	const char	*says;
} bad_cases[] = {
	{ "no URL", { .name = "crm" }, "relays[0].url (acme): missing" },
	{ "no scheme", { .url = "crm.example/x" }, "relays[0].url (acme): must begin with" },
	{ "no host", { .url = "https:///x" }, "has no host" },
	{ "a login", { .url = "https://me@crm.example/" }, "has no host, or has more" },
	{ "http abroad", { .url = "http://crm.example.com/x" }, "http:// is for this host" },
	{ "http to an address", { .url = "http://192.0.2.7/x" }, "http:// is for this host" },
	{ "http to IPv6", { .url = "http://[2001:db8::1]/x" }, "http:// is for this host" },
	{ "a long name", { .url = "https://h/", .name = "123456789012345678901234567890123" },
	    "relays[0].name (acme): 33 characters" },
	{ "a slash in the name", { .url = "https://h/", .name = "a/b" }, "relays[0].name" },
	{ "too slow", { .url = "https://h/", .relay_ms = 14501 },
	    "relays[0].relay_ms (acme): 14501, must be 1 to 14500" },
	{ "too fast", { .url = "https://h/", .relay_ms = -1 }, "must be 1 to 14500" },
	{ "no format", { .url = "https://h/", .format = (enum relay_format)7 },
	    "relays[0].format (acme): must be RAW" },
	{ "no mode", { .url = "https://h/", .mode = (enum account_mode)7 },
	    "relays[0].mode (acme): must be SAFE" },
	{ "no key to encrypt with", { .url = "https://h/", .format = RESIGNED },
	    "relays[0].mode (acme): needs the account's .aes_key" },
	{ "JSON without a secret", { .url = "https://h/", .format = JSON },
	    "relays[0].secret (acme): missing" },
	{ "another secret", { .url = "https://h/", .format = JSON, .secret = "0123456789" },
	    "relays[0].secret (acme): does not begin with whsec_" },
	{ "a short secret", { .url = "https://h/", .format = JSON, .secret = "whsec_MfKQ" },
	    "has no base64 text" },
	{ "no base64", { .url = "https://h/", .format = JSON, .secret = SECRET "=" },
	    "has no base64 text" },
	{ "an answer as JSON", { .url = "https://h/", .format = JSON, .secret = SECRET,
	    .answers = 1 }, "relays[0].answers (acme): a reply is WeChat's XML" },
	{ "half an answer", { .url = "https://h/", .answers = 2 },
	    "relays[0].answers (acme): 2, must be 0 to 1" },
	{ "late without an answer", { .url = "https://h/", .late_reply = 1 },
	    "relays[0].late_reply (acme): does nothing" },
	{ "late without AppSecret", { .url = "https://h/", .late_reply = 1, .answers = 1 },
	    "relays[0].late_reply (acme): needs the account's .secret" },
	{ "commas", { .url = "https://h/", .only = "text, image" }, "relays[0].only" },
	{ "no word before a colon", { .url = "https://h/", .only = ":crm" }, "relays[0].only" },
	{ "no pattern behind it", { .url = "https://h/", .only = "CLICK:" }, "relays[0].only" },
};

static void
bad_relays(void **state)
{
	struct account	 a;
	struct buf	 said = { 0 };
	struct conf	 c;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(bad_cases); i++) {
		buf_reset(&said);
		a = account_with(bad_cases[i].relay, (struct relay){ .url = NULL });
		check_int(bad_cases[i].name, conf_load_from(&c, &a, 1, &none, add_line, &said), 1);
		assert_int_equal(buf_putc(&said, '\0'), ERR_OK);
		if (!CHECK(bad_cases[i].name, strstr(said.p, bad_cases[i].says) != NULL))
			(void)fprintf(stderr, "%s", said.p);
		CHECK(bad_cases[i].name, strstr(said.p, SECRET) == NULL);
		conf_free(&c);
	}
	buf_free(&said);
}

static const struct {
	const char	*url, *name;	/* the name that it gets */
} good_cases[] = {
	{ "https://crm.example.com/wx", "crm.example.com" },
	{ "https://crm.example.com:8443/wx?a=b", "crm.example.com-8443" },
	{ "https://crm.example.com?a=b", "crm.example.com" },
	{ "http://127.0.0.1:9000/hook", "127.0.0.1-9000" },
	{ "http://localhost/hook", "localhost" },
	{ "http://[::1]:9000/", "---1--9000" },
	{ "http://10.1.2.3/", "10.1.2.3" }, { "http://172.31.0.1/", "172.31.0.1" },
	{ "http://192.168.0.9/", "192.168.0.9" }, { "http://[fd00::1]/", "-fd00--1-" },
	{ "http://crm:8080/", "crm-8080" },
	{ "https://a-name-that-is-longer-than-a-relay-may-be.example/", "a-name-that-is-longer-than-a-rel" },
};

static void
good_relays(void **state)
{
	struct account	 a;
	struct buf	 said = { 0 };
	struct conf	 c;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(good_cases); i++) {
		a = account_with((struct relay){ .url = good_cases[i].url },
		    (struct relay){ .url = NULL });
		check_int(good_cases[i].url, conf_load_from(&c, &a, 1, &none, add_line, &said), 0);
		check_int(good_cases[i].url, (int64_t)c.nrelays, 1);
		check_text(good_cases[i].url, c.accounts[0].relays[0].name, good_cases[i].name);
		check_int(good_cases[i].url, c.accounts[0].relays[0].relay_ms, 3500);
		conf_free(&c);
	}
	check_bytes("nothing is said", buf_slice(&said), slice_of(""));
	buf_free(&said);
}

static void
same_names(void **state)
{
	struct account	 a = account_with((struct relay){ .url = "https://h/1" },
			    (struct relay){ .url = "https://h/2" });
	struct buf	 said = { 0 };
	struct conf	 c;

	(void)state;
	check_int("the same host", conf_load_from(&c, &a, 1, &none, add_line, &said), 1);
	conf_free(&c);
	a.relays[1].name = "other";
	check_int("another name", conf_load_from(&c, &a, 1, &none, add_line, &said), 0);
	conf_free(&c);
	a.path = "a-path-of-sixty-characters-which-leaves-no-room-for-any-name";
	check_int("no room", conf_load_from(&c, &a, 1, &none, add_line, &said), 1);
	conf_free(&c);
	buf_free(&said);
}

static void
one_answers(void **state)
{
	struct account	 a = account_with((struct relay){ .url = "https://a/", .answers = 1 },
			    (struct relay){ .url = "https://b/", .answers = 1 });
	struct buf	 said = { 0 };
	struct conf	 c;

	(void)state;
	check_int("two", conf_load_from(&c, &a, 1, &none, add_line, &said), 1);
	assert_int_equal(buf_putc(&said, '\0'), ERR_OK);
	CHECK("two", strstr(said.p, "relays[1].answers (acme): relays[0] answers") != NULL);
	conf_free(&c);
	a.relays[0].answers = 0;
	check_int("one", conf_load_from(&c, &a, 1, &none, add_line, &said), 0);
	conf_free(&c);
	buf_free(&said);
}

/* Rows behind the accounts: paths, owners, and how they are found again. */
static void
destinations(void **state)
{
	const struct relay	 crm = { .url = "https://crm/", .name = "crm", .only = "text" };
	const struct relay	 hook = { .url = "https://hook/", .format = JSON,
				    .secret = SECRET };
	struct account		 a[2] = {
		account_with(crm, hook), account_with((struct relay){ .url = NULL }, crm),
	};
	const struct account	*to;
	struct buf		 said = { 0 };
	struct conf		 c;

	(void)state;
	a[1].path = "b";
	check_int("loads", conf_load_from(&c, a, 2, &none, add_line, &said), 0);
	check_int("all", (int64_t)conf_destinations(&c), 5);
	check_int("accounts", (int64_t)c.n, 2);
	CHECK("an account is no relay", conf_relay(&c, &c.accounts[0]) == NULL &&
	    conf_owner(&c, &c.accounts[1]) == &c.accounts[1]);
	to = conf_destination(&c, slice_of("b/crm"));
	if (CHECK("found", to != NULL)) {
		CHECK("owner", conf_owner(&c, to) == &c.accounts[1]);
		check_text("its relay", conf_relay(&c, to)->only, "text");
		check_text("where it is", to->qt_url, "https://crm/");
		CHECK("by number", conf_relay_of(&c, &c.accounts[1], 1) == to);
	}
	CHECK("no such number", conf_relay_of(&c, &c.accounts[1], 0) == NULL);
	CHECK("no such relay", conf_destination(&c, slice_of("b/hook")) == NULL);
	CHECK("no path of a request", conf_account(&c, slice_of("b/crm")) == NULL);
	CHECK("has relays", conf_has_relays(&c.accounts[0]));
	conf_free(&c);
	buf_free(&said);
}

static void
count_field(void *ctx, const struct conf_field *f)
{
	if (strncmp(f->name, "relays[1].", 10) == 0)
		++*(int *)ctx;
	if (strcmp(f->name, "relays[1].secret") == 0)
		CHECK("secret", f->secrecy == CONF_SECRET);
	if (strcmp(f->name, "relays[1].format") == 0)
		check_text("format", f->value, "json");
}

/* `qtoa config` shows a relay that is there, and no other. */
static void
members(void **state)
{
	const struct relay	 hook = { .url = "https://hook/", .format = JSON,
				    .secret = SECRET };
	struct account		 a = account_with((struct relay){ .url = NULL }, hook);
	struct buf		 said = { 0 };
	struct conf		 c;
	int			 n = 0;

	(void)state;
	check_int("loads", conf_load_from(&c, &a, 1, &none, add_line, &said), 0);
	conf_members(&c, count_field, &n);
	CHECK("its members", n >= 7);
	CHECK("a secret", conf_is_secret("relays[7].secret") && !conf_is_secret("relays[0].url"));
	conf_free(&c);
	buf_free(&said);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(bad_relays), TEST(good_relays), TEST(same_names), TEST(one_answers),
		TEST(destinations),
		TEST(members),
	};

	return RUN("conf_relays", tests);
}
