/*
 * wal_guard.h: keeps what SQLite would drop without a word.
 *
 * When SQLite opens a database whose WAL is damaged, it reads the WAL up to the damage, and then
 * writes over the rest.  Behind the damage there can be messages that were committed.
 */
#ifndef STATE_SQLITE_WAL_GUARD_H
#define STATE_SQLITE_WAL_GUARD_H

#include <stdbool.h>

/*
 * If the WAL of that file is damaged, copies the WAL to FILE.damaged-TIME, where state/recover.h
 * finds it, and logs that.  Call it before this process opens the file.  True: there is such a copy
 * now.
 */
bool	wal_guard_run(const char *file);

/* True: the WAL of that file is damaged, and something is behind the damage. */
bool	wal_guard_is_damaged(const char *file);

#endif
