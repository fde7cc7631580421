/*
 * json.h: reads JSON that others wrote: QT's answers, WeChat's, access_tokens.
 *
 * A text of very many values for its length is not read: in memory it would be many times as large.
 * For what anybody can send there is core/json_flat.h.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buf.h"

struct json;

/*
 * Reads an object that is not signed: if it is wrong only in the way of core/json_clean.h, it is
 * read as that cleans it.  Something may follow it, and its numbers may be of any size.
 */
struct json	*json_parse_lenient(struct slice text);
void		 json_free(struct json *j);

/*
 * Reads any JSON value, also an array, which is cleaned, too.  Nothing may follow it.  The result
 * is for json_path() and json_free() only.
 */
struct json	*json_parse_any(struct slice text);

/* The same; a body that had to be cleaned is replaced by its clean text, for others to read. */
struct json	*json_parse_body(struct buf *body);

/* A member's text, which lives as long as j; absent: there is no such member, or no string. */
struct slice	 json_text(const struct json *j, const char *name);

enum { JSON_WHY = 160 };

enum json_found {
	JSON_FOUND,
	JSON_BAD_PATH,		/* the text is not a path (see core/jsonpath.h) */
	JSON_NOTHING,		/* the path leads nowhere, or no memory */
	JSON_NO_TEXT		/* it leads to a value that is not a string or an integer */
};

/*
 * Appends the first value that a JSONPath leads to: a string, or an integer as digits.  Values come
 * in the order of the text; .. looks into a value itself before it looks deeper, down to 64 levels.
 * If there is no such value, why says in printable UTF-8 how far the path leads and what is there:
 * kinds and names, no values.
 */
enum json_found	 json_path(const struct json *j, struct buf *out, struct slice path,
		    char why[JSON_WHY]);

const char	*json_library(void);	/* the version of jansson */

#endif
