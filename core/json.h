/*
 * json.h: reads JSON that others wrote: QT's answers, WeChat's, access_tokens.
 *
 * A text of very many values for its length is not read: in memory it would be many times as large.
 * For what anybody can send there is core/json_flat.h.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stdint.h>

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

/*
 * Reads a file that people write: UTF-8, perhaps with a byte order mark.  NULL: it is not JSON; why
 * says in printable UTF-8 what is wrong, and where.
 */
struct json	*json_parse_file(struct slice text, char why[JSON_WHY]);

/*
 * A walk through what was read.  In these j may be NULL, which is no value; what they return lives
 * as long as the whole.
 */
const struct json *json_member(const struct json *j, const char *name);	/* NULL: not there */
size_t		 json_count(const struct json *j);	/* of an array; else 0 */
const struct json *json_item(const struct json *j, size_t i);	/* of an array */
struct slice	 json_as_text(const struct json *j);	/* absent: it is not a string */
bool		 json_as_number(int64_t *n, const struct json *j);	/* false: no integer */

enum json_kind { JSON_NO_VALUE, JSON_LEAF, JSON_LIST, JSON_MEMBERS };	/* NULL and null: none */
enum json_kind	 json_kind(const struct json *j);

/* Calls fn for each member of an object, in their order. */
typedef void	 json_each(void *ctx, struct slice name, const struct json *value);
void		 json_members(const struct json *j, json_each *fn, void *ctx);

/*
 * Appends j as JSON.  Characters beyond ASCII stay as they are.  indent: blanks of a level; 0: all
 * in one line.  ERR_NOMEM.
 */
enum error	 json_print(struct buf *out, const struct json *j, int indent);

const char	*json_library(void);	/* the version of jansson */

#endif
