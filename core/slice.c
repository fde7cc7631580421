#include <string.h>

#include "core/slice.h"

struct slice
slice_of(const char *s)
{
	return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

bool
slice_is(struct slice a, const char *s)
{
	return a.p != NULL && a.len == strlen(s) && memcmp(a.p, s, a.len) == 0;
}
