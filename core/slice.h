/*
 * slice.h: bytes that somebody else owns.
 */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>

/* Borrowed bytes: they live as long as the memory that p points into.  p NULL: absent. */
struct slice {
	const char	*p;
	size_t		 len;
};

struct slice	slice_of(const char *s);	/* NULL gives the absent slice */
bool		slice_is(struct slice a, const char *s);	/* true: the same bytes */

#endif
