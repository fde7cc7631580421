#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/clocks.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/access_token.h"

#define X16	"0123456789abcdef"
#define X128	X16 X16 X16 X16 X16 X16 X16 X16
#define X512	X128 X128 X128 X128
#define STABLE	"/cgi-bin/stable_token"
#define LEGACY	"/cgi-bin/token"
#define GIVES(t, s) "{\"access_token\":\"" t "\",\"expires_in\":" #s "}"

enum {
	PATIENCE_MS = 60000,	/* longer than any step of a test takes */
	SHORT_MS = 400,		/* a time that a test waits for to the end */
	THREADS = 25,
};

/* A false WeChat, an account, and the module that gets its tokens.  The wall clock stands still. */
struct place {
	struct peer		*peer;
	struct account		 accounts[2];
	struct conf		 conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;
	struct access_tokens	*tokens;
	char			 api[PEER_URL];
	struct access_token	 t;
	char			 why[TOKEN_WHY];
};

static void
set_answer(struct place *p, const char *body)
{
	peer_say(p->peer, STABLE, "200 OK", body, false);
	peer_say(p->peer, LEGACY, "200 OK", body, false);
}

static int
asked(struct place *p)
{
	return peer_asked(p->peer, STABLE, NULL) + peer_asked(p->peer, LEGACY, NULL);
}

static struct place *
place_new(void)
{
	struct place	*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	p->peer = peer_new();
	peer_url(p->peer, p->api, "");
	p->accounts[0] = (struct account){ .path = "a", .name = "a", .appid = "wx1",
	    .secret = "HUSH" };
	p->accounts[1] = (struct account){ .path = "b", .name = "b", .appid = "wx2",
	    .secret = "other" };
	p->conf = (struct conf){
		.set = { .state_dir = state_new(), .connect_ms = PATIENCE_MS,
		    .wechat_api = p->api },
		.accounts = p->accounts, .n = COUNT(p->accounts),
	};
	set_answer(p, GIVES("T1", 7200));
	assert_non_null(p->http = http_client_new(&p->conf.set, NULL));
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_SERVER));
	assert_non_null(p->tokens = access_token_new(&p->conf, p->http, p->store));
	return p;
}

static void
place_free(struct place *p)
{
	access_token_free(p->tokens);
	store_free(p->store);
	lock_free(p->locks);
	http_client_free(p->http);
	peer_free(p->peer);
	free(p);
}

static bool
get_in(struct place *p, int ms)
{
	memset(&p->t, 0, sizeof(p->t));
	return access_token_get(p->tokens, &p->t, &p->accounts[0], clock_mono_ms() + ms, p->why);
}

static bool
get_token(struct place *p)
{
	return get_in(p, PATIENCE_MS);
}

static bool
another(struct place *p)
{
	return access_token_replace(p->tokens, &p->t, &p->accounts[0],
	    clock_mono_ms() + PATIENCE_MS,
	    p->why);
}

static bool
force_token(struct place *p)
{
	return access_token_force(p->tokens, &p->t, &p->accounts[0], clock_mono_ms() + PATIENCE_MS,
	    p->why);
}

static enum error
run_sql(struct db *db, void *arg)
{
	return db_script(db, arg);
}

static void
in_store(struct place *p, char *sql)
{
	check_err(sql, store_do(p->store, STORE_WRITE, run_sql, sql, clock_mono_ms() + PATIENCE_MS),
	    ERR_OK);
}

/* Moves the clock on. */
static void
pass(struct place *p, int64_t s)
{
	char	 sql[256];

	(void)snprintf(sql, sizeof(sql), "UPDATE token SET fetched = fetched - %lld, "
	    "expires = expires - %lld, renew = renew - %lld, pause = pause - %lld, "
	    "forced_at = forced_at - %lld", (long long)s, (long long)s, (long long)s,
	    (long long)s * 1000, (long long)s);
	in_store(p, sql);
}

struct number {
	const char	*sql;
	int64_t		 i;
};

static enum error
read_number(struct db *db, void *arg)
{
	struct number	*n = arg;

	n->i = -1;
	return sqlite_db_number(db, &n->i, n->sql, DB_NO_VALUES);
}

static int64_t
number(struct place *p, const char *sql)
{
	struct number	 n = { sql, -1 };

	check_err(sql, store_do(p->store, STORE_READ, read_number, &n,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	return n.i;
}

/* For how many seconds WeChat is not asked, rounded up. */
static int64_t
pause_s(struct place *p)
{
	return (number(p, "SELECT pause FROM token WHERE appid = 'wx1'") - clock_wall_ms() +
	    999) / 1000;
}

static void
check_why(const char *name, const struct place *p, const char *part)
{
	if (!CHECK(name, strstr(p->why, part) != NULL))
		print_error("%s\n", p->why);
	CHECK(name, unit_is_printable(p->why));
	CHECK(name, strstr(p->why, "HUSH") == NULL);
}

/* An answer of WeChat, the result, and the pause after it. */
static const struct {
	const char	*name, *body;
	const char	*want;		/* the token; NULL: there is no token */
	const char	*why;		/* words of the reason */
	int		 pause_s;	/* the pause after the answer */
} answers_cases[] = {
	{ "as WeChat has it", GIVES("T-1_x", 7200), "T-1_x", "", 0 },
	{ "longest", GIVES(X512, 7200), X512, "", 0 },
	{ "with an errcode", "{\"errcode\":0,\"errmsg\":\"ok\",\"access_token\":\"T\","
	    "\"expires_in\":7200}", "T", "", 0 },
	{ "seconds as text", "{\"access_token\":\"T\",\"expires_in\":\"7200\"}", "T", "", 0 },
	{ "too long", GIVES(X512 "x", 7200), NULL, "no access_token", 1 },
	{ "empty", GIVES("", 7200), NULL, "no access_token", 1 },
	{ "line end", GIVES("T\\n", 7200), NULL, "no access_token", 1 },
	{ "no seconds", "{\"access_token\":\"T\"}", NULL, "no access_token and expires_in", 1 },
	{ "no time", GIVES("T", 0), NULL, "expires_in", 1 },
	{ "time before", GIVES("T", -5), NULL, "expires_in", 1 },
	{ "no token", "{\"expires_in\":7200}", NULL, "no access_token", 1 },
	{ "array", "[]", NULL, "no access_token", 1 },
	{ "HTML", "<html>", NULL, "the answer, 6 bytes, is not JSON", 1 },
	{ "wrong secret", "{\"errcode\":40001,\"errmsg\":\"invalid credential\"}", NULL,
	    "errcode 40001: secret is not the AppSecret in WeChat's console", 3600 },
	{ "wrong secret too", "{\"errcode\":40125,\"errmsg\":\"invalid appsecret rid: 1\"}",
	    NULL, "errcode 40125: secret is not the AppSecret", 3600 },
	{ "our secret in its words", "{\"errcode\":40125,\"errmsg\":\"no HUSH\"}", NULL,
	    "40125", 3600 },
	{ "wrong appid", "{\"errcode\":40013,\"errmsg\":\"x\"}", NULL,
	    "errcode 40013: there is no such appid",
	    3600 },
	{ "address", "{\"errcode\":40164,\"errmsg\":\"invalid ip 192.0.2.7 ipv6 "
	    "::ffff:192.0.2.7, not in whitelist\"}", NULL, "errcode 40164: put this address "
	    "on the IP whitelist in WeChat's console: invalid ip 192.0.2.7 ipv6", 300 },
	{ "unconfirmed", "{\"errcode\":89503,\"errmsg\":\"x\"}", NULL, "administrator", 300 },
	{ "a minute's quota", "{\"errcode\":45011,\"errmsg\":\"x\"}", NULL, "too often", 60 },
	{ "busy", "{\"errcode\":-1,\"errmsg\":\"system error\"}", NULL,
	    "errcode -1: WeChat is busy: system error", 1 },
	{ "unheard of", "{\"errcode\":61234,\"errmsg\":\"a\\r\\n\\u001b[m\"}", NULL,
	    "errcode 61234: see WeChat's return codes: a???[m", 1 },
};

static void
answers(void **state)
{
	struct place	*p = place_new();
	size_t		 i;
	int		 legacy;

	(void)state;
	for (legacy = 0; legacy < 2; legacy++) {
		p->conf.set.legacy_token = legacy;
		for (i = 0; i < COUNT(answers_cases); i++) {
			set_answer(p, answers_cases[i].body);
			check_int(answers_cases[i].name, get_token(p),
			    answers_cases[i].want != NULL);
			check_why(answers_cases[i].name, p, answers_cases[i].why);
			check_int(answers_cases[i].name, (int64_t)strlen(p->why) != 0,
			    answers_cases[i].want == NULL);
			if (answers_cases[i].want != NULL)
				check_text(answers_cases[i].name, p->t.text, answers_cases[i].want);
			if (answers_cases[i].pause_s != 0)
				check_int(answers_cases[i].name, pause_s(p),
				    answers_cases[i].pause_s);
			in_store(p, (char[]){ "DELETE FROM token" });
		}
	}
	check_int("asked once each", asked(p), 2 * COUNT(answers_cases));
	place_free(p);
}

/* A day's quota that is used up: the pause lasts until the day in China is over. */
static void
day_quota(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 now_ms, left_s;	/* and one to be sure */
	} cases[] = {
		{ "as it begins", CLOCKS_FIRST_MS, 86400 + 1 },
		{ "midnight in London", CLOCKS_FIRST_MS + INT64_C(28800000), 57600 + 1 },
		{ "as it ends", CLOCKS_LAST_MS, 1 + 1 },
	};
	struct place	*p;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = place_new();
		atomic_store(&clocks->wall_ms, cases[i].now_ms);
		set_answer(p, "{\"errcode\":45009,\"errmsg\":\"reach max api daily quota limit\"}");
		CHECK(cases[i].name, !get_token(p));
		check_why(cases[i].name, p, "45009: the day's quota");
		check_int(cases[i].name, pause_s(p), cases[i].left_s);
		set_answer(p, GIVES("T1", 7200));
		CHECK(cases[i].name, !get_token(p));
		check_int("not asked", asked(p), 1);
		atomic_fetch_add(&clocks->wall_ms, cases[i].left_s * 1000);
		CHECK("tomorrow", get_token(p));
		place_free(p);
	}
}

/* The call with legacy_token; tests/e2e has the other one. */
static void
legacy_url(void **state)
{
	struct place	*p = place_new();
	char		 target[PEER_TARGET];

	(void)state;
	p->conf.set.legacy_token = 1;
	p->accounts[0].secret = "a&b/+ c";
	CHECK("there", get_token(p));
	(void)peer_asked(p->peer, LEGACY, target);
	check_text("encoded", target,
	    LEGACY "?grant_type=client_credential&appid=wx1&secret=a%26b%2F%2B%20c");
	place_free(p);
}

/* A token is renewed 5 to 10 minutes before its end, by each account at another time. */
static void
renewal(void **state)
{
	static const char *const	 others[] = { "other", "third", "fourth" };
	struct place			*p = place_new();
	size_t				 i;

	(void)state;
	CHECK("fetched", get_token(p));
	check_int("its life", p->t.expires_s - p->t.fetched_s, 7200);
	for (i = 0; i < COUNT(others); i++) {
		p->accounts[1].secret = others[i];
		CHECK(others[i], access_token_get(p->tokens, &p->t, &p->accounts[1],
		    clock_mono_ms() + PATIENCE_MS, p->why));
	}
	check_int("5 to 10 minutes", number(p, "SELECT count(*) FROM token "
	    "WHERE expires - renew BETWEEN 300 AND 600"), 1 + COUNT(others));
	/* The time depends on the port, too; so two accounts may have the same one. */
	CHECK("not together", number(p, "SELECT count(DISTINCT expires - renew) FROM token") > 1);
	set_answer(p, GIVES("T2", 7200));
	CHECK("again", get_token(p));
	check_text("kept", p->t.text, "T1");
	pass(p, 7200 - 660);
	CHECK("before", get_token(p));
	check_text("kept", p->t.text, "T1");
	pass(p, 361);
	CHECK("after", get_token(p));
	check_text("renewed", p->t.text, "T2");
	check_text("renewed", p->why, "");
	check_int("asked", asked(p), 2 + COUNT(others));
	check_int("counted", number(p, "SELECT sum(calls) FROM token"), 2 + COUNT(others));
	place_free(p);
}

/* Before the last five minutes WeChat gives the same token; it is not asked again at once. */
static void
same_until_the_end(void **state)
{
	struct place	*p = place_new();

	(void)state;
	CHECK("fetched", get_token(p));
	pass(p, 7200 - 299);	/* the time of the renewal depends on account and port */
	set_answer(p, GIVES("T1", 360));
	CHECK("the same", get_token(p));
	check_text("the same", p->t.text, "T1");
	CHECK("its age", p->t.expires_s - p->t.fetched_s >= 7199);
	CHECK("kept", get_token(p));
	check_int("not asked", asked(p), 2);
	pass(p, 62);
	set_answer(p, GIVES("T2", 7200));
	CHECK("another", get_token(p));
	check_text("another", p->t.text, "T2");
	check_int("asked", asked(p), 3);
	/* A token that is valid for a shorter time. */
	in_store(p, (char[]){ "DELETE FROM token" });
	set_answer(p, GIVES("T3", 10));
	CHECK("short", get_token(p));
	check_int("its life", p->t.expires_s - p->t.fetched_s, 10);
	check_int("half of it", number(p, "SELECT expires - renew FROM token"), 5);
	place_free(p);
}

/* Without an answer the old token is used until its end, and the pauses double. */
static void
trouble(void **state)
{
	static const int	 pauses[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300 };
	struct place		*p = place_new();
	char			 nr[24];
	size_t			 i;

	(void)state;
	CHECK("fetched", get_token(p));
	pass(p, 7200 - 200);
	peer_say(p->peer, STABLE, "502 Bad", "", false);
	for (i = 0; i < COUNT(pauses); i++) {
		(void)snprintf(nr, sizeof(nr), "failure %zu", i + 1);
		check_int(nr, get_token(p), i < 8);
		check_why(nr, p, "WeChat: HTTP 502");
		check_int(nr, pause_s(p), pauses[i]);
		check_int(nr, get_token(p), i < 8);
		check_why(nr, p, "WeChat: HTTP 502");
		check_int(nr, asked(p), (int64_t)i + 2);
		pass(p, pauses[i]);
	}
	set_answer(p, GIVES("T2", 7200));
	CHECK("recovered", get_token(p));
	check_text("recovered", p->t.text, "T2");
	check_text("recovered", p->why, "");
	check_int("forgotten", number(p, "SELECT fails FROM token"), 0);
	place_free(p);
}

/* No server; a server that does not answer; no time; no secret. */
static void
no_answer(void **state)
{
	struct place	*p = place_new();
	char		 url[PEER_URL];
	int		 fd = peer_refused(url);

	(void)state;
	CHECK("no time", !get_in(p, 10));
	check_why("no time", p, "no time left to ask WeChat");
	check_int("not asked", number(p, "SELECT count(*) FROM token"), 0);
	peer_say(p->peer, STABLE, "200 OK", GIVES("T1", 7200), true);
	CHECK("silent", !get_in(p, SHORT_MS));
	check_why("silent", p, "WeChat: no answer: ");
	peer_open(p->peer);
	p->conf.set.wechat_api = url;
	CHECK("refused", !get_token(p));
	check_why("refused", p, "WeChat: no answer: ");
	p->accounts[0].secret = NULL;
	CHECK("no secret", !get_token(p));
	check_why("no secret", p, "the account has no secret");
	place_free(p);
	(void)close(fd);
}

/* With other settings WeChat is asked at once; the old settings still have their pause. */
static void
mended(void **state)
{
	struct place	*p = place_new();

	(void)state;
	set_answer(p, "{\"errcode\":40125,\"errmsg\":\"x\"}");
	CHECK("wrong", !get_token(p));
	p->accounts[0].secret = "right";
	set_answer(p, GIVES("T1", 7200));
	CHECK("mended", get_token(p));
	p->accounts[0].secret = "HUSH";
	CHECK("wrong again", !get_token(p));
	check_why("wrong again", p, "40125");
	check_int("asked", asked(p), 2);
	place_free(p);
}

static void
clock_set_back(void **state)
{
	struct place	*p = place_new();

	(void)state;
	CHECK("fetched", get_token(p));
	set_answer(p, GIVES("T2", 7200));
	pass(p, -30);
	CHECK("a little", get_token(p));
	check_text("a little", p->t.text, "T1");
	pass(p, -86400);
	CHECK("a day", get_token(p));
	check_text("nobody knows when it ends", p->t.text, "T2");
	peer_say(p->peer, STABLE, "502 Bad", "", false);
	pass(p, 7200);
	CHECK("failed", !get_token(p));
	set_answer(p, GIVES("T3", 7200));
	pass(p, -2 * 86400);
	CHECK("no pause of days", get_token(p));
	place_free(p);
}

/* A token that WeChat refuses is replaced. */
static void
refused(void **state)
{
	struct place	*p = place_new();

	(void)state;
	CHECK("fetched", get_token(p));
	set_answer(p, GIVES("T2", 7200));
	CHECK("another", another(p));
	check_text("another", p->t.text, "T2");
	strcpy(p->t.text, "T1");
	CHECK("is there", another(p));
	check_text("is there", p->t.text, "T2");
	check_int("asked", asked(p), 2);
	CHECK("the same again", !another(p));
	check_why("the same again", p,
	    "WeChat gives the same access_token again that it has refused");
	check_text("untouched", p->t.text, "T2");
	CHECK("still", !another(p));
	check_why("still", p, "the same access_token again");
	check_int("asked once", asked(p), 3);
	CHECK("who knows of nothing gets it", get_token(p));
	check_text("who knows of nothing gets it", p->t.text, "T2");
	check_text("who knows of nothing gets it", p->why, "");
	pass(p, 1);
	set_answer(p, GIVES("T3", 7200));
	CHECK("a moment later", another(p));
	check_text("a moment later", p->t.text, "T3");
	place_free(p);
}

/* An operator forces a token. */
static void
forced(void **state)
{
	struct place	*p = place_new();
	int		 i;

	(void)state;
	CHECK("fetched", get_token(p));
	set_answer(p, GIVES("T2", 7200));
	CHECK("forced", force_token(p));
	check_text("forced", p->t.text, "T2");
	set_answer(p, GIVES("T3", 7200));
	CHECK("at once", !force_token(p));
	check_why("at once", p, " s ago; WeChat wants 30 s between two");
	check_int("asked", asked(p), 2);
	for (i = 2; i <= 20; i++) {
		pass(p, 31);
		set_answer(p, i % 2 == 0 ? GIVES("T4", 7200) : GIVES("T5", 7200));
		CHECK("20 a day", force_token(p));
	}
	pass(p, 31);
	CHECK("no more", !force_token(p));
	check_why("no more", p, "20 access_tokens have been forced today");
	check_int("asked", asked(p), 21);
	/* On the next day the quota is new. */
	in_store(p, (char[]){ "UPDATE token SET day = day - 1" });
	CHECK("not forced after all", !force_token(p));
	check_why("not forced after all", p, "the same access_token again, although forced");
	/* An operator who has fixed the fault does not wait for the pause. */
	set_answer(p, "{\"errcode\":40164,\"errmsg\":\"x\"}");
	pass(p, 7000);
	CHECK("paused", get_token(p) && *p->why != '\0');
	set_answer(p, GIVES("T6", 7200));
	CHECK("paused", force_token(p));
	check_text("no pause", p->t.text, "T6");
	place_free(p);
}

static void
legacy_quota(void **state)
{
	struct place	*p = place_new();

	(void)state;
	p->conf.set.legacy_token = 1;
	CHECK("fetched", get_token(p));
	set_answer(p, GIVES("T2", 7200));
	CHECK("no quota of forced ones", force_token(p));
	set_answer(p, GIVES("T3", 7200));
	CHECK("no quota of forced ones", force_token(p));
	in_store(p, (char[]){ "UPDATE token SET calls = 1999" });
	set_answer(p, GIVES("T4", 7200));
	CHECK("the last one", another(p));
	CHECK("no more", !another(p));
	check_why("no more", p, "2000 access_tokens have been asked for today");
	CHECK("by hand neither", !force_token(p));
	check_int("asked", asked(p), 4);
	in_store(p, (char[]){ "UPDATE token SET day = day - 1" });
	set_answer(p, GIVES("T5", 7200));
	CHECK("tomorrow", another(p));
	check_int("counted again", number(p, "SELECT calls FROM token"), 1);
	place_free(p);
}

/*
 * Threads.
 */

struct seeker {
	struct place		*place;
	bool			 another;
	struct watched		 watched;
	pthread_t		 thread;
	struct access_token	 t;
	char			 why[TOKEN_WHY];
	bool			 got;
};

static void *
seek(void *arg)
{
	struct seeker	*s = arg;
	struct place	*p = s->place;

	watched_here(&s->watched);
	s->t = p->t;
	s->got = (s->another ? access_token_replace : access_token_get)(p->tokens, &s->t,
	    &p->accounts[0],
	    clock_mono_ms() + PATIENCE_MS, s->why);
	return NULL;
}

static void
start_thread(struct seeker *s, struct place *p, bool other)
{
	*s = (struct seeker){ .place = p, .another = other };
	watched_init(&s->watched);
	assert_int_equal(pthread_create(&s->thread, NULL, seek, s), 0);
}

static void
check_found(struct seeker *s, const char *name, bool got, const char *want)
{
	(void)pthread_join(s->thread, NULL);
	check_int(name, s->got, got);
	if (got)
		check_text(name, s->t.text, want);
	else
		CHECK(name, *s->why != '\0');
}

static void
together(void **state)
{
	static const struct {
		const char	*name, *status, *body;
		bool		 another, got;
	} cases[] = {
		{ "the first one", "200 OK", GIVES("T2", 7200), false, true },
		{ "instead of one refused", "200 OK", GIVES("T2", 7200), true, true },
		{ "the same again", "200 OK", GIVES("T1", 7200), true, false },
		{ "none", "502 Bad", "", false, false },
	};
	struct seeker	 s[THREADS];
	struct place	*p;
	size_t		 i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = place_new();
		if (cases[i].another)
			CHECK(cases[i].name, get_token(p));
		peer_say(p->peer, STABLE, cases[i].status, cases[i].body, true);
		for (n = 0; n < THREADS; n++)
			start_thread(&s[n], p, cases[i].another);
		peer_await(p->peer, cases[i].another ? 2 : 1);
		/* A process that dies in the call has been counted. */
		check_int(cases[i].name, number(p, "SELECT calls FROM token"),
		    cases[i].another ? 2 : 1);
		CHECK(cases[i].name, pause_s(p) > 0);
		peer_open(p->peer);
		for (n = 0; n < THREADS; n++)
			check_found(&s[n], cases[i].name, cases[i].got, "T2");
		check_int(cases[i].name, asked(p), cases[i].another ? 2 : 1);
		place_free(p);
	}
}

/* While the old token is valid only the thread that renews it waits. */
static void
renewed_meanwhile(void **state)
{
	struct place	*p = place_new();
	struct seeker	 s;

	(void)state;
	CHECK("fetched", get_token(p));
	pass(p, 7000);
	peer_say(p->peer, STABLE, "200 OK", GIVES("T2", 7200), true);
	start_thread(&s, p, false);
	peer_await(p->peer, 2);
	CHECK("meanwhile", get_token(p));
	check_text("meanwhile", p->t.text, "T1");
	check_text("meanwhile", p->why, "");
	peer_open(p->peer);
	check_found(&s, "renewed", true, "T2");
	check_int("asked", asked(p), 2);
	place_free(p);
}

/* A thread that waits for a renewal asks itself if it gets the token that was refused. */
static void
not_what_was_wanted(void **state)
{
	struct place	*p = place_new();
	struct seeker	 renews, wants;

	(void)state;
	CHECK("fetched", get_token(p));
	pass(p, 7200 - 299);
	peer_say(p->peer, STABLE, "200 OK", GIVES("T1", 302), true);
	start_thread(&renews, p, false);
	peer_await(p->peer, 2);
	start_thread(&wants, p, true);
	watched_asleep(&wants.watched);
	set_answer(p, GIVES("T2", 7200));
	peer_open(p->peer);
	check_found(&renews, "renewed", true, "T1");
	check_found(&wants, "another", true, "T2");
	place_free(p);
}

/* A thread without time to ask leaves the call to another one. */
static void
impatient(void **state)
{
	struct place	*p = place_new();
	struct lock	 c;
	unsigned char	 key[LOCK_KEY];

	(void)state;
	lock_name(key, "token", "wx1");
	check_int("another has it", lock_take(p->locks, &c, key, 0), LOCK_MINE);
	CHECK("late", !get_in(p, 20));
	check_why("late", p, "no time left to wait");
	lock_release(p->locks, &c, false);
	CHECK("free", get_token(p));
	place_free(p);
}

/* Without a writable store WeChat is not asked; a token in the store is still given out. */
static void
no_store(void **state)
{
	struct place	*p = place_new();
	char		 lock[STATE_PATH];
	struct db	*db;

	(void)state;
	CHECK("fetched", get_token(p));
	pass(p, 7000);
	state_path(lock, p->conf.set.state_dir, "qtoa.db");
	check_err("another", sqlite_db_open(&db, lock, SQLITE_DB_WRITE), ERR_OK);
	check_err("holds it", db_script(db, "BEGIN IMMEDIATE"), ERR_OK);
	CHECK("read", get_in(p, 500));
	check_text("read", p->t.text, "T1");
	check_why("read", p, "not stored: ");
	check_int("not asked", asked(p), 1);
	check_err("lets go", db_script(db, "COMMIT"), ERR_OK);
	db_close(db);
	CHECK("renewed", get_token(p));
	check_int("asked", asked(p), 2);
	place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(answers), TEST(day_quota), TEST(legacy_url), TEST(renewal),
		TEST(same_until_the_end), TEST(trouble), TEST(no_answer), TEST(mended),
		TEST(clock_set_back), TEST(refused), TEST(forced), TEST(legacy_quota),
		TEST(together), TEST(renewed_meanwhile), TEST(not_what_was_wanted),
		TEST(impatient), TEST(no_store),
	};

	return RUN("token", tests);
}
