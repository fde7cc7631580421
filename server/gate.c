#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "server/gate.h"

struct gate {
	pthread_mutex_t	 lock;
	pthread_cond_t	 left;		/* a thread has left */
	size_t		 all, room;	/* what there is, and what is left of it */
};

static size_t
share_of(const struct gate *g, size_t n)
{
	return n < g->all ? n : g->all;
}

struct gate *
gate_new(size_t room)
{
	struct gate		*g;
	pthread_condattr_t	 attr;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return NULL;
	g->all = g->room = room;
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
gate_enter(struct gate *g, size_t n, int64_t until_ms)
{
	struct timespec	 until = { until_ms / 1000, until_ms % 1000 * 1000000 };
	bool		 entered;

	if (g == NULL)
		return true;
	(void)pthread_mutex_lock(&g->lock);
	while (g->room < share_of(g, n) && until_ms > 0 &&
	    pthread_cond_timedwait(&g->left, &g->lock, &until) == 0)
		;
	if ((entered = g->room >= share_of(g, n)))
		g->room -= share_of(g, n);
	(void)pthread_mutex_unlock(&g->lock);
	return entered;
}

void
gate_leave(struct gate *g, size_t n)
{
	if (g == NULL)
		return;
	(void)pthread_mutex_lock(&g->lock);
	g->room += share_of(g, n);
	(void)pthread_cond_broadcast(&g->left);	/* what waits may need less than others */
	(void)pthread_mutex_unlock(&g->lock);
}
