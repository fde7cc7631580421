/*
 * log.h: one logfmt line per fact, on stderr, in a file or to syslog.
 *
 * A line is built in a struct logline on the stack and written with one write(2), so
 * lines of threads and processes do not mix.  Foreign bytes are escaped; what does not
 * fit is cut, marked with "...".  Never hand it a secret or a body.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"

struct logline {
	enum log_level	 level;
	size_t		 len;
	char		 text[1024];
};

/*
 * "stderr" (also NULL, ""), "syslog", or a file to append to; -1: not writable.  Within about
 * a second a file that was renamed or removed is followed by a new one of its name: who rotates
 * it tells nobody.
 */
int	log_open(const char *target);
void	log_close(void);

/*
 * Lines below that level are not written, from here on; to begin with all are.  Called before there
 * are threads, as log_open() is.  log_wants() tells who would build one in vain.
 */
void	log_set_level(enum log_level least);
bool	log_wants(enum log_level level);

void	log_begin(struct logline *l, enum log_level level, const char *what);
void	log_str(struct logline *l, const char *key, const char *value);
void	log_bytes(struct logline *l, const char *key, struct slice value);
void	log_int(struct logline *l, const char *key, int64_t value);
void	log_time(struct logline *l, const char *key, int64_t wall_ms);	/* as the line's own */
void	log_end(struct logline *l);

/* A line of its own: what, and a sentence for the operator. */
void	log_msg(enum log_level level, const char *what, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
