#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/api.h"
#include "wechat/errcode.h"

#define STABLE	"/cgi-bin/stable_token"
#define PATH	"/datacube/getusersummary"
#define GIVES(t) "{\"access_token\":\"" t "\",\"expires_in\":7200}"

enum { PATIENCE_MS = 60000 };	/* longer than any step of a test takes */

struct place {
	struct peer		*peer;
	struct account		 account;
	struct conf		 conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;
	struct access_tokens	*tokens;
	char			 api[PEER_URL];
	struct api_answer	 answer;
};

static void
place_init(struct place *p)
{
	*p = (struct place){ .peer = peer_new() };
	peer_url(p->peer, p->api, "");
	p->account = (struct account){ .path = "a", .name = "a", .appid = "wx1", .secret = "HUSH" };
	p->conf = (struct conf){
		.set = { .state_dir = state_new(), .connect_ms = PATIENCE_MS,
		    .wechat_api = p->api },
		.accounts = &p->account, .n = 1,
	};
	peer_say(p->peer, STABLE, "200 OK", GIVES("T1"), false);
	assert_non_null(p->http = http_client_new(&p->conf.set, NULL));
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_SERVER));
	assert_non_null(p->tokens = access_token_new(&p->conf, p->http, p->store));
}

static void
place_fini(struct place *p)
{
	buf_free(&p->answer.body);
	access_token_free(p->tokens);
	store_free(p->store);
	lock_free(p->locks);
	http_client_free(p->http);
	peer_free(p->peer);
}

static enum api_result
call(struct place *p, const char *path, const char *query, const char *body)
{
	const struct api_call	 c = {
		.account = &p->account, .path = path, .query = query, .body = slice_of(body),
		.deadline_ms = clock_mono_ms() + PATIENCE_MS,
	};

	return api_call(p->tokens, p->http, &p->answer, &p->conf.set, &c);
}

static void
check_why(const char *name, const struct place *p, const char *part)
{
	if (!CHECK(name, strstr(p->answer.why, part) != NULL))
		print_error("%s\n", p->answer.why);
	CHECK(name, unit_is_printable(p->answer.why));
	CHECK(name, strstr(p->answer.why, "HUSH") == NULL);
}

static void
answers(void **state)
{
	static const struct {
		const char	*name, *status, *body;
		enum api_result	 result;
		int64_t		 errcode;
		const char	*why;
	} cases[] = {
		{ "a list", "200 OK", "{\"list\":[1]}", API_OK, 0, "" },
		{ "nothing in it", "200 OK", "{}", API_OK, 0, "" },
		{ "errcode 0", "200 OK", "{\"errcode\":0,\"errmsg\":\"ok\"}", API_OK, 0, "" },
		{ "ret 0", "200 OK", "{\"base_resp\":{\"ret\":0,\"err_msg\":\"ok\"},\"list\":[]}",
		    API_OK, 0, "" },
		{ "not allowed", "200 OK", "{\"errcode\":48001,\"errmsg\":\"api unauthorized\"}",
		    API_REFUSED, 48001, "errcode 48001: the account may not use this interface; "
		    "see WeChat's console: api unauthorized" },
		{ "ret", "200 OK", "{\"base_resp\":{\"ret\":45009,\"err_msg\":\"freq\"}}",
		    API_REFUSED, 45009, "errcode 45009: the day's quota of this interface is used "
		    "up: freq" },
		{ "busy", "200 OK", "{\"errcode\":-1}", API_REFUSED, -1, "WeChat is busy" },
		{ "token in its words", "200 OK", "{\"errcode\":48001,\"errmsg\":\"no T1\"}",
		    API_REFUSED, 48001, "console" },
		{ "no JSON", "200 OK", "<html>", API_STRANGE, 0, "6 bytes, is not JSON" },
		{ "502", "502 Bad", "{}", API_STRANGE, 0, "HTTP 502 instead of 200" },
		{ "elsewhere", "302 Found\r\nLocation: /ok", "{}", API_STRANGE, 0, "HTTP 302" },
	};
	struct place	 p;
	size_t		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(cases); i++) {
		peer_say(p.peer, PATH, cases[i].status, cases[i].body, false);
		check_int(cases[i].name, call(&p, PATH, NULL, "{}"), cases[i].result);
		check_int(cases[i].name, p.answer.errcode, cases[i].errcode);
		check_int(cases[i].name, p.answer.calls, 1);
		check_why(cases[i].name, &p, cases[i].why);
		check_int(cases[i].name, (int64_t)strlen(p.answer.why) == 0,
		    cases[i].result == API_OK);
		CHECK(cases[i].name, strstr(p.answer.why, "T1") == NULL);
		check_bytes(cases[i].name, buf_slice(&p.answer.body), slice_of(cases[i].body));
	}
	check_int("one token for all", peer_asked(p.peer, STABLE, NULL), 1);
	place_fini(&p);
}

/* What WeChat writes wrongly is handed on as JSON that is right. */
static void
foreign_bytes(void **state)
{
	static const struct {
		const char	*name, *body, *want;
	} cases[] = {
		{ "control in a title", "{\"list\":[{\"title\":\"a\bb\"}]}",
		    "{\"list\":[{\"title\":\"a\\u0008b\"}]}" },
		{ "title cut within a character", "{\"title\":\"\xE4\xBD\"}",
		    "{\"title\":\"\xEF\xBF\xBD\"}" },
		{ "mark", "\xEF\xBB\xBF{\"list\":[]}", "{\"list\":[]}" },
	};
	struct place	 p;
	size_t		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(cases); i++) {
		peer_say(p.peer, PATH, "200 OK", cases[i].body, false);
		check_int(cases[i].name, call(&p, PATH, NULL, "{}"), API_OK);
		check_bytes(cases[i].name, buf_slice(&p.answer.body), slice_of(cases[i].want));
	}
	place_fini(&p);
}

/* The request that is sent. */
static void
requests(void **state)
{
	struct place	 p;
	char		 target[PEER_TARGET];

	(void)state;
	place_init(&p);
	peer_say(p.peer, STABLE, "200 OK", GIVES("T&/+"), false);
	peer_say(p.peer, PATH, "200 OK", "{}", false);
	check_int("parameters", call(&p, PATH, "page=1&x=%20", NULL), API_OK);
	(void)peer_asked(p.peer, PATH, target);
	check_text("parameters", target, PATH "?access_token=T%26%2F%2B&page=1&x=%20");
	/* The answers of these two repeat what the server got. */
	check_int("a POST with its body", call(&p, "/ok", NULL, "{\"a\":[]}"), API_OK);
	check_bytes("a POST with its body", buf_slice(&p.answer.body), slice_of("{\"a\":[]}"));
	p.api[strlen(p.api) - 1] = '\0';
	check_int("no slash", call(&p, PATH, NULL, NULL), API_OK);
	(void)peer_asked(p.peer, PATH, target);
	check_text("no slash", target, PATH "?access_token=T%26%2F%2B");
	place_fini(&p);
}

/* A token that WeChat refuses is replaced once. */
static void
refused_tokens(void **state)
{
	static const char *const	 refusals[] = {
		"{\"errcode\":40001,\"errmsg\":\"x\"}", "{\"errcode\":40014,\"errmsg\":\"x\"}",
		"{\"errcode\":42001,\"errmsg\":\"x\"}",
	};
	struct place	 p;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(refusals); i++) {
		place_init(&p);
		peer_say(p.peer, PATH, "200 OK", refusals[i], false);
		peer_say(p.peer, PATH "?access_token=T2", "200 OK", "{\"list\":[]}", false);
		check_int("before", call(&p, "/ok", NULL, "{}"), API_OK);
		peer_say(p.peer, STABLE, "200 OK", GIVES("T2"), false);
		check_int(refusals[i], call(&p, PATH, NULL, "{}"), API_OK);
		check_int(refusals[i], p.answer.calls, 2);
		check_int(refusals[i], p.answer.errcode, 0);
		check_why(refusals[i], &p, "");
		/* The next token is refused too, and WeChat gives the same one again. */
		peer_say(p.peer, PATH "?access_token=T2", "200 OK", refusals[i], false);
		check_int("the same again", call(&p, PATH, NULL, "{}"), API_NO_TOKEN);
		check_int("the same again", p.answer.calls, 1);
		check_why("the same again", &p, "the same access_token again");
		/* Another token, which is refused, too. */
		peer_say(p.peer, STABLE, "200 OK", GIVES("T3"), false);
		place_fini(&p);
	}
}

static void
both_refused(void **state)
{
	struct place	 p;

	(void)state;
	place_init(&p);
	check_int("before", call(&p, "/ok", NULL, "{}"), API_OK);
	peer_say(p.peer, STABLE, "200 OK", GIVES("T2"), false);
	peer_say(p.peer, PATH, "200 OK", "{\"errcode\":40001,\"errmsg\":\"x\"}", false);
	check_int("refused", call(&p, PATH, NULL, "{}"), API_REFUSED);
	check_int("refused", p.answer.errcode, 40001);
	check_int("refused", p.answer.calls, 2);
	check_int("fetched once", peer_asked(p.peer, STABLE, NULL), 2);
	place_fini(&p);
}

static void
no_token(void **state)
{
	struct place	 p;

	(void)state;
	place_init(&p);
	peer_say(p.peer, STABLE, "200 OK",
	    "{\"errcode\":40164,\"errmsg\":\"invalid ip 192.0.2.7\"}",
	    false);
	peer_say(p.peer, PATH, "200 OK", "{}", false);
	check_int("none", call(&p, PATH, NULL, "{}"), API_NO_TOKEN);
	check_int("none", p.answer.calls, 0);
	check_why("none", &p, "invalid ip 192.0.2.7");
	check_int("not asked", peer_asked(p.peer, PATH, NULL), 0);
	place_fini(&p);
}

/* An answer that is cut or too long is strange; if there is no byte of it, there is no answer. */
static void
broken_answers(void **state)
{
	static const struct {
		const char	*path;
		enum api_result	 result;
	} cases[] = {
		{ "/half", API_STRANGE }, { "/long", API_STRANGE }, { "/cut", API_NO_ANSWER },
	};
	struct place	 p;
	size_t		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].path, call(&p, cases[i].path, NULL, "{}"), cases[i].result);
		check_int(cases[i].path, p.answer.errcode, 0);
		check_why(cases[i].path, &p, "WeChat: no answer: ");
	}
	place_fini(&p);
}

/* In the table each number is there once, and has words. */
static const struct {
	int64_t			 code;
	enum errcode_kind	 kind, of_token;
} codes_cases[] = {
	{ -1, ERRCODE_BUSY, ERRCODE_BUSY },
	{ 40001, ERRCODE_TOKEN, ERRCODE_SETTING },
	{ 40014, ERRCODE_TOKEN, ERRCODE_BUG },
	{ 42001, ERRCODE_TOKEN, ERRCODE_BUG },
	{ 40002, ERRCODE_BUG, ERRCODE_BUG },
	{ 40013, ERRCODE_SETTING, ERRCODE_SETTING },
	{ 40125, ERRCODE_SETTING, ERRCODE_SETTING },
	{ 40243, ERRCODE_SETTING, ERRCODE_SETTING },
	{ 40164, ERRCODE_ADDRESS, ERRCODE_ADDRESS },
	{ 41001, ERRCODE_BUG, ERRCODE_BUG },
	{ 41002, ERRCODE_BUG, ERRCODE_BUG },
	{ 41004, ERRCODE_BUG, ERRCODE_BUG },
	{ 42007, ERRCODE_SETTING, ERRCODE_SETTING },
	{ 43002, ERRCODE_BUG, ERRCODE_BUG },
	{ 40003, ERRCODE_USER, ERRCODE_USER },
	{ 43004, ERRCODE_USER, ERRCODE_USER },
	{ 46004, ERRCODE_USER, ERRCODE_USER },
	{ 45009, ERRCODE_DAY, ERRCODE_DAY },
	{ 45011, ERRCODE_MINUTE, ERRCODE_MINUTE },
	{ 48001, ERRCODE_DENIED, ERRCODE_SETTING },
	{ 50002, ERRCODE_SETTING, ERRCODE_SETTING },
	{ 50004, ERRCODE_DENIED, ERRCODE_DENIED },
	{ 50007, ERRCODE_SETTING, ERRCODE_SETTING },
	{ 61004, ERRCODE_ADDRESS, ERRCODE_ADDRESS },
	{ 61007, ERRCODE_DENIED, ERRCODE_DENIED },
	{ 61500, ERRCODE_BUG, ERRCODE_BUG },
	{ 61501, ERRCODE_BUG, ERRCODE_BUG },
	{ 61502, ERRCODE_BUSY, ERRCODE_BUSY },
	{ 61503, ERRCODE_BUSY, ERRCODE_BUSY },
	{ 89501, ERRCODE_ADDRESS, ERRCODE_ADDRESS },
	{ 89503, ERRCODE_ADDRESS, ERRCODE_ADDRESS },
	{ 89506, ERRCODE_ADDRESS, ERRCODE_ADDRESS },
	{ 89507, ERRCODE_ADDRESS, ERRCODE_ADDRESS },
	{ 12345, ERRCODE_OTHER, ERRCODE_OTHER },
	{ 0, ERRCODE_OTHER, ERRCODE_OTHER },
};

static void
codes(void **state)
{
	char	 nr[24];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(codes_cases); i++) {
		(void)snprintf(nr, sizeof(nr), "%lld", (long long)codes_cases[i].code);
		check_int(nr, errcode_of(codes_cases[i].code)->kind, codes_cases[i].kind);
		check_int(nr, errcode_of_token(codes_cases[i].code)->kind, codes_cases[i].of_token);
		CHECK(nr, *errcode_of(codes_cases[i].code)->hint != '\0');
		CHECK(nr, *errcode_of_token(codes_cases[i].code)->hint != '\0');
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(answers), TEST(foreign_bytes), TEST(requests), TEST(refused_tokens),
		TEST(both_refused), TEST(no_token), TEST(broken_answers), TEST(codes),
	};

	return RUN("wxapi", tests);
}
