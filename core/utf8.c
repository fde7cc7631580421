#include "core/utf8.h"

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
