#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "server/release_pages.h"
#include "server/thread_pool.h"

enum {
	PER_CPU = 4,		/* workers that are started without much ado */
	SLOW_MS = 4,		/* a request that takes longer may be waiting for others */
	STUCK_MS = 20,		/* one that takes longer is, unless it computes */
	COMPUTING = 24,		/* a worker that uses one part in so many of a processor */
	WAITING = 200,		/* one that uses less than one in so many */
	REST_MS = 2000,		/* without growing, after that did not help */
	TICK_MS = 5,		/* how often a pool under pressure is looked at */
	WINDOW_MS = 20,		/* over which it is judged */
	CALM_TICKS = 40,	/* without pressure, until it is left alone again */
	STOP_MS = 700,		/* for transfers to end by themselves */
	STOP_HARD_MS = 1900,	/* all must be over by then */
	SHORTAGE_MS = 100,	/* pause when descriptors or memory ran out */
	WARM = 100,		/* connections, after which all is initialised */
	STACK = 512 * 1024	/* bytes of a worker's stack */
};

struct member {
	struct pool		*pool;
	pthread_t		 thread;
	_Atomic bool		 done;
};

/* The time over which the pool is judged, and what came of it when it last grew. */
struct window {
	int64_t			 begin_ms;
	int64_t			 begin_cpu_ms;	/* processor time used by then */
	unsigned		 begin_served;
	int64_t			 rate;		/* requests a second in the one before */
	int			 grown_from;	/* workers before it grew; 0: it did not */
	int64_t			 rest_ms;	/* growing did not help: not before this */
};

struct pool {
	const struct thread_pool_app	*app;
	int				 listen_fd;
	pthread_t			 main;
	struct member			*members;
	int				 n;		/* started; main's alone */
	int				 few;		/* PER_CPU times the processors */
	bool				 cannot_grow;	/* said once */
	bool				 trimmed;
	struct window			 window;
	_Atomic unsigned		 served;	/* connections accepted */
	_Atomic int			 idle;
	_Atomic bool			 pressed;	/* main has been told to look */
	_Atomic bool			 stopping;
	_Atomic bool			 short_of;	/* of descriptors, memory: said once */
};

/* To main: look whether more workers are needed.  To a worker: wake up. */
#define SIG_WAKE	SIGUSR2

static void
on_wake(int sig)
{
	(void)sig;
}

static void
pause_ms(long ms)
{
	struct timespec	 t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* True while the pool is to go on in spite of the failed accept. */
static bool
bear(struct pool *p, int error)
{
	struct pollfd	 pfd = { .fd = p->listen_fd, .events = POLLIN };

	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
		return true;
	case EAGAIN:	/* somebody made the socket non-blocking */
		(void)poll(&pfd, 1, -1);
		return true;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		if (!atomic_exchange(&p->short_of, true))
			log_msg(LEVEL_ERROR, "accept", "%s: new connections wait; raise the "
			    "limit on open files or lower settings.threads", strerror(error));
		pause_ms(SHORTAGE_MS);
		return true;
	default:
		log_msg(LEVEL_ERROR, "accept", "%s: is descriptor 0 a listening socket?",
		    strerror(error));
		return false;
	}
}

/* A connection, or -1: the pool is stopping. */
static int
next_connection(struct pool *p, const sigset_t *wake)
{
	int	 fd = -1, error = 0;

	/*
	 * The wake signal gets through only here, so that it never cuts short what a
	 * request is reading.
	 */
	(void)pthread_sigmask(SIG_UNBLOCK, wake, NULL);
	while (!atomic_load(&p->stopping) && (fd = accept(p->listen_fd, NULL, NULL)) == -1) {
		error = errno;
		if (!bear(p, error)) {
			(void)kill(getpid(), SIGTERM);
			break;
		}
	}
	(void)pthread_sigmask(SIG_BLOCK, wake, NULL);
	if (fd != -1 && atomic_load_explicit(&p->short_of, memory_order_relaxed))
		atomic_store(&p->short_of, false);
	return fd;
}

static void *
work(void *arg)
{
	struct member	*m = arg;
	struct pool	*p = m->pool;
	void		*worker;
	sigset_t	 wake;
	int		 fd;

	(void)sigemptyset(&wake);
	(void)sigaddset(&wake, SIG_WAKE);
	if ((worker = p->app->worker_new(p->app->ctx)) == NULL) {
		log_msg(LEVEL_ERROR, "pool", "a worker cannot start: out of memory");
		(void)atomic_fetch_sub(&p->idle, 1);
		atomic_store(&m->done, true);
		return NULL;
	}
	while ((fd = next_connection(p, &wake)) != -1) {
		(void)atomic_fetch_add_explicit(&p->served, 1, memory_order_relaxed);
		if (atomic_fetch_sub(&p->idle, 1) == 1 && !atomic_exchange(&p->pressed, true))
			(void)pthread_kill(p->main, SIG_WAKE);
		p->app->serve(worker, fd);
		(void)atomic_fetch_add(&p->idle, 1);
	}
	p->app->worker_free(worker);
	atomic_store(&m->done, true);
	return NULL;
}

static void
add_workers(struct pool *p, int more)
{
	pthread_attr_t	 attr;
	struct member	*m;
	int		 error;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	for (; more > 0 && p->n < p->app->threads; more--) {
		m = &p->members[p->n];
		m->pool = p;
		(void)atomic_fetch_add(&p->idle, 1);
		if ((error = pthread_create(&m->thread, &attr, work, m)) != 0) {
			(void)atomic_fetch_sub(&p->idle, 1);
			if (!p->cannot_grow)
				log_msg(LEVEL_WARNING, "pool", "%d workers and no more: %s",
				    p->n, strerror(error));
			p->cannot_grow = true;
			break;
		}
		p->n++;
	}
	(void)pthread_attr_destroy(&attr);
}

static bool
connections_wait(const struct pool *p)
{
	struct pollfd	 pfd = { .fd = p->listen_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/*
 * Judges the time since the last judgement, once it is long enough.  With all n workers
 * busy, a request took n times that divided by what was served.  If that is long and they
 * used hardly any processor, they wait for QT, and more of them help; if they computed,
 * more would only compete.  In between more come while the last ones served more.
 */
static bool
more_would_help(struct pool *p)
{
	struct window	*w = &p->window, last = *w;
	int64_t		 elapsed_ms, used_ms, rate, served;

	if ((elapsed_ms = clock_mono_ms() - last.begin_ms) < WINDOW_MS)
		return false;
	w->begin_ms += elapsed_ms;
	w->begin_cpu_ms = clock_read_ms(CLOCK_PROCESS_CPUTIME_ID);
	w->begin_served = atomic_load_explicit(&p->served, memory_order_relaxed);
	served = (int64_t)(w->begin_served - last.begin_served);
	used_ms = w->begin_cpu_ms - last.begin_cpu_ms;
	if (elapsed_ms >= 4 * WINDOW_MS ||	/* it slept in between */
	    served * SLOW_MS >= p->n * elapsed_ms || used_ms * COMPUTING >= p->n * elapsed_ms)
		return false;
	rate = served * 1000 / elapsed_ms;
	w->rate = rate;
	if (served * STUCK_MS < p->n * elapsed_ms && used_ms * WAITING < p->n * elapsed_ms)
		return true;
	if (last.grown_from != 0 &&
	    2 * rate * last.grown_from < last.rate * (last.grown_from + p->n)) {
		w->grown_from = 0;
		w->rest_ms = w->begin_ms + REST_MS;
	}
	return w->begin_ms >= w->rest_ms;
}

/*
 * Whether the pool is under pressure, and more workers where that helps.  More threads
 * help while those there wait for QT; while they compete for processors more only cost.
 */
static bool
grow(struct pool *p)
{
	if (atomic_load(&p->idle) > 0)
		return false;
	if (p->n < p->few) {
		add_workers(p, p->few - p->n);
	} else if (more_would_help(p) && connections_wait(p)) {
		p->window.grown_from = p->n;
		add_workers(p, p->n / 2 + 1);
	}
	return true;
}

/* Until a signal says stop. */
static void
watch(struct pool *p, const sigset_t *signals)
{
	const struct timespec	 tick = { 0, TICK_MS * 1000000 };
	int			 sig, calm = CALM_TICKS;

	for (;;) {
		if (calm < CALM_TICKS)
			sig = sigtimedwait(signals, NULL, &tick);
		else if ((sig = sigwaitinfo(signals, NULL)) == SIG_WAKE)
			calm = 0;
		if (sig != -1 && sig != SIG_WAKE)
			return;
		if (sig == -1 && errno != EAGAIN)
			continue;
		if (!p->trimmed && atomic_load(&p->served) >= WARM) {
			p->trimmed = true;
			release_pages();
		}
		if (p->n == p->app->threads || p->cannot_grow) {
			calm = CALM_TICKS;	/* and pressed stays set: no use in asking */
			continue;
		}
		calm = grow(p) ? 0 : calm + 1;
		if (calm == CALM_TICKS) {
			atomic_store(&p->pressed, false);
			if (atomic_load(&p->idle) == 0)	/* just missed */
				calm = 0;
		}
	}
}

/* 0, or -1 if a worker does not end. */
static int
stop(struct pool *p)
{
	int64_t	 begin_ms = clock_mono_ms();
	int	 i, left;

	atomic_store(p->app->stop_ms, begin_ms + STOP_MS);
	atomic_store(&p->stopping, true);
	if (p->app->on_stop != NULL)
		p->app->on_stop(p->app->ctx);
	do {
		/*
		 * A worker may be about to accept when the signal comes; so it comes until
		 * each is out.
		 */
		for (i = left = 0; i < p->n; i++)
			if (!atomic_load(&p->members[i].done)) {
				(void)pthread_kill(p->members[i].thread, SIG_WAKE);
				left++;
			}
		if (left != 0)
			pause_ms(TICK_MS);
	} while (left != 0 && clock_mono_ms() - begin_ms < STOP_HARD_MS);
	if (left != 0) {
		log_msg(LEVEL_ERROR, "stop", "%d requests did not end in time", left);
		return -1;
	}
	for (i = 0; i < p->n; i++)
		(void)pthread_join(p->members[i].thread, NULL);
	return 0;
}

static void
set_of_signals(sigset_t *signals)
{
	(void)sigemptyset(signals);
	(void)sigaddset(signals, SIGTERM);
	(void)sigaddset(signals, SIGINT);
	(void)sigaddset(signals, SIGUSR1);
	(void)sigaddset(signals, SIG_WAKE);
}

/* All signals are main's: threads started from here on inherit the mask. */
void
thread_pool_hold_signals(void)
{
	struct sigaction	 sa = { .sa_handler = on_wake };
	sigset_t		 signals;

	(void)sigaction(SIG_WAKE, &sa, NULL);	/* no SA_RESTART: it is to interrupt */
	set_of_signals(&signals);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

int
thread_pool_run(const struct thread_pool_app *app, int listen_fd)
{
	struct pool	 p = { .app = app, .listen_fd = listen_fd, .main = pthread_self() };
	long		 cpus = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t	 signals;
	int		 rc = -1;

	if ((p.members = calloc((size_t)app->threads, sizeof(*p.members))) == NULL)
		return -1;
	p.few = PER_CPU * (cpus > 0 && cpus < 256 ? (int)cpus : 1);
	if (p.few > app->threads)
		p.few = app->threads;
	set_of_signals(&signals);
	release_pages();	/* what loading touched; what initialising does, follows */
	add_workers(&p, 1);
	if (p.n != 0) {
		watch(&p, &signals);
		rc = stop(&p);
	}
	if (rc == 0)	/* else a worker still uses it */
		free(p.members);
	return rc;
}
