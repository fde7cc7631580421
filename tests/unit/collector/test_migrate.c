#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/erased.h"
#include "collector/event_store.h"
#include "collector/migrate.h"
#include "collector/unionid.h"
#include "core/clock.h"
#include "state/queue.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 60000, EVENTS = 700, MESSAGES = 230, USERS = 40, DAY_S = 86400 };

static const struct account	 shop = { .path = "shop", .name = "Shop", .appid = "wx1",
    .app_key = "k" }, news = { .path = "news", .name = "News", .appid = "wx2", .app_key = "k" };

/* Two stores, each in a directory of its own. */
struct place {
	struct settings	 set[2];
	struct locks	*locks[2];
	struct store	*s[2];
};

static void
open_place(struct place *p)
{
	int	 i;

	for (i = 0; i < 2; i++) {
		p->set[i] = (struct settings){ .state_dir = state_new() };
		assert_non_null(p->locks[i] = lock_new(p->set[i].state_dir));
		assert_non_null(p->s[i] = store_new(&p->set[i], p->locks[i], STORE_BRIEF));
	}
}

static void
close_place(struct place *p)
{
	int	 i;

	for (i = 0; i < 2; i++) {
		store_free(p->s[i]);
		lock_free(p->locks[i]);
	}
}

static int64_t
until(void)
{
	return clock_mono_ms() + PATIENCE_MS;
}

static enum error
run_text(struct db *db, void *arg)
{
	return db_script(db, arg);
}

static void
script(struct store *s, const char *sql)
{
	char	 copy[2000];

	(void)snprintf(copy, sizeof(copy), "%s", sql);
	check_err(sql, store_do(s, STORE_WRITE, run_text, copy, until()), ERR_OK);
}

struct asked {
	const char	*sql;
	struct buf	 text;
};

static enum error
ask_rows(struct db *db, void *arg)
{
	struct asked	*a = arg;
	struct db_rows	 rows;
	struct slice	 cell;
	enum error	 er;
	int		 i;

	buf_reset(&a->text);
	er = db_start_text(db, &rows, a->sql, NULL, 0);
	while (er == ERR_OK && db_next(&rows, &er)) {
		for (i = 0; i < db_cols(&rows) && er == ERR_OK; i++) {
			cell = db_col(&rows, i);
			er = db_col_type(&rows, i) == DB_NO_VALUE ? buf_puts(&a->text, "- ") :
			    db_col_type(&rows, i) == DB_INTEGER ? buf_printf(&a->text, "%lld ",
			    (long long)db_col_int(&rows, i)) :
			    buf_printf(&a->text, "%.*s ", (int)cell.len, cell.p);
		}
		if (er == ERR_OK)
			er = buf_putc(&a->text, '\n');
	}
	db_end(&rows);
	return er == ERR_OK ? buf_putc(&a->text, '\0') : er;
}

/* What a question gives, as text; the caller frees it. */
static struct buf
answer(struct store *s, const char *sql)
{
	struct asked	 a = { .sql = sql };

	check_err(sql, store_do(s, STORE_READ, ask_rows, &a, until()), ERR_OK);
	return a.text;
}

static void
check_answer(struct store *s, const char *sql, const char *want)
{
	struct buf	 text = answer(s, sql);

	check_text(sql, text.p, want);
	buf_free(&text);
}

/* A message of the collector: number, user, time. */
struct said {
	const struct account	*account;
	const char		*user, *code;
	int			 n;
	int64_t			 time_s;
};

static enum error
count_said(struct db *db, void *arg)
{
	const struct said		*w = arg;
	const struct event_store_event	 e[2] = {
		{ w->code, slice_of("{\"EventKey\":\"V1\",\"Content\":\"x\"}") },
		{ NULL, slice_of("{}") },
	};
	struct event_store_message	 m = {
		.account = w->account, .device = slice_of(w->user), .time_s = w->time_s,
		.received_ms = 1000 * w->time_s, .events = e, .n = 1 + (size_t)w->n % 2,
	};
	enum event_store_result		 as;
	char				 hex[33];

	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)w->n);
	queue_key(m.key, w->time_s, hex);
	return event_store_add(db, &as, &m);
}

/* Counts event n, which has a time and a user of its own, in a store. */
static void
count(struct store *s, int n)
{
	char		 user[16];
	struct said	 w = {
		.account = n % 3 == 0 ? &news : &shop, .user = user, .n = n,
		.code = n % 7 == 0 ? "$$_official_account_follow" : "$$_menu_click",
		.time_s = (n * 7919) % EVENTS * (int64_t)1000 + 10 * DAY_S,
	};

	(void)snprintf(user, sizeof(user), "o%d", n % USERS);
	check_err("counted", store_do(s, STORE_WRITE, count_said, &w, until()), ERR_OK);
}

static enum error
queue_one(struct db *db, void *arg)
{
	const int		 n = *(const int *)arg;
	struct queue_message	 m = {
		.account = slice_of("shop"), .received_ms = n, .attempts = n % 3, .unread = n % 2,
		.next_ms = n + 5, .qt_ms = n % 7, .state = n % 4 == 3 ? QUEUE_DEAD : QUEUE_PENDING,
		.body = { "a\0\xff", 3 }, .query = { "", 0 },
	};
	char			 hex[33];

	if (n % 2 == 0)
		m.code = slice_of("$$_menu_click");
	if (n % 5 != 0)
		m.outcome = slice_of("HTTP 500");
	if (n % 8 == 1) {
		m.state = QUEUE_DELIVERED;
		m.body = m.query = (struct slice){ NULL, 0 };
	}
	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)n);
	queue_key(m.key, 1, hex);
	return queue_add(db, &m);
}

static void
queue_some(struct store *s, int from, int to)
{
	for (; from < to; from++)
		check_err("queued", store_do(s, STORE_QUEUE, queue_one, &from, until()), ERR_OK);
}

/* All that two stores must agree on, without the numbers of rows. */
static const char *const	 views[] = {
	"SELECT hex(key), account, code, received, state, attempts, unread, next, outcome, qt_ms, "
	"hex(query), hex(body), id IN (SELECT message FROM leaving) FROM message ORDER BY key",
	"SELECT hex(message), part, appid, account.application, path, name, device.device, code, "
	"time, gap, received, attributes FROM event JOIN account ON account.id = event.account "
	"JOIN device ON device.id = event.device ORDER BY message, part",
	"SELECT application, device, first, last FROM device ORDER BY 1, 2",
	"SELECT appid, application, path, name FROM account ORDER BY 1, 2",
	"SELECT appid, device.device, past.last, turned, follows FROM past JOIN device ON device.id = "
	"past.device JOIN account ON account.id = past.account ORDER BY 1, 2",
	"SELECT hex(name), device.device, until FROM erased LEFT JOIN device ON device.id = "
	"erased.device ORDER BY 1",
	"SELECT * FROM unionid", "SELECT * FROM follower", "SELECT * FROM follower_pull",
	"SELECT * FROM qrcode", "SELECT * FROM token", "SELECT * FROM stopped",
	"SELECT url, fails, opened, probes, probe, outcome, gateway FROM endpoint",
	"SELECT at, since, until, appid, name FROM departed ORDER BY name",
	"SELECT before FROM forgotten",
};

enum { VIEWS = sizeof(views) / sizeof(views[0]) };

/* Fills a store with all that can be in it. */
static void
fill(struct store *s)
{
	int	 n;

	for (n = 0; n < EVENTS; n++)
		count(s, n);
	queue_some(s, 0, MESSAGES);
	script(s, "INSERT INTO leaving SELECT id FROM message WHERE id % 10 = 0;"
	    "INSERT INTO departed (at, since, until, appid, name) VALUES (17, 1, 2, 'wx1', 'o1'), "
	    "(-1, 3, 4, 'wx2', 'o2');"
	    "INSERT INTO device (application, device, first, last) VALUES ('k', 'forgotten-1-1', 5, "
	    "900000), ('k', 'o_past', 3, 40);"
	    "INSERT INTO erased SELECT x'00112233445566778899aabbccddeeff', id, 77 FROM device WHERE "
	    "device = 'forgotten-1-1';"
	    "INSERT INTO erased VALUES (x'ff112233445566778899aabbccddeeff', NULL, 78);"
	    "INSERT INTO past (device, account, last, turned, turn, follows) SELECT device.id, "
	    "account.id, 40, 30, 9, 1 FROM device, account WHERE device = 'o_past' AND appid = "
	    "'wx1';"
	    "INSERT INTO forgotten VALUES (1, 2);");
	script(s, "INSERT INTO unionid VALUES ('wx1', 'o105', ''), ('wx1', 'o106', 'u6'), ('wx2', "
	    "'o103', 'u3');"
	    "INSERT INTO follower VALUES ('wx1', 'o6', 'u6', 'u6', 100, 'ADD_SCENE_QR_CODE', 5, 's', "
	    "'zh_CN', '[1,2]', 'r', 200, 300, NULL, 100, NULL), ('wx1', 'o7', 'o7', NULL, NULL, "
	    "NULL, NULL, NULL, NULL, NULL, NULL, 0, -1, 500, NULL, 500);"
	    "INSERT INTO follower_pull (appid, state, began, cursor) VALUES ('wx1', 2, 9, 'o6');"
	    "INSERT INTO qrcode VALUES ('wx1', 'poster', 's', 't', 'u', 1, 0);"
	    "INSERT INTO token VALUES ('wx1', 'c', 'T', 100, 7300, 7000, 0, 0, 3, 4, 5, 6, NULL);"
	    "INSERT INTO stopped (account, config, since, outcome, refusals) VALUES ('shop', 'c', 8, "
	    "'x', 3);"
	    "INSERT INTO endpoint (url, fails, opened, probes, probe, outcome, gateway, top) VALUES "
	    "('http://x', 1, 2, 3, 4, 'HTTP 500', 0, 99)");
}

static void
move_all(struct place *p, int from, struct dedup *dedup)
{
	struct migrate	 m = { .from = p->s[from], .to = p->s[!from], .dedup = dedup };
	bool		 more = true;

	while (more)
		check_err("a step", migrate_step(&m, &more, until()), ERR_OK);
}

static void
check_empty(struct store *s)
{
	int64_t	 n[MIGRATE_NAMES];
	int	 i;

	check_err("counted", migrate_count(s, n, until()), ERR_OK);
	/* Known messages are in files, and WeChat was not asked for statistics. */
	for (i = 0; i < MIGRATE_NAMES; i++)
		check_int(migrate_names[i], n[i], strcmp(migrate_names[i], "seen") == 0 ||
		    strcmp(migrate_names[i], "datacube") == 0 ? -1 : 0);
}

/* There and back again: each time all is there, as it was, and the other store is empty. */
static void
all(void **state)
{
	struct buf	 before[VIEWS], after;
	struct place	 p;
	int		 i, from;

	(void)state;
	open_place(&p);
	fill(p.s[0]);
	/* Nobody is at a place of messages of another store. */
	script(p.s[0], "UPDATE departed SET at = -1");
	for (i = 0; i < VIEWS; i++)
		before[i] = answer(p.s[0], views[i]);
	for (from = 0; from < 2; from++) {
		move_all(&p, from, NULL);
		for (i = 0; i < VIEWS; i++) {
			after = answer(p.s[!from], views[i]);
			check_text(views[i], after.p, before[i].p);
			buf_free(&after);
		}
		check_empty(p.s[from]);
		check_answer(p.s[from], "SELECT count(*) FROM forgotten", "0 \n");
	}
	for (i = 0; i < VIEWS; i++)
		buf_free(&before[i]);
	close_place(&p);
}

/* Events of two hosts become those of one: the same as if one had counted them all. */
static void
merged(void **state)
{
	struct place	 p, one;
	struct buf	 want, have;
	int		 n, i;

	(void)state;
	open_place(&p);
	open_place(&one);
	for (n = 0; n < EVENTS; n++) {
		count(p.s[n % 5 < 2], n);
		if (n % 11 == 0)		/* WeChat has sent it to both */
			count(p.s[n % 5 >= 2], n);
		count(one.s[0], n);
	}
	queue_some(p.s[0], 0, 90);
	queue_some(p.s[1], 60, MESSAGES);
	queue_some(one.s[0], 0, MESSAGES);
	move_all(&p, 0, NULL);
	for (i = 0; i < 4; i++) {
		want = answer(one.s[0], views[i]);
		have = answer(p.s[1], views[i]);
		check_text(views[i], have.p, want.p);
		buf_free(&want);
		buf_free(&have);
	}
	check_empty(p.s[0]);
	close_place(&p);
	close_place(&one);
}

/* Of a row that both stores have, the newer one stays. */
static void
newer(void **state)
{
	struct place	 p;

	(void)state;
	open_place(&p);
	script(p.s[0], "INSERT INTO token VALUES ('a', 'c', 'old', 1, 1, 1, 1, 1, 1, 1, 1, 1, 'x'), "
	    "('b', 'c', 'new', 9, 1, 1, 1, 1, 1, 1, 1, 1, 'x');"
	    "INSERT INTO qrcode VALUES ('a', 'p', 's', 'old', 'u', 1, 0), ('b', 'p', 's', 'new', 'u', "
	    "9, 0);"
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at, remark) VALUES ('a', "
	    "'o', 'o', 1, 1, 'old'), ('b', 'o', 'o', 9, 1, 'new');"
	    "INSERT INTO follower_pull (appid, began, cursor) VALUES ('a', 1, 'old'), ('b', 9, "
	    "'new');"
	    "INSERT INTO unionid VALUES ('a', 'o1', ''), ('a', 'o2', 'u2');"
	    "INSERT INTO stopped (account, config, since) VALUES ('a', 'old', 1);"
	    "INSERT INTO endpoint (url, fails, opened, probes, probe) VALUES ('a', 1, 1, 1, 1);"
	    "INSERT INTO forgotten VALUES (1, 5);");
	script(p.s[1], "INSERT INTO token SELECT 'a', 'c', 'new', 5, 1, 1, 1, 1, 1, 1, 1, 1, 'x' "
	    "UNION ALL SELECT 'b', 'c', 'old', 5, 1, 1, 1, 1, 1, 1, 1, 1, 'x';"
	    "INSERT INTO qrcode VALUES ('a', 'p', 's', 'new', 'u', 5, 0), ('b', 'p', 's', 'old', 'u', "
	    "5, 0);"
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at, remark) VALUES ('a', "
	    "'o', 'o', 5, 1, 'new'), ('b', 'o', 'o', 5, 1, 'old');"
	    "INSERT INTO follower_pull (appid, began, cursor) VALUES ('a', 5, 'new'), ('b', 5, "
	    "'old');"
	    "INSERT INTO unionid VALUES ('a', 'o1', 'u1'), ('a', 'o2', '');"
	    "INSERT INTO stopped (account, config, since) VALUES ('a', 'new', 1);"
	    "INSERT INTO endpoint (url, fails, opened, probes, probe) VALUES ('a', 2, 1, 1, 1);"
	    "INSERT INTO forgotten VALUES (1, 9);");
	move_all(&p, 0, NULL);
	check_answer(p.s[1], "SELECT token FROM token", "new \nnew \n");
	check_answer(p.s[1], "SELECT ticket FROM qrcode", "new \nnew \n");
	check_answer(p.s[1], "SELECT remark FROM follower", "new \nnew \n");
	check_answer(p.s[1], "SELECT cursor FROM follower_pull", "new \nnew \n");
	check_answer(p.s[1], "SELECT openid, unionid FROM unionid", "o1 u1 \no2 u2 \n");
	check_answer(p.s[1], "SELECT config FROM stopped", "new \n");
	check_answer(p.s[1], "SELECT fails FROM endpoint", "2 \n");
	check_answer(p.s[1], "SELECT before FROM forgotten", "9 \n");
	check_empty(p.s[0]);
	close_place(&p);
}

static enum error
forget_o4(struct db *db, void *arg)
{
	(void)arg;
	return erased_add(db, slice_of("k"), slice_of("o4"), 0, 1000000000);
}

/* A user who is forgotten there is not known again: events come without a name. */
static void
forgotten(void **state)
{
	struct place	 p;
	int		 n;

	(void)state;
	open_place(&p);
	for (n = 0; n < 200; n++)
		count(p.s[0], n);
	script(p.s[0], "INSERT INTO unionid VALUES ('wx1', 'o4', 'u4'), ('wx1', 'o5', 'u5');"
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at) VALUES ('wx1', 'o4', "
	    "'o4', 1, 1), ('wx1', 'o5', 'o5', 1, 1)");
	check_err("forgotten", store_do(p.s[1], STORE_WRITE, forget_o4, NULL, until()), ERR_OK);
	move_all(&p, 0, NULL);
	check_answer(p.s[1], "SELECT count(*) FROM device WHERE device = 'o4'", "0 \n");
	check_answer(p.s[1], "SELECT count(*) FROM device WHERE device LIKE 'forgotten-%'", "1 \n");
	check_answer(p.s[1], "SELECT count(*) FROM event JOIN device ON device.id = event.device WHERE "
	    "device.device LIKE 'forgotten-%' AND attributes LIKE '%Content%'", "0 \n");
	check_answer(p.s[1], "SELECT openid FROM unionid", "o5 \n");
	check_answer(p.s[1], "SELECT openid FROM follower", "o5 \n");
	check_answer(p.s[1], "SELECT count(*) FROM event", "300 \n");
	check_empty(p.s[0]);
	close_place(&p);
}

/* The events of an openid become those of the UnionID that the other store knows. */
static void
joined(void **state)
{
	struct place	 p;
	int		 n;

	(void)state;
	open_place(&p);
	for (n = 1; n < 200; n += n % 3)	/* those of one account */
		count(p.s[0], n);
	script(p.s[0], "INSERT INTO unionid VALUES ('wx1', 'o4', '')");
	script(p.s[1], "INSERT INTO unionid VALUES ('wx1', 'o4', 'u4')");
	move_all(&p, 0, NULL);
	check_answer(p.s[1], "SELECT count(*) FROM device WHERE device = 'o4'", "0 \n");
	check_answer(p.s[1], "SELECT count(*) > 0 FROM event JOIN device ON device.id = event.device WHERE "
	    "device.device = 'u4'", "1 \n");
	close_place(&p);
}

/* While the other store fails, nothing is lost, and the step can be done again. */
static void
fails(void **state)
{
	struct migrate	 m;
	struct place	 p;
	struct buf	 before, after;
	char		 why[256], path[STATE_PATH];
	bool		 more = true;

	(void)state;
	open_place(&p);
	queue_some(p.s[0], 0, MESSAGES);
	before = answer(p.s[0], views[0]);
	state_path(path, p.set[1].state_dir, "qtoa.db");
	assert_int_equal(mkdir(path, 0700), 0);		/* where the database should be */
	m = (struct migrate){ .from = p.s[0], .to = p.s[1] };
	while (more && migrate_step(&m, &more, until()) == ERR_OK)
		;
	CHECK("it fails", more && m.at_target);
	store_why(p.s[1], why, sizeof(why));
	CHECK("why", strstr(why, "qtoa.db") != NULL);
	after = answer(p.s[0], views[0]);
	check_text("nothing is lost", after.p, before.p);
	buf_free(&after);
	assert_int_equal(rmdir(path), 0);
	while (more)	/* the store looks for its file only now and then */
		(void)migrate_step(&m, &more, until());
	after = answer(p.s[1], views[0]);
	check_text("all is there", after.p, before.p);
	check_int("moved", m.moved[0], MESSAGES);
	buf_free(&after);
	buf_free(&before);
	check_empty(p.s[0]);
	close_place(&p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(all), TEST(merged), TEST(newer), TEST(forgotten), TEST(joined), TEST(fails),
	};

	return RUN("migrate", tests);
}
