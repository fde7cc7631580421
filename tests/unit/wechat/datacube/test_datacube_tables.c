#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/datacube/datacube_tables.h"

enum { ASKED_S = 1773968400 };	/* 2026-03-20 09:00 in China */

static struct db *
open_db(void)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, state_new(), "db");
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	(void)db_script(db, "PRAGMA synchronous = OFF");
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(datacube_tables_prepare(db), ERR_OK);
	return db;
}

static int64_t
day_of(const char *text)
{
	int64_t	 d = -1;

	assert_true(calendar_parse_day(&d, slice_of(text)));
	return d;
}

/* Compares the rows of a statement, written as "a|b;c|d". */
static bool
check_rows(const char *name, struct db *db, const char *sql, const char *want)
{
	struct buf	 got = { 0 };
	struct db_rows	 rows;
	struct slice	 s;
	enum error	 er;
	bool		 same;
	int		 i;

	er = db_start_text(db, &rows, sql, NULL, 0);
	while (er == ERR_OK && db_next(&rows, &er)) {
		if (got.len != 0)
			(void)buf_putc(&got, ';');
		for (i = 0; i < db_cols(&rows); i++) {
			s = db_col(&rows, i);
			(void)buf_puts(&got, i == 0 ? "" : "|");
			(void)buf_put(&got, s.p == NULL ? "-" : s.p, s.p == NULL ? 1 : s.len);
		}
	}
	db_end(&rows);
	check_err(name, er, ERR_OK);
	same = check_bytes(name, buf_slice(&got), slice_of(want));
	buf_free(&got);
	return same;
}

static struct datacube_tables_put
put_answer_page(struct db *db, const char *endpoint, const char *begin, const char *end, int page,
    const char *body)
{
	const struct datacube_tables_call	 call = {
		.appid = "wx1", .e = datacube_find(endpoint),
		.span = { day_of(begin), day_of(end) }, .page = page,
	};
	struct datacube_tables_put		 p = {
		.call = &call, .body = slice_of(body), .asked_s = ASKED_S,
	};

	check_err(endpoint, datacube_tables_put(db, &p), ERR_OK);
	p.call = NULL;
	return p;
}

static struct datacube_tables_put
put_answer(struct db *db, const char *endpoint, const char *begin, const char *end,
    const char *body)
{
	return put_answer_page(db, endpoint, begin, end, 1, body);
}

static const struct {
	const char	*name, *endpoint, *body, *sql, *want;
} form_cases[] = {
	{ "plain", "getusersummary",
	    "{\"list\":[{\"ref_date\":\"2026-03-01\",\"user_source\":30,\"new_user\":5,"
	    "\"cancel_user\":0}]}",
	    "SELECT *, typeof(new_user) FROM datacube_getusersummary",
	    "wx1|2026-03-01|30|5|0|-|integer" },
	{ "a key left out", "getusercumulate", "{\"list\":[{\"ref_date\":\"2026-03-01\","
	    "\"cumulate_user\":9}]}", "SELECT * FROM datacube_getusercumulate",
	    "wx1|2026-03-01|0|9|-" },
	{ "no date: the first day", "getusercumulate", "{\"list\":[{\"cumulate_user\":9}]}",
	    "SELECT ref_date FROM datacube_getusercumulate", "2026-03-01" },
	{ "a figure left out", "getusercumulate",
	    "{\"list\":[{\"ref_date\":\"2026-03-01\"}]}", "SELECT cumulate_user FROM "
	    "datacube_getusercumulate", "-" },
	{ "digits in quotes", "getusercumulate", "{\"list\":[{\"ref_date\":\"2026-03-01\","
	    "\"cumulate_user\":\"12\"}]}", "SELECT cumulate_user, typeof(cumulate_user) "
	    "FROM datacube_getusercumulate", "12|integer" },
	{ "a figure of another type", "getusercumulate", "{\"list\":[{\"ref_date\":"
	    "\"2026-03-01\",\"cumulate_user\":\"12a\"},{\"user_source\":1,"
	    "\"cumulate_user\":1.5},{\"user_source\":2,\"cumulate_user\":9e1}]}",
	    "SELECT cumulate_user, extra FROM datacube_getusercumulate",
	    "-|{\"cumulate_user\":\"12a\"};-|{\"cumulate_user\":1.5};90|-" },
	{ "a key of another type", "getusercumulate", "{\"list\":[{\"ref_date\":"
	    "\"2026-03-01\",\"user_source\":\"a\"}]}",
	    "SELECT user_source, extra FROM datacube_getusercumulate",
	    "0|{\"user_source\":\"a\"}" },
	{ "an object with what the row has, too", "getarticleread", "{\"list\":[{\"msgid\":"
	    "\"m\",\"p\":1,\"q\":2,\"read_user\":3,\"detail\":{\"read_user\":4,\"p\":null,"
	    "\"q\":5}}]}", "SELECT msgid, read_user, extra FROM datacube_getarticleread",
	    "m|4|{\"q\":5}" },
	{ "characters that are escaped", "getarticlesummary", "{\"list\":[{\"msgid\":1,"
	    "\"title\":\"a\\n\\u4e2d\\\"\"},{\"msgid\":2,\"title\":[1,\" \" ]}]}",
	    "SELECT msgid, title FROM datacube_getarticlesummary",
	    "1|a\n\u4e2d\";2|[1,\" \"]" },
	{ "unknown fields", "getusercumulate", "{\"list\":[{\"ref_date\":\"2026-03-01\","
	    "\"x\":{\"y\":[1,true,null,\"\u6587\"]},\"cumulate_user\":9,\"z\":1.5}]}",
	    "SELECT cumulate_user, extra FROM datacube_getusercumulate",
	    "9|{\"x\":{\"y\":[1,true,null,\"\u6587\"]},\"z\":1.5}" },
	{ "details", "getarticletotal", "{\"list\":[{\"ref_date\":\"2026-03-01\",\"msgid\":"
	    "\"7_1\",\"title\":\"t\",\"details\":[{\"stat_date\":\"2026-03-01\","
	    "\"target_user\":4,\"new\":1},{\"stat_date\":\"2026-03-02\","
	    "\"feed_share_from_other_cnt\":6}]}]}",
	    "SELECT m.msgid, m.title, m.extra, d.ref_date, d.msgid, d.stat_date, "
	    "d.target_user, d.feed_share_from_other_cnt, d.extra FROM "
	    "datacube_getarticletotal AS m JOIN datacube_getarticletotal_details AS d",
	    "7_1|t|-|2026-03-01|7_1|2026-03-01|4|-|{\"new\":1};"
	    "7_1|t|-|2026-03-01|7_1|2026-03-02|-|6|-" },
	{ "an object in the row", "getarticleread", "{\"is_delay\":false,\"list\":[{"
	    "\"ref_date\":\"2026-03-01\",\"msgid\":\"7_1\",\"q\":1,\"detail\":{\"read_user\":8,"
	    "\"p\":2,\"read_user_source\":[{\"scene_desc\":\"s\",\"user_count\":3}]}}]}",
	    "SELECT m.read_user, m.extra, s.* FROM datacube_getarticleread AS m "
	    "JOIN datacube_getarticleread_source AS s",
	    "8|{\"q\":1,\"p\":2}|wx1|2026-03-01|7_1|s|3|-" },
	{ "three deep", "getarticletotaldetail", "{\"list\":[{\"ref_date\":\"2026-03-01\","
	    "\"msgid\":\"7_1\",\"publish_type\":0,\"detail_list\":[{\"stat_date\":\"2026-03-02\","
	    "\"read_finish_rate\":0.5,\"read_user_source\":[{\"scene_desc\":\"s\","
	    "\"user_count\":3}],\"read_jump_position\":[{\"position\":2,\"rate\":0.25}]}]}]}",
	    "SELECT d.stat_date, d.read_finish_rate, d.extra, s.stat_date, s.scene_desc, "
	    "s.user_count, j.msgid, j.stat_date, j.position, j.rate "
	    "FROM datacube_getarticletotaldetail_day AS d "
	    "JOIN datacube_getarticletotaldetail_source AS s "
	    "JOIN datacube_getarticletotaldetail_jump AS j",
	    "2026-03-02|0.5|-|2026-03-02|s|3|7_1|2026-03-02|2|0.25" },
	{ "rows that are none", "getarticletotaldetail", "{\"list\":[\"x\",1,null,[2],"
	    "{\"msgid\":\"m\",\"detail_list\":[\"x\",1,null,[3],{\"stat_date\":\"d\","
	    "\"read_user_source\":[\"x\",1,{\"scene_desc\":\"s\"}]}]},{\"msgid\":\"n\","
	    "\"detail_list\":\"x\"},{\"msgid\":\"o\",\"detail_list\":{\"a\":\"x\"}}]}",
	    "SELECT msgid, stat_date, scene_desc FROM "
	    "datacube_getarticletotaldetail_source", "m|d|s" },
	{ "an object that is none", "getarticleread", "{\"list\":[{\"msgid\":\"m\","
	    "\"detail\":\"x\"},{\"msgid\":\"n\",\"detail\":null},{\"msgid\":\"o\"}]}",
	    "SELECT msgid FROM datacube_getarticleread", "m;n;o" },
	{ "settlement", "publisher_settlement", "{\"base_resp\":{\"ret\":0},\"body\":\"b\","
	    "\"revenue_all\":5,\"new\":6,\"settlement_list\":[{\"date\":\"2026-04-20\","
	    "\"month\":\"202603\",\"order\":1,\"slot_revenue\":[{\"slot_id\":\"S\","
	    "\"slot_settled_revenue\":7}]}],\"total_num\":1}",
	    "SELECT m.ref_date, m.date, m.\"order\", s.ref_date, s.slot_id, "
	    "s.slot_settled_revenue, a.body, a.revenue_all, a.extra "
	    "FROM datacube_publisher_settlement AS m JOIN "
	    "datacube_publisher_settlement_slot AS s JOIN "
	    "datacube_publisher_settlement_account AS a",
	    "2026-03-01|2026-04-20|1|2026-03-01|S|7|b|5|{\"new\":6}" },
};

static void
answer_forms(void **state)
{
	struct datacube_tables_put	 p;
	struct db			*db;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(form_cases); i++) {
		db = open_db();
		p = put_answer(db, form_cases[i].endpoint, "2026-03-01", "2026-03-01",
		    form_cases[i].body);
		check_int(form_cases[i].name, p.result, DATACUBE_STORED);
		check_int(form_cases[i].name, p.odd, 0);
		check_rows(form_cases[i].name, db, form_cases[i].sql, form_cases[i].want);
		db_close(db);
	}
}

static void
strange_answers(void **state)
{
	static const char *const	 cases[] = {
		"", "[]", "{}", "5", "{\"list\":5}", "{\"list\":{}}", "{\"list\":[}",
		    "{\"lists\":[]}",
		"null", "\xff",
	};
	struct db	*db = open_db();
	size_t		 i;

	(void)state;
	(void)put_answer(db, "getusercumulate", "2026-03-01", "2026-03-01",
	    "{\"list\":[{\"ref_date\":\"2026-03-01\",\"cumulate_user\":1}]}");
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i], put_answer(db, "getusercumulate", "2026-03-01", "2026-03-02",
		    cases[i]).result, DATACUBE_STRANGE);
	check_rows("what was there is there", db, "SELECT ref_date, cumulate_user FROM "
	    "datacube_getusercumulate", "2026-03-01|1");
	check_rows("and nothing is done", db, "SELECT day, times FROM datacube_day",
	    "2026-03-01|1");
	check_rows("no page is left", db, "SELECT count(*) FROM datacube_page", "0");
	check_int("elements that are no rows", put_answer(db, "getusercumulate", "2026-03-01",
	    "2026-03-01", "{\"list\":[1,\"x\",null,[],{\"cumulate_user\":2}]}").rows, 1);
	db_close(db);
}

#define ROW(day, n)	"{\"ref_date\":\"" day "\",\"cumulate_user\":" n "}"

/* The rows of a span are replaced by those of the answer; others stay. */
static void
replaced_rows(void **state)
{
	struct db	*db = open_db();

	(void)state;
	(void)put_answer(db, "getusercumulate", "2026-03-01", "2026-03-04", "{\"list\":["
	    ROW("2026-03-01", "1") "," ROW("2026-03-02", "2") "," ROW("2026-03-03", "3") ","
	    ROW("2026-03-04", "4") "]}");
	check_rows("units", db, "SELECT day, asked, rows, times, delayed FROM datacube_day",
	    "2026-03-01|1773968400|1|1|0;2026-03-02|1773968400|1|1|0;"
	    "2026-03-03|1773968400|1|1|0;2026-03-04|1773968400|1|1|0");
	assert_int_equal(db_script(db, "INSERT INTO datacube_getusercumulate (appid, ref_date, "
	    "user_source, cumulate_user) VALUES ('wx2', '2026-03-02', 0, 9)"), ERR_OK);
	(void)put_answer(db, "getusercumulate", "2026-03-02", "2026-03-03",
	    "{\"list\":[" ROW("2026-03-02", "7") "]}");
	check_rows("replaced, vanished, kept", db, "SELECT appid, ref_date, cumulate_user "
	    "FROM datacube_getusercumulate", "wx1|2026-03-01|1;wx1|2026-03-02|7;"
	    "wx1|2026-03-04|4;wx2|2026-03-02|9");
	check_rows("units again", db, "SELECT day, rows, times FROM datacube_day",
	    "2026-03-01|1|1;2026-03-02|1|2;2026-03-03|0|2;2026-03-04|1|1");
	check_int("one too many", put_answer(db, "getusercumulate", "2026-03-01", "2026-03-01",
	    "{\"list\":[" ROW("2026-03-01", "1") "," ROW("2026-03-01", "2") "]}").odd, 1);
	check_int("of another day", put_answer(db, "getusercumulate", "2026-03-01", "2026-03-01",
	    "{\"list\":[" ROW("2026-03-09", "1") "]}").odd, 1);
	db_close(db);
}

static void
delayed_units(void **state)
{
	struct datacube_span	 range = { day_of("2026-02-28"), day_of("2026-03-02") };
	struct datacube_known	 known[3];
	struct db		*db = open_db();
	int64_t			 first = -5;

	(void)state;
	check_err("first", datacube_tables_first(db, &first, "wx1", datacube_find("getbizsummary")),
	    ERR_OK);
	check_int("nothing yet", first, -5);
	(void)put_answer(db, "getbizsummary", "2026-03-01", "2026-03-01",
	    "{\"is_delay\":true,\"list\":[{\"ref_date\":\"2026-03-01\",\"detail\":{}}]}");
	(void)put_answer(db, "getbizsummary", "2026-03-02", "2026-03-02",
	    "{\"is_delay\":false,\"list\":[]}");
	check_err("known", datacube_tables_known(db, known, "wx1", datacube_find("getbizsummary"),
	    &range), ERR_OK);
	check_int("never", known[0].asked_s, 0);
	check_int("asked", known[1].asked_s, ASKED_S);
	check_int("rows", known[1].rows, 1);
	check_int("delayed", known[1].delayed, true);
	check_int("empty", known[2].rows, 0);
	check_int("not delayed", known[2].delayed, false);
	check_err("first", datacube_tables_first(db, &first, "wx1", datacube_find("getbizsummary")),
	    ERR_OK);
	check_int("the first", first, day_of("2026-03-01"));
	db_close(db);
}

#define AD(day, slot)	"{\"date\":\"" day "\",\"ad_slot\":\"" slot "\",\"slot_id\":1}"

/* The rows change only once all pages are there. */
static void
answer_pages(void **state)
{
	const struct datacube_endpoint	*e = datacube_find("publisher_adpos_general");
	const char			*first = "{\"list\":[" AD("2026-03-01", "a") "],"
					    "\"total_num\":91}";
	const char			*last = "{\"list\":[" AD("2026-03-02", "b") "],"
					    "\"total_num\":91}";
	struct datacube_tables_call	 c = { .appid = "wx1", .e = e,
					    .span = { day_of("2026-03-01"),
					    day_of("2026-03-02") } };
	struct db			*db = open_db();
	static const char		 rows[] = "SELECT date, ad_slot FROM "
					    "datacube_publisher_adpos_general";

	(void)state;
	check_err("page", datacube_tables_page(db, &c, 0), ERR_OK);
	check_int("begins", c.page, 1);
	check_int("more", put_answer_page(db, e->name, "2026-03-01", "2026-03-02", 1, first).result,
	    DATACUBE_MORE);
	check_rows("not yet", db, rows, "");
	check_err("page", datacube_tables_page(db, &c, ASKED_S), ERR_OK);
	check_int("goes on", c.page, 2);
	check_err("page", datacube_tables_page(db, &c, ASKED_S + 1), ERR_OK);
	check_int("too old", c.page, 1);
	(void)put_answer_page(db, e->name, "2026-03-01", "2026-03-02", 1, first);
	c.span.end++;
	check_err("page", datacube_tables_page(db, &c, 0), ERR_OK);
	check_int("another span", c.page, 1);
	(void)put_answer_page(db, e->name, "2026-03-01", "2026-03-02", 1, first);
	check_int("whole", put_answer_page(db, e->name, "2026-03-01", "2026-03-02", 2, last).result,
	    DATACUBE_STORED);
	check_rows("all of it", db, rows, "2026-03-01|a;2026-03-02|b");
	check_rows("no page is left", db, "SELECT count(*) FROM datacube_page", "0");
	check_int("an empty page ends it", put_answer_page(db, e->name, "2026-03-01", "2026-03-02",
	    1, "{\"list\":[],\"total_num\":500}").result, DATACUBE_STORED);
	db_close(db);
}

static void
pauses(void **state)
{
	const struct datacube_endpoint		*e = datacube_find("getuserread");
	const struct datacube_tables_pause	 p = { 100, 200, 48001 }, whole = { 100, 300,
	    45009 };
	struct datacube_tables_pause		 got;
	struct db				*db = open_db();

	(void)state;
	check_err("set", datacube_tables_set_pause(db, "wx1", e, &p), ERR_OK);
	check_err("set", datacube_tables_set_pause(db, "wx1", NULL, &whole), ERR_OK);
	(void)datacube_tables_pause(db, &got, "wx1", e, 199);
	check_int("holds", got.errcode, 48001);
	(void)datacube_tables_pause(db, &got, "wx1", e, 200);
	check_int("over", got.until_s, 0);
	(void)datacube_tables_pause(db, &got, "wx1", e, 39);
	check_int("the clock was set back", got.until_s, 0);
	(void)datacube_tables_pause(db, &got, "wx2", e, 150);
	check_int("of another account", got.until_s, 0);
	(void)datacube_tables_pause(db, &got, "wx1", NULL, 250);
	check_int("of the account", got.errcode, 45009);
	check_err("lifted", datacube_tables_end_pause(db, "wx1", NULL), ERR_OK);
	(void)datacube_tables_pause(db, &got, "wx1", NULL, 250);
	check_int("is lifted", got.until_s, 0);
	db_close(db);
}

/* A table of an older qtoa gets a new column, filled from extra. */
static void
added_columns(void **state)
{
	struct db	*db = open_db();

	(void)state;
	assert_int_equal(db_script(db, "ALTER TABLE datacube_getusersummary DROP COLUMN "
	    "cancel_user;INSERT INTO datacube_getusersummary (appid, ref_date, user_source, "
	    "new_user, extra) VALUES ('wx1', '2026-03-01', 1, 2, '{\"cancel_user\":3}'), "
	    "('wx1', '2026-03-02', 1, 2, '{\"cancel_user\":4,\"x\":5}'), "
	    "('wx1', '2026-03-03', 1, 2, NULL)"), ERR_OK);
	check_err("prepare", datacube_tables_prepare(db), ERR_OK);
	check_rows("filled", db, "SELECT ref_date, cancel_user, extra FROM datacube_getusersummary",
	    "2026-03-01|3|-;2026-03-02|4|{\"x\":5};2026-03-03|-|-");
	check_err("twice", datacube_tables_prepare(db), ERR_OK);
	check_int("there", datacube_tables_is_there(db), true);
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(answer_forms), TEST(strange_answers), TEST(replaced_rows), TEST(delayed_units),
		    TEST(answer_pages),
		TEST(pauses), TEST(added_columns),
	};

	return RUN("datacube_tables", tests);
}
