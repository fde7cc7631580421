/*
 * store_file.h: the file state_dir/qtoa.db: making, opening, migrating it, setting it aside,
 * copying its log.  state/store.h is the door for everybody else.
 *
 * But for store_file_housekeep() a struct store_file belongs to one thread at a time.
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

struct store_file;

/* Opens nothing yet; keeps cs.  NULL: no memory. */
struct store_file *store_file_new(const char *dir, struct locks *cs, enum store_life life);
void		 store_file_free(struct store_file *f);

/*
 * The open file, the one that has that name now.  NULL: it cannot be had, see
 * store_file_why().  Others that hold it are waited for until until_ms.
 */
struct db	*store_file_ready(struct store_file *f, int64_t until_ms);

/* Whether commits from here on are synced. */
enum error	 store_file_sync(struct store_file *f, bool sync);

/* Heeds what db_fault() says: it may close the file or set it aside. */
void		 store_file_handle_error(struct store_file *f);

/* After a commit: it went to the file that still has that name. */
bool		 store_file_holds(struct store_file *f);

/* True: what failed may succeed at once, with another file. */
bool		 store_file_is_other(const struct store_file *f);

/* The last fault in words. */
const char	*store_file_why(const struct store_file *f);

/* Copies the log into the file when it has grown; by one thread, while others write. */
void		 store_file_housekeep(struct store_file *f);

/* True, once: a file has been set aside since the last time, here or elsewhere. */
bool		 store_file_quarantine(struct store_file *f);

/* Renames a database and what belongs to it.  False: errno says why. */
bool		 store_file_rename(const char *from, const char *to);

#endif
