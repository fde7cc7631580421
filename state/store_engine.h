/*
 * store_engine.h: what a back end gives to state/store.h: it opens the store, and begins, commits
 * and undoes transactions.  Only state/store.c and the back ends call this; others call store_do().
 *
 * A struct store_base belongs to one thread at a time; only housekeep() and what is about orphans
 * may run in another thread meanwhile.
 */
#ifndef STATE_STORE_ENGINE_H
#define STATE_STORE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/db.h"
#include "state/lock.h"

/* How long the process lives, and so who tends the store. */
enum store_life {
	STORE_SERVER,	/* one of its threads calls store_housekeep() */
	STORE_BRIEF	/* the store does it after some commits */
};

enum store_need {
	STORE_READ,	/* changes nothing */
	STORE_WRITE,	/* a power cut may undo it, the death of the process does not */
	STORE_CONFIRM,	/* changes nothing; what was read is durable when store_do() returns */
	STORE_SYNC,	/* durable when store_do() returns */
	STORE_ADD,	/* the same, for new rows: refused while the disk is nearly full */
	STORE_QUEUE	/* the same, for messages that wait: the flag is raised before and after */
};

#define STORE_FLAG	"qtoa.work"	/* see store_raise() */

/* How a use of the store ended. */
struct store_end {
	enum db_fault	 fault;		/* of a use that failed */
	bool		 may_retry;	/* at once */
	bool		 is_refused;	/* it fails until an operator changes something */
	bool		 has_quarantine; /* the file went into quarantine since the last use */
	unsigned	 opened;	/* how often it was opened: see store_doubts() */
	const char	*why;		/* the last fault in words, valid until the next use */
};

/* The struct of a back end begins with this. */
struct store_base {
	const struct store_engine	*engine;
};

struct store_engine {
	const char	*name;	/* in the log */
	bool		 is_shared;	/* hosts share it */
	void		 (*free)(struct store_base *base);
	/*
	 * Opens the store, and begins a transaction if the caller wants one.  It waits until
	 * until_ms (monotonic) for others.  NULL: it failed.  done() must follow each call.
	 */
	struct db	*(*use)(struct store_base *base, enum store_need need, bool transaction,
			    int64_t until_ms);
	/*
	 * Ends a use.  er ERR_OK: the work is good, so commit it; any other: undo it.  ERR_OK: it
	 * is committed, as durable as the use needed it.
	 */
	enum error	 (*done)(struct store_base *base, struct store_end *end, enum error er);
	/* Call it after a use that ended with DB_FULL.  True: the next use may have room enough. */
	bool		 (*make_room)(struct store_base *base);
	void		 (*housekeep)(struct store_base *base);
	/*
	 * The connection to a file that somebody has removed or replaced, with what waits in it.
	 * The caller closes it, or gives it back.  NULL: there is no such file.
	 */
	bool		 (*has_orphan)(struct store_base *base);
	struct db	*(*take_orphan)(struct store_base *base);
	void		 (*keep_orphan)(struct store_base *base, struct db *db);
};

#endif
