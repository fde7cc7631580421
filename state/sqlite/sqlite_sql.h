/* sqlite_sql.h: the texts of all statements (state/db_sql.h) in SQLite's dialect. */
#ifndef STATE_SQLITE_SQLITE_SQL_H
#define STATE_SQLITE_SQLITE_SQL_H

#include "state/db_sql.h"

extern const char *const sqlite_sql_texts[SQL__MAX];

#endif
