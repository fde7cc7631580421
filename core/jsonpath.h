/*
 * jsonpath.h: JSONPath, as far as one value is picked with it, read into steps.
 *
 * $.a.b  $['a b']["c"]  $[0]  $[-1]  $.*  $[*]  $..a  $..[0]; blanks may stand within [ ].  In
 * quotes \ stands before a quote or another \.  Filters, lists and slices are refused.
 */
#ifndef CORE_JSONPATH_H
#define CORE_JSONPATH_H

#include <stdbool.h>

#include "core/buf.h"

enum { JSONPATH_MAX = 256, JSONPATH_STEPS = 32, JSONPATH_WHY = 128 };

enum jsonpath_kind {
	JSONPATH_NAME,		/* a member */
	JSONPATH_INDEX,		/* an element; below 0: counted from the end */
	JSONPATH_ANY,		/* every member or element */
	JSONPATH__MAX
};

struct jsonpath_step {
	enum jsonpath_kind	 kind;
	bool			 deep;		/* ..: also of what is further down */
	const char		*name;
	int			 index;
	size_t			 begin;		/* where it stands in the text */
};

/* Not to be copied: names point into it. */
struct jsonpath {
	struct jsonpath_step	 steps[JSONPATH_STEPS];
	size_t			 n;
	char			 names[JSONPATH_MAX];	/* private */
};

/* False: why says at which character it is wrong, and what could stand there. */
bool	jsonpath_parse(struct jsonpath *p, struct slice text, char why[JSONPATH_WHY]);

#endif
