#include "core/clock.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 30000 };	/* the wait for other processes */

struct db *
dbfile_open(const char *dir, const char *name)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, dir, name);
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	db_patience(db, clock_mono_ms() + PATIENCE_MS);
	(void)db_script(db, "PRAGMA synchronous = OFF");
	return db;
}

int64_t
dbfile_number(struct db *db, const char *sql)
{
	int64_t	 i = -1;

	(void)sqlite_db_number(db, &i, sql, DB_NO_VALUES);
	return i;
}
