/*
 * store.h: the file state_dir/qtoa.db (SQLite, WAL), and transactions that threads share.
 *
 * store_do() is all that the path of a request needs: who comes while a transaction runs
 * waits for the next one, which does the work of all who have gathered by then and is
 * committed, and synced, once.
 *
 * The file is made (0600, the directory 0700) and migrated when it is first needed.  One that
 * is damaged, another program's or of a newer qtoa is set aside under another name with a
 * line in the log; what waits in it and can still be read is taken over.  On a network
 * file system, where WAL does not work, a rollback journal is used, and the log says so.
 */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/db.h"
#include "state/lock.h"
#include "state/store_file.h"

struct store;

/* Opens nothing yet; keeps set and cs.  NULL: no memory. */
struct store	*store_new(const struct settings *set, struct locks *cs, enum store_life life);
void		 store_free(struct store *s);

/*
 * Runs in a transaction beside the work of others; ERR_STORE undoes it.  It may be run
 * again after that, so it must begin from its argument anew.
 */
typedef enum error	 store_work(struct db *db, void *arg);

/*
 * ERR_OK: the work is done and committed.  ERR_STORE: nothing of it is; store_why() says
 * why.  Other processes that hold the file are waited for until until_ms (monotonic);
 * for other faults there is no waiting, and the next call tries anew.
 */
enum error	 store_do(struct store *s, enum store_need need, store_work *work, void *arg,
		    int64_t until_ms);

/* The last fault in words, "" without one; for a line in the log. */
void		 store_why(struct store *s, char *why, size_t size);

/*
 * A file, state_dir/qtoa.work, that says whether anything in the store waits to be looked
 * after (a message, a breaker): a CGI need not open the database to know.  Raise it before
 * and after what makes it true is committed; lower it, then look again, and raise it if that
 * was too early.
 */
void		 store_raise(struct store *s);
void		 store_lower(struct store *s);
bool		 store_is_raised(const struct store *s);

/*
 * Copies the log into the file when it has grown; for a thread that has time, a few times
 * a second.
 */
void		 store_housekeep(struct store *s);

/* True, once: the file has been set aside, here or by another process: see state/recover.h. */
bool		 store_has_quarantine(struct store *s);

#endif
