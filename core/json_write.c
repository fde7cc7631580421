#include "core/hex.h"
#include "core/json_write.h"

/* Appends c as JSON writes it inside a string. */
static enum error
put_escaped(struct buf *out, char c)
{
	const unsigned char	 byte = (unsigned char)c;
	char			 u[] = "\\u0000";

	switch (c) {
	case '"':
		return buf_puts(out, "\\\"");
	case '\\':
		return buf_puts(out, "\\\\");
	case '\n':
		return buf_puts(out, "\\n");
	case '\t':
		return buf_puts(out, "\\t");
	default:
		hex_encode(u + 4, &byte, 1);
		return buf_puts(out, u);
	}
}

enum error
json_write_string(struct buf *out, struct slice text)
{
	const char	*p = text.p, *end = text.p + text.len, *from;
	enum error	 er = buf_putc(out, '"');

	while (er == ERR_OK && p != end) {
		for (from = p; p != end && (unsigned char)*p >= 0x20 && *p != '"' &&
		    *p != '\\'; p++)
			;
		if ((er = buf_put(out, from, (size_t)(p - from))) == ERR_OK && p != end)
			er = put_escaped(out, *p++);
	}
	return er == ERR_OK ? buf_putc(out, '"') : er;
}
