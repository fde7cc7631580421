#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * The characters that do not take one column, in ascending order; HIDDEN: they are not printable.
 * These are Unicode's control and format characters, its separators of lines and paragraphs, and
 * those that show nothing (Default_Ignorable_Code_Point) but the variation selectors, which emoji
 * need.
 */
enum { COMBINING = 0, WIDE = 2, HIDDEN = -1 };
static const struct width {
	uint32_t	 first, last;
	int		 columns;
} widths[] = {
	{ 0x00, 0x1F, HIDDEN }, { 0x7F, 0x9F, HIDDEN }, { 0xAD, 0xAD, HIDDEN },
	{ 0x300, 0x34E, COMBINING }, { 0x34F, 0x34F, HIDDEN }, { 0x350, 0x36F, COMBINING },
	{ 0x600, 0x605, HIDDEN }, { 0x61C, 0x61C, HIDDEN }, { 0x6DD, 0x6DD, HIDDEN },
	{ 0x70F, 0x70F, HIDDEN }, { 0x890, 0x891, HIDDEN }, { 0x8E2, 0x8E2, HIDDEN },
	{ 0x1100, 0x115E, WIDE }, { 0x115F, 0x1160, HIDDEN }, { 0x17B4, 0x17B5, HIDDEN },
	{ 0x180B, 0x180F, HIDDEN }, { 0x200B, 0x200F, HIDDEN }, { 0x2028, 0x202E, HIDDEN },
	{ 0x2060, 0x206F, HIDDEN }, { 0x20D0, 0x20FF, COMBINING }, { 0x2E80, 0x303E, WIDE },
	{ 0x3041, 0x3163, WIDE }, { 0x3164, 0x3164, HIDDEN }, { 0x3165, 0xA4CF, WIDE },
	{ 0xA960, 0xA97F, WIDE }, { 0xAC00, 0xD7A3, WIDE }, { 0xF900, 0xFAFF, WIDE },
	{ 0xFDD0, 0xFDEF, HIDDEN }, { 0xFE00, 0xFE0F, COMBINING }, { 0xFE30, 0xFE6F, WIDE },
	{ 0xFEFF, 0xFEFF, HIDDEN }, { 0xFF00, 0xFF60, WIDE }, { 0xFFA0, 0xFFA0, HIDDEN },
	{ 0xFFE0, 0xFFE6, WIDE }, { 0xFFF0, 0xFFFB, HIDDEN }, { 0xFFFE, 0xFFFF, HIDDEN },
	{ 0x110BD, 0x110BD, HIDDEN }, { 0x110CD, 0x110CD, HIDDEN },
	{ 0x13430, 0x1343F, HIDDEN }, { 0x1BCA0, 0x1BCA3, HIDDEN },
	{ 0x1D173, 0x1D17A, HIDDEN }, { 0x1F300, 0x1F64F, WIDE }, { 0x1F680, 0x1F6FF, WIDE },
	{ 0x1F900, 0x1F9FF, WIDE }, { 0x20000, 0x3FFFD, WIDE }, { 0xE0000, 0xE00FF, HIDDEN },
	{ 0xE0100, 0xE01EF, COMBINING }, { 0xE01F0, 0xE0FFF, HIDDEN },
};

/* The length of a character that begins with a byte, and the range of its second byte. */
struct lead {
	int		 len;
	unsigned char	 lo, hi;
};

static struct lead
lead_of(unsigned char c)
{
	if (c >= 0xC2 && c <= 0xDF)
		return (struct lead){ 2, 0x80, 0xBF };
	if (c >= 0xE0 && c <= 0xEF)	/* ED too: Java reads a whole surrogate, then drops it */
		return (struct lead){ 3, c == 0xE0 ? 0xA0 : 0x80, 0xBF };
	if (c >= 0xF0 && c <= 0xF4)
		return (struct lead){ 4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF };
	return (struct lead){ 0, 0, 0 };
}

uint32_t
utf8_next(const char **p, const char *end, bool *valid)
{
	unsigned char	 c = (unsigned char)*(*p)++;
	struct lead	 lead;
	uint32_t	 cp;
	int		 i;

	*valid = true;
	if (c < 0x80)
		return c;
	*valid = false;
	if ((lead = lead_of(c)).len == 0)
		return 0xFFFD;
	cp = c & (0xFFu >> (lead.len + 1));
	for (i = 1; i < lead.len; i++) {
		if (*p == end)
			return 0xFFFD;
		c = (unsigned char)**p;
		if (c < lead.lo || c > lead.hi)
			return 0xFFFD;
		lead.lo = 0x80;
		lead.hi = 0xBF;
		cp = cp << 6 | (c & 0x3Fu);
		(*p)++;
	}
	if (cp >= 0xD800 && cp <= 0xDFFF)
		return 0xFFFD;
	*valid = true;
	return cp;
}

int
utf8_compare16(struct slice a, struct slice b)
{
	const char	*pa = a.p, *pb = b.p, *ea = a.p + a.len, *eb = b.p + b.len;
	uint32_t	 ca, cb;
	bool		 valid;

	while (pa != ea && pb != eb) {
		if (*pa == *pb && (unsigned char)*pa < 0x80) {	/* ASCII in both: the usual case */
			pa++;
			pb++;
			continue;
		}
		if (((unsigned char)*pa | (unsigned char)*pb) < 0x80)
			return *pa < *pb ? -1 : 1;
		ca = utf8_next(&pa, ea, &valid);
		cb = utf8_next(&pb, eb, &valid);
		if (ca == cb)
			continue;
		/* In UTF-16 a character above FFFF begins with D800..DBFF. */
		if ((ca >= 0x10000) != (cb >= 0x10000)) {
			if (ca >= 0x10000)
				return cb >= 0xE000 ? -1 : 1;
			return ca >= 0xE000 ? 1 : -1;
		}
		return ca < cb ? -1 : 1;
	}
	return (pa != ea) - (pb != eb);
}

static int
compare_width(const void *key, const void *element)
{
	const uint32_t		 cp = *(const uint32_t *)key;
	const struct width	*w = element;

	return cp < w->first ? -1 : cp > w->last;
}

int
utf8_columns(uint32_t cp)
{
	const struct width	*w;

	if (cp >= 0x20 && cp < 0x7F)
		return 1;
	w = bsearch(&cp, widths, NELEM(widths), sizeof(widths[0]), compare_width);
	return w == NULL ? 1 : w->columns;
}

bool
utf8_is_space(uint32_t cp)
{
	/* Unicode's White_Space, in ascending order. */
	static const struct {
		uint32_t	 first, last;
	} spaces[] = {
		{ 0x09, 0x0D }, { 0x20, 0x20 }, { 0x85, 0x85 }, { 0xA0, 0xA0 }, { 0x1680, 0x1680 },
		{ 0x2000, 0x200A }, { 0x2028, 0x2029 }, { 0x202F, 0x202F }, { 0x205F, 0x205F },
		{ 0x3000, 0x3000 },
	};
	size_t	 i;

	for (i = 0; i < NELEM(spaces) && cp >= spaces[i].first; i++)
		if (cp <= spaces[i].last)
			return true;
	return false;
}

bool
utf8_skip_printable(const char **p, const char *end)
{
	bool		 valid;
	uint32_t	 cp = utf8_next(p, end, &valid);

	return valid && utf8_columns(cp) != -1;
}

void
utf8_mask(char *text)
{
	const char	*p = text, *end = text + strlen(text), *from;
	char		*to = text;

	while (p != end) {
		from = p;
		if (utf8_skip_printable(&p, end))
			while (from != p)
				*to++ = *from++;
		else
			*to++ = '?';
	}
	*to = '\0';
}

size_t
utf8_cut(struct slice text, size_t max)
{
	size_t	 n = max, back;

	if (text.len <= max)
		return text.len;
	/* A character has three bytes at most behind its first. */
	for (back = 0; back < 3 && n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80; back++)
		n--;
	return ((unsigned char)text.p[n] & 0xC0) == 0x80 ? max : n;
}
