/*
 * thread.h: threads, and waiting for other threads up to a time of the monotonic clock (POSIX,
 * pthread.h).
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Starts run(arg) with a stack of 512 KiB.  No signal goes to this thread but a SIGBUS of its own
 * (state/map_guard.h).  False: the system allows no further thread.
 */
bool	 thread_start(pthread_t *t, void *(*run)(void *), void *arg);

/* Makes a condition for thread_wait(). */
void	 thread_cond_init(pthread_cond_t *cond);

/*
 * Waits, with the lock, until somebody signals the condition.  False: until_ms is over
 * (clock_mono_ms(); INT64_MAX: it never is).
 */
bool	 thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);

#endif
