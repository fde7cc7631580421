#include <string.h>

#include "core/hex.h"
#include "core/query.h"

/* True: something is to be decoded.  WeChat's parameters seldom have it. */
static bool
is_coded(const char *text, size_t len)
{
	return memchr(text, '%', len) != NULL || memchr(text, '+', len) != NULL;
}

/* Decodes in place: the result is never longer.  False: a `%` without two digits. */
static bool
decode_text(struct slice *out, char *p, size_t len, bool coded)
{
	char	*to = p, *end = p + len;
	int	 hi, lo;

	*out = (struct slice){ p, len };
	if (!coded)
		return true;
	for (; p != end; p++) {
		if (*p == '+') {
			*to++ = ' ';
		} else if (*p != '%') {
			*to++ = *p;
		} else {
			if (end - p < 3 || (hi = hex_digit(p[1])) == -1 ||
			    (lo = hex_digit(p[2])) == -1)
				return false;
			*to++ = (char)(hi << 4 | lo);
			p += 2;
		}
	}
	out->len = (size_t)(to - out->p);
	return true;
}

/* Reads one `name=value`; len is not 0.  False: leave the parameter out. */
static bool
parse_param(struct param *out, char *p, size_t len, bool coded)
{
	char	*eq = memchr(p, '=', len);
	size_t	 namelen = eq == NULL ? len : (size_t)(eq - p);

	if (!decode_text(&out->name, p, namelen, coded) || out->name.len == 0)
		return false;
	if (eq == NULL) {
		out->value = (struct slice){ "", 0 };
		return true;
	}
	return decode_text(&out->value, eq + 1, len - namelen - 1, coded);
}

enum error
query_parse(struct query *q, char *text, size_t len)
{
	char		*p = text, *end, *amp;
	struct param	 param;
	bool		 coded;

	q->n = 0;
	if (len == 0)		/* then text may be NULL */
		return ERR_OK;
	end = text + len;
	coded = is_coded(text, len);
	while (p < end) {
		if ((amp = memchr(p, '&', (size_t)(end - p))) == NULL)
			amp = end;
		if (amp != p && parse_param(&param, p, (size_t)(amp - p), coded)) {
			if (q->n == QUERY_MAX)
				return ERR_REQUEST;
			q->p[q->n++] = param;
		}
		p = amp + 1;
	}
	return ERR_OK;
}

enum error
query_encode(struct buf *out, struct slice s)
{
	static const char	 plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	enum error		 er = ERR_OK;
	size_t			 i;

	for (i = 0; i < s.len && er == ERR_OK; i++)
		if (memchr(plain, s.p[i], sizeof(plain) - 1) != NULL)
			er = buf_putc(out, s.p[i]);
		else
			er = buf_printf(out, "%%%02X", (unsigned)(unsigned char)s.p[i]);
	return er;
}
