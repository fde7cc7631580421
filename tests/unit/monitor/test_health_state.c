#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "monitor/health_state.h"
#include "state/queue.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/access_token.h"
#include "wechat/datacube/datacube_tables.h"

enum { PATIENCE_MS = 60000, SIGNS = 16, TEXT = 4096, LATE_S = 600 };

/* The signs as lines "what account!" (a problem) or "what account?", and their texts. */
struct told {
	char	 signs[TEXT], texts[TEXT];
	bool	 disk;		/* false: ignore the disk, which is the test host's own */
};

static void
add_sign(void *ctx, const struct health_sign *s)
{
	struct told	*told = ctx;
	size_t		 len = strlen(told->signs), at = strlen(told->texts);

	if (!told->disk && strcmp(s->what, "disk") == 0)
		return;
	(void)snprintf(told->signs + len, TEXT - len, "%s %s%c\n", s->what, s->account,
	    s->bad ? '!' : '?');
	(void)snprintf(told->texts + at, TEXT - at, "%s\n", s->text);
}

static void
judge_state(struct told *told, const struct health_state *h, bool disk)
{
	memset(told, 0, sizeof(*told));
	told->disk = disk;
	health_state_judge(h, add_sign, told);
}

/*
 * Judging the state.
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

/* All is well, except for the members that a case sets. */
struct judge_case {
	const char		*name;
	bool			 unusable, unreadable, unwritable;
	const char		*quarantined;
	int64_t			 free, disk;			/* 0: plenty */
	/* Of the first account. */
	int64_t			 pending, late_ms, dead;
	enum breaker_gate	 gate;
	int64_t			 gateway_s;	/* 0: none answers */
	int64_t			 fails, left_s, silent_s;
	int64_t			 wechat_only, ips, ips_age_s;
	const char		*signs, *text;
};

static const struct judge_case judge_cases[] = {
	{ .name = "well", .signs = "", .text = "" },
	{ .name = "unusable", .unusable = true, .signs = "configuration !\n",
	    .text = "run: qtoa check" },
	{ .name = "unreadable", .unreadable = true, .unwritable = true, .signs = "store !\n",
	    .text = "cannot be read: the reason: what QT does not confirm is answered 503; look at "
	    "the owner, permissions and free space of /var/lib/qtoa" },
	{ .name = "unwritable", .unwritable = true, .signs = "store !\n",
	    .text = "cannot be written: the reason" },
	{ .name = "quarantined", .quarantined = "qtoa.db.damaged-17", .signs = "store ?\n",
	    .text = "the database qtoa.db.damaged-17 could not be used; messages may wait in it; "
	    "to take them over, run: qtoa drain" },
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
	{ .name = "a gateway", .gate = GATE_BROKEN, .gateway_s = LATE_S, .signs =
	    "breaker The Shop!\n", .text = "QT has not answered 5 times in a row, something else "
	    "has: HTTP 404: messages go to the queue until it does; next probe in 9 s" },
	{ .name = "a gateway for long", .gateway_s = LATE_S + 60, .signs = "gateway The Shop!\n",
	    .text = "people are needed: for 11 min a gateway has answered in QT's place (HTTP "
	    "404); correct qt_url or the gateway, then run: qtoa queue retry shop" },
	{ .name = "stopped", .gate = GATE_STOPPED, .signs = "stopped The Shop!\n",
	    .text = "next probe in 9 s: fix app_key, service_id, service_secret and restart, or "
	    "run: qtoa queue retry shop" },
	{ .name = "silent", .silent_s = 26 * 3600, .signs = "silent The Shop!\n",
	    .text = "no push has come for 26 h, and before that some came every day: look whether "
	    "the URL is switched on in WeChat's console, then run: qtoa check" },
	{ .name = "a token", .left_s = 100, .signs = "" },
	{ .name = "an old token", .fails = 3, .left_s = 100, .signs = "" },
	{ .name = "a token that is over", .fails = 1, .left_s = 0, .signs = "token The Shop!\n",
	    .text = "no valid access_token, and the last 1 request for one failed: no answer; "
	    "fix that, then run: qtoa token shop --refresh" },
	{ .name = "never a token", .fails = 3, .left_s = -1, .signs = "token The Shop!\n",
	    .text = "the last 3 requests for one failed" },
	{ .name = "asking for the first", .fails = 0, .left_s = -1, .signs = "" },
	{ .name = "dead", .dead = 1, .signs = "dead The Shop?\n",
	    .text = "1 dead message waits for people, the oldest for 2 d: QT has refused it, or its "
	    "answer cannot be read; run: qtoa queue list" },
	{ .name = "dead ones", .dead = 3, .signs = "dead The Shop?\n",
	    .text = "3 dead messages wait for people, the oldest for 2 d: QT has refused them" },
	{ .name = "addresses", .wechat_only = ADVISE, .ips = 3, .ips_age_s = 3 * 86400,
	    .signs = "" },
	{ .name = "addresses, old", .wechat_only = ADVISE, .ips = 3, .ips_age_s = 3 * 86400 + 1,
	    .signs = "addresses ?\n", .text = "the list of WeChat's addresses, for wechat_only, is "
	    "3 d old" },
	{ .name = "no addresses", .wechat_only = ENFORCE, .ips = 0, .ips_age_s = -1,
	    .signs = "addresses ?\n", .text = "there is no list of WeChat's addresses yet" },
	{ .name = "addresses that nobody wants", .ips = -1, .ips_age_s = -1, .signs = "" },
	{ .name = "nothing is known", .unreadable = true, .pending = -1, .dead = -1,
	    .late_ms = -1, .signs = "store !\n" },
	{ .name = "problems come first", .unwritable = true, .quarantined = "qtoa.db.newer-1",
	    .free = 1, .disk = GB, .pending = 1, .late_ms = 7200 * KB, .dead = 1,
	    .gate = GATE_BROKEN, .fails = 1, .signs = "store !\ndisk !\nbreaker The Shop!\n"
	    "pending The Shop!\ntoken The Shop!\nstore ?\ndead The Shop?\n" },
};

static void
judging(void **state)
{
	struct health_account	 accounts[2];
	struct told		 told;
	struct health_state	 h;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(judge_cases); i++) {
		const struct judge_case	*c = &judge_cases[i];

		memset(accounts, 0, sizeof(accounts));
		accounts[0] = (struct health_account){
			.account = &two[0], .pending = c->pending, .dead = c->dead,
			.pending_age_ms = c->pending > 0 ? c->late_ms : -1,
			.dead_age_ms = c->dead > 0 ? 2 * 86400 * KB : -1, .gate = c->gate,
			.gateway_age_ms = c->gateway_s * KB,
			.gateway_why = "HTTP 404", .silent_s = c->silent_s,
			.probe_ms = 9000, .token_fails = c->fails, .token_left_s = c->left_s,
			.token_why = "no answer",
		};
		accounts[1] = (struct health_account){
			.account = &two[1], .pending_age_ms = -1, .dead_age_ms = -1,
			.token_fails = -1, .token_left_s = -1, .token_age_s = -1,
		};
		h = (struct health_state){
			.conf = &two_conf, .now_ms = 1, .usable = !c->unusable,
			.readable = !c->unreadable, .writable = !c->unwritable,
			.why = "the reason", .free_bytes = c->free == 0 ? 500 * GB : c->free,
			.disk_bytes = c->disk == 0 ? 1000 * GB : c->disk, .accounts = accounts,
			.n = COUNT(accounts), .wechat_only = c->wechat_only, .ips = c->ips,
			.ips_age_s = c->ips_age_s,
		};
		(void)snprintf(h.quarantined, sizeof(h.quarantined), "%s", c->quarantined == NULL ?
		    "" : c->quarantined);
		judge_state(&told, &h, true);
		check_text(c->name, told.signs, c->signs);
		if (c->text != NULL && !CHECK(c->name, strstr(told.texts, c->text) != NULL))
			print_error("%s\n", told.texts);
		CHECK(c->name, strstr(told.texts, "HUSH") == NULL);
	}
}

/*
 * Reading the state.
 */

struct place {
	struct peer		*peer;
	struct account		 accounts[3];
	struct conf		 conf;
	struct locks		*locks;
	struct store		*store;
	struct breakers		*breakers;
	struct health_state	 health;
	struct told		 told;
	char			 api[PEER_URL];
};

static struct place *
health_place_new(void)
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
health_place_free(struct place *p)
{
	health_state_free(&p->health);
	breaker_free(p->breakers);
	store_free(p->store);
	lock_free(p->locks);
	if (p->peer != NULL)
		peer_free(p->peer);
	free(p);
}

/* The signs of the place as it is now. */
static const char *
read_signs(struct place *p, bool try_write)
{
	health_state_free(&p->health);
	check_err("read", health_state_read(&p->health, &p->conf, p->store, p->breakers, try_write,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	judge_state(&p->told, &p->health, false);
	return p->told.signs;
}

static enum error
run_script(struct db *db, void *sql)
{
	return db_script(db, sql);
}

static void
run_sql(struct place *p, const char *sql)
{
	check_err(sql, store_do(p->store, STORE_WRITE, run_script, (void *)(uintptr_t)sql,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
}

static enum error
make_datacube_tables(struct db *db, void *arg)
{
	(void)arg;
	return datacube_tables_prepare(db);
}

/* Adds a message with SQL: no function makes one that is already old. */
static void
add_message(struct place *p, const char *account, const char *row_state, int64_t age_s)
{
	char	 sql[256];

	(void)snprintf(sql, sizeof(sql), "INSERT INTO message (key, account, received, state, "
	    "attempts, next) VALUES (randomblob(24), '%s', %lld, '%s', 1, 1)", account,
	    (long long)(clock_wall_ms() - age_s * 1000), row_state);
	run_sql(p, sql);
}

/* A store that hosts share, and the hosts. */
static const struct {
	const char		*name;
	struct shared_state	 g;
	enum conf_store_degrade	 degrade;
	bool			 unreadable;
	struct hosts_seen	 hosts[3];
	const char		*signs, *text;
} shared_cases[] = {
	{ .name = "well", .signs = "", .text = "", .hosts = {
	    { .name = "a", .is_server = true }, { .name = "b", .is_server = true } } },
	{ .name = "fails", .g = { .is_degraded = true, .since_ms = 1000, .kept = 7,
	    .why = "the link is cut" }, .signs = "store !\n",
	    .text = "the shared database fails for 10 min: the link is cut: until it works, this "
	    "host keeps messages itself (7 now)" },
	{ .name = "fails, since when", .g = { .is_degraded = true, .why = "the link is cut" },
	    .signs = "store !\n", .text = "the shared database fails: the link is cut: until" },
	{ .name = "fails, and why", .g = { .is_degraded = true }, .signs = "store !\n",
	    .text = "fails: the reason: until" },
	{ .name = "not to be read", .g = { .is_degraded = true }, .unreadable = true,
	    .signs = "store !\n", .text = "the shared database fails" },
	{ .name = "refuses", .g = { .is_degraded = true, .why = "x" }, .degrade = REFUSE,
	    .signs = "store !\n", .text = "what QT does not confirm is answered 503; look at the "
	    "database" },
	{ .name = "moves", .g = { .kept = 1 }, .signs = "store ?\n",
	    .text = "this host keeps 1 message of a time" },
	{ .name = "a host is lost", .hosts = { { .name = "a", .is_server = true },
	    { .name = "b", .is_server = true, .age_ms = 900000 },
	    { .name = "c", .is_server = true, .age_ms = 720000 } }, .signs = "hosts ?\n",
	    .text = "not seen for 12 min: b, c; such a host is down" },
	{ .name = "a host has ended", .hosts = { { .name = "b", .is_server = true,
	    .has_stopped = true, .age_ms = 900000 } }, .signs = "" },
	{ .name = "a CGI", .hosts = { { .name = "b", .age_ms = 900000 } }, .signs = "" },
	{ .name = "two of a name", .hosts = { { .name = "a", .is_double = true },
	    { .name = "a", .is_double = true } }, .signs = "hosts ?\n",
	    .text = "several hosts have the same name: a, a; give each its own" },
};

static void
shared_store(void **state)
{
	struct conf		 conf = two_conf;
	struct health_state	 h;
	struct told		 told;
	size_t			 i, k;

	(void)state;
	conf.n = 0;
	for (i = 0; i < COUNT(shared_cases); i++) {
		conf.set.store_degrade = shared_cases[i].degrade;
		h = (struct health_state){
			.conf = &conf, .usable = true, .readable = !shared_cases[i].unreadable,
			.writable = true, .now_ms = 601000, .shared = shared_cases[i].g,
			.free_bytes = -1, .why = "the reason",
		};
		h.shared.is_shared = true;
		h.shared.hosts = (struct hosts_seen *)shared_cases[i].hosts;
		for (k = 0; k < 3 && *shared_cases[i].hosts[k].name != '\0'; k++)
			h.shared.n++;
		judge_state(&told, &h, true);
		check_text(shared_cases[i].name, told.signs, shared_cases[i].signs);
		CHECK(shared_cases[i].name, shared_cases[i].text == NULL ||
		    strstr(told.texts, shared_cases[i].text) != NULL);
	}
}

static void
no_store_yet(void **state)
{
	struct place	*p = health_place_new();
	struct store	*s = p->store;

	(void)state;
	p->store = NULL;
	check_text("no state", read_signs(p, true), "");
	check_int("accounts", (int64_t)p->health.n, 3);
	check_int("pending", p->health.accounts[0].pending, 0);
	check_int("no age", p->health.accounts[0].pending_age_ms, -1);
	check_int("no token", p->health.accounts[0].token_fails, -1);
	check_int("no files", p->health.db_bytes, 0);
	CHECK("a disk", p->health.free_bytes > 0 && p->health.disk_bytes >= p->health.free_bytes);
	p->store = s;
	check_text("a new one", read_signs(p, true), "");
	CHECK("made", p->health.db_bytes > 0 && p->health.state_bytes >= p->health.db_bytes);
	p->conf.n = 0;		/* as with a configuration that is unusable */
	health_state_free(&p->health);
	check_err("no accounts", health_state_read(&p->health, &p->conf, NULL, NULL, true, 0),
	    ERR_OK);
	p->health.usable = false;
	judge_state(&p->told, &p->health, false);
	check_text("unusable", p->told.signs, "configuration !\n");
	p->conf.set.state_dir = "/nowhere/at/all";
	health_state_free(&p->health);
	check_err("no directory", health_state_read(&p->health, &p->conf, NULL, NULL, true, 0),
	    ERR_OK);
	check_int("not known", p->health.state_bytes, -1);
	check_int("not known", p->health.free_bytes, -1);
	health_place_free(p);
}

/* The day that a row of datacube_day ends, China's; -1: it is not shown. */
static void
statistics(void **state)
{
	struct place	*p = health_place_new();

	(void)state;
	p->accounts[1].secret = "HUSH";
	(void)read_signs(p, true);
	check_int("never pulled", p->health.accounts[0].datacube_s, -1);
	check_err("tables", store_do(p->store, STORE_WRITE, make_datacube_tables, NULL,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	(void)read_signs(p, false);
	check_int("nothing was there", p->health.accounts[0].datacube_s, -1);
	run_sql(p, "INSERT INTO datacube_day VALUES "
	    "('wx1', 'getusersummary', '2026-11-20', 1, 3, 1, 0), "
	    "('wx1', 'getinterfacesummary', '2026-11-21', 1, 1, 1, 0), "
	    "('wx1', 'getinterfacesummary', '2026-11-22', 1, 0, 1, 0), "	/* no rows */
	    "('wx1', 'getupstreammsgmonth', '2026-11-23', 1, 1, 1, 0), "	/* a month */
	    "('wx3', 'getusersummary', '2026-11-24', 1, 1, 1, 0)");		/* no .secret */
	(void)read_signs(p, false);
	check_int("a day", p->health.accounts[0].datacube_s,
	    calendar_day_start(calendar_day_at(1795276800)));	/* 2026-11-22 00:00 in China */
	check_int("another account", p->health.accounts[1].datacube_s, -1);
	check_int("without .secret", p->health.accounts[2].datacube_s, -1);
	health_place_free(p);
}

static void
notes_of_verbs(void **state)
{
	const int64_t		 now_s = clock_wall_ms() / 1000;
	const struct observation notes[] = {
		{ OBSERVED_RECONCILE, "news", 3, now_s - 86400, now_s },
		{ OBSERVED_CERTIFICATE, "shop", 0, now_s + 86400, now_s },
	};
	struct place		*p = health_place_new();

	(void)state;
	check_text("well", read_signs(p, true), "");
	check_int("no note", (int64_t)p->health.observed.n, 0);
	check_int("not known", p->health.accounts[1].missing, -1);
	check_err("noted", observed_note(p->locks, p->conf.set.state_dir, notes, COUNT(notes),
	    false, now_s), ERR_OK);
	check_text("still well", read_signs(p, false), "");
	check_int("notes", (int64_t)p->health.observed.n, 2);
	check_int("missing", p->health.accounts[1].missing, 3);
	check_int("its day", p->health.accounts[1].missing_s, now_s - 86400);
	check_int("the host is no account", p->health.accounts[0].missing, -1);
	health_place_free(p);
}

static void
waiting(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 pending, dead, pending_s, dead_s;	/* -1: no message */
	} want[3] = {
		{ "shop", 150, 2, 500, 86400 }, { "news", 1, 0, 700, -1 },
		{ "idle", 0, 0, -1, -1 },
	};
	const struct health_account	*a;
	struct place			*p = health_place_new();
	int				 i;

	(void)state;
	add_message(p, "shop", "dead", 5);
	add_message(p, "shop", "dead", 86400);
	add_message(p, "news", "pending", 700);
	add_message(p, "news", "delivered", 90000);
	add_message(p, "gone", "pending", 90000);
	for (i = 0; i < 150; i++)
		add_message(p, "shop", "pending", i == 1 ? 500 : 10);
	check_text("signs", read_signs(p, false), "pending news!\ndead The Shop?\n");
	for (a = p->health.accounts, i = 0; i < 3; a++, i++) {
		check_int(want[i].name, a->pending, want[i].pending);
		check_int(want[i].name, a->dead, want[i].dead);
		CHECK(want[i].name, want[i].pending_s == -1 ? a->pending_age_ms == -1 :
		    a->pending_age_ms / 1000 - want[i].pending_s < 60 &&
		    a->pending_age_ms / 1000 >= want[i].pending_s);
		CHECK(want[i].name, want[i].dead_s == -1 ? a->dead_age_ms == -1 :
		    a->dead_age_ms / 1000 - want[i].dead_s < 60 &&
		    a->dead_age_ms / 1000 >= want[i].dead_s);
	}
	add_message(p, "idle", "pending", -3600);		/* the clock was set back */
	(void)read_signs(p, false);
	check_int("no age", p->health.accounts[2].pending_age_ms, 0);
	health_place_free(p);
}

static void
event_estimate(void **state)
{
	struct place	*p = health_place_new();
	int		 i;

	(void)state;
	(void)read_signs(p, true);
	check_int("none", p->health.events, 0);
	for (i = 0; i < 5; i++)
		run_sql(p, "INSERT INTO event (account, device, time, received, message, part, "
		    "attributes) VALUES (1, 1, 1, 1, randomblob(24), 0, '{}')");
	(void)read_signs(p, false);
	check_int("five", p->health.events, 5);
	run_sql(p, "DELETE FROM event WHERE id < 4");
	(void)read_signs(p, false);
	check_int("two are left", p->health.events, 2);
	health_place_free(p);
}

struct note_args {
	struct breakers		*b;
	const struct account	*a;
	enum breaker_news	 news;
};

static enum error
note_news(struct db *db, void *arg)
{
	struct note_args		*n = arg;
	struct breaker_report	 report = {
		.account = n->a, .news = n->news, .matters = true, .why = "why",
	};

	return breaker_settle(n->b, &report, db);
}

/* Notes news in the store, as another process does. */
static void
note_elsewhere(struct place *p, int account, enum breaker_news news)
{
	struct note_args	 n = { breaker_new(&p->conf), &p->accounts[account], news };

	assert_non_null(n.b);
	check_err("noted", store_do(p->store, STORE_WRITE, note_news, &n,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	breaker_free(n.b);
}

static void
breakers(void **state)
{
	struct place	*p = health_place_new();
	int		 i;

	(void)state;
	check_text("well", read_signs(p, true), "");
	note_elsewhere(p, 1, NEWS_TROUBLE);
	check_text("an end point of two", read_signs(p, false), "breaker news!\nbreaker idle!\n");
	CHECK("a probe", p->health.accounts[1].probe_ms > p->health.now_ms - 1000);
	for (i = 0; i < 5; i++)
		note_elsewhere(p, 0, NEWS_STOP);
	CHECK("a probe", p->health.accounts[1].probe_in_ms >= 0);
	CHECK("no gateway", p->health.accounts[1].gateway_age_ms == 0);
	note_elsewhere(p, 1, NEWS_GATEWAY);
	check_text("a gateway", read_signs(p, false), "stopped The Shop!\nbreaker news!\n"
	    "breaker idle!\n");
	CHECK("a gateway", p->health.accounts[1].gateway_age_ms >= 0);
	check_text("a gateway", p->health.accounts[1].gateway_why, "why");
	note_elsewhere(p, 1, NEWS_ALIVE);
	check_text("an account", read_signs(p, false), "stopped The Shop!\n");
	p->accounts[0].service_secret = "another";
	check_text("other keys", read_signs(p, false), "");
	health_place_free(p);
}

/* Starts a server that answers as WeChat, and opens the module that asks it. */
static struct access_tokens *
connect_wechat(struct place *p, struct http_client **http)
{
	struct access_tokens	*ts;

	p->peer = peer_new();
	peer_url(p->peer, p->api, "");
	p->conf.set.wechat_api = p->api;
	assert_non_null(*http = http_client_new(&p->conf.set, NULL));
	assert_non_null(ts = access_token_new(&p->conf, *http, p->store));
	return ts;
}

static void
tokens(void **state)
{
	struct place		*p = health_place_new();
	struct http_client	*http;
	struct access_tokens	*ts;
	struct access_token	 t;
	char			 why[TOKEN_WHY];

	(void)state;
	ts = connect_wechat(p, &http);
	check_text("never asked", read_signs(p, true), "");
	check_int("never asked", p->health.accounts[0].token_fails, -1);

	peer_say(p->peer, "/cgi-bin/stable_token", "200 OK",
	    "{\"errcode\":40125,\"errmsg\":\"invalid appsecret\"}", false);
	CHECK("refused", !access_token_get(ts, &t, &p->accounts[0], clock_mono_ms() + PATIENCE_MS,
	    why));
	check_text("refused", read_signs(p, false), "token The Shop!\n");
	CHECK("WeChat's words", strstr(p->told.texts, "40125") != NULL);
	check_int("once", p->health.accounts[0].token_fails, 1);
	check_int("none", p->health.accounts[0].token_left_s, -1);

	peer_say(p->peer, "/cgi-bin/stable_token", "200 OK",
	    "{\"access_token\":\"HUSHTOKEN\",\"expires_in\":7200}", false);
	CHECK("given", access_token_force(ts, &t, &p->accounts[0], clock_mono_ms() + PATIENCE_MS,
	    why));
	check_text("given", read_signs(p, false), "");
	check_int("none in a row", p->health.accounts[0].token_fails, 0);
	CHECK("it lasts", p->health.accounts[0].token_left_s > 7000 &&
	    p->health.accounts[0].token_left_s <= 7200 && p->health.accounts[0].token_age_s >= 0);
	check_text("no words", p->health.accounts[0].token_why, "");

	/* A request that is under way, or whose process has died. */
	run_sql(p, "UPDATE token SET token = NULL, fails = 1, why = 'the process that asked "
	    "WeChat ended before the answer came'");
	check_text("asking", read_signs(p, false), "");
	run_sql(p, "UPDATE token SET fails = 2");
	check_text("the second time", read_signs(p, false), "token The Shop!\n");
	run_sql(p, "UPDATE token SET token = 'HUSHTOKEN', fails = 9, expires = expires - 7200, "
	    "why = 'no answer'");
	check_text("over", read_signs(p, false), "token The Shop!\n");
	check_int("over", p->health.accounts[0].token_left_s, 0);
	CHECK("no secret", strstr(p->told.texts, "HUSH") == NULL);
	access_token_free(ts);
	http_client_free(http);
	health_place_free(p);
}

static int64_t
version_of(struct db *db)
{
	int64_t	 i = -1;

	check_err("asked", sqlite_db_number(db, &i, "PRAGMA data_version", DB_NO_VALUES), ERR_OK);
	return i;
}

/* To test if the store can be written, it is written, but nothing in it changes. */
static void
write_test(void **state)
{
	struct place	*p = health_place_new();
	char		 path[STATE_PATH];
	struct db	*other;
	int64_t		 version, before = -1, after = -2;

	(void)state;
	(void)read_signs(p, true);
	state_path(path, p->conf.set.state_dir, "qtoa.db");
	assert_int_equal(sqlite_db_open(&other, path, SQLITE_DB_WRITE), ERR_OK);
	check_err("schema", sqlite_db_number(other, &before, "PRAGMA user_version", DB_NO_VALUES), ERR_OK);
	version = version_of(other);
	(void)read_signs(p, false);
	check_int("a look writes nothing", version_of(other), version);
	(void)read_signs(p, true);
	CHECK("a try does", version_of(other) != version);
	check_err("schema", sqlite_db_number(other, &after, "PRAGMA user_version", DB_NO_VALUES), ERR_OK);
	check_int("the same", after, before);

	check_err("lock", db_script(other, "BEGIN IMMEDIATE"), ERR_OK);
	health_state_free(&p->health);
	check_err("read", health_state_read(&p->health, &p->conf, p->store, p->breakers, true, 0),
	    ERR_OK);
	judge_state(&p->told, &p->health, false);
	check_text("in other hands", p->told.signs, "store !\n");
	CHECK("why", strstr(p->told.texts, "cannot be written: qtoa.db: ") != NULL);
	check_int("but it is read", p->health.accounts[0].pending, 0);
	check_err("unlock", db_script(other, "ROLLBACK"), ERR_OK);
	check_text("and again", read_signs(p, true), "");
	db_close(other);
	health_place_free(p);
}

static void
store_trouble(void **state)
{
	struct place	*p = health_place_new();
	char		 path[STATE_PATH];

	(void)state;
	state_path(path, p->conf.set.state_dir, "qtoa.db");
	assert_int_equal(mkdir(path, 0700), 0);
	check_text("no file", read_signs(p, true), "store !\n");
	CHECK("why", strstr(p->told.texts, "cannot be read: ") != NULL && *p->health.why != '\0');
	check_int("not known", p->health.accounts[0].pending, -1);
	check_int("not known", p->health.accounts[0].dead_age_ms, -1);
	check_int("not known", p->health.events, -1);
	assert_int_equal(rmdir(path), 0);
	health_place_free(p);

	p = health_place_new();
	state_write(p->conf.set.state_dir, "qtoa.db", path, sizeof(path));
	check_text("quarantined", read_signs(p, true), "store ?\n");
	CHECK("its name", strncmp(p->health.quarantined, "qtoa.db.damaged-", 16) == 0);
	health_place_free(p);
}

static void
sizes(void **state)
{
	static char	 block[200000];
	struct place	*p = health_place_new();
	int64_t		 before;

	(void)state;
	memset(block, 'x', sizeof(block));
	(void)read_signs(p, true);
	before = p->health.state_bytes;
	state_write(p->conf.set.state_dir, "qtoa.tally-20261122", block, sizeof(block));
	(void)read_signs(p, false);
	CHECK("a file more", p->health.state_bytes >= before + (int64_t)sizeof(block));
	CHECK("of its own", p->health.db_bytes < (int64_t)sizeof(block));
	health_place_free(p);
}

/* A lock file that cannot be used is a problem, until it can be used again. */
static void
lock_trouble(void **state)
{
	const struct timespec	 pause = { 0, 30000000 };
	struct place		*p = health_place_new();
	char			 file[STATE_PATH];

	(void)state;
	state_path(file, p->conf.set.state_dir, "qtoa.lock");
	assert_int_equal(mkdir(file, 0700), 0);
	check_text("a directory", read_signs(p, true), "lock !\n");
	CHECK("its name", strstr(p->told.texts, file) != NULL);
	assert_int_equal(rmdir(file), 0);
	(void)nanosleep(&pause, NULL);	/* state/lock.c looks that often */
	check_text("gone", read_signs(p, true), "");
	health_place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(judging), TEST(shared_store), TEST(no_store_yet), TEST(waiting), TEST(statistics), TEST(notes_of_verbs), TEST(event_estimate),
		    TEST(breakers),
		TEST(tokens), TEST(write_test), TEST(store_trouble), TEST(sizes),
		TEST(lock_trouble),
	};

	return RUN("health_state", tests);
}
