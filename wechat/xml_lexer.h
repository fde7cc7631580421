/*
 * xml_lexer.h: cuts an XML text into tokens, one after the other.
 *
 * It allocates nothing and copies nothing: a token is slices of the text.  It reads each byte at
 * most twice.  It only finds where a token ends, and is lenient about what is in it: a name is all
 * bytes up to a delimiter, and attributes, references and encoding are not checked.  Nesting is up
 * to the caller, too.
 */
#ifndef WECHAT_XML_LEXER_H
#define WECHAT_XML_LEXER_H

#include <stdint.h>

#include "core/slice.h"

enum xml_lexer_token {
	XML_LEXER_START,	/* <name ...> */
	XML_LEXER_EMPTY,	/* <name .../> */
	XML_LEXER_END,		/* </name> */
	XML_LEXER_TEXT,		/* characters up to the next `<` */
	XML_LEXER_CDATA,	/* <![CDATA[...]]> */
	XML_LEXER_COMMENT,	/* <!--...--> */
	XML_LEXER_INSTRUCTION,	/* <?...?>, the XML declaration too */
	XML_LEXER_DOCTYPE,	/* any other <!; the lexer does not look for its end */
	XML_LEXER_DONE,		/* the text is at its end */
	XML_LEXER_ERROR		/* a token that is malformed or has no end */
};

struct xml_lexer {
	const char		*p, *end;	/* the text that is left */
	const char		*from;		/* the first byte of the token */
	struct slice		 name;		/* of a tag */
	struct slice		 inside;	/* the token without its delimiters */
	enum xml_lexer_token	 began;		/* after XML_LEXER_ERROR: what the token began as */
};

void			 xml_lexer_init(struct xml_lexer *lx, struct slice text);

/*
 * The next token.  After XML_LEXER_ERROR and XML_LEXER_DOCTYPE `inside` is all that is left of the
 * text; do not call again.
 */
enum xml_lexer_token	 xml_lexer_next(struct xml_lexer *lx);

/* Moves behind a byte order mark, if the text that is left begins with one. */
void			 xml_lexer_skip_bom(struct xml_lexer *lx);

/*
 * The code point that a reference stands for, which is given without its `&` and `;`: one of the
 * five entities of XML ("amp"), or a number ("#64", "#x40") up to 10FFFF hex.  0: it is neither.
 */
uint32_t		 xml_lexer_reference(struct slice ref);

/* XML's blanks: space, tab, CR, LF. */
static inline bool
xml_lexer_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* True: XML allows this character in a text. */
static inline bool
xml_lexer_is_char(uint32_t cp)
{
	return cp >= 0x20 ? cp <= 0x10FFFF && !(cp >= 0xD800 && cp <= 0xDFFF) &&
	    cp != 0xFFFE && cp != 0xFFFF : cp == '\n' || cp == '\t' || cp == '\r';
}

/* The text without the blanks at both ends. */
struct slice		 xml_lexer_trim(struct slice text);

/* The first `]]>` of a text; NULL: it has none. */
const char		*xml_lexer_cdata_end(struct slice text);

#endif
