/*
 * slice.h: bytes that somebody else owns.
 */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Borrowed bytes: they live as long as the memory that p points into.  p NULL: absent. */
struct slice {
	const char	*p;
	size_t		 len;
};

/* The bytes of s, without its NUL; NULL gives the absent slice.  Inline: most s are literals. */
static inline struct slice
slice_of(const char *s)
{
	return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

/* True: a is not absent, and has the same bytes as s. */
static inline bool
slice_is(struct slice a, const char *s)
{
	const size_t	 len = strlen(s);

	return a.p != NULL && a.len == len && memcmp(a.p, s, len) == 0;
}

#endif
