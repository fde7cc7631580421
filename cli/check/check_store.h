/*
 * check_store.h: the part of `qtoa check` that looks at state_dir's disk, at the store there, and
 * at the one that hosts share (cli/check/check_shared.h).
 *
 * It never quarantines or migrates a database: the program does that at its next message, and until
 * then the operator can prevent it.
 */
#ifndef CLI_CHECK_CHECK_STORE_H
#define CLI_CHECK_CHECK_STORE_H

#include <stdbool.h>

#include "cli/check/check_result.h"
#include "core/conf.h"
#include "state/disk.h"

/*
 * True: the store can be used, or it does not exist yet and can be created.  offline: a store that
 * hosts share is not asked.
 */
bool	check_store_run(struct check_results *r, const struct conf *c, bool offline);

/* The result for a disk. */
void	check_store_disk(struct check_results *r, const char *dir, const struct disk *d);

#endif
