#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "core/json.h"
#include "core/json_clean.h"
#include "core/jsonpath.h"
#include "core/utf8.h"

enum {
	DEPTH_MAX = 64,		/* levels that .. goes down: no token is deeper */
	STEPS_MAX = 100000,	/* limit of a search: ..*..*..* would take for ever */
	NAME_MAX = 32,		/* bytes of a member's name in a message */
	VALUES_MAX = 4096,	/* values of a text; a long text may have more: */
	BYTES_EACH = 8		/* one for so many bytes */
};

/* A struct json is a json_t of the library jansson, which no header shows. */

/* A \u0000 within a string is odd, but it is a character like any other. */
enum { STRICT = JSON_ALLOW_NUL, ANY = STRICT | JSON_DECODE_ANY };

/*
 * True: the text has few values for its length.  In memory an empty object takes eighty times its
 * two bytes, and nobody who answers us has many of them.
 */
static bool
has_few_values(struct slice text)
{
	const size_t	 max = VALUES_MAX + text.len / BYTES_EACH;
	const char	*p, *end = text.p + text.len;
	size_t		 n = 0;
	bool		 inside = false;	/* a string */

	for (p = text.p; p != end && n <= max; p++)
		if (*p == '"')
			inside = !inside;
		else if (inside && *p == '\\' && p + 1 != end)
			p++;
		else if (!inside && (*p == ',' || *p == '{' || *p == '['))
			n++;
	return n <= max;
}

static json_t *
load_bounded(struct slice text, size_t flags)
{
	return has_few_values(text) ? json_loadb(text.p, text.len, flags, NULL) : NULL;
}

/*
 * Reads text as it is, else cleaned.  Most JSON is good: it is cleaned only after the library has
 * refused it.  *clean: the clean text that was read; empty: text itself was.
 */
static json_t *
load_foreign(struct buf *clean, struct slice text, size_t flags)
{
	enum json_bytes	 bytes;
	json_t		*root = load_bounded(text, flags);

	for (bytes = 0; bytes < JSON_BYTES__MAX && root == NULL; bytes++) {
		buf_reset(clean);
		if (json_clean(clean, text, bytes) == ERR_OK)
			root = load_bounded(buf_slice(clean), flags);
	}
	return root;
}

static json_t *
load_text(struct slice text, size_t flags)
{
	struct buf	 clean = { 0 };
	json_t		*root = load_foreign(&clean, text, flags);

	buf_free(&clean);
	return root;
}

static struct json *
object_only(json_t *root)
{
	if (root != NULL && !json_is_object(root)) {
		json_decref(root);
		return NULL;
	}
	return (struct json *)root;
}

struct json *
json_parse_any(struct slice text)
{
	return (struct json *)load_text(text, ANY);
}

struct json *
json_parse_body(struct buf *body)
{
	struct buf	 clean = { .max = body->max };
	json_t		*root = load_foreign(&clean, buf_slice(body), ANY);

	if (root != NULL && clean.len != 0) {
		buf_free(body);
		*body = clean;
	} else {
		buf_free(&clean);
	}
	return (struct json *)root;
}

struct json *
json_parse_lenient(struct slice text)
{
	/* As a fraction an integer may have any number of digits. */
	return object_only(load_text(text, STRICT | JSON_DISABLE_EOF_CHECK |
	    JSON_DECODE_INT_AS_REAL));
}

void
json_free(struct json *j)
{
	json_decref((json_t *)j);
}

static struct slice
text_of(const json_t *v)
{
	return (struct slice){ json_string_value(v), json_string_length(v) };
}

struct slice
json_text(const struct json *j, const char *name)
{
	const json_t	*v = json_object_get((const json_t *)j, name);

	return json_is_string(v) ? text_of(v) : (struct slice){ NULL, 0 };
}

struct json *
json_parse_file(struct slice text, char why[JSON_WHY])
{
	static const char	 mark[] = "\xEF\xBB\xBF";
	json_error_t		 fault;
	json_t			*root;

	if (text.len >= 3 && memcmp(text.p, mark, 3) == 0)
		text = (struct slice){ text.p + 3, text.len - 3 };
	*why = '\0';
	if (!has_few_values(text)) {
		(void)snprintf(why, JSON_WHY, "too many values");
		return NULL;
	}
	if ((root = json_loadb(text.p, text.len, STRICT, &fault)) == NULL) {
		(void)snprintf(why, JSON_WHY, "line %d, column %d: %.100s", fault.line,
		    fault.column, fault.text);
		utf8_mask(why);
	}
	return (struct json *)root;
}

/* The library has no const. */
static json_t *
value_of(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

const struct json *
json_member(const struct json *j, const char *name)
{
	return (const struct json *)json_object_get(value_of(j), name);
}

size_t
json_count(const struct json *j)
{
	return json_array_size(value_of(j));
}

const struct json *
json_item(const struct json *j, size_t i)
{
	return (const struct json *)json_array_get(value_of(j), i);
}

struct slice
json_as_text(const struct json *j)
{
	return json_is_string(value_of(j)) ? text_of(value_of(j)) : (struct slice){ NULL, 0 };
}

bool
json_as_number(int64_t *n, const struct json *j)
{
	if (!json_is_integer(value_of(j)))
		return false;
	*n = json_integer_value(value_of(j));
	return true;
}

enum json_kind
json_kind(const struct json *j)
{
	if (j == NULL || json_is_null(value_of(j)))
		return JSON_NO_VALUE;
	if (json_is_array(value_of(j)))
		return JSON_LIST;
	return json_is_object(value_of(j)) ? JSON_MEMBERS : JSON_LEAF;
}

void
json_members(const struct json *j, json_each *fn, void *ctx)
{
	void	*it;

	for (it = json_object_iter(value_of(j)); it != NULL;
	    it = json_object_iter_next(value_of(j), it))
		fn(ctx, slice_of(json_object_iter_key(it)),
		    (const struct json *)json_object_iter_value(it));
}

static int
append_dump(const char *p, size_t len, void *out)
{
	return buf_put(out, p, len) == ERR_OK ? 0 : -1;
}

enum error
json_print(struct buf *out, const struct json *j, int indent)
{
	const size_t	 flags = JSON_ENCODE_ANY |
			    (indent == 0 ? JSON_COMPACT : JSON_INDENT((size_t)indent));

	return json_dump_callback(value_of(j), append_dump, out, flags) == 0 ? ERR_OK : ERR_NOMEM;
}

/*
 * JSONPath: from step to step through a value.
 */

/* A search for the value that a path leads to. */
struct search {
	const struct jsonpath	*path;
	int			 steps_left;	/* how many more before the search gives up */
	size_t			 furthest;	/* number of the last step that was reached */
	const json_t		*where;		/* the value at which that step begins */
};

/* The members of an object, or the elements of an array, one by one. */
struct children {
	json_t	*of;
	void	*it;
	size_t	 i;
};

static struct children
children_of(const json_t *v)
{
	json_t	*of = (json_t *)(uintptr_t)v;

	return (struct children){ of, json_object_iter(of), 0 };
}

static const json_t *
next_child(struct children *c)
{
	const json_t	*v;

	if (json_is_array(c->of))
		return json_array_get(c->of, c->i++);
	if (c->it == NULL)
		return NULL;
	v = json_object_iter_value(c->it);
	c->it = json_object_iter_next(c->of, c->it);
	return v;
}

static const json_t	*follow_steps(struct search *s, const json_t *v, size_t i, int depth);

static const json_t *
follow_name(struct search *s, const json_t *v, size_t i, int depth)
{
	const json_t	*child = json_object_get(v, s->path->steps[i].name);

	return child == NULL ? NULL : follow_steps(s, child, i + 1, depth);
}

static const json_t *
follow_index(struct search *s, const json_t *v, size_t i, int depth)
{
	const size_t	 n = json_array_size(v);
	const int	 index = s->path->steps[i].index;
	const json_t	*child;

	/* An index before the first element becomes a huge one, which is beyond the end. */
	child = json_array_get(v, index < 0 ? n - (size_t)-index : (size_t)index);
	return child == NULL ? NULL : follow_steps(s, child, i + 1, depth);
}

static const json_t *
follow_any(struct search *s, const json_t *v, size_t i, int depth)
{
	struct children	 children = children_of(v);
	const json_t	*child, *found = NULL;

	while (found == NULL && (child = next_child(&children)) != NULL)
		found = follow_steps(s, child, i + 1, depth);
	return found;
}

/* Follows the i-th step from v, and those behind it.  NULL: they lead nowhere. */
typedef const json_t	*step_follower(struct search *s, const json_t *v, size_t i, int depth);

static step_follower	*const followers[JSONPATH__MAX] = {
	[JSONPATH_NAME]		= follow_name,
	[JSONPATH_INDEX]	= follow_index,
	[JSONPATH_ANY]		= follow_any,
};

/* The value to which the steps lead from v, the i-th step first; NULL: they lead nowhere. */
static const json_t *
follow_steps(struct search *s, const json_t *v, size_t i, int depth)
{
	struct children	 children;
	const json_t	*child, *found;

	if (i == s->path->n)
		return v;
	if (s->steps_left-- <= 0)
		return NULL;
	if (s->where == NULL || i > s->furthest) {
		s->furthest = i;
		s->where = v;
	}
	found = followers[s->path->steps[i].kind](s, v, i, depth);
	if (!s->path->steps[i].deep || depth == DEPTH_MAX)
		return found;
	children = children_of(v);
	while (found == NULL && (child = next_child(&children)) != NULL)
		found = follow_steps(s, child, i, depth + 1);
	return found;
}

/* A message for the operator; text for which there is no room is left out. */
struct message_text {
	char	*text;		/* room for JSON_WHY bytes */
	size_t	 len;
};

static void	add_words(struct message_text *s, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
add_words(struct message_text *s, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->len, JSON_WHY - s->len, fmt, ap);
	va_end(ap);
	s->len += n < 0 ? 0 : (size_t)n < JSON_WHY - s->len ? (size_t)n : JSON_WHY - 1 - s->len;
}

/* Describes an object, for example: an object with access_token, expires_in */
static void
describe_object(struct message_text *s, const json_t *v)
{
	json_t		*of = (json_t *)(uintptr_t)v;
	const char	*name;
	void		*it;

	add_words(s, json_object_size(v) == 0 ? "an empty object" : "an object with ");
	for (it = json_object_iter(of); it != NULL; it = json_object_iter_next(of, it)) {
		name = json_object_iter_key(it);
		add_words(s, "%s%.*s", it == json_object_iter(of) ? "" : ", ",
		    (int)utf8_cut(slice_of(name), NAME_MAX), name);
	}
}

static void
describe_value(struct message_text *s, const json_t *v)
{
	static const char *const kinds[] = {
		[JSON_STRING]	= "a string",
		[JSON_INTEGER]	= "an integer",
		[JSON_REAL]	= "a fraction",
		[JSON_TRUE]	= "true",
		[JSON_FALSE]	= "false",
		[JSON_NULL]	= "null",
	};

	if (json_is_object(v))
		describe_object(s, v);
	else if (json_is_array(v))
		add_words(s, "an array of %zu", json_array_size(v));
	else
		add_words(s, "%s", kinds[json_typeof(v)]);
}

/* Why a path leads nowhere, for example: no .token at $.data, which is an object with a, b */
static void
explain_nothing(const struct search *s, struct slice path, char why[JSON_WHY])
{
	const struct jsonpath_step	*step = &s->path->steps[s->furthest];
	const bool			 last = s->furthest + 1 == s->path->n;
	const size_t			 end = last ? path.len : step[1].begin;
	struct message_text		 out = { why, 0 };

	add_words(&out, "no %.*s at %.*s, which is ", (int)(end - step->begin),
	    path.p + step->begin, (int)step->begin, path.p);
	describe_value(&out, s->where);
	utf8_mask(why);
}

static void
explain_not_text(const json_t *v, struct slice path, char why[JSON_WHY])
{
	struct message_text	 out = { why, 0 };

	add_words(&out, "%.*s is ", (int)path.len, path.p);
	describe_value(&out, v);
	add_words(&out, ", not a text");
	utf8_mask(why);
}

static enum json_found
append_value(struct buf *out, const json_t *v, char why[JSON_WHY])
{
	const struct slice	 s = text_of(v);
	const enum error	 er = json_is_string(v) ? buf_put(out, s.p, s.len) :
				    buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));

	if (er == ERR_OK)
		return JSON_FOUND;
	(void)snprintf(why, JSON_WHY, "%s", error_table[er].name);
	return JSON_NOTHING;
}

enum json_found
json_path(const struct json *j, struct buf *out, struct slice path, char why[JSON_WHY])
{
	struct jsonpath	 p;
	struct search	 s = { .path = &p, .steps_left = STEPS_MAX };
	const json_t	*v;

	*why = '\0';
	if (!jsonpath_parse(&p, path, why)) {
		utf8_mask(why);
		return JSON_BAD_PATH;
	}
	if ((v = follow_steps(&s, (const json_t *)j, 0, 0)) == NULL) {
		explain_nothing(&s, path, why);
		return JSON_NOTHING;
	}
	if (!json_is_string(v) && !json_is_integer(v)) {
		explain_not_text(v, path, why);
		return JSON_NO_TEXT;
	}
	return append_value(out, v, why);
}

const char *
json_library(void)
{
	return JANSSON_VERSION;
}
