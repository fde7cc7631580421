#include <stdio.h>
#include <string.h>

#include "collector/follower_store.h"
#include "collector/unionid.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static const struct account	 shop = { .path = "shop", .name = "Shop", .appid = "wx1",
    .app_key = "k", .secret = "s" };
static const struct account	 union_shop = { .path = "shop", .name = "Shop", .appid = "wx1",
    .app_key = "k", .secret = "s", .identity = UNIONID };

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

/* What happens to user oA, and what the row is then; a step each. */
enum happening { END, FOLLOW, UNFOLLOW, LISTED, PULL, TOLD, TOLD_GONE, NOT_TOLD };

struct step {
	enum happening	 what;
	int64_t		 at_s;
};

static void
list_user(struct db *db, int64_t at_s)
{
	struct follower_part	 p = { .account = &shop, .openids = "oA", .n = 1, .began_s = at_s,
	    .asked_s = at_s };

	check_err("list", follower_store_part(db, &p), ERR_OK);
}

/* A whole pull whose list has only another user. */
static void
pull_without(struct db *db, int64_t at_s)
{
	struct user_list	 l = { .total = 1, .n = 1 };
	struct follower_part	 p = { .account = &shop, .openids = "oZ", .n = 1, .asked_s = at_s };
	struct follower_close	 c = { .appid = "wx1", .now_s = at_s, .again_s = at_s + 86400,
	    .more = true };

	check_err("begin", follower_store_begin(db, &shop, &p.began_s, at_s), ERR_OK);
	check_err("part", follower_store_part(db, &p), ERR_OK);
	check_err("page", follower_store_page(db, "wx1", &l, true), ERR_OK);
	while (c.more)
		check_err("close", follower_store_close(db, &c), ERR_OK);
}

static void
tell_user(struct db *db, const char *answer, int64_t at_s)
{
	struct follower_batch	 b = { .account = &shop, .openids = "oA", .n = 1,
	    .answer = { answer, answer == NULL ? 0 : strlen(answer) }, .asked_s = at_s,
	    .answered_s = at_s + 1 };

	check_err("batch", follower_store_batch(db, &b), ERR_OK);
	check_int("strange", b.strange, false);
}

static void
take_step(struct db *db, const struct step *s)
{
	switch (s->what) {
	case FOLLOW:
	case UNFOLLOW:
		check_err("turn", follower_store_turn(db, &shop, slice_of("oA"),
		    s->what == FOLLOW, s->at_s), ERR_OK);
		return;
	case LISTED:
		list_user(db, s->at_s);
		return;
	case PULL:
		pull_without(db, s->at_s);
		return;
	case TOLD:
		tell_user(db, "{\"user_info_list\":[{\"subscribe\":1,\"openid\":\"oA\","
		    "\"subscribe_time\":900}]}", s->at_s);
		return;
	case TOLD_GONE:
		tell_user(db, "{\"user_info_list\":[{\"subscribe\":0,\"openid\":\"oA\"}]}",
		    s->at_s);
		return;
	case NOT_TOLD:
		tell_user(db, NULL, s->at_s);
		return;
	case END:
		return;
	}
}

static void
compare_row(struct db *db, const char *name, const char *want)
{
	struct db_rows	 rows;
	struct buf	 got = { 0 };
	enum error	 er;
	int		 i;

	er = sqlite_db_start(db, &rows, "SELECT subscribe_time, asked_at, gone_at FROM follower "
	    "WHERE openid = 'oA'", DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er))
		for (i = 0; i < 3; i++)
			(void)buf_printf(&got, "%s%.*s", i == 0 ? "" : " ",
			    db_col(&rows, i).p == NULL ? 1 : (int)db_col(&rows, i).len,
			    db_col(&rows, i).p == NULL ? "-" : db_col(&rows, i).p);
	db_end(&rows);
	check_bytes(name, buf_slice(&got), slice_of(want));
	buf_free(&got);
}

/* subscribe_time, asked_at and gone_at after what came, in whatever order. */
static void
turns(void **state)
{
	static const struct {
		const char	*name;
		struct step	 steps[6];
		const char	*want;
	} cases[] = {
		{ "follow", { { FOLLOW, 1000 } }, "1000 -1 -" },
		{ "follow, unfollow", { { FOLLOW, 1000 }, { UNFOLLOW, 2000 } }, "1000 -1 2000" },
		{ "the same, late", { { UNFOLLOW, 2000 }, { FOLLOW, 1000 } }, "- 0 2000" },
		{ "comes back", { { FOLLOW, 1000 }, { UNFOLLOW, 2000 }, { FOLLOW, 3000 } },
		  "3000 -1 -" },
		{ "comes back, late", { { FOLLOW, 1000 }, { FOLLOW, 3000 }, { UNFOLLOW, 2000 } },
		  "3000 -1 -" },
		{ "told", { { FOLLOW, 1000 }, { TOLD, 1010 } }, "900 1010 -" },
		{ "told, unknown", { { FOLLOW, 1000 }, { NOT_TOLD, 1010 } }, "1000 1010 -" },
		{ "told while one follows", { { FOLLOW, 1000 }, { TOLD, 1010 }, { FOLLOW, 2001 },
		  { TOLD, 2000 } }, "900 -1 -" },
		{ "a clock that is behind", { { FOLLOW, 9000 }, { TOLD, 2000 } }, "900 2000 -" },
		{ "told that gone", { { FOLLOW, 1000 }, { TOLD_GONE, 1010 } }, "1000 1010 1010" },
		{ "listed", { { LISTED, 500 } }, "- 0 -" },
		{ "listed, told", { { LISTED, 500 }, { TOLD, 510 } }, "900 510 -" },
		{ "listed again", { { LISTED, 500 }, { TOLD, 510 }, { LISTED, 800 } },
		  "900 510 -" },
		{ "listed, known by push", { { FOLLOW, 1000 }, { LISTED, 2000 } }, "1000 -1 -" },
		{ "not in the list", { { LISTED, 500 }, { TOLD, 510 }, { PULL, 7000 } },
		  "900 510 7000" },
		{ "back in the list", { { LISTED, 500 }, { TOLD, 510 }, { PULL, 7000 },
		  { LISTED, 8000 } }, "900 0 -" },
		{ "follows just before the list", { { FOLLOW, 6800 }, { PULL, 7000 } },
		  "6800 -1 -" },
		{ "follows long before the list", { { FOLLOW, 5000 }, { PULL, 7000 } },
		  "5000 -1 7000" },
		{ "unfollows during the list", { { LISTED, 500 }, { TOLD, 1000 },
		  { UNFOLLOW, 7001 }, { PULL, 7000 } }, "900 1000 7001" },
		{ "an old unfollow", { { LISTED, 500 }, { TOLD, 5000 }, { LISTED, 6000 },
		  { UNFOLLOW, 3000 } }, "900 -1 -" },
		{ "an old follow", { { LISTED, 500 }, { TOLD, 5000 }, { FOLLOW, 700 } },
		  "900 5000 -" },
		{ "the follow that was told", { { LISTED, 500 }, { TOLD, 5000 }, { FOLLOW, 900 } },
		  "900 5000 -" },
	};
	struct db	*db;
	size_t		 i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		db = new_db();
		for (k = 0; k < 6 && cases[i].steps[k].what != END; k++)
			take_step(db, &cases[i].steps[k]);
		compare_row(db, cases[i].name, cases[i].want);
		db_close(db);
	}
}

/* Without a secret nobody could be asked. */
static void
no_secret(void **state)
{
	struct account	 a = shop;
	struct db	*db = new_db();

	(void)state;
	a.secret = "";
	check_err("turn", follower_store_turn(db, &a, slice_of("oA"), true, 1000), ERR_OK);
	check_int("rows", dbfile_number(db, "SELECT count(*) FROM follower"), 0);
	db_close(db);
}

/* An account that counts by UnionID joins the events of the openid: the device is the UnionID. */
static void
unionids(void **state)
{
	static const char	 answer[] = "{\"user_info_list\":[{\"subscribe\":1,\"openid\":"
	    "\"oA\",\"unionid\":\"uA\",\"subscribe_time\":900}]}";
	const struct account	*accounts[] = { &shop, &union_shop };
	static const char *const want[] = { "oA", "uA" };
	struct follower_batch	 b = { .openids = "oA", .n = 1, .answer = slice_of(answer),
	    .asked_s = 1000, .answered_s = 1000 };
	struct db		*db;
	struct buf		 found = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		db = new_db();
		check_err("turn", follower_store_turn(db, accounts[i], slice_of("oA"), true, 900),
		    ERR_OK);
		b.account = accounts[i];
		check_err("batch", follower_store_batch(db, &b), ERR_OK);
		check_int("told", b.told, 1);
		buf_reset(&found);
		check_err("find", unionid_find(db, &found, "wx1", slice_of("oA")), ERR_OK);
		check_int("known", (int64_t)found.len, i == 0 ? 0 : 2);
		check_int(want[i], dbfile_number(db, i == 0 ?
		    "SELECT device = 'oA' FROM follower" : "SELECT device = 'uA' FROM follower"),
		    1);
		db_close(db);
	}
	buf_free(&found);
}

/* More rows than a step of the end of a list has; some of them are not in the list. */
static void
many(void **state)
{
	enum { ROWS = 3 * FOLLOWER_CLOSE + 17 };
	struct db		*db = new_db();
	struct user_list	 l = { .total = ROWS, .n = ROWS };
	struct follower_close	 c = { .appid = "wx1", .now_s = 3000, .again_s = 90000,
	    .more = true };
	struct buf		 openids = { 0 };
	int64_t			 began, gone = 0, n;
	size_t			 due;
	int			 steps = 0;

	(void)state;
	check_err("rows", db_script(db, "INSERT INTO follower (appid, openid, device, seen_at, "
	    "asked_at) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n "
	    "WHERE n < 15017) SELECT 'wx1', 'o' || n, 'o' || n, iif(n % 7 = 0, 5, 2000), "
	    "iif(n % 3 = 0, 0, 1000) FROM n"), ERR_OK);
	check_err("begin", follower_store_begin(db, &shop, &began, 2000), ERR_OK);
	check_err("page", follower_store_page(db, "wx1", &l, true), ERR_OK);
	for (; c.more; steps++, gone += c.gone)
		check_err("close", follower_store_close(db, &c), ERR_OK);
	check_int("steps", steps, 4);
	check_int("gone", gone, ROWS / 7);
	check_int("rows gone", dbfile_number(db, "SELECT count(*) FROM follower "
	    "WHERE gone_at = 2000"), ROWS / 7);
	check_err("count", follower_store_count_due(db, &n, "wx1", FOLLOWER_ALL, 500), ERR_OK);
	check_int("due", n, dbfile_number(db, "SELECT count(*) FROM follower "
	    "WHERE gone_at IS NULL AND asked_at = 0"));
	check_err("due", follower_store_due(db, &openids, &due, "wx1", FOLLOWER_ALL, 500), ERR_OK);
	check_int("a batch", (int64_t)due, USER_INFO_BATCH);
	check_err("due", follower_store_due(db, &openids, &due, "wx1", FOLLOWER_NEW, 0), ERR_OK);
	check_int("new", (int64_t)due, 0);
	check_err("count", follower_store_count_due(db, &n, "wx1", FOLLOWER_ALL, 1001), ERR_OK);
	check_int("all due", n, ROWS - ROWS / 7);
	buf_free(&openids);
	db_close(db);
}

/* A pull that begins in the second in which the last one began has a name of its own. */
static void
same_second(void **state)
{
	struct db			*db = new_db();
	struct follower_pull_row	 r;
	int64_t				 first, second;

	(void)state;
	check_err("begin", follower_store_begin(db, &shop, &first, 2000), ERR_OK);
	check_err("begin", follower_store_begin(db, &shop, &second, 2000), ERR_OK);
	check_int("first", first, 2000);
	check_int("second", second, 2001);
	check_err("pause", follower_store_pause(db, "wx1", 5000, 45009, 3), ERR_OK);
	check_err("row", follower_store_row(db, &r, "wx1"), ERR_OK);
	check_int("state", r.state, FOLLOWER_PULL_LIST);
	check_int("pause", r.pause_s, 5000);
	check_int("fails", r.fails, 3);
	check_int("account", dbfile_number(db, "SELECT count(*) FROM account"), 1);
	check_err("another", follower_store_row(db, &r, "wx2"), ERR_OK);
	check_int("nothing", r.began_s, 0);
	db_close(db);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(turns), TEST(no_secret), TEST(unionids), TEST(many), TEST(same_second),
	};

	return RUN("follower_store", tests);
}
