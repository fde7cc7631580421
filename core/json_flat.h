/*
 * json_flat.h: reads a flat JSON object: the values of its members are strings, integers, true,
 * false, and arrays of these.
 *
 * It is for what anybody can send, and takes no memory however the text looks.  Strings are decoded
 * where they are, since a decoded string is never longer.
 */
#ifndef CORE_JSON_FLAT_H
#define CORE_JSON_FLAT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/slice.h"

enum { JSON_FLAT_MAX = 64 };	/* values of an object; an array has one for each element */

struct json_flat_value {
	struct slice	name, value;	/* decoded; a bare value as JSON writes it */
	bool		array;		/* it is an element of an array */
	bool		bare;		/* an integer, true or false; else it is a string */
};

struct json_flat {
	struct json_flat_value	 v[JSON_FLAT_MAX];
	size_t			 n;
	bool			 odd;	/* it also has values that are left out here */
};

/*
 * Reads text, strictly, since in what is signed no byte may have two meanings.  The slices of j
 * point into text, which is changed.  The last of repeated members counts; members that are null
 * are left out.  Odd are objects, arrays in arrays, empty arrays, null in an array, fractions, and
 * all values after JSON_FLAT_MAX.  False: it is not a JSON object, or one of over 64 levels.
 */
bool	json_flat_read(struct json_flat *j, char *text, size_t len);

#endif
