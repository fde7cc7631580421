#include <stdint.h>
#include <string.h>

#include "wechat/xml_lexer.h"
#include "wechat/xml_repair.h"
#include "wechat/xml_scan.h"

enum { DEPTH_MAX = 32 };	/* WeChat's bodies have four levels */

/* The names of the children to find, and the slices for what they hold. */
struct child_search {
	struct slice	 name[XML_SCAN_NAMES_MAX];
	struct slice	*inside;
	size_t		 n;
	bool		 stray;		/* a `]]>` stands where it must not */
};

static bool
is_same_name(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static bool
is_all_blank(struct slice text)
{
	return xml_lexer_trim(text).len == 0;
}

/* Skips blanks, comments and instructions beside the root element; returns the next token. */
static enum xml_lexer_token
skip_to_root(struct xml_lexer *lx)
{
	enum xml_lexer_token	 token;

	do
		token = xml_lexer_next(lx);
	while (token == XML_LEXER_COMMENT || token == XML_LEXER_INSTRUCTION ||
	    (token == XML_LEXER_TEXT && is_all_blank(lx->inside)));
	return token;
}

/* The slice for this child; NULL: it is not wanted, or it is not the first of its name. */
static struct slice *
find_wanted(const struct child_search *search, struct slice name)
{
	size_t	 i;

	for (i = 0; i < search->n; i++)
		if (is_same_name(search->name[i], name))
			return search->inside[i].p == NULL ? &search->inside[i] : NULL;
	return NULL;
}

/* True: the token of a text or a tag has the `]]>` of a text that a user has typed. */
static bool
has_stray_end(const struct xml_lexer *lx)
{
	const struct slice	 s = lx->inside;
	size_t			 i;

	if (s.len < 3)
		return false;
	if (*lx->from == '<')
		return s.p[s.len - 1] == ']' && s.p[s.len - 2] == ']';
	for (i = 2; i < s.len && s.p[i] != '>'; i++)
		;
	return i < s.len && xml_lexer_cdata_end(s) != NULL;
}

/* Reads the rest of the root element and finds the children.  False: it is not well nested. */
static bool
search_root(struct xml_lexer *lx, struct child_search *search)
{
	struct slice	 open[DEPTH_MAX] = { lx->name };
	struct slice	*wanted = NULL;		/* the child that is open */
	size_t		 depth = 1;

	while (depth != 0) {
		switch (xml_lexer_next(lx)) {
		case XML_LEXER_START:
			if (depth == DEPTH_MAX)
				return false;
			search->stray |= has_stray_end(lx);
			if (depth == 1 && (wanted = find_wanted(search, lx->name)) != NULL)
				wanted->p = lx->p;
			open[depth++] = lx->name;
			break;
		case XML_LEXER_END:
			if (!is_same_name(lx->name, open[--depth]))
				return false;
			search->stray |= has_stray_end(lx);
			if (depth == 1 && wanted != NULL) {
				wanted->len = (size_t)(lx->from - wanted->p);
				wanted = NULL;
			}
			break;
		case XML_LEXER_EMPTY:
			if (depth == 1 && (wanted = find_wanted(search, lx->name)) != NULL) {
				*wanted = (struct slice){ lx->p, 0 };
				wanted = NULL;
			}
			break;
		case XML_LEXER_TEXT:
			search->stray |= has_stray_end(lx);
			break;
		case XML_LEXER_CDATA:
		case XML_LEXER_COMMENT:
		case XML_LEXER_INSTRUCTION:
			break;
		case XML_LEXER_DOCTYPE:
		case XML_LEXER_DONE:
		case XML_LEXER_ERROR:
			return false;
		}
	}
	return true;
}

/* Appends a code point in UTF-8. */
static enum error
append_utf8(struct buf *out, uint32_t cp)
{
	char	 u[4];
	size_t	 len = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4, i;

	for (i = len - 1; i != 0; i--, cp >>= 6)
		u[i] = (char)(0x80 | (cp & 0x3F));
	u[0] = (char)(len == 1 ? cp : (0xF00 >> len & 0xFF) | cp);
	return buf_put(out, u, len);
}

/* Appends the character that a reference stands for, which is given without `&` and `;`. */
static enum error
resolve_reference(struct buf *out, struct slice ref)
{
	const uint32_t	 cp = xml_lexer_reference(ref);

	return xml_lexer_is_char(cp) ? append_utf8(out, cp) : ERR_XML;
}

/* Appends text, with its references resolved. */
static enum error
resolve_text(struct buf *out, struct slice text)
{
	const char	*p = text.p, *end = text.p + text.len, *amp, *semicolon;
	enum error	 er;

	for (; p != end; p = semicolon + 1) {
		if ((amp = memchr(p, '&', (size_t)(end - p))) == NULL)
			return buf_put(out, p, (size_t)(end - p));
		if ((semicolon = memchr(amp, ';', (size_t)(end - amp))) == NULL)
			return ERR_XML;
		if ((er = buf_put(out, p, (size_t)(amp - p))) != ERR_OK ||
		    (er = resolve_reference(out, (struct slice){ amp + 1,
		    (size_t)(semicolon - amp - 1) })) != ERR_OK)
			return er;
	}
	return ERR_OK;
}

/*
 * Appends the text of an element, without that of its children.  has_cdata: text of blanks only is
 * layout beside the CDATA sections, and is left out.
 */
static enum error
append_text(struct buf *out, struct slice inside, bool has_cdata)
{
	struct xml_lexer	 lx;
	enum xml_lexer_token	 token;
	enum error		 er = ERR_OK;
	size_t			 depth = 0;

	xml_lexer_init(&lx, inside);
	while (er == ERR_OK && (token = xml_lexer_next(&lx)) < XML_LEXER_DOCTYPE) {
		depth += token == XML_LEXER_START;
		depth -= token == XML_LEXER_END;
		if (depth != 0)
			continue;
		if (token == XML_LEXER_CDATA)
			er = buf_put(out, lx.inside.p, lx.inside.len);
		else if (token == XML_LEXER_TEXT && !(has_cdata && is_all_blank(lx.inside)))
			er = resolve_text(out, lx.inside);
	}
	return er;
}

enum error
xml_scan_text(struct buf *out, struct slice inside)
{
	struct xml_lexer	 lx;
	enum xml_lexer_token	 token;
	bool			 has_cdata = false;

	xml_lexer_init(&lx, inside);
	while (!has_cdata && (token = xml_lexer_next(&lx)) < XML_LEXER_DOCTYPE)
		has_cdata = token == XML_LEXER_CDATA;
	return append_text(out, has_cdata ? inside : xml_lexer_trim(inside), has_cdata);
}

enum error
xml_scan_children(struct slice *inside, bool *stray, const char *const *names, size_t n,
    struct slice body)
{
	struct child_search	 search = { .inside = inside, .n = n };
	struct xml_lexer	 lx;
	bool			 nested;
	size_t			 i;

	for (i = 0; i < n; i++) {
		search.name[i] = slice_of(names[i]);
		inside[i] = (struct slice){ NULL, 0 };
	}
	*stray = false;
	if (body.len == 0)
		return ERR_XML;
	xml_lexer_init(&lx, body);
	xml_lexer_skip_bom(&lx);
	nested = skip_to_root(&lx) == XML_LEXER_START && slice_is(lx.name, "xml") &&
	    search_root(&lx, &search) && skip_to_root(&lx) == XML_LEXER_DONE;
	*stray = search.stray;
	return nested ? ERR_OK : ERR_XML;
}

static enum error
append_child(struct buf *out, bool *nested, struct slice body, const char *name)
{
	struct slice	 inside;
	bool		 stray;

	*nested = xml_scan_children(&inside, &stray, &name, 1, body) == ERR_OK;
	return !*nested || inside.p == NULL ? ERR_XML : xml_scan_text(out, inside);
}

enum error
xml_scan_child(struct buf *out, struct slice body, const char *name)
{
	struct buf	 repaired = { 0 };
	const char	*what;
	enum error	 er;
	bool		 nested;

	if ((er = append_child(out, &nested, body, name)) == ERR_OK || nested)
		return er;
	if ((er = xml_repair(&repaired, &what, body)) == ERR_OK)
		er = append_child(out, &nested, buf_slice(&repaired), name);
	buf_free(&repaired);
	return er;
}
