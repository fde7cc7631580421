#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/erased.h"
#include "collector/event_store.h"
#include "collector/forget.h"
#include "collector/unionid.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

#define WANTED	"oForgetMe_0123456789abcdefgh"
#define UNION	"uForgetMe_0123456789abcdefgh"

static const struct account	 shop = { .path = "shop", .name = "a", .appid = "wx1",
    .app_key = "k" };
static const struct account	 mall = { .path = "mall", .name = "b", .appid = "wx2",
    .app_key = "k" };
static const struct account	 other = { .path = "other", .name = "c", .appid = "wx3",
    .app_key = "z" };

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

/* Adds a message of a text; the key is of the number. */
static void
add(struct db *db, const struct account *a, const char *device, int n, int64_t time_s,
    bool openid_only, const char *leaver)
{
	const struct event_store_event	 e = {
		"$$_receive_msg", slice_of("{\"MsgType\":\"text\",\"Content\":\"private\"}"),
	};
	struct event_store_message	 m = {
		.account = a, .device = slice_of(device), .openid_only = openid_only,
		.leaver = slice_of(leaver), .time_s = time_s, .received_ms = time_s * 1000,
		.events = &e, .n = 1,
	};
	enum event_store_result		 as;
	char				 hex[33];

	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)n);
	queue_key(m.key, time_s, hex);
	check_err(device, event_store_add(db, &as, &m), ERR_OK);
}

static int64_t
number(struct db *db, const char *sql)
{
	int64_t	 i = -1;

	check_err(sql, sqlite_db_number(db, &i, sql, DB_NO_VALUES), ERR_OK);
	return i;
}

/* Forgets a user as the verb does it. */
static struct forget_count
forget(struct db *db, const char *appid, const char *name, int64_t late_s)
{
	const struct forget_order	 order = { appid, INT64_MAX, late_s };
	struct forget_count		 n = { 0 };
	struct buf			 names = { 0 };

	check_err(name, forget_names(db, &names, appid, slice_of(name)), ERR_OK);
	check_err(name, forget_events(db, &n, &names, &order), ERR_OK);
	buf_free(&names);
	return n;
}

static int64_t
named(struct db *db, const char *name)
{
	int64_t	 n = -1;

	check_err(name, sqlite_db_number(db, &n, "SELECT (SELECT count(*) FROM device WHERE device = ?1) "
	    "+ (SELECT count(*) FROM unionid WHERE openid = ?1 OR unionid = ?1) "
	    "+ (SELECT count(*) FROM departed WHERE name = ?1)", DB_VALUES(db_s(name))), ERR_OK);
	return n;
}

static void
strips(void **state)
{
	static const struct {
		const char	*name, *in, *out;
	} cases[] = {
		{ "nothing", "{}", "{}" },
		{ "no object", "[1]", "{}" },
		{ "a text", "{\"MsgType\":\"text\",\"Content\":\"hi\",\"MsgId\":\"7\"}",
		    "{\"MsgType\":\"text\"}" },
		{ "a place", "{\"Event\":\"LOCATION\",\"Latitude\":23.1,\"Longitude\":-7}",
		    "{\"Event\":\"LOCATION\"}" },
		{ "numbers", "{\"TotalCount\":12,\"SentCount\":-1,\"MsgID\":\"5\"}",
		    "{\"TotalCount\":12,\"SentCount\":-1}" },
		{ "escapes", "{\"EventKey\":\"a\\\"\\\\b\\u4e2d\"}",
		    "{\"EventKey\":\"a\\\"\\\\b\xE4\xB8\xAD\"}" },
		{ "a scene", "{\"is_scan\":\"true\",\"EventKey\":\"qrscene_5\",\"Ticket\":\"gQ\"}",
		    "{\"is_scan\":\"true\",\"EventKey\":\"qrscene_5\"}" },
	};
	struct buf	 b = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		check_err(cases[i].name, erased_strip(&b, slice_of(cases[i].in)), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&b), slice_of(cases[i].out));
	}
	buf_free(&b);
}

/* All that is known of a user goes; the events, and the others, stay. */
static void
all_accounts(void **state)
{
	struct db		*db = new_db();
	struct forget_count	 n;
	int64_t			 sums;

	(void)state;
	check_err("known", unionid_store(db, "wx1", slice_of(WANTED), slice_of(UNION)), ERR_OK);
	check_err("known", unionid_store(db, "wx2", slice_of("o2"), slice_of(UNION)), ERR_OK);
	check_err("known", unionid_store(db, "wx2", slice_of("o9"), slice_of("u9")), ERR_OK);
	add(db, &shop, UNION, 1, 1000, false, NULL);
	add(db, &mall, UNION, 2, 2000, false, NULL);
	add(db, &other, WANTED, 3, 3000, false, NULL);
	add(db, &mall, "u9", 4, 4000, false, NULL);
	sums = number(db, "SELECT sum(time * device + coalesce(gap, 7)) FROM event");
	n = forget(db, NULL, WANTED, 5000);
	check_int("events", n.events, 3);
	check_int("OpenID", named(db, WANTED), 0);
	check_int("UnionID", named(db, UNION), 0);
	check_int("the other OpenID", named(db, "o2"), 0);
	check_int("others stay", named(db, "u9"), 2);
	check_int("figures", number(db, "SELECT sum(time * device + coalesce(gap, 7)) "
	    "FROM event"), sums);
	check_int("texts", number(db, "SELECT count(*) FROM event WHERE attributes LIKE "
	    "'%private%'"), 1);
	check_int("again", forget(db, NULL, WANTED, 5000).events, 0);
	db_close(db);
}

/* By the UnionID it is the same. */
static void
by_unionid(void **state)
{
	struct db	*db = new_db();

	(void)state;
	check_err("known", unionid_store(db, "wx1", slice_of(WANTED), slice_of(UNION)), ERR_OK);
	add(db, &shop, UNION, 1, 1000, false, NULL);
	add(db, &other, WANTED, 2, 1000, false, NULL);
	check_int("events", forget(db, NULL, UNION, 5000).events, 2);
	check_int("OpenID", named(db, WANTED), 0);
	check_int("UnionID", named(db, UNION), 0);
	db_close(db);
}

/* One account forgets; the others know the user under the UnionID. */
static void
one_account(void **state)
{
	struct db	*db = new_db();

	(void)state;
	check_err("known", unionid_store(db, "wx1", slice_of(WANTED), slice_of(UNION)), ERR_OK);
	check_err("known", unionid_store(db, "wx2", slice_of("o2"), slice_of(UNION)), ERR_OK);
	add(db, &shop, UNION, 1, 1000, false, NULL);
	add(db, &mall, UNION, 2, 2000, false, NULL);
	check_int("events", forget(db, "wx1", WANTED, 5000).events, 1);
	check_int("OpenID", named(db, WANTED), 0);
	check_int("UnionID: a device and what mall knows", named(db, UNION), 2);
	check_int("no event of shop", number(db, "SELECT count(*) FROM event JOIN device "
	    "ON device.id = event.device JOIN account ON account.id = event.account "
	    "WHERE device.device = '" UNION "' AND appid = 'wx1'"), 0);
	check_int("first day of both", number(db, "SELECT count(DISTINCT first) FROM device"), 1);
	db_close(db);
}

/* What comes late is counted without the user; what is newer is of a new device. */
static void
late(void **state)
{
	struct db	*db = new_db();

	(void)state;
	add(db, &shop, WANTED, 1, 1000, false, NULL);
	(void)forget(db, NULL, WANTED, 5000);
	add(db, &shop, WANTED, 2, 1500, false, NULL);
	add(db, &shop, WANTED, 3, 4000, true, NULL);	/* a UNIONID account would mark it */
	add(db, &shop, WANTED, 4, 5000, false, WANTED);	/* and it would leave once more */
	check_int("no name", named(db, WANTED), 0);
	check_int("one device", number(db, "SELECT count(*) FROM device"), 1);
	check_int("counted", number(db, "SELECT count(*) FROM event"), 4);
	check_int("texts", number(db, "SELECT count(*) FROM event WHERE attributes LIKE "
	    "'%private%'"), 0);
	check_int("gap", number(db, "SELECT gap FROM event WHERE time = 1500"), 500);
	check_int("last", number(db, "SELECT last FROM device"), 5000);
	add(db, &shop, WANTED, 5, 5001, false, NULL);
	check_int("there again", named(db, WANTED), 1);
	check_int("a new device", number(db, "SELECT first FROM device WHERE device = '" WANTED "'"),
	    5001);
	db_close(db);
}

/* A user without any event so far. */
static void
before_the_first(void **state)
{
	struct db	*db = new_db();

	(void)state;
	add(db, &shop, "somebody", 1, 900, false, NULL);
	(void)forget(db, NULL, WANTED, 5000);
	add(db, &shop, WANTED, 2, 1000, false, NULL);
	add(db, &shop, WANTED, 3, 1100, false, NULL);
	check_int("no name", named(db, WANTED), 0);
	check_int("one device more", number(db, "SELECT count(*) FROM device"), 2);
	db_close(db);
}

/* From a database in quarantine nothing of the user comes back, and its events do. */
static void
recovered(void **state)
{
	static const struct recover_source *const	 sources[] = {
		&event_store_recovered, &event_store_recovered_past, &event_store_recovered_marks,
	};
	struct db	*old = new_db(), *db = new_db();
	struct recover	 r;
	bool		 more;
	size_t		 i;

	(void)state;
	for (i = 0; i < 4; i++)
		add(old, &shop, i % 2 == 0 ? WANTED : "o2", (int)i, 1000 + 86400 * 10 * (int)i,
		    true, NULL);
	check_err("days", event_store_forget(old, &more, 1000 + 86400 * 30, 15, 100), ERR_OK);
	add(db, &shop, WANTED, 0, 1000, true, NULL);
	(void)forget(db, NULL, WANTED, 1000 + 86400 * 40);
	for (i = 0; i < COUNT(sources); i++) {
		r = (struct recover){ .from = old, .source = sources[i] };
		while (!r.over)
			check_err("a step", recover_step(db, &r, 2), ERR_OK);
	}
	check_int("no name", named(db, WANTED), 0);
	check_int("others have theirs", named(db, "o2"), 2);
	check_int("two devices", number(db, "SELECT count(*) FROM device"), 2);
	check_int("events", number(db, "SELECT count(*) FROM event"), 3);
	check_int("texts", number(db, "SELECT count(*) FROM event JOIN device ON device.id = "
	    "event.device WHERE device.device <> 'o2' AND attributes LIKE '%private%'"), 0);
	db_close(old);
	db_close(db);
}

static void
put_message(struct db *db, int n, const char *query, const char *body, enum queue_state is)
{
	struct queue_message	 m = {
		.account = slice_of("shop"), .state = is, .query = slice_of(query),
		.body = slice_of(body),
	};

	m.key[0] = (unsigned char)n;
	check_err("added", queue_add(db, &m), ERR_OK);
}

static void
messages(void **state)
{
	static const char	 mine[] = "<xml><FromUserName>" WANTED "</FromUserName></xml>";
	static const char	 others[] = "<xml><FromUserName>o2</FromUserName></xml>";
	struct account		 plain = shop;
	const struct conf	 conf = { .accounts = &plain, .n = 1 };
	struct db		*db = new_db();
	struct forget_count	 n = { 0 };
	struct buf		 names = { 0 };
	struct forget_messages	 m = { .conf = &conf, .names = &names, .more = true };
	struct queue_message	 row = { .id = 3, .state = QUEUE_DELIVERED };
	int			 steps;

	(void)state;
	plain.mode = PLAIN;
	put_message(db, 1, "nonce=1", mine, QUEUE_DELIVERED);
	put_message(db, 2, "nonce=1", others, QUEUE_DELIVERED);
	put_message(db, 3, "openid=" WANTED, "<Encrypt>", QUEUE_PENDING);
	put_message(db, 4, "nonce=1", mine, QUEUE_DEAD);
	put_message(db, 5, "nonce=1", others, QUEUE_PENDING);
	put_message(db, 6, NULL, NULL, QUEUE_DELIVERED);
	check_err("names", forget_names(db, &names, NULL, slice_of(WANTED)), ERR_OK);
	for (steps = 0; m.more && steps < 10; steps++)
		check_err("a step", forget_messages(db, &n, &m, 2), ERR_OK);
	check_int("steps", steps, 4);
	check_int("copies", n.copies, 1);
	check_int("waiting", n.waiting, 1);
	check_int("dead", n.dead, 1);
	check_int("closed", n.closed, 0);
	check_int("left", number(db, "SELECT count(*) FROM message"), 5);

	/* QT has it now: it is not kept, another one is. */
	row.key[0] = 3;
	check_err("settled", queue_settle(db, &row, true), ERR_OK);
	row.id = 5;
	row.key[0] = 5;
	check_err("settled", queue_settle(db, &row, true), ERR_OK);
	check_int("its row", number(db, "SELECT count(*) FROM message WHERE id = 3"), 0);
	check_int("kept", number(db, "SELECT count(*) FROM message WHERE id = 5 AND "
	    "state = 'delivered'"), 1);

	m = (struct forget_messages){ .conf = &conf, .names = &names, .drop_dead = true };
	check_err("all", forget_messages(db, &n, &m, 100), ERR_OK);
	check_int("the dead one goes", number(db, "SELECT count(*) FROM message"), 3);
	check_int("marks", number(db, "SELECT count(*) FROM leaving"), 0);
	buf_free(&names);
	db_close(db);
}

/* A user who leaves, with time to settle; and who comes back before the sweep. */
static void
departed(void **state)
{
	const struct conf	 conf = { .n = 0 };
	struct db		*db = new_db();
	int64_t			 since = 0;
	bool			 more = true;
	int			 steps;

	(void)state;
	check_err("known", unionid_store(db, "wx1", slice_of(WANTED), slice_of(UNION)), ERR_OK);
	add(db, &shop, UNION, 1, 1000, false, NULL);
	add(db, &shop, UNION, 2, 2000, false, WANTED);
	add(db, &shop, UNION, 3, 3000, false, NULL);
	put_message(db, 1, "openid=" WANTED, "<xml></xml>", QUEUE_DELIVERED);
	since = number(db, "SELECT since FROM departed");
	check_err("too soon", forget_departed(db, &more, &conf, since + 9999, 10), ERR_OK);
	CHECK("too soon", !more);
	check_int("still there", named(db, WANTED), 2);
	more = true;
	for (steps = 0; more && steps < 10; steps++)
		check_err("a step", forget_departed(db, &more, &conf, since + 10000, 10), ERR_OK);
	check_int("steps", steps, 3);
	check_int("OpenID", named(db, WANTED), 0);
	check_int("copies", number(db, "SELECT count(*) FROM message"), 0);
	check_int("with a name: what is newer", number(db, "SELECT count(*) FROM event JOIN device "
	    "ON device.id = event.device WHERE device.device = '" UNION "'"), 1);
	check_int("it begins then", number(db, "SELECT first FROM device WHERE device = '" UNION
	    "'"), 3000);
	check_int("all events", number(db, "SELECT count(*) FROM event"), 3);
	db_close(db);
}

static void
mentions(void **state)
{
	struct db		*db = new_db();
	struct forget_count	 n = { 0 };
	struct buf		 names = { 0 };
	int64_t			 at = 0;
	bool			 more = true;

	(void)state;
	add(db, &shop, "o2", 1, 1000, false, NULL);
	add(db, &shop, "o2", 2, 2000, false, NULL);
	add(db, &shop, "o2", 3, 3000, false, NULL);
	check_err("a scene", db_script(db, "UPDATE event SET attributes = "
	    "'{\"EventKey\":\"by_" WANTED "_x\"}' WHERE id = 2"), ERR_OK);
	check_err("one that is like it", db_script(db, "UPDATE event SET attributes = "
	    "'{\"EventKey\":\"oForgetMeX0123456789abcdefgh\"}' WHERE id = 3"), ERR_OK);
	check_err("names", forget_names(db, &names, NULL, slice_of(WANTED)), ERR_OK);
	while (more)
		check_err("a step", forget_mentions(db, &n, &names, &at, &more, 2), ERR_OK);
	check_int("one", n.mentions, 1);
	check_int("it says so", number(db, "SELECT count(*) FROM event WHERE attributes = "
	    "'{\"EventKey\":\"by_forgotten_x\"}'"), 1);
	buf_free(&names);
	db_close(db);
}

int
main(void)
{
	const struct CMUnitTest	 t[] = {
		TEST(strips), TEST(all_accounts), TEST(by_unionid), TEST(one_account), TEST(late),
		TEST(before_the_first), TEST(recovered), TEST(messages), TEST(departed),
		TEST(mentions),
	};

	return RUN("forget", t);
}
