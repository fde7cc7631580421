#include <stdatomic.h>
#include <time.h>

#include "tests/unit/clocks.h"

static struct clocks	 own;

struct clocks	*clocks = &own;

int	__real_clock_gettime(clockid_t id, struct timespec *t);
int	__wrap_clock_gettime(clockid_t id, struct timespec *t);

/* The linker is told to send the modules' clock_gettime() here. */
int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	const int64_t	 wall_ms = atomic_load(&clocks->wall_ms);
	int64_t		 ns;
	int		 rc = __real_clock_gettime(id, t);

	if (id == CLOCK_REALTIME && wall_ms != 0) {
		t->tv_sec = (time_t)(wall_ms / 1000);
		t->tv_nsec = (long)(wall_ms % 1000 * 1000000);
	} else if (id == CLOCK_MONOTONIC) {
		ns = t->tv_nsec + atomic_load(&clocks->mono_ahead_ms) * 1000000;
		t->tv_sec += (time_t)(ns / 1000000000);
		t->tv_nsec = (long)(ns % 1000000000);
	}
	return rc;
}
