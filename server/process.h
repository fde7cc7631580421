/*
 * process.h: the life of a process that serves requests: its start, its threads, its end.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include "server/worker.h"

/*
 * Keeps the keys in this process's memory: it leaves no core, and only root can read its memory or
 * trace it, no other process of its user, such as a PHP program of the same web server.
 */
void	process_seal(void);

/*
 * FastCGI: serves the listening socket at descriptor 0 until a signal stops it, and sends what
 * waits in the queue.  The result is the exit status; if a worker hangs, the process ends in
 * here.
 */
int	process_run_fcgi(worker_serve *serve);

/*
 * CGI: serves the one request in the environment, and uses what is left of its time for the queue.
 * The process ends in here.
 */
void	process_run_cgi(worker_serve *serve);

#endif
