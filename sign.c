#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/number.h"
#include "core/utf8.h"
#include "sign.h"
#include "wechat/push.h"

enum { PART = 4096 };	/* bytes of a text that go to the digest at once */

struct signer {
	struct digest	*md5;
	struct buf	 part;		/* of an object that is only signed; see sign_fields() */
};

/* Where a canonical object goes. */
struct target {
	struct buf	*out;
	struct digest	*into;		/* gets what is in out, in parts; NULL: it stays in out */
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
	buf_free(&s->part);
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

/*
 * Skips bytes that are copied as they are.  The loop over a block has no branch, so that the
 * compiler can use vector instructions.
 */
static const char *
skip_plain(const char *from, const char *end)
{
	enum { BLOCK = 32 };
	const unsigned char	*p = (const unsigned char *)from;
	unsigned char		 other = 0;
	int			 i;

	for (; (const unsigned char *)end - p >= BLOCK; p += BLOCK) {
		for (i = 0; i < BLOCK; i++)
			other |= (p[i] < 0x20) | (p[i] == '"') | (p[i] == '\\') | (p[i] >= 0x7F);
		if (other != 0)
			break;
	}
	while (p != (const unsigned char *)end && plain[*p])
		p++;
	return (const char *)p;
}

/* Appends the characters of a canonical JSON string. */
static enum error
append_characters(struct buf *out, struct slice text)
{
	const char	*p = text.p, *run = p, *end = p + text.len, *at;
	enum error	 er;
	uint32_t	 cp;
	bool		 valid;

	while ((p = skip_plain(p, end)) != end) {
		at = p;
		cp = utf8_next(&p, end, &valid);
		if (valid && !is_escaped(cp))
			continue;
		if ((er = buf_put(out, run, (size_t)(at - run))) != ERR_OK ||
		    (er = valid ? append_escape(out, cp) : buf_puts(out, "\xEF\xBF\xBD")) != ERR_OK)
			return er;
		run = p;
	}
	return buf_put(out, run, (size_t)(end - run));
}

enum error
sign_string(struct buf *out, struct slice text)
{
	enum error	 er;

	if ((er = buf_reserve(out, text.len + 2)) != ERR_OK ||
	    (er = buf_putc(out, '"')) != ERR_OK ||
	    (er = append_characters(out, text)) != ERR_OK)
		return er;
	return buf_putc(out, '"');
}

/* Gives what is in out to the digest, if it goes there. */
static void
pass_on(struct target *to)
{
	if (to->into == NULL)
		return;
	digest_add(to->into, buf_slice(to->out));
	to->out->len = 0;
}

/* Appends a string, part by part if it goes to a digest.  Then it must be UTF-8. */
static enum error
append_string(struct target *to, struct slice text)
{
	enum error	 er;
	size_t		 len;

	if (to->into == NULL)
		return sign_string(to->out, text);
	for (er = buf_putc(to->out, '"'); er == ERR_OK && text.len != 0;
	    text = (struct slice){ text.p + len, text.len - len }) {
		len = utf8_cut(text, PART);
		if ((er = append_characters(to->out, (struct slice){ text.p, len })) == ERR_OK)
			pass_on(to);
	}
	return er == ERR_OK ? buf_putc(to->out, '"') : er;
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
append_value(struct target *to, const struct sign_field *f)
{
	return f->bare ? buf_put(to->out, f->value.p, f->value.len) : append_string(to, f->value);
}

/* Appends one member of an object, made of the n fields that have its name. */
static enum error
append_member(struct target *to, const struct sign_field *f, size_t n)
{
	enum error	 er;
	size_t		 i;

	if ((er = append_string(to, f->name)) != ERR_OK ||
	    (er = buf_putc(to->out, ':')) != ERR_OK)
		return er;
	if (n == 1 && !f->array)
		return append_value(to, f);
	for (i = 0; i < n; i++)
		if ((er = buf_putc(to->out, i == 0 ? '[' : ',')) != ERR_OK ||
		    (er = append_value(to, &f[i])) != ERR_OK)
			return er;
	return buf_putc(to->out, ']');
}

/* Appends an object.  *sign_at: the offset in out at which a member "sign" would begin. */
static enum error
append_object(struct target *to, struct sign_field *f, size_t n, size_t *sign_at)
{
	struct buf	*out = to->out;
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
		if ((er = append_member(to, &f[i], same)) != ERR_OK)
			return er;
	}
	return buf_putc(out, '}');
}

enum error
sign_canonical(struct buf *out, struct sign_field *f, size_t n)
{
	struct target	 to = { out, NULL };
	size_t		 sign_at;

	return append_object(&to, f, n, &sign_at);
}

enum error
sign_fields(struct signer *s, char hex[SIGN_MD5_HEX + 1], struct sign_field *f, size_t n,
    struct slice secret)
{
	struct target	 to = { &s->part, s->md5 };
	size_t		 sign_at;
	enum error	 er;

	buf_reset(&s->part);
	digest_begin(s->md5);
	if ((er = append_object(&to, f, n, &sign_at)) != ERR_OK)
		return er;
	pass_on(&to);
	digest_add(s->md5, secret);
	digest_end(s->md5, hex);
	return ERR_OK;
}

void
sign_digest(struct signer *s, char hex[SIGN_MD5_HEX + 1], struct slice json, struct slice secret)
{
	const struct slice	 parts[] = { json, secret };

	digest_hex(s->md5, hex, parts, 2);
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
	/* By name, as the envelope has them: then there is little to sort.  Without echostr. */
	static const enum push_key	 keys[] = {
		PUSH_ENCRYPT_TYPE, PUSH_MSG_SIGNATURE, PUSH_NONCE, PUSH_OPENID, PUSH_SIGNATURE,
		PUSH_TIMESTAMP,
	};
	struct sign_field	 f[5 + PUSH__MAX] = { 0 };
	struct target		 to = { out, NULL };
	char			 ts[24], *const ts_end = ts + sizeof(ts), *ts_text;
	char			 hex[SIGN_MD5_HEX + 1];
	size_t			 n = 0, sign_at, k;
	enum error		 er;

	buf_reset(out);
	ts_text = number_write(ts_end, (uint64_t)ts_ms, 1);
	f[n++] = (struct sign_field){ .name = slice_of("app_id"),
	    .value = slice_of(a->service_id) };
	if (a->app_key != NULL && *a->app_key != '\0')
		f[n++] = (struct sign_field){ .name = slice_of("appkey"),
		    .value = slice_of(a->app_key) };
	f[n++] = (struct sign_field){ .name = slice_of("code"), .value = slice_of(a->appid) };
	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		if (p->v[keys[k]].p != NULL)
			f[n++] = (struct sign_field){ .name = slice_of(push_names[keys[k]]),
			    .value = p->v[keys[k]] };
	f[n++] = (struct sign_field){ .name = slice_of("ts"),
	    .value = { ts_text, (size_t)(ts_end - ts_text) } };
	f[n++] = (struct sign_field){ .name = slice_of("weChatOAData"), .value = body };
	if ((er = append_object(&to, f, n, &sign_at)) != ERR_OK)
		return er;
	sign_digest(s, hex, buf_slice(out), slice_of(a->service_secret));
	return insert_sign(out, sign_at, hex);
}
