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
refuse_xml(struct sanitizer *san, const char *why)
{
	san->er = ERR_XML;
	san->why = why;
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
at(const struct sanitizer *san, const char *s)
{
	size_t	 len = strlen(s);

	return (size_t)(san->end - san->p) >= len && memcmp(san->p, s, len) == 0;
}

static void
write_out(struct sanitizer *san, const char *p, size_t len)
{
	memcpy(san->out->p + san->out->len, p, len);
	san->out->len += len;
}

static void
skip_blanks(struct sanitizer *san)
{
	while (san->p != san->end && xml_lexer_is_blank(*san->p))
		san->p++;
}

/* Moves behind one character.  XML must allow it. */
static bool
pass_char(struct sanitizer *san)
{
	uint32_t	 cp;
	bool		 valid;

	cp = utf8_next(&san->p, san->end, &valid);
	if (!valid)
		return refuse_xml(san, "not UTF-8");
	if (!xml_lexer_is_char(cp))
		return refuse_xml(san, "control character");
	return true;
}

/* Counts a node that mxml will have to allocate. */
static bool
count_node(struct sanitizer *san)
{
	return ++san->nodes <= XML_NODES_MAX ? true : refuse_xml(san, "too many nodes");
}

/* Ends a run of text before markup: it is a node, or it is blank and is removed. */
static bool
end_run(struct sanitizer *san)
{
	if (san->run_is_blank) {
		san->out->len = san->run_start;
		return true;
	}
	return count_node(san);
}

static void
begin_run(struct sanitizer *san)
{
	san->run_start = san->out->len;
	san->run_is_blank = true;
}

/* Reads a name.  Beyond ASCII it may have any character but U+FEFF, which mxml drops. */
static bool
take_name(struct sanitizer *san, struct slice *name)
{
	name->p = san->p;
	if (san->p == san->end || !is_name_start(*san->p))
		return refuse_xml(san, "malformed tag");
	while (san->p != san->end && is_name_byte(*san->p))
		if ((unsigned char)*san->p < 0x80)
			san->p++;
		else if (at(san, BOM))
			return refuse_xml(san, "malformed tag");
		else if (!pass_char(san))
			return false;
	name->len = (size_t)(san->p - name->p);
	return true;
}

/*
 * Moves behind a reference; *cp is the character that it stands for.  The name may have up to eight
 * bytes (`#1114111`); a longer number would have leading zeros, which nobody writes.
 */
static bool
pass_reference(struct sanitizer *san, uint32_t *cp)
{
	struct slice	 name = { san->p + 1, 0 };

	while (name.p + name.len != san->lx.end && name.p[name.len] != ';')
		if (++name.len > 8)
			return refuse_xml(san, "malformed reference");
	if (name.p + name.len == san->lx.end)
		return refuse_xml(san, "malformed reference");
	san->p = name.p + name.len + 1;
	*cp = xml_lexer_reference(name);
	if (xml_lexer_is_char(*cp))
		return true;
	return refuse_xml(san, *name.p == '#' ? "reference to a character that XML forbids" :
	    "unknown entity");
}

/* Moves behind a name, `=` and a quoted value. */
static bool
pass_attribute(struct sanitizer *san, struct slice *name)
{
	uint32_t	 cp;
	char		 quote;

	if (!take_name(san, name))
		return false;
	skip_blanks(san);
	if (!at(san, "="))
		return refuse_xml(san, "malformed attribute");
	san->p++;
	skip_blanks(san);
	if (!at(san, "\"") && !at(san, "'"))
		return refuse_xml(san, "malformed attribute");
	quote = *san->p++;
	while (san->p != san->end && *san->p != quote) {
		if (*san->p == '<')
			return refuse_xml(san, "malformed attribute");
		if (!(*san->p == '&' ? pass_reference(san, &cp) : pass_char(san)))
			return false;
	}
	if (san->p == san->end)
		return refuse_xml(san, "cut short");
	san->p++;
	return true;
}

static bool
pass_attributes(struct sanitizer *san)
{
	struct slice	 names[XML_ATTRS_MAX];
	size_t		 n = 0, i;
	bool		 apart;

	for (;;) {
		if (san->p == san->end)
			return san->is_whole ? true : refuse_xml(san, "cut short");
		if (*san->p == '/')
			return true;
		apart = xml_lexer_is_blank(*san->p);
		skip_blanks(san);
		if (san->p == san->end || *san->p == '/')
			continue;
		if (!apart)
			return refuse_xml(san, "malformed tag");
		if (n == XML_ATTRS_MAX)
			return refuse_xml(san, "too many attributes");
		if (!pass_attribute(san, &names[n]))
			return false;
		for (i = 0; i < n; i++)
			if (names[i].len == names[n].len &&
			    memcmp(names[i].p, names[n].p, names[n].len) == 0)
				return refuse_xml(san, "attribute given twice");
		n++;
	}
}

static bool
copy_start_tag(struct sanitizer *san)
{
	struct slice	 name;
	bool		 is_empty;

	if (!take_name(san, &name) ||
	    ((san->p != san->end || !san->is_whole) && !pass_attributes(san)) || !count_node(san))
		return false;
	is_empty = san->p != san->end;	/* pass_attributes() has stopped at a `/` */
	if (is_empty && (san->p + 1 != san->end || !san->is_whole))
		return refuse_xml(san, "malformed tag");
	write_out(san, san->lx.from, name.len + 1);
	if (is_empty) {
		write_out(san, "/>", 2);
		return true;
	}
	write_out(san, ">", 1);
	if (san->depth == XML_DEPTH_MAX)
		return refuse_xml(san, "nested too deeply");
	san->open[san->depth++] = name;
	return true;
}

static bool
copy_end_tag(struct sanitizer *san)
{
	const struct slice	 name = san->lx.name, open = san->open[--san->depth];

	if (!san->is_whole || name.len != open.len || memcmp(name.p, open.p, name.len) != 0)
		return refuse_xml(san, "end tag does not match");
	write_out(san, san->lx.from, name.len + 2);
	write_out(san, ">", 1);
	return true;
}

/* Copies one character of text or CDATA.  CR LF and CR become LF. */
static bool
copy_char(struct sanitizer *san, bool cdata)
{
	static const char	 ref[] = "&#xFEFF;", split[] = "]]>&#xFEFF;<![CDATA[";
	const char		*from = san->p;

	if (xml_lexer_is_blank(*from)) {
		san->p += *from == '\r' && at(san, "\r\n") ? 2 : 1;
		write_out(san, *from == '\r' ? "\n" : from, 1);
		return true;
	}
	if (!pass_char(san))
		return false;
	if (san->p - from != 3 || memcmp(from, BOM, 3) != 0) {
		write_out(san, from, (size_t)(san->p - from));
		return true;
	}
	/* mxml would drop U+FEFF, but not if it is a reference. */
	if (cdata && !(count_node(san) && count_node(san)))
		return false;
	san->er = buf_reserve(san->out, (size_t)(san->lx.end - san->p) + sizeof(split));
	if (san->er != ERR_OK)
		return false;
	if (cdata)
		write_out(san, split, sizeof(split) - 1);
	else
		write_out(san, ref, sizeof(ref) - 1);
	return true;
}

static bool
copy_reference(struct sanitizer *san)
{
	const char	*from = san->p;
	uint32_t	 cp;

	if (!pass_reference(san, &cp))
		return false;
	write_out(san, from, (size_t)(san->p - from));
	if (cp > ' ')
		san->run_is_blank = false;
	return true;
}

/* Copies ASCII characters up to the next one that needs a check. */
static void
copy_plain_text(struct sanitizer *san)
{
	const char	*from = san->p, *p = from, *end = san->end;

	while (p != end && *p >= ' ' && *p != '&' && *p != '>')
		p++;
	write_out(san, from, (size_t)(p - from));
	san->p = p;
}

static bool
copy_text(struct sanitizer *san)
{
	const char	*from = san->p;
	bool		 ok = true;

	while (ok && san->p != san->end) {
		if (*san->p == '&') {
			ok = copy_reference(san);
			continue;
		}
		if (*san->p == '>' && san->p - from >= 2 && memcmp(san->p - 2, "]]", 2) == 0)
			return refuse_xml(san, "]]> outside a CDATA section");
		if (!xml_lexer_is_blank(*san->p))
			san->run_is_blank = false;
		ok = copy_char(san, false);
		if (ok && !san->run_is_blank)
			copy_plain_text(san);
	}
	return ok;
}

static bool
copy_cdata(struct sanitizer *san)
{
	const char	*from;

	if (!count_node(san))
		return false;
	write_out(san, san->lx.from, strlen("<![CDATA["));
	while (san->p != san->end) {
		for (from = san->p; san->p != san->end && *san->p >= ' '; san->p++)
			;
		write_out(san, from, (size_t)(san->p - from));
		if (san->p != san->end && !copy_char(san, true))
			return false;
	}
	if (!san->is_whole)
		return refuse_xml(san, "cut short");
	write_out(san, "]]>", 3);
	return true;
}

/* XML forbids `--` in a comment, also where the second `-` belongs to its end. */
static bool
check_comment(struct sanitizer *san)
{
	while (san->p != san->end) {
		if (*san->p == '-' && (san->p + 1 == san->end ? san->is_whole : san->p[1] == '-'))
			return refuse_xml(san, "malformed comment");
		if (!pass_char(san))
			return false;
	}
	return san->is_whole ? true : refuse_xml(san, "cut short");
}

/* The XML declaration is an instruction, too; it must be at the very beginning. */
static bool
check_instruction(struct sanitizer *san)
{
	struct slice	 name;

	if (!take_name(san, &name))
		return false;
	if (name.len == 3 && strncasecmp(name.p, "xml", 3) == 0 &&
	    !(san->lx.from == san->start && memcmp(name.p, "xml", 3) == 0 && san->p != san->end &&
	    xml_lexer_is_blank(*san->p)))
		return refuse_xml(san, "misplaced XML declaration");
	if (san->p == san->end ? !san->is_whole : !xml_lexer_is_blank(*san->p))
		return refuse_xml(san, "malformed instruction");
	while (san->p != san->end)
		if (!pass_char(san))
			return false;
	return san->is_whole ? true : refuse_xml(san, "cut short");
}

/* Reads the next token.  If it has no end, returns the kind that it began as. */
static enum xml_lexer_token
next_token(struct sanitizer *san)
{
	const enum xml_lexer_token	 token = xml_lexer_next(&san->lx);

	san->p = san->lx.inside.p;
	san->end = san->p + san->lx.inside.len;
	san->is_whole = token != XML_LEXER_ERROR;
	return san->is_whole ? token : san->lx.began;
}

/* Skips blanks, comments and instructions beside the root element; *token is the next one. */
static bool
skip_to_root(struct sanitizer *san, enum xml_lexer_token *token)
{
	for (;;) {
		*token = next_token(san);
		switch (*token) {
		case XML_LEXER_TEXT:
			skip_blanks(san);
			if (san->p != san->end)
				return true;
			break;
		case XML_LEXER_COMMENT:
			if (!check_comment(san))
				return false;
			break;
		case XML_LEXER_INSTRUCTION:
			if (!check_instruction(san))
				return false;
			break;
		case XML_LEXER_CDATA:
		case XML_LEXER_DOCTYPE:
			return refuse_xml(san, "document type refused");
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
copy_markup(struct sanitizer *san, enum xml_lexer_token token)
{
	bool	 ok;

	if (!end_run(san))
		return false;
	if (token == XML_LEXER_END)
		ok = copy_end_tag(san);
	else if (token == XML_LEXER_CDATA)
		ok = copy_cdata(san);
	else if (token == XML_LEXER_DOCTYPE)
		ok = refuse_xml(san, "document type refused");
	else
		ok = copy_start_tag(san);
	begin_run(san);
	return ok;
}

/* Copies one token within the root.  Comments and instructions do not end a run of text. */
static bool
copy_content(struct sanitizer *san)
{
	enum xml_lexer_token	 token;

	if (san->lx.end - san->lx.p < 2)
		return refuse_xml(san, "cut short");
	switch (token = next_token(san)) {
	case XML_LEXER_TEXT:
		return copy_text(san);
	case XML_LEXER_COMMENT:
		return check_comment(san);
	case XML_LEXER_INSTRUCTION:
		return check_instruction(san);
	default:
		return copy_markup(san, token);
	}
}

static bool
copy_document(struct sanitizer *san)
{
	enum xml_lexer_token	 token;

	xml_lexer_skip_bom(&san->lx);
	san->start = san->lx.p;
	if (!skip_to_root(san, &token))
		return false;
	if (token == XML_LEXER_TEXT || token == XML_LEXER_DONE)
		return refuse_xml(san, "no XML");
	if (token == XML_LEXER_END)
		return refuse_xml(san, "malformed tag");
	if (!copy_start_tag(san))
		return false;
	begin_run(san);
	while (san->depth != 0)
		if (!copy_content(san))
			return false;
	if (!skip_to_root(san, &token))
		return false;
	return token == XML_LEXER_DONE ? true : refuse_xml(san, "more than one root");
}

enum error
xml_sanitize(struct buf *out, const char **why, struct slice xml)
{
	struct sanitizer	 san = { .out = out, .er = ERR_OK, .why = "" };

	buf_reset(out);
	xml_lexer_init(&san.lx, xml);
	if (xml.len == 0)
		(void)refuse_xml(&san, "empty");
	else if (xml.len > XML_SIZE_MAX)
		(void)refuse_xml(&san, "too large");
	else if ((san.er = buf_reserve(out, xml.len + 1)) == ERR_OK && copy_document(&san))
		out->p[out->len] = '\0';
	else
		buf_reset(out);
	*why = san.why;
	return san.er;
}
