/*
 * db.h: one connection to an SQLite database; the rest of the program knows SQL, not SQLite.
 *
 * A struct db belongs to one thread at a time.  SQL is given as string literals: a statement
 * is prepared once and found again by its address; db_start_text() is for SQL that is made
 * while the program runs.  What goes wrong is ERR_STORE; db_fault() and db_why() tell more.
 */
#ifndef STATE_DB_H
#define STATE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

struct db;

/* What the last failure was, since db_patience(). */
enum db_fault {
	DB_FINE,
	DB_BUSY,	/* others hold the database */
	DB_FULL,	/* the disk is; what is there can be read */
	DB_TROUBLE,	/* I/O error, permissions, memory: it may pass */
	DB_DAMAGED	/* corrupt, or no database at all */
};

enum db_mode { DB_READ_WRITE, DB_READ_ONLY };

/*
 * DB_READ_WRITE creates the file where there is none.  *db is NULL only without memory;
 * else it must be closed, also after a failure.
 */
enum error	 db_open(struct db **db, const char *file, enum db_mode mode);
void		 db_close(struct db *db);

/*
 * Others that hold the database are waited for until then (monotonic); 0: not at all.
 * What has failed before is forgotten.
 */
void		 db_patience(struct db *db, int64_t until_ms);

enum db_fault	 db_fault(const struct db *db);
const char	*db_why(const struct db *db);

/* A value for a `?` of the SQL; what it points to must live as long as the call. */
struct db_value {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } type;
	int64_t		 i;
	struct slice	 s;
};

static inline struct db_value
db_i(int64_t i)
{
	return (struct db_value){ .type = DB_INT, .i = i };
}

/* Text; NULL where s is. */
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

/* Bytes; NULL where they are absent. */
static inline struct db_value
db_b(struct slice s)
{
	return (struct db_value){ .type = s.p == NULL ? DB_NULL : DB_BLOB, .s = s };
}

/* The two last arguments of the calls below. */
#define DB_VALUES(...)	(const struct db_value[]){ __VA_ARGS__ }, \
			sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_NO_VALUES	NULL, 0

/* Statements without values or results, several in one text; not kept prepared. */
enum error	 db_script(struct db *db, const char *sql);

/* One statement, run to its end.  *changed (may be NULL): rows that it changed. */
enum error	 db_run(struct db *db, int64_t *changed, const char *sql,
		    const struct db_value *v, size_t n);

/* The one number that a statement gives; *i stays what it is if there is no row or a NULL. */
enum error	 db_number(struct db *db, int64_t *i, const char *sql,
		    const struct db_value *v, size_t n);

/*
 * A statement's rows one by one:
 *
 *	for (er = db_start(...); er == ERR_OK && db_next(&rows, &er);)
 *		... db_col_int(&rows, 0) ...
 *	db_end(&rows);
 */
struct db_rows {
	struct db	*db;
	void		*stmt;		/* private */
	bool		 once;		/* private: it is not kept prepared */
};

enum error	 db_start(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_value *v, size_t n);
bool		 db_next(struct db_rows *rows, enum error *er);
void		 db_end(struct db_rows *rows);

/* The same for SQL with names (:from) instead of `?`; what it does not name is left out. */
struct db_named {
	const char	*name;	/* with its colon */
	struct db_value	 v;
};
enum error	 db_start_named(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_named *v, size_t n);

/* The same for SQL that is no literal and may be gone when this returns; run to its end. */
enum error	 db_start_text(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_named *v, size_t n);
enum error	 db_run_text(struct db *db, int64_t *changed, const char *sql,
		    const struct db_named *v, size_t n);

/* How many columns a statement gives, what they are called, what the row at hand has. */
enum db_type	{ DB_NO_VALUE, DB_INTEGER, DB_REAL, DB_OTHER };
int		 db_cols(const struct db_rows *rows);
const char	*db_col_name(const struct db_rows *rows, int col);
enum db_type	 db_col_type(const struct db_rows *rows, int col);
double		 db_col_real(const struct db_rows *rows, int col);

/* A statement that runs on after that (monotonic; 0: none does) fails; for long questions. */
void		 db_limit(struct db *db, int64_t until_ms);

/* Columns of the row at hand, from 0.  Slices are valid until the next row. */
int64_t		 db_col_int(const struct db_rows *rows, int col);
struct slice	 db_col(const struct db_rows *rows, int col);	/* absent for NULL */

/*
 * Renames a database that is not open, with the files that SQLite keeps beside it.  False: errno says
 * why; some of them may have the new name.
 */
bool		 db_rename(const char *from, const char *to);

/* True: that is the name of a file that SQLite keeps beside a database. */
bool		 db_is_beside(const char *name);

/* Copies to the file what the log has.  *left: pages of the log that are not there yet. */
enum error	 db_checkpoint(struct db *db, bool restart, int *left);

/* Called after each commit with the pages that the log then has. */
typedef void	 db_log_pages(void *ctx, int pages);
void		 db_watch_log(struct db *db, db_log_pages *fn, void *ctx);

#endif
