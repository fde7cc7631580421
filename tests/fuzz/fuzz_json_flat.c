#include <string.h>

#include <jansson.h>

#include "core/json_flat.h"
#include "fuzz.h"

/* What jansson reads of the text must be what json_flat_read() reads of it. */

static bool
is_value(const struct json_flat_value *v, const json_t *j)
{
	char	 number[40];

	if (v->bare != !json_is_string(j))
		return false;
	if (!v->bare)
		return v->value.len == json_string_length(j) &&
		    memcmp(v->value.p, json_string_value(j), v->value.len) == 0;
	if (json_is_boolean(j))
		return slice_is(v->value, json_is_true(j) ? "true" : "false");
	(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	return json_is_integer(j) && slice_is(v->value, number);
}

static bool
is_flat(const json_t *j)
{
	return json_is_string(j) || json_is_boolean(j) || json_is_integer(j);
}

/* How many values the library has for a member; *odd: there are others. */
static size_t
count_flat(const json_t *j, bool *odd)
{
	size_t	 i, n = 0;

	if (json_is_null(j))
		return 0;
	if (!json_is_array(j)) {
		*odd = *odd || !is_flat(j);
		return is_flat(j);
	}
	*odd = *odd || json_array_size(j) == 0;
	for (i = 0; i < json_array_size(j); i++) {
		*odd = *odd || !is_flat(json_array_get(j, i));
		n += is_flat(json_array_get(j, i));
	}
	return n;
}

static void
compare(const struct json_flat *f, json_t *root)
{
	const struct json_flat_value	*v;
	json_t				*member;
	const char			*name;
	size_t				 n = 0, i, at = 0;
	bool				 odd = false;

	json_object_foreach(root, name, member)
		n += count_flat(member, &odd);
	must(!odd || f->odd, "what is odd is seen");
	if (f->odd)
		return;
	must(n == f->n, "every value is there");
	for (i = 0; i < f->n; i++) {
		v = &f->v[i];
		member = json_object_getn(root, v->name.p, v->name.len);
		must(member != NULL, "the member is there");
		at = i > 0 && f->v[i - 1].name.p == v->name.p ? at + 1 : 0;
		must(v->array == json_is_array(member), "an array is one");
		must(is_value(v, v->array ? json_array_get(member, at) : member),
		    "the value is the same");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char			*p = exactly(data, size);
	json_t			*root = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	struct json_flat	 f;
	const bool		 read = json_flat_read(&f, p, size);

	must(!read || json_is_object(root), "what is read is an object");
	if (read)
		compare(&f, root);
	else	/* jansson passes over a NUL behind a number; and it goes deeper */
		must(root == NULL || !json_is_object(root) || size > 65 ||
		    memchr(data, '\0', size) != NULL, "an object is read");
	json_decref(root);
	free(p);
	return 0;
}
