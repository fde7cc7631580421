/*
 * sql.h: the SQL statements of the report's questions, made from the files in sql/ by sql.sh.
 */
#ifndef REPORT_SQL_H
#define REPORT_SQL_H

extern const char	sql_attribution[];
extern const char	sql_audience[];
extern const char	sql_days[];
extern const char	sql_distribution[];
extern const char	sql_event[];
extern const char	sql_follows[];
extern const char	sql_funnel[];
extern const char	sql_interval[];
extern const char	sql_latest[];
extern const char	sql_lifecycle[];
extern const char	sql_menu[];
extern const char	sql_messages[];
extern const char	sql_path[];
extern const char	sql_retention[];
extern const char	sql_scenes[];
extern const char	sql_sends[];
extern const char	sql_sources[];

#endif
