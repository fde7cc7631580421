/*
 * utf8.h: UTF-8 as Java's decoder reads it, because QT signs what Java made of it.
 *
 * Bytes that are no UTF-8 become one U+FFFD per maximal valid prefix (ED does not
 * limit its second byte; a surrogate encoded in three bytes gives one U+FFFD).
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/*
 * Reads one code point at *p (*p < end), moves *p behind it.  *valid says whether the
 * bytes were good UTF-8; if not, the result is U+FFFD.
 */
uint32_t	utf8_next(const char **p, const char *end, bool *valid);

/* Order of Java's String.compareTo (UTF-16 code units) of the decoded texts. */
int		utf8_compare16(struct slice a, struct slice b);

#endif
