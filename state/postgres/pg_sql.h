/*
 * pg_sql.h: the texts of the statements (state/db_sql.h) in PostgreSQL's dialect.
 *
 * NULL: what is taken over from SQLite's files.
 */
#ifndef STATE_POSTGRES_PG_SQL_H
#define STATE_POSTGRES_PG_SQL_H

#include "state/db_sql.h"

extern const char *const pg_sql_texts[SQL__MAX];

/*
 * The number of a text of these which the server had better keep for a connection, since each
 * message needs it.  Its plan does not depend on how large the tables are.  -1: any other text.
 */
enum { PG_SQL_KEPT = 2 };
int	pg_sql_kept(const char *text);

#endif
