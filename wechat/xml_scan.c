#include <stdint.h>
#include <string.h>

#include "wechat/xml_scan.h"

enum { DEPTH_MAX = 32 };	/* WeChat's bodies are four levels deep */

enum access_token {
	TEXT,	/* characters between markup */
	CDATA,	/* the inside of a CDATA section */
	OPEN,	/* start tag */
	CLOSE,	/* end tag */
	EMPTY,	/* start tag that is its own end */
	MISC,	/* comment, processing instruction */
	END,	/* nothing left */
	BAD	/* not well-formed, or a document type */
};

/* A token's text: of a tag the name. */
struct scan {
	const char	*p, *end;
	struct slice	 text;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
blank(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (!is_space(s.p[i]))
			return false;
	return true;
}

static bool
starts(const struct scan *s, const char *with)
{
	size_t	 len = strlen(with);

	return (size_t)(s->end - s->p) >= len && memcmp(s->p, with, len) == 0;
}

/* Text from `skip` bytes on up to `stop`, and moves behind that. */
static enum access_token
until(struct scan *s, size_t skip, const char *stop, enum access_token kind)
{
	const char	*q;
	size_t		 len = strlen(stop);

	s->p += skip;
	for (q = s->p; (size_t)(s->end - q) >= len; q++) {
		if ((q = memchr(q, stop[0], (size_t)(s->end - q) - len + 1)) == NULL)
			break;
		if (memcmp(q, stop, len) == 0) {
			s->text = (struct slice){ s->p, (size_t)(q - s->p) };
			s->p = q + len;
			return kind;
		}
	}
	return BAD;
}

static bool
ends_name(char c)
{
	switch (c) {
	case ' ': case '\t': case '\r': case '\n': case '/': case '>': case '<': case '=':
	case '"': case '\'':
		return true;
	default:
		return false;
	}
}

/* A tag's name; at least one character. */
static bool
tag_name(struct scan *s)
{
	s->text.p = s->p;
	while (s->p != s->end && !ends_name(*s->p))
		s->p++;
	s->text.len = (size_t)(s->p - s->text.p);
	return s->text.len != 0 && memchr(s->text.p, '\0', s->text.len) == NULL;
}

static enum access_token
end_tag(struct scan *s)
{
	s->p += 2;
	if (!tag_name(s))
		return BAD;
	while (s->p != s->end && is_space(*s->p))
		s->p++;
	if (s->p == s->end || *s->p != '>')
		return BAD;
	s->p++;
	return CLOSE;
}

/* Attributes are skipped; what is quoted may contain anything but `<`. */
static enum access_token
start_tag(struct scan *s)
{
	char	 quote = '\0';

	s->p++;
	if (!tag_name(s))
		return BAD;
	for (; s->p != s->end; s->p++) {
		if (*s->p == '<')
			return BAD;
		if (quote != '\0') {
			if (*s->p == quote)
				quote = '\0';
		} else if (*s->p == '"' || *s->p == '\'') {
			quote = *s->p;
		} else if (*s->p == '>') {
			s->p++;
			return s->p[-2] == '/' ? EMPTY : OPEN;
		}
	}
	return BAD;
}

static enum access_token
next(struct scan *s)
{
	const char	*q;

	if (s->p == s->end)
		return END;
	if (*s->p != '<') {
		if ((q = memchr(s->p, '<', (size_t)(s->end - s->p))) == NULL)
			q = s->end;
		s->text = (struct slice){ s->p, (size_t)(q - s->p) };
		s->p = q;
		return TEXT;
	}
	switch (s->end - s->p > 1 ? s->p[1] : '\0') {
	case '/':
		return end_tag(s);
	case '!':
		if (starts(s, "<![CDATA["))
			return until(s, 9, "]]>", CDATA);
		return starts(s, "<!--") ? until(s, 4, "-->", MISC) : BAD;
	case '?':
		return until(s, 2, "?>", MISC);
	default:
		return start_tag(s);
	}
}

/* What stands before the root and behind it: blanks, comments, instructions. */
static enum access_token
next_outside(struct scan *s)
{
	enum access_token	 t;

	while ((t = next(s)) == MISC || (t == TEXT && blank(s->text)))
		;
	return t;
}

/* The children that are looked for, and what they hold. */
struct wanted {
	struct slice	 name[XML_SCAN_NAMES_MAX];
	struct slice	*inside;
	size_t		 n;
};

/* The one that a tag begins, if it is the first of its name; else NULL. */
static struct slice *
wanted_by(const struct wanted *w, struct slice tag)
{
	size_t	 i;

	for (i = 0; i < w->n; i++)
		if (w->name[i].len == tag.len && memcmp(w->name[i].p, tag.p, tag.len) == 0)
			return w->inside[i].p == NULL ? &w->inside[i] : NULL;
	return NULL;
}

/* Walks the rest of the root element.  False: not well nested. */
static bool
walk_root(struct scan *s, struct slice root, const struct wanted *w)
{
	struct slice	 open[DEPTH_MAX];
	struct slice	*within = NULL;		/* what is being passed through */
	const char	*tag;
	size_t		 depth = 1;

	open[0] = root;
	while (depth != 0) {
		tag = s->p;
		switch (next(s)) {
		case OPEN:
			if (depth == DEPTH_MAX)
				return false;
			if (depth == 1 && (within = wanted_by(w, s->text)) != NULL)
				within->p = s->p;
			open[depth++] = s->text;
			break;
		case CLOSE:
			if (s->text.len != open[depth - 1].len ||
			    memcmp(s->text.p, open[depth - 1].p, s->text.len) != 0)
				return false;
			if (--depth == 1 && within != NULL) {
				within->len = (size_t)(tag - within->p);
				within = NULL;
			}
			break;
		case EMPTY:
			if (depth == 1 && (within = wanted_by(w, s->text)) != NULL)
				*within = (struct slice){ s->p, 0 };
			if (depth == 1)
				within = NULL;
			break;
		case TEXT:
		case CDATA:
		case MISC:
			break;
		case END:
		case BAD:
			return false;
		}
	}
	return true;
}

static enum error
put_utf8(struct buf *out, uint32_t cp)
{
	char	 u[4];

	if (cp < 0x80) {
		u[0] = (char)cp;
		return buf_put(out, u, 1);
	}
	if (cp < 0x800) {
		u[0] = (char)(0xC0 | cp >> 6);
		u[1] = (char)(0x80 | (cp & 0x3F));
		return buf_put(out, u, 2);
	}
	if (cp < 0x10000) {
		u[0] = (char)(0xE0 | cp >> 12);
		u[1] = (char)(0x80 | (cp >> 6 & 0x3F));
		u[2] = (char)(0x80 | (cp & 0x3F));
		return buf_put(out, u, 3);
	}
	u[0] = (char)(0xF0 | cp >> 18);
	u[1] = (char)(0x80 | (cp >> 12 & 0x3F));
	u[2] = (char)(0x80 | (cp >> 6 & 0x3F));
	u[3] = (char)(0x80 | (cp & 0x3F));
	return buf_put(out, u, 4);
}

/* `#64` or `#x40`: the digits of a character reference. */
static enum error
put_reference(struct buf *out, struct slice ref)
{
	static const char	 digits[] = "0123456789abcdefABCDEF";
	uint32_t		 base = 10, cp = 0;
	size_t			 i = 1, n = 10;		/* of the digits those allowed */
	const char		*d;

	if (ref.len > 1 && ref.p[1] == 'x') {
		base = 16;
		i = 2;
		n = sizeof(digits) - 1;
	}
	if (i == ref.len)
		return ERR_XML;
	for (; i < ref.len; i++) {
		if ((d = memchr(digits, ref.p[i], n)) == NULL)
			return ERR_XML;
		cp = cp * base + (uint32_t)(d - digits);
		if (d - digits > 15)	/* the capital letters stand behind the small */
			cp -= 6;
		if (cp > 0x10FFFF)
			return ERR_XML;
	}
	if (cp == 0 || (cp >= 0xD800 && cp <= 0xDFFF))
		return ERR_XML;
	return put_utf8(out, cp);
}

static enum error
put_entity(struct buf *out, struct slice name)
{
	static const struct {
		const char	*name;
		char		 c;
	} known[] = {
		{ "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' },
	};
	size_t	 i;

	if (name.len != 0 && *name.p == '#')
		return put_reference(out, name);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_is(name, known[i].name))
			return buf_putc(out, known[i].c);
	return ERR_XML;
}

static enum error
put_text(struct buf *out, struct slice t)
{
	const char	*p = t.p, *end = t.p + t.len, *amp, *semi;
	enum error	 er;

	for (; p != end; p = semi + 1) {
		if ((amp = memchr(p, '&', (size_t)(end - p))) == NULL)
			return buf_put(out, p, (size_t)(end - p));
		if ((semi = memchr(amp, ';', (size_t)(end - amp))) == NULL)
			return ERR_XML;
		if ((er = buf_put(out, p, (size_t)(amp - p))) != ERR_OK ||
		    (er = put_entity(out, (struct slice){ amp + 1,
		    (size_t)(semi - amp - 1) })) != ERR_OK)
			return er;
	}
	return ERR_OK;
}

static struct slice
trim(struct slice s)
{
	while (s.len != 0 && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len != 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

/*
 * Beside a CDATA section blanks are layout and CDATA counts as
 * it is; without one the text is trimmed at both ends.
 */
enum error
xml_scan_text(struct buf *out, struct slice inside)
{
	struct scan		 s = { inside.p, inside.p + inside.len, { NULL, 0 } };
	enum error		 er = ERR_OK;
	enum access_token	 t;
	bool			 cdata = false;
	size_t			 depth = 0;

	while ((t = next(&s)) != END && t != BAD)
		cdata = cdata || t == CDATA;
	if (!cdata)
		inside = trim(inside);
	s = (struct scan){ inside.p, inside.p + inside.len, { NULL, 0 } };
	while (er == ERR_OK && (t = next(&s)) != END && t != BAD) {
		depth += t == OPEN;
		depth -= t == CLOSE;
		if (depth != 0)
			continue;
		if (t == CDATA)
			er = buf_put(out, s.text.p, s.text.len);
		else if (t == TEXT && !(cdata && blank(s.text)))
			er = put_text(out, s.text);
	}
	return er;
}

enum error
xml_scan_children(struct slice *inside, const char *const *names, size_t n, struct slice body)
{
	struct scan	 s = { body.p, body.p + body.len, { NULL, 0 } };
	struct wanted	 w = { .inside = inside, .n = n };
	size_t		 i;

	for (i = 0; i < n; i++) {
		w.name[i] = slice_of(names[i]);
		inside[i] = (struct slice){ NULL, 0 };
	}
	if (body.len == 0)
		return ERR_XML;
	if (starts(&s, "\xEF\xBB\xBF"))
		s.p += 3;
	if (next_outside(&s) != OPEN || !slice_is(s.text, "xml") ||
	    !walk_root(&s, s.text, &w) || next_outside(&s) != END)
		return ERR_XML;
	return ERR_OK;
}

enum error
xml_scan_child(struct buf *out, struct slice body, const char *name)
{
	struct slice	 inside;
	enum error	 er;

	if ((er = xml_scan_children(&inside, &name, 1, body)) != ERR_OK)
		return er;
	return inside.p == NULL ? ERR_XML : xml_scan_text(out, inside);
}
