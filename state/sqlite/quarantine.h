/*
 * quarantine.h: databases in quarantine (state/state_file.h) whose rows are not taken over yet:
 * state_dir/qtoa.db.damaged-TIME and state_dir/qtoa.db.newer-TIME.
 */
#ifndef STATE_SQLITE_QUARANTINE_H
#define STATE_SQLITE_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/db.h"

/*
 * Finds such a database of any process, and writes its name into name, which may be NULL.  False:
 * there is no such file.
 */
bool		quarantine_find(const char *dir, char *name, size_t size);

/*
 * Opens it for reading.  A damaged one is read page by page, and what was read is opened.  *lost:
 * how many waiting messages could not be read.  The caller closes *db (it may be NULL), also after
 * a failure.
 */
enum error	quarantine_open(struct db **db, int64_t *lost, const char *dir, const char *name);

/* Its rows are taken over: renames it to qtoa.db.rescued-TIME, and writes the new path into to. */
void		quarantine_end(char *to, size_t size, const char *dir, const char *name);

#endif
