/*
 * clock.h: the clocks.
 *
 * The monotonic clock is for deadlines and spans.  The wall clock, ms since the epoch, is for
 * times that others see or that are kept: QT's ts, the log, the store.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
clock_read_ms(clockid_t id)
{
	struct timespec	 t;

	(void)clock_gettime(id, &t);	/* it cannot fail with these clocks */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t
clock_mono_ms(void)
{
	return clock_read_ms(CLOCK_MONOTONIC);
}

static inline int64_t
clock_wall_ms(void)
{
	return clock_read_ms(CLOCK_REALTIME);
}

/* How long this thread has had a processor. */
static inline int64_t
clock_busy_ms(void)
{
	return clock_read_ms(CLOCK_THREAD_CPUTIME_ID);
}

#endif
