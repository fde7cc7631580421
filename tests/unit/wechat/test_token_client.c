#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"
#include "wechat/token_client.h"

#define X16	"0123456789abcdef"
#define X128	X16 X16 X16 X16 X16 X16 X16 X16
#define X512	X128 X128 X128 X128
#define C8	"\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD" \
		"\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD\xE4\xB8\xAD"
#define INFO	"/cgi-bin/user/info"

enum {
	PATIENCE_MS = 60000,	/* longer than any step of a test takes */
	SHORT_MS = 300,		/* a time that a test waits for to the end */
};

static const struct settings	 set = { .connect_ms = PATIENCE_MS };

/* A server, and the account that has it as its control server. */
struct place {
	struct peer		*peer;
	struct http_client	*http;
	struct account		 account;
	char			 url[PEER_URL], api[PEER_URL];
	struct buf		 out;
	char			 why[TOKEN_CLIENT_WHY];
};

static void
place_init(struct place *p)
{
	*p = (struct place){ .peer = peer_new(), .http = http_client_new(&set, NULL) };
	assert_non_null(p->http);
	peer_url(p->peer, p->url, "token?key=hush");
	peer_url(p->peer, p->api, "");
	p->account = (struct account){
		.control_url = p->url, .control_token_path = "$.access_token",
	};
}

static void
place_fini(struct place *p)
{
	buf_free(&p->out);
	http_client_free(p->http);
	peer_free(p->peer);
}

static enum token_client_result
get_token(struct place *p, int ms)
{
	return token_client_get_token(p->http, &p->out, &p->account, clock_mono_ms() + ms, p->why);
}

static enum token_client_result
get_unionid(struct place *p, const char *token, const char *openid, int ms)
{
	return token_client_get_unionid(p->http, &p->out, p->api, slice_of(token), slice_of(openid),
	    clock_mono_ms() + ms, p->why);
}

/* The reason is one line of printable UTF-8 and has no secret. */
static void
check_why(const char *name, const struct place *p, const char *part)
{
	if (!CHECK(name, strstr(p->why, part) != NULL))
		print_error("%s\n", p->why);
	CHECK(name, unit_is_printable(p->why));
	CHECK(name, strstr(p->why, "hush") == NULL && strstr(p->why, "SECRET") == NULL);
	check_int(name, (int64_t)p->out.len, 0);
}

static const struct {
	const char	*name, *status, *body, *path;
	const char	*want;		/* the token; NULL: there is no token */
	const char	*why;		/* words of the reason */
} tokens_cases[] = {
	{ "as QT has it", "200 OK", "{\"access_token\":\"T-1_x\",\"expires_in\":7200}",
	    "$.access_token", "T-1_x", NULL },
	{ "nested", "200 OK", "{\"data\":{\"token\":\"T\"}}", "$.data.token", "T", NULL },
	{ "in an array", "200 OK", "[{\"token\":\"T\"}]", "$[0]['token']", "T", NULL },
	{ "digits", "200 OK", "{\"t\":12}", "$.t", "12", NULL },
	{ "all that is graphic", "200 OK", "{\"t\":\"!~%&=?#/+\"}", "$.t", "!~%&=?#/+",
	    NULL },
	{ "longest", "200 OK", "{\"t\":\"" X512 "\"}", "$.t", X512, NULL },
	{ "too long", "200 OK", "{\"t\":\"SECRET" X512 "\"}", "$.t", NULL,
	    "at $.t, 518 bytes, is not an access_token" },
	{ "empty", "200 OK", "{\"t\":\"\"}", "$.t", NULL, "is not an access_token" },
	{ "blank within", "200 OK", "{\"t\":\"SECRET T\"}", "$.t", NULL,
	    "is not an access_token" },
	{ "line end", "200 OK", "{\"t\":\"SECRET\\r\\nX: y\"}", "$.t", NULL,
	    "is not an access_token" },
	{ "NUL", "200 OK", "{\"t\":\"SECRET\\u0000\"}", "$.t", NULL, "is not an access_token" },
	{ "not ASCII", "200 OK", "{\"t\":\"SECRET\xC3\xA9\"}", "$.t", NULL,
	    "is not an access_token" },
	{ "not there", "200 OK", "{\"token\":\"SECRET\",\"expires_in\":1}",
	    "$.access_token", NULL, "control_token_path: no .access_token at $, which is an object "
	    "with token, expires_in" },
	{ "no text", "200 OK", "{\"access_token\":{\"value\":\"SECRET\"}}",
	    "$.access_token", NULL, "$.access_token is an object with value, not a text" },
	{ "names that would write a line", "200 OK", "{\"a\\r\\n\\u001bb\":\"SECRET\"}",
	    "$.t", NULL, "an object with a???b" },
	{ "no path", "200 OK", "{\"t\":\"SECRET\"}", "$.t.", NULL, "at character 5: " },
	{ "HTML", "200 OK", "<html>SECRET", "$.t", NULL,
	    "control_url: the answer, 12 bytes, is not JSON" },
	{ "bare token", "200 OK", "SECRET", "$.t", NULL, "is not JSON" },
	{ "nothing", "200 OK", "", "$.t", NULL, "is not JSON" },
	{ "503", "503 Busy", "{\"t\":\"SECRET\"}", "$.t", NULL, "control_url: HTTP 503" },
	{ "403", "403 No", "{\"t\":\"SECRET\"}", "$.t", NULL, "control_url: HTTP 403" },
	{ "204", "204 None", "", "$.t", NULL, "control_url: HTTP 204" },
	{ "elsewhere", "302 Found\r\nLocation: /ok", "{\"t\":\"SECRET\"}", "$.t", NULL,
	    "HTTP 302 instead of 200, redirects are not followed" },
};

static void
tokens(void **state)
{
	struct place	 p;
	char		 target[PEER_TARGET];
	size_t		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(tokens_cases); i++) {
		peer_say(p.peer, "/token", tokens_cases[i].status, tokens_cases[i].body, false);
		p.account.control_token_path = tokens_cases[i].path;
		check_int(tokens_cases[i].name, get_token(&p, PATIENCE_MS),
		    tokens_cases[i].want != NULL ? TOKEN_CLIENT_OK : TOKEN_CLIENT_FAILED);
		if (tokens_cases[i].want == NULL) {
			check_why(tokens_cases[i].name, &p, tokens_cases[i].why);
			continue;
		}
		check_bytes(tokens_cases[i].name, buf_slice(&p.out),
		    slice_of(tokens_cases[i].want));
		check_text(tokens_cases[i].name, p.why, "");
	}
	check_int("asked once each", peer_asked(p.peer, "/token", target), COUNT(tokens_cases));
	check_text("as it is", target, "/token?key=hush");
	place_fini(&p);
}

static const struct {
	const char			*name, *body;
	enum token_client_result	 result;
	const char			*want;	/* the unionid, or words of the reason */
} users_cases[] = {
	{ "follower", "{\"subscribe\":1,\"openid\":\"o1\",\"unionid\":\"uN-1_\"}",
	    TOKEN_CLIENT_OK, "uN-1_" },
	{ "errcode 0", "{\"errcode\":0,\"errmsg\":\"ok\",\"unionid\":\"u\"}",
	    TOKEN_CLIENT_OK, "u" },
	{ "longest", "{\"unionid\":\"" X128 "\"}", TOKEN_CLIENT_OK, X128 },
	{ "too long", "{\"unionid\":\"x" X128 "\"}", TOKEN_CLIENT_STRANGE, "129 bytes" },
	{ "blank within", "{\"unionid\":\"a b\"}", TOKEN_CLIENT_STRANGE,
	    "the answer has no valid unionid" },
	{ "unbound", "{\"subscribe\":1,\"openid\":\"o1\"}", TOKEN_CLIENT_NO_UNIONID,
	    "no unionid: the account is bound to no open platform" },
	{ "empty", "{\"subscribe\":1,\"unionid\":\"\"}", TOKEN_CLIENT_NO_UNIONID,
	    "no open platform" },
	{ "no follower", "{\"subscribe\":0,\"openid\":\"o1\"}", TOKEN_CLIENT_NO_UNIONID,
	    "no unionid: the user does not follow the account" },
	{ "null", "{\"subscribe\":0,\"unionid\":null}", TOKEN_CLIENT_NO_UNIONID,
	    "does not follow" },
	{ "subscribe as text", "{\"subscribe\":\"0\"}", TOKEN_CLIENT_NO_UNIONID,
	    "does not follow" },
	{ "empty object", "{}", TOKEN_CLIENT_STRANGE, "neither unionid nor subscribe" },
	{ "array", "[]", TOKEN_CLIENT_STRANGE, "neither unionid nor subscribe" },
	{ "another subscribe", "{\"subscribe\":2}", TOKEN_CLIENT_STRANGE, "neither" },
	{ "not the latest", "{\"errcode\":40001,\"errmsg\":\"invalid credential\"}",
	    TOKEN_CLIENT_BAD_TOKEN, "WeChat: errcode 40001: " },
	{ "no token", "{\"errcode\":40014,\"errmsg\":\"x\"}", TOKEN_CLIENT_BAD_TOKEN, "40014" },
	{ "over", "{\"errcode\":42001,\"errmsg\":\"x\"}", TOKEN_CLIENT_BAD_TOKEN, "42001" },
	{ "number as text", "{\"errcode\":\"42001\"}", TOKEN_CLIENT_BAD_TOKEN, "42001" },
	{ "no such user", "{\"errcode\":40003,\"errmsg\":\"invalid openid rid: 1\"}",
	    TOKEN_CLIENT_NO_UNIONID, "errcode 40003: this user is not a user of the account" },
	{ "no user", "{\"errcode\":46004,\"errmsg\":\"user not exist\"}",
	    TOKEN_CLIENT_NO_UNIONID, "errcode 46004: there is no such user: user not exist" },
	{ "not a follower", "{\"errcode\":43004,\"errmsg\":\"require subscribe\"}",
	    TOKEN_CLIENT_NO_UNIONID, "errcode 43004" },
	{ "address", "{\"errcode\":40164,\"errmsg\":\"invalid ip 192.0.2.7 ipv6 "
	    "::ffff:192.0.2.7, not in whitelist rid: x\"}", TOKEN_CLIENT_FAILED,
	    "errcode 40164: put this address on the IP whitelist in WeChat's console: "
	    "invalid ip 192.0.2.7" },
	{ "not allowed", "{\"errcode\":48001,\"errmsg\":\"api unauthorized\"}",
	    TOKEN_CLIENT_FAILED, "errcode 48001: the account may not use this interface" },
	{ "quota", "{\"errcode\":45009,\"errmsg\":\"x\"}", TOKEN_CLIENT_FAILED, "quota" },
	{ "busy", "{\"errcode\":-1,\"errmsg\":\"system error\"}", TOKEN_CLIENT_NO_ANSWER,
	    "errcode -1: WeChat is busy: system error" },
	{ "unheard of", "{\"errcode\":61234,\"errmsg\":\"what\"}", TOKEN_CLIENT_STRANGE,
	    "errcode 61234: see WeChat's return codes: what" },
	{ "no words", "{\"errcode\":61234}", TOKEN_CLIENT_STRANGE, "61234" },
	{ "words that would write a line",
	    "{\"errcode\":61234,\"errmsg\":\"a\\r\\n\\u001b[m\xC3\xA9\"}",
	    TOKEN_CLIENT_STRANGE, ": a???[m\xC3\xA9" },
	{ "words with the token", "{\"errcode\":40001,\"errmsg\":\"invalid SECRET&/+ \"}",
	    TOKEN_CLIENT_BAD_TOKEN, "40001" },
	{ "long words", "{\"errcode\":61234,\"errmsg\":\"" X512 "\"}",
	    TOKEN_CLIENT_STRANGE, X16 },
	{ "a rid behind long words", "{\"errcode\":40164,\"errmsg\":\"" X512 " rid: "
	    "617682e0-09059ac5-34a8e2ea\"}", TOKEN_CLIENT_FAILED,
	    " rid: 617682e0-09059ac5-34a8e2ea" },
	{ "a rid behind Chinese", "{\"errcode\":40164,\"errmsg\":\"" C8 C8 C8 C8 C8 C8 C8 C8
	    " rid: 61-a\"}", TOKEN_CLIENT_FAILED, "\xE4\xB8\xAD rid: 61-a" },
	{ "a rid, and words with the token",
	    "{\"errcode\":40001,\"errmsg\":\"SECRET&/+ rid: 61-a\"}",
	    TOKEN_CLIENT_BAD_TOKEN, "the latest: rid: 61-a" },
	{ "a rid with the token", "{\"errcode\":42001,\"errmsg\":\"x rid: 1 SECRET&/+\"}",
	    TOKEN_CLIENT_BAD_TOKEN, "expired" },
	{ "a rid that is too long", "{\"errcode\":61234,\"errmsg\":\"x rid: " X512 "\"}",
	    TOKEN_CLIENT_STRANGE, ": x rid: " X16 X16 X16 X16 },
	{ "a rid of nothing", "{\"errcode\":61234,\"errmsg\":\"x rid: \"}",
	    TOKEN_CLIENT_STRANGE, "codes: x rid:" },
	{ "a town", "{\"errcode\":61234,\"errmsg\":\"Madrid: x, rid: 7\"}",
	    TOKEN_CLIENT_STRANGE, "Madrid: x, rid: 7" },
	{ "long number", "{\"errcode\":\"" X512 "\"}", TOKEN_CLIENT_STRANGE,
	    "errcode 123456789: " },
	{ "no JSON", "<html>", TOKEN_CLIENT_STRANGE, "WeChat: the answer, 6 bytes, is not JSON" },
};

static void
users(void **state)
{
	struct place	 p;
	char		 target[PEER_TARGET];
	size_t		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(users_cases); i++) {
		peer_say(p.peer, INFO, "200 OK", users_cases[i].body, false);
		check_int(users_cases[i].name, get_unionid(&p, "SECRET&/+", "o-1_", PATIENCE_MS),
		    users_cases[i].result);
		if (users_cases[i].result != TOKEN_CLIENT_OK) {
			check_why(users_cases[i].name, &p, users_cases[i].want);
			continue;
		}
		check_bytes(users_cases[i].name, buf_slice(&p.out), slice_of(users_cases[i].want));
		check_text(users_cases[i].name, p.why, "");
	}
	check_int("asked once each", peer_asked(p.peer, INFO, target), COUNT(users_cases));
	check_text("encoded", target,
	    INFO "?access_token=SECRET%26%2F%2B&openid=o-1_&lang=zh_CN");
	peer_say(p.peer, INFO, "502 Bad", "{\"unionid\":\"u\"}", false);
	check_int("502", get_unionid(&p, "SECRET", "o1", PATIENCE_MS), TOKEN_CLIENT_NO_ANSWER);
	check_why("502", &p, "WeChat: HTTP 502");
	place_fini(&p);
}

/* WeChat is not asked about a wrong openid.  Its address may end with a slash or not. */
static void
openids(void **state)
{
	static const char *const	 wrong[] = { "", "a b", "a\n", "\xC3\xA9", "x" X128 };
	struct place			 p;
	char				 target[PEER_TARGET];
	size_t				 i;

	(void)state;
	place_init(&p);
	peer_say(p.peer, INFO, "200 OK", "{\"unionid\":\"u\"}", false);
	for (i = 0; i < COUNT(wrong); i++) {
		check_int(wrong[i], get_unionid(&p, "T", wrong[i], PATIENCE_MS),
		    TOKEN_CLIENT_NO_UNIONID);
		check_why(wrong[i], &p, "not an openid");
	}
	check_int("not asked", peer_requests(p.peer), 0);
	p.api[strlen(p.api) - 1] = '\0';
	check_int("no slash", get_unionid(&p, "T", "%&=#?/+", PATIENCE_MS), TOKEN_CLIENT_OK);
	(void)peer_asked(p.peer, INFO, target);
	check_text("encoded", target,
	    INFO "?access_token=T&openid=%25%26%3D%23%3F%2F%2B&lang=zh_CN");
	place_fini(&p);
}

/* No server, a server that does not answer, and no time. */
static void
no_answer(void **state)
{
	struct place	 p;
	int		 fd;

	(void)state;
	place_init(&p);
	peer_url(p.peer, p.url, "silent?key=hush");
	check_int("silent", get_token(&p, SHORT_MS), TOKEN_CLIENT_FAILED);
	check_why("silent", &p, "control_url: no answer: Operation timed out");
	check_int("late", get_token(&p, 0), TOKEN_CLIENT_FAILED);
	check_why("late", &p, "control_url: no answer: no time left");
	(void)strcpy(p.url, "http://[/?key=hush");
	check_int("no URL", get_token(&p, PATIENCE_MS), TOKEN_CLIENT_FAILED);
	check_why("no URL", &p, "control_url: no answer: ");
	fd = peer_refused(p.url);
	check_int("refused", get_token(&p, PATIENCE_MS), TOKEN_CLIENT_FAILED);
	check_why("refused", &p, "control_url: no answer: ");
	(void)snprintf(p.api, sizeof(p.api), "%.*s", (int)strlen(p.url) - 3, p.url);
	check_int("WeChat", get_unionid(&p, "SECRET", "o1", PATIENCE_MS),
	    TOKEN_CLIENT_NO_ANSWER);
	check_why("WeChat", &p, "WeChat: no answer: ");
	place_fini(&p);
	(void)close(fd);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(tokens), TEST(users), TEST(openids), TEST(no_answer),
	};

	return RUN("control", tests);
}
