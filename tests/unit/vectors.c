#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

/* Replaces each \u0000 by VECTOR_NUL, but not where its \ is itself escaped. */
static void
hide_nuls(char *line)
{
	char	*from, *to = line;

	assert_null(strstr(line, VECTOR_NUL));
	for (from = line; *from != '\0';) {
		if (*from != '\\') {
			*to++ = *from++;
		} else if (strncmp(from, "\\u0000", 6) == 0) {
			memcpy(to, VECTOR_NUL, 4);
			to += 4;
			from += 6;
		} else {
			*to++ = *from++;
			*to++ = *from++;
		}
	}
	*to = '\0';
}

void
vectors_load(struct vectors *v, const char *file)
{
	char		 path[128], *line = NULL;
	size_t		 cap = 0;
	json_error_t	 e;
	FILE		*f;

	(void)snprintf(path, sizeof(path), "tests/vectors/%s", file);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("cannot read %s: run the test in the top directory", path);
	for (v->n = 0; getline(&line, &cap, f) != -1; v->n++) {
		assert_true(v->n < COUNT(v->line));
		hide_nuls(line);
		if ((v->line[v->n] = json_loads(line, 0, &e)) == NULL)
			fail_msg("%s:%zu: %s", path, v->n + 1, e.text);
	}
	free(line);
	(void)fclose(f);
}

void
vectors_free(struct vectors *v)
{
	while (v->n > 0)
		json_decref(v->line[--v->n]);
}

const char *
vector_name(const json_t *line)
{
	const char	*name = json_string_value(json_object_get(line, "name"));

	assert_non_null(name);
	return name;
}

struct slice
vector_get(const json_t *line, const char *key)
{
	const json_t	*v = json_object_get(line, key);

	assert_true(v == NULL || json_is_null(v) || json_is_string(v));
	assert_true(v == NULL || strstr(json_is_string(v) ? json_string_value(v) : "",
	    VECTOR_NUL) == NULL);
	return (struct slice){ json_string_value(v), json_string_length(v) };
}

struct buf
vector_text(const char *p, size_t len)
{
	const char	*end = p + len;
	struct buf	 b = { 0 };

	assert_int_equal(buf_reserve(&b, len + 1), ERR_OK);
	while (p != end) {
		if (end - p >= 4 && memcmp(p, VECTOR_NUL, 4) == 0) {
			b.p[b.len++] = '\0';
			p += 4;
		} else {
			b.p[b.len++] = *p++;
		}
	}
	return b;
}

struct buf
vector_base64(const json_t *line, const char *key)
{
	static const char	 digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	struct slice		 text = vector_get(line, key);
	struct buf		 b = { 0 };
	unsigned		 bits = 0, have = 0;
	const char		*digit;
	size_t			 i;

	assert_non_null(text.p);
	assert_int_equal(buf_reserve(&b, text.len + 1), ERR_OK);
	for (i = 0; i < text.len && text.p[i] != '='; i++) {
		assert_non_null(digit = strchr(digits, text.p[i]));
		bits = bits << 6 | (unsigned)(digit - digits);
		if ((have += 6) >= 8) {
			have -= 8;
			b.p[b.len++] = (char)(bits >> have & 0xFF);
		}
	}
	return b;
}
