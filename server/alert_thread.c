#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "monitor/alert.h"
#include "server/alert_thread.h"

enum { STACK = 512 * 1024 };	/* bytes of the thread's stack */

struct alert_thread {
	const struct services	*services;
	struct alert		*alert;
	pthread_t		 thread;
	pthread_mutex_t		 lock;
	pthread_cond_t		 woken;
	bool			 stopping;	/* with the lock */
};

/* Waits until the next look.  False: the thread is to end. */
static bool
rest(struct alert_thread *t)
{
	const int64_t		 until_ms = clock_mono_ms() + alert_pause_ms(t->services->conf);
	const struct timespec	 until = {
		.tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000,
	};
	bool			 stopping;
	int			 rc = 0;

	(void)pthread_mutex_lock(&t->lock);
	while (!t->stopping && rc == 0)
		rc = pthread_cond_timedwait(&t->woken, &t->lock, &until);
	stopping = t->stopping;
	(void)pthread_mutex_unlock(&t->lock);
	return !stopping;
}

static void *
run_alerts(void *arg)
{
	struct alert_thread	*t = arg;

	do
		alert_look(t->alert, clock_mono_ms() + ALERT_SEND_MS);
	while (rest(t));
	return NULL;
}

static int
start_thread(struct alert_thread *t)
{
	sigset_t	 all, old;
	pthread_attr_t	 attr;
	int		 rc;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGBUS);		/* state/map_guard.h needs it */
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	/* The new thread inherits the mask: signals are for the main thread. */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&t->thread, &attr, run_alerts, t);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return rc;
}

static void
free_thread(struct alert_thread *t)
{
	alert_free(t->alert);
	(void)pthread_cond_destroy(&t->woken);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

struct alert_thread *
alert_thread_start(const struct services *services)
{
	struct alert_thread	*t;
	pthread_condattr_t	 attr;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->services = services;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->woken, &attr);
	(void)pthread_condattr_destroy(&attr);
	if ((t->alert = alert_new(services)) == NULL || start_thread(t) != 0) {
		free_thread(t);
		return NULL;
	}
	return t;
}

void
alert_thread_wake(struct alert_thread *t)
{
	if (t == NULL)
		return;
	(void)pthread_mutex_lock(&t->lock);
	t->stopping = true;
	(void)pthread_cond_signal(&t->woken);
	(void)pthread_mutex_unlock(&t->lock);
}

void
alert_thread_stop(struct alert_thread *t)
{
	if (t == NULL)
		return;
	alert_thread_wake(t);
	(void)pthread_join(t->thread, NULL);
	free_thread(t);
}
