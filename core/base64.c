#include <string.h>

#include "core/base64.h"

static const char	 digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789+/";

enum error
base64_encode(struct buf *out, const unsigned char *p, size_t n)
{
	unsigned long	 group;
	char		 text[4];
	size_t		 i, k, left;
	enum error	 er = ERR_OK;

	for (i = 0; i < n && er == ERR_OK; i += 3) {
		left = n - i;
		group = (unsigned long)p[i] << 16;
		if (left > 1)
			group |= (unsigned long)p[i + 1] << 8;
		if (left > 2)
			group |= p[i + 2];
		for (k = 0; k < 4; k++)
			text[k] = k > left ? '=' : digits[group >> (18 - 6 * k) & 63];
		er = buf_put(out, text, sizeof(text));
	}
	return er;
}

/* The value of a digit; -1: the character is not a digit. */
static int
value_of(char c)
{
	const char	*p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? -1 : (int)(p - digits);
}

/* Appends the bytes of four characters, the last of which may be padding. */
static enum error
decode_group(struct buf *out, const char *p, bool is_last)
{
	const size_t	 pad = !is_last || p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
	unsigned long	 group = 0;
	unsigned char	 bytes[3];
	size_t		 k;

	for (k = 0; k < 4; k++) {
		if (k < 4 - pad && value_of(p[k]) == -1)
			return ERR_BASE64;
		group = group << 6 | (k < 4 - pad ? (unsigned long)value_of(p[k]) : 0);
	}
	if ((group & ((1ul << 8 * pad) - 1)) != 0)
		return ERR_BASE64;
	bytes[0] = (unsigned char)(group >> 16);
	bytes[1] = (unsigned char)(group >> 8 & 0xFF);
	bytes[2] = (unsigned char)(group & 0xFF);
	return buf_put(out, bytes, 3 - pad);
}

enum error
base64_decode(struct buf *out, struct slice text)
{
	enum error	 er = text.len % 4 == 0 ? ERR_OK : ERR_BASE64;
	size_t		 i;

	for (i = 0; i < text.len && er == ERR_OK; i += 4)
		er = decode_group(out, text.p + i, i + 4 == text.len);
	return er;
}
