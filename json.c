#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "json.h"

/* A struct json is the library's root value; the name hides the library. */

struct json *
json_parse(struct slice text)
{
	json_t	*root;

	/* \u0000 within a string is odd but signed like any other. */
	root = json_loadb(text.p, text.len, JSON_ALLOW_NUL, NULL);
	if (root != NULL && !json_is_object(root)) {
		json_decref(root);
		return NULL;
	}
	return (struct json *)root;
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

static enum qt_err
each_value(json_member *fn, void *ctx, struct slice name, const json_t *v, bool array)
{
	char	 number[40];

	if (json_is_string(v))
		return fn(ctx, name, JSON_TEXT, text_of(v), array);
	if (json_is_true(v))
		return fn(ctx, name, JSON_BARE, slice_of("true"), array);
	if (json_is_false(v))
		return fn(ctx, name, JSON_BARE, slice_of("false"), array);
	if (json_is_integer(v)) {
		(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
		return fn(ctx, name, JSON_BARE, slice_of(number), array);
	}
	/* A fraction has lost how it was written, and that is what would be signed. */
	return fn(ctx, name, JSON_NESTED, (struct slice){ NULL, 0 }, array);
}

static enum qt_err
each_member(json_member *fn, void *ctx, struct slice name, const json_t *v)
{
	const json_t	*item;
	enum qt_err	 er = QT_OK;
	size_t		 i;

	if (json_is_null(v))
		return QT_OK;
	if (!json_is_array(v))
		return each_value(fn, ctx, name, v, false);
	if (json_array_size(v) == 0)	/* what would an empty one be called with? */
		return fn(ctx, name, JSON_NESTED, (struct slice){ NULL, 0 }, true);
	for (i = 0; i < json_array_size(v) && er == QT_OK; i++) {
		item = json_array_get(v, i);
		er = each_value(fn, ctx, name, item, true);
	}
	return er;
}

enum qt_err
json_each(const struct json *j, json_member *fn, void *ctx)
{
	json_t		*root = (json_t *)(uintptr_t)j;
	void		*it;
	enum qt_err	 er = QT_OK;

	for (it = json_object_iter(root); it != NULL && er == QT_OK;
	    it = json_object_iter_next(root, it))
		er = each_member(fn, ctx, slice_of(json_object_iter_key(it)),
		    json_object_iter_value(it));
	return er;
}
