/*
 * jsonpath.h: reads a JSONPath into steps.
 *
 * It knows the part of JSONPath that leads to one value: $.a.b  $['a b']["c"]  $[0]  $[-1]  $.*
 * $[*]  $..a  $..[0].  Blanks are allowed between [ and ].  Within quotes a \ comes before a quote
 * or another \.  Filters, lists and slices are refused.
 */
#ifndef CORE_JSONPATH_H
#define CORE_JSONPATH_H

#include <stdbool.h>

#include "core/buf.h"

enum { JSONPATH_MAX = 256, JSONPATH_STEPS = 32, JSONPATH_WHY = 128 };

enum jsonpath_kind {
	JSONPATH_NAME,		/* a member of an object */
	JSONPATH_INDEX,		/* an element of an array; -1 is the last one */
	JSONPATH_ANY,		/* all members or elements */
	JSONPATH__MAX
};

struct jsonpath_step {
	enum jsonpath_kind	 kind;
	bool			 deep;		/* the step has ..: it looks also further down */
	const char		*name;
	int			 index;
	size_t			 begin;		/* where the step begins in the text */
};

/* Do not copy it: the names of its steps point into it. */
struct jsonpath {
	struct jsonpath_step	 steps[JSONPATH_STEPS];
	size_t			 n;
	char			 names[JSONPATH_MAX];	/* private: the texts of names */
};

/* False: the text is not such a path; why says at which character, and what was expected. */
bool	jsonpath_parse(struct jsonpath *p, struct slice text, char why[JSONPATH_WHY]);

#endif
