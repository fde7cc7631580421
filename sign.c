#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/utf8.h"
#include "sign.h"
#include "wechat/push.h"

struct signer {
	struct digest	*md5;
};

struct signer *
sign_new(void)
{
	struct signer	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	if ((s->md5 = digest_new(DIGEST_MD5)) == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
sign_free(struct signer *s)
{
	if (s == NULL)
		return;
	digest_free(s->md5);
	free(s);
}

/* Appends the escape of a character: fastjson's short one if there is one, else \uXXXX. */
static enum error
append_escape(struct buf *out, uint32_t cp)
{
	static const char	 from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	static const char	 hex[] = "0123456789ABCDEF";
	char			 esc[6] = { '\\', 'u' };
	const char		*at;

	if (cp != 0 && cp < 0x80 && (at = strchr(from, (int)cp)) != NULL) {
		esc[1] = to[at - from];
		return buf_put(out, esc, 2);
	}
	esc[2] = hex[cp >> 12 & 15];
	esc[3] = hex[cp >> 8 & 15];
	esc[4] = hex[cp >> 4 & 15];
	esc[5] = hex[cp & 15];
	return buf_put(out, esc, 6);
}

/* True: fastjson escapes it.  U+2028 and U+2029 are ends of line in JavaScript. */
static bool
is_escaped(uint32_t cp)
{
	return cp < 0x20 || cp == '"' || cp == '\\' || (cp >= 0x7F && cp <= 0x9F) ||
	    cp == 0x2028 || cp == 0x2029;
}

/* 1: a byte that is copied as it is: ASCII without control characters, quote, backslash, DEL. */
#define ALL16	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
#define NONE16	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
static const unsigned char plain[256] = {
	NONE16, NONE16,
	1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	ALL16, ALL16,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1,
	ALL16,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
	NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16
};

enum error
sign_string(struct buf *out, struct slice text)
{
	const char	*p = text.p, *run = p, *end = p + text.len, *at;
	enum error	 er;
	uint32_t	 cp;
	bool		 valid;

	if ((er = buf_reserve(out, text.len + 2)) != ERR_OK ||
	    (er = buf_putc(out, '"')) != ERR_OK)
		return er;
	while (p != end) {
		if (plain[(unsigned char)*p]) {
			p++;
			continue;
		}
		at = p;
		cp = utf8_next(&p, end, &valid);
		if (valid && !is_escaped(cp))
			continue;
		if ((er = buf_put(out, run, (size_t)(at - run))) != ERR_OK ||
		    (er = valid ? append_escape(out, cp) : buf_puts(out, "\xEF\xBF\xBD")) != ERR_OK)
			return er;
		run = p;
	}
	if ((er = buf_put(out, run, (size_t)(end - run))) != ERR_OK)
		return er;
	return buf_putc(out, '"');
}

/* Sorts fields by name; those of one name keep their order. */
static void
sort_fields(struct sign_field *f, size_t n)
{
	struct sign_field	 one;
	size_t			 i, j;

	for (i = 1; i < n; i++) {
		one = f[i];
		for (j = i; j > 0 && utf8_compare16(f[j - 1].name, one.name) > 0; j--)
			f[j] = f[j - 1];
		f[j] = one;
	}
}

static enum error
append_value(struct buf *out, const struct sign_field *f)
{
	return f->bare ? buf_put(out, f->value.p, f->value.len) : sign_string(out, f->value);
}

/* Appends one member of an object, made of the n fields that have its name. */
static enum error
append_member(struct buf *out, const struct sign_field *f, size_t n)
{
	enum error	 er;
	size_t		 i;

	if ((er = sign_string(out, f->name)) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK)
		return er;
	if (n == 1 && !f->array)
		return append_value(out, f);
	for (i = 0; i < n; i++)
		if ((er = buf_putc(out, i == 0 ? '[' : ',')) != ERR_OK ||
		    (er = append_value(out, &f[i])) != ERR_OK)
			return er;
	return buf_putc(out, ']');
}

/* Appends an object.  *sign_at: the offset in out at which a member "sign" would begin. */
static enum error
append_object(struct buf *out, struct sign_field *f, size_t n, size_t *sign_at)
{
	enum error	 er;
	size_t		 i, same;

	sort_fields(f, n);
	*sign_at = 0;
	if ((er = buf_putc(out, '{')) != ERR_OK)
		return er;
	for (i = 0; i < n; i += same) {
		for (same = 1; i + same < n &&
		    utf8_compare16(f[i].name, f[i + same].name) == 0; same++)
			;
		if (i != 0 && (er = buf_putc(out, ',')) != ERR_OK)
			return er;
		if (*sign_at == 0 && utf8_compare16(f[i].name, slice_of("sign")) > 0)
			*sign_at = out->len;
		if ((er = append_member(out, &f[i], same)) != ERR_OK)
			return er;
	}
	return buf_putc(out, '}');
}

enum error
sign_canonical(struct buf *out, struct sign_field *f, size_t n)
{
	size_t	 sign_at;

	return append_object(out, f, n, &sign_at);
}

enum error
sign_digest(struct signer *s, char hex[SIGN_MD5_HEX + 1], struct slice json, struct slice secret)
{
	const struct slice	 parts[] = { json, secret };

	return digest_hex(s->md5, hex, parts, 2);
}

/* Inserts the member "sign" at its place in an object. */
static enum error
insert_sign(struct buf *out, size_t at, const char hex[SIGN_MD5_HEX + 1])
{
	static const char	 head[] = "\"sign\":\"", tail[] = "\",";
	enum { HEAD = sizeof(head) - 1, TAIL = sizeof(tail) - 1,
	    ALL = HEAD + SIGN_MD5_HEX + TAIL };
	enum error		 er;
	char			*p;

	if ((er = buf_reserve(out, ALL)) != ERR_OK)
		return er;
	p = out->p + at;
	memmove(p + ALL, p, out->len - at);
	memcpy(p, head, HEAD);
	memcpy(p + HEAD, hex, SIGN_MD5_HEX);
	memcpy(p + HEAD + SIGN_MD5_HEX, tail, TAIL);
	out->len += ALL;
	return ERR_OK;
}

enum error
sign_envelope(struct signer *s, struct buf *out, const struct account *a, const struct push *p,
    struct slice body, int64_t ts_ms)
{
	struct sign_field	 f[5 + PUSH__MAX] = { 0 };
	char			 ts[24];
	char			 hex[SIGN_MD5_HEX + 1];
	size_t			 n = 0, sign_at, k;
	enum error		 er;

	buf_reset(out);
	(void)snprintf(ts, sizeof(ts), "%lld", (long long)ts_ms);
	f[n++] = (struct sign_field){ .name = slice_of("app_id"),
	    .value = slice_of(a->service_id) };
	if (a->app_key != NULL && *a->app_key != '\0')
		f[n++] = (struct sign_field){ .name = slice_of("appkey"),
		    .value = slice_of(a->app_key) };
	f[n++] = (struct sign_field){ .name = slice_of("code"), .value = slice_of(a->appid) };
	f[n++] = (struct sign_field){ .name = slice_of("ts"), .value = slice_of(ts) };
	f[n++] = (struct sign_field){ .name = slice_of("weChatOAData"), .value = body };
	for (k = 0; k < PUSH__MAX; k++)
		if (k != PUSH_ECHOSTR && p->v[k].p != NULL)
			f[n++] = (struct sign_field){ .name = slice_of(push_names[k]),
			    .value = p->v[k] };
	if ((er = append_object(out, f, n, &sign_at)) != ERR_OK ||
	    (er = sign_digest(s, hex, buf_slice(out), slice_of(a->service_secret))) != ERR_OK)
		return er;
	return insert_sign(out, sign_at, hex);
}
