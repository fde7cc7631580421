/*
 * log_target.h: finds out whether the file that a log is to be written to is in truth a standard
 * descriptor: /dev/stdout, /proc/self/fd/1, a symbolic link to one of them.
 *
 * A CGI's standard output is its answer, its standard input the request.  FastCGI's standard input
 * is the listening socket.  A line of the log must never go there.
 */
#ifndef CORE_LOG_TARGET_H
#define CORE_LOG_TARGET_H

/*
 * The standard descriptor, 0, 1 or 2, to which a target of the log leads: its text, or what
 * symbolic links on this host make of it.  2: also "stderr", "" and NULL.  -1: it leads to none.
 */
int	log_target_descriptor(const char *target);

#endif
