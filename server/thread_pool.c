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
#include "server/thread_pool.h"

enum {
	FEW_MIN = 4,		/* workers that start at once, however long requests take: */
	FEW_MAX = 16,		/* two for each processor, within these bounds */
	SLOW_MS = 4,		/* requests that take longer wait for QT, not for a processor */
	LOOK_MS = 5,		/* over which their time is measured */
	POLL_MS = 5,		/* after a stop, between two looks at the workers */
	STOP_MS = 700,		/* for transfers to end after a stop */
	STOP_HARD_MS = 1900,	/* for workers to end after a stop */
	SHORTAGE_MS = 100,	/* pause when descriptors or memory have run out */
	STACK = 512 * 1024	/* bytes of a worker's stack */
};

/* A place for one worker.  Only the main thread fills it, and frees it when the worker is done. */
struct member {
	struct pool	*pool;
	void		*worker;	/* NULL: the place is free */
	pthread_t	 thread;
	_Atomic bool	 done;
};

struct pool {
	const struct thread_pool_app	*app;
	int				 listen_fd;
	pthread_t			 main;
	struct member			*members;	/* as many as app->threads */
	_Atomic int			 n;		/* workers; only main changes it */
	_Atomic int			 max;		/* threads, or what the system allows */
	int				 few;		/* workers that start at once */
	_Atomic int			 idle;		/* workers that wait for a connection */
	_Atomic int			 idle_least;	/* lowest value since main looked */
	_Atomic int			 surplus;	/* so many idle workers must end */
	_Atomic unsigned		 served;	/* connections */
	_Atomic bool			 pressed;	/* main knows that no worker is idle */
	_Atomic bool			 stopping;
	_Atomic bool			 shortage;	/* of descriptors or memory; logged once */
	_Atomic bool			 scarce;	/* all workers are busy; logged once */
};

/* To the main thread: no worker is idle.  To a worker: leave accept(), you may have to end. */
#define SIG_WAKE	SIGUSR2

/* Does nothing; but without a handler the signal would not interrupt accept(). */
static void
handle_wake(int sig)
{
	(void)sig;
}

static void
sleep_ms(long ms)
{
	struct timespec	 t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* Counts an idle worker less.  If it was the last one, the main thread must start another. */
static void
leave_idle(struct pool *p)
{
	int	 left = atomic_fetch_sub(&p->idle, 1) - 1;
	int	 least = atomic_load(&p->idle_least);

	while (left < least && !atomic_compare_exchange_weak(&p->idle_least, &least, left))
		;
	if (left != 0)
		return;
	if (atomic_load(&p->n) < atomic_load(&p->max)) {
		if (!atomic_exchange(&p->pressed, true))
			(void)pthread_kill(p->main, SIG_WAKE);
	} else if (p->app->wanted > p->app->threads && !atomic_exchange(&p->scarce, true)) {
		log_msg(LEVEL_ERROR, "accept", "new connections wait: the limit on open files "
		    "allows %d of %d workers; raise it or lower settings.threads",
		    p->app->threads, p->app->wanted);
	}
}

/* True: the worker that asks must end.  Each surplus is given to one worker only. */
static bool
is_surplus(struct pool *p)
{
	int	 n = atomic_load(&p->surplus);

	while (n > 0)
		if (atomic_compare_exchange_weak(&p->surplus, &n, n - 1))
			return true;
	return false;
}

/* True: accept() has failed, and the worker must try again. */
static bool
retry_accept(struct pool *p, int error)
{
	struct pollfd	 pfd = { .fd = p->listen_fd, .events = POLLIN };

	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
		return true;
	case EAGAIN:	/* another process has made the socket non-blocking */
		(void)poll(&pfd, 1, -1);
		return true;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		if (!atomic_exchange(&p->shortage, true))
			log_msg(LEVEL_ERROR, "accept", "%s: new connections wait; raise the "
			    "limit on open files or lower settings.threads", strerror(error));
		sleep_ms(SHORTAGE_MS);
		return true;
	default:
		log_msg(LEVEL_ERROR, "accept", "%s: is descriptor 0 a listening socket?",
		    strerror(error));
		return false;
	}
}

/* A connection, or -1: the worker must end. */
static int
accept_connection(struct pool *p, const sigset_t *wake)
{
	int	 fd = -1;

	/* SIG_WAKE is unblocked only here: it must not interrupt what a request reads. */
	(void)pthread_sigmask(SIG_UNBLOCK, wake, NULL);
	while (!atomic_load(&p->stopping) && !is_surplus(p) &&
	    (fd = accept(p->listen_fd, NULL, NULL)) == -1)
		if (!retry_accept(p, errno)) {
			(void)kill(getpid(), SIGTERM);
			break;
		}
	(void)pthread_sigmask(SIG_BLOCK, wake, NULL);
	if (fd != -1 && atomic_load_explicit(&p->shortage, memory_order_relaxed))
		atomic_store(&p->shortage, false);
	return fd;
}

static void *
run_worker(void *arg)
{
	struct member	*m = arg;
	struct pool	*p = m->pool;
	sigset_t	 wake;
	int		 fd;

	(void)sigemptyset(&wake);
	(void)sigaddset(&wake, SIG_WAKE);
	while ((fd = accept_connection(p, &wake)) != -1) {
		leave_idle(p);
		p->app->serve(m->worker, fd);
		(void)atomic_fetch_add_explicit(&p->served, 1, memory_order_relaxed);
		(void)atomic_fetch_add(&p->idle, 1);
	}
	leave_idle(p);
	p->app->worker_free(m->worker);
	atomic_store(&m->done, true);
	return NULL;
}

/* 0, or an error number: the system allows no further thread. */
static int
start_thread(struct member *m)
{
	pthread_attr_t	 attr;
	int		 error;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK);
	error = pthread_create(&m->thread, &attr, run_worker, m);
	(void)pthread_attr_destroy(&attr);
	return error;
}

/* Starts a worker.  If the system does not allow it, the pool never becomes larger again. */
static void
add_worker(struct pool *p)
{
	struct member	*m = p->members;
	int		 error = ENOMEM;

	while (m->worker != NULL)
		m++;
	m->pool = p;
	atomic_store(&m->done, false);
	(void)atomic_fetch_add(&p->idle, 1);
	if ((m->worker = p->app->worker_new(p->app->ctx)) != NULL &&
	    (error = start_thread(m)) == 0) {
		(void)atomic_fetch_add(&p->n, 1);
		return;
	}
	(void)atomic_fetch_sub(&p->idle, 1);
	p->app->worker_free(m->worker);
	m->worker = NULL;
	log_msg(LEVEL_WARNING, "pool", "cannot start more than %d workers: %s; lower "
	    "settings.threads or raise the limit on processes", p->n, strerror(error));
	atomic_store(&p->max, p->n);
}

/*
 * Whether requests wait for others.  While n workers are busy and serve k requests in LOOK_MS, one
 * takes n * LOOK_MS / k.  If that is short, the processors are the limit: more workers would cost
 * memory and serve nobody sooner.
 */
static bool
are_requests_slow(struct pool *p)
{
	const unsigned	 before = atomic_load(&p->served);

	sleep_ms(LOOK_MS);
	return (atomic_load(&p->served) - before) * SLOW_MS < (unsigned)p->n * LOOK_MS;
}

/* Frees the places of workers that have ended. */
static void
join_ended(struct pool *p)
{
	struct member	*m;

	for (m = p->members; m != p->members + p->app->threads; m++)
		if (m->worker != NULL && atomic_load(&m->done)) {
			(void)pthread_join(m->thread, NULL);
			m->worker = NULL;
			(void)atomic_fetch_sub(&p->n, 1);
		}
}

/* Makes all workers leave accept().  One that has not called it yet misses the signal. */
static void
wake_workers(struct pool *p)
{
	struct member	*m;

	for (m = p->members; m != p->members + p->app->threads; m++)
		if (m->worker != NULL)
			(void)pthread_kill(m->thread, SIG_WAKE);
}

/* Ends the workers that were idle since the last look; one idle worker stays. */
static void
retire_workers(struct pool *p)
{
	int	 least = atomic_exchange(&p->idle_least, atomic_load(&p->idle));

	join_ended(p);
	if (least > 0)
		atomic_store(&p->scarce, false);
	atomic_store(&p->surplus, least > 1 ? least - 1 : 0);
	if (least > 1)
		wake_workers(p);
}

/*
 * Waits for a signal, until until_ms (monotonic; INT64_MAX: for ever).  The signal's number; 0: the
 * time is over.
 */
static int
wait_for_signal(const sigset_t *signals, int64_t until_ms)
{
	int64_t		 left_ms;
	struct timespec	 t = { 0 };
	int		 sig;

	if (until_ms != INT64_MAX && (left_ms = until_ms - clock_mono_ms()) > 0) {
		t.tv_sec = (time_t)(left_ms / 1000);
		t.tv_nsec = (long)(left_ms % 1000 * 1000000);
	}
	while ((sig = until_ms == INT64_MAX ? sigwaitinfo(signals, NULL) :
	    sigtimedwait(signals, NULL, &t)) == -1 && errno == EINTR)
		;
	return sig == -1 ? 0 : sig;
}

/* Starts and ends workers until a signal stops the pool.  A single worker needs no look. */
static void
manage_workers(struct pool *p, const sigset_t *signals)
{
	int64_t	 look_ms = clock_mono_ms() + p->app->idle_ms;
	int	 sig;

	while ((sig = wait_for_signal(signals, p->n > 1 ? look_ms : INT64_MAX)) == 0 ||
	    sig == SIG_WAKE) {
		if (clock_mono_ms() >= look_ms) {
			retire_workers(p);
			look_ms = clock_mono_ms() + p->app->idle_ms;
		}
		atomic_store(&p->pressed, false);
		while (atomic_load(&p->idle) == 0 && p->n < p->max &&
		    (p->n < p->few || are_requests_slow(p)))
			add_worker(p);
	}
}

/*
 * With two workers a processor, one computes while another waits for QT.  With more, requests
 * only wait longer for each other.
 */
static int
count_few(void)
{
	const long	 processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < FEW_MIN / 2 ? FEW_MIN : processors > FEW_MAX / 2 ? FEW_MAX :
	    (int)processors * 2;
}

/* 0, or -1: a worker has not ended. */
static int
stop_workers(struct pool *p)
{
	const int64_t	 begin_ms = clock_mono_ms();

	atomic_store(p->app->stop_ms, begin_ms + STOP_MS);
	atomic_store(&p->stopping, true);
	if (p->app->on_stop != NULL)
		p->app->on_stop(p->app->ctx);
	/* A worker may miss the signal, so it is sent again until all have ended. */
	for (join_ended(p); p->n != 0; join_ended(p)) {
		if (clock_mono_ms() - begin_ms >= STOP_HARD_MS) {
			log_msg(LEVEL_ERROR, "stop", "%d requests did not end in time", p->n);
			return -1;
		}
		wake_workers(p);
		sleep_ms(POLL_MS);
	}
	return 0;
}

static const int	 stop_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

enum { STOP_SIGNALS = sizeof(stop_signals) / sizeof(stop_signals[0]) };

static void
list_signals(sigset_t *signals)
{
	size_t	 i;

	(void)sigemptyset(signals);
	for (i = 0; i < STOP_SIGNALS; i++)
		(void)sigaddset(signals, stop_signals[i]);
	(void)sigaddset(signals, SIG_WAKE);
}

void
thread_pool_hold_signals(void)
{
	struct sigaction	 sa = { .sa_handler = handle_wake };
	sigset_t		 signals;
	size_t			 i;

	/* The parent may have left some ignored, and an ignored signal may never come. */
	for (i = 0; i < STOP_SIGNALS; i++)
		(void)signal(stop_signals[i], SIG_DFL);
	(void)sigaction(SIG_WAKE, &sa, NULL);	/* without SA_RESTART: it interrupts accept() */
	list_signals(&signals);
	/* Threads that are started later inherit the mask. */
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

int
thread_pool_run(const struct thread_pool_app *app, int listen_fd)
{
	struct pool	 p = {
		.app = app, .listen_fd = listen_fd, .main = pthread_self(), .max = app->threads,
		.few = count_few(),
	};
	sigset_t	 signals;
	int		 rc = -1;

	if ((p.members = calloc((size_t)app->threads, sizeof(*p.members))) == NULL)
		return -1;
	list_signals(&signals);
	add_worker(&p);
	if (p.n != 0) {
		manage_workers(&p, &signals);
		rc = stop_workers(&p);
	}
	if (p.n == 0)	/* else a worker that hangs still uses them */
		free(p.members);
	return rc;
}
