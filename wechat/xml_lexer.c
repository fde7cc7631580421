#include <string.h>

#include "core/hex.h"
#include "wechat/xml_lexer.h"

void
xml_lexer_init(struct xml_lexer *lx, struct slice text)
{
	memset(lx, 0, sizeof(*lx));
	lx->p = text.p;
	lx->end = text.p + text.len;
}

struct slice
xml_lexer_trim(struct slice text)
{
	for (; text.len != 0 && xml_lexer_is_blank(text.p[0]); text.len--)
		text.p++;
	while (text.len != 0 && xml_lexer_is_blank(text.p[text.len - 1]))
		text.len--;
	return text;
}

static bool
is_at(const struct xml_lexer *lx, const char *with)
{
	size_t	 len = strlen(with);

	return (size_t)(lx->end - lx->p) >= len && memcmp(lx->p, with, len) == 0;
}

void
xml_lexer_skip_bom(struct xml_lexer *lx)
{
	if (is_at(lx, "\xEF\xBB\xBF"))
		lx->p += 3;
}

static uint32_t
code_point_of(struct slice ref)
{
	const bool	 is_hex = ref.len > 1 && ref.p[1] == 'x';
	uint32_t	 cp = 0;
	size_t		 i;
	int		 digit;

	for (i = is_hex ? 2 : 1; i < ref.len; i++) {
		digit = hex_digit(ref.p[i]);
		if (digit < 0 || (digit > 9 && !is_hex))
			return 0;
		if ((cp = cp * (is_hex ? 16 : 10) + (uint32_t)digit) > 0x10FFFF)
			return 0;
	}
	return cp;
}

uint32_t
xml_lexer_reference(struct slice ref)
{
	static const struct {
		const char	*name;
		uint32_t	 cp;
	} entities[] = {
		{ "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' },
	};
	size_t	 i;

	if (ref.len != 0 && *ref.p == '#')
		return code_point_of(ref);
	for (i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (slice_is(ref, entities[i].name))
			return entities[i].cp;
	return 0;
}

const char *
xml_lexer_cdata_end(struct slice text)
{
	const char	*p = text.p, *end = text.p + text.len;

	for (; end - p >= 3; p++) {
		if ((p = memchr(p, ']', (size_t)(end - p) - 2)) == NULL)
			break;
		if (memcmp(p, "]]>", 3) == 0)
			return p;
	}
	return NULL;
}

static enum xml_lexer_token
read_error(struct xml_lexer *lx, enum xml_lexer_token began)
{
	lx->inside.len = (size_t)(lx->end - lx->inside.p);
	lx->began = began;
	return XML_LEXER_ERROR;
}

static enum xml_lexer_token
read_text(struct xml_lexer *lx)
{
	const char	*p = lx->p, *end = lx->end;

	while (p != end && *p != '<')
		p++;
	lx->inside = (struct slice){ lx->p, (size_t)(p - lx->p) };
	lx->p = p;
	return XML_LEXER_TEXT;
}

/* Reads a token that ends with the string `stop`; its first `skip` bytes are its beginning. */
static enum xml_lexer_token
read_up_to(struct xml_lexer *lx, size_t skip, const char *stop, enum xml_lexer_token token)
{
	const size_t	 len = strlen(stop);
	const char	*p = lx->p + skip;

	lx->inside.p = p;
	for (; (size_t)(lx->end - p) >= len; p++) {
		if ((p = memchr(p, stop[0], (size_t)(lx->end - p) - len + 1)) == NULL)
			break;
		if (memcmp(p, stop, len) == 0) {
			lx->inside.len = (size_t)(p - lx->inside.p);
			lx->p = p + len;
			return token;
		}
	}
	return read_error(lx, token);
}

/* True for a byte that ends a name. */
static const bool name_ends[256] = {
	[' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true, ['/'] = true, ['>'] = true,
	['<'] = true, ['='] = true, ['"'] = true, ['\''] = true, ['\0'] = true,
};

/* The name is not checked here: the caller compares it with the name of the start tag. */
static enum xml_lexer_token
read_end_tag(struct xml_lexer *lx)
{
	const char	*p, *stop;

	p = lx->inside.p = lx->name.p = lx->p + 2;
	if ((stop = memchr(p, '>', (size_t)(lx->end - p))) == NULL)
		return read_error(lx, XML_LEXER_END);
	lx->p = stop + 1;
	lx->inside.len = (size_t)(stop - p);
	while (stop != p && xml_lexer_is_blank(stop[-1]))
		stop--;
	lx->name.len = (size_t)(stop - p);
	return XML_LEXER_END;
}

/* A start tag must have a name, without NUL.  A quoted value may have any byte but `<`. */
static enum xml_lexer_token
read_start_tag(struct xml_lexer *lx)
{
	const char	*p = lx->p + 1;
	char		 quote = '\0';

	lx->name.p = lx->inside.p = p;
	while (p != lx->end && !name_ends[(unsigned char)*p])
		p++;
	lx->name.len = (size_t)(p - lx->name.p);
	if (lx->name.len == 0 || (p != lx->end && *p == '\0'))
		return read_error(lx, XML_LEXER_START);
	for (; p != lx->end && *p != '<'; p++) {
		if (quote != '\0') {
			if (*p == quote)
				quote = '\0';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '>') {
			lx->inside.len = (size_t)(p - lx->inside.p);
			lx->p = p + 1;
			return p[-1] == '/' ? XML_LEXER_EMPTY : XML_LEXER_START;
		}
	}
	return read_error(lx, XML_LEXER_START);
}

static enum xml_lexer_token
read_declaration(struct xml_lexer *lx)
{
	if (is_at(lx, "<![CDATA["))
		return read_up_to(lx, strlen("<![CDATA["), "]]>", XML_LEXER_CDATA);
	if (is_at(lx, "<!--"))
		return read_up_to(lx, strlen("<!--"), "-->", XML_LEXER_COMMENT);
	lx->inside = (struct slice){ lx->p + 2, (size_t)(lx->end - lx->p) - 2 };
	return XML_LEXER_DOCTYPE;
}

enum xml_lexer_token
xml_lexer_next(struct xml_lexer *lx)
{
	lx->from = lx->p;
	lx->inside = (struct slice){ lx->p, 0 };
	if (lx->p == lx->end)
		return XML_LEXER_DONE;
	if (*lx->p != '<')
		return read_text(lx);
	switch (lx->end - lx->p > 1 ? lx->p[1] : '\0') {
	case '/':
		return read_end_tag(lx);
	case '!':
		return read_declaration(lx);
	case '?':
		return read_up_to(lx, 2, "?>", XML_LEXER_INSTRUCTION);
	default:
		return read_start_tag(lx);
	}
}
