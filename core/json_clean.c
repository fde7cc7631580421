#include <string.h>

#include "core/hex.h"
#include "core/json_clean.h"
#include "core/utf8.h"

enum {
	UNIT = 6,		/* bytes of an escape like \u0041 */
	HIGH = 0xD800, LOW = 0xDC00, AFTER = 0xE000	/* surrogates: the high ones come first */
};

static const char	unknown[] = "\xEF\xBF\xBD";	/* U+FFFD */

static bool
has_mark(struct slice s)
{
	return s.len >= 3 && memcmp(s.p, "\xEF\xBB\xBF", 3) == 0;
}

/* The text without the blanks and byte order marks before it. */
static struct slice
skip_marks(struct slice s)
{
	size_t	 n;

	while ((n = has_mark(s) ? 3 : s.len != 0 && *s.p != '\0' && strchr(" \t\r\n", *s.p) != NULL)
	    != 0)
		s = (struct slice){ s.p + n, s.len - n };
	return s;
}

/* The UTF-16 unit that an escape like \u0041 at p stands for; -1: it is not such an escape. */
static int
unit_at(const char *p, const char *end)
{
	int	 i, unit = 0;

	if (end - p < UNIT || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < UNIT; i++) {
		if (hex_digit(p[i]) < 0)
			return -1;
		unit = unit << 4 | hex_digit(p[i]);
	}
	return unit;
}

/* How many bytes an escape of a UTF-16 unit has, with its second half; 0: it is half a pair. */
static size_t
length_of_unit(const char *p, const char *end, int unit)
{
	int	 second;

	if (unit < HIGH || unit >= AFTER)
		return unit == 0 ? 0 : UNIT;
	second = unit < LOW ? unit_at(p + UNIT, end) : -1;
	return second >= LOW && second < AFTER ? 2 * UNIT : 0;
}

/* Appends what a backslash begins, and moves *p behind it. */
static enum error
clean_escape(struct buf *out, const char **p, const char *end)
{
	const char	*from = *p;
	const int	 unit = unit_at(from, end);
	size_t		 len;

	if (unit >= 0) {
		len = length_of_unit(from, end, unit);
		*p += len != 0 ? len : UNIT;
		return len != 0 ? buf_put(out, from, len) : buf_puts(out, unknown);
	}
	if (end - from >= 2 && from[1] != '\0' && strchr("\"\\/bfnrt", from[1]) != NULL) {
		*p += 2;
		return buf_put(out, from, 2);
	}
	(*p)++;
	return buf_puts(out, "\\\\");
}

static bool
is_pair(const char *p, const char *end)
{
	return end - p >= 2 && (unsigned char)p[1] >= 0x40 && (unsigned char)p[1] != 0x7F;
}

/* Appends one character of a string that is no backslash, and moves *p behind it. */
static enum error
clean_character(struct buf *out, const char **p, const char *end, enum json_bytes bytes)
{
	const char		*from = *p;
	const unsigned char	 c = (unsigned char)*from;
	bool			 valid;

	if (c >= 0x80 && bytes == JSON_BYTES_PAIRS) {
		*p += is_pair(from, end) ? 2 : 1;
		return buf_puts(out, unknown);
	}
	(void)utf8_next(p, end, &valid);
	if (!valid || c == 0)
		return buf_puts(out, unknown);
	if (c < 0x20)
		return buf_printf(out, "\\u%04x", (unsigned)c);
	return buf_put(out, from, (size_t)(*p - from));
}

/* Appends a string, from behind its first quote to its last one. */
static enum error
clean_string(struct buf *out, const char **p, const char *end, enum json_bytes bytes)
{
	const char	*from;
	enum error	 er = ERR_OK;

	while (er == ERR_OK && *p != end && **p != '"') {
		for (from = *p; *p != end && **p >= 0x20 && **p < 0x7F && **p != '"' &&
		    **p != '\\'; (*p)++)
			;
		if (*p != from)
			er = buf_put(out, from, (size_t)(*p - from));
		else
			er = **p == '\\' ? clean_escape(out, p, end) :
			    clean_character(out, p, end, bytes);
	}
	if (er == ERR_OK && *p != end)
		er = buf_putc(out, *(*p)++);
	return er;
}

enum error
json_clean(struct buf *out, struct slice text, enum json_bytes bytes)
{
	const struct slice	 s = skip_marks(text);
	const char		*p = s.p, *end = s.p + s.len, *from;
	enum error		 er = ERR_OK;

	while (er == ERR_OK && p != end) {
		from = p;
		p = memchr(p, '"', (size_t)(end - p));
		p = p == NULL ? end : p + 1;
		er = buf_put(out, from, (size_t)(p - from));
		if (er == ERR_OK && p[-1] == '"')
			er = clean_string(out, &p, end, bytes);
	}
	return er;
}
