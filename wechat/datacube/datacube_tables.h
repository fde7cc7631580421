/*
 * datacube_tables.h: WeChat's statistics in the store.
 *
 * The tables follow from wechat/datacube/datacube.h's: they are made when they are first needed, and one that
 * lacks a field gets the column, filled from what was kept of it as unknown.  So a new field
 * is a row there and nothing else, and the file stays one that an older qtoa knows: with a
 * migration in state/schema.c it would set the queue aside for the sake of a figure.
 *
 *	datacube_NAME	appid, keys of the rows around it, its own fields; extra: a JSON object
 *			of what WeChat sent beside them, NULL: nothing
 *	datacube_day	which units have been asked for, when (epoch seconds), and what came
 *	datacube_pause	what is not to be asked before a time, and why; endpoint '': nothing
 *			of the account
 *	datacube_page	pages of an answer that is not complete yet
 *
 * These functions run inside the caller's transaction.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_TABLES_H
#define WECHAT_DATACUBE_DATACUBE_TABLES_H

#include "core/buf.h"
#include "state/db.h"
#include "wechat/datacube/datacube.h"

enum error	 datacube_tables_prepare(struct db *db);

/* False: nothing has ever been pulled, and there are no tables (or the store is at fault). */
bool		 datacube_tables_is_there(struct db *db);

/* The first unit ever asked for; *unit stays what it is without one. */
enum error	 datacube_tables_first(struct db *db, int64_t *unit, const char *appid,
		    const struct datacube_endpoint *e);

/* Fills known, one for each day of the range, all of them. */
enum error	 datacube_tables_known(struct db *db, struct datacube_known *known, const char *appid,
		    const struct datacube_endpoint *e, const struct datacube_span *range);

/* A call, or that page of it. */
struct datacube_tables_call {
	const char			*appid;
	const struct datacube_endpoint	*e;
	struct datacube_span		 span;
	int				 page;		/* from 1 */
};

/*
 * The page to ask for: 1, or the one after those that are kept of the same call, not older
 * than since_s.  Older ones, and those of other calls of the end point, are dropped.
 */
enum error	 datacube_tables_page(struct db *db, struct datacube_tables_call *c, int64_t since_s);

struct datacube_tables_put {
	const struct datacube_tables_call	*call;
	struct slice				 body;		/* WeChat's answer */
	int64_t					 asked_s;
	/* How it went. */
	enum {
		DATACUBE_STORED,	/* the rows of the span are those of the answer, and no others */
		DATACUBE_MORE,	/* it goes on with another page */
		DATACUBE_STRANGE	/* it is no answer of that end point; nothing is changed */
	}				 result;
	int64_t				 rows;		/* stored, of all tables */
	int64_t				 odd;		/* rows with the key of another, or of another span */
};

enum error	 datacube_tables_put(struct db *db, struct datacube_tables_put *p);

/* errcode: WeChat's number.  Of an end point, or (e NULL) of all of the account. */
struct datacube_tables_pause {
	int64_t	 since_s, until_s;
	int64_t	 errcode;
};

enum error	 datacube_tables_set_pause(struct db *db, const char *appid,
		    const struct datacube_endpoint *e, const struct datacube_tables_pause *p);
/* What holds at now_s; until_s 0: none. */
enum error	 datacube_tables_pause(struct db *db, struct datacube_tables_pause *p, const char *appid,
		    const struct datacube_endpoint *e, int64_t now_s);
enum error	 datacube_tables_end_pause(struct db *db, const char *appid,
		    const struct datacube_endpoint *e);

/* Appends the SQL that gives a table's rows by :appid, :from, :to (days as text; NULL: all). */
enum error	 datacube_tables_select(struct buf *sql, const struct datacube_table *t,
		    const struct datacube_endpoint *e);

#endif
