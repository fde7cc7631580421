/*
 * store_examine.h: what `qtoa check` finds out about the file state_dir/qtoa.db.  It changes
 * nothing.
 */
#ifndef STATE_STORE_EXAMINE_H
#define STATE_STORE_EXAMINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/db.h"

enum store_is {
	STORE_IS_SOUND,
	STORE_IS_ABSENT,
	STORE_IS_FOREIGN,	/* another program's database */
	STORE_IS_NAMELESS,	/* damaged: it does not say that it is qtoa's */
	STORE_IS_NEWER,		/* a later qtoa made it */
	STORE_IS_DAMAGED,	/* why says where */
	STORE_IS_FAULTY		/* it cannot be read: fault, why */
};

struct store_examined {
	enum store_is	 is;
	enum db_fault	 fault;
	char		 why[160];
	int64_t		 version, ours;	/* of the schema; an older one is sound, but is migrated */
	bool		 is_wal_damaged;
	bool		 is_partly;	/* quick_ms were not enough to look at all of it */
	struct db	*db;		/* a connection that reads; or NULL */
};

/*
 * Looks whose file it is, and for at most quick_ms whether all of it can be read.  Waits until
 * until_ms (monotonic) for other processes.  The caller closes x->db.  Call it before this process
 * opens the store.
 */
void	store_examine_run(struct store_examined *x, const struct settings *set, int64_t until_ms,
	    int quick_ms);

/* A fault of x->db since then. */
void	store_examine_fault(struct store_examined *x);

#endif
