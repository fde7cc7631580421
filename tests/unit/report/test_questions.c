#include <string.h>

#include "core/clock.h"
#include "report/questions.h"
#include "report/sql.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/store.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "xmlmap.h"

enum { PATIENCE_MS = 30000, NOW_S = 1709222399 };

/* The columns in the table of questions are those of the statement. */
static void
answered_questions(void **state)
{
	const char			*dir = state_new();
	const struct report_question	*q;
	struct report_args		 a;
	struct table			 t = { .cols = 0 };
	struct conf			 c = { .set = { .state_dir = dir } };
	char				 path[STATE_PATH];
	struct db			*db;
	size_t				 n;

	(void)state;
	state_path(path, dir, "qtoa.db");
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	for (q = questions_table; q->name != NULL; q++) {
		CHECK(q->name, questions_find(slice_of(q->name)) == q);
		questions_defaults(&a, q, NOW_S);
		check_err(q->name, questions_ask(&t, db, &c, q, &a), ERR_OK);
		for (n = 0; n < t.cols && q->columns[n].name != NULL; n++)
			check_text(q->name, t.name[n], q->columns[n].name);
		CHECK(q->name, n == t.cols && q->columns[n].name == NULL);
		CHECK(q->name, q->options[REPORT_OPTIONS_MAX - 1].name == NULL);
	}
	CHECK("no such question", questions_find(slice_of("day")) == NULL);
	table_free(&t);
	db_close(db);
}

static void
default_arguments(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 now_s;
		const char	*from, *to;
	} cases[] = {
		{ "a leap day", 1709164800, "2024-01-31", "2024-02-29" },
		{ "the last second of a day in China", 1709222399, "2024-01-31", "2024-02-29" },
		{ "the first one of the next", 1709222400, "2024-02-01", "2024-03-01" },
	};
	const struct report_question	*q = questions_find(slice_of("funnel"));
	struct report_args		 a;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&a, 'x', sizeof(a));
		questions_defaults(&a, q, cases[i].now_s);
		check_text(cases[i].name, a.from, cases[i].from);
		check_text(cases[i].name, a.to, cases[i].to);
		check_text(cases[i].name, a.account, "");
		check_text(cases[i].name, a.option[1], "604800");
		CHECK(cases[i].name, questions_check_period(&a) == QUESTIONS_OK);
	}
}

static const char	 long_text[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345";

static const struct {
	const char	*question, *name;
	struct slice	 value;
	const char	*want;		/* NULL: it is refused */
} argument_cases[] = {
	{ "audience", "item", BYTES("a \xE4\xB8\xAD <b>"), "a \xE4\xB8\xAD <b>" },
	{ "audience", "item", { long_text + 1, sizeof(long_text) - 2 }, long_text + 1 },
	{ "audience", "item", { long_text, sizeof(long_text) - 1 }, NULL },
	{ "audience", "item", BYTES("a\0b"), NULL },
	{ "audience", "item", BYTES("a\n"), NULL },
	{ "audience", "item", BYTES("\x7F"), NULL },
	{ "audience", "item", BYTES("\xC2\x85"), NULL },
	{ "audience", "item", BYTES("\xFF"), NULL },
	{ "audience", "item", BYTES("\xE4\xB8"), NULL },
	{ "audience", "item", { NULL, 0 }, "" },
	{ "audience", "following", BYTES("yes"), "yes" },
	{ "audience", "following", BYTES(""), "" },
	{ "audience", "following", BYTES("yes no"), NULL },
	{ "audience", "following", BYTES("ye"), NULL },
	{ "audience", "at_most", BYTES(""), "" },
	{ "audience", "at_most", BYTES("007"), "7" },
	{ "audience", "limit", BYTES(""), NULL },
	{ "audience", "limit", BYTES("100000"), "100000" },
	{ "audience", "limit", BYTES("100001"), NULL },
	{ "audience", "limit", BYTES("0"), NULL },
	{ "audience", "limit", BYTES("+1"), NULL },
	{ "audience", "limit", BYTES(" 1"), NULL },
	{ "audience", "limit", BYTES("0x1"), NULL },
	{ "audience", "limit", BYTES("18446744073709551617"), NULL },
	{ "audience", "code", BYTES("$$_menu_click"), "$$_menu_click" },
	{ "audience", "code", BYTES("menu_click"), "$$_menu_click" },
	{ "audience", "code", BYTES("unfollow"), "$$_official_account_unfollow" },
	{ "audience", "code", BYTES(""), "" },
	{ "audience", "code", BYTES("menu"), NULL },
	{ "audience", "code", BYTES("menu_click,scan"), NULL },
	{ "event", "by", BYTES("hour"), "hour" },
	{ "event", "by", BYTES(""), NULL },
	{ "event", "by", BYTES("year"), NULL },
	{ "funnel", "steps", BYTES("scan"), "$$_scan_open_official_account" },
	{ "funnel", "steps", BYTES("scan, $$_receive_msg ,scan"),
	    "$$_scan_open_official_account,$$_receive_msg,$$_scan_open_official_account" },
	{ "funnel", "steps", BYTES("scan,"), NULL },
	{ "funnel", "steps", BYTES(",scan"), NULL },
	{ "funnel", "steps", BYTES(""), NULL },
	{ "funnel", "steps", BYTES("scan,scan,scan,scan,scan,scan,scan,scan,scan"), NULL },
};

static void
set_arguments(void **state)
{
	const struct report_question	*q;
	struct report_args		 a;
	enum questions_error		 error;
	size_t				 i, k;

	(void)state;
	for (i = 0; i < COUNT(argument_cases); i++) {
		q = questions_find(slice_of(argument_cases[i].question));
		questions_defaults(&a, q, 0);
		for (k = 0; strcmp(q->options[k].name, argument_cases[i].name) != 0; k++)
			(void)strcpy(a.option[k], "as it was");
		(void)strcpy(a.option[k], "as it was");
		error = questions_set(&a, q, argument_cases[i].name, argument_cases[i].value);
		CHECK(argument_cases[i].name,
		    (error == QUESTIONS_OK) == (argument_cases[i].want != NULL));
		check_text(argument_cases[i].name, a.option[k],
		    argument_cases[i].want == NULL ? "as it was" : argument_cases[i].want);
	}
	CHECK("not an option of it",
	    questions_set(&a, q, "limit", slice_of("many")) == QUESTIONS_OK);
}

static void
periods(void **state)
{
	static const struct {
		const char	*from, *to;
		bool		 set, fits;
	} cases[] = {
		{ "2024-02-29", "2024-02-29", true, true },
		{ "2023-02-29", "2024-02-29", false, true },
		{ "2024-03-01", "2024-02-29", true, false },
		{ "2020-01-01", "2030-01-06", true, true },
		{ "2020-01-01", "2030-01-08", true, false },
		{ "2024-2-29", "2024-02-29", false, true },
		{ "1969-12-31", "1970-01-01", false, true },
		{ "", "2024-02-29", false, true },
		{ "now", "2024-02-29", false, true },
		{ "2024-02-28 ", "2024-02-29", false, true },
	};
	const struct report_question	*q = questions_find(slice_of("days"));
	struct report_args		 a;
	size_t				 i;
	bool				 set;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		questions_defaults(&a, q, 0);
		(void)questions_set(&a, q, "from", slice_of(cases[i].to));
		set = questions_set(&a, q, "to", slice_of(cases[i].to)) == QUESTIONS_OK &&
		    questions_set(&a, q, "from", slice_of(cases[i].from)) == QUESTIONS_OK;
		CHECK(cases[i].from, set == cases[i].set);
		CHECK(cases[i].from, (questions_check_period(&a) == QUESTIONS_OK) == cases[i].fits);
	}
}

/* Each code of xmlmap.c is known to the questions, and can be a step of a path. */
static void
all_codes(void **state)
{
	static const char *const types[][2] = {
		{ "event", "CLICK" }, { "event", "subscribe" }, { "event", "unsubscribe" },
		{ "event", "SCAN" }, { "event", "LOCATION" },
		{ "event", "subscribe_msg_sent_event" }, { "event", "subscribe_msg_popup_event" },
		{ "event", "subscribe_msg_change_event" }, { "event", "TEMPLATESENDJOBFINISH" },
		{ "event", "MASSSENDJOBFINISH" }, { "event", "PUBLISHJOBFINISH" }, { "text", "" },
	};
	const struct report_question	*q = questions_find(slice_of("distribution"));
	struct report_args		 a;
	const char			*code;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(types); i++) {
		code = xmlmap_code(slice_of(types[i][0]), slice_of(types[i][1]));
		if (!CHECK(types[i][1], code != NULL))
			continue;
		questions_defaults(&a, q, 0);
		CHECK(code, questions_set(&a, q, "code", slice_of(code)) == QUESTIONS_OK);
		check_text(code, a.option[0], code);
		CHECK(code, strstr(sql_path.in[DB_SQLITE], code) != NULL);
	}
}

static void
open_questions(void **state)
{
	const char		*dir = state_new();
	struct settings		 set = { .state_dir = dir };
	const int64_t		 until_ms = clock_mono_ms() + PATIENCE_MS;
	struct locks		*cs = lock_new(dir);
	struct store		*store = store_new(&set, cs, STORE_BRIEF);
	struct table		 t = { .cols = 0 };
	struct conf		 c = { .set = set };
	struct report_args	 a;
	char			 why[160] = "";
	struct db		*db;

	(void)state;
	CHECK("no file", questions_open(&set, NULL, until_ms, why, sizeof(why)) == NULL);
	CHECK("and why", *why != '\0');
	db = questions_open(&set, store, until_ms, why, sizeof(why));
	CHECK("the store makes it", db != NULL);
	check_err("it is not written to", db_script(db, "DELETE FROM event"), ERR_STORE);
	questions_defaults(&a, &questions_table[0], NOW_S);
	check_err("asked", questions_ask(&t, db, &c, &questions_table[0], &a), ERR_OK);
	check_err("no period", questions_set(&a, &questions_table[0], "from",
	    slice_of("9999-12-31")) == QUESTIONS_OK ?
	    questions_ask(&t, db, &c, &questions_table[0], &a) : ERR_OK, ERR_REQUEST);
	db_limit(db, 1);
	check_err("too long", db_script(db, "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL "
	    "SELECT n + 1 FROM n) SELECT max(n) FROM n"), ERR_STORE);
	db_close(db);
	table_free(&t);
	store_free(store);
	lock_free(cs);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(answered_questions), TEST(default_arguments), TEST(set_arguments),
		    TEST(periods), TEST(all_codes),
		TEST(open_questions),
	};

	return RUN("questions", tests);
}
