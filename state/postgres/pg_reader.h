/*
 * pg_reader.h: connections to a PostgreSQL store that only read; see store_read() in state/store.h.
 *
 * All that a connection reads is of one moment, that of its first statement, so the figures of a
 * page agree.  The server ends what still runs or waits some time after until_ms, also if this
 * process is stopped, because old versions of rows stay on its disk meanwhile.
 */
#ifndef STATE_POSTGRES_PG_READER_H
#define STATE_POSTGRES_PG_READER_H

#include <stdint.h>

#include "state/db.h"

/* url: see pg_conn_new().  The rest is as with store_read() and store_read_long(). */
enum error	pg_reader_open(struct db **db, const char *url, int64_t until_ms);

/* What a question sorts and gathers beyond cache_kib goes to the server's disk. */
enum error	pg_reader_open_long(struct db **db, const char *url, int64_t until_ms,
		    int cache_kib);

#endif
