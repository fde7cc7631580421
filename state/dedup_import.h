/*
 * dedup_import.h: takes over the marks of qtoa.seen-N files that older versions of this program
 * made: buckets of 32 slots, each of them 16 bytes.
 */
#ifndef STATE_DEDUP_IMPORT_H
#define STATE_DEDUP_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "state/dedup_table.h"

enum { DEDUP_IMPORT_MAGIC = 8 };	/* bytes at the beginning of a file */

bool	 dedup_import_is_old(const char magic[DEDUP_IMPORT_MAGIC]);

/* The bits of a table that has room for the marks of the file fd. */
unsigned dedup_import_bits(int fd);

/*
 * Puts all marks of the file fd into the table, as long as it has room; unit_s: the seconds in
 * which the table's words count time.  False: the file cannot be read to its end (errno).
 */
bool	 dedup_import_marks(const struct dedup_table *t, int fd, int64_t unit_s);

#endif
