#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "packaging/conf_lexer.h"

struct lexer {
	struct conf_tokens	*t;
	const char		*p, *end;
	const char		*begin;		/* of the line */
	int			 line;
	bool			 fresh;		/* no token stands before p on this line */
	bool			 failed;	/* no memory */
};

const char *
conf_lexer_plain(char plain[2], uint32_t cp)
{
	static const struct {
		uint32_t	 first, last;
		const char	*plain;
	} chars[] = {
		{ 0x00A0, 0x00A0, " " }, { 0x00AB, 0x00AB, "\"" }, { 0x00B4, 0x00B4, "\"" },
		{ 0x00B7, 0x00B7, "." }, { 0x00BB, 0x00BB, "\"" }, { 0x2000, 0x200A, " " },
		{ 0x200B, 0x200F, "" }, { 0x2010, 0x2015, "-" }, { 0x2018, 0x201F, "\"" },
		{ 0x2026, 0x2026, "" }, { 0x2028, 0x202E, "" }, { 0x202F, 0x202F, " " },
		{ 0x2032, 0x2037, "\"" }, { 0x205F, 0x205F, " " }, { 0x2060, 0x2064, "" },
		{ 0x2212, 0x2212, "-" }, { 0x3000, 0x3000, " " }, { 0x3001, 0x3001, "," },
		{ 0x3002, 0x3002, "." }, { 0x3008, 0x300B, "\"" }, { 0x300C, 0x300F, "\"" },
		{ 0x3010, 0x3010, "{" }, { 0x3011, 0x3011, "}" }, { 0x301D, 0x301F, "\"" },
		{ 0xFE50, 0xFE50, "," }, { 0xFEFF, 0xFEFF, "" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(chars) / sizeof(chars[0]); i++)
		if (cp >= chars[i].first && cp <= chars[i].last)
			return chars[i].plain;
	if (cp < 0xFF01 || cp > 0xFF5E)
		return NULL;
	plain[0] = (char)(cp - 0xFF01 + '!');
	plain[1] = '\0';
	return plain;
}

static int
column_of(const struct lexer *l, const char *at)
{
	const char	*p;
	int		 column = 1;

	for (p = l->begin; p != at; p++)
		column += ((unsigned char)*p & 0xC0) != 0x80;
	return column;
}

/* Appends a token that begins at `at`, in the line that the lexer is in. */
static struct conf_token *
append_token(struct lexer *l, enum conf_token_kind kind, const char *at, size_t len)
{
	struct conf_tokens	*t = l->t;
	struct conf_token	*more;

	if ((t->n & (t->n - 1)) == 0) {		/* a power of two: twice as many */
		more = realloc(t->v, (t->n == 0 ? 1 : t->n * 2) * sizeof(*more));
		if (more == NULL) {
			l->failed = true;
			return NULL;
		}
		t->v = more;
	}
	more = &t->v[t->n++];
	*more = (struct conf_token){ .kind = kind, .text = { at, len }, .line = l->line,
	    .column = column_of(l, at) };
	l->fresh = false;
	return more;
}

static void
pass_line_end(struct lexer *l)
{
	l->p++;
	l->line++;
	l->begin = l->p;
	l->fresh = true;
}

static bool
is_at(const struct lexer *l, const char *word)
{
	const size_t	 len = strlen(word);

	return (size_t)(l->end - l->p) >= len && memcmp(l->p, word, len) == 0;
}

/* Appends a token that began where the lexer was at `begin`, perhaps in an earlier line. */
static void
append_from(struct lexer *l, const struct lexer *begin, enum conf_token_kind kind, size_t len)
{
	const struct lexer	 now = *l;

	l->line = begin->line;
	l->begin = begin->begin;
	(void)append_token(l, kind, begin->p, len);
	l->line = now.line;
	l->begin = now.begin;
}

/* Passes a comment.  A token stands for one that is not right. */
static void
pass_comment(struct lexer *l)
{
	const struct lexer	 at = *l;
	bool			 nested = false;

	for (l->p += 2; l->p != l->end && !is_at(l, "*/"); ) {
		nested = nested || is_at(l, "/*");
		if (*l->p == '\n')
			pass_line_end(l);
		else
			l->p++;
	}
	l->fresh = at.fresh;
	if (l->p == l->end || nested)
		append_from(l, &at, CONF_OPEN_COMMENT, 2);
	if (l->p != l->end)
		l->p += 2;
}

/*
 * Passes a line, with those that a backslash at its end adds.  comments: one can begin in it, and
 * end in a later line.
 */
static void
pass_rest_of_line(struct lexer *l, bool comments)
{
	while (l->p != l->end && *l->p != '\n') {
		if (comments && is_at(l, "/*")) {
			pass_comment(l);
			continue;
		}
		if (is_at(l, "\\\r\n"))
			l->p++;
		if (is_at(l, "\\\n")) {
			l->p++;
			pass_line_end(l);
		} else if (l->p != l->end) {
			l->p++;
		}
	}
}

static struct slice
read_word(struct lexer *l)
{
	const char	*at;

	while (l->p != l->end && (*l->p == ' ' || *l->p == '\t'))
		l->p++;
	for (at = l->p; l->p != l->end && (isalnum((unsigned char)*l->p) || *l->p == '_'); )
		l->p++;
	return (struct slice){ at, (size_t)(l->p - at) };
}

static bool
is_word(struct slice word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (slice_is(word, *words))
			return true;
	return false;
}

static const char *const	 opening[] = { "if", "ifdef", "ifndef", NULL };
static const char *const	 others[] = { "else", "elif", "elifdef", "elifndef", NULL };

/* Passes the lines of a part that does not count, up to its #endif, or to an #else that counts. */
static void
skip_part(struct lexer *l, bool else_counts)
{
	struct slice	 word;
	int		 depth = 0;

	while (l->p != l->end) {
		pass_rest_of_line(l, true);
		if (l->p == l->end)
			return;
		pass_line_end(l);
		while (l->p != l->end && (*l->p == ' ' || *l->p == '\t'))
			l->p++;
		if (l->p == l->end || *l->p != '#')
			continue;
		l->p++;
		word = read_word(l);
		if (is_word(word, opening))
			depth++;
		else if (depth == 0 && (slice_is(word, "endif") ||
		    (else_counts && is_word(word, others))))
			break;
		else if (slice_is(word, "endif"))
			depth--;
	}
	pass_rest_of_line(l, true);
}

static void
read_directive(struct lexer *l)
{
	const char		*at = l->p++;
	struct slice		 word = read_word(l), next;
	struct conf_token	*t;

	if ((t = append_token(l, CONF_DIRECTIVE, at, 1)) == NULL)
		return;
	t->text = word;
	if (is_word(word, others)) {
		skip_part(l, false);
		return;
	}
	next = read_word(l);
	t->defines = slice_is(word, "define") ? next : (struct slice){ NULL, 0 };
	l->t->includes = l->t->includes || slice_is(word, "include");
	if (slice_is(word, "if") && slice_is(next, "0"))
		skip_part(l, true);
	else
		pass_rest_of_line(l, true);
}

/* Reads a string, or text in single quotes.  It can go on behind a backslash that ends a line. */
static void
read_quoted(struct lexer *l, char quote)
{
	const struct lexer	 at = *l;
	bool			 closed;

	l->p++;
	while (l->p != l->end && *l->p != quote && *l->p != '\n') {
		if (*l->p == '\\' && l->p + 1 != l->end)
			l->p++;
		if (is_at(l, "\r\n") && l->p[-1] == '\\')
			l->p++;
		if (*l->p == '\n')
			pass_line_end(l);
		else
			l->p++;
	}
	closed = l->p != l->end && *l->p == quote;
	l->p += closed;
	append_from(l, &at, quote == '\'' ? CONF_SINGLE : closed ? CONF_STRING :
	    CONF_OPEN_STRING, (size_t)(l->p - at.p));
}

static void
read_name(struct lexer *l)
{
	const char	*at = l->p;

	while (l->p != l->end && (isalnum((unsigned char)*l->p) || *l->p == '_'))
		l->p++;
	(void)append_token(l, CONF_NAME_TOKEN, at, (size_t)(l->p - at));
}

static void
read_number(struct lexer *l)
{
	const char	*at = l->p;

	while (l->p != l->end && (isalnum((unsigned char)*l->p) || *l->p == '_' ||
	    (*l->p == '.' && l->p + 1 != l->end && isalnum((unsigned char)l->p[1]))))
		l->p++;
	(void)append_token(l, CONF_NUMBER, at, (size_t)(l->p - at));
}

/* Reads characters that are not ASCII: one that stands for a mark, or a word. */
static void
read_odd(struct lexer *l)
{
	const char		*at = l->p, *p;
	char			 plain[2];
	bool			 valid, mark = true;
	uint32_t		 cp = 0, first = 0;
	const char		*as;
	struct conf_token	*t;

	for (p = at; p != l->end && (unsigned char)*p >= 0x80; ) {
		l->p = p;
		cp = utf8_next(&p, l->end, &valid);
		as = conf_lexer_plain(plain, cp);
		mark = as != NULL && !isalnum((unsigned char)*as) && strcmp(as, "_") != 0;
		if (l->p == at)
			first = cp;
		else if (mark)
			break;
		l->p = p;
		if (mark)
			break;
	}
	if ((t = append_token(l, CONF_ODD, at, (size_t)(l->p - at))) != NULL)
		t->cp = first;
}

static void
read_token(struct lexer *l)
{
	const unsigned char	 c = (unsigned char)*l->p;

	if (c == '\n')
		pass_line_end(l);
	else if (isspace(c) || is_at(l, "\\\n") || is_at(l, "\\\r\n"))
		l->p++;
	else if (is_at(l, "//"))
		pass_rest_of_line(l, false);
	else if (is_at(l, "/*"))
		pass_comment(l);
	else if (is_at(l, "*/"))
		(void)append_token(l, CONF_COMMENT_END, l->p, 2), l->p += 2;
	else if (c == '#' && l->fresh)
		read_directive(l);
	else if (c == '"' || c == '\'')
		read_quoted(l, (char)c);
	else if (isalpha(c) || c == '_')
		read_name(l);
	else if (isdigit(c))
		read_number(l);
	else if (c >= 0x80)
		read_odd(l);
	else
		(void)append_token(l, CONF_MARK, l->p, 1), l->p++;
}

bool
conf_lexer_read(struct conf_tokens *t, struct slice text)
{
	struct lexer	 l = { t, text.p, text.p + text.len, text.p, 1, true, false };

	*t = (struct conf_tokens){ .v = NULL };
	if (is_at(&l, "\xEF\xBB\xBF"))		/* a byte order mark */
		l.begin = l.p += 3;
	while (l.p != l.end && !l.failed)
		read_token(&l);
	return !l.failed && append_token(&l, CONF_END, l.end, 0) != NULL;
}

void
conf_lexer_free(struct conf_tokens *t)
{
	free(t->v);
	*t = (struct conf_tokens){ .v = NULL };
}
