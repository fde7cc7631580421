/*
 * json.h: reading JSON objects that others wrote (QT's answers, what the collector is
 * sent).  The library behind it is this module's own business.
 */
#ifndef JSON_H
#define JSON_H

#include "buf.h"

enum json_kind {
	JSON_TEXT,	/* value: the string, decoded */
	JSON_BARE,	/* value: an integer, true, false as written in JSON */
	JSON_NESTED	/* anything else, fractions included: no value */
};

struct json;

/* NULL: no well-formed JSON object (or no memory).  A repeated name: the last counts. */
struct json	*json_parse(struct slice text);
void		 json_free(struct json *j);

/* The string value of a member, absent if there is none.  Lives as long as j. */
struct slice	 json_text(const struct json *j, const char *name);

/*
 * Calls fn for each member, for an array of texts once per element with array set;
 * null members are left out.  Stops and returns what fn returns unless QT_OK.
 */
typedef enum qt_err	 json_member(void *ctx, struct slice name, enum json_kind kind,
			    struct slice value, bool array);
enum qt_err	 json_each(const struct json *j, json_member *fn, void *ctx);

#endif
