/*
 * json_raw.h: takes JSON apart without a copy: a value is the text that it has in the JSON, so no
 * digit of a number and no order of members is lost.
 *
 * The JSON was read by core/json.h before, so it is known to be good.  Of other text these
 * functions give parts that mean nothing, but they never read beyond its end.
 */
#ifndef CORE_JSON_RAW_H
#define CORE_JSON_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum json_raw {
	JSON_RAW_NOTHING,	/* absent, or null */
	JSON_RAW_OBJECT, JSON_RAW_ARRAY, JSON_RAW_STRING,
	JSON_RAW_TRUE, JSON_RAW_FALSE,
	JSON_RAW_NUMBER		/* and whatever else it may be */
};

enum json_raw	 json_raw_kind(struct slice value);

/* The value in a text, without the blanks around it. */
struct slice	 json_raw_value(struct slice text);

/*
 * Walks over the members of an object or the elements of an array.  Set rest to the value before
 * the first call.  False: there are no more.  name is without its quotes, and with the escapes that
 * it has in the JSON; absent in an array.
 */
bool		 json_raw_next(struct slice *rest, struct slice *name, struct slice *value);

/* The first member of that name, which has no escapes; absent: there is no such member. */
struct slice	 json_raw_member(struct slice object, const char *name);

/* Appends a value without the blanks between its parts. */
enum error	 json_raw_compact(struct buf *out, struct slice value);

/*
 * Appends the characters of a string, with U+FFFD in place of NUL; any other value as
 * json_raw_compact() does.  ERR_NOMEM.
 */
enum error	 json_raw_text(struct buf *out, struct slice value);

/*
 * The number in a value: also one in quotes, and 1 or 0 for true or false.  False: it has none, or
 * one that does not fit.
 */
bool		 json_raw_int(int64_t *n, struct slice value);

/* The same for a real, as the text of its digits without quotes. */
bool		 json_raw_real(struct slice *digits, struct slice value);

#endif
