#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/utf8.h"
#include "wechat/xml_lexer.h"
#include "wechat/xml_sanitize.h"

/*
 * `out` always has room for the input that is left and a NUL.  Only U+FEFF becomes longer when it
 * is copied, and copy_char() makes room for it.
 */
struct sanitizer {
	struct xml_lexer	 lx;
	const char		*p, *end;	/* what is left of the inside of the token */
	bool			 is_whole;	/* false: the token is malformed or has no end */
	const char		*start;		/* of the text, behind a byte order mark */
	struct buf		*out;
	enum error		 er;		/* why the text is refused ... */
	const char		*why;		/* ... and the same in words */
	size_t			 nodes;
	size_t			 run_start;	/* out->len at the start of this run of text */
	bool			 run_is_blank;	/* this run of text has only blanks so far */
	size_t			 depth;
	struct slice		 open[XML_DEPTH_MAX];
};

static const char	 BOM[] = "\xEF\xBB\xBF";

static bool
refuse_xml(struct sanitizer *g, const char *why)
{
	g->er = ERR_XML;
	g->why = why;
	return false;
}

static bool
is_name_start(char c)
{
	return (unsigned)((c | 0x20) - 'a') < 26 || (unsigned char)c >= 0x80 || c == '_' ||
	    c == ':';
}

static bool
is_name_byte(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool
is_char(uint32_t cp)
{
	return cp >= 0x20 ? cp <= 0x10FFFF && !(cp >= 0xD800 && cp <= 0xDFFF) &&
	    cp != 0xFFFE && cp != 0xFFFF : cp == '\n' || cp == '\t' || cp == '\r';
}

static bool
at(const struct sanitizer *g, const char *s)
{
	size_t	 len = strlen(s);

	return (size_t)(g->end - g->p) >= len && memcmp(g->p, s, len) == 0;
}

static void
write_out(struct sanitizer *g, const char *p, size_t len)
{
	memcpy(g->out->p + g->out->len, p, len);
	g->out->len += len;
}

static void
skip_blanks(struct sanitizer *g)
{
	while (g->p != g->end && xml_lexer_is_blank(*g->p))
		g->p++;
}

/* Moves behind one character.  XML must allow it. */
static bool
pass_char(struct sanitizer *g)
{
	uint32_t	 cp;
	bool		 valid;

	cp = utf8_next(&g->p, g->end, &valid);
	if (!valid)
		return refuse_xml(g, "not UTF-8");
	if (!is_char(cp))
		return refuse_xml(g, "control character");
	return true;
}

/* Counts a node that mxml will have to allocate. */
static bool
count_node(struct sanitizer *g)
{
	return ++g->nodes <= XML_NODES_MAX ? true : refuse_xml(g, "too many nodes");
}

/* Ends a run of text before markup: it is a node, or it is blank and is removed. */
static bool
end_run(struct sanitizer *g)
{
	if (g->run_is_blank) {
		g->out->len = g->run_start;
		return true;
	}
	return count_node(g);
}

static void
begin_run(struct sanitizer *g)
{
	g->run_start = g->out->len;
	g->run_is_blank = true;
}

/* Reads a name.  Beyond ASCII it may have any character but U+FEFF, which mxml drops. */
static bool
take_name(struct sanitizer *g, struct slice *name)
{
	name->p = g->p;
	if (g->p == g->end || !is_name_start(*g->p))
		return refuse_xml(g, "malformed tag");
	while (g->p != g->end && is_name_byte(*g->p))
		if ((unsigned char)*g->p < 0x80)
			g->p++;
		else if (at(g, BOM))
			return refuse_xml(g, "malformed tag");
		else if (!pass_char(g))
			return false;
	name->len = (size_t)(g->p - name->p);
	return true;
}

/*
 * Moves behind a reference; *cp is the character that it stands for.  The name may have up to eight
 * bytes (`#1114111`); a longer number would have leading zeros, which nobody writes.
 */
static bool
pass_reference(struct sanitizer *g, uint32_t *cp)
{
	struct slice	 name = { g->p + 1, 0 };

	while (name.p + name.len != g->lx.end && name.p[name.len] != ';')
		if (++name.len > 8)
			return refuse_xml(g, "malformed reference");
	if (name.p + name.len == g->lx.end)
		return refuse_xml(g, "malformed reference");
	g->p = name.p + name.len + 1;
	*cp = xml_lexer_reference(name);
	if (is_char(*cp))
		return true;
	return refuse_xml(g, *name.p == '#' ? "reference to a character that XML forbids" :
	    "unknown entity");
}

/* Moves behind a name, `=` and a quoted value. */
static bool
pass_attribute(struct sanitizer *g, struct slice *name)
{
	uint32_t	 cp;
	char		 quote;

	if (!take_name(g, name))
		return false;
	skip_blanks(g);
	if (!at(g, "="))
		return refuse_xml(g, "malformed attribute");
	g->p++;
	skip_blanks(g);
	if (!at(g, "\"") && !at(g, "'"))
		return refuse_xml(g, "malformed attribute");
	quote = *g->p++;
	while (g->p != g->end && *g->p != quote) {
		if (*g->p == '<')
			return refuse_xml(g, "malformed attribute");
		if (!(*g->p == '&' ? pass_reference(g, &cp) : pass_char(g)))
			return false;
	}
	if (g->p == g->end)
		return refuse_xml(g, "cut short");
	g->p++;
	return true;
}

static bool
pass_attributes(struct sanitizer *g)
{
	struct slice	 names[XML_ATTRS_MAX];
	size_t		 n = 0, i;
	bool		 apart;

	for (;;) {
		if (g->p == g->end)
			return g->is_whole ? true : refuse_xml(g, "cut short");
		if (*g->p == '/')
			return true;
		apart = xml_lexer_is_blank(*g->p);
		skip_blanks(g);
		if (g->p == g->end || *g->p == '/')
			continue;
		if (!apart)
			return refuse_xml(g, "malformed tag");
		if (n == XML_ATTRS_MAX)
			return refuse_xml(g, "too many attributes");
		if (!pass_attribute(g, &names[n]))
			return false;
		for (i = 0; i < n; i++)
			if (names[i].len == names[n].len &&
			    memcmp(names[i].p, names[n].p, names[n].len) == 0)
				return refuse_xml(g, "attribute given twice");
		n++;
	}
}

static bool
copy_start_tag(struct sanitizer *g)
{
	struct slice	 name;
	bool		 is_empty;

	if (!take_name(g, &name) ||
	    ((g->p != g->end || !g->is_whole) && !pass_attributes(g)) || !count_node(g))
		return false;
	is_empty = g->p != g->end;	/* pass_attributes() has stopped at a `/` */
	if (is_empty && (g->p + 1 != g->end || !g->is_whole))
		return refuse_xml(g, "malformed tag");
	write_out(g, g->lx.from, name.len + 1);
	if (is_empty) {
		write_out(g, "/>", 2);
		return true;
	}
	write_out(g, ">", 1);
	if (g->depth == XML_DEPTH_MAX)
		return refuse_xml(g, "nested too deeply");
	g->open[g->depth++] = name;
	return true;
}

static bool
copy_end_tag(struct sanitizer *g)
{
	const struct slice	 name = g->lx.name, open = g->open[--g->depth];

	if (!g->is_whole || name.len != open.len || memcmp(name.p, open.p, name.len) != 0)
		return refuse_xml(g, "end tag does not match");
	write_out(g, g->lx.from, name.len + 2);
	write_out(g, ">", 1);
	return true;
}

/* Copies one character of text or CDATA.  CR LF and CR become LF. */
static bool
copy_char(struct sanitizer *g, bool cdata)
{
	static const char	 ref[] = "&#xFEFF;", split[] = "]]>&#xFEFF;<![CDATA[";
	const char		*from = g->p;

	if (xml_lexer_is_blank(*from)) {
		g->p += *from == '\r' && at(g, "\r\n") ? 2 : 1;
		write_out(g, *from == '\r' ? "\n" : from, 1);
		return true;
	}
	if (!pass_char(g))
		return false;
	if (g->p - from != 3 || memcmp(from, BOM, 3) != 0) {
		write_out(g, from, (size_t)(g->p - from));
		return true;
	}
	/* mxml would drop U+FEFF, but not if it is a reference. */
	if (cdata && !(count_node(g) && count_node(g)))
		return false;
	g->er = buf_reserve(g->out, (size_t)(g->lx.end - g->p) + sizeof(split));
	if (g->er != ERR_OK)
		return false;
	if (cdata)
		write_out(g, split, sizeof(split) - 1);
	else
		write_out(g, ref, sizeof(ref) - 1);
	return true;
}

static bool
copy_reference(struct sanitizer *g)
{
	const char	*from = g->p;
	uint32_t	 cp;

	if (!pass_reference(g, &cp))
		return false;
	write_out(g, from, (size_t)(g->p - from));
	if (cp > ' ')
		g->run_is_blank = false;
	return true;
}

/* Copies ASCII characters up to the next one that needs a check. */
static void
copy_plain_text(struct sanitizer *g)
{
	const char	*from = g->p, *p = from, *end = g->end;

	while (p != end && *p >= ' ' && *p != '&' && *p != '>')
		p++;
	write_out(g, from, (size_t)(p - from));
	g->p = p;
}

static bool
copy_text(struct sanitizer *g)
{
	const char	*from = g->p;
	bool		 ok = true;

	while (ok && g->p != g->end) {
		if (*g->p == '&') {
			ok = copy_reference(g);
			continue;
		}
		if (*g->p == '>' && g->p - from >= 2 && memcmp(g->p - 2, "]]", 2) == 0)
			return refuse_xml(g, "]]> outside a CDATA section");
		if (!xml_lexer_is_blank(*g->p))
			g->run_is_blank = false;
		ok = copy_char(g, false);
		if (ok && !g->run_is_blank)
			copy_plain_text(g);
	}
	return ok;
}

static bool
copy_cdata(struct sanitizer *g)
{
	const char	*from;

	if (!count_node(g))
		return false;
	write_out(g, g->lx.from, strlen("<![CDATA["));
	while (g->p != g->end) {
		for (from = g->p; g->p != g->end && *g->p >= ' '; g->p++)
			;
		write_out(g, from, (size_t)(g->p - from));
		if (g->p != g->end && !copy_char(g, true))
			return false;
	}
	if (!g->is_whole)
		return refuse_xml(g, "cut short");
	write_out(g, "]]>", 3);
	return true;
}

/* XML forbids `--` in a comment, also where the second `-` belongs to its end. */
static bool
check_comment(struct sanitizer *g)
{
	while (g->p != g->end) {
		if (*g->p == '-' && (g->p + 1 == g->end ? g->is_whole : g->p[1] == '-'))
			return refuse_xml(g, "malformed comment");
		if (!pass_char(g))
			return false;
	}
	return g->is_whole ? true : refuse_xml(g, "cut short");
}

/* The XML declaration is an instruction, too; it must be at the very beginning. */
static bool
check_instruction(struct sanitizer *g)
{
	struct slice	 name;

	if (!take_name(g, &name))
		return false;
	if (name.len == 3 && strncasecmp(name.p, "xml", 3) == 0 &&
	    !(g->lx.from == g->start && memcmp(name.p, "xml", 3) == 0 && g->p != g->end &&
	    xml_lexer_is_blank(*g->p)))
		return refuse_xml(g, "misplaced XML declaration");
	if (g->p == g->end ? !g->is_whole : !xml_lexer_is_blank(*g->p))
		return refuse_xml(g, "malformed instruction");
	while (g->p != g->end)
		if (!pass_char(g))
			return false;
	return g->is_whole ? true : refuse_xml(g, "cut short");
}

/* Reads the next token.  If it has no end, returns the kind that it began as. */
static enum xml_lexer_token
next_token(struct sanitizer *g)
{
	const enum xml_lexer_token	 token = xml_lexer_next(&g->lx);

	g->p = g->lx.inside.p;
	g->end = g->p + g->lx.inside.len;
	g->is_whole = token != XML_LEXER_ERROR;
	return g->is_whole ? token : g->lx.began;
}

/* Skips blanks, comments and instructions beside the root element; *token is the next one. */
static bool
skip_to_root(struct sanitizer *g, enum xml_lexer_token *token)
{
	for (;;) {
		*token = next_token(g);
		switch (*token) {
		case XML_LEXER_TEXT:
			skip_blanks(g);
			if (g->p != g->end)
				return true;
			break;
		case XML_LEXER_COMMENT:
			if (!check_comment(g))
				return false;
			break;
		case XML_LEXER_INSTRUCTION:
			if (!check_instruction(g))
				return false;
			break;
		case XML_LEXER_CDATA:
		case XML_LEXER_DOCTYPE:
			return refuse_xml(g, "document type refused");
		case XML_LEXER_START:
		case XML_LEXER_EMPTY:
		case XML_LEXER_END:
		case XML_LEXER_DONE:
		case XML_LEXER_ERROR:
			return true;
		}
	}
}

/* Copies a tag or a CDATA section.  It ends the run of text before it. */
static bool
copy_markup(struct sanitizer *g, enum xml_lexer_token token)
{
	bool	 ok;

	if (!end_run(g))
		return false;
	if (token == XML_LEXER_END)
		ok = copy_end_tag(g);
	else if (token == XML_LEXER_CDATA)
		ok = copy_cdata(g);
	else if (token == XML_LEXER_DOCTYPE)
		ok = refuse_xml(g, "document type refused");
	else
		ok = copy_start_tag(g);
	begin_run(g);
	return ok;
}

/* Copies one token within the root.  Comments and instructions do not end a run of text. */
static bool
copy_content(struct sanitizer *g)
{
	enum xml_lexer_token	 token;

	if (g->lx.end - g->lx.p < 2)
		return refuse_xml(g, "cut short");
	switch (token = next_token(g)) {
	case XML_LEXER_TEXT:
		return copy_text(g);
	case XML_LEXER_COMMENT:
		return check_comment(g);
	case XML_LEXER_INSTRUCTION:
		return check_instruction(g);
	default:
		return copy_markup(g, token);
	}
}

static bool
copy_document(struct sanitizer *g)
{
	enum xml_lexer_token	 token;

	xml_lexer_skip_bom(&g->lx);
	g->start = g->lx.p;
	if (!skip_to_root(g, &token))
		return false;
	if (token == XML_LEXER_TEXT || token == XML_LEXER_DONE)
		return refuse_xml(g, "no XML");
	if (token == XML_LEXER_END)
		return refuse_xml(g, "malformed tag");
	if (!copy_start_tag(g))
		return false;
	begin_run(g);
	while (g->depth != 0)
		if (!copy_content(g))
			return false;
	if (!skip_to_root(g, &token))
		return false;
	return token == XML_LEXER_DONE ? true : refuse_xml(g, "more than one root");
}

enum error
xml_sanitize(struct buf *out, const char **why, struct slice xml)
{
	struct sanitizer	 g = { .out = out, .er = ERR_OK, .why = "" };

	buf_reset(out);
	xml_lexer_init(&g.lx, xml);
	if (xml.len == 0)
		(void)refuse_xml(&g, "empty");
	else if (xml.len > XML_SIZE_MAX)
		(void)refuse_xml(&g, "too large");
	else if ((g.er = buf_reserve(out, xml.len + 1)) == ERR_OK && copy_document(&g))
		out->p[out->len] = '\0';
	else
		buf_reset(out);
	*why = g.why;
	return g.er;
}
