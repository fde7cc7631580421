#include <limits.h>
#include <stdio.h>

#include "core/clock.h"
#include "state/postgres/pg_db.h"
#include "state/postgres/pg_reader.h"

enum { SLACK_MS = 1000 };	/* our own deadline comes before the server's */

/* Milliseconds until then, as the server takes them. */
static int
left_ms(int64_t until_ms)
{
	const int64_t	 ms = until_ms - clock_mono_ms();

	return ms < 0 ? SLACK_MS : ms > INT_MAX - SLACK_MS ? INT_MAX : (int)ms + SLACK_MS;
}

/* The settings end with the transaction, so a pooler may give the connection to others then. */
static enum error
begin_reading(struct db *db, int64_t until_ms)
{
	const int	 ms = left_ms(until_ms);
	char		 script[256];

	(void)snprintf(script, sizeof(script),
	    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
	    "SET LOCAL statement_timeout = %d;"
	    "SET LOCAL idle_in_transaction_session_timeout = %d", ms, ms);
	pg_db_end_at_close(db);
	return db_script(db, script);
}

enum error
pg_reader_open(struct db **db, const char *url, int64_t until_ms)
{
	enum error	 er;

	if ((*db = pg_db_new(url)) == NULL)
		return ERR_NOMEM;
	er = pg_db_open(*db, until_ms);
	return er == ERR_OK ? begin_reading(*db, until_ms) : er;
}

/* To compile a question takes the server longer than it saves. */
enum error
pg_reader_open_long(struct db **db, const char *url, int64_t until_ms, int cache_kib)
{
	enum error	 er = pg_reader_open(db, url, until_ms);
	char		 script[96];

	if (er != ERR_OK)
		return er;
	db_limit(*db, until_ms);
	(void)snprintf(script, sizeof(script), "SET LOCAL work_mem = '%dkB'; SET LOCAL jit = off",
	    cache_kib < 64 ? 64 : cache_kib);
	return db_script(*db, script);
}
