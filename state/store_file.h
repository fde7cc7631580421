/*
 * store_file.h: the file state_dir/qtoa.db: making, opening, migrating it, setting it aside,
 * copying its log.  state/store.h is the door for everybody else.
 *
 * But for storefile_tend() a struct storefile belongs to one thread at a time.
 */
#ifndef STATE_STORE_FILE_H
#define STATE_STORE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/db.h"
#include "state/lock.h"

/* How long the process lives, and so who copies the log into the file. */
enum store_life {
	STORE_SERVER,	/* a thread of it tends the store */
	STORE_BRIEF	/* whoever commits, now and then */
};

struct storefile;

/* Opens nothing yet; keeps cs.  NULL: no memory. */
struct storefile *storefile_new(const char *dir, struct claims *cs, enum store_life life);
void		 storefile_free(struct storefile *f);

/*
 * The open file, the one that has that name now.  NULL: it cannot be had, see
 * storefile_why().  Others that hold it are waited for until until_ms.
 */
struct db	*storefile_ready(struct storefile *f, int64_t until_ms);

/* Whether commits from here on are synced. */
enum qt_err	 storefile_sync(struct storefile *f, bool sync);

/* Heeds what db_fault() says: it may close the file or set it aside. */
void		 storefile_heed(struct storefile *f);

/* After a commit: it went to the file that still has that name. */
bool		 storefile_holds(struct storefile *f);

/* True: what failed may succeed at once, with another file. */
bool		 storefile_is_other(const struct storefile *f);

/* The last fault in words. */
const char	*storefile_why(const struct storefile *f);

/* Copies the log into the file when it has grown; by one thread, while others write. */
void		 storefile_tend(struct storefile *f);

/* True, once: a file has been set aside since the last time, here or elsewhere. */
bool		 storefile_set_aside(struct storefile *f);

/* Renames a database and what belongs to it.  False: errno says why. */
bool		 storefile_rename(const char *from, const char *to);

#endif
