/*
 * number.h: numbers as text.
 */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

enum { NUMBER_DIGITS = 18 };	/* so many always fit an int64_t */

/* Larger than any time in ms until the year 9999, or any count; times 1000 it is an int64_t. */
#define NUMBER_BOUND	(INT64_C(1) << 50)

/*
 * The number, but 0 if it is less, and NUMBER_BOUND if it is more.  For times and counts from a
 * file or from others: damage must not make sums and differences of them overflow.
 */
static inline int64_t
number_bounded(int64_t n)
{
	return n < 0 ? 0 : n > NUMBER_BOUND ? NUMBER_BOUND : n;
}

/*
 * Writes n, with width digits at least, so that it ends before end: up to 20 digits, without NUL.
 * Returns where it begins.  Each request writes several numbers, and printf would take a
 * twentieth of its time.
 */
char	*number_write(char *end, uint64_t n, int width);

/* The same in hexadecimal, with as few digits as it takes. */
char	*number_write_hex(char *end, uint64_t n);

/* True: the text is 1 to NUMBER_DIGITS digits and nothing else.  False: *n is left as it is. */
bool	number_parse(int64_t *n, struct slice text);

#endif
