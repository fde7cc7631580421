/*
 * sql.h: the SQL statements of the report's questions, made by sql.sh from the files in sql/.
 *
 * SQLite runs sql/NAME.sql as it stands.  PostgreSQL runs the same text after the rules of
 * sql/postgres.sed, or sql/pg/NAME.sql where that would not do: `sends`, since each dialect takes
 * lists and JSON apart in its own way, and `event`, which each planner does best in its own way.
 */
#ifndef REPORT_SQL_H
#define REPORT_SQL_H

#include "state/db.h"

extern const struct db_texts	sql_attribution;
extern const struct db_texts	sql_audience;
extern const struct db_texts	sql_days;
extern const struct db_texts	sql_distribution;
extern const struct db_texts	sql_event;
extern const struct db_texts	sql_follows;
extern const struct db_texts	sql_funnel;
extern const struct db_texts	sql_interval;
extern const struct db_texts	sql_latest;
extern const struct db_texts	sql_lifecycle;
extern const struct db_texts	sql_menu;
extern const struct db_texts	sql_messages;
extern const struct db_texts	sql_path;
extern const struct db_texts	sql_retention;
extern const struct db_texts	sql_scenes;
extern const struct db_texts	sql_sends;
extern const struct db_texts	sql_sources;

#endif
