/*
 * store_file.h: the file state_dir/qtoa.db: it is made, opened, migrated, put into quarantine
 * (state/state_file.h), and its WAL is copied into it.  Only state/store.c uses this; others call
 * store_do().
 *
 * A struct store_file belongs to one thread at a time; only store_file_housekeep() may run in
 * another thread meanwhile.
 */
#ifndef STATE_STORE_FILE_H
#define STATE_STORE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/db.h"
#include "state/lock.h"

/* How long the process lives, and so who copies the WAL into the file. */
enum store_life {
	STORE_SERVER,	/* one of its threads calls store_housekeep() */
	STORE_BRIEF	/* SQLite does it after some commits */
};

enum store_need {
	STORE_READ,	/* changes nothing */
	STORE_WRITE,	/* a power cut may undo it, the death of the process does not */
	STORE_SYNC,	/* on disk when store_do() returns */
	STORE_ADD,	/* the same, for new rows: refused while the disk is nearly full */
	STORE_QUEUE	/* the same, for messages that wait: the flag is raised before and after */
};

#define STORE_FILE_FLAG	"qtoa.work"	/* see store_raise() */

struct store_file;

/* Opens nothing yet; keeps locks.  NULL: no memory. */
struct store_file *store_file_new(const char *dir, struct locks *locks, enum store_life life);
void		 store_file_free(struct store_file *f);

/*
 * Opens the file that has the name now, or makes a new one, and begins a transaction if the
 * caller wants one.  It waits until until_ms (monotonic) for other processes that hold the file;
 * to begin a transaction it waits 800 ms at least.  NULL: it failed.  store_file_done() must
 * follow each call.
 */
struct db	*store_file_use(struct store_file *f, enum store_need need, bool transaction,
		    int64_t until_ms);

/* How a use of the file ended. */
struct store_file_end {
	enum db_fault	 fault;		/* of a use that failed */
	bool		 may_retry;	/* at once: the next use opens another file */
	bool		 has_quarantine; /* the file went into quarantine since the last use */
	const char	*why;		/* the last fault in words, valid until the next use */
};

/*
 * Ends a use.  er ERR_OK: the work is good, so commit it; any other: undo it.  Closes a file that
 * cannot be used, and puts a damaged one into quarantine.  ERR_OK: the work is committed; of
 * STORE_SYNC: to the files that still have the names, also that of the WAL and its index.
 */
enum error	 store_file_done(struct store_file *f, struct store_file_end *end, enum error er);

/*
 * The connection to a file that somebody has removed or replaced, with what waits in it.  The
 * caller closes it, or gives it back.  NULL: there is no such file.  Any thread may call these.
 */
bool		 store_file_has_orphan(struct store_file *f);
struct db	*store_file_take_orphan(struct store_file *f);
void		 store_file_keep_orphan(struct store_file *f, struct db *db);

/*
 * Call it after a use that ended with DB_FULL.  It copies the WAL into the file.  True: the next
 * use begins the WAL again, and may have room enough there.
 */
bool		 store_file_make_room(struct store_file *f);

/*
 * Copies the WAL into the file when it has grown, while other threads write; makes the reserve
 * again.
 */
void		 store_file_housekeep(struct store_file *f);

#endif
