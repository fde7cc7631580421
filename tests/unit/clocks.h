/*
 * clocks.h: lets a test set the clocks, in a program that is linked with
 * -Wl,--wrap=clock_gettime.
 */
#ifndef TESTS_UNIT_CLOCKS_H
#define TESTS_UNIT_CLOCKS_H

#include <stdint.h>

struct clocks {
	_Atomic int64_t	 wall_ms;	/* the wall clock stands at this time; 0: it is right */
	_Atomic int64_t	 mono_ms;	/* the monotonic clock stands at this time; 0: it runs */
	_Atomic int64_t	 mono_ahead_ms;	/* the monotonic clock is ahead by so much */
};

/* The last ms of 2026-11-22 in China, and the first of the next day. */
#define CLOCKS_LAST_MS	INT64_C(1795363199999)
#define CLOCKS_FIRST_MS	(CLOCKS_LAST_MS + 1)

/* A test may point it at memory that several processes share. */
extern struct clocks	*clocks;

#endif
