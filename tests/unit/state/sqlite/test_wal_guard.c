#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/event_store.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/recover.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/store.h"
#include "state/sqlite/wal_guard.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { ROWS = 200, BODY = 700 };

/* Messages that wait, each in a transaction of its own; all of them are in the WAL. */
static void
make_waiting(const char *dir)
{
	static char	 body[BODY];
	struct db	*db = dbfile_open(dir, "qtoa.db");
	int		 i;

	for (i = 0; i < BODY; i++)
		body[i] = 'b';
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(db_script(db, "PRAGMA journal_mode = WAL; "
	    "PRAGMA wal_autocheckpoint = 0"), ERR_OK);
	for (i = 0; i < ROWS; i++)
		assert_int_equal(sqlite_db_run(db, NULL, "INSERT INTO message (key, account, received, "
		    "state, attempts, next, body) VALUES (CAST(?1 AS BLOB), 'shop', ?1, "
		    "'pending', 0, 1, ?2)", DB_VALUES(db_i(i),
		    db_b((struct slice){ body, BODY }))), ERR_OK);
	db_close(db);
}

/* Writes other bytes at a part of the WAL. */
static void
spoil_wal(const char *dir, double from, int n)
{
	char		 path[STATE_PATH];
	struct stat	 st;
	FILE		*f;

	state_path(path, dir, "qtoa.db-wal");
	assert_int_equal(stat(path, &st), 0);
	assert_non_null(f = fopen(path, "r+"));
	(void)fseek(f, (long)((double)st.st_size * from), SEEK_SET);
	while (n-- > 0)
		(void)fputc(n * 7 % 251 + 3, f);
	(void)fclose(f);
}

static enum error
count_rows(struct db *db, void *arg)
{
	return sqlite_db_number(db, arg, "SELECT count(*) FROM message", DB_NO_VALUES);
}

static int64_t
rows_of(struct store *s)
{
	int64_t	 n = -1;

	check_err("counted", store_do(s, STORE_READ, count_rows, &n, clock_mono_ms() + 10000),
	    ERR_OK);
	return n;
}

/* What SQLite drops without a word is taken over. */
static void
behind_damage(void **state)
{
	static const struct {
		const char	*name;
		double		 from;
		int		 bytes;
		bool		 copied;
		int64_t		 least;
	} cases[] = {
		{ "not damaged", 0, 0, false, ROWS },
		{ "a byte", .3, 1, true, ROWS - 1 },
		{ "20 kB in the middle", .5, 20000, true, ROWS - 10 },
		{ "its header", 0, 32, true, ROWS - 1 },
		{ "the last commit", .9999, 1000, false, ROWS - 1 },
	};
	struct settings	 set = { 0 };
	const char	*dir, *log;
	struct locks	*locks;
	struct store	*s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		set.state_dir = dir = state_new();
		log = state_log(dir);
		make_waiting(dir);
		if (cases[i].bytes != 0)
			spoil_wal(dir, cases[i].from, cases[i].bytes);
		assert_non_null(locks = lock_new(dir));
		assert_non_null(s = store_new(&set, locks, STORE_SERVER));
		CHECK(cases[i].name, !cases[i].copied || rows_of(s) < cases[i].least);
		check_int(cases[i].name, store_has_quarantine(s), cases[i].copied);
		check_int(cases[i].name, state_count(dir, "qtoa.db.damaged-", NULL),
		    cases[i].copied);
		(void)recover_run(s, s, dir, event_store_sources);
		(void)recover_run(s, s, dir, event_store_sources);
		if (!CHECK(cases[i].name, rows_of(s) >= cases[i].least && rows_of(s) <= ROWS))
			(void)fprintf(stderr, "%d rows\n", (int)rows_of(s));
		check_int(cases[i].name, state_log_lines(log, "qtoa.db-wal is damaged"),
		    cases[i].copied);
		check_int(cases[i].name, state_count(dir, "qtoa.db.rescued-", NULL),
		    cases[i].copied);
		store_free(s);
		/* At the next start nothing is left of it. */
		assert_non_null(s = store_new(&set, locks, STORE_SERVER));
		CHECK(cases[i].name, rows_of(s) >= cases[i].least);
		check_int("once", store_has_quarantine(s), 0);
		log_close();
		store_free(s);
		lock_free(locks);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(behind_damage) };

	return RUN("wal_guard", tests);
}
