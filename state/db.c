#include "core/number.h"
#include "state/db_engine.h"

void
db_close(struct db *db)
{
	if (db != NULL)
		db->engine->close(db);
}

void
db_patience(struct db *db, int64_t until_ms)
{
	db->until_ms = until_ms;
	db->fault = DB_FINE;
	db->why[0] = '\0';
}

void
db_limit(struct db *db, int64_t until_ms)
{
	db->engine->limit(db, until_ms);
}

enum db_fault
db_fault(const struct db *db)
{
	return db->fault;
}

const char *
db_why(const struct db *db)
{
	return db->why;
}

const char *
db_name(const struct db *db)
{
	return db->engine->name;
}

bool
db_is_shared(const struct db *db)
{
	return db->engine->is_shared;
}

int64_t
db_skew_ms(const struct db *db)
{
	return db->skew_ms;
}

/* Moves a time by so much; what is no time stays, and a time stays one. */
static int64_t
move_time(int64_t t, int64_t by)
{
	if (t <= 0 || t == INT64_MAX || by == 0)
		return t;
	if (by > 0 && t > INT64_MAX - 1 - by)
		return INT64_MAX - 1;
	return t + by > 0 ? t + by : 1;
}

/* To the nearest second: a skew of some ms does not count. */
static int64_t
skew_s_of(const struct db *db)
{
	return (db->skew_ms + (db->skew_ms < 0 ? -500 : 500)) / 1000;
}

int64_t
db_stored_ms(const struct db *db, int64_t ms)
{
	return move_time(ms, db->skew_ms);
}

int64_t
db_local_ms(const struct db *db, int64_t ms)
{
	return move_time(ms, -db->skew_ms);
}

int64_t
db_stored_s(const struct db *db, int64_t s)
{
	return move_time(s, skew_s_of(db));
}

int64_t
db_local_s(const struct db *db, int64_t s)
{
	return move_time(s, -skew_s_of(db));
}

const char *
db_where(const struct db *db)
{
	return db->engine->where == NULL ? "" : db->engine->where(db);
}

enum error
db_touch(struct db *db)
{
	return db->engine->touch(db);
}

enum error
db_run(struct db *db, int64_t *changed, enum sql sql, const struct db_value *v, size_t n)
{
	return db->engine->run(db, changed, sql, v, n);
}

enum error
db_run_rows(struct db *db, enum sql sql, const struct db_value *v, size_t cols, size_t n)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	if (db->engine->run_rows != NULL)
		return n == 0 ? ERR_OK : db->engine->run_rows(db, sql, v, cols, n);
	for (i = 0; i < n && er == ERR_OK; i++)
		er = db_run(db, NULL, sql, v + i * cols, cols);
	return er;
}

enum error
db_start(struct db *db, struct db_rows *rows, enum sql sql, const struct db_value *v, size_t n)
{
	return db->engine->start(db, rows, sql, v, n);
}

enum error
db_number(struct db *db, int64_t *i, enum sql sql, const struct db_value *v, size_t n)
{
	struct db_rows	 rows;
	enum error	 er = db_start(db, &rows, sql, v, n);

	if (er == ERR_OK && db_next(&rows, &er) && db_col_type(&rows, 0) != DB_NO_VALUE)
		*i = db_col_int(&rows, 0);
	db_end(&rows);
	return er;
}

bool
db_next(struct db_rows *rows, enum error *er)
{
	return rows->db->engine->next(rows, er);
}

void
db_end(struct db_rows *rows)
{
	rows->db->engine->end(rows);
}

enum error
db_ask(struct db *db, struct db_rows *rows, const struct db_texts *sql, const struct db_named *v,
    size_t n)
{
	return db->engine->ask(db, rows, sql->in[db->engine->dialect], v, n);
}

enum error
db_start_text(struct db *db, struct db_rows *rows, const char *sql, const struct db_named *v,
    size_t n)
{
	return db->engine->start_text(db, rows, sql, v, n);
}

enum error
db_run_text(struct db *db, int64_t *changed, const char *sql, const struct db_named *v, size_t n)
{
	struct db_rows	 rows;
	enum error	 er = db_start_text(db, &rows, sql, v, n);

	while (er == ERR_OK && db_next(&rows, &er))
		;
	if (er == ERR_OK && changed != NULL)
		*changed = db->engine->changed(&rows);
	db_end(&rows);
	return er;
}

enum error
db_again(struct db *db, struct db_again *a, const struct db_named *v, size_t n)
{
	return db->engine->again(db, a, v, n);
}

void
db_again_end(struct db *db, struct db_again *a)
{
	db->engine->again_end(db, a);
}

const struct db_words *
db_words(const struct db *db)
{
	return &db->engine->words;
}

enum error
db_script(struct db *db, const char *sql)
{
	return db->engine->script(db, sql);
}

int
db_cols(const struct db_rows *rows)
{
	return rows->db->engine->cols(rows);
}

const char *
db_col_name(const struct db_rows *rows, int col)
{
	return rows->db->engine->col_name(rows, col);
}

enum db_type
db_col_type(const struct db_rows *rows, int col)
{
	return rows->db->engine->col_type(rows, col);
}

double
db_col_real(const struct db_rows *rows, int col)
{
	return rows->db->engine->col_real(rows, col);
}

int64_t
db_col_int(const struct db_rows *rows, int col)
{
	return rows->db->engine->col_int(rows, col);
}

int64_t
db_col_bounded(const struct db_rows *rows, int col)
{
	return number_bounded(db_col_int(rows, col));
}

struct slice
db_col(const struct db_rows *rows, int col)
{
	return rows->db->engine->col(rows, col);
}
