/*
 * scrub.h: what is deleted from a state directory is really gone, and what is still there is found.
 *
 * SQLite leaves bytes of deleted rows in free pages, in unused parts of pages, and in the WAL.
 * These functions use connections of their own; call them while this process has no other
 * connection to the database, because to close a file drops the locks of the process on it.
 */
#ifndef STATE_SCRUB_H
#define STATE_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/state_file.h"

enum { SCRUB_WHY = STATE_FILE_PATH + 200 };

/*
 * Gives the free pages of the database back to the file system, in steps that let others work, and
 * empties the WAL.  rewrite: writes the whole database again before, so that no page has unused
 * bytes of deleted rows; nothing can be stored meanwhile, about a second for each 50 MB, and it
 * needs as much room again, twice.  False: it could not be done until until_ms (monotonic), and why
 * says why.  A directory without a database is good.
 */
bool	scrub_database(const char *dir, bool rewrite, int64_t until_ms, char why[SCRUB_WHY]);

/* Bytes of the database file; 0: there is no database. */
int64_t	scrub_database_size(const char *dir);

/* A file that has some of the names; path is valid until fn returns. */
typedef void	 scrub_found(void *ctx, const char *path, int64_t times);

/*
 * Looks for the names (each with a NUL behind it) in every file of the directory and below.  Calls
 * fn for each file that has some of them.  *files: how many were read.  False: one could not be
 * read, and why names it.
 */
bool	scrub_search(const char *dir, const struct buf *names, scrub_found *fn, void *ctx,
	    int64_t *files, char why[SCRUB_WHY]);

/* The same for one file, which is read alone. */
bool	scrub_search_file(const char *path, const struct buf *names, int64_t *times);

/*
 * Removes databases whose rows were taken over from quarantine (state/recover.h) and that have one
 * of the names, with the files beside them.  *n: how many databases.
 */
bool	scrub_rescued(const char *dir, const struct buf *names, int64_t *n, char why[SCRUB_WHY]);

#endif
