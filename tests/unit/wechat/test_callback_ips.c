#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/callback_ips.h"

#define STABLE	"/cgi-bin/stable_token"
#define LIST	"/cgi-bin/getcallbackip"
#define FILE_NAME	"qtoa.wechat-ips"

enum { PATIENCE_MS = 60000, DAY_S = 86400 };

struct place {
	struct peer			*peer;
	struct account			 account;
	struct conf			 conf;
	struct http_client		*http;
	struct store			*store;
	struct callback_ips_asker	 asker;
	struct callback_ips		*ips;
	char				 api[PEER_URL], why[CALLBACK_IPS_WHY];
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
	peer_say(p->peer, STABLE, "200 OK", "{\"access_token\":\"T1\",\"expires_in\":7200}", false);
	assert_non_null(p->asker.http = http_client_new(&p->conf.set, NULL));
	assert_non_null(p->asker.locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->asker.locks, STORE_SERVER));
	assert_non_null(p->asker.tokens = access_token_new(&p->conf, p->asker.http,
	    p->store));
	assert_non_null(p->ips = callback_ips_new(&p->conf));
}

static void
place_fini(struct place *p)
{
	callback_ips_free(p->ips);
	access_token_free(p->asker.tokens);
	store_free(p->store);
	lock_free(p->asker.locks);
	http_client_free(p->asker.http);
	peer_free(p->peer);
}

/* Writes a file with two entries; each time is so many seconds before now. */
static void
write_file(struct place *p, int64_t fetched_s, int64_t tried_s, const char *one, int64_t one_s,
    const char *two, int64_t two_s)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;
	char		 text[1024];

	(void)snprintf(text, sizeof(text), "qtoa-wechat-ips 1 %lld %lld\n%s %lld\n%s %lld\n",
	    (long long)(now_s - fetched_s), (long long)(now_s - tried_s),
	    one, (long long)(now_s - one_s), two, (long long)(now_s - two_s));
	state_write(p->conf.set.state_dir, FILE_NAME, text, strlen(text));
}

static enum callback_ips_result
fetch(struct place *p)
{
	return callback_ips_fetch(p->ips, &p->asker, clock_mono_ms() + PATIENCE_MS, p->why);
}

static bool
lacks(struct place *p, const char *peer)
{
	return callback_ips_lacks(p->ips, slice_of(peer));
}

static const struct {
	const char	*name, *status, *body;
	int64_t		 networks;	/* 0: it fails */
	const char	*why;
} answers[] = {
	{ "plain and CIDR", "200 OK",
	    "{\"ip_list\":[\"106.55.206.146\",\"101.226.103.0/25\"]}", 2, "" },
	{ "twice the same", "200 OK", "{\"ip_list\":[\"1.2.3.4\",\"1.2.3.4\"]}", 1, "" },
	{ "IPv6", "200 OK", "{\"ip_list\":[\"2001:db8::/32\",\"1.2.3.4\"]}", 2, "" },
	{ "garbage between", "200 OK", "{\"ip_list\":[\"x\",7,null,[],\"1.2.3.4\",\"1.2.3.4/33\","
	    "\"\",\"1.2.3.4\\u0000\",\"5.6.7.8\\n9.9.9.9\",\"0.0.0.0/0\",{}]}", 1, "" },
	{ "empty", "200 OK", "{\"ip_list\":[]}", 0, "no addresses in ip_list" },
	{ "missing", "200 OK", "{}", 0, "no addresses in ip_list" },
	{ "text", "200 OK", "{\"ip_list\":\"1.2.3.4\"}", 0, "no addresses in ip_list" },
	{ "garbage alone", "200 OK", "{\"ip_list\":[\"everybody\"]}", 0, "no addresses" },
	{ "no JSON", "200 OK", "<html>", 0, "a: WeChat: the answer, 6 bytes, is not JSON" },
	{ "5xx", "502 Bad", "{\"ip_list\":[\"1.2.3.4\"]}", 0, "a: WeChat: HTTP 502" },
	{ "refused", "200 OK", "{\"errcode\":48001,\"errmsg\":\"api unauthorized rid: 6-a\"}", 0,
	    "a: WeChat: errcode 48001: the account may not use this interface; see WeChat's "
	    "console: api unauthorized rid: 6-a" },
};

static void
fetched(void **state)
{
	struct callback_ips_state	 s;
	struct place			 p;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(answers); i++) {
		place_init(&p);
		peer_say(p.peer, LIST, answers[i].status, answers[i].body, false);
		CHECK(answers[i].name, !lacks(&p, "9.9.9.9"));
		CHECK(answers[i].name, callback_ips_is_due(p.ips));
		check_int(answers[i].name, fetch(&p), answers[i].networks == 0 ?
		    CALLBACK_IPS_FAILED : CALLBACK_IPS_FETCHED);
		CHECK(answers[i].name, strstr(p.why, answers[i].why) != NULL);
		CHECK(answers[i].name, unit_is_printable(p.why));
		check_int(answers[i].name, lacks(&p, "9.9.9.9"), answers[i].networks != 0);
		CHECK(answers[i].name, !callback_ips_is_due(p.ips));
		callback_ips_read_state(&s, p.conf.set.state_dir);
		check_int(answers[i].name, s.networks, answers[i].networks);
		check_int("the time", s.fetched_s != 0, answers[i].networks != 0);
		CHECK("the attempt", s.tried_s != 0);
		check_int("once", fetch(&p), CALLBACK_IPS_ELSEWHERE);
		check_int("once", peer_asked(p.peer, LIST, NULL), 1);
		place_fini(&p);
	}
}

/* Old and new addresses count side by side, for a week. */
static void
week(void **state)
{
	struct place	 p;

	(void)state;
	place_init(&p);
	write_file(&p, DAY_S + 60, DAY_S + 60, "1.1.1.1", 7 * DAY_S - 600, "2.2.2.0/24",
	    7 * DAY_S + 600);
	callback_ips_refresh(p.ips);
	CHECK("the last list serves", !lacks(&p, "1.1.1.1") && !lacks(&p, "2.2.2.9"));
	CHECK("others", lacks(&p, "3.3.3.3"));
	peer_say(p.peer, LIST, "500 Bad", "", false);
	check_int("refused", fetch(&p), CALLBACK_IPS_FAILED);
	CHECK("also if a fetch fails", !lacks(&p, "1.1.1.1") && !lacks(&p, "2.2.2.9"));
	write_file(&p, DAY_S + 60, 601, "1.1.1.1", 7 * DAY_S - 600, "2.2.2.0/24", 7 * DAY_S + 600);
	callback_ips_refresh(p.ips);
	CHECK("due again", callback_ips_is_due(p.ips));
	peer_say(p.peer, LIST, "200 OK", "{\"ip_list\":[\"3.3.3.3\"]}", false);
	check_int("fetched", fetch(&p), CALLBACK_IPS_FETCHED);
	CHECK("six days old", !lacks(&p, "1.1.1.1"));
	CHECK("eight days old", lacks(&p, "2.2.2.9"));
	CHECK("new", !lacks(&p, "3.3.3.3"));
	place_fini(&p);
}

/* What another process has written, and what nobody of ours has. */
static void
files(void **state)
{
	static const struct {
		const char	*name, *text;
		int64_t		 networks;
	} cases[] = {
		{ "good", "qtoa-wechat-ips 1 5 6\n1.2.3.4 5\n", 1 },
		{ "no line end", "qtoa-wechat-ips 1 5 6\n1.2.3.4 5", 1 },
		{ "empty", "", 0 },
		{ "no entries", "qtoa-wechat-ips 1 5 6\n", 0 },
		{ "another version", "qtoa-wechat-ips 2 5 6\n1.2.3.4 5\n", 0 },
		{ "another version, longer", "qtoa-wechat-ips 11 5 6\n1.2.3.4 5\n", 0 },
		{ "another file", "\177ELF\n1.2.3.4 5\n", 0 },
		{ "no times", "qtoa-wechat-ips 1\n1.2.3.4 5\n", 0 },
		{ "bad times", "qtoa-wechat-ips 1 -5 x\n1.2.3.4 5\n", 0 },
		{ "bad lines", "qtoa-wechat-ips 1 5 6\nx 5\n1.2.3.4\n\n0.0.0.0/0 5\n1.2.3.4 x\n"
		    "2.3.4.5 6 7\n 1.1.1.1 5\n3.3.3.3 5\n", 1 },
	};
	struct callback_ips_state	 s;
	struct place			 p;
	size_t				 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < COUNT(cases); i++) {
		state_write(p.conf.set.state_dir, FILE_NAME, cases[i].text, strlen(cases[i].text));
		callback_ips_free(p.ips);
		assert_non_null(p.ips = callback_ips_new(&p.conf));
		callback_ips_state(p.ips, &s);
		check_int(cases[i].name, s.networks, cases[i].networks);
		check_int(cases[i].name, lacks(&p, "9.9.9.9"), cases[i].networks != 0);
		CHECK(cases[i].name, callback_ips_is_due(p.ips));
	}
	write_file(&p, 60, 60, "5.5.5.5", 60, "6.6.6.6", 60);
	callback_ips_refresh(p.ips);
	CHECK("read again", !lacks(&p, "6.6.6.6") && lacks(&p, "3.3.3.3"));
	CHECK("not due", !callback_ips_is_due(p.ips));
	write_file(&p, -9999, -9999, "5.5.5.5", 60, "6.6.6.6", 60);
	callback_ips_refresh(p.ips);
	CHECK("a clock that was ahead", callback_ips_is_due(p.ips));
	p.account.secret = NULL;
	CHECK("nobody can ask", !callback_ips_is_due(p.ips));
	place_fini(&p);
}

/* On a full disk the list is in memory, and WeChat is not asked again and again. */
static void
full_disk(void **state)
{
	struct place	 p;
	char		 path[STATE_PATH];

	(void)state;
	place_init(&p);
	check_int("the token", access_token_get(p.asker.tokens, &(struct access_token){ 0 },
	    &p.account, clock_mono_ms() + PATIENCE_MS, p.why), true);
	peer_say(p.peer, LIST, "200 OK", "{\"ip_list\":[\"3.3.3.3\"]}", false);
	state_path(path, p.conf.set.state_dir, FILE_NAME);
	assert_int_equal(mkdir(path, 0700), 0);		/* nothing can take its place */
	check_int("not written", fetch(&p), CALLBACK_IPS_FAILED);
	CHECK("why", strstr(p.why, "qtoa.wechat-ips cannot be written: ") != NULL);
	CHECK("used", lacks(&p, "9.9.9.9") && !lacks(&p, "3.3.3.3"));
	callback_ips_refresh(p.ips);
	CHECK("not due", !callback_ips_is_due(p.ips));
	(void)rmdir(path);
	place_fini(&p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(fetched), TEST(week), TEST(files), TEST(full_disk),
	};

	return RUN("callback_ips", tests);
}
