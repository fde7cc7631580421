/*
 * datacube_sql.h: SQL that is made from the table of interfaces (datacube.h), for either back end.
 *
 * Each function appends one statement with a NUL behind it.  ERR_NOMEM.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_SQL_H
#define WECHAT_DATACUBE_DATACUBE_SQL_H

#include "core/buf.h"
#include "state/db.h"
#include "wechat/datacube/datacube.h"

/* A table and the tables around it: t[0] is the outermost, for the answer's own list. */
struct datacube_sql_chain {
	const struct datacube_endpoint	*e;
	const struct datacube_table	*t[DATACUBE_TABLES];
	size_t				 n;
};

void		 datacube_sql_trace(struct datacube_sql_chain *c, const struct datacube_endpoint *e,
		    const struct datacube_table *t);

/*
 * Steps through the columns between appid and extra: the keys of all tables but the last, and all
 * fields of the last one.  Begin with level 0 and f NULL.  False: there are no more.
 */
struct datacube_sql_column {
	size_t				 level;		/* index in the chain */
	const struct datacube_field	*f;
};
bool		 datacube_sql_next(struct datacube_sql_column *col,
		    const struct datacube_sql_chain *c);

/* A column's place: appid is 0, extra the last one. */
enum { DATACUBE_SQL_COLUMNS = 40 };

enum error	 datacube_sql_create(struct buf *sql, const struct datacube_sql_chain *c,
		    const struct db_words *words);
enum error	 datacube_sql_add_column(struct buf *sql, const struct datacube_table *t,
		    const struct datacube_field *f, const struct db_words *words);

/* Inserts a row, or replaces the one with the same key; column i has the value :ci. */
enum error	 datacube_sql_insert(struct buf *sql, const struct datacube_sql_chain *c,
		    const struct db_words *words);

/* What is put before FROM and the rows of :appid from day :begin to :end. */
enum error	 datacube_sql_of_span(struct buf *sql, const char *what,
		    const struct datacube_sql_chain *c);

/* Selects the rows of :appid from day :from to :to, each of which may be NULL. */
enum error	 datacube_sql_select(struct buf *sql, const struct datacube_sql_chain *c);

/* Selects all columns of the rows that have an extra; the columns are those of the insert. */
enum error	 datacube_sql_extras(struct buf *sql, const struct datacube_sql_chain *c);

#endif
