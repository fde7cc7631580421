/*
 * conf_lexer.h: the tokens of a configuration file, which is C.
 *
 * Comments are left out.  Of #if and #else the first part counts, of `#if 0` the second.
 */
#ifndef PACKAGING_CONF_LEXER_H
#define PACKAGING_CONF_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

enum conf_token_kind {
	CONF_END,		/* of the file */
	CONF_NAME_TOKEN,
	CONF_NUMBER,
	CONF_STRING,
	CONF_OPEN_STRING,	/* a string without its second quote: the rest of the line */
	CONF_SINGLE,		/* text in single quotes, with or without the second one */
	CONF_MARK,		/* one character: . , = { } ... */
	CONF_ODD,		/* characters that are not ASCII */
	CONF_DIRECTIVE,		/* a line that begins with # */
	CONF_OPEN_COMMENT,	/* it has no end, or another one begins inside */
	CONF_COMMENT_END	/* an end without its beginning */
};

struct conf_token {
	enum conf_token_kind	 kind;
	struct slice		 text;		/* with quotes; of a directive its name */
	struct slice		 defines;	/* of #define: the name that it makes known */
	uint32_t		 cp;		/* the first character of CONF_ODD */
	int			 line, column;	/* from 1; columns are characters */
};

struct conf_tokens {
	struct conf_token	*v;		/* the last one is CONF_END */
	size_t			 n;
	bool			 includes;	/* there is an #include: not all names are known */
};

/* Text is borrowed.  False: no memory.  Call conf_lexer_free() in any case. */
bool	conf_lexer_read(struct conf_tokens *t, struct slice text);
void	conf_lexer_free(struct conf_tokens *t);

/* The ASCII that a full-width or typographic character stands for, "": nothing; NULL: it is text. */
const char	*conf_lexer_plain(char plain[2], uint32_t cp);

#endif
