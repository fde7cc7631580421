/*
 * number.h: numbers that somebody else wrote.
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

/* True: the text is 1 to NUMBER_DIGITS digits and nothing else.  False: *n is left as it is. */
bool	number_parse(int64_t *n, struct slice text);

#endif
