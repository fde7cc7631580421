#include <string.h>

#include "core/json_write.h"
#include "core/utf8.h"

/* Appends a character as an escape, or as two if it is above FFFF. */
static enum error
put_units(struct buf *out, uint32_t cp)
{
	if (cp < 0x10000)
		return buf_printf(out, "\\u%04x", (unsigned)cp);
	return buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xD7C0 + (cp >> 10)),
	    (unsigned)(0xDC00 + (cp & 0x3FF)));
}

/*
 * Appends a character, which has these bytes, as JSON writes it inside a string.  seen: it is
 * escaped, too, if it is not printable.
 */
static enum error
put_character(struct buf *out, uint32_t cp, struct slice bytes, bool seen)
{
	static const char	 from[] = "\"\\\n\t", to[] = "\"\\nt";
	const char		*at;

	if (cp != 0 && cp < 0x80 && (at = strchr(from, (int)cp)) != NULL)
		return buf_printf(out, "\\%c", to[at - from]);
	return cp < 0x20 || (seen && utf8_columns(cp) == -1) ? put_units(out, cp) :
	    buf_put(out, bytes.p, bytes.len);
}

/* True: ASCII that stands for itself. */
static bool
is_plain(char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static enum error
write_string(struct buf *out, struct slice text, bool seen)
{
	const char	*p = text.p, *end = text.p + text.len, *from;
	enum error	 er = buf_putc(out, '"');
	uint32_t	 cp;
	bool		 valid;

	while (er == ERR_OK && p != end) {
		for (from = p; p != end && is_plain(*p); p++)
			;
		if ((er = buf_put(out, from, (size_t)(p - from))) != ERR_OK || p == end)
			continue;
		from = p;
		cp = utf8_next(&p, end, &valid);
		er = !valid ? buf_puts(out, "\xEF\xBF\xBD") :
		    put_character(out, cp, (struct slice){ from, (size_t)(p - from) }, seen);
	}
	return er == ERR_OK ? buf_putc(out, '"') : er;
}

enum error
json_write_string(struct buf *out, struct slice text)
{
	return write_string(out, text, true);
}

enum error
json_write_value(struct buf *out, struct slice text)
{
	return write_string(out, text, false);
}
