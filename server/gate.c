#include <stdlib.h>

#include "core/thread.h"
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
	struct gate	*g;

	if ((g = calloc(1, sizeof(*g))) == NULL)
		return NULL;
	g->all = g->room = room;
	(void)pthread_mutex_init(&g->lock, NULL);
	thread_cond_init(&g->left);
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
	bool	 entered;

	if (g == NULL)
		return true;
	(void)pthread_mutex_lock(&g->lock);
	while (g->room < share_of(g, n) && until_ms > 0 &&
	    thread_wait(&g->left, &g->lock, until_ms))
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
