/*
 * utf8.h: reads UTF-8 as Java's decoder does, since QT checks signatures in Java; and which
 * characters are printable, for the log and for screens alike.
 *
 * Bytes that are not UTF-8 become U+FFFD, one for each longest beginning of a character.  A
 * surrogate in three bytes (ED A0 80 to ED BF BF) becomes one U+FFFD.
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/*
 * Reads one code point at *p, which is below end, and moves *p behind it.  *valid false: the bytes
 * are not UTF-8, and the result is U+FFFD.
 */
uint32_t	utf8_next(const char **p, const char *end, bool *valid);

/* Compares texts as Java's String.compareTo() does, by UTF-16 code units: below 0, 0, above 0. */
int		utf8_compare16(struct slice a, struct slice b);

/*
 * The columns that a character takes on a screen: mostly 1, 2 for a wide East Asian one, 0 for a
 * combining one.  -1: it is not printable.  It is a control character, ends a line, cannot be seen,
 * or changes the direction of the text behind it.
 */
int		utf8_columns(uint32_t cp);

/* True: the character is white space (a blank, U+00A0, U+3000, ...), printable or not. */
bool		utf8_is_space(uint32_t cp);

/*
 * Moves *p, which is below end, behind one character.  False: it is not printable, or the bytes
 * are not UTF-8.
 */
bool		utf8_skip_printable(const char **p, const char *end);

/* In text, `?` takes the place of each character that is not printable or not UTF-8. */
void		utf8_mask(char *text);

/* How many bytes of text, max at most, do not end inside a character. */
size_t		utf8_cut(struct slice text, size_t max);

#endif
