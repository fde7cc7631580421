#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 30000, REGION = 32768 };

struct cut {
	const char	*name;
	int64_t		 rows;		/* of a page each */
	off_t		 len;		/* that is left of the index */
	const char	*dir;
};

static struct db *
open_db(const char *dir)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, dir, "db");
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	db_patience(db, clock_mono_ms() + PATIENCE_MS);
	(void)db_script(db, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF");
	return db;
}

static int64_t
count_rows(struct db *db)
{
	int64_t	 n = -1;

	(void)sqlite_db_number(db, &n, "SELECT count(*) FROM t", DB_NO_VALUES);
	return n;
}

/* Another process that has the database open while its index is cut. */
static void
hold_db(struct other *me, void *arg)
{
	const struct cut	*c = arg;
	struct db		*db = open_db(c->dir);

	OTHER_CHECK(db_script(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(a)") == ERR_OK);
	OTHER_CHECK(sqlite_db_run(db, NULL, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
	    "FROM n WHERE i < ?) INSERT INTO t SELECT zeroblob(4000) FROM n",
	    DB_VALUES(db_i(c->rows))) == ERR_OK);
	other_say(me);
	OTHER_CHECK(other_hear(me));
	OTHER_CHECK(count_rows(db) == c->rows + 1);
	OTHER_CHECK(db_script(db, "INSERT INTO t VALUES(2)") == ERR_OK);
	db_close(db);
}

/* The index is cut while a process uses it: the next one makes it again, and no row is lost. */
static void
cut_short(void **state)
{
	static const struct cut	 cases[] = {
		{ "all of it", 10, 0, NULL },
		{ "half of the head", 10, 48, NULL },
		{ "behind the head", 10, 100, NULL },
		{ "behind a page", 10, 4096, NULL },
		{ "within the hashes", 10, 20000, NULL },
		{ "the last byte", 10, REGION - 1, NULL },
		{ "the second region", 5000, REGION, NULL },
		{ "within the second region", 5000, REGION + 9000, NULL },
		{ "within the first of two", 5000, 9000, NULL },
	};
	struct cut		 c;
	char			 path[STATE_PATH];
	struct other		 o;
	struct db		*db;
	size_t			 i;
	int			 tries;
	enum error		 er;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		c = cases[i];
		c.dir = state_new();
		other_begin(&o, hold_db, &c);
		CHECK(c.name, other_hear(&o));
		state_path(path, c.dir, "db-shm");
		assert_int_equal(truncate(path, c.len), 0);
		db = open_db(c.dir);
		/* The first call may find out that the index is no good. */
		for (tries = 0, er = ERR_STORE; tries < 3 && er != ERR_OK; tries++)
			er = db_script(db, "INSERT INTO t VALUES(1)");
		check_err(c.name, er, ERR_OK);
		check_int(c.name, count_rows(db), c.rows + 1);
		other_say(&o);
		check_int(c.name, other_end(&o), 0);
		check_int(c.name, count_rows(db), c.rows + 2);
		db_close(db);
	}
}

/* A process whose own index is cut does not write. */
static void
cut_short_alone(void **state)
{
	static const struct cut	 cases[] = {
		{ "within the hashes", 10, 20000, NULL },
		{ "the last page", 10, REGION - 4096, NULL },
	};
	const char	*dir;
	char		 path[STATE_PATH];
	struct db	*db;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		db = open_db(dir);
		assert_int_equal(db_script(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(a); "
		    "INSERT INTO t VALUES(1)"), ERR_OK);
		state_path(path, dir, "db-shm");
		assert_int_equal(truncate(path, cases[i].len), 0);
		check_err(cases[i].name, db_script(db, "BEGIN IMMEDIATE"), ERR_STORE);
		check_int(cases[i].name, db_fault(db), DB_TROUBLE);
		db_close(db);
		db = open_db(dir);
		check_int(cases[i].name, count_rows(db), 1);
		check_err(cases[i].name, db_script(db, "INSERT INTO t VALUES(2)"), ERR_OK);
		db_close(db);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(cut_short),
		TEST(cut_short_alone),
	};

	return RUN("db_index", tests);
}
