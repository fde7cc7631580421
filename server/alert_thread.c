#include <stdlib.h>

#include "core/clock.h"
#include "core/thread.h"
#include "monitor/alert.h"
#include "server/alert_thread.h"

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
	const int64_t	 until_ms = clock_mono_ms() + alert_pause_ms(t->services->conf);
	bool		 stopping;

	(void)pthread_mutex_lock(&t->lock);
	while (!t->stopping && thread_wait(&t->woken, &t->lock, until_ms))
		;
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

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->services = services;
	(void)pthread_mutex_init(&t->lock, NULL);
	thread_cond_init(&t->woken);
	if ((t->alert = alert_new(services)) == NULL ||
	    !thread_start(&t->thread, run_alerts, t)) {
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
