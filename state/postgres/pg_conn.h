/*
 * pg_conn.h: a connection to a PostgreSQL server, with deadlines that are ours.
 *
 * A server can keep a client waiting without end: statement_timeout does not cover the wait for a
 * standby, and a link can be half open.  So nothing here blocks.  At its deadline a call gives the
 * connection up; what was under way then may be done or not.
 *
 * Statements go into libpq's pipeline: they are sent one after the other without a wait for the
 * results, which come in the same order.  They are not prepared by name, so a pgbouncer that gives
 * each transaction another connection works, too.
 */
#ifndef STATE_POSTGRES_PG_CONN_H
#define STATE_POSTGRES_PG_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/db.h"

struct pg_conn;
struct pg_result;	/* libpq's PGresult */

enum { PG_CONN_VALUES = 48 };	/* parameters of a statement, at most */

/*
 * Opens nothing yet.  url: "postgresql://...", as libpq takes it; unless it says otherwise, of
 * several hosts the one that can be written is taken.  One that does not answer is not tried first
 * again.  NULL: no memory.
 */
struct pg_conn	*pg_conn_new(const char *url);
void		 pg_conn_free(struct pg_conn *c);

/*
 * Connects, if that is not done.  False: pg_conn_why().  If until_ms came first, the next call goes
 * on with the same connection, for a second at most.
 */
bool		 pg_conn_open(struct pg_conn *c, int64_t until_ms);

/* True until the connection was given up or has broken. */
bool		 pg_conn_is_open(const struct pg_conn *c);

/* Gives the connection up at once; the server undoes what was not committed. */
void		 pg_conn_close(struct pg_conn *c);

/* Puts a statement into the pipeline.  False: the connection is closed. */
bool		 pg_conn_send(struct pg_conn *c, const char *sql, const struct db_value *v,
		    size_t n);

/*
 * The same for a statement that the server has parsed and planned before, for this connection.
 * pg_conn_keep() has it done, under a number; v tells the types alone.  It has a result, too.
 */
bool		 pg_conn_keep(struct pg_conn *c, int number, const char *sql,
		    const struct db_value *v, size_t n);
bool		 pg_conn_send_kept(struct pg_conn *c, int number, const struct db_value *v,
		    size_t n);

/* The number of the server's process, as the connection was told. */
int		 pg_conn_process(const struct pg_conn *c);

/* How many statements were sent whose results are not taken. */
size_t		 pg_conn_pending(const struct pg_conn *c);

/*
 * Takes the result of the oldest of them, which may be a failure; the caller calls pg_conn_clear().
 * NULL: until_ms (monotonic) has come, or the connection has broken; it is closed.
 */
struct pg_result *pg_conn_take(struct pg_conn *c, int64_t until_ms);
void		 pg_conn_clear(struct pg_result *r);

/* True: something was sent since the last pg_conn_sync(). */
bool		 pg_conn_is_begun(const struct pg_conn *c);

/*
 * Ends the pipeline's transaction.  Nothing is sent after that before pg_conn_sync().  False: the
 * connection is closed.
 */
bool		 pg_conn_end(struct pg_conn *c);

/*
 * The same, if that was not done, and waits until the server has handled all that was sent before.
 * After a statement that failed, those that follow it fail until then.  All results are taken
 * before.  False: as with pg_conn_take().
 */
bool		 pg_conn_sync(struct pg_conn *c, int64_t until_ms);

/*
 * True: the result is not a failure.  Else *fault and why (also for pg_conn_why()) say what it is;
 * *retry: it may succeed at once, because another transaction was in the way.
 */
bool		 pg_conn_is_good(struct pg_conn *c, const struct pg_result *r,
		    enum db_fault *fault, bool *retry);

/*
 * The server's first warning since pg_conn_forget() was called; "": it has not warned.  A COMMIT
 * that was canceled while it waited for a standby succeeds with a warning.
 */
const char	*pg_conn_heard(struct pg_conn *c);
void		 pg_conn_forget(struct pg_conn *c);

const char	*pg_conn_why(const struct pg_conn *c);	/* the last failure in words */

const char	*pg_conn_library(void);	/* the version of libpq, as it runs here: "15.8" */

/* The server as it connected last, for messages: no user, no password. */
const char	*pg_conn_where(const struct pg_conn *c);

/* True: the open connection has TLS; true: it does not leave this host. */
bool		 pg_conn_is_encrypted(const struct pg_conn *c);
bool		 pg_conn_is_near(const struct pg_conn *c);

#endif
