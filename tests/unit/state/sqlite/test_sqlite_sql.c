#include <stdio.h>

#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/sqlite_sql.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/datacube/datacube_tables.h"

/* Each statement but those of what hosts share has a text, and all names in it are those of the schema. */
static void
prepared(void **state)
{
	struct db	*db = dbfile_open(state_new(), "qtoa.db");
	struct db_rows	 rows;
	char		 name[32];
	int		 i;

	(void)state;
	check_int("schema", schema_prepare(db), SCHEMA_READY);
	check_err("the tables of statistics", datacube_tables_prepare(db), ERR_OK);
	for (i = 0; i < SQL_STORE_WAITS; i++) {
		(void)snprintf(name, sizeof(name), "statement %d", i);
		assert_non_null(sqlite_sql_texts[i]);
		check_err(name, db_start(db, &rows, (enum sql)i, DB_NO_VALUES), ERR_OK);
		db_end(&rows);
	}
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(prepared),
	};

	return RUN("sqlite_sql", tests);
}
