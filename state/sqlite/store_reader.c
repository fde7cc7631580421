#include <stdio.h>

#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_reader.h"
#include "state/state_file.h"

enum error
store_reader_open(struct db **db, const char *dir, int64_t until_ms)
{
	char		 path[STATE_FILE_PATH];
	enum error	 er;

	(void)snprintf(path, sizeof(path), "%s/qtoa.db", dir);
	if ((er = sqlite_db_open(db, path, SQLITE_DB_READ)) == ERR_OK)
		db_patience(*db, until_ms);
	return er;
}

/* /tmp is not ours: files go to our own directory. */
enum error
store_reader_open_long(struct db **db, const char *dir, int64_t until_ms, int cache_kib)
{
	enum error	 er = store_reader_open(db, dir, until_ms);

	if (er != ERR_OK)
		return er;
	db_limit(*db, until_ms);
	return sqlite_db_spill(*db, dir, cache_kib);
}
