#include <stdint.h>
#include <string.h>

#include "core/utf8.h"
#include "wechat/xml_sanitize.h"

/*
 * out always has room for what is left of the input and a NUL: nothing but U+FEFF is
 * written longer than it came.
 */
struct guard {
	const char	*p, *end;	/* what is left of the input */
	struct buf	*out;
	enum error	 er;		/* why the text is refused, and in words */
	const char	*why;
	size_t		 nodes;
	size_t		 run;		/* out->len where the text run began */
	bool		 blank;		/* nothing but blanks in it so far */
	size_t		 depth;
	struct slice	 open[XML_DEPTH_MAX];
};

static const char	 BOM[] = "\xEF\xBB\xBF";

static bool
fail(struct guard *g, const char *why)
{
	g->er = ERR_XML;
	g->why = why;
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool
is_name(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':')
		return true;
	if ((unsigned char)c >= 0x80)
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '-' || c == '.');
}

static bool
is_char(uint32_t cp)
{
	return cp >= 0x20 ? cp <= 0x10FFFF && !(cp >= 0xD800 && cp <= 0xDFFF) &&
	    cp != 0xFFFE && cp != 0xFFFF : cp == '\n' || cp == '\t' || cp == '\r';
}

static bool
at(const struct guard *g, const char *s)
{
	size_t	 len = strlen(s);

	return (size_t)(g->end - g->p) >= len && memcmp(g->p, s, len) == 0;
}

static void
put(struct guard *g, const char *p, size_t len)
{
	memcpy(g->out->p + g->out->len, p, len);
	g->out->len += len;
}

static void
skip_blanks(struct guard *g)
{
	while (g->p != g->end && is_blank(*g->p))
		g->p++;
}

/* Moves behind one character, which must be one that XML allows. */
static bool
pass_char(struct guard *g)
{
	uint32_t	 cp;
	bool		 valid;

	cp = utf8_next(&g->p, g->end, &valid);
	if (!valid)
		return fail(g, "not UTF-8");
	if (!is_char(cp))
		return fail(g, "control character");
	return true;
}

/* A node more, for the library to allocate. */
static bool
count_node(struct guard *g)
{
	return ++g->nodes <= XML_NODES_MAX ? true : fail(g, "too many nodes");
}

/* Markup follows: what the text run before it comes to. */
static bool
end_run(struct guard *g)
{
	if (g->blank) {
		g->out->len = g->run;
		return true;
	}
	return count_node(g);
}

static void
begin_run(struct guard *g)
{
	g->run = g->out->len;
	g->blank = true;
}

/* A name in a tag.  Beyond ASCII any character will do but the one the library drops. */
static bool
take_name(struct guard *g, struct slice *name)
{
	name->p = g->p;
	if (g->p == g->end || !is_name(*g->p, true))
		return fail(g, "malformed tag");
	do {
		if ((unsigned char)*g->p < 0x80)
			g->p++;
		else if (at(g, BOM))
			return fail(g, "malformed tag");
		else if (!pass_char(g))
			return false;
	} while (g->p != g->end && is_name(*g->p, false));
	name->len = (size_t)(g->p - name->p);
	return true;
}

/* The value of `#64` or `#x40` up to end; 0 for what is none. */
static uint32_t
char_ref(const char *p, const char *end)
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*d;
	uint32_t		 base = 10, cp = 0;

	if (++p != end && *p == 'x') {
		base = 16;
		p++;
	}
	for (; p != end; p++) {
		d = memchr(digits, *p >= 'A' && *p <= 'F' ? *p | 0x20 : *p, base);
		if (d == NULL || (cp = cp * base + (uint32_t)(d - digits)) > 0x10FFFF)
			return 0;
	}
	return cp;
}

/*
 * Moves behind a reference: one of the five entities, or a character, which *cp then is
 * (0: an entity).  More than the eight bytes of `#1114111` are leading zeros, which
 * nobody writes.
 */
static bool
pass_reference(struct guard *g, uint32_t *cp)
{
	static const char *const known[] = { "lt", "gt", "amp", "quot", "apos" };
	struct slice		 name = { g->p + 1, 0 };
	size_t			 i;

	*cp = 0;
	while (name.p + name.len != g->end && name.p[name.len] != ';')
		if (++name.len > 8)
			return fail(g, "malformed reference");
	if (name.p + name.len == g->end)
		return fail(g, "malformed reference");
	g->p = name.p + name.len + 1;
	if (name.len != 0 && *name.p == '#') {
		*cp = char_ref(name.p, name.p + name.len);
		return is_char(*cp) ? true :
		    fail(g, "reference to a character that XML forbids");
	}
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_is(name, known[i]))
			return true;
	return fail(g, "unknown entity");
}

/* Name, `=` and quoted value; nobody needs it. */
static bool
pass_attribute(struct guard *g, struct slice *name)
{
	uint32_t	 cp;
	char		 quote;

	if (!take_name(g, name))
		return false;
	skip_blanks(g);
	if (!at(g, "="))
		return fail(g, "malformed attribute");
	g->p++;
	skip_blanks(g);
	if (!at(g, "\"") && !at(g, "'"))
		return fail(g, "malformed attribute");
	quote = *g->p++;
	while (g->p != g->end && *g->p != quote) {
		if (*g->p == '<')
			return fail(g, "malformed attribute");
		if (!(*g->p == '&' ? pass_reference(g, &cp) : pass_char(g)))
			return false;
	}
	if (g->p == g->end)
		return fail(g, "cut short");
	g->p++;
	return true;
}

static bool
pass_attributes(struct guard *g)
{
	struct slice	 names[XML_ATTRS_MAX];
	size_t		 n = 0, i;
	bool		 apart;

	for (;;) {
		if (g->p == g->end)
			return fail(g, "cut short");
		if (*g->p == '>' || *g->p == '/')
			return true;
		apart = is_blank(*g->p);
		skip_blanks(g);
		if (g->p == g->end || *g->p == '>' || *g->p == '/')
			continue;
		if (!apart)
			return fail(g, "malformed tag");
		if (n == XML_ATTRS_MAX)
			return fail(g, "too many attributes");
		if (!pass_attribute(g, &names[n]))
			return false;
		for (i = 0; i < n; i++)
			if (names[i].len == names[n].len &&
			    memcmp(names[i].p, names[n].p, names[n].len) == 0)
				return fail(g, "attribute given twice");
		n++;
	}
}

static bool
start_tag(struct guard *g)
{
	struct slice	 name;
	bool		 empty;

	g->p++;
	if (!take_name(g, &name) || !pass_attributes(g) || !count_node(g))
		return false;
	empty = *g->p == '/';
	g->p += empty;
	if (!at(g, ">"))
		return fail(g, "malformed tag");
	g->p++;
	put(g, name.p - 1, name.len + 1);
	if (empty) {
		put(g, "/>", 2);
		return true;
	}
	put(g, ">", 1);
	if (g->depth == XML_DEPTH_MAX)
		return fail(g, "nested too deeply");
	g->open[g->depth++] = name;
	return true;
}

static bool
end_tag(struct guard *g)
{
	struct slice	 name = g->open[--g->depth];

	g->p += 2;
	if ((size_t)(g->end - g->p) < name.len || memcmp(g->p, name.p, name.len) != 0)
		return fail(g, "end tag does not match");
	put(g, g->p - 2, name.len + 2);
	g->p += name.len;
	skip_blanks(g);
	if (!at(g, ">"))
		return fail(g, "end tag does not match");
	g->p++;
	put(g, ">", 1);
	return true;
}

/* Copies the ASCII characters that stand for themselves everywhere; how many there were. */
static size_t
copy_plain(struct guard *g)
{
	const char	*from = g->p;

	while (g->p != g->end && *g->p >= ' ' && *g->p != '<' && *g->p != '&' &&
	    *g->p != '>' && *g->p != ']')
		g->p++;
	put(g, from, (size_t)(g->p - from));
	return (size_t)(g->p - from);
}

/* Copies one character of content, CR LF and CR as LF. */
static bool
copy_char(struct guard *g, bool cdata)
{
	static const char	 ref[] = "&#xFEFF;", split[] = "]]>&#xFEFF;<![CDATA[";
	const char		*from = g->p;

	if (*from == '\r') {
		g->p += at(g, "\r\n") ? 2 : 1;
		put(g, "\n", 1);
		return true;
	}
	if (!pass_char(g))
		return false;
	if (g->p - from != 3 || memcmp(from, BOM, 3) != 0) {
		put(g, from, (size_t)(g->p - from));
		return true;
	}
	/* The library would drop it, unless it comes as a reference. */
	if (cdata && !(count_node(g) && count_node(g)))
		return false;
	g->er = buf_reserve(g->out, (size_t)(g->end - g->p) + sizeof(split));
	if (g->er != ERR_OK)
		return false;
	if (cdata)
		put(g, split, sizeof(split) - 1);
	else
		put(g, ref, sizeof(ref) - 1);
	return true;
}

static bool
copy_reference(struct guard *g)
{
	const char	*from = g->p;
	uint32_t	 cp;

	if (!pass_reference(g, &cp))
		return false;
	put(g, from, (size_t)(g->p - from));
	if (cp == 0 || cp > ' ')
		g->blank = false;
	return true;
}

static bool
text_run(struct guard *g)
{
	const char	*from = g->p;
	bool		 ok = true;

	while (ok && g->p != g->end && *g->p != '<') {
		if (*g->p == '>' && g->p - from >= 2 && memcmp(g->p - 2, "]]", 2) == 0)
			return fail(g, "]]> outside a CDATA section");
		if (is_blank(*g->p)) {
			ok = copy_char(g, false);
		} else if (*g->p == '&') {
			ok = copy_reference(g);
		} else {
			g->blank = false;
			ok = copy_plain(g) != 0 || copy_char(g, false);
		}
	}
	return ok;
}

static bool
cdata_section(struct guard *g)
{
	put(g, g->p, 9);
	g->p += 9;
	if (!count_node(g))
		return false;
	while (!at(g, "]]>")) {
		if (g->p == g->end)
			return fail(g, "cut short");
		if (copy_plain(g) == 0 && !copy_char(g, true))
			return false;
	}
	put(g, g->p, 3);
	g->p += 3;
	return true;
}

static bool
pass_comment(struct guard *g)
{
	g->p += 4;
	while (!at(g, "--")) {
		if (g->p == g->end)
			return fail(g, "cut short");
		if (!pass_char(g))
			return false;
	}
	if (!at(g, "-->"))
		return fail(g, "malformed comment");
	g->p += 3;
	return true;
}

/* A processing instruction; the XML declaration may only stand at the very beginning. */
static bool
pass_instruction(struct guard *g, bool declaration)
{
	struct slice	 name;

	g->p += 2;
	if (!take_name(g, &name))
		return false;
	if (name.len == 3 && (name.p[0] | 0x20) == 'x' && (name.p[1] | 0x20) == 'm' &&
	    (name.p[2] | 0x20) == 'l' && !declaration)
		return fail(g, "misplaced XML declaration");
	if (!at(g, "?>") && (g->p == g->end || !is_blank(*g->p)))
		return fail(g, "malformed instruction");
	while (!at(g, "?>")) {
		if (g->p == g->end)
			return fail(g, "cut short");
		if (!pass_char(g))
			return false;
	}
	g->p += 2;
	return true;
}

/* What stands beside the root element: blanks, comments, instructions. */
static bool
pass_misc(struct guard *g)
{
	for (;;) {
		skip_blanks(g);
		if (at(g, "<!--")) {
			if (!pass_comment(g))
				return false;
		} else if (at(g, "<?")) {
			if (!pass_instruction(g, false))
				return false;
		} else if (at(g, "<!")) {
			return fail(g, "document type refused");
		} else {
			return true;
		}
	}
}

/* Comments and instructions do not end a text run, as if they were not there. */
static bool
content(struct guard *g)
{
	bool	 ok;

	if (g->end - g->p < 2)
		return fail(g, "cut short");
	if (*g->p != '<')
		return text_run(g);
	if (at(g, "<!--"))
		return pass_comment(g);
	if (g->p[1] == '?')
		return pass_instruction(g, false);
	if (!end_run(g))
		return false;
	if (g->p[1] == '/')
		ok = end_tag(g);
	else if (g->p[1] != '!')
		ok = start_tag(g);
	else if (at(g, "<![CDATA["))
		ok = cdata_section(g);
	else
		ok = fail(g, "document type refused");
	begin_run(g);
	return ok;
}

static bool
document(struct guard *g)
{
	if (at(g, BOM))
		g->p += 3;
	if (at(g, "<?xml") && g->end - g->p > 5 && is_blank(g->p[5]) &&
	    !pass_instruction(g, true))
		return false;
	if (!pass_misc(g))
		return false;
	if (!at(g, "<"))
		return fail(g, "no XML");
	if (!start_tag(g))
		return false;
	begin_run(g);
	while (g->depth != 0)
		if (!content(g))
			return false;
	if (!pass_misc(g))
		return false;
	return g->p == g->end ? true : fail(g, "more than one root");
}

enum error
xml_sanitize(struct buf *out, const char **why, struct slice xml)
{
	struct guard	 g;

	buf_reset(out);
	g.p = xml.p;
	g.end = xml.p + xml.len;
	g.out = out;
	g.er = ERR_OK;
	g.why = "";
	g.nodes = g.depth = 0;
	if (xml.len == 0)
		(void)fail(&g, "empty");
	else if (xml.len > XML_SIZE_MAX)
		(void)fail(&g, "too large");
	else if ((g.er = buf_reserve(out, xml.len + 1)) == ERR_OK && document(&g))
		out->p[out->len] = '\0';
	else
		buf_reset(out);
	*why = g.why;
	return g.er;
}
