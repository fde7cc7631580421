/*
 * db.h: a connection to the store, which runs the statements of state/db_sql.h.  Only the module
 * that opened it knows which database stands behind it (state/sqlite/).
 *
 * A struct db belongs to one thread at a time.  A function that fails returns ERR_STORE; db_fault()
 * and db_why() tell more.
 */
#ifndef STATE_DB_H
#define STATE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/db_sql.h"

struct db;

/* The kind of the last failure since db_patience() was called. */
enum db_fault {
	DB_FINE,	/* nothing failed */
	DB_BUSY,	/* other connections hold the database */
	DB_FULL,	/* no room: the disk, a quota, a limit of the file's size; it can be read */
	DB_TROUBLE,	/* I/O error, permissions, memory: a later try may succeed */
	DB_DAMAGED	/* it is corrupt, or is no database at all */
};

void		 db_close(struct db *db);	/* db may be NULL */

/*
 * From here on, calls wait until until_ms (monotonic; 0: they do not wait) for other connections
 * that hold the database.  Earlier failures are forgotten: db_fault() is DB_FINE.
 */
void		 db_patience(struct db *db, int64_t until_ms);

/* A statement that still runs at until_ms (monotonic; 0: no limit) fails; for long queries. */
void		 db_limit(struct db *db, int64_t until_ms);

/* The kind of the last failure, and the database's words for it ("" if nothing failed). */
enum db_fault	 db_fault(const struct db *db);
const char	*db_why(const struct db *db);

const char	*db_name(const struct db *db);	/* for messages: "qtoa.db" */
bool		 db_is_shared(const struct db *db);	/* other hosts may use the same database */

/*
 * Hosts that share a store need not have the same time, so the tables have the time of the server.
 * db_stored_ms() turns a time of this host, ms since the epoch, into what is written or compared
 * with a column; db_local_ms() turns a column into a time of this host.  0 and less, and
 * INT64_MAX, are no times, and stay.  The same for seconds.  Where the store is a file of this
 * host, nothing changes.
 */
int64_t		 db_stored_ms(const struct db *db, int64_t ms);
int64_t		 db_local_ms(const struct db *db, int64_t ms);
int64_t		 db_stored_s(const struct db *db, int64_t s);
int64_t		 db_local_s(const struct db *db, int64_t s);

/* So many ms the server's clock is ahead of this host's; it is measured once a minute. */
int64_t		 db_skew_ms(const struct db *db);
const char	*db_where(const struct db *db);	/* "HOST:PORT" of its server; "": it is a file */

/* Writes something that the store has already, as a test if it can be written. */
enum error	 db_touch(struct db *db);

/* A value for a `?` of the SQL; the bytes it points to must live as long as the call. */
struct db_value {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } type;
	bool		 is_name;	/* see db_short() */
	int64_t		 i;
	struct slice	 s;
};

static inline struct db_value
db_i(int64_t i)
{
	return (struct db_value){ .type = DB_INT, .i = i };
}

/* Text; SQL's NULL if s is NULL. */
static inline struct db_value
db_s(const char *s)
{
	return (struct db_value){ .type = s == NULL ? DB_NULL : DB_TEXT, .s = slice_of(s) };
}

static inline struct db_value
db_text(struct slice s)
{
	return (struct db_value){ .type = s.p == NULL ? DB_NULL : DB_TEXT, .s = s };
}

/*
 * A name that comes from outside, for a column that an index has.  PostgreSQL refuses a row of an
 * index that has more than 2.7 kB, so there a name ends after DB_SHORT bytes; SQLite has all of it.
 */
enum { DB_SHORT = 1024 };

static inline struct db_value
db_short(struct slice s)
{
	return (struct db_value){
		.type = s.p == NULL ? DB_NULL : DB_TEXT, .is_name = true, .s = s,
	};
}

/* Bytes; SQL's NULL if they are absent. */
static inline struct db_value
db_b(struct slice s)
{
	return (struct db_value){ .type = s.p == NULL ? DB_NULL : DB_BLOB, .s = s };
}

/* Values as the two last arguments (v and n) of the functions below. */
#define DB_VALUES(...)	(const struct db_value[]){ __VA_ARGS__ }, \
			sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_NO_VALUES	NULL, 0

/* Runs one statement to its end.  *changed (may be NULL): how many rows it changed. */
enum error	 db_run(struct db *db, int64_t *changed, enum sql sql, const struct db_value *v,
		    size_t n);

/*
 * Runs a statement once for each of n rows, which have cols values each, in their order.  Of such a
 * statement a server's text takes an array for each column: it gets all rows at once.
 */
enum error	 db_run_rows(struct db *db, enum sql sql, const struct db_value *v, size_t cols,
		    size_t n);

/*
 * Gets the one number that a statement gives.  *i is left as it is if there is no row, or a NULL.
 */
enum error	 db_number(struct db *db, int64_t *i, enum sql sql, const struct db_value *v,
		    size_t n);

/*
 * Gets the rows of a statement one by one:
 *
 *	for (er = db_start(...); er == ERR_OK && db_next(&rows, &er);)
 *		... db_col_int(&rows, 0) ...
 *	db_end(&rows);
 */
struct db_rows {
	struct db	*db;
	void		*stmt;		/* private */
	bool		 once;		/* private: the statement is not kept prepared */
	int		 at;		/* private: the number of the row */
};

enum error	 db_start(struct db *db, struct db_rows *rows, enum sql sql,
		    const struct db_value *v, size_t n);

/* Gets the next row.  False: there are no more rows, or it failed (*er). */
bool		 db_next(struct db_rows *rows, enum error *er);

/* Ends the walk; also after db_start() failed. */
void		 db_end(struct db_rows *rows);

/*
 * SQL that a module brings with it.
 */

/* A value for a name (:from) in the SQL, instead of a `?`.  The SQL need not use all names. */
struct db_named {
	const char	*name;	/* with its colon */
	struct db_value	 v;
};

/* A statement in the dialect of each back end; the connection runs the one that is its own. */
enum db_dialect		{ DB_SQLITE, DB_POSTGRES, DB_DIALECT__MAX };
struct db_texts {
	const char	*in[DB_DIALECT__MAX];
};

/*
 * Asks a question of the report, as db_start() does.  The texts are literals: a statement is
 * prepared once, and found again by the address of the literal.
 */
enum error	 db_ask(struct db *db, struct db_rows *rows, const struct db_texts *sql,
		    const struct db_named *v, size_t n);

/*
 * Like db_start() and db_run(), but for SQL that is made while the program runs: its text need not
 * live longer than the call, and its statement is not kept prepared.
 */
enum error	 db_start_text(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_named *v, size_t n);
enum error	 db_run_text(struct db *db, int64_t *changed, const char *sql,
		    const struct db_named *v, size_t n);

/*
 * The same text many times, with other values each time: set sql, and all else to zero.  SQLite
 * prepares it once.
 */
struct db_again {
	const char	*sql;		/* lives until db_again_end() */
	void		*stmt;		/* private */
};
enum error	 db_again(struct db *db, struct db_again *a, const struct db_named *v, size_t n);
void		 db_again_end(struct db *db, struct db_again *a);

/* Runs one or more statements without values or results; they are not kept prepared. */
enum error	 db_script(struct db *db, const char *sql);

/* Words that differ, for tables that a module makes: types, and what ends CREATE TABLE. */
struct db_words {
	const char	*text;		/* in the order of its bytes */
	const char	*integer;	/* of 64 bits */
	const char	*real;
	const char	*table_end;
};
const struct db_words *db_words(const struct db *db);

/* The number and names of a statement's columns; types and reals of the current row. */
enum db_type	{ DB_NO_VALUE, DB_INTEGER, DB_REAL, DB_OTHER };
int		 db_cols(const struct db_rows *rows);
const char	*db_col_name(const struct db_rows *rows, int col);
enum db_type	 db_col_type(const struct db_rows *rows, int col);
double		 db_col_real(const struct db_rows *rows, int col);

/* The columns of the current row, from 0.  Slices are valid until the next row. */
int64_t		 db_col_int(const struct db_rows *rows, int col);
int64_t		 db_col_bounded(const struct db_rows *rows, int col);	/* see core/number.h */
struct slice	 db_col(const struct db_rows *rows, int col);	/* absent for NULL */

#endif
