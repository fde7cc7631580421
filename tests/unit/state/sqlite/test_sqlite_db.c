#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	PATIENCE_MS = 30000,	/* longer than anything here takes */
	SHORT_MS = 100,		/* a wait that is to end without success */
	STATEMENTS = 200,	/* more than are kept prepared */
	ROWS = 2000,
	PAGE = 4096
};

static struct db *
open_db(const char *dir, const char *name)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, dir, name);
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	return db;
}

static void
values(void **state)
{
	static const struct {
		const char	*name;
		struct db_value	 v;
		const char	*type;
	} cases[] = {
		{ "zero", { .type = DB_INT, .i = 0 }, "integer" },
		{ "largest", { .type = DB_INT, .i = INT64_MAX }, "integer" },
		{ "smallest", { .type = DB_INT, .i = INT64_MIN }, "integer" },
		{ "beyond a double", { .type = DB_INT, .i = (INT64_C(1) << 53) + 1 }, "integer" },
		{ "text", { .type = DB_TEXT, .s = BYTES("plain") }, "text" },
		{ "UTF-8", { .type = DB_TEXT, .s = BYTES("\xE4\xB8\xAD\xF0\x9F\x98\x80") },
		    "text" },
		{ "digits are text", { .type = DB_TEXT, .s = BYTES("012") }, "text" },
		{ "empty text", { .type = DB_TEXT, .s = BYTES("") }, "text" },
		{ "bytes", { .type = DB_BLOB, .s = BYTES("a\0b\xFF\0") }, "blob" },
		{ "empty bytes", { .type = DB_BLOB, .s = BYTES("") }, "blob" },
		{ "nothing", { .type = DB_NULL }, "null" },
	};
	struct db	*db = open_db(state_new(), "db");
	struct db_rows	 rows;
	enum error	 er;
	size_t		 i;
	int		 n;

	(void)state;
	check_err("table", db_script(db, "CREATE TABLE t (v)"), ERR_OK);
	for (i = 0; i < COUNT(cases); i++) {
		const struct db_value	*v = &cases[i].v;

		check_err(cases[i].name, sqlite_db_run(db, NULL, "DELETE FROM t", DB_NO_VALUES), ERR_OK);
		check_err(cases[i].name, sqlite_db_run(db, NULL, "INSERT INTO t VALUES (?)", v, 1),
		    ERR_OK);
		er = sqlite_db_start(db, &rows, "SELECT typeof(v), v, v IS ? FROM t", v, 1);
		for (n = 0; er == ERR_OK && db_next(&rows, &er); n++) {
			check_bytes(cases[i].name, db_col(&rows, 0), slice_of(cases[i].type));
			check_int(cases[i].name, db_col_int(&rows, 2), 1);
			if (v->type == DB_INT)
				check_int(cases[i].name, db_col_int(&rows, 1), v->i);
			else
				check_bytes(cases[i].name, db_col(&rows, 1), v->s);
		}
		db_end(&rows);
		check_err(cases[i].name, er, ERR_OK);
		check_int(cases[i].name, n, 1);
	}
	db_close(db);
}

/* Values made of something absent are NULL. */
static void
made_values(void **state)
{
	struct db		*db = open_db(state_new(), "db");
	const struct db_value	 v[] = {
		db_s(NULL), db_s(""), db_s("x"), db_b((struct slice){ NULL, 0 }),
		db_b((struct slice){ "", 0 }), db_b((struct slice){ "x", 1 }), db_i(-1),
	};
	static const char *const	 want[] = {
		"null", "text", "text", "null", "blob", "blob", "integer",
	};
	struct db_rows	 rows;
	enum error	 er;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(v); i++) {
		er = sqlite_db_start(db, &rows, "SELECT typeof(?)", &v[i], 1);
		check_err(want[i], er, ERR_OK);
		CHECK(want[i], db_next(&rows, &er));
		check_bytes(want[i], db_col(&rows, 0), slice_of(want[i]));
		CHECK(want[i], !db_next(&rows, &er));
		db_end(&rows);
	}
	db_close(db);
}

/* SQL that is written each time into the same buffer. */
static void
made_sql(void **state)
{
	struct db	*db = open_db(state_new(), "db");
	char		 sql[64];
	struct db_named	 v = { ":x", db_i(5) };
	struct db_rows	 rows;
	int64_t		 changed = 0;
	enum error	 er;
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT %d + :x", i);
		er = db_start_text(db, &rows, sql, &v, 1);
		memset(sql, 'x', sizeof(sql) - 1);
		CHECK("a row", er == ERR_OK && db_next(&rows, &er));
		check_int("of this one", db_col_int(&rows, 0), i + 5);
		db_end(&rows);
	}
	check_err("run", db_run_text(db, NULL, "CREATE TABLE t (v)", NULL, 0), ERR_OK);
	check_err("run", db_run_text(db, &changed, "INSERT INTO t VALUES (:x), (:x)", &v, 1),
	    ERR_OK);
	check_int("changed", changed, 2);
	check_err("wrong", db_start_text(db, &rows, "SELEC", NULL, 0), ERR_STORE);
	db_end(&rows);
	check_err("wrong", db_run_text(db, NULL, "SELECT * FROM u", NULL, 0), ERR_STORE);
	db_close(db);
}

static void
numbers_and_rows(void **state)
{
	struct db	*db = open_db(state_new(), "db");
	struct db_rows	 rows;
	int64_t		 i = 42, sum = 0, changed = -1;
	enum error	 er;

	(void)state;
	check_err("script", db_script(db, "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, NULL);"
	    "INSERT INTO t VALUES (2, 20); INSERT INTO t VALUES (3, 30)"), ERR_OK);
	check_err("no row", sqlite_db_number(db, &i, "SELECT a FROM t WHERE a = 9", DB_NO_VALUES), ERR_OK);
	check_int("no row: stays", i, 42);
	check_err("NULL", sqlite_db_number(db, &i, "SELECT b FROM t WHERE a = 1", DB_NO_VALUES), ERR_OK);
	check_int("NULL: stays", i, 42);
	check_err("a number", sqlite_db_number(db, &i, "SELECT b FROM t WHERE a = ?",
	    DB_VALUES(db_i(3))), ERR_OK);
	check_int("a number", i, 30);
	check_err("changed", sqlite_db_run(db, &changed, "UPDATE t SET b = ? WHERE a > ?",
	    DB_VALUES(db_i(7), db_i(1))), ERR_OK);
	check_int("changed", changed, 2);
	check_err("none", sqlite_db_run(db, &changed, "DELETE FROM t WHERE a = ?", DB_VALUES(db_i(8))),
	    ERR_OK);
	check_int("none", changed, 0);

	/* A walk over rows that ends early leaves no lock, and can be done again. */
	er = sqlite_db_start(db, &rows, "SELECT a FROM t ORDER BY a", DB_NO_VALUES);
	CHECK("first", er == ERR_OK && db_next(&rows, &er) && db_col_int(&rows, 0) == 1);
	db_end(&rows);
	db_end(&rows);
	check_err("not locked", db_script(db, "DROP INDEX IF EXISTS x"), ERR_OK);
	for (er = sqlite_db_start(db, &rows, "SELECT a FROM t ORDER BY a", DB_NO_VALUES);
	    er == ERR_OK && db_next(&rows, &er);)
		sum = sum * 10 + db_col_int(&rows, 0);
	db_end(&rows);
	check_int("all of them", sum, 123);
	check_err("at the end", er, ERR_OK);
	db_close(db);
	db_close(NULL);
}

static void
what_is_wrong(void **state)
{
	struct db	*db = open_db(state_new(), "db");
	struct db_rows	 rows;
	int64_t		 i = 42;

	(void)state;
	check_int("nothing yet", db_fault(db), DB_FINE);
	check_text("nothing to say", db_why(db), "");
	check_err("no SQL", sqlite_db_run(db, NULL, "SELEKT", DB_NO_VALUES), ERR_STORE);
	CHECK("it says so", strstr(db_why(db), "SELEKT") != NULL);
	check_err("no table", sqlite_db_number(db, &i, "SELECT 1 FROM nothing", DB_NO_VALUES), ERR_STORE);
	check_err("script", db_script(db, "SELECT 1; SELEKT"), ERR_STORE);
	check_err("values too many", sqlite_db_start(db, &rows, "SELECT ?", DB_VALUES(db_i(1), db_i(2))),
	    ERR_STORE);
	db_end(&rows);
	check_int("untouched", i, 42);
	check_err("goes on", sqlite_db_number(db, &i, "SELECT 5", DB_NO_VALUES), ERR_OK);
	check_int("goes on", i, 5);
	db_close(db);
}

/* Prepared statements are found again by the address of their SQL. */
static void
many_statements(void **state)
{
	static char	 sql[STATEMENTS][32];
	struct db	*db = open_db(state_new(), "db");
	int64_t		 got;
	int		 round, i, at, wrong = 0;

	(void)state;
	for (i = 0; i < STATEMENTS; i++)
		(void)snprintf(sql[i], sizeof(sql[i]), "SELECT %d + ?", i);
	for (round = 0; round < 4; round++)
		for (i = 0; i < STATEMENTS; i++) {
			at = round % 2 == 0 ? i : i * 7 % STATEMENTS;
			got = -1;
			if (sqlite_db_number(db, &got, sql[at], DB_VALUES(db_i(round))) != ERR_OK ||
			    got != at + round)
				wrong++;
			if (sqlite_db_number(db, &got, "SELECT ?", DB_VALUES(db_i(i))) != ERR_OK ||
			    got != i)
				wrong++;
		}
	check_int("wrong answers", wrong, 0);
	db_close(db);
}

/* A thread that unlocks the database after a while. */
static void *
let_go(void *db)
{
	const struct timespec	 pause = { 0, 30000000 };

	(void)nanosleep(&pause, NULL);
	/* Without a WAL it has to wait for who just looks whether it is free. */
	db_patience(db, clock_mono_ms() + PATIENCE_MS);
	(void)db_script(db, "COMMIT");
	return NULL;
}

static void
others_hold_it(void **state)
{
	static const struct {
		const char	*name, *access_log;
		int		 ms;
		bool		 ends;
		enum error	 want;
	} cases[] = {
		{ "no patience", "PRAGMA journal_mode = WAL", 0, false, ERR_STORE },
		{ "not long enough", "PRAGMA journal_mode = WAL", SHORT_MS, false, ERR_STORE },
		{ "long enough", "PRAGMA journal_mode = WAL", PATIENCE_MS, true, ERR_OK },
		{ "no patience, no WAL", "PRAGMA journal_mode = TRUNCATE", 0, false, ERR_STORE },
		{ "long enough, no WAL", "PRAGMA journal_mode = TRUNCATE", PATIENCE_MS, true,
		    ERR_OK },
	};
	struct db	*a, *b;
	pthread_t	 t;
	int64_t		 begun_ms, took_ms;
	const char	*dir;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		a = open_db(dir, "db");
		b = open_db(dir, "db");
		check_err(cases[i].name, db_script(a, cases[i].access_log), ERR_OK);
		check_err(cases[i].name, db_script(a, "CREATE TABLE t (a)"), ERR_OK);
		check_err(cases[i].name, db_script(a, "BEGIN IMMEDIATE"), ERR_OK);
		if (cases[i].ends)
			assert_int_equal(pthread_create(&t, NULL, let_go, a), 0);
		begun_ms = clock_mono_ms();
		db_patience(b, cases[i].ms == 0 ? 0 : begun_ms + cases[i].ms);
		check_err(cases[i].name, db_script(b, "BEGIN IMMEDIATE"), cases[i].want);
		took_ms = clock_mono_ms() - begun_ms;
		if (cases[i].want != ERR_OK) {
			check_int(cases[i].name, db_fault(b), DB_BUSY);
			CHECK(cases[i].name, took_ms >= cases[i].ms);
		}
		CHECK(cases[i].name, took_ms < PATIENCE_MS);
		if (cases[i].ends)
			assert_int_equal(pthread_join(t, NULL), 0);
		db_close(b);
		db_close(a);
	}
}

static void
fill_table(const char *dir, const char *name)
{
	static const char	 zeros[300];
	struct db		*db = open_db(dir, name);
	int			 i;

	assert_int_equal(db_script(db, "PRAGMA page_size = 4096; CREATE TABLE t (a INTEGER "
	    "PRIMARY KEY, b); BEGIN"), ERR_OK);
	for (i = 0; i < ROWS; i++)
		assert_int_equal(sqlite_db_run(db, NULL, "INSERT INTO t VALUES (NULL, ?)",
		    DB_VALUES(db_b((struct slice){ zeros, sizeof(zeros) }))), ERR_OK);
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
	db_close(db);
}

/* Writes over a part of a file. */
static void
spoil(const char *dir, const char *name, off_t from, size_t len)
{
	static const char	 junk[16 * PAGE] = { 1, 2, 3 };
	char			 path[STATE_PATH];
	int			 fd;

	state_path(path, dir, name);
	fd = open(path, O_WRONLY);
	if (fd == -1 || len > sizeof(junk) || pwrite(fd, junk, len, from) != (ssize_t)len)
		fail_msg("cannot spoil %s", path);
	(void)close(fd);
}

static enum error
count_table_rows(struct db *db)
{
	int64_t	 n = 0;

	return sqlite_db_number(db, &n, "SELECT sum(length(b)) FROM t", DB_NO_VALUES);
}

static void
damage(void **state)
{
	static const struct {
		const char	*name;
		off_t		 from;
		size_t		 len;
		enum error	 want;
	} cases[] = {
		{ "none", 0, 0, ERR_OK },
		{ "its head", 0, 100, ERR_STORE },
		{ "pages in its middle", 40 * PAGE, 4 * PAGE, ERR_STORE },
	};
	const char	*dir = state_new();
	struct db	*db;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		fill_table(dir, cases[i].name);
		if (cases[i].len != 0)
			spoil(dir, cases[i].name, cases[i].from, cases[i].len);
		db = open_db(dir, cases[i].name);
		check_err(cases[i].name, count_table_rows(db), cases[i].want);
		check_int(cases[i].name, db_fault(db),
		    cases[i].want == ERR_OK ? DB_FINE : DB_DAMAGED);
		db_close(db);
	}
	state_write(dir, "garbage", "This is no database but a text of some length, so that it is "
	    "not taken for an empty file; SQLite looks at its first hundred bytes.", 130);
	db = open_db(dir, "garbage");
	check_err("garbage", db_script(db, "SELECT * FROM sqlite_schema"), ERR_STORE);
	check_int("garbage", db_fault(db), DB_DAMAGED);
	db_close(db);
}

static void
full(void **state)
{
	static const char	 zeros[PAGE];
	struct db		*db = open_db(state_new(), "db");
	enum error		 er = ERR_OK;
	int			 i;

	(void)state;
	check_err("limit", db_script(db, "CREATE TABLE t (a); PRAGMA max_page_count = 10"), ERR_OK);
	for (i = 0; i < 20 && er == ERR_OK; i++)
		er = sqlite_db_run(db, NULL, "INSERT INTO t VALUES (?)",
		    DB_VALUES(db_b((struct slice){ zeros, sizeof(zeros) })));
	check_err("full", er, ERR_STORE);
	check_int("full", db_fault(db), DB_FULL);
	check_err("can be read", db_script(db, "SELECT count(*) FROM t"), ERR_OK);
	db_close(db);
}

/* The file gets blocks for pages to come, up to a limit. */
static void
covered(void **state)
{
	const char		*dir = state_new();
	struct db		*db = open_db(dir, "db");
	char			 path[STATE_PATH];
	struct rlimit		 limit, was;
	struct stat		 st;

	(void)state;
	state_path(path, dir, "db");
	check_err("a table", db_script(db, "CREATE TABLE t (a)"), ERR_OK);
	check_err("more", sqlite_db_cover(db, 300000), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	CHECK("it is longer", st.st_size >= 300000);
	CHECK("with blocks", (off_t)st.st_blocks * 512 >= 300000);
	check_err("it is still a database", db_script(db, "INSERT INTO t VALUES (1)"), ERR_OK);
	check_err("less", sqlite_db_cover(db, 1), ERR_OK);

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = 400000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	check_err("up to the limit", sqlite_db_cover(db, 399360), ERR_OK);
	check_err("beyond the limit", sqlite_db_cover(db, 500000), ERR_STORE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	check_int("beyond the limit", db_fault(db), DB_FULL);
	CHECK("it says why", *db_why(db) != '\0');
	db_close(db);
}

static void
cannot_open(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct db	*db;
	struct stat	 st;

	(void)state;
	check_err("no directory", sqlite_db_open(&db, "/proc/self/nowhere/db", SQLITE_DB_WRITE), ERR_STORE);
	check_int("no directory", db_fault(db), DB_TROUBLE);
	CHECK("it says why", *db_why(db) != '\0');
	db_close(db);
	state_path(path, dir, "none");
	check_err("not created", sqlite_db_open(&db, path, SQLITE_DB_READ), ERR_STORE);
	check_int("not created", db_fault(db), DB_TROUBLE);
	db_close(db);
	check_int("not created", stat(path, &st), -1);
	fill_table(dir, "some");
	state_path(path, dir, "some");
	check_err("to read", sqlite_db_open(&db, path, SQLITE_DB_READ), ERR_OK);
	check_err("to read", count_table_rows(db), ERR_OK);
	check_err("not to write", db_script(db, "DELETE FROM t"), ERR_STORE);
	check_int("not to write", db_fault(db), DB_TROUBLE);
	db_close(db);
}

static void
keep_pages(void *ctx, int pages)
{
	*(int *)ctx = pages;
}

static void
the_log(void **state)
{
	const char	*dir = state_new();
	struct db	*db = open_db(dir, "db"), *reader;
	int		 pages = 0, left = -1;
	int64_t		 n = 0;

	(void)state;
	check_err("WAL", db_script(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
	    "CREATE TABLE t (a)"), ERR_OK);
	sqlite_db_watch_wal(db, keep_pages, &pages);
	check_err("a commit", sqlite_db_run(db, NULL, "INSERT INTO t VALUES (1)", DB_NO_VALUES), ERR_OK);
	CHECK("pages are told", pages > 0);
	check_err("copied", sqlite_db_checkpoint(db, false, &left), ERR_OK);
	check_int("all of it", left, 0);
	check_err("begun again", sqlite_db_run(db, NULL, "INSERT INTO t VALUES (2)", DB_NO_VALUES), ERR_OK);
	CHECK("it is short", pages > 0 && pages < 3);

	/* Pages that a reader still needs cannot be overwritten. */
	reader = open_db(dir, "db");
	check_err("a reader", db_script(reader, "BEGIN"), ERR_OK);
	check_err("reads", sqlite_db_number(reader, &n, "SELECT count(*) FROM t", DB_NO_VALUES), ERR_OK);
	check_err("more", sqlite_db_run(db, NULL, "INSERT INTO t VALUES (3)", DB_NO_VALUES), ERR_OK);
	check_err("not all", sqlite_db_checkpoint(db, false, &left), ERR_OK);
	CHECK("some is left", left > 0);
	db_patience(db, 0);
	check_err("no restart meanwhile", sqlite_db_checkpoint(db, true, &left), ERR_STORE);
	check_int("busy", db_fault(db), DB_BUSY);
	check_err("reader ends", db_script(reader, "COMMIT"), ERR_OK);
	check_err("restart", sqlite_db_checkpoint(db, true, &left), ERR_OK);
	check_int("nothing is left", left, 0);
	db_close(reader);
	db_close(db);
}

/* What a question gathers goes to files without a name, and the answer is the same. */
static void
spills(void **state)
{
	static const char	 many[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
				    "WHERE i < 20000) SELECT count(*) FROM (SELECT DISTINCT "
				    "printf('%0500d', i * 7919 % 20011) AS t FROM n ORDER BY t)";
	const char	*dir = state_new();
	struct db	*db = open_db(dir, "db");
	int64_t		 n = 0, temp = 0;

	(void)state;
	check_err("spill", sqlite_db_spill(db, dir, 64), ERR_OK);
	db_limit(db, clock_mono_ms() + PATIENCE_MS);
	check_err("many", sqlite_db_number(db, &n, many, DB_NO_VALUES), ERR_OK);
	check_int("rows", n, 20000);
	check_err("where", sqlite_db_number(db, &temp, "PRAGMA temp_store", DB_NO_VALUES), ERR_OK);
	check_int("in files", temp, 1);
	db_close(db);
	db = open_db(dir, "db2");
	check_err("another", sqlite_db_spill(db, "/nowhere", 64), ERR_OK);
	check_err("as before", sqlite_db_number(db, &n, many, DB_NO_VALUES), ERR_OK);
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(values), TEST(made_values), TEST(made_sql), TEST(numbers_and_rows),
		TEST(what_is_wrong),
		TEST(many_statements), TEST(others_hold_it), TEST(damage), TEST(full),
		TEST(covered),
		TEST(cannot_open), TEST(the_log), TEST(spills),
	};

	return RUN("db", tests);
}
