/*
 * log.h: one logfmt line per fact, on stderr, in a file or to syslog.
 *
 * A line is built in a struct logline on the stack and written with one write(2), so
 * lines of threads and processes do not mix.  Foreign bytes are escaped; what does not
 * fit is cut, marked with "...".  Never hand it a secret or a body.
 */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>

#include "buf.h"
#include "err.h"

struct logline {
	enum log_level	 level;
	size_t		 len;
	char		 text[1024];
};

/* "stderr" (also NULL, ""), "syslog", or a file to append to; -1: not writable. */
int	log_open(const char *target);
void	log_close(void);

void	log_begin(struct logline *l, enum log_level level, const char *what);
void	log_str(struct logline *l, const char *key, const char *value);
void	log_bytes(struct logline *l, const char *key, struct slice value);
void	log_int(struct logline *l, const char *key, int64_t value);
void	log_end(struct logline *l);

/* A line of its own: what, and a sentence for the operator. */
void	log_msg(enum log_level level, const char *what, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
