/*
 * term.h: text for people: on a terminal, or on what stands in its place.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdint.h>

#include "core/buf.h"

/* Columns of the terminal that fd is; 0: it is none. */
int		 term_width(int fd);
int		 term_height(int fd);	/* and its lines */

/*
 * Appends text as one line: what would move the cursor, and what is no UTF-8, becomes `?`.  It
 * takes max columns at most; what is cut ends with U+2026.  *used (may be NULL): the columns it
 * takes, two for a character of East Asian width, none for a combining one.
 */
enum error	 format_line(struct buf *out, int *used, struct slice text, int max);

/* Appends n blanks; none where n is below 1. */
enum error	 term_blanks(struct buf *out, int n);

/*
 * A progress bar with text behind it, on stdout, which is a terminal of that width; drawn again
 * it takes the place of the one before, wiped it leaves the line empty.  width 0: nothing.
 */
void		 term_bar(int width, int64_t done, int64_t total, const char *text);
void		 term_wipe(int width);

enum { FORMAT_SPAN = 24, FORMAT_TIME = 32 };

/* A span of time in its largest unit: "12 s", "5 min", "3 h", "2 d". */
void		 format_span(char text[FORMAT_SPAN], int64_t ms);

/* Bytes in a unit of 1000 that leaves three digits or fewer: "118 kB", "1.2 GB". */
void		 format_bytes(char text[FORMAT_SPAN], int64_t bytes);

/* A time, ms since the epoch, as "2026-11-22T04:44:44.649Z". */
void		 format_time(char text[FORMAT_TIME], int64_t ms);

#endif
