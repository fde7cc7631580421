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

/* Appends n blanks; none where n is below 1. */
enum error	 term_blanks(struct buf *out, int n);

/*
 * A progress bar with text behind it, on stdout, which is a terminal of that width; drawn again
 * it takes the place of the one before, wiped it leaves the line empty.  width 0: nothing.
 */
void		 term_bar(int width, int64_t done, int64_t total, const char *text);
void		 term_wipe(int width);

#endif
