#include <stdio.h>
#include <string.h>

#include "core/jsonpath.h"

enum { DIGITS_MAX = 9 };	/* so that an index fits an int */

/* What is being read, and where. */
struct reader {
	struct slice	 text;
	size_t		 at;
	struct jsonpath	*path;
	char		*name;		/* room for the next one */
	const char	*wrong;
};

/* It is wrong from the character at hand on. */
static bool
wrong(struct reader *r, const char *what)
{
	r->wrong = what;
	return false;
}

/* The character at hand, '\0' at the end. */
static char
look(const struct reader *r)
{
	return r->at < r->text.len ? r->text.p[r->at] : '\0';
}

static bool
take(struct reader *r, char c)
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

/* What a name can be made of where it is not in quotes; more than JavaScript's names. */
static bool
is_bare(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c == '-' || (unsigned char)c >= 0x80;
}

/* There is room: a name in the text, with its dot or quotes, is no shorter than its copy. */
static void
put(struct reader *r, char c)
{
	*r->name++ = c;
}

static bool
read_bare(struct reader *r, struct jsonpath_step *s)
{
	if (!is_bare(look(r)))
		return wrong(r, "a name or * must stand here, another kind of name as ['name']");
	s->kind = JSONPATH_NAME;
	s->name = r->name;
	for (; is_bare(look(r)); r->at++)
		put(r, look(r));
	put(r, '\0');
	return true;
}

static bool
read_quoted(struct reader *r, struct jsonpath_step *s)
{
	const char	 quote = r->text.p[r->at++];

	s->kind = JSONPATH_NAME;
	s->name = r->name;
	while (!take(r, quote)) {
		if (take(r, '\\') && look(r) != '\\' && look(r) != '\'' && look(r) != '"')
			return wrong(r, "after \\ only a quote or another \\ can stand");
		if (look(r) == '\0')
			return wrong(r, "the quote is not closed");
		put(r, r->text.p[r->at++]);
	}
	put(r, '\0');
	return true;
}

static bool
read_index(struct reader *r, struct jsonpath_step *s)
{
	const bool	 minus = take(r, '-');
	const size_t	 begin = r->at;

	s->kind = JSONPATH_INDEX;
	for (s->index = 0; is_digit(look(r)) && r->at - begin < DIGITS_MAX; r->at++)
		s->index = s->index * 10 + (look(r) - '0');
	if (r->at == begin)
		return wrong(r, "a number must stand here");
	if (minus)
		s->index = -s->index;
	return true;
}

static void
skip_blanks(struct reader *r)
{
	while (take(r, ' ') || take(r, '\t'))
		;
}

static bool
read_any(struct reader *r, struct jsonpath_step *s)
{
	r->at++;
	s->kind = JSONPATH_ANY;
	return true;
}

/* What can stand within [ ]. */
static bool
read_selector(struct reader *r, struct jsonpath_step *s)
{
	const char	 c = look(r);

	if (c == '\'' || c == '"')
		return read_quoted(r, s);
	if (c == '*')
		return read_any(r, s);
	if (c == '-' || is_digit(c))
		return read_index(r, s);
	return wrong(r, "within [ ] must stand a name in quotes, a number or *");
}

static bool
read_bracket(struct reader *r, struct jsonpath_step *s)
{
	r->at++;
	skip_blanks(r);
	if (!read_selector(r, s))
		return false;
	skip_blanks(r);
	return take(r, ']') || wrong(r, "] must stand here");
}

static bool
read_step(struct reader *r)
{
	struct jsonpath_step	*s = &r->path->steps[r->path->n];
	bool			 dot;

	if (r->path->n == JSONPATH_STEPS)
		return wrong(r, "these are too many steps");
	*s = (struct jsonpath_step){ .begin = r->at };
	dot = take(r, '.');
	s->deep = dot && take(r, '.');
	r->path->n++;
	if (look(r) == '[')
		return read_bracket(r, s);
	if (!dot)
		return wrong(r, ". or [ must stand here");
	return look(r) == '*' ? read_any(r, s) : read_bare(r, s);
}

static bool
read_path(struct reader *r)
{
	if (r->text.len > JSONPATH_MAX)
		return wrong(r, "it is longer than 256 bytes");
	if (!take(r, '$'))
		return wrong(r, "a JSONPath begins with $");
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
	(void)snprintf(why, JSONPATH_WHY, "at character %zu: %s", r.at + 1, r.wrong);
	return false;
}
