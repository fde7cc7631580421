/*
 * thread_pool.h: the threads that serve a FastCGI socket, and their end.
 *
 * Workers are started as they are needed: a few per processor at once, more only while
 * connections wait and those there are held up.  SIGTERM, SIGINT or SIGUSR1 ends the
 * pool: nothing more is accepted, requests in flight are answered, within 2 s.
 */
#ifndef SERVER_THREAD_POOL_H
#define SERVER_THREAD_POOL_H

#include <stdatomic.h>
#include <stdint.h>

struct thread_pool_app {
	void		*ctx;
	void		*(*worker_new)(void *ctx);		/* NULL: cannot */
	void		 (*worker_free)(void *worker);
	void		 (*serve)(void *worker, int fd);	/* owns fd */
	int		 threads;				/* at most */
	_Atomic int64_t	*stop_ms;			/* set when stopping: see net/http_client.h */
	void		 (*on_stop)(void *ctx);			/* then called; may be NULL */
};

/* Once a process, before it starts any thread: signals wait for thread_pool_run(). */
void	thread_pool_hold_signals(void);

/* Serves listen_fd until told to stop.  0; -1 if it could not begin, or a worker hung. */
int	thread_pool_run(const struct thread_pool_app *app, int listen_fd);

#endif
