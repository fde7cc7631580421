#include <string.h>

#include "wechat/around.h"
#include "wechat/xml_lexer.h"
#include "wechat/xml_scan.h"

#define OPEN	"<Encrypt>"
#define CLOSE	"</Encrypt>"
#define END	"</xml>"

/* A child of the root element. */
struct child {
	struct slice	 name;
	struct slice	 tag;		/* what is between < and > of its first tag */
	struct slice	 inside;	/* what is between its tags */
};

enum step { STEP_CHILD, STEP_END, STEP_FOREIGN };

static bool
is_same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool
begins_with(struct slice s, const char *text)
{
	const size_t	 len = strlen(text);

	return s.len >= len && memcmp(s.p, text, len) == 0;
}

static struct slice
behind(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.len - n };
}

/* The text without blanks at its end. */
static struct slice
cut_blanks(struct slice s)
{
	while (s.len != 0 && xml_lexer_is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The text behind a byte order mark, if there is one. */
static struct slice
cut_mark(struct slice s)
{
	struct xml_lexer	 lx;

	xml_lexer_init(&lx, s);
	xml_lexer_skip_bom(&lx);
	return behind(s, (size_t)(lx.p - s.p));
}

/*
 * Byte by byte.
 */

/* True: rest begins with an Encrypt that has text only; *rest is what follows it. */
static bool
skip_encrypt(struct slice *rest)
{
	static const char	 cdata[] = "<![CDATA[", cdata_end[] = "]]>";
	struct slice		 s = *rest;
	bool			 has_cdata;

	if (!begins_with(s, OPEN))
		return false;
	s = xml_lexer_trim(behind(s, sizeof(OPEN) - 1));
	if ((has_cdata = begins_with(s, cdata)))
		s = behind(s, sizeof(cdata) - 1);
	while (s.len != 0 && *s.p != '<' && *s.p != ']' && *s.p != '&')
		s = behind(s, 1);
	if (has_cdata) {
		if (!begins_with(s, cdata_end))
			return false;
		s = xml_lexer_trim(behind(s, sizeof(cdata_end) - 1));
	}
	if (!begins_with(s, CLOSE))
		return false;
	*rest = behind(s, sizeof(CLOSE) - 1);
	return true;
}

/* True: the body is xml with an Encrypt before its end, as WeChat writes it in compatible mode. */
static bool
is_same_text(struct slice body, struct slice xml)
{
	struct slice	 before = xml = cut_blanks(cut_mark(xml));
	size_t		 i = 0;

	body = cut_mark(body);
	if (xml.len < sizeof(END) - 1)
		return false;
	before.len -= sizeof(END) - 1;
	if (memcmp(before.p + before.len, END, sizeof(END) - 1) != 0)
		return false;
	before = cut_blanks(before);
	while (i < before.len && i < body.len && body.p[i] == before.p[i])
		i++;
	if (i != before.len)
		return false;
	body = xml_lexer_trim(behind(body, i));
	return skip_encrypt(&body) && slice_is(xml_lexer_trim(body), END);
}

/*
 * Element by element.
 */

/* Moves behind the root's first tag.  False: something foreign stands before or in it. */
static bool
enter_root(struct xml_lexer *lx, struct slice text)
{
	xml_lexer_init(lx, cut_mark(text));
	for (;;)
		switch (xml_lexer_next(lx)) {
		case XML_LEXER_TEXT:
			if (xml_lexer_trim(lx->inside).len != 0)
				return false;
			break;
		case XML_LEXER_START:
			return slice_is(xml_lexer_trim(lx->inside), "xml");
		case XML_LEXER_EMPTY:
		case XML_LEXER_END:
		case XML_LEXER_CDATA:
		case XML_LEXER_COMMENT:
		case XML_LEXER_INSTRUCTION:
		case XML_LEXER_DOCTYPE:
		case XML_LEXER_DONE:
		case XML_LEXER_ERROR:
			return false;
		}
}

/* Moves behind the end of an element that is open; its inside becomes known. */
static bool
skip_element(struct xml_lexer *lx, struct child *c)
{
	enum xml_lexer_token	 token;
	size_t			 depth = 1;

	c->inside.p = lx->p;
	while (depth != 0) {
		if ((token = xml_lexer_next(lx)) >= XML_LEXER_DOCTYPE)
			return false;
		depth += token == XML_LEXER_START;
		depth -= token == XML_LEXER_END;
	}
	c->inside.len = (size_t)(lx->from - c->inside.p);
	return is_same(lx->name, c->name);
}

/* The next child of the root.  STEP_END: nothing but blanks follows the root. */
static enum step
next_child(struct xml_lexer *lx, struct child *c)
{
	enum xml_lexer_token	 token;

	do
		token = xml_lexer_next(lx);
	while (token == XML_LEXER_TEXT && xml_lexer_trim(lx->inside).len == 0);
	c->name = lx->name;
	c->tag = xml_lexer_trim(lx->inside);
	c->inside = (struct slice){ lx->p, 0 };
	if (token == XML_LEXER_EMPTY)
		return STEP_CHILD;
	if (token == XML_LEXER_START)
		return skip_element(lx, c) ? STEP_CHILD : STEP_FOREIGN;
	return token == XML_LEXER_END && slice_is(lx->name, "xml") &&
	    xml_lexer_trim((struct slice){ lx->p, (size_t)(lx->end - lx->p) }).len == 0 ?
	    STEP_END : STEP_FOREIGN;
}

/* True: the element has text and CDATA sections only. */
static bool
is_text(struct slice inside)
{
	struct xml_lexer	 lx;
	enum xml_lexer_token	 token;

	xml_lexer_init(&lx, inside);
	while ((token = xml_lexer_next(&lx)) != XML_LEXER_DONE)
		if (token != XML_LEXER_TEXT && token != XML_LEXER_CDATA)
			return false;
	return true;
}

/* Reads the text of an element.  False: it has more than text, or no memory is left. */
static bool
read_text(struct buf *text, struct slice inside)
{
	return is_text(inside) && xml_scan_text(text, inside) == ERR_OK;
}

static bool
is_same_child(const struct child *a, const struct child *b)
{
	struct buf	 x = { 0 }, y = { 0 };
	bool		 same;

	if (!is_same(a->name, b->name) || !is_same(a->tag, b->tag))
		return false;
	if (is_same(a->inside, b->inside))
		return true;
	same = read_text(&x, a->inside) && read_text(&y, b->inside) &&
	    is_same(buf_slice(&x), buf_slice(&y));
	buf_free(&x);
	buf_free(&y);
	return same;
}

static bool
is_encrypt(const struct child *c)
{
	return slice_is(c->name, "Encrypt");
}

/* True: it has this name, no attribute, and text only. */
static bool
is_plain(const struct child *c, const char *name)
{
	return slice_is(c->tag, name) && is_text(c->inside);
}

/* The next child of a body that is not its Encrypt; a second one is foreign. */
static enum step
next_beside(struct xml_lexer *lx, struct child *c, bool *encrypt)
{
	enum step	 step;

	while ((step = next_child(lx, c)) == STEP_CHILD && is_encrypt(c)) {
		if (*encrypt || !is_plain(c, "Encrypt"))
			return STEP_FOREIGN;
		*encrypt = true;
	}
	return step;
}

/* True: the children of the body are those of xml, in the same order, and one Encrypt. */
static bool
has_same_children(struct slice body, struct slice xml)
{
	struct xml_lexer	 outer, inner;
	struct child		 a, b;
	enum step		 step;
	bool			 encrypt = false;

	if (!enter_root(&outer, body) || !enter_root(&inner, xml))
		return false;
	while ((step = next_beside(&outer, &a, &encrypt)) == STEP_CHILD)
		if (next_child(&inner, &b) != STEP_CHILD || !is_same_child(&a, &b))
			return false;
	return step == STEP_END && encrypt && next_child(&inner, &b) == STEP_END;
}

/* Finds the first ToUserName of the message.  False: it has no such element. */
static bool
find_receiver(struct child *c, struct slice xml)
{
	struct xml_lexer	 lx;

	if (!enter_root(&lx, xml))
		return false;
	while (next_child(&lx, c) == STEP_CHILD)
		if (slice_is(c->name, "ToUserName"))
			return true;
	return false;
}

/* True: beside one Encrypt the body has only the ToUserName of xml, if that has one. */
static bool
has_same_receiver(struct slice body, struct slice xml)
{
	struct xml_lexer	 lx;
	struct child		 a, b;
	const bool		 given = find_receiver(&b, xml);
	bool			 encrypt = false, found = false;
	enum step		 step;

	if (!enter_root(&lx, body))
		return false;
	while ((step = next_beside(&lx, &a, &encrypt)) == STEP_CHILD) {
		if (found || (given ? !is_same_child(&a, &b) : !is_plain(&a, "ToUserName")))
			return false;
		found = true;
	}
	return step == STEP_END && encrypt && found >= given;
}

bool
around_agrees(enum account_mode mode, struct slice body, struct slice xml)
{
	if (mode == SAFE && has_same_receiver(body, xml))
		return true;
	return is_same_text(body, xml) || has_same_children(body, xml);
}

/*
 * Writing.
 */

static enum error
put_encrypt(struct buf *out, struct slice body)
{
	enum error	 er;

	if ((er = buf_puts(out, OPEN "<![CDATA[")) != ERR_OK ||
	    (er = xml_scan_child(out, body, "Encrypt")) != ERR_OK)
		return er;
	return buf_puts(out, "]]>" CLOSE);
}

/* The body of compatible mode.  before: xml without its end. */
static enum error
write_compatible(struct buf *out, struct slice before, struct slice body)
{
	enum error	 er;

	if ((er = buf_put(out, before.p, before.len)) != ERR_OK ||
	    (er = put_encrypt(out, body)) != ERR_OK)
		return er;
	return buf_puts(out, END);
}

static enum error
write_safe(struct buf *out, struct slice body, struct slice xml)
{
	struct child	 to;
	enum error	 er = buf_puts(out, "<xml>\n");

	if (er == ERR_OK && find_receiver(&to, xml) && slice_is(to.tag, "ToUserName"))
		er = buf_printf(out, "<ToUserName>%.*s</ToUserName>\n", (int)to.inside.len,
		    to.inside.p);
	if (er != ERR_OK || (er = put_encrypt(out, body)) != ERR_OK)
		return er;
	return buf_puts(out, "\n" END);
}

enum error
around_write(struct buf *out, enum account_mode mode, struct slice body, struct slice xml)
{
	struct slice	 before = cut_blanks(xml);

	buf_reset(out);
	if (mode == COMPATIBLE && before.len >= sizeof(END) - 1) {
		before.len -= sizeof(END) - 1;
		if (memcmp(before.p + before.len, END, sizeof(END) - 1) == 0)
			return write_compatible(out, before, body);
	}
	return write_safe(out, body, xml);
}
