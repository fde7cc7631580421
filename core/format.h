/*
 * format.h: writes text, times and sizes for people: in a terminal, in a log.
 */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include <stdint.h>

#include "core/buf.h"

/*
 * Appends text as one line of max columns at most.  Characters that are not printable (see
 * core/utf8.h), and bytes that are not UTF-8, become `?`.  A text that is cut ends with U+2026.
 * *used (may be NULL): the columns that it takes.
 */
enum error	 format_line(struct buf *out, int *used, struct slice text, int max);

/*
 * Appends text with its lines.  Characters that are not printable become escapes (\u202e, \ue0041),
 * and so do bytes that are not UTF-8 (\xff).
 */
enum error	 format_text(struct buf *out, struct slice text);

/*
 * Appends printable text in lines of max columns at most.  The first line has `at` columns already,
 * the others begin with `indent` blanks.  Lines end at blanks and between wide characters; only a
 * word that is longer than a line is cut.  The last line gets no line end.
 */
enum error	 format_wrap(struct buf *out, struct slice text, int at, int indent, int max);

/* The columns that the text takes on a screen, in one line. */
int		 format_columns(struct slice text);

/*
 * The bytes of the first piece of the text, within which no line may end: a word up to the next
 * blank, or a wide character with the punctuation that stays with it.  0: text is empty or begins
 * with a blank.  *columns: the columns that the piece takes.
 */
size_t		 format_piece(int *columns, struct slice text);

enum { FORMAT_SPAN = 32, FORMAT_TIME = 32 };

/*
 * A span of time in the largest unit of which it has two: "119 s", "5 min", "3 h", "2 d"; the unit
 * is in the language of core/lang.h.
 */
void		 format_span(char text[FORMAT_SPAN], int64_t ms);

/* Bytes with three digits at most, in units of 1000: "118 kB", "1.2 GB". */
void		 format_bytes(char text[FORMAT_SPAN], int64_t bytes);

/* A time, ms since the epoch, in UTC: "2026-11-22T04:44:44.649Z". */
void		 format_time(char text[FORMAT_TIME], int64_t ms);

#endif
