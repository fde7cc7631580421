/*
 * term.h: what the verbs need of a terminal: its size, colours, a progress bar, China's time.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/* The columns, and the lines, of the terminal that fd is.  0: fd is not a terminal. */
int		 term_width(int fd);
int		 term_height(int fd);

/*
 * The columns in which text on fd is wrapped: COLUMNS if that is a number, else those of the
 * terminal.  0: fd is not a terminal, and text is not wrapped.
 */
int		 term_columns(int fd);

/* True: fd is a terminal, not a dumb one, and there is no NO_COLOR: text may have colours. */
bool		 term_has_colours(int fd);

/* Appends n blanks, or nothing where n is below 1. */
enum error	 term_blanks(struct buf *out, int n);

/*
 * Draws a progress bar with a text after it on stdout, a terminal of `width` columns, over the bar
 * that stands there; term_wipe() leaves that line empty.  width 0: there is no terminal, and
 * nothing is drawn.
 */
void		 term_bar(int width, int64_t done, int64_t total, const char *text);
void		 term_wipe(int width);

enum { TERM_TIME = 20 };

/*
 * Writes an epoch second as China's clocks show it: "2026-11-22 12:44:05"; "" outside 1970 to
 * 9999.
 */
void		 term_time(char text[TERM_TIME], int64_t time_s);

#endif
