#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "tests/unit/clocks.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/token_server.h"

#define STABLE	"/cgi-bin/stable_token"
#define KEY	"0123456789abcdef+/=&"

enum { PATIENCE_MS = 60000 };	/* longer than any step of a test takes */

/* A false WeChat, an account, and its control server. */
struct place {
	struct peer			*peer;
	struct account			 account;
	struct conf			 conf;
	struct http_client		*http;
	struct locks			*locks;
	struct store			*store;
	struct access_tokens		*tokens;
	char				 api[PEER_URL];
	struct query			 query;
	char				 text[256];
	struct buf			 body;
	struct token_server_reply	 reply;
};

static void
place_init(struct place *p)
{
	*p = (struct place){ .peer = peer_new() };
	peer_url(p->peer, p->api, "");
	p->account = (struct account){ .path = "a", .name = "a", .appid = "wx1", .secret = "HUSH",
	    .control_key = KEY };
	p->conf = (struct conf){
		.set = { .state_dir = state_new(), .connect_ms = PATIENCE_MS, .wechat_api = p->api,
		    .control_per_minute = 1000 },
		.accounts = &p->account, .n = 1,
	};
	peer_say(p->peer, STABLE, "200 OK", "{\"access_token\":\"T\\\"1\\\\\",\"expires_in\":7200}",
	    false);
	p->reply.body = &p->body;
	assert_non_null(p->http = http_client_new(&p->conf.set, NULL));
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_SERVER));
	assert_non_null(p->tokens = access_token_new(&p->conf, p->http, p->store));
}

static void
place_fini(struct place *p)
{
	buf_free(&p->body);
	access_token_free(p->tokens);
	store_free(p->store);
	lock_free(p->locks);
	http_client_free(p->http);
	peer_free(p->peer);
}

static enum error
send_request(struct place *p, const char *header, const char *query, const char *peer)
{
	struct token_server_request	 q = {
		.account = &p->account, .query = &p->query, .authorization = slice_of(header),
		.peer = slice_of(peer), .deadline_ms = clock_mono_ms() + PATIENCE_MS,
	};

	(void)snprintf(p->text, sizeof(p->text), "%s", query == NULL ? "" : query);
	check_err("query", query_parse(&p->query, p->text, strlen(p->text)), ERR_OK);
	return token_server_answer(&p->reply, &p->conf.set, p->tokens, p->store, &q);
}

static bool
says(const struct place *p, const char *part)
{
	char	 text[512];

	(void)snprintf(text, sizeof(text), "%.*s", (int)p->body.len,
	    p->body.len == 0 ? "" : p->body.p);
	return strstr(text, part) != NULL;
}

static const struct {
	const char	*name, *allow, *header, *query, *peer;
	enum error	 want;
} guard_cases[] = {
	{ "header", NULL, "Bearer " KEY, NULL, "192.0.2.1", ERR_OK },
	{ "scheme's case", NULL, "bEARER " KEY, NULL, "192.0.2.1", ERR_OK },
	{ "query", NULL, NULL, "x=1&key=0123456789abcdef%2B%2F%3D%26", "192.0.2.1", ERR_OK },
	{ "another scheme beside", NULL, "Basic eA==", "key=0123456789abcdef%2B%2F%3D%26",
	    "192.0.2.1", ERR_OK },
	{ "no key", NULL, NULL, NULL, "192.0.2.1", ERR_KEY },
	{ "empty ones", NULL, "Bearer ", "key=", "192.0.2.1", ERR_KEY },
	{ "wrong header", NULL, "Bearer x" KEY, NULL, "192.0.2.1", ERR_KEY },
	{ "one short", NULL, "Bearer 0123456789abcdef+/=", NULL, "192.0.2.1", ERR_KEY },
	{ "one too many", NULL, "Bearer " KEY "&", NULL, "192.0.2.1", ERR_KEY },
	{ "no scheme", NULL, KEY, NULL, "192.0.2.1", ERR_KEY },
	{ "no blank", NULL, "Bearer" KEY, NULL, "192.0.2.1", ERR_KEY },
	{ "wrong header, right query", NULL, "Bearer x", "key=0123456789abcdef%2B%2F%3D%26",
	    "192.0.2.1", ERR_KEY },
	{ "wrong query", NULL, NULL, "key=0123456789abcdef", "192.0.2.1", ERR_KEY },
	{ "twice", NULL, NULL, "key=0123456789abcdef%2B%2F%3D%26&"
	    "key=0123456789abcdef%2B%2F%3D%26", "192.0.2.1", ERR_KEY },
	{ "another's name", NULL, NULL, "Key=0123456789abcdef%2B%2F%3D%26", "192.0.2.1",
	    ERR_KEY },
	{ "empty list", "", "Bearer " KEY, NULL, "192.0.2.1", ERR_OK },
	{ "in the list", "10.0.0.0/8, 192.0.2.0/24", "Bearer " KEY, NULL, "192.0.2.1", ERR_OK },
	{ "mapped", "192.0.2.1", "Bearer " KEY, NULL, "::ffff:192.0.2.1", ERR_OK },
	{ "v6", "2001:db8::/32", "Bearer " KEY, NULL, "2001:db8:1::2", ERR_OK },
	{ "outside", "192.0.2.0/24", "Bearer " KEY, NULL, "192.0.3.1", ERR_ADDRESS },
	{ "no address", "0.0.0.0/0", "Bearer " KEY, NULL, "localhost", ERR_ADDRESS },
	{ "none at all", "0.0.0.0/0, ::/0", "Bearer " KEY, NULL, NULL, ERR_ADDRESS },
	{ "none at all, no list", NULL, "Bearer " KEY, NULL, NULL, ERR_OK },
	{ "in the list, no key", "192.0.2.1", NULL, NULL, "192.0.2.1", ERR_KEY },
};

static void
guard(void **state)
{
	struct place	 p;
	size_t		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(guard_cases); i++) {
		p.account.control_allow = guard_cases[i].allow;
		check_err(guard_cases[i].name, send_request(&p, guard_cases[i].header,
		    guard_cases[i].query, guard_cases[i].peer),
		    guard_cases[i].want);
		check_int(guard_cases[i].name, p.body.len != 0, guard_cases[i].want == ERR_OK);
		check_text(guard_cases[i].name, p.reply.headers, "");
	}
	check_int("one token", peer_asked(p.peer, STABLE, NULL), 1);
	place_fini(&p);
}

/* A refused request does not use the store. */
static void
refusals_are_cheap(void **state)
{
	struct place	 p;

	(void)state;
	place_init(&p);
	check_err("refused", send_request(&p, "Bearer x", NULL, "192.0.2.1"), ERR_KEY);
	p.account.control_allow = "10.0.0.1";
	check_err("refused", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"), ERR_ADDRESS);
	check_int("nothing is made", state_count(p.conf.set.state_dir, "qtoa", NULL), 0);
	check_int("nobody is asked", peer_requests(p.peer), 0);
	place_fini(&p);
}

static void
answers(void **state)
{
	struct place	 p;
	char		 want[96];
	int64_t		 left_s;

	(void)state;
	place_init(&p);
	check_err("there", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"), ERR_OK);
	for (left_s = 7200; left_s > 7190; left_s--) {
		(void)snprintf(want, sizeof(want), "{\"access_token\":\"T\\\"1\\\\\","
		    "\"expires_in\":%d}\n", (int)left_s);
		if (says(&p, want))
			break;
	}
	CHECK("what is left of it", left_s > 7190);
	check_text("no complaint", p.reply.why, "");
	place_fini(&p);

	place_init(&p);
	peer_say(p.peer, STABLE, "200 OK",
	    "{\"errcode\":40164,\"errmsg\":\"invalid ip \\\"::1\\\"\"}",
	    false);
	check_err("none", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"), ERR_TOKEN);
	CHECK("none", says(&p, "{\"error\":\"WeChat: errcode 40164: put this address on the IP "
	    "whitelist in WeChat's console: invalid ip \\\"::1\\\"\"}\n"));
	CHECK("none", !says(&p, "access_token"));
	CHECK("for the log", strstr(p.reply.why, "errcode 40164") != NULL);
	place_fini(&p);
}

static void
often(void **state)
{
	struct place	 p;
	int		 i;

	(void)state;
	place_init(&p);
	p.conf.set.control_per_minute = 3;
	atomic_store(&clocks->wall_ms, CLOCKS_FIRST_MS);
	for (i = 0; i < 3; i++)
		check_err("as many as may be", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"),
		    ERR_OK);
	check_err("one more", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"), ERR_OFTEN);
	CHECK("one more", says(&p, "{\"error\":\"asked too often\"}\n"));
	check_text("when the minute has begun", p.reply.headers, "Retry-After: 60\r\n");
	check_err("another address", send_request(&p, "Bearer " KEY, NULL, "192.0.2.2"), ERR_OK);
	atomic_store(&clocks->wall_ms, CLOCKS_FIRST_MS + 59999);
	check_err("still", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"), ERR_OFTEN);
	check_text("when it is about to end", p.reply.headers, "Retry-After: 1\r\n");
	atomic_store(&clocks->wall_ms, CLOCKS_FIRST_MS + 60000);
	check_err("another minute", send_request(&p, "Bearer " KEY, NULL, "192.0.2.1"), ERR_OK);
	atomic_store(&clocks->wall_ms, 0);
	place_fini(&p);
}

static void
where_there_is_one(void **state)
{
	struct account	 a = { .path = "a" };

	(void)state;
	CHECK("neither", !token_server_is_on(&a));
	a.control_key = KEY;
	CHECK("no secret", !token_server_is_on(&a));
	a.secret = "s";
	CHECK("both", token_server_is_on(&a));
	a.control_key = "";
	CHECK("no key", !token_server_is_on(&a));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(guard), TEST(refusals_are_cheap), TEST(answers), TEST(often),
		TEST(where_there_is_one),
	};

	return RUN("dispense", tests);
}
