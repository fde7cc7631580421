/* store_reader.h: connections to state_dir/qtoa.db that only read; see store_read(). */
#ifndef STATE_SQLITE_STORE_READER_H
#define STATE_SQLITE_STORE_READER_H

#include "state/db.h"

enum error	store_reader_open(struct db **db, const char *dir, int64_t until_ms);
enum error	store_reader_open_long(struct db **db, const char *dir, int64_t until_ms,
		    int cache_kib);

#endif
