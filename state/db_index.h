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
#ifndef STATE_DB_INDEX_H
#define STATE_DB_INDEX_H

/* The name of the VFS, for sqlite3_open_v2().  NULL, SQLite's own: it cannot be made. */
const char	*db_index_vfs(void);

#endif
