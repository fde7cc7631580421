#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/format.h"
#include "core/lang.h"
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

/* The columns of a character of a text that is not masked yet: what is not printable takes one. */
static int
next_columns(uint32_t *cp, const char **p, const char *end)
{
	bool	 valid;
	int	 columns;

	*cp = utf8_next(p, end, &valid);
	columns = valid ? utf8_columns(*cp) : -1;
	return columns == -1 ? 1 : columns;
}

int
format_columns(struct slice text)
{
	const char	*p = text.p, *end = p + text.len;
	uint32_t	 cp;
	int		 n = 0;

	while (p != end)
		n += next_columns(&cp, &p, end);
	return n;
}

/* True: the character is one of the list, which ends with 0. */
static bool
is_one_of(uint32_t cp, const uint32_t *list)
{
	while (*list != 0 && *list != cp)
		list++;
	return *list != 0;
}

/* True: no line may begin with it, or end with it.  Of ASCII, only what stands beside Chinese. */
static bool
is_closing(uint32_t cp)
{
	static const uint32_t	 list[] = {
		0x3001, 0x3002, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF01, 0xFF1F, 0xFF09, 0x300B, 0x300D,
		0x3009, 0x300F, 0x3011, 0x201D, 0x2019, 0x2026,
		',', '.', ';', ':', '!', '?', ')', ']', '}', '%', 0,
	};

	return is_one_of(cp, list);
}

static bool
is_opening(uint32_t cp)
{
	static const uint32_t	 list[] = {
		0xFF08, 0x3008, 0x300A, 0x300C, 0x300E, 0x3010, 0x201C, 0x2018, '(', '[', '{', 0,
	};

	return is_one_of(cp, list);
}

size_t
format_piece(int *columns, struct slice text)
{
	const char	*p = text.p, *end = p + text.len, *from = p;
	uint32_t	 cp, before = 0;
	int		 width, width_before = 0;

	for (*columns = 0; p != end && *p != ' '; from = p) {
		width = next_columns(&cp, &p, end);
		if (from != text.p && (width == 2 || width_before == 2) && width != 0 &&
		    !is_closing(cp) && !is_opening(before))
			break;
		*columns += width;
		before = cp;
		if (width != 0)		/* a combining character belongs to the one before */
			width_before = width;
	}
	return (size_t)(from - text.p);
}

/*
 * Wrapping.
 */

struct wrap {
	struct buf	*out;
	int		 at, indent, max;	/* columns */
	int		 begin;		/* of this line; at is the same: nothing stands there */
};

static enum error
begin_line(struct wrap *w)
{
	w->at = w->begin = w->indent;
	return buf_printf(w->out, "\n%*s", w->indent, "");
}

/* The columns of a closing character at p, which stays with what stands before it; else 0. */
static int
closing_columns(const char *p, const char *end)
{
	uint32_t	 cp = 0;
	const int	 columns = p == end ? 0 : next_columns(&cp, &p, end);

	return is_closing(cp) ? columns : 0;
}

/* Appends a piece that is longer than a line. */
static enum error
put_long_piece(struct wrap *w, struct slice piece)
{
	const char	*p = piece.p, *end = p + piece.len, *from;
	enum error	 er = ERR_OK;
	uint32_t	 cp;
	int		 columns;

	while (p != end && er == ERR_OK) {
		from = p;
		columns = next_columns(&cp, &p, end);
		if (w->at + columns + closing_columns(p, end) > w->max && w->at > w->begin)
			er = begin_line(w);
		w->at += columns;
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
		piece = (struct slice){ text.p, format_piece(&columns, text) };
		text = (struct slice){ text.p + piece.len, text.len - piece.len };
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
	} units[] = {
		{ 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
	};
	int64_t			 s = ms < 0 ? 0 : ms / 1000;
	size_t			 i;

	for (i = 0; units[i].s > 1 && s < 2 * units[i].s; i++)
		;
	(void)snprintf(text, FORMAT_SPAN, "%lld %s", (long long)(s / units[i].s),
	    lang_text(units[i].name));
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
