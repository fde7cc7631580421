/*
 * clocks.h: the clocks as a test wants them, for a program that is linked with
 * -Wl,--wrap=clock_gettime.
 */
#ifndef TESTS_UNIT_CLOCKS_H
#define TESTS_UNIT_CLOCKS_H

#include <stdint.h>

struct clocks {
	_Atomic int64_t	 wall_ms;	/* it stands there, since the epoch; 0: it is right */
	_Atomic int64_t	 mono_ms;	/* the same of the monotonic one */
	_Atomic int64_t	 mono_ahead_ms;
};

/* The last ms of 2026-11-22 in China, and the first of the next day. */
#define CLOCKS_LAST_MS	INT64_C(1795363199999)
#define CLOCKS_FIRST_MS	(CLOCKS_LAST_MS + 1)

/* May be made to point into memory that processes share. */
extern struct clocks	*clocks;

#endif
