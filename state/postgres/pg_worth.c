#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/clock.h"
#include "state/postgres/pg_db.h"
#include "state/postgres/pg_schema.h"
#include "state/postgres/pg_worth.h"

enum {
	PROBES	= 100,		/* commits, at most */
	PROBES_MS = 2000	/* for all of them */
};

static void
copy_slice(char *to, size_t size, struct slice s)
{
	(void)snprintf(to, size, "%.*s", (int)s.len, s.p == NULL ? "" : s.p);
}

/* Keeps the first reason. */
static void
keep_why(struct store_worth *w, const struct db *db)
{
	if (*w->why == '\0')
		(void)snprintf(w->why, sizeof(w->why), "%s", db_why(db));
}

/* The same URL for a server that cannot be written. */
static struct db *
new_for_any(const char *url)
{
	struct buf	 b = { 0 };
	struct db	*db = NULL;

	if (buf_printf(&b, "%s%starget_session_attrs=any", url,
	    strchr(url, '?') == NULL ? "?" : "&") == ERR_OK && buf_putc(&b, '\0') == ERR_OK)
		db = pg_db_new(b.p);
	buf_free(&b);
	return db;
}

/*
 * Connects as the program does; if that fails, to a server that may be a standby, to find out.
 * NULL: no connection.
 */
static struct db *
connect_somehow(struct store_worth *w, const char *url, int64_t until_ms)
{
	struct db	*db = pg_db_new(url);

	if (db != NULL && pg_db_open(db, until_ms) == ERR_OK)
		return db;
	if (db != NULL)
		keep_why(w, db);
	db_close(db);
	db = new_for_any(url);
	if (db != NULL && pg_db_open(db, until_ms) == ERR_OK)
		return db;
	db_close(db);
	return NULL;
}

/* A row of one statement, which must give one.  False: w->why. */
static bool
ask_row(struct store_worth *w, struct db *db, struct db_rows *rows, const char *sql)
{
	enum error	 er = pg_db_start(db, rows, sql, DB_NO_VALUES);

	if (er == ERR_OK && db_next(rows, &er))
		return true;
	keep_why(w, db);
	db_end(rows);
	(void)pg_db_finish(db, true);
	return false;
}

static void
ask_version(struct store_worth *w, struct db *db)
{
	struct db_rows	 rows;
	struct slice	 s;

	if (!ask_row(w, db, &rows, "SELECT version()"))
		return;
	/* "PostgreSQL 15.20 (Debian ...) on x86_64..." */
	s = db_col(&rows, 0);
	copy_slice(w->version, sizeof(w->version), s);
	w->version[strcspn(w->version, "(,")] = '\0';
	if (strstr(w->version, " on ") != NULL)
		*strstr(w->version, " on ") = '\0';
	while (*w->version != '\0' && w->version[strlen(w->version) - 1] == ' ')
		w->version[strlen(w->version) - 1] = '\0';
	db_end(&rows);
}

/*
 * Standbys are seen without their state by a user who has not the rights of pg_monitor: then the
 * fourth column from the end is NULL.
 */
static const char	 questions[] =
	"SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
	" current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',"
	" current_setting('synchronous_commit') IN ('off', 'local'),"
	" current_setting('synchronous_standby_names'),"
	" (extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
	" (SELECT CASE WHEN count(*) = count(sync_state) THEN"
	" sum(CASE WHEN sync_state IN ('sync', 'quorum') THEN 1 ELSE 0 END) END"
	" FROM pg_stat_replication)::bigint,"
	" (SELECT count(*) FROM pg_stat_replication)::bigint";

static void
ask_settings(struct store_worth *w, struct db *db)
{
	const int64_t	 begin_ms = clock_wall_ms(), begin = clock_mono_ms();
	struct db_rows	 rows;

	if (!ask_row(w, db, &rows, questions))
		return;
	w->is_asked = true;
	w->is_standby = db_col_int(&rows, 0) != 0;
	w->is_read_only = db_col_int(&rows, 1) != 0;
	w->syncs = db_col_int(&rows, 2) != 0;
	w->writes_full_pages = db_col_int(&rows, 3) != 0;
	w->is_off = db_col_int(&rows, 4) != 0;
	copy_slice(w->standbys, sizeof(w->standbys), db_col(&rows, 5));
	/* The server has looked at its clock in the middle of that time. */
	w->ahead_ms = db_col_int(&rows, 6) - begin_ms - (clock_mono_ms() - begin) / 2;
	w->following = db_col_int(&rows, 8);
	w->waited_for = db_col_type(&rows, 7) != DB_NO_VALUE ? db_col_int(&rows, 7) :
	    w->following == 0 ? 0 : -1;
	db_end(&rows);
}

static const char	 rights[] =
	"SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),"
	" (SELECT coalesce(string_agg(relname, ', ' ORDER BY relname), '')"
	" FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND relnamespace ="
	" (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('qtoa_schema'))"
	" AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')"
	" AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')))";

static void
ask_rights(struct store_worth *w, struct db *db)
{
	struct db_rows	 rows;

	if (!ask_row(w, db, &rows, rights))
		return;
	w->may_create = db_col_int(&rows, 0) != 0;
	copy_slice(w->forbidden, sizeof(w->forbidden), db_col(&rows, 1));
	db_end(&rows);
}

/*
 * Commits.
 */

static int64_t
now_us(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* One commit as the program makes it; the row gets the value that it has. */
static enum error
probe(struct db *db, bool replica)
{
	enum error	 er;

	if ((er = pg_db_run(db, NULL, "BEGIN", DB_NO_VALUES)) == ERR_OK &&
	    (er = pg_db_run(db, NULL, replica ? "SET LOCAL synchronous_commit = on" :
	    "SET LOCAL synchronous_commit = local", DB_NO_VALUES)) == ERR_OK &&
	    (er = db_touch(db)) == ERR_OK)
		er = pg_db_commit(db);
	return er;
}

static int
compare_us(const void *a, const void *b)
{
	const int64_t	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
measure_commits(struct store_worth *w, struct db *db, bool replica, int64_t until_ms)
{
	int64_t	 us[PROBES], begin_us, end_ms = clock_mono_ms() + PROBES_MS;
	int	 n = 0;

	end_ms = end_ms < until_ms ? end_ms : until_ms;
	db_patience(db, end_ms);
	/* The first one is longer, and tells only if it works. */
	if ((w->failed = probe(db, replica) != ERR_OK) == 0)
		for (; n < PROBES && clock_mono_ms() < end_ms; n++) {
			begin_us = now_us();
			if (probe(db, replica) != ERR_OK)
				break;
			us[n] = now_us() - begin_us;
		}
	w->probes = n + w->failed;
	if (w->failed != 0)
		keep_why(w, db);
	if (n == 0)
		return;
	qsort(us, (size_t)n, sizeof(us[0]), compare_us);
	w->p50_us = us[n / 2];
	w->p99_us = us[n * 99 / 100];
}

void
pg_worth_ask(struct store_worth *w, const char *url, bool replica, int64_t until_ms)
{
	struct db	*db;

	w->schema = -1;
	if ((db = connect_somehow(w, url, until_ms)) == NULL)
		return;
	w->is_connected = true;
	(void)snprintf(w->where, sizeof(w->where), "%s", pg_conn_where(pg_db_conn(db)));
	w->is_encrypted = pg_conn_is_encrypted(pg_db_conn(db));
	w->is_near = pg_conn_is_near(pg_db_conn(db));
	ask_version(w, db);
	ask_settings(w, db);
	if (pg_schema_look(db, &w->schema, &w->ours) != ERR_OK)
		keep_why(w, db);
	ask_rights(w, db);
	(void)pg_db_finish(db, true);
	if (w->is_asked && !w->is_standby && !w->is_read_only && *w->forbidden == '\0' &&
	    w->schema != -1 && w->schema <= w->ours && (!replica || *w->standbys != '\0'))
		measure_commits(w, db, replica, until_ms);
	db_close(db);
}
