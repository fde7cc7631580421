#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include <sqlite3.h>

#include "core/clock.h"
#include "state/db_engine.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/sqlite_sql.h"

enum {
	STATEMENTS = 64,	/* that are kept prepared, besides those of state/db_sql.h */
	PAUSE_MIN_US = 100,	/* between two tries to lock a database that others hold */
	PAUSE_MAX_US = 2000,
	STEPS = 10000,		/* of SQLite's virtual machine, between two looks at the clock */
	CHUNK = 128 * 1024,	/* bytes by which sqlite_db_cover() makes a file longer */
	CHUNK_LEAST = 512	/* the same on a disk that is nearly full */
};

struct statement {
	const char	*sql;
	sqlite3_stmt	*stmt;
};

struct sqlite_db {
	struct db		 base;
	sqlite3			*sq;
	sqlite3_stmt		*named[SQL__MAX];	/* NULL: not prepared yet */
	struct statement	 st[STATEMENTS];
	size_t			 n;
	int64_t			 limit_ms;	/* stop statements then; see db_limit() */
	char			*spill_dir;	/* see sqlite_db_spill(); NULL: no files */
	uint64_t		 room_least;	/* bytes; stop statements when less is free there */
	bool			 no_room;	/* a statement was stopped for that */
	sqlite_db_wal_pages	*watch;
	void			*watch_ctx;
};

static const struct db_engine	 engine;

static struct sqlite_db *
sqlite_of(struct db *db)
{
	return (struct sqlite_db *)db;
}

static const struct sqlite_db *
const_of(const struct db *db)
{
	return (const struct sqlite_db *)db;
}

/* SQLite calls this while others hold the database.  0: stop waiting. */
static int
wait_while_busy(void *arg, int times)
{
	const struct sqlite_db	*db = arg;
	long			 us = PAUSE_MIN_US;
	struct timespec		 t;

	if (db->base.until_ms == 0 || clock_mono_ms() >= db->base.until_ms)
		return 0;
	while (times-- > 0 && us < PAUSE_MAX_US)
		us += us / 2;
	t = (struct timespec){ 0, us * 1000 };
	(void)nanosleep(&t, NULL);
	return 1;
}

/* error: the system's, behind one of SQLite's. */
static enum db_fault
fault_of(int rc, int error)
{
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return DB_FULL;
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return DB_BUSY;
	case SQLITE_FULL:
		return DB_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return DB_DAMAGED;
	default:
		return DB_TROUBLE;
	}
}

static enum error
record_fault(struct sqlite_db *db, int rc)
{
	int		 error = errno;
	const char	*text = db->sq != NULL ? sqlite3_errmsg(db->sq) : sqlite3_errstr(rc);
	const int	 kind = rc & 0xff;

	/* sqlite3_system_errno() does not know the errors of a COMMIT. */
	if (kind != SQLITE_IOERR && kind != SQLITE_CANTOPEN)
		error = 0;
	db->base.fault = fault_of(rc, error);
	if (kind == SQLITE_INTERRUPT && db->no_room) {
		db->base.fault = DB_FULL;
		text = "the question needs more than half of the room that is left on the disk";
	}
	(void)snprintf(db->base.why, sizeof(db->base.why), "%s%s%s", text, error != 0 ? ": " : "",
	    error != 0 ? strerror(error) : "");
	return ERR_STORE;
}

enum error
sqlite_db_open(struct db **out, const char *file, enum sqlite_db_mode mode)
{
	int			 flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	struct sqlite_db	*db;
	int			 rc;

	*out = NULL;
	if ((db = calloc(1, sizeof(*db))) == NULL)
		return ERR_NOMEM;
	db->base.engine = &engine;
	*out = &db->base;
	/* SQLite refuses it after the first connection, which has done it already. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	flags |= mode == SQLITE_DB_READ ? SQLITE_OPEN_READONLY :
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	errno = 0;
	if ((rc = sqlite3_open_v2(file, &db->sq, flags, db_index_vfs())) != SQLITE_OK)
		return record_fault(db, rc);
	(void)sqlite3_extended_result_codes(db->sq, 1);
	(void)sqlite3_busy_handler(db->sq, wait_while_busy, db);
	/* To close a connection must not take the time of a checkpoint. */
	(void)sqlite3_db_config(db->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return ERR_OK;
}

static void
close_db(struct db *base)
{
	struct sqlite_db	*db = sqlite_of(base);
	size_t			 i;

	for (i = 0; i < SQL__MAX; i++)
		(void)sqlite3_finalize(db->named[i]);
	for (i = 0; i < db->n; i++)
		(void)sqlite3_finalize(db->st[i].stmt);
	(void)sqlite3_close(db->sq);
	free(db->spill_dir);
	free(db);
}

bool
sqlite_db_in_transaction(const struct db *db)
{
	return sqlite3_get_autocommit(const_of(db)->sq) == 0;
}

/* Lets the file grow to a multiple of chunk.  SQLite reserves blocks only for files with chunks. */
static bool
grow_in_chunks(struct sqlite_db *db, int chunk, int64_t bytes)
{
	sqlite3_int64	 size = bytes;
	int		 none = 0, rc;

	(void)sqlite3_file_control(db->sq, NULL, SQLITE_FCNTL_CHUNK_SIZE, &chunk);
	rc = sqlite3_file_control(db->sq, NULL, SQLITE_FCNTL_SIZE_HINT, &size);
	/* A checkpoint cuts the file to whole chunks, and what it adds then would be a hole. */
	(void)sqlite3_file_control(db->sq, NULL, SQLITE_FCNTL_CHUNK_SIZE, &none);
	return rc == SQLITE_OK;
}

enum error
sqlite_db_cover(struct db *db, int64_t bytes)
{
	if (grow_in_chunks(sqlite_of(db), CHUNK, bytes) ||
	    grow_in_chunks(sqlite_of(db), CHUNK_LEAST, bytes))
		return ERR_OK;
	db->fault = DB_FULL;
	(void)snprintf(db->why, sizeof(db->why), "the disk is full, or a quota or limit of the "
	    "file's size is reached");
	return ERR_STORE;
}

static enum error
run_script(struct db *db, const char *sql)
{
	int	 rc;

	errno = 0;
	rc = sqlite3_exec(sqlite_of(db)->sq, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? ERR_OK : record_fault(sqlite_of(db), rc);
}

/*
 * Prepares a statement that is kept.  Before 3.35 SQLite does not know the word MATERIALIZED, which
 * changes how fast a question is answered, but not the answer: it is left out then.
 */
static int
prepare_statement(struct sqlite_db *db, sqlite3_stmt **stmt, const char *sql)
{
	static const char	 word[] = "MATERIALIZED";
	const bool		 known = sqlite3_libversion_number() >= 3035000;
	char			*copy, *at;
	int			 rc;

	if (known || strstr(sql, word) == NULL)
		return sqlite3_prepare_v3(db->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	if ((copy = sqlite3_mprintf("%s", sql)) == NULL)
		return SQLITE_NOMEM;
	while ((at = strstr(copy, word)) != NULL)
		memset(at, ' ', sizeof(word) - 1);
	rc = sqlite3_prepare_v3(db->sq, copy, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	sqlite3_free(copy);
	return rc;
}

static enum error
find_statement(struct sqlite_db *db, sqlite3_stmt **stmt, const char *sql)
{
	size_t	 i;
	int	 rc;

	for (i = 0; i < db->n; i++)
		if (db->st[i].sql == sql) {
			*stmt = db->st[i].stmt;
			return ERR_OK;
		}
	if (db->n == STATEMENTS)	/* drop the oldest */
		(void)sqlite3_finalize(db->st[0].stmt);
	errno = 0;
	rc = prepare_statement(db, stmt, sql);
	if (db->n == STATEMENTS)
		memmove(&db->st[0], &db->st[1], --db->n * sizeof(db->st[0]));
	if (rc != SQLITE_OK)
		return record_fault(db, rc);
	db->st[db->n++] = (struct statement){ sql, *stmt };
	return ERR_OK;
}

static int
bind_value(sqlite3_stmt *stmt, int i, const struct db_value *v)
{
	switch (v->type) {
	case DB_NULL:
		break;
	case DB_INT:
		return sqlite3_bind_int64(stmt, i, v->i);
	case DB_TEXT:
		return sqlite3_bind_text64(stmt, i, v->s.p, v->s.len, SQLITE_STATIC, SQLITE_UTF8);
	case DB_BLOB:
		return sqlite3_bind_blob64(stmt, i, v->s.p, v->s.len, SQLITE_STATIC);
	}
	return sqlite3_bind_null(stmt, i);
}

static enum error
bind_values(struct db_rows *rows, const struct db_value *v, size_t n)
{
	size_t	 i;
	int	 rc;

	for (i = 0; i < n; i++)
		if ((rc = bind_value(rows->stmt, (int)i + 1, &v[i])) != SQLITE_OK)
			return record_fault(sqlite_of(rows->db), rc);
	return ERR_OK;
}

static enum error
bind_named(struct db_rows *rows, const struct db_named *v, size_t n)
{
	size_t	 i;
	int	 at, rc;

	for (i = 0; i < n; i++)
		if ((at = sqlite3_bind_parameter_index(rows->stmt, v[i].name)) != 0 &&
		    (rc = bind_value(rows->stmt, at, &v[i].v)) != SQLITE_OK)
			return record_fault(sqlite_of(rows->db), rc);
	return ERR_OK;
}

static enum error
start_statement(struct db *db, struct db_rows *rows, enum sql sql, const struct db_value *v,
    size_t n)
{
	sqlite3_stmt	**stmt = &sqlite_of(db)->named[sql];
	int		 rc;

	*rows = (struct db_rows){ .db = db };
	errno = 0;
	if (*stmt == NULL &&
	    (rc = prepare_statement(sqlite_of(db), stmt, sqlite_sql_texts[sql])) != SQLITE_OK)
		return record_fault(sqlite_of(db), rc);
	rows->stmt = *stmt;
	return bind_values(rows, v, n);
}

enum error
sqlite_db_start(struct db *db, struct db_rows *rows, const char *sql, const struct db_value *v,
    size_t n)
{
	sqlite3_stmt	*stmt = NULL;
	enum error	 er;

	*rows = (struct db_rows){ .db = db };
	if ((er = find_statement(sqlite_of(db), &stmt, sql)) != ERR_OK)
		return er;
	rows->stmt = stmt;
	return bind_values(rows, v, n);
}

static enum error
ask_question(struct db *db, struct db_rows *rows, const char *sql, const struct db_named *v,
    size_t n)
{
	enum error	 er = sqlite_db_start(db, rows, sql, DB_NO_VALUES);

	return er == ERR_OK ? bind_named(rows, v, n) : er;
}

static enum error
start_text(struct db *db, struct db_rows *rows, const char *sql, const struct db_named *v,
    size_t n)
{
	sqlite3_stmt	*stmt = NULL;
	int		 rc;

	*rows = (struct db_rows){ .db = db, .once = true };
	errno = 0;
	if ((rc = sqlite3_prepare_v2(sqlite_of(db)->sq, sql, -1, &stmt, NULL)) != SQLITE_OK)
		return record_fault(sqlite_of(db), rc);
	rows->stmt = stmt;
	return bind_named(rows, v, n);
}

static int
count_cols(const struct db_rows *rows)
{
	return sqlite3_column_count(rows->stmt);
}

static const char *
col_name(const struct db_rows *rows, int col)
{
	const char	*name = sqlite3_column_name(rows->stmt, col);

	return name == NULL ? "" : name;
}

static enum db_type
col_type(const struct db_rows *rows, int col)
{
	switch (sqlite3_column_type(rows->stmt, col)) {
	case SQLITE_NULL:
		return DB_NO_VALUE;
	case SQLITE_INTEGER:
		return DB_INTEGER;
	case SQLITE_FLOAT:
		return DB_REAL;
	default:
		return DB_OTHER;
	}
}

static double
col_real(const struct db_rows *rows, int col)
{
	return sqlite3_column_double(rows->stmt, col);
}

/* Bytes that are free on the disk of a directory; UINT64_MAX: the system does not tell. */
static uint64_t
free_bytes_of(const char *dir)
{
	struct statvfs	 st;

	return statvfs(dir, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : UINT64_MAX;
}

/* SQLite calls this now and then while a statement runs.  Not 0: stop it. */
static int
is_over_limit(void *arg)
{
	struct sqlite_db	*db = arg;

	if (db->limit_ms != 0 && clock_mono_ms() >= db->limit_ms)
		return 1;
	db->no_room = db->spill_dir != NULL && free_bytes_of(db->spill_dir) < db->room_least;
	return db->no_room;
}

/* The library has one directory for all connections, and reads it when it opens a file. */
static void
set_spill_directory(const char *dir)
{
	static pthread_mutex_t	 lock = PTHREAD_MUTEX_INITIALIZER;

	(void)pthread_mutex_lock(&lock);
	if (sqlite3_temp_directory == NULL)
		sqlite3_temp_directory = sqlite3_mprintf("%s", dir);
	(void)pthread_mutex_unlock(&lock);
}

enum error
sqlite_db_spill(struct db *base, const char *dir, int cache_kib)
{
	struct sqlite_db	*db = sqlite_of(base);
	char			 sql[80];

	set_spill_directory(dir);
	if ((db->spill_dir = strdup(dir)) == NULL)
		return ERR_NOMEM;
	db->room_least = free_bytes_of(dir) / 2;
	(void)snprintf(sql, sizeof(sql), "PRAGMA temp_store = FILE; PRAGMA cache_size = -%d",
	    cache_kib);
	return run_script(base, sql);
}

static void
set_limit(struct db *db, int64_t until_ms)
{
	sqlite_of(db)->limit_ms = until_ms;
	sqlite3_progress_handler(sqlite_of(db)->sq, until_ms == 0 ? 0 : STEPS, is_over_limit,
	    sqlite_of(db));
}

static bool
next_row(struct db_rows *rows, enum error *er)
{
	int	 rc;

	errno = 0;
	rc = sqlite3_step(rows->stmt);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		*er = record_fault(sqlite_of(rows->db), rc);
	return false;
}

static void
end_rows(struct db_rows *rows)
{
	/* If the statement failed, next_row() has returned its error already. */
	if (rows->stmt != NULL && rows->once)
		(void)sqlite3_finalize(rows->stmt);
	else if (rows->stmt != NULL)
		(void)sqlite3_reset(rows->stmt);
	rows->stmt = NULL;
}

static int64_t
col_int(const struct db_rows *rows, int col)
{
	return sqlite3_column_int64(rows->stmt, col);
}

static struct slice
col_bytes(const struct db_rows *rows, int col)
{
	struct slice	 s = { NULL, 0 };

	if (sqlite3_column_type(rows->stmt, col) == SQLITE_NULL)
		return s;
	s.p = sqlite3_column_blob(rows->stmt, col);
	s.len = (size_t)sqlite3_column_bytes(rows->stmt, col);
	if (s.p == NULL)	/* so SQLite gives an empty blob */
		s.p = "";
	return s;
}

static int64_t
count_changed(const struct db_rows *rows)
{
	return sqlite3_changes(sqlite_of(rows->db)->sq);
}

/* Runs a started statement to its end, unless er says that it did not start. */
static enum error
finish_rows(struct db_rows *rows, int64_t *changed, enum error er)
{
	while (er == ERR_OK && next_row(rows, &er))
		;
	end_rows(rows);
	if (er == ERR_OK && changed != NULL)
		*changed = count_changed(rows);
	return er;
}

static enum error
run_statement(struct db *db, int64_t *changed, enum sql sql, const struct db_value *v, size_t n)
{
	struct db_rows	 rows;

	return finish_rows(&rows, changed, start_statement(db, &rows, sql, v, n));
}

enum error
sqlite_db_run(struct db *db, int64_t *changed, const char *sql, const struct db_value *v,
    size_t n)
{
	struct db_rows	 rows;

	return finish_rows(&rows, changed, sqlite_db_start(db, &rows, sql, v, n));
}

enum error
sqlite_db_number(struct db *db, int64_t *i, const char *sql, const struct db_value *v, size_t n)
{
	struct db_rows	 rows;
	enum error	 er = sqlite_db_start(db, &rows, sql, v, n);

	if (er == ERR_OK && next_row(&rows, &er) && col_type(&rows, 0) != DB_NO_VALUE)
		*i = col_int(&rows, 0);
	end_rows(&rows);
	return er;
}

static enum error
run_again(struct db *db, struct db_again *a, const struct db_named *v, size_t n)
{
	struct db_rows	 rows = { .db = db };
	sqlite3_stmt	*stmt = a->stmt;
	int		 rc;

	errno = 0;
	if (stmt == NULL && (rc = sqlite3_prepare_v2(sqlite_of(db)->sq, a->sql, -1, &stmt,
	    NULL)) != SQLITE_OK)
		return record_fault(sqlite_of(db), rc);
	rows.stmt = a->stmt = stmt;
	return finish_rows(&rows, NULL, bind_named(&rows, v, n));
}

static void
end_again(struct db *db, struct db_again *a)
{
	(void)db;
	(void)sqlite3_finalize(a->stmt);
	a->stmt = NULL;
}

/* Writes one page, with the version that it has already. */
static enum error
rewrite_version(struct db *db)
{
	char		 sql[48];
	int64_t		 version = 0;
	enum error	 er;

	er = sqlite_db_number(db, &version, sqlite_sql_texts[SQL_VERSION],
	    DB_NO_VALUES);
	if (er != ERR_OK)
		return er;
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)version);
	return run_script(db, sql);
}

static const struct db_engine	 engine = {
	.name		= "qtoa.db",
	.dialect	= DB_SQLITE,
	.words		= { "TEXT", "INTEGER", "REAL", " WITHOUT ROWID" },
	.close		= close_db,
	.limit		= set_limit,
	.touch		= rewrite_version,
	.run		= run_statement,
	.start		= start_statement,
	.ask		= ask_question,
	.start_text	= start_text,
	.again		= run_again,
	.again_end	= end_again,
	.script		= run_script,
	.next		= next_row,
	.end		= end_rows,
	.changed	= count_changed,
	.cols		= count_cols,
	.col_name	= col_name,
	.col_type	= col_type,
	.col_real	= col_real,
	.col_int	= col_int,
	.col		= col_bytes,
};

enum error
sqlite_db_checkpoint(struct db *db, bool restart, int *left)
{
	int	 pages = 0, done = 0, rc;

	errno = 0;
	rc = sqlite3_wal_checkpoint_v2(sqlite_of(db)->sq, NULL,
	    restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
	*left = pages - done;
	return rc == SQLITE_OK ? ERR_OK : record_fault(sqlite_of(db), rc);
}

static int
on_commit(void *arg, sqlite3 *sq, const char *name, int pages)
{
	const struct sqlite_db	*db = arg;

	(void)sq, (void)name;
	db->watch(db->watch_ctx, pages);
	return SQLITE_OK;
}

void
sqlite_db_watch_wal(struct db *db, sqlite_db_wal_pages *fn, void *ctx)
{
	sqlite_of(db)->watch = fn;
	sqlite_of(db)->watch_ctx = ctx;
	(void)sqlite3_wal_hook(sqlite_of(db)->sq, on_commit, sqlite_of(db));
}

/* The WAL is renamed first: a new database with the old name must not find it. */
static const char *const	 ends[] = { "-wal", "-shm", "-journal", "" };

bool
sqlite_db_rename(const char *from, const char *to)
{
	char	 old[1440], new[1440];
	size_t	 i;
	int	 error = 0;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(old, sizeof(old), "%s%s", from, ends[i]);
		(void)snprintf(new, sizeof(new), "%s%s", to, ends[i]);
		if (rename(old, new) == -1 && errno != ENOENT)
			error = errno;
	}
	errno = error;
	return error == 0;
}

bool
sqlite_db_rename_beside(const struct db *db, const char *to)
{
	return db_index_rename(const_of(db)->sq, to);
}

bool
sqlite_db_is_beside(const char *name)
{
	const char	*end = strrchr(name, '-');
	size_t		 i;

	for (i = 0; end != NULL && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(end, ends[i]) == 0)
			return true;
	return false;
}

enum db_index_beside
sqlite_db_look_beside(struct db *db)
{
	return db_index_look(sqlite_of(db)->sq);
}

bool
sqlite_db_restore_wal(struct db *db, const char *aside)
{
	return db_index_restore_wal(sqlite_of(db)->sq, aside);
}

const char *
sqlite_db_library(void)
{
	return sqlite3_libversion();
}
