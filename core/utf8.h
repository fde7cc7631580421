/*
 * utf8.h: reads UTF-8 as Java's decoder does, since QT checks signatures in Java.
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

#endif
