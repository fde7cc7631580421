/*
 * recover.h: what waits in databases that were set aside, and what was counted there, is taken
 * over into the store.
 *
 * state_dir/qtoa.db.damaged-TIME and qtoa.db.newer-TIME, when that is done, are called
 * qtoa.db.rescued-TIME.  Nobody but the operator removes them.
 */
#ifndef STATE_RECOVER_H
#define STATE_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "state/db.h"
#include "state/lock.h"
#include "state/store.h"

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

/*
 * One process at a time; what cannot be done now is done the next time.  sources: the tables to
 * take over, in this order; the log tells how many rows the first two gave.
 */
enum { RECOVER_SOURCES = 3 };
void		recover_run(struct store *s, struct locks *cs, const char *dir,
		    const struct recover_source *const sources[RECOVER_SOURCES]);

#endif
