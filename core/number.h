/*
 * number.h: reads a number in decimal digits that somebody else wrote.
 */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

enum { NUMBER_DIGITS = 18 };	/* so many always fit an int64_t */

/* True: the text is 1 to NUMBER_DIGITS digits and nothing else.  False: *n is left as it is. */
bool	number_parse(int64_t *n, struct slice text);

#endif
