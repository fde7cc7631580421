#include <stdlib.h>

#include "collector/follower_pull.h"
#include "core/clock.h"
#include "core/thread.h"
#include "server/asker.h"
#include "wechat/callback_ips.h"

enum {
	ADDRESSES_MS = 5000,	/* for WeChat to answer, once a day */
	FOLLOWERS_MS = 5000
};

struct asker {
	const struct services	*services;
	struct store		*users;
	pthread_t		 thread;
	pthread_mutex_t		 lock;		/* of what follows */
	pthread_cond_t		 woken;
	unsigned		 about;		/* what to ask about; bits of enum asker_about */
	bool			 stopping;
};

static void
renew_addresses(const struct services *s)
{
	const struct callback_ips_asker	 with = { s->tokens, s->http, s->locks };

	if (s->callback_ips != NULL)
		callback_ips_housekeep(s->callback_ips, &with, clock_mono_ms() + ADDRESSES_MS);
}

/* True: there may be more new followers. */
static bool
ask_about_followers(const struct services *s, struct store *users)
{
	const struct follower_pull_tools	 tools = { s->conf, s->http, users, s->tokens };

	return s->tokens != NULL && follower_pull_new(&tools, clock_mono_ms() + FOLLOWERS_MS);
}

void
asker_brief(const struct services *services)
{
	renew_addresses(services);
	(void)ask_about_followers(services, services->store);
}

/*
 * The thread.
 */

/*
 * Waits until there is something to ask about: *about.  At again_ms that is followers.  False: the
 * thread is to end.
 */
static bool
wait_for_work(struct asker *a, unsigned *about, int64_t again_ms)
{
	bool	 stopping;

	(void)pthread_mutex_lock(&a->lock);
	while (!a->stopping && a->about == 0)
		if (!thread_wait(&a->woken, &a->lock, again_ms))
			a->about = ASKER_FOLLOWERS;
	*about = a->about;
	a->about = 0;
	stopping = a->stopping;
	(void)pthread_mutex_unlock(&a->lock);
	return !stopping;
}

static void *
run_asker(void *arg)
{
	struct asker	*a = arg;
	int64_t		 again_ms = INT64_MAX;
	unsigned	 about;

	while (wait_for_work(a, &about, again_ms)) {
		if (about & ASKER_ADDRESSES)
			renew_addresses(a->services);
		if (about & ASKER_FOLLOWERS)
			again_ms = ask_about_followers(a->services, a->users) ?
			    clock_mono_ms() + FOLLOWER_PULL_TURN_MS : INT64_MAX;
	}
	return NULL;
}

static void
free_asker(struct asker *a)
{
	(void)pthread_cond_destroy(&a->woken);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

struct asker *
asker_start(const struct services *services, struct store *users)
{
	struct asker	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->services = services;
	a->users = users;
	(void)pthread_mutex_init(&a->lock, NULL);
	thread_cond_init(&a->woken);
	if (!thread_start(&a->thread, run_asker, a)) {
		free_asker(a);
		return NULL;
	}
	return a;
}

void
asker_ask(struct asker *a, enum asker_about about)
{
	if (a == NULL)
		return;
	(void)pthread_mutex_lock(&a->lock);
	a->about |= about;
	(void)pthread_cond_signal(&a->woken);
	(void)pthread_mutex_unlock(&a->lock);
}

void
asker_stop(struct asker *a)
{
	if (a == NULL)
		return;
	(void)pthread_mutex_lock(&a->lock);
	a->stopping = true;
	(void)pthread_cond_signal(&a->woken);
	(void)pthread_mutex_unlock(&a->lock);
	(void)pthread_join(a->thread, NULL);
	free_asker(a);
}
