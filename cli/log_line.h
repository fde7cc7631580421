/*
 * log_line.h: reads a line of the log (core/log.h) wherever it was kept: as it is, behind what
 * syslog or a web server writes before it, or escaped as Apache does.
 */
#ifndef CLI_LOG_LINE_H
#define CLI_LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum { LOG_LINE_PAIRS = 40 };

struct log_line {
	int64_t		 time_ms;	/* ms since the epoch; -1: the line has no time */
	struct {
		struct slice	 key, value;
	}		 pair[LOG_LINE_PAIRS];	/* in the order of the line, without time */
	size_t		 n;
	struct buf	 text;		/* owned: the keys and values, decoded */
};

/*
 * Reads raw.  stamp_ms: when it was written, if who kept it says so, else -1.  newest_ms: it was
 * not written after that; syslog's times have no year.  False: it is not a line of this program.
 * l is zero or was read before; log_line_free() frees its memory.
 */
bool		 log_line_parse(struct log_line *l, struct slice raw, int64_t stamp_ms,
		    int64_t newest_ms);
void		 log_line_free(struct log_line *l);

/* A value of the line; absent: the line has no such key. */
struct slice	 log_line_get(const struct log_line *l, const char *key);

/* True: it tells of what did not end well: refused, an error, queued, dead. */
bool		 log_line_is_failure(const struct log_line *l);

/*
 * Reads a time: "2h" (ago; s, min, h, d), "2026-11-22", "2026-11-22 12:44[:05]", "12:44" (today),
 * "today", "yesterday", all in China; or with Z or an offset, as the log has it.  last: the end of
 * the day is meant, where only a day is given.  False: it is not a time.
 */
bool		 log_line_when(int64_t *ms, const char *text, int64_t now_ms, bool last);

#endif
