/*
 * db_index.h: the index of SQLite's WAL (the file -shm), made safe to use when the disk is full.
 *
 * SQLite maps that file and writes the mapping.  A page that the file system has no block for would
 * end the process by SIGBUS: it is a hole, or the file system writes to new blocks each time
 * (btrfs), or somebody has cut the file short.  So this module gives SQLite a VFS that looks, each
 * time it has taken a lock to write the index, whether the pages can be written.  If not, SQLite
 * gets SQLITE_FULL, and nothing is done.  If the file was cut short, SQLite makes the index again
 * from the WAL.  Should SIGBUS come all the same, the process ends with a line in the log
 * (state/map_guard.h): a private page in the index could damage the database.
 */
#ifndef STATE_SQLITE_DB_INDEX_H
#define STATE_SQLITE_DB_INDEX_H

#include <stdbool.h>

struct sqlite3;

/* How the files beside a database are, while it is open in WAL mode. */
enum db_index_beside {
	DB_INDEX_HOLDS,		/* both have their names; or the database has no WAL */
	DB_INDEX_WAL_GONE,	/* its name leads to no file, or to one that does not have all */
	DB_INDEX_WAL_OTHER,	/* its name leads to another file that has all that is committed */
	DB_INDEX_WAL_CUT,	/* neither has all that is committed */
	DB_INDEX_APART,		/* other processes may use a new WAL and a new index */
	DB_INDEX_GONE		/* the index: its name leads to no file, or to another one */
};

/*
 * Looks at the names.  A process that has such a file open goes on with it, and does not see what
 * others do that open the file of that name.  While others may write, a WAL of another name may be
 * taken for one that was cut: so before anything is done about it, look again in a transaction that
 * writes.
 */
enum db_index_beside	 db_index_look(struct sqlite3 *sq);

/*
 * Gives the WAL its name again: writes its bytes to a new file and syncs that.  The caller is in a
 * transaction that writes.  A file that has the name now is renamed to `aside`, if it has any
 * bytes.  False: errno.
 */
bool		 db_index_restore_wal(struct sqlite3 *sq, const char *aside);

/* Renames WAL and index to to-wal and to-shm.  False: the WAL is another one now, or absent. */
bool		 db_index_rename(struct sqlite3 *sq, const char *to);

/* The name of the VFS, for sqlite3_open_v2().  NULL, SQLite's own: it cannot be made. */
const char	*db_index_vfs(void);

#endif
