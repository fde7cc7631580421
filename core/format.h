/*
 * format.h: text, times and sizes as people read them in a terminal or a log.
 */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include <stdint.h>

#include "core/buf.h"

/*
 * Appends text as one line: what would move the cursor, and what is no UTF-8, becomes `?`.  It
 * takes max columns at most; what is cut ends with U+2026.  *used (may be NULL): the columns it
 * takes, two for a character of East Asian width, none for a combining one.
 */
enum error	 format_line(struct buf *out, int *used, struct slice text, int max);

enum { FORMAT_SPAN = 24, FORMAT_TIME = 32 };

/* A span of time in its largest unit: "12 s", "5 min", "3 h", "2 d". */
void		 format_span(char text[FORMAT_SPAN], int64_t ms);

/* Bytes in a unit of 1000 that leaves three digits or fewer: "118 kB", "1.2 GB". */
void		 format_bytes(char text[FORMAT_SPAN], int64_t bytes);

/* A time, ms since the epoch, as "2026-11-22T04:44:44.649Z". */
void		 format_time(char text[FORMAT_TIME], int64_t ms);

#endif
