#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "monitor/health_state.h"
#include "state/queue.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/access_token.h"

enum { PATIENCE_MS = 60000, SIGNS = 16, TEXT = 4096, LATE_S = 600 };

/*
 * What is said, as lines "what account!" (bad) or "what account?", and in words.
 */
struct said {
	char	 signs[TEXT], texts[TEXT];
	bool	 disk;		/* the tests' own disk counts, too */
};

static void
hear(void *ctx, const struct health_sign *s)
{
	struct said	*said = ctx;
	size_t		 len = strlen(said->signs), at = strlen(said->texts);

	if (!said->disk && strcmp(s->what, "disk") == 0)
		return;
	(void)snprintf(said->signs + len, TEXT - len, "%s %s%c\n", s->what, s->account,
	    s->bad ? '!' : '?');
	(void)snprintf(said->texts + at, TEXT - at, "%s\n", s->text);
}

static void
judge(struct said *said, const struct health_state *v, bool disk)
{
	memset(said, 0, sizeof(*said));
	said->disk = disk;
	health_state_judge(v, hear, said);
}

/*
 * Judging.
 */

static const struct account	 two[] = {
	{ .path = "shop", .name = "The Shop", .secret = "HUSH", .service_secret = "HUSH" },
	{ .path = "news", .name = "news" },
};
static const struct conf	 two_conf = {
	.set = { .state_dir = "/var/lib/qtoa", .late_s = LATE_S, .breaker_fails = 5 },
	.accounts = (struct account *)two, .n = COUNT(two),
};

#define GB	INT64_C(1000000000)
#define MB	INT64_C(1000000)
#define KB	INT64_C(1000)

/* A vitals of which all is well, but for what a case says. */
struct judged {
	const char		*name;
	bool			 unusable, unreadable, unwritable;
	const char		*aside;
	int64_t			 free, disk;			/* 0: plenty */
	int64_t			 pending, late_ms, dead;	/* of the first account, as what follows */
	enum breaker_gate	 gate;
	int64_t			 fails, left_s;
	const char		*signs, *text;
};

static const struct judged cases[] = {
	{ .name = "well", .signs = "", .text = "" },
	{ .name = "unusable", .unusable = true, .signs = "configuration !\n",
	    .text = "run: qtoa check" },
	{ .name = "unreadable", .unreadable = true, .unwritable = true, .signs = "store !\n",
	    .text = "cannot be read: the reason: what QT does not confirm is answered 503; look at "
	    "the owner, permissions and free space of /var/lib/qtoa" },
	{ .name = "unwritable", .unwritable = true, .signs = "store !\n",
	    .text = "cannot be written: the reason" },
	{ .name = "set aside", .aside = "qtoa.db.damaged-17", .signs = "store ?\n",
	    .text = "qtoa.db.damaged-17 was set aside, and what waits in it is still to be taken "
	    "over; run: qtoa drain" },
	{ .name = "a full disk", .free = 10 * MB - 1, .disk = GB, .signs = "disk !\n",
	    .text = "10 MB left of 1.0 GB where /var/lib/qtoa is" },
	{ .name = "under 100 MB", .free = 10 * MB, .disk = 50 * MB, .signs = "disk ?\n" },
	{ .name = "just under 100 MB", .free = 100 * MB - 1, .disk = 200 * MB,
	    .signs = "disk ?\n", .text = "100 MB left of 200 MB" },
	{ .name = "100 MB", .free = 100 * MB, .disk = 200 * MB, .signs = "" },
	{ .name = "under a tenth", .free = 100 * GB - 1, .disk = 1000 * GB, .signs = "disk ?\n" },
	{ .name = "a tenth", .free = 100 * GB, .disk = 1000 * GB, .signs = "" },
	{ .name = "a disk not known", .free = -1, .disk = -1, .signs = "" },
	{ .name = "waiting", .pending = 1, .late_ms = LATE_S * KB, .signs = "" },
	{ .name = "late", .pending = 1, .late_ms = LATE_S * KB + 1,
	    .signs = "pending The Shop!\n", .text = "1 message waits for QT, the oldest for "
	    "10 min" },
	{ .name = "late ones", .pending = 12, .late_ms = 7200 * KB,
	    .signs = "pending The Shop!\n", .text = "12 messages wait for QT, the oldest for 2 h" },
	{ .name = "broken", .gate = GATE_BROKEN, .signs = "breaker The Shop!\n",
	    .text = "QT has not answered 5 times in a row: messages go to the queue until it does; "
	    "next probe in 9 s; run: qtoa check" },
	{ .name = "stopped", .gate = GATE_STOPPED, .signs = "stopped The Shop!\n",
	    .text = "run: qtoa queue retry shop" },
	{ .name = "a token", .left_s = 100, .signs = "" },
	{ .name = "an old token", .fails = 3, .left_s = 100, .signs = "" },
	{ .name = "a token that is over", .fails = 1, .left_s = 0, .signs = "token The Shop!\n",
	    .text = "no access_token that holds, and the last 1 time none was to be had: no "
	    "answer; once that is mended, run: qtoa token shop --refresh" },
	{ .name = "never a token", .fails = 3, .left_s = -1, .signs = "token The Shop!\n",
	    .text = "the last 3 times" },
	{ .name = "asking for the first", .fails = 0, .left_s = -1, .signs = "" },
	{ .name = "dead", .dead = 1, .signs = "dead The Shop?\n",
	    .text = "1 message that QT has refused for good waits for you, the oldest for 2 d" },
	{ .name = "dead ones", .dead = 3, .signs = "dead The Shop?\n",
	    .text = "3 messages that QT has refused for good wait for you" },
	{ .name = "nothing is known", .unreadable = true, .pending = -1, .dead = -1,
	    .late_ms = -1, .signs = "store !\n" },
	{ .name = "what is bad comes first", .unwritable = true, .aside = "qtoa.db.newer-1",
	    .free = 1, .disk = GB, .pending = 1, .late_ms = 7200 * KB, .dead = 1,
	    .gate = GATE_BROKEN, .fails = 1, .signs = "store !\ndisk !\nbreaker The Shop!\n"
	    "pending The Shop!\ntoken The Shop!\nstore ?\ndead The Shop?\n" },
};

static void
judging(void **state)
{
	struct health_account	 accounts[2];
	struct said		 said;
	struct health_state	 v;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct judged	*c = &cases[i];

		memset(accounts, 0, sizeof(accounts));
		accounts[0] = (struct health_account){
			.account = &two[0], .pending = c->pending, .dead = c->dead,
			.pending_age_ms = c->pending > 0 ? c->late_ms : -1,
			.dead_age_ms = c->dead > 0 ? 2 * 86400 * KB : -1, .gate = c->gate,
			.probe_ms = 9000, .token_fails = c->fails, .token_left_s = c->left_s,
			.token_why = "no answer",
		};
		accounts[1] = (struct health_account){
			.account = &two[1], .pending_age_ms = -1, .dead_age_ms = -1,
			.token_fails = -1, .token_left_s = -1, .token_age_s = -1,
		};
		v = (struct health_state){
			.conf = &two_conf, .now_ms = 1, .usable = !c->unusable,
			.readable = !c->unreadable, .writable = !c->unwritable,
			.why = "the reason", .free_bytes = c->free == 0 ? 500 * GB : c->free,
			.disk_bytes = c->disk == 0 ? 1000 * GB : c->disk, .accounts = accounts,
			.n = COUNT(accounts),
		};
		(void)snprintf(v.aside, sizeof(v.aside), "%s", c->aside == NULL ? "" : c->aside);
		judge(&said, &v, true);
		check_text(c->name, said.signs, c->signs);
		if (c->text != NULL && !CHECK(c->name, strstr(said.texts, c->text) != NULL))
			print_error("%s\n", said.texts);
		CHECK(c->name, strstr(said.texts, "HUSH") == NULL);
	}
}

/*
 * Looking.
 */

struct place {
	struct peer		*peer;
	struct account		 accounts[3];
	struct conf		 conf;
	struct locks		*locks;
	struct store		*store;
	struct breakers		*breakers;
	struct health_state	 v;
	struct said		 said;
	char			 api[PEER_URL];
};

static struct place *
place_new(void)
{
	static const struct account	 accounts[3] = {
		{ .path = "shop", .name = "The Shop", .appid = "wx1", .qt_url = "http://one/",
		    .service_id = "i", .service_secret = "s", .secret = "HUSH" },
		{ .path = "news", .name = "news", .appid = "wx2", .qt_url = "http://two/",
		    .service_id = "i", .service_secret = "s" },
		{ .path = "idle", .name = "idle", .appid = "wx3", .qt_url = "http://two/",
		    .service_id = "i", .service_secret = "s" },
	};
	struct place			*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	memcpy(p->accounts, accounts, sizeof(accounts));
	p->conf.set.state_dir = state_new();
	p->conf.set.breaker_fails = 1;
	p->conf.set.late_s = LATE_S;
	p->conf.set.connect_ms = PATIENCE_MS;
	p->conf.accounts = p->accounts;
	p->conf.n = COUNT(accounts);
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_SERVER));
	assert_non_null(p->breakers = breaker_new(&p->conf));
	return p;
}

static void
place_free(struct place *p)
{
	health_state_free(&p->v);
	breaker_free(p->breakers);
	store_free(p->store);
	lock_free(p->locks);
	if (p->peer != NULL)
		peer_free(p->peer);
	free(p);
}

/* What is said of the place as it is now. */
static const char *
look(struct place *p, bool try_write)
{
	health_state_free(&p->v);
	check_err("vitals", health_state_read(&p->v, &p->conf, p->store, p->breakers, try_write,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	judge(&p->said, &p->v, false);
	return p->said.signs;
}

static enum error
script(struct db *db, void *sql)
{
	return db_script(db, sql);
}

static void
in_store(struct place *p, const char *sql)
{
	check_err(sql, store_do(p->store, STORE_WRITE, script, (void *)(uintptr_t)sql,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
}

/* A message, by hand: the age is what no other way gives. */
static void
add_row(struct place *p, const char *account, const char *row_state, int64_t age_s)
{
	char	 sql[256];

	(void)snprintf(sql, sizeof(sql), "INSERT INTO message (key, account, received, state, "
	    "attempts, next) VALUES (randomblob(24), '%s', %lld, '%s', 1, 1)", account,
	    (long long)(clock_wall_ms() - age_s * 1000), row_state);
	in_store(p, sql);
}

static void
nothing_yet(void **state)
{
	struct place	*p = place_new();
	struct store	*s = p->store;

	(void)state;
	p->store = NULL;
	check_text("no state", look(p, true), "");
	check_int("accounts", (int64_t)p->v.n, 3);
	check_int("pending", p->v.accounts[0].pending, 0);
	check_int("no age", p->v.accounts[0].pending_age_ms, -1);
	check_int("no token", p->v.accounts[0].token_fails, -1);
	check_int("no files", p->v.db_bytes, 0);
	CHECK("a disk", p->v.free_bytes > 0 && p->v.disk_bytes >= p->v.free_bytes);
	p->store = s;
	check_text("a new one", look(p, true), "");
	CHECK("made", p->v.db_bytes > 0 && p->v.state_bytes >= p->v.db_bytes);
	p->conf.n = 0;		/* a configuration that is unusable */
	health_state_free(&p->v);
	check_err("no accounts", health_state_read(&p->v, &p->conf, NULL, NULL, true, 0), ERR_OK);
	p->v.usable = false;
	judge(&p->said, &p->v, false);
	check_text("unusable", p->said.signs, "configuration !\n");
	p->conf.set.state_dir = "/nowhere/at/all";
	health_state_free(&p->v);
	check_err("no directory", health_state_read(&p->v, &p->conf, NULL, NULL, true, 0), ERR_OK);
	check_int("not known", p->v.state_bytes, -1);
	check_int("not known", p->v.free_bytes, -1);
	place_free(p);
}

static void
what_waits(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 pending, dead, pending_s, dead_s;	/* -1: none */
	} want[3] = {
		{ "shop", 150, 2, 500, 86400 }, { "news", 1, 0, 700, -1 },
		{ "idle", 0, 0, -1, -1 },
	};
	const struct health_account	*a;
	struct place			*p = place_new();
	int				 i;

	(void)state;
	add_row(p, "shop", "dead", 5);
	add_row(p, "shop", "dead", 86400);
	add_row(p, "news", "pending", 700);
	add_row(p, "news", "delivered", 90000);
	add_row(p, "gone", "pending", 90000);
	for (i = 0; i < 150; i++)
		add_row(p, "shop", "pending", i == 1 ? 500 : 10);
	check_text("told", look(p, false), "pending news!\ndead The Shop?\n");
	for (a = p->v.accounts, i = 0; i < 3; a++, i++) {
		check_int(want[i].name, a->pending, want[i].pending);
		check_int(want[i].name, a->dead, want[i].dead);
		CHECK(want[i].name, want[i].pending_s == -1 ? a->pending_age_ms == -1 :
		    a->pending_age_ms / 1000 - want[i].pending_s < 60 &&
		    a->pending_age_ms / 1000 >= want[i].pending_s);
		CHECK(want[i].name, want[i].dead_s == -1 ? a->dead_age_ms == -1 :
		    a->dead_age_ms / 1000 - want[i].dead_s < 60 &&
		    a->dead_age_ms / 1000 >= want[i].dead_s);
	}
	add_row(p, "idle", "pending", -3600);		/* the clock was set back */
	(void)look(p, false);
	check_int("no age", p->v.accounts[2].pending_age_ms, 0);
	place_free(p);
}

static void
events(void **state)
{
	struct place	*p = place_new();
	int		 i;

	(void)state;
	(void)look(p, true);
	check_int("none", p->v.events, 0);
	for (i = 0; i < 5; i++)
		in_store(p, "INSERT INTO event (account, device, time, received, message, part, "
		    "attributes) VALUES (1, 1, 1, 1, randomblob(24), 0, '{}')");
	(void)look(p, false);
	check_int("five", p->v.events, 5);
	in_store(p, "DELETE FROM event WHERE id < 4");
	(void)look(p, false);
	check_int("two are left", p->v.events, 2);
	place_free(p);
}

struct noting {
	struct breakers		*b;
	const struct account	*a;
	enum breaker_news	 news;
};

static enum error
note(struct db *db, void *arg)
{
	struct noting		*n = arg;
	enum breaker_change	 change;

	return breaker_note(n->b, &change, db, n->a, n->news, "why");
}

/* What another process has noted in the store. */
static void
elsewhere(struct place *p, int account, enum breaker_news news)
{
	struct noting	 n = { breaker_new(&p->conf), &p->accounts[account], news };

	assert_non_null(n.b);
	check_err("noted", store_do(p->store, STORE_WRITE, note, &n,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	breaker_free(n.b);
}

static void
breakers(void **state)
{
	struct place	*p = place_new();

	(void)state;
	check_text("well", look(p, true), "");
	elsewhere(p, 1, NEWS_TROUBLE);
	check_text("an end point of two", look(p, false), "breaker news!\nbreaker idle!\n");
	CHECK("a probe", p->v.accounts[1].probe_ms > p->v.now_ms - 1000);
	elsewhere(p, 0, NEWS_STOP);
	elsewhere(p, 1, NEWS_ALIVE);
	check_text("an account", look(p, false), "stopped The Shop!\n");
	p->accounts[0].service_secret = "another";
	check_text("other keys", look(p, false), "");
	place_free(p);
}

static void
tokens(void **state)
{
	struct place		*p = place_new();
	struct http_client	*http;
	struct access_tokens	*ts;
	struct access_token	 t;
	char			 why[TOKEN_WHY];

	(void)state;
	p->peer = peer_new();
	peer_url(p->peer, p->api, "");
	p->conf.set.wechat_api = p->api;
	assert_non_null(http = http_client_new(&p->conf.set, NULL));
	assert_non_null(ts = access_token_new(&p->conf, http, p->locks, p->store));
	check_text("never asked", look(p, true), "");
	check_int("never asked", p->v.accounts[0].token_fails, -1);

	peer_say(p->peer, "/cgi-bin/stable_token", "200 OK",
	    "{\"errcode\":40125,\"errmsg\":\"invalid appsecret\"}", false);
	CHECK("refused", !access_token_get(ts, &t, &p->accounts[0], clock_mono_ms() + PATIENCE_MS, why));
	check_text("refused", look(p, false), "token The Shop!\n");
	CHECK("WeChat's words", strstr(p->said.texts, "40125") != NULL);
	check_int("once", p->v.accounts[0].token_fails, 1);
	check_int("none", p->v.accounts[0].token_left_s, -1);

	peer_say(p->peer, "/cgi-bin/stable_token", "200 OK",
	    "{\"access_token\":\"HUSHTOKEN\",\"expires_in\":7200}", false);
	CHECK("given", access_token_force(ts, &t, &p->accounts[0], clock_mono_ms() + PATIENCE_MS, why));
	check_text("given", look(p, false), "");
	check_int("none in a row", p->v.accounts[0].token_fails, 0);
	CHECK("it lasts", p->v.accounts[0].token_left_s > 7000 &&
	    p->v.accounts[0].token_left_s <= 7200 && p->v.accounts[0].token_age_s >= 0);
	check_text("no words", p->v.accounts[0].token_why, "");

	/* A call that is under way, or whose process has died in it. */
	in_store(p, "UPDATE token SET token = NULL, fails = 1, why = 'the process that asked "
	    "WeChat ended before the answer came'");
	check_text("asking", look(p, false), "");
	in_store(p, "UPDATE token SET fails = 2");
	check_text("the second time", look(p, false), "token The Shop!\n");
	in_store(p, "UPDATE token SET token = 'HUSHTOKEN', fails = 9, expires = expires - 7200, "
	    "why = 'no answer'");
	check_text("over", look(p, false), "token The Shop!\n");
	check_int("over", p->v.accounts[0].token_left_s, 0);
	CHECK("no secret", strstr(p->said.texts, "HUSH") == NULL);
	access_token_free(ts);
	http_client_free(http);
	place_free(p);
}

static int64_t
version_of(struct db *db)
{
	int64_t	 i = -1;

	check_err("asked", db_number(db, &i, "PRAGMA data_version", DB_NO_VALUES), ERR_OK);
	return i;
}

/* It is written in earnest, and changes nothing. */
static void
writing(void **state)
{
	struct place	*p = place_new();
	char		 path[STATE_PATH];
	struct db	*other;
	int64_t		 version, before = -1, after = -2;

	(void)state;
	(void)look(p, true);
	state_path(path, p->conf.set.state_dir, "qtoa.db");
	assert_int_equal(db_open(&other, path, DB_READ_WRITE), ERR_OK);
	check_err("schema", db_number(other, &before, "PRAGMA user_version", DB_NO_VALUES), ERR_OK);
	version = version_of(other);
	(void)look(p, false);
	check_int("a look writes nothing", version_of(other), version);
	(void)look(p, true);
	CHECK("a try does", version_of(other) != version);
	check_err("schema", db_number(other, &after, "PRAGMA user_version", DB_NO_VALUES), ERR_OK);
	check_int("the same", after, before);

	check_err("lock", db_script(other, "BEGIN IMMEDIATE"), ERR_OK);
	health_state_free(&p->v);
	check_err("vitals", health_state_read(&p->v, &p->conf, p->store, p->breakers, true, 0), ERR_OK);
	judge(&p->said, &p->v, false);
	check_text("in other hands", p->said.signs, "store !\n");
	CHECK("why", strstr(p->said.texts, "cannot be written: qtoa.db: ") != NULL);
	check_int("but it is read", p->v.accounts[0].pending, 0);
	check_err("unlock", db_script(other, "ROLLBACK"), ERR_OK);
	check_text("and again", look(p, true), "");
	db_close(other);
	place_free(p);
}

static void
trouble(void **state)
{
	struct place	*p = place_new();
	char		 path[STATE_PATH];

	(void)state;
	state_path(path, p->conf.set.state_dir, "qtoa.db");
	assert_int_equal(mkdir(path, 0700), 0);
	check_text("no file", look(p, true), "store !\n");
	CHECK("why", strstr(p->said.texts, "cannot be read: ") != NULL && *p->v.why != '\0');
	check_int("not known", p->v.accounts[0].pending, -1);
	check_int("not known", p->v.accounts[0].dead_age_ms, -1);
	check_int("not known", p->v.events, -1);
	assert_int_equal(rmdir(path), 0);
	place_free(p);

	p = place_new();
	state_write(p->conf.set.state_dir, "qtoa.db", path, sizeof(path));
	check_text("set aside", look(p, true), "store ?\n");
	CHECK("its name", strncmp(p->v.aside, "qtoa.db.damaged-", 16) == 0);
	place_free(p);
}

static void
sizes(void **state)
{
	static char	 block[200000];
	struct place	*p = place_new();
	int64_t		 before;

	(void)state;
	memset(block, 'x', sizeof(block));
	(void)look(p, true);
	before = p->v.state_bytes;
	state_write(p->conf.set.state_dir, "qtoa.tally-20261122", block, sizeof(block));
	(void)look(p, false);
	CHECK("a file more", p->v.state_bytes >= before + (int64_t)sizeof(block));
	CHECK("of its own", p->v.db_bytes < (int64_t)sizeof(block));
	place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(judging), TEST(nothing_yet), TEST(what_waits), TEST(events), TEST(breakers),
		TEST(tokens), TEST(writing), TEST(trouble), TEST(sizes),
	};

	return RUN("vitals", tests);
}
