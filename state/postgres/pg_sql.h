/*
 * pg_sql.h: the texts of the statements (state/db_sql.h) in PostgreSQL's dialect.
 *
 * NULL: what is taken over from SQLite's files.
 */
#ifndef STATE_POSTGRES_PG_SQL_H
#define STATE_POSTGRES_PG_SQL_H

#include "state/db_sql.h"

extern const char *const pg_sql_texts[SQL__MAX];

#endif
