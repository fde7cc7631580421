#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "server/gate.h"

struct gate {
	pthread_mutex_t	 lock;
	pthread_cond_t	 left;		/* a thread has left */
	int		 room;		/* how many more may enter */
};

struct gate *
gate_new(int n)
{
	struct gate		*g;
	pthread_condattr_t	 attr;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return NULL;
	g->room = n;
	(void)pthread_mutex_init(&g->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&g->left, &attr);
	(void)pthread_condattr_destroy(&attr);
	return g;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	(void)pthread_cond_destroy(&g->left);
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

bool
gate_enter(struct gate *g, int64_t until_ms)
{
	struct timespec	 until = { until_ms / 1000, until_ms % 1000 * 1000000 };
	bool		 entered;

	if (g == NULL)
		return true;
	(void)pthread_mutex_lock(&g->lock);
	while (g->room == 0 && until_ms > 0 &&
	    pthread_cond_timedwait(&g->left, &g->lock, &until) == 0)
		;
	if ((entered = g->room > 0))
		g->room--;
	(void)pthread_mutex_unlock(&g->lock);
	return entered;
}

void
gate_leave(struct gate *g)
{
	if (g == NULL)
		return;
	(void)pthread_mutex_lock(&g->lock);
	g->room++;
	(void)pthread_cond_signal(&g->left);
	(void)pthread_mutex_unlock(&g->lock);
}
