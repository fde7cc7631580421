#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/format.h"
#include "core/utf8.h"

enum error
format_line(struct buf *out, int *used, struct slice text, int max)
{
	static const char	 cut[] = "\xE2\x80\xA6";
	const char		*p = text.p, *end = p + text.len, *from;
	size_t			 room = out->len;	/* where U+2026 can stand */
	int			 at = 0, columns, room_at = 0;
	enum error		 er = ERR_OK;
	uint32_t		 cp;
	bool			 valid;

	while (er == ERR_OK && p != end) {
		from = p;
		cp = utf8_next(&p, end, &valid);
		if (!valid || (columns = utf8_columns(cp)) == -1) {
			valid = false;
			columns = 1;
		}
		if (at + columns > max) {
			p = from;
			break;
		}
		er = valid ? buf_put(out, from, (size_t)(p - from)) : buf_putc(out, '?');
		if ((at += columns) < max) {
			room = out->len;
			room_at = at;
		}
	}
	if (er == ERR_OK && p != end && max > 0) {
		out->len = room;
		at = room_at + 1;
		er = buf_puts(out, cut);
	}
	if (used != NULL)
		*used = at;
	return er;
}

/* Appends a character that is not printable, or the bytes that are no character. */
static enum error
put_escape(struct buf *out, uint32_t cp, bool valid, const char *from, const char *end)
{
	enum error	 er = ERR_OK;

	if (valid)
		return buf_printf(out, "\\u%04x", (unsigned)cp);
	for (; from != end && er == ERR_OK; from++)
		er = buf_printf(out, "\\x%02x", (unsigned char)*from);
	return er;
}

enum error
format_text(struct buf *out, struct slice text)
{
	const char	*p = text.p, *end = p + text.len, *from;
	enum error	 er = ERR_OK;
	uint32_t	 cp;
	bool		 valid;

	while (er == ERR_OK && p != end) {
		from = p;
		cp = utf8_next(&p, end, &valid);
		er = valid && (utf8_columns(cp) != -1 || cp == '\n' || cp == '\t' ||
		    (cp == '\r' && p != end && *p == '\n')) ?
		    buf_put(out, from, (size_t)(p - from)) : put_escape(out, cp, valid, from, p);
	}
	return er;
}

void
format_span(char text[FORMAT_SPAN], int64_t ms)
{
	/* A unit is used if there are two of it: "90 s" says more than "1 min". */
	static const struct {
		int64_t		 s;
		const char	*name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	int64_t			 s = ms < 0 ? 0 : ms / 1000;
	size_t			 i;

	for (i = 0; units[i].s > 1 && s < 2 * units[i].s; i++)
		;
	(void)snprintf(text, FORMAT_SPAN, "%lld %s", (long long)(s / units[i].s), units[i].name);
}

void
format_bytes(char text[FORMAT_SPAN], int64_t bytes)
{
	static const char *const	 units[] = { "bytes", "kB", "MB", "GB", "TB", "PB", "EB" };
	double				 n = (double)bytes;
	size_t				 i;

	for (i = 0; n >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		n /= 1000;
	(void)snprintf(text, FORMAT_SPAN, "%.*f %s", n < 9.95 && i != 0, n, units[i]);
}

void
format_time(char text[FORMAT_TIME], int64_t ms)
{
	time_t		 s = (time_t)(ms / 1000);
	struct tm	 tm;
	size_t		 n;

	if (gmtime_r(&s, &tm) == NULL ||
	    (n = strftime(text, FORMAT_TIME - 8, "%Y-%m-%dT%H:%M:%S", &tm)) == 0)
		n = (size_t)snprintf(text, FORMAT_TIME - 8, "?");
	(void)snprintf(text + n, FORMAT_TIME - n, ".%03dZ", (int)(ms % 1000));
}
