/*
 * thread_pool.h: the threads that serve a FastCGI socket.
 *
 * The pool begins with one worker.  When no worker is idle it starts another, up to `threads`; from
 * the ninth on only while requests wait for QT and not for a processor.
 * Idle workers that were not needed for idle_ms end again; one stays.  SIGTERM, SIGINT, SIGHUP or
 * SIGUSR1 stops the pool: it accepts nothing more and answers the requests in flight, within 2 s.
 */
#ifndef SERVER_THREAD_POOL_H
#define SERVER_THREAD_POOL_H

#include <stdatomic.h>
#include <stdint.h>

struct thread_pool_app {
	void		*ctx;				/* for worker_new() and on_stop() */
	void		*(*worker_new)(void *ctx);	/* NULL: no memory */
	void		 (*worker_free)(void *worker);
	void		 (*serve)(void *worker, int fd);	/* one connection; closes fd */
	int		 threads;			/* most workers at once, 1 or more */
	int		 wanted;			/* more, if descriptors allowed; or 0 */
	int		 idle_ms;			/* see above */
	_Atomic int64_t	*stop_ms;			/* set by a stop: see net/http_client.h */
	void		 (*on_stop)(void *ctx);		/* called after stop_ms is set, or NULL */
};

/*
 * Blocks the pool's signals, so that only thread_pool_run() gets them.  Call it before the process
 * starts any thread; a second call changes nothing.
 */
void	thread_pool_hold_signals(void);

/*
 * Serves listen_fd until a signal stops the pool.  0: all workers have ended.  -1: it could not
 * start, or a worker did not end in time and still uses what app points to.
 */
int	thread_pool_run(const struct thread_pool_app *app, int listen_fd);

#endif
