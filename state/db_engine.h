/*
 * db_engine.h: what a back end of the store gives to state/db.h.  Only state/db.c and the back ends
 * include this.
 */
#ifndef STATE_DB_ENGINE_H
#define STATE_DB_ENGINE_H

#include "state/db.h"

/* Each function does what the one of that name in state/db.h says. */
struct db_engine {
	const char	*name;
	enum db_dialect	 dialect;	/* of the text that ask() gets */
	struct db_words	 words;
	bool		 is_shared;
	const char	*(*where)(const struct db *db);	/* NULL: in a file */
	void		 (*close)(struct db *db);
	void		 (*limit)(struct db *db, int64_t until_ms);
	enum error	 (*touch)(struct db *db);
	enum error	 (*run)(struct db *db, int64_t *changed, enum sql sql,
			    const struct db_value *v, size_t n);
	enum error	 (*run_rows)(struct db *db, enum sql sql, const struct db_value *v,
			    size_t cols, size_t n);	/* NULL: one after the other */
	enum error	 (*start)(struct db *db, struct db_rows *rows, enum sql sql,
			    const struct db_value *v, size_t n);
	enum error	 (*ask)(struct db *db, struct db_rows *rows, const char *sql,
			    const struct db_named *v, size_t n);
	enum error	 (*start_text)(struct db *db, struct db_rows *rows, const char *sql,
			    const struct db_named *v, size_t n);
	enum error	 (*again)(struct db *db, struct db_again *a, const struct db_named *v,
			    size_t n);
	void		 (*again_end)(struct db *db, struct db_again *a);
	enum error	 (*script)(struct db *db, const char *sql);
	bool		 (*next)(struct db_rows *rows, enum error *er);
	void		 (*end)(struct db_rows *rows);
	int64_t		 (*changed)(const struct db_rows *rows);	/* at the end of a walk */
	int		 (*cols)(const struct db_rows *rows);
	const char	*(*col_name)(const struct db_rows *rows, int col);
	enum db_type	 (*col_type)(const struct db_rows *rows, int col);
	double		 (*col_real)(const struct db_rows *rows, int col);
	int64_t		 (*col_int)(const struct db_rows *rows, int col);
	struct slice	 (*col)(const struct db_rows *rows, int col);
};

/* The struct of a back end's connection begins with this. */
struct db {
	const struct db_engine	*engine;
	int64_t			 until_ms;	/* wait for others until then; see db_patience() */
	int64_t			 skew_ms;	/* see db_skew_ms() */
	enum db_fault		 fault;
	char			 why[160];
};

#endif
