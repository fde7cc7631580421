/*
 * log.h: the log, one line (logfmt) for each fact, on stderr, in a file or to syslog.
 *
 * A line is built in a struct logline on the stack and written with one write(2), so that lines of
 * threads and processes do not mix.  Printable UTF-8 (see core/utf8.h) is written as it is, other
 * bytes are escaped.  A line that is too long is cut, and ends with "...".  Never log a secret or a
 * body.
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
	bool		 cut;		/* something had no room, so nothing can follow */
	char		 text[1024];
};

/*
 * Opens the log: "stderr" (also NULL and ""), "syslog", or the path of a file to append to.  0, or
 * -1: the file is not writable, or is standard input or output; the log stays where it was.  If the
 * file is renamed or removed, a new one of its name is begun within about a second: log rotation
 * need not tell the program.
 */
int	log_open(const char *target);
void	log_close(void);

/*
 * Lines below this level are not written any more; at first all are.  Call it before there are
 * threads, as log_open().  log_wants() false: do not build a line of this level, it is not written.
 */
void	log_set_level(enum log_level least);
bool	log_wants(enum log_level level);

/*
 * A line is begun, gets its keys and values, and is written by log_end().  log_bytes() is for bytes
 * of others.  log_time() writes ms since the epoch as the line's own time.
 */
void	log_begin(struct logline *l, enum log_level level, const char *what);
void	log_str(struct logline *l, const char *key, const char *value);
void	log_bytes(struct logline *l, const char *key, struct slice value);
void	log_int(struct logline *l, const char *key, int64_t value);
void	log_time(struct logline *l, const char *key, int64_t wall_ms);
void	log_end(struct logline *l);

/* A whole line: what, and a sentence for the operator. */
void	log_msg(enum log_level level, const char *what, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
