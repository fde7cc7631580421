#include <stdio.h>
#include <string.h>

#include "core/jsonpath.h"
#include "core/lang.h"

enum { DIGITS_MAX = 9 };	/* digits of an index, so that it fits an int */

/* A path that is being read. */
struct reader {
	struct slice	 text;
	size_t		 at;		/* index of the next character */
	struct jsonpath	*path;
	char		*name;		/* where the next character of a name goes */
	const char	*wrong;		/* what is wrong at that character */
};

/* Says what is wrong at the next character.  Always false. */
static bool
reject(struct reader *r, const char *what)
{
	r->wrong = what;
	return false;
}

/* The next character, '\0' at the end; it stays the next one. */
static char
next_char(const struct reader *r)
{
	return r->at < r->text.len ? r->text.p[r->at] : '\0';
}

/* Moves behind the next character if it is c.  False: it is another one. */
static bool
accept_char(struct reader *r, char c)
{
	if (r->at == r->text.len || r->text.p[r->at] != c)
		return false;
	r->at++;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* True: c may be in a name without quotes.  More characters may than in a name of JavaScript. */
static bool
is_bare_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c == '-' || (unsigned char)c >= 0x80;
}

/* The copy has room: a name in the text has a dot or quotes, so it is not shorter. */
static void
put_name_char(struct reader *r, char c)
{
	*r->name++ = c;
}

static bool
read_bare(struct reader *r, struct jsonpath_step *s)
{
	if (!is_bare_char(next_char(r)))
		return reject(r, "expected a name or *; write other names as ['name']");
	s->kind = JSONPATH_NAME;
	s->name = r->name;
	for (; is_bare_char(next_char(r)); r->at++)
		put_name_char(r, next_char(r));
	put_name_char(r, '\0');
	return true;
}

static bool
read_quoted(struct reader *r, struct jsonpath_step *s)
{
	const char	 quote = r->text.p[r->at++];

	s->kind = JSONPATH_NAME;
	s->name = r->name;
	while (!accept_char(r, quote)) {
		if (accept_char(r, '\\') && next_char(r) != '\\' && next_char(r) != '\'' &&
		    next_char(r) != '"')
			return reject(r, "only a quote or another \\ may follow a \\");
		if (next_char(r) == '\0')
			return reject(r, "the quote is not closed");
		put_name_char(r, r->text.p[r->at++]);
	}
	put_name_char(r, '\0');
	return true;
}

static bool
read_index(struct reader *r, struct jsonpath_step *s)
{
	const bool	 minus = accept_char(r, '-');
	const size_t	 begin = r->at;

	s->kind = JSONPATH_INDEX;
	for (s->index = 0; is_digit(next_char(r)) && r->at - begin < DIGITS_MAX; r->at++)
		s->index = s->index * 10 + (next_char(r) - '0');
	if (r->at == begin)
		return reject(r, "expected a number");
	if (minus)
		s->index = -s->index;
	return true;
}

static void
skip_blanks(struct reader *r)
{
	while (accept_char(r, ' ') || accept_char(r, '\t'))
		;
}

static bool
read_any(struct reader *r, struct jsonpath_step *s)
{
	r->at++;
	s->kind = JSONPATH_ANY;
	return true;
}

/* Reads what is between [ and ]. */
static bool
read_selector(struct reader *r, struct jsonpath_step *s)
{
	const char	 c = next_char(r);

	if (c == '\'' || c == '"')
		return read_quoted(r, s);
	if (c == '*')
		return read_any(r, s);
	if (c == '-' || is_digit(c))
		return read_index(r, s);
	return reject(r, "expected a name in quotes, a number or * between [ and ]");
}

static bool
read_bracket(struct reader *r, struct jsonpath_step *s)
{
	r->at++;
	skip_blanks(r);
	if (!read_selector(r, s))
		return false;
	skip_blanks(r);
	return accept_char(r, ']') || reject(r, "expected ]");
}

static bool
read_step(struct reader *r)
{
	struct jsonpath_step	*s = &r->path->steps[r->path->n];
	bool			 dot;

	if (r->path->n == JSONPATH_STEPS)
		return reject(r, "more than 32 steps");
	*s = (struct jsonpath_step){ .begin = r->at };
	dot = accept_char(r, '.');
	s->deep = dot && accept_char(r, '.');
	r->path->n++;
	if (next_char(r) == '[')
		return read_bracket(r, s);
	if (!dot)
		return reject(r, "expected . or [");
	return next_char(r) == '*' ? read_any(r, s) : read_bare(r, s);
}

static bool
read_path(struct reader *r)
{
	if (r->text.len > JSONPATH_MAX)
		return reject(r, "longer than 256 bytes");
	if (!accept_char(r, '$'))
		return reject(r, "a JSONPath begins with $");
	while (r->at < r->text.len)
		if (!read_step(r))
			return false;
	return true;
}

bool
jsonpath_parse(struct jsonpath *p, struct slice text, char why[JSONPATH_WHY])
{
	struct reader	 r = { .text = text, .path = p, .name = p->names };

	p->n = 0;
	*why = '\0';
	if (read_path(&r))
		return true;
	(void)snprintf(why, JSONPATH_WHY, lang_text("at character %zu: %s"), r.at + 1,
	    lang_text(r.wrong));
	return false;
}
