/*
 * pg_db.h: a connection to PostgreSQL, as state/db.h wants it.
 *
 * db_run() without *changed only sends its statement: if it fails, that shows at the next call that
 * needs an answer, or at pg_db_finish().  So the statements of many messages make one way to the
 * server and back.  A struct db of this header is one that pg_db_new() has made.
 */
#ifndef STATE_POSTGRES_PG_DB_H
#define STATE_POSTGRES_PG_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "state/db.h"
#include "state/postgres/pg_conn.h"

/* Opens nothing yet; url: see pg_conn_new().  NULL: no memory. */
struct db	*pg_db_new(const char *url);

/* Its connection, which db_close() closes. */
struct pg_conn	*pg_db_conn(struct db *db);

/*
 * Connects if need be; waits until until_ms, and so do all calls after it.  Looks at the server's
 * clock when it connects, then once a minute, and when this host's clock was set; it must not be
 * called within a transaction.  ERR_STORE.
 */
enum error	 pg_db_open(struct db *db, int64_t until_ms);

/*
 * alone: each statement is a transaction of its own if db_start() waits for its result, and takes
 * one way to the server and back.  A statement that was sent just before it is in it, too.
 */
void		 pg_db_set_alone(struct db *db, bool alone);

/* True: after the last failure the same may succeed at once. */
bool		 pg_db_may_retry(const struct db *db);

/*
 * Like db_run(), db_number() and db_start(), for SQL that is not in state/db_sql.h; parameters are
 * $1, $2, ...
 */
enum error	 pg_db_run(struct db *db, int64_t *changed, const char *sql,
		    const struct db_value *v, size_t n);
enum error	 pg_db_number(struct db *db, int64_t *i, const char *sql, const struct db_value *v,
		    size_t n);
enum error	 pg_db_start(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_value *v, size_t n);

/*
 * Takes all results that are open.  ERR_STORE: one of the statements failed.  sync: ends the
 * pipeline's transaction, also after a failure; outside of BEGIN and COMMIT it commits.
 */
enum error	 pg_db_finish(struct db *db, bool sync);

/*
 * Sends COMMIT and waits for it.  ERR_OK: it is committed, as durable as synchronous_commit says;
 * the server has not warned that it gave up the wait for a standby, nor has it undone the work.
 */
enum error	 pg_db_commit(struct db *db);
void		 pg_db_rollback(struct db *db);

/*
 * From here on db_close() ends the transaction that is open: a pooler closes its connection to the
 * server, too, if its client goes in the middle of one.
 */
void		 pg_db_end_at_close(struct db *db);

#endif
