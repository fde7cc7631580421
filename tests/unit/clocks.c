#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "tests/unit/clocks.h"

static struct clocks	 own;

struct clocks	*clocks = &own;

int	__real_clock_gettime(clockid_t id, struct timespec *t);
int	__wrap_clock_gettime(clockid_t id, struct timespec *t);

/* The linker replaces the modules' clock_gettime() by this (--wrap=clock_gettime). */
int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	const bool	 is_mono = id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME;
	const int64_t	 stands_ms = id == CLOCK_REALTIME ? atomic_load(&clocks->wall_ms) :
			    is_mono ? atomic_load(&clocks->mono_ms) : 0;
	int64_t		 ns;
	int		 rc = __real_clock_gettime(id, t);

	if (stands_ms != 0) {
		t->tv_sec = (time_t)(stands_ms / 1000);
		t->tv_nsec = (long)(stands_ms % 1000 * 1000000);
	} else if (is_mono) {
		ns = t->tv_nsec + atomic_load(&clocks->mono_ahead_ms) * 1000000;
		t->tv_sec += (time_t)(ns / 1000000000);
		t->tv_nsec = (long)(ns % 1000000000);
	}
	return rc;
}
