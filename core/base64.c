#include <nettle/base64.h>

#include "core/base64.h"

enum error
base64_encode(struct buf *out, const unsigned char *p, size_t n)
{
	const enum error	 er = buf_reserve(out, BASE64_ENCODE_RAW_LENGTH(n));

	if (er != ERR_OK)
		return er;
	base64_encode_raw(out->p + out->len, n, p);
	out->len += BASE64_ENCODE_RAW_LENGTH(n);
	return ERR_OK;
}

/* How many bytes a text gives that has nothing but digits and padding. */
static size_t
bytes_of(struct slice text)
{
	size_t	 pad = 0;

	while (pad < 2 && pad < text.len && text.p[text.len - 1 - pad] == '=')
		pad++;
	return text.len / 4 * 3 - pad;
}

enum error
base64_decode(struct buf *out, struct slice text)
{
	struct base64_decode_ctx	 ctx;
	size_t				 n = 0;
	enum error			 er;

	if (text.len % 4 != 0)
		return ERR_BASE64;
	if ((er = buf_reserve(out, BASE64_DECODE_LENGTH(text.len))) != ERR_OK)
		return er;
	base64_decode_init(&ctx);
	/* Nettle leaves blanks out. */
	if (!base64_decode_update(&ctx, &n, (uint8_t *)out->p + out->len, text.len, text.p) ||
	    !base64_decode_final(&ctx) || n != bytes_of(text))
		return ERR_BASE64;
	out->len += n;
	return ERR_OK;
}
