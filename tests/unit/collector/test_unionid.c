#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/unionid.h"
#include "core/clock.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

#define INFO	"/cgi-bin/user/info"
#define STABLE	"/cgi-bin/stable_token"
#define WITH(t)	INFO "?access_token=" t "&"

enum {
	PATIENCE_MS = 60000,	/* longer than any step of a test takes */
	SHORT_MS = 200,		/* a time that a test waits for to the end */
	THREADS = 6,
};

/* A server that is both control server and WeChat, and the module that asks it. */
struct place {
	struct peer		*peer;
	struct account		 accounts[3];	/* openid, unionid, unionid */
	struct conf		 conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;
	struct access_tokens	*tokens;
	struct unionid		*identity;
	char			 url[PEER_URL], api[PEER_URL];
};

static void
open_all(struct place *p)
{
	assert_non_null(p->http = http_client_new(&p->conf.set, NULL));
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_SERVER));
	assert_non_null(p->tokens = access_token_new(&p->conf, p->http, p->store));
	assert_non_null(p->identity = unionid_new(&p->conf, p->http, p->store, p->tokens));
}

static void
close_all(struct place *p)
{
	unionid_free(p->identity);
	access_token_free(p->tokens);
	store_free(p->store);
	lock_free(p->locks);
	http_client_free(p->http);
}

static void
say_token(struct place *p, const char *body)
{
	peer_say(p->peer, "/token", "200 OK", body, false);
}

static void
say_user(struct place *p, const char *begin, const char *body)
{
	peer_say(p->peer, begin, "200 OK", body, false);
}

/* All works: the token is t1, and every user has a unionid. */
static struct place *
place_new(void)
{
	static const char *const	 names[] = { "open", "first", "second" };
	struct place			*p = calloc(1, sizeof(*p));
	size_t				 i;

	assert_non_null(p);
	p->peer = peer_new();
	peer_url(p->peer, p->url, "token");
	peer_url(p->peer, p->api, "");
	for (i = 0; i < COUNT(names); i++)
		p->accounts[i] = (struct account){
			.path = names[i], .name = names[i], .appid = names[i],
			.identity = i == 0 ? OPENID : UNIONID, .control_url = p->url,
			.control_token_path = "$.access_token",
		};
	p->conf = (struct conf){
		.set = { .state_dir = state_new(), .connect_ms = PATIENCE_MS,
		    .wechat_api = p->api },
		.accounts = p->accounts, .n = COUNT(names),
	};
	say_token(p, "{\"access_token\":\"t1\"}");
	say_user(p, INFO, "{\"unionid\":\"u\"}");
	open_all(p);
	return p;
}

static void
place_free(struct place *p)
{
	close_all(p);
	peer_free(p->peer);
	free(p);
}

static int
fetched(struct place *p)
{
	return peer_asked(p->peer, "/token", NULL);
}

static int
asked(struct place *p)
{
	return peer_asked(p->peer, INFO, NULL);
}

/* A look-up and its result. */
struct look_up {
	struct place	*place;
	int		 account;
	const char	*openid;
	int		 ms;
	struct buf	 device;
	enum unionid_answer answer;
	enum error	 er;
	char		 why[TOKEN_CLIENT_WHY];
	pthread_t	 thread;
	struct watched	 watched;
};

static void
do_look_up(struct look_up *l)
{
	l->er = unionid_device(l->place->identity, &l->device, &l->answer,
	    &l->place->accounts[l->account], slice_of(l->openid), clock_mono_ms() + l->ms, l->why);
}

/*
 * want: the device ID; NULL: the look-up fails.  words: of the reason; NULL with want: the user is
 * known.
 */
static void
check_look_up(const char *name, const struct look_up *l, const char *want, const char *words)
{
	check_err(name, l->er, ERR_OK);
	check_int(name, l->answer, want == NULL ? UNIONID_FAILED :
	    words == NULL ? UNIONID_THERE : UNIONID_NONE);
	if (want != NULL)
		check_bytes(name, buf_slice(&l->device), slice_of(want));
	if (words == NULL)
		check_text(name, l->why, "");
	else if (!CHECK(name, strstr(l->why, words) != NULL))
		print_error("%s\n", l->why);
}

/* Looks a user up and checks the result. */
static void
look_up(struct place *p, const char *name, int account, const char *openid, const char *want,
    const char *words)
{
	struct look_up	 l = { .place = p, .account = account, .openid = openid,
			    .ms = PATIENCE_MS };

	assert_int_equal(buf_puts(&l.device, "what was there"), ERR_OK);
	do_look_up(&l);
	check_look_up(name, &l, want, words);
	buf_free(&l.device);
}

static void *
run_look_up(void *arg)
{
	struct look_up	*l = arg;

	watched_here(&l->watched);
	do_look_up(l);
	return NULL;
}

static void
start_look_up(struct look_up *l, struct place *p, const char *openid, int ms)
{
	*l = (struct look_up){ .place = p, .account = 1, .openid = openid, .ms = ms };
	watched_init(&l->watched);
	assert_int_equal(pthread_create(&l->thread, NULL, run_look_up, l), 0);
}

/* WeChat is not asked if the identity is the openid, or if the store knows the user. */
static void
asked_once(void **state)
{
	struct place	*p = place_new();
	int		 i;

	(void)state;
	look_up(p, "openid", 0, "o1", "o1", NULL);
	look_up(p, "no openid", 0, "", "", NULL);
	check_int("nobody is asked", peer_requests(p->peer), 0);
	for (i = 0; i < 3; i++)
		look_up(p, "unionid", 1, "o1", "u", NULL);
	check_int("token", fetched(p), 1);
	check_int("WeChat", asked(p), 1);
	say_user(p, INFO, "{\"unionid\":\"u2\"}");
	look_up(p, "another user", 1, "o2", "u2", NULL);
	check_int("the same token", fetched(p), 1);
	look_up(p, "another account", 2, "o1", "u2", NULL);
	check_int("has its own token", fetched(p), 2);
	check_int("WeChat", asked(p), 3);
	close_all(p);
	open_all(p);
	look_up(p, "after a restart", 1, "o1", "u", NULL);
	look_up(p, "after a restart", 1, "o2", "u2", NULL);
	look_up(p, "after a restart", 2, "o1", "u2", NULL);
	check_int("nobody is asked", peer_requests(p->peer), 5);
	place_free(p);
}

static void
refused_tokens(void **state)
{
	static const char *const	 codes[] = { "40001", "40014", "42001" };
	struct place			*p;
	char				 refusal[64];
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(codes); i++) {
		p = place_new();
		look_up(p, codes[i], 1, "o1", "u", NULL);
		(void)snprintf(refusal, sizeof(refusal), "{\"errcode\":%s}", codes[i]);
		say_user(p, WITH("t1"), refusal);
		say_token(p, "{\"access_token\":\"t2\"}");
		look_up(p, codes[i], 1, "o2", "u", NULL);
		check_int(codes[i], fetched(p), 2);
		check_int(codes[i], peer_asked(p->peer, WITH("t1"), NULL), 1);
		look_up(p, "the new one is kept", 1, "o3", "u", NULL);
		check_int("the new one is kept", fetched(p), 2);

		/* The control server gives the same token again. */
		say_user(p, INFO, refusal);
		look_up(p, "both", 1, "o4", NULL, codes[i]);
		check_int("both", fetched(p), 3);
		check_int("WeChat", asked(p), 5);
		place_free(p);
	}
}

/* A user is looked up again until the unionid is known. */
static void *
insist(void *arg)
{
	const struct timespec	 nap = { 0, 10000000 };
	struct look_up		*l = arg;
	const int64_t		 end_ms = clock_mono_ms() + PATIENCE_MS;

	for (do_look_up(l); l->er == ERR_OK && l->answer == UNIONID_FAILED &&
	    clock_mono_ms() < end_ms; do_look_up(l))
		(void)nanosleep(&nap, NULL);
	return NULL;
}

/*
 * After a failure there is a pause.  Then one thread tries, and the others do not wait for it.
 */
static void
pauses(void **state)
{
	static const struct {
		const char	*name;
		const char	*bad, *status, *body;	/* the server that fails, and its answer */
		const char	*slow, *good;		/* the server that works */
		const char	*words;
		int		 requests;		/* for two users, in the end */
	} cases[] = {
		{ "control server", "/token", "500 No", "", "/token",
		    "{\"access_token\":\"t2\"}", "HTTP 500", 3 },
		{ "WeChat", INFO, "200 OK", "{\"errcode\":45009}", INFO, "{\"unionid\":\"u\"}",
		    "45009", 2 },
		{ "token", INFO, "200 OK", "{\"errcode\":42001}", "/token",
		    "{\"access_token\":\"t2\"}", "42001", 3 },
	};
	struct place	*p[COUNT(cases)];
	struct look_up	 l[COUNT(cases)];
	int		 n[COUNT(cases)];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p[i] = place_new();
		peer_say(p[i]->peer, cases[i].bad, cases[i].status, cases[i].body, false);
		look_up(p[i], cases[i].name, 1, "o1", NULL, cases[i].words);
		n[i] = peer_requests(p[i]->peer);
		look_up(p[i], "the same user", 1, "o1", NULL, cases[i].words);
		look_up(p[i], "another user", 1, "o2", NULL, cases[i].words);
		check_int(cases[i].name, peer_requests(p[i]->peer), n[i]);
		say_user(p[i], INFO, "{\"unionid\":\"u\"}");
		peer_say(p[i]->peer, cases[i].slow, "200 OK", cases[i].good, true);
		l[i] = (struct look_up){ .place = p[i], .account = 1, .openid = "o1",
		    .ms = PATIENCE_MS };
		assert_int_equal(pthread_create(&l[i].thread, NULL, insist, &l[i]), 0);
	}
	for (i = 0; i < COUNT(cases); i++) {
		peer_await(p[i]->peer, n[i] + 1);
		look_up(p[i], "while one tries", 1, "o2", NULL, cases[i].words);
		check_int(cases[i].name, peer_requests(p[i]->peer), n[i] + 1);
		peer_open(p[i]->peer);
		(void)pthread_join(l[i].thread, NULL);
		check_look_up(cases[i].name, &l[i], "u", NULL);
		look_up(p[i], "it works again", 1, "o2", "u", NULL);
		check_int(cases[i].name, peer_requests(p[i]->peer), n[i] + cases[i].requests);
		buf_free(&l[i].device);
		place_free(p[i]);
	}
}

/* A pause is said once, when it begins; the next one is longer, until a call works. */
static void
growing_pauses(void **state)
{
	const struct timespec	 nap = { 0, 10000000 };
	const int64_t		 end_ms = clock_mono_ms() + PATIENCE_MS;
	struct place		*p = place_new();
	struct look_up		 l = { .place = p, .account = 1, .openid = "o1", .ms = PATIENCE_MS };

	(void)state;
	say_user(p, INFO, "{\"errcode\":45009}");
	look_up(p, "the first one", 1, "o1", NULL, "; nobody is asked for 2 s");
	do_look_up(&l);
	CHECK("within it", strstr(l.why, "45009") != NULL && strstr(l.why, "nobody") == NULL);
	do {
		(void)nanosleep(&nap, NULL);
		do_look_up(&l);
	} while (asked(p) == 1 && clock_mono_ms() < end_ms);
	check_look_up("the second one", &l, NULL, "; nobody is asked for 4 s");
	buf_free(&l.device);
	place_free(p);
}

/* Without an answer about one user, others are asked about; not after that is so for two. */
static void
suspects(void **state)
{
	static const struct {
		const char	*name, *status, *body, *words;
	} cases[] = {
		{ "502", "502 Bad", "", "HTTP 502" },
		{ "busy", "200 OK", "{\"errcode\":-1}", "WeChat is busy" },
	};
	struct place	*p;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = place_new();
		peer_say(p->peer, WITH("t1") "openid=bad", cases[i].status, cases[i].body, false);
		look_up(p, cases[i].name, 1, "bad1", NULL, cases[i].words);
		look_up(p, "the same user", 1, "bad1", NULL, cases[i].words);
		look_up(p, "another user", 1, "o1", "u", NULL);
		look_up(p, cases[i].name, 1, "bad1", NULL, cases[i].words);
		check_int("they were asked about", asked(p) +
		    peer_asked(p->peer, WITH("t1") "openid=bad", NULL), 4);
		look_up(p, "two in a row", 1, "bad2", NULL, "; nobody is asked for 2 s");
		look_up(p, "another user", 1, "o2", NULL, cases[i].words);
		look_up(p, "known", 1, "o1", "u", NULL);
		check_int("nobody is asked", asked(p) +
		    peer_asked(p->peer, WITH("t1") "openid=bad", NULL), 5);
		place_free(p);
	}
}

/* A failure for one user or one account does not affect another one. */
static void
no_pauses(void **state)
{
	struct place	*p = place_new();

	(void)state;
	say_user(p, WITH("t1") "openid=o1&", "{\"errcode\":40003}");
	say_user(p, WITH("t1") "openid=o2&", "{\"subscribe\":1}");
	look_up(p, "no such user", 1, "o1", "o1", "40003");
	look_up(p, "no unionid", 1, "o2", "o2", "no open platform");
	look_up(p, "no openid", 1, "", "", "not an openid");
	say_user(p, WITH("t1") "openid=o5&", "<html>");
	look_up(p, "an answer that cannot be read", 1, "o5", NULL, "is not JSON");
	look_up(p, "another user", 1, "o3", "u", NULL);
	look_up(p, "the first again", 1, "o1", "o1", "40003");
	check_int("is asked for again", peer_asked(p->peer, WITH("t1") "openid=o1&", NULL), 2);
	peer_say(p->peer, "/token", "500 No", "", false);
	look_up(p, "another account", 2, "o1", NULL, "HTTP 500");
	look_up(p, "the first account", 1, "o4", "u", NULL);
	place_free(p);
}

/* Several threads look up the same user: WeChat is asked once, with success or not. */
static void
one_user(void **state)
{
	static const struct {
		const char	*name, *body, *want, *words;
	} cases[] = {
		{ "known", "{\"unionid\":\"u\"}", "u", NULL },
		{ "unknown", "{\"errcode\":40003}", "o1", "40003" },
		{ "failing", "{\"errcode\":48001}", NULL, "48001" },
	};
	struct place	*p;
	struct look_up	 l[THREADS], hasty;
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = place_new();
		peer_say(p->peer, INFO, "200 OK", cases[i].body, true);
		for (k = 0; k < THREADS; k++)
			start_look_up(&l[k], p, "o1", PATIENCE_MS);
		peer_await(p->peer, 2);
		start_look_up(&hasty, p, "o1", SHORT_MS);
		(void)pthread_join(hasty.thread, NULL);
		check_look_up("in a hurry", &hasty, NULL, "no time left");
		for (k = 0; k < THREADS; k++)	/* and no thread waits for the store any more */
			watched_asleep(&l[k].watched);
		peer_open(p->peer);
		for (k = 0; k < THREADS; k++) {
			(void)pthread_join(l[k].thread, NULL);
			check_look_up(cases[i].name, &l[k], cases[i].want, cases[i].words);
			buf_free(&l[k].device);
		}
		buf_free(&hasty.device);
		check_int(cases[i].name, fetched(p), 1);
		check_int(cases[i].name, asked(p), 1);
		place_free(p);
	}
}

/* Several users at once: one token is fetched for all of them, or one call fails. */
static void
many_users(void **state)
{
	static const char *const	 users[THREADS] = { "o1", "o2", "o3", "o4", "o5", "o6" };
	static const struct {
		const char	*name, *status, *want, *words;
	} cases[] = {
		{ "token", "200 OK", "u", NULL }, { "no token", "500 No", NULL, "HTTP 500" },
	};
	struct place	*p;
	struct look_up	 l[THREADS];
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = place_new();
		peer_say(p->peer, "/token", cases[i].status, "{\"access_token\":\"t1\"}", true);
		for (k = 0; k < THREADS; k++)
			start_look_up(&l[k], p, users[k], PATIENCE_MS);
		peer_await(p->peer, 1);
		for (k = 0; k < THREADS; k++)
			watched_asleep(&l[k].watched);
		peer_open(p->peer);
		for (k = 0; k < THREADS; k++) {
			(void)pthread_join(l[k].thread, NULL);
			check_look_up(cases[i].name, &l[k], cases[i].want, cases[i].words);
			buf_free(&l[k].device);
		}
		check_int(cases[i].name, fetched(p), 1);
		check_int(cases[i].name, asked(p), cases[i].want == NULL ? 0 : THREADS);
		place_free(p);
	}
}

/* All users at once with an expired token: one new token is fetched. */
static void
many_users_with_an_old_token(void **state)
{
	static const char *const	 users[THREADS] = { "o1", "o2", "o3", "o4", "o5", "o6" };
	struct place			*p = place_new();
	struct look_up			 l[THREADS];
	size_t				 k;

	(void)state;
	look_up(p, "before", 1, "o0", "u", NULL);
	say_user(p, WITH("t1"), "{\"errcode\":42001}");
	say_token(p, "{\"access_token\":\"t2\"}");
	for (k = 0; k < THREADS; k++)
		start_look_up(&l[k], p, users[k], PATIENCE_MS);
	for (k = 0; k < THREADS; k++) {
		(void)pthread_join(l[k].thread, NULL);
		check_look_up(users[k], &l[k], "u", NULL);
		buf_free(&l[k].device);
	}
	check_int("token", fetched(p), 2);
	check_int("WeChat", asked(p), 1 + THREADS);
	place_free(p);
}

/* No look-up takes longer than its deadline; without a store there is no answer. */
static void
limits(void **state)
{
	struct place	*p = place_new();
	struct look_up	 l = { .place = p, .account = 1, .openid = "o1", .ms = SHORT_MS };
	char		 url[PEER_URL];

	(void)state;
	peer_url(p->peer, url, "silent");
	p->accounts[1].control_url = url;
	do_look_up(&l);
	check_look_up("silent", &l, NULL, "control_url: no answer: ");
	close_all(p);
	p->conf.set.state_dir = "/dev/null/state";
	open_all(p);
	do_look_up(&l);
	check_err("no store", l.er, ERR_STORE);
	CHECK("no store", *l.why != '\0' && l.answer == UNIONID_FAILED);
	buf_free(&l.device);
	place_free(p);
}

/* Without a control server the tokens come from the account's secret. */
static void
own_tokens(void **state)
{
	struct place	*p = place_new();

	(void)state;
	p->accounts[1].control_url = NULL;
	p->accounts[1].secret = "HUSH";
	say_token(p, "{}");
	say_user(p, STABLE, "{\"access_token\":\"o1\",\"expires_in\":7200}");
	look_up(p, "the first one", 1, "a", "u", NULL);
	look_up(p, "kept", 1, "b", "u", NULL);
	check_int("kept", peer_asked(p->peer, STABLE, NULL), 1);
	say_user(p, WITH("o1"), "{\"errcode\":42001,\"errmsg\":\"over\"}");
	say_user(p, STABLE, "{\"access_token\":\"o2\",\"expires_in\":7200}");
	look_up(p, "another", 1, "c", "u", NULL);
	say_user(p, WITH("o2"), "{\"errcode\":40001,\"errmsg\":\"no\"}");
	look_up(p, "the same again", 1, "d", NULL, "WeChat gives the same access_token again");
	check_int("asked", peer_asked(p->peer, STABLE, NULL), 3);
	check_int("no control server", fetched(p), 0);
	place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(asked_once), TEST(refused_tokens), TEST(pauses), TEST(no_pauses),
		TEST(growing_pauses), TEST(suspects),
		TEST(one_user), TEST(many_users), TEST(many_users_with_an_old_token), TEST(limits),
		TEST(own_tokens),
	};

	return RUN("identity", tests);
}
