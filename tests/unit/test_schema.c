#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "schema.h"
#include "state.h"
#include "unit.h"

enum {
	PROCESSES = 4,
	PATIENCE_MS = 30000,
	ROWS = 2000,		/* to rescue */
	STEP = 100,
	PAGE = 4096
};

static struct db *
open_db(const char *dir, const char *name)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, dir, name);
	assert_int_equal(db_open(&db, path, DB_READ_WRITE), QT_OK);
	db_patience(db, clock_mono_ms() + PATIENCE_MS);
	(void)db_script(db, "PRAGMA synchronous = OFF");	/* no power is cut here */
	return db;
}

static int64_t
number(struct db *db, const char *sql)
{
	int64_t	 i = -1;

	(void)db_number(db, &i, sql, DB_NO_VALUES);
	return i;
}

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
		db = open_db(dir, cases[i].name);
		if (cases[i].before != NULL)
			check_err(cases[i].name, db_script(db, cases[i].before), QT_OK);
		changes = number(db, "PRAGMA schema_version");
		check_int(cases[i].name, schema_prepare(db), cases[i].want);
		check_int(cases[i].name, schema_prepare(db), cases[i].want);
		if (cases[i].want == SCHEMA_READY)
			check_int(cases[i].name, number(db, "PRAGMA application_id"), 0x71746f61);
		else
			check_int("untouched", number(db, "PRAGMA schema_version"), changes);
		/* No transaction is left open. */
		check_err(cases[i].name, db_script(db, "BEGIN; COMMIT"), QT_OK);
		db_close(db);
	}
}

static void
fresh(void **state)
{
	const char	*dir = state_new();
	struct db	*db = open_db(dir, "db"), *again;

	(void)state;
	check_int("made", schema_prepare(db), SCHEMA_READY);
	check_int("gives space back in steps", number(db, "PRAGMA auto_vacuum"), 2);
	check_err("the tables are there", db_script(db, "SELECT id, key, account, code, received, "
	    "state, attempts, next, outcome, qt_ms, query, body FROM message;"
	    "SELECT url, fails, opened, probes, probe, outcome FROM endpoint;"
	    "SELECT account, config, since, outcome FROM stopped"), QT_OK);
	again = open_db(dir, "db");
	check_int("found ready", schema_prepare(again), SCHEMA_READY);
	check_err("others write", db_script(db, "BEGIN IMMEDIATE"), QT_OK);
	db_patience(again, 0);
	check_int("ready without a lock", schema_prepare(again), SCHEMA_READY);
	db_close(again);
	db_close(db);
}

/* An index for each question that is asked often: no table of a million rows is walked. */
static void
indexes(void **state)
{
	static const char *const cases[] = {
		"EXPLAIN QUERY PLAN SELECT state FROM message WHERE key = x'00'",
		"EXPLAIN QUERY PLAN SELECT * FROM message WHERE state = 'pending' AND "
		"account = 'a' AND next <= 5 AND (next, id) > (1, 2) ORDER BY next, id LIMIT 10",
		"EXPLAIN QUERY PLAN SELECT min(next) FROM message WHERE state = 'pending' AND "
		"account = 'a'",
		"EXPLAIN QUERY PLAN SELECT count(*) FROM message WHERE state = 'pending'",
		"EXPLAIN QUERY PLAN SELECT count(*) FROM message WHERE state = 'dead'",
	};
	struct db	*db = open_db(state_new(), "db");
	struct db_rows	 rows;
	enum qt_err	 er;
	char		 plan[512];
	size_t		 i;

	(void)state;
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	for (i = 0; i < COUNT(cases); i++) {
		*plan = '\0';
		er = db_start(db, &rows, cases[i], DB_NO_VALUES);
		while (er == QT_OK && db_next(&rows, &er))
			(void)snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%.*s;",
			    (int)db_col(&rows, 3).len, db_col(&rows, 3).p);
		db_end(&rows);
		check_err(cases[i], er, QT_OK);
		CHECK(cases[i], strstr(plan, "INDEX") != NULL);
		CHECK(cases[i], strstr(plan, "TEMP B-TREE") == NULL);
	}
	db_close(db);
}

static void
prepare_there(struct other *me, void *dir)
{
	struct db	*db = open_db(dir, "db");

	other_say(me);
	(void)other_hear(me);
	OTHER_CHECK(schema_prepare(db) == SCHEMA_READY);
	OTHER_CHECK(number(db, "SELECT count(*) FROM message") == 0);
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
	db = open_db(dir, "db");
	check_int("made once", number(db, "SELECT count(*) FROM sqlite_schema "
	    "WHERE name = 'message'"), 1);
	db_close(db);
}

/*
 * Rescue.
 */

static void
fill(struct db *db, int first, int n)
{
	char	 body[600];
	int	 i;

	memset(body, 'b', sizeof(body));
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(db_script(db, "BEGIN"), QT_OK);
	for (i = first; i < first + n; i++)
		assert_int_equal(db_run(db, NULL, "INSERT INTO message VALUES (?1, "
		    "CAST(printf('%024d', ?1) AS BLOB), 'shop', 'c', ?1, "
		    "CASE ?1 % 4 WHEN 0 THEN 'delivered' WHEN 1 THEN 'dead' ELSE 'pending' END, "
		    "3, ?1, 'out', 5, x'71', ?2)",
		    DB_VALUES(db_i(i), db_b((struct slice){ body, sizeof(body) }))), QT_OK);
	assert_int_equal(db_script(db, "COMMIT"), QT_OK);
}

static void
spoil(const char *dir, const char *name, off_t page, int pages)
{
	static const char	 junk[PAGE] = { 1, 2, 3 };
	char			 path[STATE_PATH];
	int			 fd, i;

	state_path(path, dir, name);
	fd = open(path, O_WRONLY);
	for (i = 0; i < pages; i++)
		if (pwrite(fd, junk, PAGE, (page + i) * PAGE) != PAGE)
			fail_msg("cannot spoil %s", path);
	(void)close(fd);
}

static void
rescue(void **state)
{
	/* Of four rows three are worth it. */
	enum { ALL = ROWS * 3 / 4 };
	static const struct {
		const char	*name;
		int		 rows, there;	/* in the old one; of these in the new one before */
		off_t		 page;
		int		 pages;
		int		 least, most;	/* copied */
	} cases[] = {
		{ "none is there", 0, 0, 0, 0, 0, 0 },
		{ "whole", ROWS, 0, 0, 0, ALL, ALL },
		{ "half of it is known", ROWS, ROWS / 2, 0, 0, ALL / 2, ALL / 2 },
		{ "all of it is known", ROWS, ROWS, 0, 0, 0, 0 },
		{ "damaged in the middle", ROWS, 0, 100, 30, ALL * 3 / 4, ALL - 1 },
		{ "damaged at the end", ROWS, 0, 300, 20, ALL / 2, ALL - 1 },
		{ "exactly a step", STEP * 4 / 3, 0, 0, 0, STEP, STEP },
	};
	struct schema_rescue	 r;
	struct db		*to;
	const char		*dir;
	enum qt_err		 er;
	size_t			 i;
	int			 steps;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		r = (struct schema_rescue){ .from = open_db(dir, "old") };
		fill(r.from, 1, cases[i].rows);
		db_close(r.from);
		if (cases[i].pages != 0)
			spoil(dir, "old", cases[i].page, cases[i].pages);
		to = open_db(dir, "new");
		fill(to, 1, cases[i].there);
		r.from = open_db(dir, "old");
		for (er = QT_OK, steps = 0; er == QT_OK && !r.over && steps < ROWS; steps++)
			er = schema_rescue(to, &r, STEP);
		check_err(cases[i].name, er, QT_OK);
		CHECK(cases[i].name, r.over);
		CHECK(cases[i].name, r.copied >= cases[i].least && r.copied <= cases[i].most);
		check_int(cases[i].name, number(to, "SELECT count(*) FROM message") -
		    cases[i].there, r.copied);
		check_int("as they were", number(to, "SELECT count(*) FROM message WHERE "
		    "typeof(key) != 'blob' OR typeof(account) != 'text' OR length(body) != 600 "
		    "OR outcome != 'out' OR attempts != 3 OR query != x'71' "
		    "OR key != CAST(printf('%024d', received) AS BLOB) OR next != received"), 0);
		db_close(r.from);
		db_close(to);
	}
}

/* What is no database of ours, or none at all, is over soon. */
static void
nothing_to_rescue(void **state)
{
	static const char *const	 sql[] = {
		"CREATE TABLE t (a)", "CREATE TABLE message (a)", NULL,
	};
	const char			*dir = state_new();
	struct db			*to = open_db(dir, "new");
	struct schema_rescue		 r;
	char				 name[8];
	size_t				 i;
	int				 steps;

	(void)state;
	assert_int_equal(schema_prepare(to), SCHEMA_READY);
	for (i = 0; i < COUNT(sql); i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		if (sql[i] == NULL)
			state_write(dir, name, "no database, but longer than a hundred bytes: "
			    "....................................................................",
			    110);
		r = (struct schema_rescue){ .from = open_db(dir, name) };
		if (sql[i] != NULL)
			assert_int_equal(db_script(r.from, sql[i]), QT_OK);
		for (steps = 0; !r.over && steps < 100; steps++)
			check_err(name, schema_rescue(to, &r, STEP), QT_OK);
		CHECK(name, r.over);
		check_int(name, r.copied, 0);
		db_close(r.from);
	}
	db_close(to);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(states), TEST(fresh), TEST(indexes), TEST(processes), TEST(rescue),
		TEST(nothing_to_rescue),
	};

	return RUN("schema", tests);
}
