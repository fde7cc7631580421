/*
 * map_guard.h: what happens when a page of a mapped file cannot be used: somebody has cut the file
 * short, or the disk is full or broken.  The kernel tells that by SIGBUS, which ends the process.
 *
 * This module handles SIGBUS.  In a mapping that is guarded, memory takes the place of the page,
 * and the owner of the mapping finds out by map_guard_is_lost().  Some mappings hold what other
 * processes rely on, such as SQLite's index of the WAL; memory that no other process sees would
 * spoil the database.  In such a mapping a line goes to the log and the process ends at once, as if
 * it was killed.  Everywhere else SIGBUS does what it did before.
 *
 * A thread must not block SIGBUS: then the kernel kills the process.
 */
#ifndef STATE_MAP_GUARD_H
#define STATE_MAP_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct map_guard;

enum map_guard_then {
	MAP_GUARD_LOSE,		/* memory takes the place of the page */
	MAP_GUARD_END		/* the process ends */
};

/*
 * Guards len bytes at `at`, which begin a page.  what: the file in the log, a literal.  NULL: there
 * are too many guards, so SIGBUS there kills the process.
 */
struct map_guard *map_guard_add(void *at, size_t len, enum map_guard_then then, const char *what);

/* Ends the guard; call it before the bytes are unmapped.  g may be NULL. */
void		 map_guard_remove(struct map_guard *g);

/* True: a page was replaced, so that what is written there goes nowhere.  g may be NULL. */
bool		 map_guard_is_lost(const struct map_guard *g);

/*
 * Makes sure that the pages can be written now, without a change of what they hold.  False: they
 * cannot; errno is ENOSPC.  Where the system cannot tell (Linux before 5.14), it is true.
 */
bool		 map_guard_can_write(void *at, size_t len);

#endif
