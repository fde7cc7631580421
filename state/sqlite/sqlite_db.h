/*
 * sqlite_db.h: a connection to an SQLite database, as state/db.h wants it, and what only SQLite
 * has.  A struct db of this header is one that sqlite_db_open() has made.
 */
#ifndef STATE_SQLITE_SQLITE_DB_H
#define STATE_SQLITE_SQLITE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "state/db.h"
#include "state/sqlite/db_index.h"

enum sqlite_db_mode { SQLITE_DB_WRITE, SQLITE_DB_READ };

/*
 * SQLITE_DB_WRITE makes the file if it does not exist.  *db is NULL only if there is no memory
 * (ERR_NOMEM); else the caller closes it, also after a failure.
 */
enum error	 sqlite_db_open(struct db **db, const char *file, enum sqlite_db_mode mode);

/*
 * For questions about many rows: what they sort and gather goes to files when it is more than
 * cache_kib.  The files are in dir, which is that of the first call, and have no name.  A statement
 * fails (DB_FULL) that leaves less than half of the room that was free on the disk.
 */
enum error	 sqlite_db_spill(struct db *db, const char *dir, int cache_kib);

/* True: a transaction has begun, and SQLite has not undone it after a failure. */
bool		 sqlite_db_in_transaction(const struct db *db);

/*
 * Makes the file at least that long, and the disk gives it the blocks for that; a few more, so that
 * most calls find it done.  Then the WAL can be copied into it on a full disk, too.
 */
enum error	 sqlite_db_cover(struct db *db, int64_t bytes);

/*
 * Like db_run(), db_number() and db_start(), for statements that only SQLite has.  The SQL must be
 * a literal: its statement is prepared once, and found again by the address of the literal.
 */
enum error	 sqlite_db_run(struct db *db, int64_t *changed, const char *sql,
		    const struct db_value *v, size_t n);
enum error	 sqlite_db_number(struct db *db, int64_t *i, const char *sql,
		    const struct db_value *v, size_t n);
enum error	 sqlite_db_start(struct db *db, struct db_rows *rows, const char *sql,
		    const struct db_value *v, size_t n);

/*
 * Renames a database that is not open, with the files that SQLite keeps beside it.  False: errno
 * says why; some of them may have the new name.
 */
bool		 sqlite_db_rename(const char *from, const char *to);

/*
 * What has become of the files that SQLite keeps beside an open database; see db_index.h.  Call
 * both in a transaction that writes.
 */
enum db_index_beside	 sqlite_db_look_beside(struct db *db);
bool		 sqlite_db_restore_wal(struct db *db, const char *aside);

/* Renames them, if they still have their names.  False: they do not. */
bool		 sqlite_db_rename_beside(const struct db *db, const char *to);

/* True: that is the name of a file that SQLite keeps beside a database. */
bool		 sqlite_db_is_beside(const char *name);

/*
 * Copies the WAL into the file.  restart: waits for readers, so that the WAL can begin again.
 * *left: how many pages of the WAL are not copied yet.
 */
enum error	 sqlite_db_checkpoint(struct db *db, bool restart, int *left);

/* From here on, fn is called after each commit with the number of pages in the WAL. */
typedef void	 sqlite_db_wal_pages(void *ctx, int pages);
void		 sqlite_db_watch_wal(struct db *db, sqlite_db_wal_pages *fn, void *ctx);

const char	*sqlite_db_library(void);	/* the version of SQLite, as it runs here */

#endif
