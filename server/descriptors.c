#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "server/descriptors.h"

enum {
	SHARED	 = 14,	/* store, lock, known messages, counters, log, wakeups of the drain */
	ALERTS	 = 10,	/* of the thread of alerts: a connection, its file, the store, a counter */
	SENDING	 = 6,	/* libcurl's wakeup; connections to QT, or the look-up of its name */
	CALLED	 = 2,	/* for a call to a relay, beside the request: forwarder/caller.h */
	CALLED_MAX = 512, /* such calls at once */
	DRAINED	 = 4,	/* for a message that is drained: the same without a wakeup */
	LOOK_MAX = 4096	/* descriptors beyond that are not looked for: nobody leaves so many open */
};

static int
between(int least, int n, int most)
{
	return n < least || most < least ? least : n > most ? most : n;
}

struct descriptors_plan
descriptors_plan(int free, int threads, int drain, int endpoints)
{
	struct descriptors_plan	 p = { .workers = threads, .senders = threads, .drain = drain };

	if (free / (1 + SENDING) >= threads &&
	    (free - threads * (1 + SENDING)) / (DRAINED * endpoints) >= drain)
		return p;
	/* A quarter is for the queue.  Of the rest, a sender takes more than others who wait. */
	p.drain = between(1, free / 4 / (DRAINED * endpoints), drain);
	free -= p.drain * DRAINED * endpoints;
	p.senders = between(1, free / (SENDING + 4), threads);
	p.workers = between(p.senders, free - p.senders * SENDING, threads);
	return p;
}

static int
count_endpoints(const struct conf *c)
{
	size_t	 i, k;
	int	 n = 0;

	for (i = 0; i < conf_destinations(c); i++) {
		for (k = 0; k < i && strcmp(c->accounts[k].qt_url, c->accounts[i].qt_url) != 0; k++)
			;
		n += k == i;
	}
	return n == 0 ? 1 : n;
}

/* So many calls to relays may be under way at once beside requests. */
static int
count_calls(const struct conf *c)
{
	const size_t	 n = (size_t)c->set.threads * c->nrelays;

	return n < CALLED_MAX ? (int)n : CALLED_MAX;
}

/* How many descriptors are open; the parent may have left some. */
static int
count_open(int limit)
{
	int	 fd, n = 0;

	for (fd = 0; fd < limit && fd < LOOK_MAX; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Raises the soft limit to need if it is lower.  The limit, need at most. */
static int
raise_limit(int need)
{
	struct rlimit	 r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return need;
	if (r.rlim_cur < (rlim_t)need && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max < (rlim_t)need ? r.rlim_max : (rlim_t)need;
		(void)setrlimit(RLIMIT_NOFILE, &r);
		(void)getrlimit(RLIMIT_NOFILE, &r);
	}
	return r.rlim_cur < (rlim_t)need ? (int)r.rlim_cur : need;
}

struct descriptors_plan
descriptors_plan_of(const struct conf *c, int *limit)
{
	const struct settings	*s = &c->set;
	const int		 endpoints = count_endpoints(c), open = count_open(LOOK_MAX);
	const int		 shared = SHARED + (conf_is_set(s->alert_url) ? ALERTS : 0) +
				    CALLED * count_calls(c);
	const int		 need = open + shared + s->threads * (1 + SENDING) +
				    endpoints * s->drain_parallel * DRAINED;

	*limit = raise_limit(need);
	return descriptors_plan(*limit - open - shared, s->threads, s->drain_parallel, endpoints);
}
