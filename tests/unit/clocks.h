/*
 * clocks.h: the clocks as a test wants them, for a program that is linked with
 * -Wl,--wrap=clock_gettime.
 */
#ifndef TESTS_UNIT_CLOCKS_H
#define TESTS_UNIT_CLOCKS_H

#include <stdint.h>

struct clocks {
	_Atomic int64_t	 wall_ms;	/* it stands there, since the epoch; 0: it is right */
	_Atomic int64_t	 mono_ahead_ms;
};

/* May be made to point into memory that processes share. */
extern struct clocks	*clocks;

#endif
