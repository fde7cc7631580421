/*
 * datacube_tables.h: WeChat's statistics in the store.
 *
 * The tables of the store are made from those of datacube.h when they are first needed, by one
 * host at a time.  A table of the store that lacks a field gets its column, with values from
 * `extra`.  So a new field needs only a row in datacube.c.  There is no migration in the back ends:
 * after one, an older qtoa could not use the store, and the queue in it would have to wait.
 *
 *	datacube_NAME	appid, the keys of the rows around it, its own fields; extra: a JSON object
 *			with the members that have no column, NULL: there are no such members
 *	datacube_day	the units that were asked for, when (epoch seconds), and how many rows came
 *	datacube_pause	end points that are not asked before a time, and why; endpoint '': nothing
 *			is asked for the account
 *	datacube_page	the pages of an answer that is not yet complete
 *
 * These functions run inside the caller's transaction.  They return errors of the database.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_TABLES_H
#define WECHAT_DATACUBE_DATACUBE_TABLES_H

#include "core/buf.h"
#include "state/db.h"
#include "wechat/datacube/datacube.h"

/* Tables that no interface has: their columns, none of them NULL, and their keys. */
enum { DATACUBE_TABLES_FIXED = 3 };

struct datacube_tables_fixed {
	const char	*name, *keys;
	struct {
		const char		*name;
		enum datacube_type	 type;
	}		 columns[8];	/* ended by name NULL */
};

extern const struct datacube_tables_fixed datacube_tables_fixed[DATACUBE_TABLES_FIXED];

/* Makes the tables and columns that are missing. */
enum error	 datacube_tables_prepare(struct db *db);

/* False: there are no tables, since nothing was ever pulled (or the database failed). */
bool		 datacube_tables_is_there(struct db *db);

/* Reads the first unit that was ever asked for; if there is no such unit, *unit is left alone. */
enum error	 datacube_tables_first(struct db *db, int64_t *unit, const char *appid,
		    const struct datacube_endpoint *e);

/*
 * Reads the last day whose statistics are in the store, of any end point with numbers by the day;
 * if there is no such day, *day is left alone.  An answer without rows does not count.
 */
enum error	 datacube_tables_last(struct db *db, int64_t *day, const char *appid);

/* Fills known, an array with one element for each day of the range. */
enum error	 datacube_tables_known(struct db *db, struct datacube_known *known,
		    const char *appid, const struct datacube_endpoint *e,
		    const struct datacube_span *range);

/* A call, or one page of it. */
struct datacube_tables_call {
	const char			*appid;
	const struct datacube_endpoint	*e;
	struct datacube_span		 span;
	int				 page;		/* from 1 */
};

/*
 * Sets c->page to the page to ask for: the one after the stored pages of the same call, else 1.
 * Pages older than since_s, and those of other calls of the end point, are deleted.
 */
enum error	 datacube_tables_page(struct db *db, struct datacube_tables_call *c,
		    int64_t since_s);

struct datacube_tables_put {
	const struct datacube_tables_call	*call;
	struct slice				 body;		/* WeChat's answer */
	int64_t					 asked_s;

	/* Set by datacube_tables_put(). */
	enum {
		DATACUBE_STORED,	/* the tables have the rows of the answer for this span */
		DATACUBE_MORE,		/* the answer has further pages */
		DATACUBE_STRANGE	/* not an answer of that end point; nothing is changed */
	}				 result;
	int64_t					 rows;	/* stored, in all tables */
	int64_t					 odd;	/* rows with the key of another, or
							   outside the span */
};

/* Stores an answer or a page.  The rows of the span are replaced once the last page is there. */
enum error	 datacube_tables_put(struct db *db, struct datacube_tables_put *p);

/* A pause of an end point, or (e NULL) of the account. */
struct datacube_tables_pause {
	int64_t	 since_s, until_s;
	int64_t	 errcode;		/* WeChat's number of the reason */
};

enum error	 datacube_tables_set_pause(struct db *db, const char *appid,
		    const struct datacube_endpoint *e, const struct datacube_tables_pause *p);
/*
 * Reads the pause that is in force at now_s; until_s 0: there is no pause.  One that begins after
 * now_s is of a clock that was ahead, and is not in force.
 */
enum error	 datacube_tables_pause(struct db *db, struct datacube_tables_pause *p,
		    const char *appid, const struct datacube_endpoint *e, int64_t now_s);
enum error	 datacube_tables_end_pause(struct db *db, const char *appid,
		    const struct datacube_endpoint *e);

/* Appends SQL that selects a table's rows by :appid, :from, :to (days as text; NULL: all). */
enum error	 datacube_tables_select(struct buf *sql, const struct datacube_table *t,
		    const struct datacube_endpoint *e);

#endif
