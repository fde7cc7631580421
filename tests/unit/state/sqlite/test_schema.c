#include <stdio.h>
#include <string.h>

#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PROCESSES = 4 };

static void
states(void **state)
{
	static const struct {
		const char		*name, *before;
		enum schema_state	 want;
	} cases[] = {
		{ "an empty file", NULL, SCHEMA_READY },
		{ "another program's tables", "CREATE TABLE t (a)", SCHEMA_FOREIGN },
		{ "another program's mark", "PRAGMA application_id = 1", SCHEMA_FOREIGN },
		{ "a version, no mark", "PRAGMA user_version = 1", SCHEMA_FOREIGN },
		{ "a later one", "PRAGMA application_id = 1903456097; PRAGMA user_version = 99",
		    SCHEMA_NEWER },
		{ "an earlier one", "PRAGMA application_id = 1903456097", SCHEMA_READY },
	};
	const char	*dir = state_new();
	struct db	*db;
	int64_t		 changes;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = dbfile_open(dir, cases[i].name);
		if (cases[i].before != NULL)
			check_err(cases[i].name, db_script(db, cases[i].before), ERR_OK);
		changes = dbfile_number(db, "PRAGMA schema_version");
		check_int(cases[i].name, schema_prepare(db), cases[i].want);
		check_int(cases[i].name, schema_prepare(db), cases[i].want);
		if (cases[i].want == SCHEMA_READY)
			check_int(cases[i].name, dbfile_number(db, "PRAGMA application_id"),
			    0x71746f61);
		else
			check_int("untouched", dbfile_number(db, "PRAGMA schema_version"), changes);
		/* No transaction is still open. */
		check_err(cases[i].name, db_script(db, "BEGIN; COMMIT"), ERR_OK);
		db_close(db);
	}
}

/* Marks and tables that do not agree. */
static void
broken(void **state)
{
	static const struct {
		const char	*name, *damage;
		bool		 want;
	} cases[] = {
		{ "sound", "", false },
		{ "another mark", "PRAGMA application_id = 7", true },
		{ "no version", "PRAGMA user_version = 0", true },
		{ "an earlier version", "PRAGMA user_version = 3", true },
		{ "a later version", "PRAGMA user_version = 99", false },
		{ "a table is missing", "DROP TABLE past", true },
		{ "another program's", "DROP TABLE past; PRAGMA application_id = 7", false },
	};
	const char	*dir = state_new();
	struct db	*db;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		db = dbfile_open(dir, cases[i].name);
		check_int(cases[i].name, schema_prepare(db), SCHEMA_READY);
		check_err(cases[i].name, db_script(db, cases[i].damage), ERR_OK);
		check_int(cases[i].name, schema_is_broken(db), cases[i].want);
		db_close(db);
	}
}

static void
fresh(void **state)
{
	const char	*dir = state_new();
	struct db	*db = dbfile_open(dir, "db"), *again;

	(void)state;
	check_int("made", schema_prepare(db), SCHEMA_READY);
	check_int("gives space back in steps", dbfile_number(db, "PRAGMA auto_vacuum"), 2);
	check_err("the tables are there", db_script(db, "SELECT id, key, account, code, received, "
	    "state, attempts, next, outcome, qt_ms, query, body FROM message;"
	    "SELECT url, fails, opened, probes, probe, outcome FROM endpoint;"
	    "SELECT account, config, since, outcome, refusals, probes, probe FROM stopped;"
	    "SELECT id, appid, application, path, name FROM account;"
	    "SELECT id, application, device, first, last FROM device;"
	    "SELECT id, account, device, code, time, gap, received, message, part, attributes, "
	    "day, item FROM event;"
	    "SELECT appid, openid, unionid FROM unionid;"
	    "SELECT platform, platform_type, event_type, event_code, device_id, is_first_day, "
	    "time, attributes FROM tracked;"
	    "SELECT appid, config, token, fetched, expires, renew, fails, pause, day, calls, "
	    "forced, forced_at, why FROM token;"
	    "SELECT address, minute, count FROM handed;"
	    "SELECT id, before FROM forgotten;"
	    "SELECT id, device, account, last, turned, turn, follows FROM past"), ERR_OK);
	again = dbfile_open(dir, "db");
	check_int("found ready", schema_prepare(again), SCHEMA_READY);
	check_err("others write", db_script(db, "BEGIN IMMEDIATE"), ERR_OK);
	db_patience(again, 0);
	check_int("ready without a lock", schema_prepare(again), SCHEMA_READY);
	db_close(again);
	db_close(db);
}

/* Each query that is frequent has an index: it does not read a whole table. */
static void
indexes(void **state)
{
	static const char *const cases[] = {
		"EXPLAIN QUERY PLAN SELECT state FROM message WHERE key = x'00'",
		"EXPLAIN QUERY PLAN SELECT * FROM message WHERE state = 'pending' AND "
		"account = 'a' AND (attempts > 0) = 1 AND next <= 5 ORDER BY next, id LIMIT 10",
		"EXPLAIN QUERY PLAN SELECT min(next) FROM message WHERE state = 'pending' AND "
		"account = 'a' AND (attempts > 0) = 0",
		"EXPLAIN QUERY PLAN UPDATE message SET next = 1 WHERE id IN (SELECT id FROM "
		"message WHERE state = 'pending' AND account = 'a' AND (attempts > 0) = 1 AND "
		"next > 5 ORDER BY next LIMIT 10)",
		"EXPLAIN QUERY PLAN SELECT count(*), min(id) FROM message WHERE state = 'pending' "
		"AND account = 'a'",
		"EXPLAIN QUERY PLAN SELECT count(*) FROM message WHERE state = 'pending'",
		"EXPLAIN QUERY PLAN SELECT count(*) FROM message WHERE state = 'dead'",
	};
	struct db	*db = dbfile_open(state_new(), "db");
	struct db_rows	 rows;
	enum error	 er;
	char		 plan[512];
	size_t		 i;

	(void)state;
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	for (i = 0; i < COUNT(cases); i++) {
		*plan = '\0';
		er = sqlite_db_start(db, &rows, cases[i], DB_NO_VALUES);
		while (er == ERR_OK && db_next(&rows, &er))
			(void)snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%.*s;",
			    (int)db_col(&rows, 3).len, db_col(&rows, 3).p);
		db_end(&rows);
		check_err(cases[i], er, ERR_OK);
		CHECK(cases[i], strstr(plan, "INDEX") != NULL);
		CHECK(cases[i], strstr(plan, "TEMP B-TREE") == NULL);
	}
	db_close(db);
}

static void
prepare_there(struct other *me, void *dir)
{
	struct db	*db = dbfile_open(dir, "db");

	other_say(me);
	(void)other_hear(me);
	OTHER_CHECK(schema_prepare(db) == SCHEMA_READY);
	OTHER_CHECK(dbfile_number(db, "SELECT count(*) FROM message") == 0);
	db_close(db);
}

static void
processes(void **state)
{
	const char	*dir = state_new();
	struct other	 o[PROCESSES];
	struct db	*db;
	int		 i;

	(void)state;
	for (i = 0; i < PROCESSES; i++)
		other_begin(&o[i], prepare_there, (void *)(uintptr_t)dir);
	for (i = 0; i < PROCESSES; i++)
		(void)other_hear(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		other_say(&o[i]);
	for (i = 0; i < PROCESSES; i++)
		check_int("each finds it ready", other_end(&o[i]), 0);
	db = dbfile_open(dir, "db");
	check_int("made once", dbfile_number(db, "SELECT count(*) FROM sqlite_schema "
	    "WHERE name = 'message'"), 1);
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(states), TEST(broken), TEST(fresh), TEST(indexes), TEST(processes),
	};

	return RUN("schema", tests);
}
