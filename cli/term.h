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

/*
 * A bar for work that takes a while, ten times a second at most.  It never moves back, and shows
 * what is left, and for how long at the mean rate, where there is room for it.  It begins as
 * { .width = term_width(STDOUT_FILENO), .begin_ms = clock_mono_ms() }.
 */
struct term_progress {
	int	 width;		/* 0: there is no terminal */
	int64_t	 begin_ms;	/* monotonic */
	int64_t	 drawn_ms;
	int64_t	 most;		/* thousandths that the bar has shown */
};

/* True: it is time to draw the bar again, or all is done. */
bool		 term_progress_due(const struct term_progress *p, int64_t done, int64_t total);
void		 term_progress_draw(struct term_progress *p, int64_t done, int64_t total,
		    const char *text);

enum { TERM_TIME = 20 };

/*
 * Writes an epoch second as China's clocks show it: "2026-11-22 12:44:05"; "" outside 1970 to
 * 9999.
 */
void		 term_time(char text[TERM_TIME], int64_t time_s);

#endif
