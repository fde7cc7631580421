#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/utf8.h"
#include "state/db_engine.h"
#include "state/postgres/pg_array.h"
#include "state/postgres/pg_db.h"
#include "state/postgres/pg_sql.h"

enum {
	SENT_MAX = 512,		/* statements that are sent without a look at their results */
	NAMES_MAX = PG_CONN_VALUES,	/* different names in a text */
	CLOCK_MS = 60000,	/* between two looks at the server's clock */
	STEP_MS = 100,		/* so much this host's clock is moved if somebody sets it */
	CLOSE_MS = 1000,	/* to end a transaction before the connection is closed */
	OF_BOOL = 16, OF_INT8 = 20, OF_INT2 = 21, OF_INT4 = 23, OF_FLOAT4 = 700, OF_FLOAT8 = 701
};

struct pg_db {
	struct db	 base;
	struct pg_conn	*c;
	bool		 has_failed;	/* since the last sync; no more is sent */
	bool		 may_retry;
	bool		 ends;		/* see pg_db_end_at_close() */
	bool		 alone;		/* see pg_db_set_alone() */
	bool		 is_heard;	/* since pg_db_open() the server has answered */
	bool		 is_direct;	/* the server is at the other end, not a pooler */
	bool		 kept[PG_SQL_KEPT];	/* statements that this connection's server keeps */
	int64_t		 limit_ms;	/* see db_limit() */
	int64_t		 clock_ms;	/* when to look at the server's clock; monotonic */
	int64_t		 drift_ms;	/* wall clock less monotonic, at the last look */
	struct buf	 clean;		/* texts that had to be changed for the server */
	struct buf	 arrays;	/* of run_rows() */
};

static const struct db_engine	 engine;

static struct pg_db *
pg_of(struct db *db)
{
	return (struct pg_db *)db;
}

struct db *
pg_db_new(const char *url)
{
	struct pg_db	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL || (p->c = pg_conn_new(url)) == NULL) {
		free(p);
		return NULL;
	}
	p->base.engine = &engine;
	return &p->base;
}

void
pg_db_end_at_close(struct db *db)
{
	pg_of(db)->ends = true;
}

static void
close_db(struct db *db)
{
	if (pg_of(db)->ends) {
		db_patience(db, clock_mono_ms() + CLOSE_MS);
		pg_db_rollback(db);
	}
	pg_conn_free(pg_of(db)->c);
	buf_free(&pg_of(db)->clean);
	buf_free(&pg_of(db)->arrays);
	free(db);
}

void
pg_db_set_alone(struct db *db, bool alone)
{
	pg_of(db)->alone = alone;
}

struct pg_conn *
pg_db_conn(struct db *db)
{
	return pg_of(db)->c;
}

bool
pg_db_may_retry(const struct db *db)
{
	return ((const struct pg_db *)db)->may_retry;
}

static enum error
record_fault(struct pg_db *p, enum db_fault fault, bool retry)
{
	p->has_failed = true;
	p->may_retry = retry;
	p->base.fault = fault;
	(void)snprintf(p->base.why, sizeof(p->base.why), "%s", pg_conn_why(p->c));
	return ERR_STORE;
}

/* The connection is lost.  If that was the deadline, there is no time for another try. */
static enum error
record_loss(struct pg_db *p)
{
	const bool	 late = clock_mono_ms() >= p->base.until_ms;

	return record_fault(p, late ? DB_BUSY : DB_TROUBLE, !late);
}

/* True: the skew may have changed since the last look. */
static bool
is_clock_due(const struct pg_db *p)
{
	const int64_t	 now_ms = clock_mono_ms();
	const int64_t	 step_ms = clock_wall_ms() - now_ms - p->drift_ms;

	return now_ms >= p->clock_ms || step_ms > STEP_MS || step_ms < -STEP_MS;
}

/*
 * Sets the skew to the middle of what the look allows.  A skew that it allows stays, so that the
 * times of two hosts do not move while their clocks do not.
 */
static void
set_skew(struct pg_db *p, int64_t server_ms, int64_t begin_ms, int64_t end_ms)
{
	const int64_t	 least = server_ms - end_ms - 1, most = server_ms - begin_ms + 1;

	if (least <= 0 && most >= 0)
		p->base.skew_ms = 0;
	else if (p->base.skew_ms < least || p->base.skew_ms > most)
		p->base.skew_ms = least + (most - least) / 2;
}

/*
 * Measures how far the server's clock is ahead of this host's.  Sees who is at the other end, too:
 * a pooler tells its clients a process of its own invention.
 */
static enum error
look_at_server(struct pg_db *p)
{
	const int64_t	 begin_ms = clock_wall_ms(), mono_ms = clock_mono_ms();
	int64_t		 server_ms = begin_ms;
	struct db_rows	 rows;
	enum error	 er;

	er = pg_db_start(&p->base, &rows, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)"
	    "::bigint, pg_backend_pid()", DB_NO_VALUES);
	if (er == ERR_OK && db_next(&rows, &er)) {
		server_ms = db_col_int(&rows, 0);
		p->is_direct = db_col_int(&rows, 1) == pg_conn_process(p->c);
	}
	db_end(&rows);
	if (er != ERR_OK || (er = pg_db_finish(&p->base, true)) != ERR_OK)
		return er;
	set_skew(p, server_ms, begin_ms, begin_ms + clock_mono_ms() - mono_ms);
	p->drift_ms = begin_ms - mono_ms;
	p->clock_ms = mono_ms + CLOCK_MS;
	return ERR_OK;
}

enum error
pg_db_open(struct db *db, int64_t until_ms)
{
	struct pg_db	*p = pg_of(db);

	db_patience(db, until_ms);
	p->may_retry = p->alone = p->is_heard = false;
	if (!pg_conn_is_open(p->c)) {
		p->has_failed = false;
		p->clock_ms = 0;
		memset(p->kept, 0, sizeof(p->kept));
	}
	if (!pg_conn_open(p->c, until_ms))
		return record_fault(p, DB_TROUBLE, false);
	return is_clock_due(p) ? look_at_server(p) : ERR_OK;
}

static int64_t
deadline_of(const struct pg_db *p)
{
	return p->limit_ms != 0 && p->limit_ms < p->base.until_ms ? p->limit_ms : p->base.until_ms;
}

/* Takes the oldest result.  NULL: it failed; *er. */
static PGresult *
take_result(struct pg_db *p, enum error *er)
{
	enum db_fault	 fault = p->base.fault;
	bool		 retry = p->may_retry;
	PGresult	*r = pg_conn_take(p->c, deadline_of(p));

	if (r == NULL) {
		*er = record_loss(p);
		return NULL;
	}
	if (pg_conn_is_good(p->c, r, &fault, &retry))
		return r;
	PQclear(r);
	*er = record_fault(p, fault, retry);
	return NULL;
}

/* Takes results until `left` statements are open. */
static enum error
take_results(struct pg_db *p, size_t left)
{
	enum error	 er = ERR_OK;
	PGresult	*r;

	while (er == ERR_OK && pg_conn_is_open(p->c) && pg_conn_pending(p->c) > left)
		if ((r = take_result(p, &er)) != NULL)
			PQclear(r);
	return er;
}

static bool
is_utf8(struct slice s)
{
	const char	*p = s.p, *const end = s.p + s.len;
	bool		 valid = true;

	while (p != end && valid && *p != '\0')
		(void)utf8_next(&p, end, &valid);
	return valid && p == end;
}

/* Appends a text with '?' in place of NULs and of bytes that are not UTF-8. */
static enum error
append_clean(struct buf *out, struct slice s)
{
	const char	*p = s.p, *const end = s.p + s.len, *at;
	enum error	 er = ERR_OK;
	bool		 valid;

	while (p != end && er == ERR_OK) {
		at = p;
		(void)utf8_next(&p, end, &valid);
		er = valid && *at != '\0' ? buf_put(out, at, (size_t)(p - at)) : buf_putc(out, '?');
	}
	return er;
}

/* Copies the values.  The server takes a text only if it is UTF-8 without a NUL. */
static enum error
clean_values(struct buf *clean, struct db_value *to, const struct db_value *v, size_t n)
{
	size_t		 at[PG_CONN_VALUES], i;
	enum error	 er = ERR_OK;

	buf_reset(clean);
	for (i = 0; i < n && er == ERR_OK; i++) {
		to[i] = pg_array_fit(v[i]);
		at[i] = SIZE_MAX;
		if (v[i].type != DB_TEXT || is_utf8(to[i].s))
			continue;
		at[i] = clean->len;
		er = append_clean(clean, to[i].s);
		to[i].s.len = clean->len - at[i];
	}
	for (i = 0; i < n && er == ERR_OK; i++)
		if (at[i] != SIZE_MAX)
			to[i].s.p = clean->p + at[i];
	return er;
}

/* Has the server keep a statement, if it does not yet. */
static enum error
keep_statement(struct pg_db *p, int number, const char *sql, const struct db_value *v, size_t n)
{
	PGresult	*r;
	enum error	 er;

	if (p->kept[number] || !p->is_direct)
		return ERR_OK;
	if ((er = take_results(p, 0)) != ERR_OK)
		return er;
	if (!pg_conn_keep(p->c, number, sql, v, n))
		return record_loss(p);
	if ((r = take_result(p, &er)) == NULL)
		return er;
	PQclear(r);
	p->kept[number] = true;
	return ERR_OK;
}

static enum error
send_statement(struct pg_db *p, const char *sql, const struct db_value *v, size_t n)
{
	const int	 number = pg_sql_kept(sql);
	struct db_value	 clean[PG_CONN_VALUES];
	enum error	 er;
	bool		 sent;

	if (p->has_failed)	/* the server would do nothing either */
		return ERR_STORE;
	if (pg_conn_pending(p->c) >= SENT_MAX && (er = take_results(p, 0)) != ERR_OK)
		return er;
	if ((er = clean_values(&p->clean, clean, v, n)) != ERR_OK)
		return er;
	if (number != -1 && (er = keep_statement(p, number, sql, clean, n)) != ERR_OK)
		return er;
	sent = number != -1 && p->kept[number] ? pg_conn_send_kept(p->c, number, clean, n) :
	    pg_conn_send(p->c, sql, clean, n);
	return sent ? ERR_OK : record_loss(p);
}

enum error
pg_db_start(struct db *db, struct db_rows *rows, const char *sql, const struct db_value *v,
    size_t n)
{
	struct pg_db	*p = pg_of(db);
	enum error	 er;

	*rows = (struct db_rows){ .db = db, .at = -1 };
	if (sql == NULL) {	/* of a table that only a host's own store has */
		(void)snprintf(db->why, sizeof(db->why), "it has no such table");
		return ERR_STORE;
	}
	if ((er = send_statement(p, sql, v, n)) == ERR_OK && p->alone && !pg_conn_end(p->c))
		er = record_loss(p);
	if (er == ERR_OK && (er = take_results(p, 1)) == ERR_OK)
		rows->stmt = take_result(p, &er);
	if (!p->alone || !pg_conn_is_open(p->c))
		return er;
	p->is_heard = true;
	return pg_conn_sync(p->c, p->base.until_ms) ? er : record_loss(p);
}

static enum error
start_statement(struct db *db, struct db_rows *rows, enum sql sql, const struct db_value *v,
    size_t n)
{
	return pg_db_start(db, rows, pg_sql_texts[sql], v, n);
}

enum error
pg_db_run(struct db *db, int64_t *changed, const char *sql, const struct db_value *v, size_t n)
{
	struct db_rows	 rows;
	enum error	 er;

	if (changed == NULL)
		return send_statement(pg_of(db), sql, v, n);
	if ((er = pg_db_start(db, &rows, sql, v, n)) == ERR_OK)
		*changed = strtoll(PQcmdTuples(rows.stmt), NULL, 10);
	db_end(&rows);
	return er;
}

static enum error
run_statement(struct db *db, int64_t *changed, enum sql sql, const struct db_value *v, size_t n)
{
	return pg_db_run(db, changed, pg_sql_texts[sql], v, n);
}

static enum error
run_rows(struct db *db, enum sql sql, const struct db_value *v, size_t cols, size_t n)
{
	struct db_value	 arrays[PG_CONN_VALUES];
	enum error	 er;

	if (cols > PG_CONN_VALUES)
		return ERR_STORE;
	er = pg_array_write(&pg_of(db)->arrays, arrays, v, cols, n);
	return er == ERR_OK ? run_statement(db, NULL, sql, arrays, cols) : er;
}

enum error
pg_db_number(struct db *db, int64_t *i, const char *sql, const struct db_value *v, size_t n)
{
	struct db_rows	 rows;
	enum error	 er = pg_db_start(db, &rows, sql, v, n);

	if (er == ERR_OK && db_next(&rows, &er) && db_col_type(&rows, 0) != DB_NO_VALUE)
		*i = db_col_int(&rows, 0);
	db_end(&rows);
	return er;
}

enum error
pg_db_finish(struct db *db, bool sync)
{
	struct pg_db	*p = pg_of(db);
	enum error	 er = take_results(p, 0);

	if (sync && pg_conn_is_open(p->c)) {
		/* A use that asks nothing shows all the same whether the server is there. */
		if ((pg_conn_is_begun(p->c) || !p->is_heard) &&
		    !pg_conn_sync(p->c, p->base.until_ms))
			return record_loss(p);
		if (p->has_failed)
			er = ERR_STORE;
		p->has_failed = false;
	}
	return er == ERR_OK && !pg_conn_is_open(p->c) ? ERR_STORE : er;
}

void
pg_db_rollback(struct db *db)
{
	struct pg_db	*p = pg_of(db);
	const int64_t	 until_ms = p->base.until_ms;

	if (!pg_conn_is_open(p->c))
		return;
	(void)take_results(p, 0);
	/* To undo what failed is worth a little time, else the connection is given up. */
	if (!pg_conn_sync(p->c, until_ms) || !pg_conn_send(p->c, "ROLLBACK", DB_NO_VALUES) ||
	    !pg_conn_sync(p->c, until_ms))
		pg_conn_close(p->c);
	p->has_failed = false;
}

/*
 * The server answers a COMMIT of work that has failed with ROLLBACK, and one that was canceled
 * while it waited for a standby with a warning and COMMIT: both are no acknowledgement.
 */
static enum error
check_commit(struct pg_db *p, PGresult *r)
{
	const char	*heard = pg_conn_heard(p->c);
	const bool	 undone = strcmp(PQcmdStatus(r), "COMMIT") != 0;

	PQclear(r);
	if (!undone && *heard == '\0')
		return ERR_OK;
	p->base.fault = DB_TROUBLE;
	p->may_retry = !undone;
	(void)snprintf(p->base.why, sizeof(p->base.why), "%s", undone ?
	    "the server undid the transaction" : heard);
	return ERR_STORE;
}

enum error
pg_db_commit(struct db *db)
{
	struct pg_db	*p = pg_of(db);
	enum error	 er;
	PGresult	*r;

	pg_conn_forget(p->c);
	if ((er = send_statement(p, "COMMIT", DB_NO_VALUES)) != ERR_OK ||
	    (er = take_results(p, 1)) != ERR_OK || (r = take_result(p, &er)) == NULL)
		return er;
	if ((er = check_commit(p, r)) == ERR_OK && !pg_conn_sync(p->c, p->base.until_ms))
		pg_conn_close(p->c);	/* it is committed all the same */
	return er;
}

/*
 * SQL that modules bring with them, with names instead of numbers.
 */

/* A text whose names are replaced by $1, $2, ...; v[0] to v[n - 1] are their values. */
struct numbered {
	struct buf	 sql;
	struct slice	 names[NAMES_MAX];
	struct db_value	 v[NAMES_MAX];
	size_t		 n;
};

/* The length of a string, a quoted name or a cast at p, which stays; 0: it is something else. */
static size_t
verbatim_length(const char *p)
{
	const char	*end;

	if (strncmp(p, "::", 2) == 0)
		return 2;
	if (strncmp(p, "--", 2) == 0)
		return strcspn(p, "\n");
	if (*p != '\'' && *p != '"')
		return 0;
	end = strchr(p + 1, *p);
	return end == NULL ? strlen(p) : (size_t)(end - p) + 1;
}

static const char	 letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";

/* Appends the number of the name that begins at p, after its colon. */
static enum error
append_number(struct numbered *t, const char *p, size_t len, const struct db_named *v, size_t n)
{
	const struct slice	 name = { p, len };
	size_t			 i, k;

	for (i = 0; i < t->n && (t->names[i].len != len ||
	    memcmp(t->names[i].p, p, len) != 0); i++)
		;
	if (i == t->n) {
		if (t->n == NAMES_MAX)
			return ERR_STORE;
		for (k = 0; k < n && !slice_is(name, v[k].name + 1); k++)
			;
		t->names[t->n] = name;
		t->v[t->n++] = k < n ? v[k].v : db_s(NULL);
	}
	return buf_printf(&t->sql, "$%zu", i + 1);
}

static enum error
number_names(struct numbered *t, const char *sql, const struct db_named *v, size_t n)
{
	enum error	 er = ERR_OK;
	size_t		 len;

	for (; *sql != '\0' && er == ERR_OK; sql += len)
		if ((len = verbatim_length(sql)) != 0) {
			er = buf_put(&t->sql, sql, len);
		} else if (*sql == ':' && (len = strspn(sql + 1, letters)) != 0) {
			er = append_number(t, sql + 1, len, v, n);
			len++;
		} else {
			len = 1;
			er = buf_putc(&t->sql, *sql);
		}
	return er == ERR_OK ? buf_putc(&t->sql, '\0') : er;
}

static enum error
start_text(struct db *db, struct db_rows *rows, const char *sql, const struct db_named *v,
    size_t n)
{
	struct numbered	 t = { .n = 0 };
	enum error	 er;

	*rows = (struct db_rows){ .db = db, .at = -1 };
	if ((er = number_names(&t, sql, v, n)) == ERR_OK)
		er = pg_db_start(db, rows, t.sql.p, t.v, t.n);
	buf_free(&t.sql);
	return er;
}

/* A NULL is a text here, since the server cannot tell its type from `$1 IS NULL`. */
static enum error
ask_question(struct db *db, struct db_rows *rows, const char *sql, const struct db_named *v,
    size_t n)
{
	struct db_named	 typed[NAMES_MAX];
	size_t		 i;

	*rows = (struct db_rows){ .db = db, .at = -1 };
	if (n > NAMES_MAX)
		return ERR_STORE;
	for (i = 0; i < n; i++) {
		typed[i] = v[i];
		if (v[i].v.type == DB_NULL)
			typed[i].v = (struct db_value){ .type = DB_TEXT };
	}
	return start_text(db, rows, sql, typed, n);
}

/* The text is numbered each time, which is little beside the way to the server. */
static enum error
run_again(struct db *db, struct db_again *a, const struct db_named *v, size_t n)
{
	struct numbered	 t = { .n = 0 };
	enum error	 er;

	if ((er = number_names(&t, a->sql, v, n)) == ERR_OK)
		er = send_statement(pg_of(db), t.sql.p, t.v, t.n);
	buf_free(&t.sql);
	return er;
}

static void
end_again(struct db *db, struct db_again *a)
{
	(void)db, (void)a;
}

/* The length of the first statement of a script, with its semicolon. */
static size_t
statement_length(const char *sql)
{
	const char	*p = sql;
	size_t		 len;

	while (*p != '\0' && *p != ';')
		p += (len = verbatim_length(p)) != 0 ? len : 1;
	return (size_t)(p - sql) + (*p == ';');
}

static enum error
run_script(struct db *db, const char *sql)
{
	struct buf	 one = { 0 };
	enum error	 er = ERR_OK;
	size_t		 len;

	for (; *sql != '\0' && er == ERR_OK; sql += len) {
		len = statement_length(sql);
		buf_reset(&one);
		if ((er = buf_put(&one, sql, len)) == ERR_OK && (er = buf_putc(&one, '\0')) ==
		    ERR_OK)
			er = send_statement(pg_of(db), one.p, DB_NO_VALUES);
	}
	buf_free(&one);
	return er == ERR_OK ? take_results(pg_of(db), 0) : er;
}

/*
 * Rows.
 */

static void
set_limit(struct db *db, int64_t until_ms)
{
	pg_of(db)->limit_ms = until_ms;
}

static bool
next_row(struct db_rows *rows, enum error *er)
{
	(void)er;
	return rows->stmt != NULL && ++rows->at < PQntuples(rows->stmt);
}

static void
end_rows(struct db_rows *rows)
{
	PQclear(rows->stmt);
	rows->stmt = NULL;
}

static int64_t
count_changed(const struct db_rows *rows)
{
	return strtoll(PQcmdTuples(rows->stmt), NULL, 10);
}

static int
count_cols(const struct db_rows *rows)
{
	return PQnfields(rows->stmt);
}

static const char *
col_name(const struct db_rows *rows, int col)
{
	const char	*name = PQfname(rows->stmt, col);

	return name == NULL ? "" : name;
}

static enum db_type
col_type(const struct db_rows *rows, int col)
{
	if (PQgetisnull(rows->stmt, rows->at, col))
		return DB_NO_VALUE;
	switch (PQftype(rows->stmt, col)) {
	case OF_BOOL:
	case OF_INT2:
	case OF_INT4:
	case OF_INT8:
		return DB_INTEGER;
	case OF_FLOAT4:
	case OF_FLOAT8:
		return DB_REAL;
	default:
		return DB_OTHER;
	}
}

/* The bits of a value, which the server sends from the highest byte on. */
static uint64_t
read_bits(const struct db_rows *rows, int col)
{
	const char	*p = PQgetvalue(rows->stmt, rows->at, col);
	const int	 len = PQgetlength(rows->stmt, rows->at, col);
	uint64_t	 bits = 0;
	int		 i;

	for (i = 0; i < len && i < 8; i++)
		bits = bits << 8 | (unsigned char)p[i];
	return bits;
}

static double
col_real(const struct db_rows *rows, int col)
{
	const uint64_t	 bits = read_bits(rows, col);
	const uint32_t	 half = (uint32_t)bits;
	double		 r = 0;
	float		 f;

	if (PQftype(rows->stmt, col) == OF_FLOAT8)
		memcpy(&r, &bits, sizeof(r));
	if (PQftype(rows->stmt, col) == OF_FLOAT4) {
		memcpy(&f, &half, sizeof(f));
		r = (double)f;
	}
	return r;
}

static int64_t
col_int(const struct db_rows *rows, int col)
{
	const uint64_t	 bits = read_bits(rows, col);

	if (col_type(rows, col) != DB_INTEGER)
		return 0;
	switch (PQgetlength(rows->stmt, rows->at, col)) {
	case 2:
		return (int16_t)bits;
	case 4:
		return (int32_t)bits;
	default:
		return (int64_t)bits;
	}
}

static struct slice
col_bytes(const struct db_rows *rows, int col)
{
	if (PQgetisnull(rows->stmt, rows->at, col))
		return (struct slice){ NULL, 0 };
	return (struct slice){ PQgetvalue(rows->stmt, rows->at, col),
	    (size_t)PQgetlength(rows->stmt, rows->at, col) };
}

/* Writes the version that the tables have already. */
static enum error
touch(struct db *db)
{
	return pg_db_run(db, NULL, "UPDATE qtoa_schema SET version = version", DB_NO_VALUES);
}

static const char *
where_is(const struct db *db)
{
	return pg_conn_where(((const struct pg_db *)db)->c);
}

static const struct db_engine	 engine = {
	.name		= "PostgreSQL",
	.dialect	= DB_POSTGRES,
	.words		= { "text COLLATE \"C\"", "bigint", "double precision", "" },
	.is_shared	= true,
	.where		= where_is,
	.close		= close_db,
	.limit		= set_limit,
	.touch		= touch,
	.run		= run_statement,
	.run_rows	= run_rows,
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
