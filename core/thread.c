#include <signal.h>
#include <time.h>

#include "core/thread.h"

enum { STACK = 512 * 1024 };	/* bytes */

bool
thread_start(pthread_t *t, void *(*run)(void *), void *arg)
{
	sigset_t	 most, old;
	pthread_attr_t	 attr;
	int		 error;

	(void)sigfillset(&most);
	(void)sigdelset(&most, SIGBUS);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	/* The new thread inherits the mask. */
	(void)pthread_sigmask(SIG_SETMASK, &most, &old);
	error = pthread_create(t, &attr, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return error == 0;
}

void
thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t	 attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

bool
thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms)
{
	const struct timespec	 until = { until_ms / 1000, until_ms % 1000 * 1000000 };

	if (until_ms == INT64_MAX)
		return pthread_cond_wait(cond, lock) == 0;
	return pthread_cond_timedwait(cond, lock, &until) == 0;
}
