#include <stdint.h>
#include <string.h>

#include "core/utf8.h"
#include "wechat/xml_lexer.h"
#include "wechat/xml_repair.h"

enum { REFERENCE_MAX = 32 };	/* bytes of a reference's name that are looked at */

static const char	 cdata_begin[] = "<![CDATA[";

/* Faults of a text. */
enum fault { CONTROL, NOT_UTF8, FORBIDDEN, REFERENCE, AMPERSAND, CDATA_END, FAULTS };

static const char *const fault_names[FAULTS] = {
	[CONTROL]	= "repaired text: control character",
	[NOT_UTF8]	= "repaired text: not UTF-8",
	[FORBIDDEN]	= "repaired text: character that XML forbids",
	[REFERENCE]	= "repaired text: reference to a character that XML forbids",
	[AMPERSAND]	= "repaired text: & that begins no reference",
	[CDATA_END]	= "repaired text: ]]> within the text",
};

/* Where characters stand, which decides what they mean. */
enum place {
	LITERAL,	/* & and < are text there: CDATA section, comment */
	MARKUP,		/* & begins a reference: text, value of an attribute */
	TYPED		/* LITERAL that is written as MARKUP */
};

struct repair {
	struct xml_lexer	 lx;
	struct buf		*out;
	const char		*what;
	struct slice		 element;	/* that began last; absent: it has ended */
	const char		*checked;	/* up to here CDATA sections end where they say */
	bool			 lost;		/* the end of an element was sought in vain */
};

static void
note_fault(struct repair *r, enum fault fault)
{
	if (*r->what == '\0')
		r->what = fault_names[fault];
}

static enum error
replace_char(struct repair *r, enum fault fault)
{
	note_fault(r, fault);
	return buf_puts(r->out, "\xEF\xBF\xBD");
}

/* Copies one character, or replaces it. */
static enum error
copy_char(struct repair *r, const char **p, const char *end)
{
	const char	*from = *p;
	uint32_t	 cp;
	bool		 valid;

	cp = utf8_next(p, end, &valid);
	if (valid && xml_lexer_is_char(cp))
		return buf_put(r->out, from, (size_t)(*p - from));
	return replace_char(r, !valid ? NOT_UTF8 : cp < 0x20 ? CONTROL : FORBIDDEN);
}

/* True: the name of a reference is a number, as large as it may be. */
static bool
is_number(struct slice name)
{
	const bool	 is_hex = name.len > 1 && name.p[1] == 'x';
	const char	*digits = is_hex ? "0123456789abcdefABCDEF" : "0123456789";
	size_t		 i = is_hex ? 2 : 1;

	if (name.len <= i || *name.p != '#')
		return false;
	for (; i < name.len; i++)
		if (name.p[i] == '\0' || strchr(digits, name.p[i]) == NULL)
			return false;
	return true;
}

/* Copies the reference at *p.  A number is printed again, since it may have many zeros. */
static enum error
copy_reference(struct repair *r, const char **p, const char *end)
{
	struct slice	 name = { *p + 1, 0 };
	size_t		 left = (size_t)(end - name.p);
	uint32_t	 cp;

	while (name.len < left && name.len < REFERENCE_MAX && name.p[name.len] != ';')
		name.len++;
	cp = name.len < left && name.p[name.len] == ';' ? xml_lexer_reference(name) : 0;
	if (cp == 0 && !(name.len < left && name.p[name.len] == ';' && is_number(name))) {
		note_fault(r, AMPERSAND);
		(*p)++;
		return buf_puts(r->out, "&amp;");
	}
	*p = name.p + name.len + 1;
	if (!xml_lexer_is_char(cp))
		return replace_char(r, REFERENCE);
	return is_number(name) ? buf_printf(r->out, "&#x%X;", (unsigned)cp) :
	    buf_put(r->out, name.p - 1, name.len + 2);
}

/* Copies the character at *p, which can be a special one.  from: where this text began. */
static enum error
copy_special(struct repair *r, const char **p, const char *from, const char *end,
    enum place place)
{
	if (place == MARKUP && **p == '&')
		return copy_reference(r, p, end);
	if (place == MARKUP && **p == '>' && *p - from >= 2 && memcmp(*p - 2, "]]", 2) == 0) {
		note_fault(r, CDATA_END);
		(*p)++;
		return buf_puts(r->out, "&gt;");
	}
	if (place == TYPED && (**p == '&' || **p == '<' || **p == '>'))
		return buf_puts(r->out, *(*p)++ == '&' ? "&amp;" : (*p)[-1] == '<' ? "&lt;" :
		    "&gt;");
	return copy_char(r, p, end);
}

static bool
is_special(char c)
{
	return (unsigned char)c >= 0x80 || c == '&' || c == '<' || c == '>' ||
	    (c < ' ' && !xml_lexer_is_blank(c));
}

static enum error
copy_text(struct repair *r, struct slice text, enum place place)
{
	const char	*p = text.p, *end = text.p + text.len, *run;
	enum error	 er = ERR_OK;

	while (p != end && er == ERR_OK) {
		for (run = p; p != end && !is_special(*p); p++)
			;
		er = buf_put(r->out, run, (size_t)(p - run));
		if (p != end && er == ERR_OK)
			er = copy_special(r, &p, text.p, end, place);
	}
	return er;
}

/*
 * Where the text of a CDATA section ends.  If a user has typed `]]>`, the section seems to end
 * there, and then `]]>` stands where it must not.
 */

static bool
is_same_name(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* True: the lexer has read a tag up to the `>` of `]]>`, as in `<b]]>`. */
static bool
ends_in_brackets(struct slice inside)
{
	return inside.len >= 2 && memcmp(inside.p + inside.len - 2, "]]", 2) == 0;
}

/* Reads the text that follows the end of an element.  It must not have a `]]>`. */
static const char *
find_behind_element(struct xml_lexer *lx)
{
	return xml_lexer_next(lx) == XML_LEXER_TEXT ? xml_lexer_cdata_end(lx->inside) : NULL;
}

/*
 * Reads on from behind a CDATA section up to the end of its element.  Returns the `]]>` that stands
 * where it must not; NULL: there is no such thing, and lx is behind what was read.
 */
static const char *
find_stray_end(struct xml_lexer *lx, struct slice element)
{
	const char	*stray;
	size_t		 depth = 0;

	for (;;) {
		switch (xml_lexer_next(lx)) {
		case XML_LEXER_TEXT:
			if ((stray = xml_lexer_cdata_end(lx->inside)) != NULL)
				return stray;
			break;
		case XML_LEXER_START:
		case XML_LEXER_END:
			if (ends_in_brackets(lx->inside))
				return lx->p - 3;
			if (lx->from[1] != '/')
				depth++;
			else if (depth != 0)
				depth--;
			else if (is_same_name(lx->name, element))
				return find_behind_element(lx);
			break;
		case XML_LEXER_EMPTY:
		case XML_LEXER_CDATA:
		case XML_LEXER_COMMENT:
		case XML_LEXER_INSTRUCTION:
			break;
		case XML_LEXER_DOCTYPE:
		case XML_LEXER_ERROR:
			return xml_lexer_cdata_end(lx->inside);
		case XML_LEXER_DONE:
			return NULL;
		}
	}
}

/* Skips blanks from p on. */
static const char *
skip_blanks(const char *p, const char *end)
{
	while (p != end && xml_lexer_is_blank(*p))
		p++;
	return p;
}

/*
 * The real end tag of the element, from p on: the first one that has a tag behind it.  NULL: there
 * is no such end.
 */
static const char *
find_end_tag(const char *p, const char *end, struct slice element)
{
	const char	*q;

	for (; (p = memchr(p, '<', (size_t)(end - p))) != NULL; p++) {
		if ((size_t)(end - p) < element.len + 3 || p[1] != '/' ||
		    memcmp(p + 2, element.p, element.len) != 0)
			continue;
		q = skip_blanks(p + 2 + element.len, end);
		if (q == end || *q != '>')
			continue;
		q = skip_blanks(q + 1, end);
		if (q == end || *q == '<')
			return p;
	}
	return NULL;
}

/* The last `]]>` of a text that has one. */
static const char *
last_cdata_end(const char *p, const char *end)
{
	const char	*last = NULL;

	while ((p = xml_lexer_cdata_end((struct slice){ p, (size_t)(end - p) })) != NULL)
		last = p++;
	return last;
}

/* The `]]>` at which the text of the CDATA section that was just read ends really. */
static const char *
find_typed_end(struct repair *r)
{
	const char		*own = r->lx.p - 3, *stray, *tag, *p;
	struct xml_lexer	 lx = r->lx;

	if (r->lost || r->element.len == 0 || (r->checked != NULL && lx.p <= r->checked))
		return own;
	if ((stray = find_stray_end(&lx, r->element)) == NULL) {
		r->checked = lx.p;
		return own;
	}
	if ((tag = find_end_tag(stray, lx.end, r->element)) == NULL) {
		r->lost = true;
		return own;
	}
	for (p = tag; xml_lexer_is_blank(p[-1]); p--)
		;
	if (p - 3 >= stray && memcmp(p - 3, "]]>", 3) == 0)
		return p - 3;
	return *lx.from == '<' ? own : last_cdata_end(stray, lx.p);
}

/*
 * Copies a CDATA section.  What is behind a typed `]]>` becomes text with references, so that there
 * are two nodes and not one for each `]]>`.
 */
static enum error
copy_cdata(struct repair *r)
{
	const char	*end = find_typed_end(r), *first = r->lx.p - 3;
	enum error	 er;

	if ((er = buf_puts(r->out, cdata_begin)) != ERR_OK ||
	    (er = copy_text(r, r->lx.inside, LITERAL)) != ERR_OK ||
	    (er = buf_puts(r->out, "]]>")) != ERR_OK)
		return er;
	if (end == first)
		return ERR_OK;
	note_fault(r, CDATA_END);
	r->lx.p = end + 3;
	return copy_text(r, (struct slice){ first, (size_t)(end - first) }, TYPED);
}

/* Copies a tag: its name as it is. */
static enum error
copy_tag(struct repair *r)
{
	const char	*rest = r->lx.name.p + r->lx.name.len;
	enum error	 er;

	if ((er = buf_put(r->out, r->lx.from, (size_t)(rest - r->lx.from))) != ERR_OK)
		return er;
	return copy_text(r, (struct slice){ rest, (size_t)(r->lx.p - rest) }, MARKUP);
}

static struct slice
whole_token(const struct xml_lexer *lx)
{
	return (struct slice){ lx->from, (size_t)(lx->p - lx->from) };
}

static enum error
copy_token(struct repair *r, enum xml_lexer_token token)
{
	switch (token) {
	case XML_LEXER_START:
		r->element = r->lx.name;
		return copy_tag(r);
	case XML_LEXER_EMPTY:
		r->element = (struct slice){ NULL, 0 };
		return copy_tag(r);
	case XML_LEXER_END:
		r->element = (struct slice){ NULL, 0 };
		return copy_tag(r);
	case XML_LEXER_TEXT:
		return copy_text(r, r->lx.inside, MARKUP);
	case XML_LEXER_CDATA:
		return copy_cdata(r);
	case XML_LEXER_COMMENT:
	case XML_LEXER_INSTRUCTION:
		return copy_text(r, whole_token(&r->lx), LITERAL);
	case XML_LEXER_DOCTYPE:
	case XML_LEXER_ERROR:	/* the rest of the text, which is refused */
		return buf_put(r->out, r->lx.from, (size_t)(r->lx.end - r->lx.from));
	case XML_LEXER_DONE:
		break;
	}
	return ERR_OK;
}

enum error
xml_repair(struct buf *out, const char **what, struct slice xml)
{
	struct repair		 r = { .out = out, .what = "" };
	enum xml_lexer_token	 token = XML_LEXER_START;
	enum error		 er = ERR_OK;

	buf_reset(out);
	if (xml.len != 0) {
		xml_lexer_init(&r.lx, xml);
		xml_lexer_skip_bom(&r.lx);
		er = buf_put(out, xml.p, (size_t)(r.lx.p - xml.p));
		while (er == ERR_OK && token < XML_LEXER_DOCTYPE) {
			token = xml_lexer_next(&r.lx);
			er = copy_token(&r, token);
		}
	}
	*what = r.what;
	return er;
}

/*
 * XML 1.0, 2.2 allows only three control characters: tab, LF, CR.  The loop over a block has no
 * branch, so that the compiler can use vector instructions.  *high: a byte is not ASCII.
 */
static bool
has_forbidden_byte(struct slice xml, bool *high)
{
	enum { BLOCK = 32 };
	const unsigned char	*p = (const unsigned char *)xml.p, *end = p + xml.len;
	unsigned char		 bad = 0, all = 0;
	int			 i;

	for (; end - p >= BLOCK && bad == 0; p += BLOCK)
		for (i = 0; i < BLOCK; i++) {
			bad = (unsigned char)(bad | ((p[i] < 0x20) & (p[i] != '\n') &
			    (p[i] != '\r') & (p[i] != '\t')));
			all |= p[i];
		}
	for (; p != end && bad == 0; p++) {
		bad = *p < 0x20 && *p != '\n' && *p != '\r' && *p != '\t';
		all |= *p;
	}
	*high = all >= 0x80;
	return bad != 0;
}

/* Skips ASCII, eight bytes at a time. */
static const char *
skip_ascii(const char *p, const char *end)
{
	uint64_t	 word;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, 8);
		if ((word & 0x8080808080808080) != 0)
			break;
	}
	while (p != end && (unsigned char)*p < 0x80)
		p++;
	return p;
}

bool
xml_repair_is_clean(struct slice xml)
{
	const char	*p = xml.p, *end = xml.p + xml.len;
	bool		 high, valid;

	if (has_forbidden_byte(xml, &high))
		return false;
	while (high && p != end) {
		if ((unsigned char)*p < 0x80)
			p = skip_ascii(p, end);
		else if (!xml_lexer_is_char(utf8_next(&p, end, &valid)) || !valid)
			return false;
	}
	return true;
}
