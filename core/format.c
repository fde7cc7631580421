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

/*
 * Wrapping.
 */

struct wrap {
	struct buf	*out;
	int		 at, indent, max;	/* columns */
	int		 begin;		/* of this line; at is the same: nothing stands there */
};

static bool
is_one_of(const char *set, uint32_t cp)
{
	const char	*end = set + strlen(set);
	bool		 valid;

	while (set != end)
		if (utf8_next(&set, end, &valid) == cp)
			return true;
	return false;
}

/* True: a line may end between two characters that are not blanks. */
static bool
may_break(uint32_t before, uint32_t behind)
{
	static const char	 closing[] = ",.;:?!)]}%\xE2\x80\x99\xE2\x80\x9D\xE2\x80\xA6"
	    "\xE3\x80\x81\xE3\x80\x82\xE3\x80\x89\xE3\x80\x8B\xE3\x80\x8D\xE3\x80\x8F"
	    "\xE3\x80\x91\xEF\xBC\x81\xEF\xBC\x89\xEF\xBC\x8C\xEF\xBC\x9A\xEF\xBC\x9B"
	    "\xEF\xBC\x9F";
	static const char	 opening[] = "([{\xE2\x80\x98\xE2\x80\x9C\xE3\x80\x88"
	    "\xE3\x80\x8A\xE3\x80\x8C\xE3\x80\x8E\xE3\x80\x90\xEF\xBC\x88";

	return (utf8_columns(before) == 2 || utf8_columns(behind) == 2) &&
	    utf8_columns(behind) != 0 && !is_one_of(closing, behind) &&
	    !is_one_of(opening, before);
}

/* The columns of a character; one that is not printable takes one. */
static int
columns_of(uint32_t cp)
{
	const int	 columns = utf8_columns(cp);

	return columns == -1 ? 1 : columns;
}

/* Cuts what stays together off the front of *text, which does not begin with a blank. */
static struct slice
cut_piece(struct slice *text, int *columns)
{
	const char	*p = text->p, *end = p + text->len, *from;
	struct slice	 piece = { p, 0 };
	uint32_t	 cp, before = 0;
	bool		 valid;

	for (*columns = 0; p != end && *p != ' '; before = cp) {
		from = p;
		cp = utf8_next(&p, end, &valid);
		if (from != piece.p && may_break(before, cp)) {
			p = from;
			break;
		}
		*columns += columns_of(cp);
	}
	piece.len = (size_t)(p - piece.p);
	*text = (struct slice){ p, (size_t)(end - p) };
	return piece;
}

static enum error
begin_line(struct wrap *w)
{
	w->at = w->begin = w->indent;
	return buf_printf(w->out, "\n%*s", w->indent, "");
}

/* Appends a piece that is longer than a line. */
static enum error
put_long_piece(struct wrap *w, struct slice piece)
{
	const char	*p = piece.p, *end = p + piece.len, *from;
	enum error	 er = ERR_OK;
	uint32_t	 cp;
	bool		 valid;

	while (p != end && er == ERR_OK) {
		from = p;
		cp = utf8_next(&p, end, &valid);
		if (w->at + columns_of(cp) > w->max && w->at > w->begin)
			er = begin_line(w);
		w->at += columns_of(cp);
		if (er == ERR_OK)
			er = buf_put(w->out, from, (size_t)(p - from));
	}
	return er;
}

/* Appends a piece and the blanks before it; at a line's end these are left out. */
static enum error
put_piece(struct wrap *w, int blanks, struct slice piece, int columns)
{
	enum error	 er;

	if (w->at + blanks + columns > w->max && w->at > w->begin) {
		if ((er = begin_line(w)) != ERR_OK)
			return er;
	} else {
		w->at += blanks;
		if ((er = buf_printf(w->out, "%*s", blanks, "")) != ERR_OK)
			return er;
	}
	if (w->at + columns > w->max)
		return put_long_piece(w, piece);
	w->at += columns;
	return buf_put(w->out, piece.p, piece.len);
}

enum error
format_wrap(struct buf *out, struct slice text, int at, int indent, int max)
{
	struct wrap	 w = { out, at, indent, max, 0 };
	struct slice	 piece;
	enum error	 er = ERR_OK;
	int		 blanks, columns;

	while (er == ERR_OK) {
		for (blanks = 0; text.len != 0 && *text.p == ' '; blanks++)
			text.p++, text.len--;
		if (text.len == 0)
			break;
		piece = cut_piece(&text, &columns);
		er = put_piece(&w, blanks, piece, columns);
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
