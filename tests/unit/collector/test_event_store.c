#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_store.h"
#include "collector/unionid.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { MESSAGES = 400, DEVICES = 7, ORDERS = 5 };

static const struct account	 shop = { .path = "shop", .name = "Shop", .appid = "wx1",
    .app_key = "k" };

static struct db *
new_db(void)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, state_new(), "db");
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(db_script(db, "PRAGMA synchronous = OFF; BEGIN"), ERR_OK);
	return db;
}

static int64_t
number(struct db *db, const char *sql)
{
	int64_t	 i = -1;

	check_err(sql, sqlite_db_number(db, &i, sql, DB_NO_VALUES), ERR_OK);
	return i;
}

/* Adds message number n of a device, with so many events. */
static enum event_store_result
add_message(struct db *db, const struct account *a, const char *device, int n, int64_t time_s,
    size_t parts)
{
	const struct event_store_event	 e[3] = {
		{ "$$_menu_click", slice_of("{\"EventKey\":\"V1\"}") },
		{ NULL, slice_of("{}") },
		{ "$$_receive_msg", slice_of("{\"MsgType\":\"text\"}") },
	};
	struct event_store_message		 m = {
		.account = a, .device = slice_of(device), .time_s = time_s, .received_ms = 5000,
		.events = e, .n = parts,
	};
	char				 hex[33];
	enum event_store_result		 as = EVENT_STORE_REPEAT;

	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)n);
	queue_key(m.key, n % 5 == 0 ? 0 : time_s, hex);		/* some have no CreateTime */
	check_err(device, event_store_add(db, &as, &m), ERR_OK);
	return as;
}

static void
once(void **state)
{
	struct db	*db = new_db();

	(void)state;
	check_int("new", add_message(db, &shop, "o1", 1, 1000, 3), EVENT_STORE_NEW);
	check_int("again", add_message(db, &shop, "o1", 1, 1000, 3), EVENT_STORE_REPEAT);
	check_int("again, as one", add_message(db, &shop, "o1", 1, 1000, 1), EVENT_STORE_REPEAT);
	check_int("another", add_message(db, &shop, "o1", 2, 1000, 1), EVENT_STORE_NEW);
	check_int("events", number(db, "SELECT count(*) FROM event"), 4);
	check_int("parts", number(db, "SELECT count(*) FROM event WHERE part = 2 AND "
	    "code = '$$_receive_msg' AND item = 'text'"), 1);
	check_int("without a code", number(db, "SELECT count(*) FROM event WHERE code IS NULL"), 1);
	check_int("a device", number(db, "SELECT count(*) FROM device"), 1);
	check_int("an account", number(db, "SELECT count(*) FROM account WHERE appid = 'wx1' AND "
	    "application = 'k' AND path = 'shop' AND name = 'Shop'"), 1);
	db_close(db);
}

/* A user is the same one in all accounts of an application, but not in another application. */
static void
devices(void **state)
{
	struct account	 renamed = shop, other = shop, elsewhere = shop;
	struct db	*db = new_db();

	(void)state;
	renamed.name = "Store";
	other.appid = "wx2";
	elsewhere.app_key = NULL;
	(void)add_message(db, &shop, "u", 1, 86400 * 3 + 5, 1);
	(void)add_message(db, &other, "u", 2, 86400 * 2, 1);
	(void)add_message(db, &elsewhere, "u", 3, 86400, 1);
	(void)add_message(db, &renamed, "u", 4, 86400 * 2 + 60, 1);
	check_int("devices", number(db, "SELECT count(*) FROM device"), 2);
	check_int("accounts", number(db, "SELECT count(*) FROM account"), 3);
	check_int("the name in use", number(db, "SELECT count(*) FROM account WHERE "
	    "name = 'Store' AND appid = 'wx1' AND application = 'k'"), 1);
	check_int("first day", number(db, "SELECT count(*) FROM tracked WHERE is_first_day AND "
	    "time = 86400 * 2 AND platform = 'wx2@wechatoa' AND device_id = 'u'"), 1);
	check_int("in all of it", number(db, "SELECT count(*) FROM tracked WHERE is_first_day"), 3);
	db_close(db);
}

/* In any order of arrival the gap is that to the event before; first and last are right. */
static void
any_order(void **state)
{
	struct db	*db;
	char		 device[8];
	int		 order[MESSAGES], i, k, x, round;

	(void)state;
	srand(7);
	for (round = 0; round < ORDERS; round++) {
		db = new_db();
		for (i = 0; i < MESSAGES; i++)
			order[i] = round == 0 ? i : MESSAGES - 1 - i;
		for (i = MESSAGES - 1; round > 1 && i > 0; i--) {
			k = rand() % (i + 1);
			x = order[i], order[i] = order[k], order[k] = x;
		}
		for (i = 0; i < MESSAGES; i++) {
			(void)snprintf(device, sizeof(device), "o%d", order[i] % DEVICES);
			/* Many events in one second. */
			(void)add_message(db, &shop, device, order[i], order[i] / 9 * 50,
			    1 + (size_t)order[i] % 3);
		}
		check_int("gaps", number(db, "SELECT count(*) FROM (SELECT gap, time - lag(time) "
		    "OVER (PARTITION BY device ORDER BY time, id) AS want FROM event) "
		    "WHERE gap IS NOT want"), 0);
		check_int("some", number(db, "SELECT count(*) > 300 FROM event WHERE gap >= 50"),
		    1);
		check_int("first and last", number(db, "SELECT count(*) FROM device WHERE "
		    "first != (SELECT min(time) FROM event WHERE device = device.id) OR "
		    "last != (SELECT max(time) FROM event WHERE device = device.id)"), 0);
		db_close(db);
	}
}

static void
items(void **state)
{
	static const struct {
		const char	*code, *attributes, *want;	/* NULL: no event */
	} cases[] = {
		{ "$$_official_account_follow", "{\"EventKey\":\"qrscene_5\"}", "5" },
		{ "$$_official_account_follow", "{\"EventKey\":\"qrsceneX5\"}", NULL },
		{ "$$_official_account_follow", "{\"EventKey\":\"\"}", NULL },
		{ "$$_official_account_follow", "{}", NULL },
		{ "$$_official_account_follow", "{\"EventKey\":\"qrscene_\"}", "" },
		{ "$$_scan_open_official_account", "{\"EventKey\":\"5\"}", "5" },
		{ "$$_menu_click", "{\"EventKey\":\"\xE8\x8F\x9C\"}", "\xE8\x8F\x9C" },
		{ "$$_receive_msg", "{\"MsgType\":\"voice\"}", "voice" },
		{ "$$_template_send_finish", "{\"Status\":\"success\"}", "success" },
		{ "$$_send_msg_popup", "{\"TemplateId\":\"t\"}", "t" },
		{ "$$_publish_job_finish", "{\"publish_status\":\"0\"}", "0" },
		{ "$$_send_localtion", "{\"EventKey\":\"5\"}", NULL },
		{ NULL, "{\"EventKey\":\"5\"}", NULL },
	};
	struct event_store_event	 e;
	struct event_store_message	 m = {
		.account = &shop, .device = slice_of("o"), .events = &e, .n = 1,
	};
	struct db		*db = new_db();
	struct db_rows		 rows;
	enum error		 er;
	size_t			 i;
	enum event_store_result	 as;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		e = (struct event_store_event){ cases[i].code, slice_of(cases[i].attributes) };
		m.key[0] = (unsigned char)i;
		check_err(cases[i].attributes, event_store_add(db, &as, &m), ERR_OK);
		er = sqlite_db_start(db, &rows, "SELECT item FROM event WHERE id = ?",
		    DB_VALUES(db_i((int64_t)i + 1)));
		CHECK(cases[i].attributes, er == ERR_OK && db_next(&rows, &er));
		check_bytes(cases[i].attributes, db_col(&rows, 0), slice_of(cases[i].want));
		db_end(&rows);
	}
	db_close(db);
}

static void
unionids(void **state)
{
	struct db	*db = new_db();
	struct buf	 b = { 0 };

	(void)state;
	check_err("unknown", unionid_find(db, &b, "wx1", slice_of("o1")), ERR_OK);
	check_int("nothing", (int64_t)b.len, 0);
	check_err("kept", unionid_store(db, "wx1", slice_of("o1"), slice_of("u1")), ERR_OK);
	check_err("it does not change", unionid_store(db, "wx1", slice_of("o1"),
	    slice_of("u2")), ERR_OK);
	check_err("known", unionid_find(db, &b, "wx1", slice_of("o1")), ERR_OK);
	check_bytes("known", buf_slice(&b), slice_of("u1"));
	buf_reset(&b);
	check_err("elsewhere", unionid_find(db, &b, "wx2", slice_of("o1")), ERR_OK);
	check_int("nothing", (int64_t)b.len, 0);
	buf_free(&b);
	db_close(db);
}

/* From two files that have some messages in common, each message is recovered once. */
static void
salvaged(void **state)
{
	struct db	*old = new_db(), *db = new_db();
	struct recover	 s = { .from = old, .source = &event_store_recovered };
	int		 i, steps;

	(void)state;
	for (i = 0; i < 50; i++) {
		(void)add_message(old, &shop, i % 2 == 0 ? "o1" : "o2", i, i * 100,
		    1 + (size_t)i % 3);
		if (i >= 40)
			(void)add_message(db, &shop, i % 2 == 0 ? "o1" : "o2", i, i * 100,
			    1 + (size_t)i % 3);
	}
	for (steps = 0; !s.over && steps < 100; steps++)
		check_err("a step", recover_step(db, &s, 7), ERR_OK);
	CHECK("over", s.over);
	check_int("copied", s.copied, number(old, "SELECT count(*) FROM event "
	    "WHERE time < 4000"));
	check_int("all", number(db, "SELECT count(*) FROM event"),
	    number(old, "SELECT count(*) FROM event"));
	check_int("the same", number(db,
	    "SELECT sum(time * 7 + part + coalesce(gap, -1)) FROM event"),
	    number(old, "SELECT sum(time * 7 + part + coalesce(gap, -1)) FROM event"));
	check_int("gaps", number(db, "SELECT count(*) FROM (SELECT gap, time - lag(time) "
	    "OVER (PARTITION BY device ORDER BY time, id) AS want FROM event) "
	    "WHERE gap IS NOT want"), 0);
	db_close(old);
	db_close(db);
}

/* Noon of a day in China, epoch seconds. */
static int64_t
noon(int64_t day)
{
	return day * 86400 + 4 * 3600;
}

/* Forgets all that there is to forget, max events a step.  Returns the number of steps. */
static int
forget_all(struct db *db, int64_t today, int days, int max)
{
	bool	 more = true;
	int	 steps;

	for (steps = 0; more && steps < 1000; steps++)
		check_err("a step", event_store_forget(db, &more, noon(today), days, max), ERR_OK);
	return steps;
}

/* The days that are forgotten: they are counted back from today and from the newest event. */
static void
days_go(void **state)
{
	enum { FIRST = 100, DAYS = 30 };	/* an event before and after each midnight */
	static const struct {
		const char	*name;
		int64_t		 today;
		int		 days;
		int64_t		 since;		/* the first day that stays; INT64_MIN: all stay */
	} cases[] = {
		{ "never", 129, 0, INT64_MIN },
		{ "longer than there are any", 129, 1000, 129 - 1000 },
		{ "exactly as long", 129, 29, 100 },
		{ "one day", 129, 28, 101 },
		{ "most", 129, 2, 127 },
		{ "all but yesterday and today", 129, 1, 128 },
		{ "a clock that is ahead", 99999, 10, 119 },
		{ "a clock that is behind", 110, 5, 105 },
		{ "a clock at its beginning", 0, 5, -5 },
	};
	struct db	*db;
	int64_t		 since, want;
	size_t		 i;
	int		 d, steps;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = new_db();
		for (d = 0; d < DAYS; d++) {
			(void)add_message(db, &shop, "o1", 2 * d, (FIRST + d) * 86400 - 28800, 1);
			(void)add_message(db, &shop, "o1", 2 * d + 1, (FIRST + d) * 86400 + 57599,
			    1);
		}
		want = cases[i].since < FIRST ? 2 * DAYS : 2 * (FIRST + DAYS - cases[i].since);
		steps = forget_all(db, cases[i].today, cases[i].days, 4);
		check_int(cases[i].name, number(db, "SELECT count(*) FROM event"), want);
		check_int(cases[i].name, steps, (2 * DAYS - want) / 4 + 1);
		check_int("whole days", number(db, "SELECT count(DISTINCT day) FROM event"),
		    want / 2);
		check_err("since", event_store_first_day(db, &since), ERR_OK);
		check_int(cases[i].name, since, cases[i].since);
		db_close(db);
	}
}

/* A late event of a forgotten day has the same effect as if it had come in time. */
static void
never_again(void **state)
{
	struct db	*db = new_db();
	int64_t		 before;
	int		 i;

	(void)state;
	for (i = 0; i < 40; i++)
		(void)add_message(db, &shop, i % 2 == 0 ? "o1" : "o2", i, noon(100 + i), 2);
	(void)forget_all(db, 139, 10, 7);
	check_int("left", number(db, "SELECT count(*) FROM event"), 22);
	before = number(db, "SELECT sum(last * id + device) FROM past");
	for (i = 0; i < 40; i++)
		check_int("again", add_message(db, &shop, i % 2 == 0 ? "o1" : "o2", i,
		    noon(100 + i), 2),
		    i < 29 ? EVENT_STORE_FORGOTTEN : EVENT_STORE_REPEAT);
	check_int("none came back", number(db, "SELECT count(*) FROM event"), 22);
	check_int("nothing changed", number(db, "SELECT sum(last * id + device) FROM past"),
	    before);

	check_int("late", add_message(db, &shop, "o3", 50, noon(90), 1), EVENT_STORE_FORGOTTEN);
	check_int("new", add_message(db, &shop, "o3", 51, noon(135), 1), EVENT_STORE_NEW);
	check_int("its gap", number(db, "SELECT gap FROM event WHERE device = (SELECT id FROM "
	    "device WHERE device = 'o3')"), 45 * 86400);
	check_int("later", add_message(db, &shop, "o3", 52, noon(95), 1), EVENT_STORE_FORGOTTEN);
	check_int("its gap", number(db, "SELECT gap FROM event WHERE device = (SELECT id FROM "
	    "device WHERE device = 'o3')"), 40 * 86400);
	check_int("seen first", number(db, "SELECT first FROM device WHERE device = 'o3'"),
	    noon(90));
	check_int("not new", number(db, "SELECT count(*) FROM tracked WHERE is_first_day"), 0);
	db_close(db);
}

/* The last follow or unfollow counts, also of several in one second. */
static void
who_followed(void **state)
{
	static const struct {
		/* a letter for each event: f u m; '.': a second later */
		const char	*name, *codes;
		int64_t		 want;		/* -1: no such event */
	} cases[] = {
		{ "follows", "f", 1 }, { "does not", "u", 0 }, { "neither", "m", -1 },
		{ "came back", "f.u.m.f.m", 1 }, { "left", "f.m.u.m", 0 },
		{ "left in the same second", "f.fmu", 0 }, { "came back in it", "ufm", 1 },
	};
	struct event_store_event	 e = { NULL, slice_of("{}") };
	struct event_store_message	 m = { .account = &shop, .events = &e, .n = 1 };
	enum event_store_result		 as;
	struct db			*db;
	const char			*p;
	size_t				 i;
	int				 max;

	(void)state;
	for (i = 0; i < COUNT(cases) * 2; i++) {
		db = new_db();
		m.device = slice_of("o1");
		m.time_s = noon(100);
		for (p = cases[i / 2].codes; *p != '\0'; p++) {
			m.time_s += *p == '.';
			/* The keys are in no order. */
			m.key[0] = (unsigned char)((p - cases[i / 2].codes + 1) * 77);
			e.code = *p == 'f' ? "$$_official_account_follow" :
			    *p == 'u' ? "$$_official_account_unfollow" : "$$_menu_click";
			if (*p != '.')
				check_err("add", event_store_add(db, &as, &m), ERR_OK);
		}
		(void)add_message(db, &shop, "o2", 99, noon(200), 1);
		max = i % 2 == 0 ? 1 : 100;
		(void)forget_all(db, 200, 5, max);
		check_int("gone", number(db, "SELECT count(*) FROM event"), 1);
		check_int(cases[i / 2].name, number(db, "SELECT coalesce(follows, -1) FROM past"),
		    cases[i / 2].want);
		db_close(db);
	}
}

/* The past of forgotten events is recovered too, before, after or between the events. */
static void
salvaged_past(void **state)
{
	static const struct recover_source *const	 orders[][2] = {
		{ &event_store_recovered, &event_store_recovered_past },
		{ &event_store_recovered_past, &event_store_recovered },
	};
	struct db	*old, *db;
	struct recover	 s;
	size_t		 i, k;
	int		 d, steps;

	(void)state;
	for (i = 0; i < COUNT(orders); i++) {
		old = new_db(), db = new_db();
		/* Backwards, so that the order in the table is not the order of time. */
		for (d = 39; d >= 0; d--)
			(void)add_message(old, &shop, d % 2 == 0 ? "o1" : "o2", d, noon(100 + d),
			    2);
		(void)add_message(old, &shop, "gone", 90, noon(101), 1);
		(void)forget_all(old, 139, 10, 5);
		/* Two events that have come meanwhile. */
		(void)add_message(db, &shop, "gone", 91, noon(140), 1);
		(void)add_message(db, &shop, "o1", 92, noon(140), 1);
		for (k = 0; k < 2; k++) {
			s = (struct recover){ .from = old, .source = orders[i][k] };
			for (steps = 0; !s.over && steps < 100; steps++)
				check_err("a step", recover_step(db, &s, 7), ERR_OK);
		}
		check_int("events", number(db, "SELECT count(*) FROM event"), 24);
		check_int("past", number(db, "SELECT count(*) FROM past"), 3);
		check_int("gaps", number(db, "SELECT sum(gap) FROM event WHERE part = 0"),
		    (11 * 2 + 2 + 39) * 86400);
		check_int("none is the first", number(db, "SELECT count(*) FROM event "
		    "WHERE gap IS NULL"), 0);
		check_int("seen first", number(db, "SELECT sum(first) FROM device"),
		    noon(100) + noon(101) + noon(101));
		db_close(old);
		db_close(db);
	}
}

/* A message of a user who is known by openid only, or by unionid. */
struct life_event {
	const struct account	*account;
	const char		*openid;	/* NULL: the unionid */
	int64_t			 time_s;
};

/* Adds message n, under the openid or not. */
static void
add_life_event(struct db *db, const struct life_event *l, int n, bool as_openid)
{
	static const char *const	 codes[] = {
		"$$_official_account_follow", "$$_official_account_unfollow", "$$_menu_click",
	};
	const struct event_store_event	 e = { codes[n % 3], slice_of("{}") };
	struct event_store_message	 m = {
		.account = l->account, .device = slice_of(as_openid ? l->openid : "u"),
		.openid_only = as_openid, .time_s = l->time_s, .events = &e, .n = 1,
	};
	char				 hex[33];
	enum event_store_result		 as;

	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)n);
	queue_key(m.key, l->time_s, hex);
	check_err("add", event_store_add(db, &as, &m), ERR_OK);
}

/* All that is known, as one text; the caller frees it. */
static void
describe_store(struct db *db, struct buf *out)
{
	static const char *const	 sql[] = {
		"SELECT group_concat(t) FROM (SELECT device || first || '-' || last AS t "
		    "FROM device ORDER BY device)",
		"SELECT group_concat(t) FROM (SELECT event.id || ':' || device.device || time || "
		    "'+' || coalesce(gap, 'x') AS t FROM event JOIN device ON device.id = "
		    "event.device ORDER BY event.id)",
		"SELECT group_concat(t) FROM (SELECT device.device || account || ':' || past.last "
		    "|| '/' || coalesce(turned || '/' || turn || '/' || follows, 'x') AS t "
		    "FROM past JOIN device ON device.id = past.device ORDER BY 1)",
		"SELECT group_concat(appid || openid) FROM unionid WHERE unionid = ''",
	};
	struct db_rows			 rows;
	enum error			 er;
	size_t				 i;

	for (i = 0; i < COUNT(sql); i++) {
		er = sqlite_db_start(db, &rows, sql[i], DB_NO_VALUES);
		if (er == ERR_OK && db_next(&rows, &er))
			(void)buf_put(out, db_col(&rows, 0).p, db_col(&rows, 0).len);
		(void)buf_putc(out, '\n');
		check_err(sql[i], er, ERR_OK);
		db_end(&rows);
	}
}

static void
check_same(const char *name, struct db *db, struct db *want)
{
	struct buf	 b = { 0 }, w = { 0 };

	describe_store(db, &b);
	describe_store(want, &w);
	check_bytes(name, buf_slice(&b), buf_slice(&w));
	buf_free(&b);
	buf_free(&w);
}

/*
 * Two openids are joined with their unionid, in any order of arrival and also after days were
 * forgotten: then everything is as if the events had been counted under the unionid.
 */
static void
joined(void **state)
{
	enum { EVENTS = 90, SEEDS = 6, FORGET = EVENTS / 3, FIRST = EVENTS / 2,
	    SECOND = EVENTS * 2 / 3 };
	struct account	 other = shop;
	const struct {
		const struct account	*account;
		const char		*openid;
	} users[] = { { &shop, "o1" }, { &other, "o2" }, { &shop, NULL } };
	struct db	*db, *want;
	unsigned	 seed, r;
	char		 name[16];
	size_t		 who;
	int		 i;

	(void)state;
	other.appid = "wx2";
	for (seed = 1; seed <= SEEDS; seed++) {
		db = new_db(), want = new_db();
		(void)snprintf(name, sizeof(name), "seed %u", seed);
		for (i = 0, r = seed; i < EVENTS; i++) {
			r = r * 1103515245 + 12345;
			who = (r >> 16) % (seed % 2 == 0 ? 2 : 3);	/* no event of "u" yet */
			if (i == FORGET && seed % 3 == 0) {
				(void)forget_all(db, 120, 9, 5);
				(void)forget_all(want, 120, 9, 5);
			}
			if (i == FIRST)
				check_err("o1", unionid_store(db, "wx1", slice_of("o1"),
				    slice_of("u")), ERR_OK);
			if (i == SECOND)
				check_err("o2", unionid_store(db, "wx2", slice_of("o2"),
				    slice_of("u")), ERR_OK);
			const struct life_event	 l = { users[who].account, users[who].openid,
			    noon(100 + (r >> 20) % 20) + (r >> 8) % 4 * 10 };

			add_life_event(db, &l, i, l.openid != NULL &&
			    (who == 0 ? i < FIRST + 3 : i < SECOND + 3));
			add_life_event(want, &l, i, false);
		}
		check_same(name, db, want);
		check_int("one device", number(db, "SELECT count(*) FROM device"), 1);
		db_close(db);
		db_close(want);
	}
}

/* Another application, and another user, keep what they have. */
static void
joined_alone(void **state)
{
	struct account			 elsewhere = shop;
	const struct life_event		 events[] = {
		{ &shop, "o1", 100 }, { &shop, "o2", 110 }, { &elsewhere, "o1", 120 },
	};
	struct db			*db = new_db();
	size_t				 i;

	(void)state;
	elsewhere.appid = "wx9";
	elsewhere.app_key = "another";
	for (i = 0; i < COUNT(events); i++)
		add_life_event(db, &events[i], (int)i, true);
	check_int("marks", number(db, "SELECT count(*) FROM unionid WHERE unionid = ''"), 3);
	check_err("o1", unionid_store(db, "wx1", slice_of("o1"), slice_of("u1")), ERR_OK);
	check_int("u1", number(db, "SELECT count(*) FROM device WHERE device = 'u1' AND "
	    "application = 'k'"), 1);
	check_int("o2", number(db, "SELECT count(*) FROM device WHERE device = 'o2'"), 1);
	check_int("elsewhere", number(db, "SELECT count(*) FROM device WHERE device = 'o1' AND "
	    "application = 'another'"), 1);
	check_int("marks", number(db, "SELECT count(*) FROM unionid WHERE unionid = ''"), 2);
	check_err("the same name", unionid_store(db, "wx1", slice_of("o2"), slice_of("o2")),
	    ERR_OK);
	check_int("events", number(db, "SELECT count(*) FROM event"), 3);
	check_int("o2", number(db, "SELECT count(*) FROM device WHERE device = 'o2'"), 1);
	db_close(db);
}

/* Marks are recovered; a unionid that the new store knows already joins the recovered events. */
static void
salvaged_marks(void **state)
{
	struct life_event	 l = { &shop, "o1", 1000 };
	struct db		*old = new_db(), *db = new_db();
	struct recover		 s;
	size_t			 i;
	int			 steps;

	(void)state;
	add_life_event(old, &l, 1, true);
	l.openid = "o2";
	add_life_event(old, &l, 2, true);
	check_err("known by now", unionid_store(db, "wx1", slice_of("o2"), slice_of("u2")), ERR_OK);
	for (i = 1; i < RECOVER_SOURCES; i++) {
		s = (struct recover){ .from = old, .source = event_store_sources[i] };
		for (steps = 0; !s.over && steps < 100; steps++)
			check_err("a step", recover_step(db, &s, 7), ERR_OK);
	}
	check_int("marked", number(db, "SELECT count(*) FROM unionid WHERE unionid = '' AND "
	    "openid = 'o1'"), 1);
	check_int("joined", number(db, "SELECT count(*) FROM event JOIN device ON device.id = "
	    "event.device WHERE device.device = 'u2'"), 1);
	check_int("devices", number(db, "SELECT count(*) FROM device"), 2);
	db_close(old);
	db_close(db);
}

/* An event whose attributes are no JSON any more does not stop the others. */
static void
garbled(void **state)
{
	struct db	*old = dbfile_open(state_new(), "old"), *db = new_db();
	struct recover	 s = { .from = old, .source = &event_store_recovered };
	int		 steps;

	(void)state;
	check_err("made", db_script(old, "CREATE TABLE account (id, appid, application, path, name);"
	    "CREATE TABLE device (id, application, device, first, last);"
	    "CREATE TABLE event (id, account, device, code, time, gap, received, message, part, "
	    "attributes);"
	    "INSERT INTO account VALUES (1, 'wx1', 'app', '', '');"
	    "INSERT INTO device VALUES (1, 'app', 'o1', 5, 9);"
	    "INSERT INTO event VALUES (1, 1, 1, '$$_menu_click', 5, NULL, 5, x'01', 0, '{}'),"
	    "(2, 1, 1, '$$_menu_click', 6, NULL, 6, x'02', 0, '{\"Event'),"
	    "(3, 1, 1, '$$_menu_click', 9, NULL, 9, x'03', 0, '{}')"), ERR_OK);
	for (steps = 0; !s.over && steps < 100; steps++)
		check_err("a step", recover_step(db, &s, 7), ERR_OK);
	check_int("copied", s.copied, 2);
	check_int("both", number(db, "SELECT sum(time) FROM event"), 14);
	db_close(old);
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(once), TEST(devices), TEST(any_order), TEST(items), TEST(unionids),
		TEST(salvaged), TEST(days_go), TEST(never_again), TEST(who_followed),
		TEST(salvaged_past), TEST(joined), TEST(joined_alone), TEST(salvaged_marks),
		TEST(garbled),
	};

	return RUN("archive", tests);
}
