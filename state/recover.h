/*
 * recover.h: takes rows over into the store from databases in quarantine (state/state_file.h):
 * messages that wait there, and events that were counted.
 *
 * After that, state_dir/qtoa.db.damaged-TIME or qtoa.db.newer-TIME is called
 * qtoa.db.rescued-TIME.  Only the operator removes it.  The same is done with a database that was
 * removed while this process had it open.
 *
 * Where hosts share the store, messages go into the file of this host, and state/carry.h moves
 * them; all else goes into the shared store at once.
 */
#ifndef STATE_RECOVER_H
#define STATE_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "state/db.h"
#include "state/lock.h"
#include "state/store.h"

/* A table of the store whose rows are taken over. */
struct recover_source {
	const char	*what;		/* for the log: "waiting messages" */
	enum sql	 select;	/* rows by id (column 0), from the id `?` on */
	enum error	 (*copy)(struct db *db, const struct db_rows *row, int64_t *copied);
	bool		 is_carried;	/* goes into the file of this host */
};

/* How far the rows of a table are taken over; begins as { .from = db, .source = source }. */
struct recover {
	struct db			*from;
	const struct recover_source	*source;
	int64_t				 at;		/* the next id */
	int64_t				 skip;		/* ids to skip at the next damage */
	int64_t				 copied;	/* rows that the store did not have */
	bool				 over;
};

/*
 * Takes over up to max rows, in a transaction of db, which is the store.  Rows that cannot be
 * read are left out.  ERR_STORE: the store cannot be written.
 */
enum error	recover_step(struct db *db, struct recover *r, int max);

/*
 * Takes over from all databases in quarantine, in one process at a time.  own: the file of this
 * host; to: the store that it shares with others, or the same.  False: a store failed, or another
 * process does it just now; call it again later, and it goes on.  sources: the tables, in this
 * order; the log tells how many rows the first two gave.
 */
enum { RECOVER_SOURCES = 4 };
bool		recover_run(struct store *own, struct store *to, const char *dir,
		    const struct recover_source *const sources[RECOVER_SOURCES]);

#endif
