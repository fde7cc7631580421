/*
 * json.h: reading JSON that others wrote (QT's answers, what the collector is sent, an
 * access_token).  The library behind it is this module's own business.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buf.h"

enum json_kind {
	JSON_TEXT,	/* value: the string, decoded */
	JSON_BARE,	/* value: an integer, true, false as written in JSON */
	JSON_NESTED	/* anything else, fractions included: no value */
};

struct json;

/* NULL: no well-formed JSON object (or no memory).  A repeated name: the last counts. */
struct json	*json_parse(struct slice text);
void		 json_free(struct json *j);

/* The same for any JSON value, an array for one; only for json_path(). */
struct json	*json_parse_any(struct slice text);

/* The string value of a member, absent if there is none.  Lives as long as j. */
struct slice	 json_text(const struct json *j, const char *name);

/*
 * Calls fn for each member, for an array of texts once per element with array set;
 * null members are left out.  Stops and returns what fn returns unless ERR_OK.
 */
typedef enum error	 json_member(void *ctx, struct slice name, enum json_kind kind,
			    struct slice value, bool array);
enum error	 json_each(const struct json *j, json_member *fn, void *ctx);

enum { JSON_WHY = 160 };

enum json_found {
	JSON_FOUND,
	JSON_BAD_PATH,		/* the path is none (see core/jsonpath.h) */
	JSON_NOTHING,		/* the path leads nowhere (or no memory) */
	JSON_NO_TEXT		/* it leads to what is neither a string nor an integer */
};

/*
 * Appends the first that a JSONPath leads to, a string, or an integer as digits.  The order
 * is that of the text, with what .. finds in a value itself before what is further down;
 * .. goes down 64 levels.
 * Else why says in printable ASCII where the path gets lost and what is there: kinds and
 * names, no values.
 */
enum json_found	 json_path(const struct json *j, struct buf *out, struct slice path,
		    char why[JSON_WHY]);

#endif
