#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/json_raw.h"

enum { DIGITS_MAX = 64 };	/* bytes of a number that is read */

/* A double has all whole numbers up to here. */
#define WHOLE	9007199254740992.0

static const char	 blanks[] = " \t\r\n";
static const struct slice	 absent = { NULL, 0 };

static bool
is_json_blank(char c)
{
	return c != '\0' && strchr(blanks, c) != NULL;
}

/* The bytes of a string that begins at p, with both quotes. */
static size_t
string_length(const char *p, const char *end)
{
	const char	*q;

	for (q = p + 1; q < end && *q != '"'; q++)
		if (*q == '\\' && q + 1 < end)
			q++;
	return (size_t)(q - p) + (q < end);
}

/* The bytes of the value that begins at p. */
static size_t
value_length(const char *p, const char *end)
{
	const char	*q = p;
	int		 depth = 0;

	while (q < end) {
		if (*q == '"')
			q += string_length(q, end);
		else if (depth == 0 && (is_json_blank(*q) || memchr(",:]}", *q, 4) != NULL))
			break;
		else {
			depth += *q == '{' || *q == '[';
			depth -= *q == '}' || *q == ']';
			q++;
		}
		if (depth == 0 && (*p == '"' || *p == '{' || *p == '['))
			break;
	}
	return (size_t)(q - p);
}

enum json_raw
json_raw_kind(struct slice value)
{
	if (value.len == 0 || slice_is(value, "null"))
		return JSON_RAW_NOTHING;
	switch (*value.p) {
	case '{':
		return JSON_RAW_OBJECT;
	case '[':
		return JSON_RAW_ARRAY;
	case '"':
		return JSON_RAW_STRING;
	default:
		return slice_is(value, "true") ? JSON_RAW_TRUE :
		    slice_is(value, "false") ? JSON_RAW_FALSE : JSON_RAW_NUMBER;
	}
}

static const char *
skip_json_blanks(const char *p, const char *end)
{
	while (p < end && is_json_blank(*p))
		p++;
	return p;
}

struct slice
json_raw_value(struct slice text)
{
	const char	*end = text.p + text.len, *p;

	if (text.p == NULL)
		return absent;
	p = skip_json_blanks(text.p, end);
	return (struct slice){ p, value_length(p, end) };
}

bool
json_raw_next(struct slice *rest, struct slice *name, struct slice *value)
{
	const char	*end = rest->p + rest->len, *p;

	*name = *value = absent;
	if (rest->p == NULL || rest->len == 0)
		return false;
	/* The rest begins with the bracket of the whole at first, and with a comma later. */
	p = skip_json_blanks(rest->p + 1, end);
	*rest = absent;
	if (p == end || *p == '}' || *p == ']')
		return false;
	*value = (struct slice){ p, value_length(p, end) };
	p = skip_json_blanks(p + value->len, end);
	if (p < end && *p == ':') {
		*name = (struct slice){ value->p + 1, value->len < 2 ? 0 : value->len - 2 };
		*value = json_raw_value((struct slice){ p + 1, (size_t)(end - p) - 1 });
		p = skip_json_blanks(value->p + value->len, end);
	}
	if (p < end && *p == ',')
		*rest = (struct slice){ p, (size_t)(end - p) };
	return true;
}

struct slice
json_raw_member(struct slice object, const char *name)
{
	struct slice	 rest = object, n, value;

	if (json_raw_kind(object) == JSON_RAW_OBJECT)
		while (json_raw_next(&rest, &n, &value))
			if (slice_is(n, name))
				return value;
	return absent;
}

enum error
json_raw_compact(struct buf *out, struct slice value)
{
	const char	*p = value.p, *end = value.p + value.len;
	enum error	 er = ERR_OK;
	size_t		 len;

	for (; value.p != NULL && p < end && er == ERR_OK; p += len) {
		len = *p == '"' ? string_length(p, end) : 1;
		if (*p == '"' || !is_json_blank(*p))
			er = buf_put(out, p, len);
	}
	return er;
}

/* Appends text with U+FFFD in place of NULs. */
static enum error
append_without_nul(struct buf *out, struct slice text)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < text.len && er == ERR_OK; i++)
		er = text.p[i] == '\0' ? buf_puts(out, "\xEF\xBF\xBD") : buf_putc(out, text.p[i]);
	return er;
}

enum error
json_raw_text(struct buf *out, struct slice value)
{
	struct json	*j;
	enum error	 er;

	if (json_raw_kind(value) != JSON_RAW_STRING)
		return json_raw_compact(out, value);
	if (memchr(value.p, '\\', value.len) == NULL)
		return buf_put(out, value.p + 1, value.len < 2 ? 0 : value.len - 2);
	j = json_parse_any(value);
	er = j == NULL ? ERR_NOMEM : append_without_nul(out, json_as_text(j));
	json_free(j);
	return er;
}

/* Copies a number, which may be in quotes, with a NUL.  The part of value; absent: too long. */
static struct slice
copy_digits(char digits[DIGITS_MAX], struct slice value)
{
	if (json_raw_kind(value) == JSON_RAW_STRING && value.len >= 2)
		value = (struct slice){ value.p + 1, value.len - 2 };
	if (value.p == NULL || value.len == 0 || value.len >= DIGITS_MAX ||
	    memchr("-0123456789", *value.p, 11) == NULL ||
	    memchr(value.p, 'x', value.len) != NULL || memchr(value.p, 'X', value.len) != NULL)
		return absent;
	memcpy(digits, value.p, value.len);
	digits[value.len] = '\0';
	return value;
}

static bool
read_real(double *r, struct slice *digits, struct slice value)
{
	char	 copy[DIGITS_MAX], *end;

	if ((*digits = copy_digits(copy, value)).p == NULL)
		return false;
	errno = 0;
	*r = strtod(copy, &end);
	return *end == '\0' && errno == 0 && isfinite(*r);
}

bool
json_raw_int(int64_t *n, struct slice value)
{
	const enum json_raw	 kind = json_raw_kind(value);
	char			 copy[DIGITS_MAX], *end;
	struct slice		 digits;
	double			 r;

	if (kind == JSON_RAW_TRUE || kind == JSON_RAW_FALSE) {
		*n = kind == JSON_RAW_TRUE;
		return true;
	}
	if (copy_digits(copy, value).p == NULL)
		return false;
	errno = 0;
	*n = strtoll(copy, &end, 10);
	if (*end == '\0')
		return errno == 0;
	/* 3.0 and 3e2 are whole numbers, too. */
	if (!read_real(&r, &digits, value) || r < -WHOLE || r > WHOLE)
		return false;
	*n = (int64_t)r;
	return (double)*n == r;
}

bool
json_raw_real(struct slice *digits, struct slice value)
{
	double	 r;

	return read_real(&r, digits, value);
}
