#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/format.h"
#include "core/utf8.h"

/* Characters that do not take one column, in ascending order; -1: must not be printed. */
static const struct {
	uint32_t	 first, last;
	int		 columns;
} widths[] = {
	{ 0x00, 0x1F, -1 }, { 0x7F, 0x9F, -1 }, { 0x300, 0x36F, 0 }, { 0x1100, 0x115F, 2 },
	{ 0x200B, 0x200D, 0 }, { 0x200E, 0x200F, -1 }, { 0x2028, 0x202E, -1 },
	{ 0x2060, 0x206F, -1 }, { 0x20D0, 0x20FF, 0 }, { 0x2E80, 0x303E, 2 },
	{ 0x3041, 0xA4CF, 2 }, { 0xA960, 0xA97F, 2 }, { 0xAC00, 0xD7A3, 2 },
	{ 0xF900, 0xFAFF, 2 }, { 0xFE00, 0xFE0F, 0 }, { 0xFE30, 0xFE6F, 2 },
	{ 0xFF00, 0xFF60, 2 }, { 0xFFE0, 0xFFE6, 2 }, { 0x1F300, 0x1F64F, 2 },
	{ 0x1F680, 0x1F6FF, 2 }, { 0x1F900, 0x1F9FF, 2 }, { 0x20000, 0x3FFFD, 2 },
	{ 0xE0000, 0xE007F, -1 }, { 0xE0100, 0xE01EF, 0 },
};

static int
columns_of(uint32_t cp)
{
	size_t	 i;

	for (i = 0; i < sizeof(widths) / sizeof(widths[0]) && cp >= widths[i].first; i++)
		if (cp <= widths[i].last)
			return widths[i].columns;
	return 1;
}

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
		if (!valid || (columns = columns_of(cp)) == -1) {
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
