/*
 * store.h: the store, which is the database state_dir/qtoa.db (state/sqlite/) or one that several
 * hosts share (state/postgres/), and transactions that threads share.
 *
 * The path of a request needs only store_do().  Work that comes while a transaction runs waits for
 * the next one: that one does the work of all threads that wait by then, and is committed, and
 * synced, once.
 *
 * The file is made (0600, the directory 0700) and migrated when it is first needed.  A file that is
 * damaged, of another program or of a newer qtoa goes into quarantine (state/state_file.h) with a
 * line in the log; messages that wait in it are taken over (state/recover.h).  On a network file
 * system, where WAL does not work, SQLite uses a rollback journal, and the log says so.
 */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/counters.h"
#include "state/db.h"
#include "state/lock.h"
#include "state/store_engine.h"

struct store;

/*
 * The store that settings.store names: without it, the file in state_dir.  Opens nothing yet; keeps
 * set and locks.  NULL: no memory.
 */
struct store	*store_new(const struct settings *set, struct locks *locks, enum store_life life);

/* The file in state_dir, whatever settings.store names. */
struct store	*store_new_local(const struct settings *set, struct locks *locks,
		    enum store_life life);

/* The same on a back end, which the store owns from now on; NULL also if that is NULL. */
struct store	*store_new_on(const struct settings *set, struct locks *locks,
		    struct store_base *base);
void		 store_free(struct store *s);

/*
 * Runs in a transaction with the work of other threads; ERR_STORE undoes it.  It may be run again
 * after that, so it must use only its argument, not what an earlier run has left.
 */
typedef enum error	 store_work(struct db *db, void *arg);

/*
 * Does nothing.  But each transaction looks first if the files still have their names, and what
 * cannot be used goes into quarantine.
 */
store_work		 store_nothing;

/*
 * Does the work in a transaction.  ERR_OK: it is done and committed.  ERR_STORE: nothing of it is
 * done; store_why() says why.  It waits until until_ms (monotonic) for other processes that hold
 * the file.  For other faults it does not wait, and the next call tries again.
 */
enum error	 store_do(struct store *s, enum store_need need, store_work *work, void *arg,
		    int64_t until_ms);

/*
 * From here on s is for known messages: a store_do() without a work is done together with those
 * that wait, by one call of `all` with their args.  So the rows of all of them can be locked in the
 * same order by each host.
 */
enum { STORE_TOGETHER = 64 };	/* args of one call, at most */
typedef enum error	 store_all(struct db *db, void *const *args, size_t n);
void		 store_set_together(struct store *s, store_all *all);

/*
 * The same for work that nobody waits for.  While a transaction runs, the next one does it with a
 * copy of the arg, which has size bytes, and it counts as done; else it is done at once.
 */
enum error	 store_post(struct store *s, enum store_need need, void *arg, size_t size,
		    int64_t until_ms);

/* From here on s is for counting: what the log says of its failures is about that. */
void		 store_set_counting(struct store *s);

/*
 * While s fails, messages that must be kept (STORE_QUEUE) are put into local instead, which
 * outlives s.  state/carry.h moves them when s works again.
 */
void		 store_set_fallback(struct store *s, struct store *local);

/* Counts the commits of s, and what was done in its fallback; counters outlives s. */
void		 store_set_counters(struct store *s, struct counters *counters);

/* True: the last messages went into local instead.  store_why() and the like are about that. */
bool		 store_is_degraded(struct store *s);

/*
 * Tries the store.  True: it works, or fails for a time.  False: it cannot be used as the settings
 * want, until an operator changes something; why says what.
 */
bool		 store_is_usable(struct store *s, char *why, size_t size);

/* True: other hosts may use the same store. */
bool		 store_is_shared(const struct store *s);

/*
 * The time by the clock of the store's server, ms since the epoch; by this host's own until it was
 * first connected.  For times that stay in the store's tables: see state/db.h: db_stored_ms().
 */
int64_t		 store_now_ms(struct store *s);

/*
 * A number of a store that hosts share.  When it changes, the last things that were not to be
 * durable (STORE_WRITE) may be gone: the store was opened again, or a post failed.
 */
unsigned	 store_doubts(const struct store *s);

/* The locks that the store was made with. */
struct locks	*store_locks(const struct store *s);

/*
 * Copies the last fault in words, for a line in the log; "": work of that kind was done since.
 */
void		 store_why(struct store *s, char *why, size_t size);

/* The same of s itself, also while messages go into its fallback. */
void		 store_fault(struct store *s, char *why, size_t size);

/* True: the last fault was that there is no room.  Less work at a time may be possible. */
bool		 store_is_full(struct store *s);

/*
 * If there is no room, gives up some of the reserve (state/reserve.h), for work that makes room.
 * True: try again.
 */
bool		 store_give_room(struct store *s);

/* The same as store_do(), with all of the reserve if that is needed. */
enum error	 store_do_anyway(struct store *s, enum store_need need, store_work *work, void *arg,
		    int64_t until_ms);

/*
 * True: the disk has so much room that rows can be added (state/disk.h: disk_margin_again()), or
 * nobody can say, as of another host's disk.  The answer may be 100 ms old.
 */
bool		 store_has_room(struct store *s);

/*
 * A flag, the file state_dir/qtoa.work, says that something in the store waits (a message, a
 * breaker), so that a CGI run need not open the database to know.  It is raised before and after
 * the commit of such work: STORE_QUEUE does that, once for all jobs of a transaction.  To lower it:
 * lower it first, then look into the store, and raise it again if something waits.  A raised flag
 * that is raised again wakes those who watch it (state/store_watch.h).  Other hosts do not see it:
 * see state/store_look.h.
 */
void		 store_raise(struct store *s);
void		 store_lower(struct store *s);
bool		 store_is_raised(const struct store *s);

/* Copies the WAL into the file when it has grown; for a thread with time, a few times a second. */
void		 store_housekeep(struct store *s);

/*
 * True, once: this or another process has put the file into quarantine; see state/recover.h.  True
 * also while there is an orphan: see state/store_engine.h.
 */
bool		 store_has_quarantine(struct store *s);
struct db	*store_take_orphan(struct store *s);
void		 store_keep_orphan(struct store *s, struct db *db);

/*
 * Opens a connection of its own that only reads, for work that must not keep others waiting; it
 * does not make the store.  Calls wait until until_ms (monotonic) for others.  *db is NULL only if
 * there is no memory (ERR_NOMEM); else the caller closes it, also after a failure.
 */
enum error	 store_read(struct db **db, const struct settings *set, int64_t until_ms);

/* The same of the file in state_dir, whatever settings.store names. */
enum error	 store_read_local(struct db **db, const struct settings *set, int64_t until_ms);

/*
 * The same as store_read() for questions about many rows, which end at until_ms; what they sort
 * and gather beyond cache_kib goes to files in state_dir.
 */
enum error	 store_read_long(struct db **db, const struct settings *set, int64_t until_ms,
		    int cache_kib);

const char	*store_library(void);	/* the version of SQLite, as it runs here */
const char	*store_shared_library(void);	/* of libpq; "": the program has no libpq */

#endif
