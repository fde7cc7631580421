/*
 * check_store.h: `qtoa check`: state_dir's disk and the store in it.
 *
 * A file that the program would set aside or bring up to date is left as it is: that is for the
 * program to do, or for the operator to prevent.
 */
#ifndef CLI_CHECK_CHECK_STORE_H
#define CLI_CHECK_CHECK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/check/check_result.h"
#include "core/conf.h"

/* True: the store can be used, or made where there is none. */
bool	check_store_run(struct check_results *f, const struct conf *c);

/* What is left of a disk, for who is not root; inodes 0 of 0: it does not count them. */
struct check_store_disk {
	int64_t	 free_bytes, bytes, free_inodes, inodes;
};
void	check_store_disk(struct check_results *f, const char *dir, const struct check_store_disk *d);

#endif
