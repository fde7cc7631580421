#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "report/html.h"

enum { NO_LIMIT = 0 };

static const char ellipsis[] = "…";

static void
put_bytes(struct html *h, const char *p, size_t len)
{
	if (h->er == ERR_OK)
		h->er = buf_put(h->out, p, len);
}

void
html_raw(struct html *h, const char *markup)
{
	put_bytes(h, markup, strlen(markup));
}

void
html_printf(struct html *h, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	if (h->er == ERR_OK)
		h->er = buf_vprintf(h->out, fmt, ap);
	va_end(ap);
}

/* Ranges of characters, and the text that is written instead of each. */
static const struct range {
	uint32_t	 first, last;
	const char	*escape;
} ranges[] = {
	{ '"',		'"',	"&quot;" },
	{ '&',		'&',	"&amp;" },
	{ '\'',		'\'',	"&#39;" },
	{ '<',		'<',	"&lt;" },
	{ '>',		'>',	"&gt;" },
	{ '\t',		'\n',	" " },
	{ '\r',		'\r',	" " },
	{ 0x200C,	0x200D,	NULL },		/* they join emoji, or keep letters apart */
	{ 0x2028,	0x2029,	" " },
	{ 0xFEFF,	0xFEFF,	"" },
};

/* The text to write instead of a character; NULL: the character itself. */
static const char *
escape_of(uint32_t c)
{
	size_t	 i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return ranges[i].escape;
	return utf8_columns(c) == -1 ? "�" : NULL;
}

static void
put_escaped(struct html *h, struct slice s, size_t max)
{
	const char	*p = s.p, *end, *at, *escape;
	bool		 valid;
	uint32_t	 c;
	size_t		 n = 0;

	if (s.p == NULL)
		return;
	for (end = p + s.len; p != end && h->er == ERR_OK; n++) {
		if (max != NO_LIMIT && n == max) {
			html_raw(h, ellipsis);
			return;
		}
		at = p;
		c = utf8_next(&p, end, &valid);
		if (!valid)
			html_raw(h, "�");
		else if ((escape = escape_of(c)) != NULL)
			html_raw(h, escape);
		else
			put_bytes(h, at, (size_t)(p - at));
	}
}

void
html_text(struct html *h, const char *text)
{
	put_escaped(h, slice_of(text), NO_LIMIT);
}

void
html_slice(struct html *h, struct slice text)
{
	put_escaped(h, text, NO_LIMIT);
}

void
html_foreign(struct html *h, struct slice text, size_t max)
{
	html_raw(h, "<bdi>");
	put_escaped(h, text, max);
	html_raw(h, "</bdi>");
}

void
html_isolate(struct html *h, struct slice text, size_t max)
{
	html_raw(h, "\xE2\x81\xA8");
	put_escaped(h, text, max);
	html_raw(h, "\xE2\x81\xA9");
}

void
html_url(struct html *h, struct slice text)
{
	static const char	 digits[] = "0123456789ABCDEF";
	static const char	 plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	unsigned char		 c;
	char			 percent[3] = "%";
	size_t			 i;

	for (i = 0; i < text.len; i++) {
		c = (unsigned char)text.p[i];
		if (c != '\0' && strchr(plain, c) != NULL) {
			put_bytes(h, &text.p[i], 1);
			continue;
		}
		percent[1] = digits[c >> 4];
		percent[2] = digits[c & 15];
		put_bytes(h, percent, sizeof(percent));
	}
}
