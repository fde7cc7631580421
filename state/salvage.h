/*
 * salvage.h: copying the rows of a table out of a database that was set aside, which may be
 * damaged, step by step.
 */
#ifndef STATE_SALVAGE_H
#define STATE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/db.h"

/* Which rows, and where they go: a table of the store that is worth it. */
struct recover_source {
	const char	*what;		/* for the log: "waiting messages" */
	const char	*select;	/* by id, which is column 0, from the one `?` on */
	enum error	 (*copy)(struct db *db, const struct db_rows *row, int64_t *copied);
};

/* How far it is; begins as { .from = db, .source = source }. */
struct recover {
	struct db			*from;
	const struct recover_source	*source;
	int64_t				 at;		/* next id */
	int64_t				 skip;		/* rows to leave out at the next damage */
	int64_t				 copied;	/* rows that db did not have */
	bool				 over;
};

/*
 * A step of it: up to max rows, within db's transaction.  What cannot be read is left out;
 * ERR_STORE is db's.
 */
enum error	recover_step(struct db *db, struct recover *s, int max);

#endif
