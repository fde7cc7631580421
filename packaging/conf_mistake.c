#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/nearest.h"
#include "core/utf8.h"
#include "packaging/conf_fields.h"
#include "packaging/conf_lexer.h"
#include "packaging/conf_mistake.h"

enum { FIELDS = 128, NEVER = INT_MAX - 1 };

/* What conf_mistake_line() looks for. */
struct place {
	int		 i;
	struct slice	 field;
	int		 line;
};

struct reader {
	struct conf_tokens	 tokens;
	const struct conf_token	*t;		/* the next token */
	struct conf_mistake	*m;
	struct place		*place;		/* NULL: it is not asked for */
	int			 accounts;	/* so many have begun; -1: there is no array yet */
	bool			 settings;	/* they have begun */
	bool			 unsure;	/* a macro stands where an account could */
};

/* The braces of an account or of the settings. */
struct block {
	enum conf_in		 in;
	const struct conf_token	*begin;
	struct conf_token	 seen[FIELDS];	/* the names of its fields so far */
	size_t			 n;
};

static const char *const	 block_names[] = {
	[CONF_IN_ACCOUNT] = "an account", [CONF_IN_SETTINGS] = "the settings",
	[CONF_IN_RELAY] = "a relay",
};

/* Always false, so that a function can return it. */
static bool	complain_at(struct reader *r, const struct conf_token *t, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));

static bool
complain_at(struct reader *r, const struct conf_token *t, const char *fmt, ...)
{
	va_list	 ap;

	r->m->line = t->line;
	r->m->column = t->column;
	va_start(ap, fmt);
	(void)vsnprintf(r->m->text, sizeof(r->m->text), fmt, ap);
	va_end(ap);
	utf8_mask(r->m->text);
	return false;
}

static bool
is_mark(const struct conf_token *t, char c)
{
	return t->kind == CONF_MARK && *t->text.p == c;
}

static bool
is_name(const struct conf_token *t, const char *name)
{
	return t->kind == CONF_NAME_TOKEN && slice_is(t->text, name);
}

/* A declaration begins here. */
static bool
is_declaration(const struct conf_token *t)
{
	return is_name(t, "static") || is_name(t, "struct") || is_name(t, "const");
}

/* True: the line before the last token's end has a new one, so that a token there is the last. */
static bool
is_on_next_line(const struct conf_token *t)
{
	return t[-1].line != t->line;
}

/* True: the file defines the name, outside of the accounts and settings, or another file may. */
static bool
is_defined(const struct reader *r, struct slice name)
{
	size_t	 i;

	for (i = 0; i < r->tokens.n; i++)
		if (r->tokens.v[i].defines.len == name.len && name.len != 0 &&
		    memcmp(r->tokens.v[i].defines.p, name.p, name.len) == 0)
			return true;
	return r->tokens.includes;
}

/*
 * Characters that no C has.
 */

static const char *
what_odd(const char *plain)
{
	if (*plain == '"')
		return "a quote that is not the plain one";
	if (*plain == '-')
		return "a dash that is not the minus";
	return plain[1] == '\0' ? "a full-width character" : "full-width characters";
}

static bool
complain_odd(struct reader *r, const struct conf_token *t)
{
	char		 one[2];
	const char	*p = t->text.p, *end = p + t->text.len, *plain;
	char		 word[64] = "";
	size_t		 len = 0;
	bool		 valid, all = true;
	uint32_t	 cp;

	while (p != end && len + 2 < sizeof(word)) {
		cp = utf8_next(&p, end, &valid);
		if (!valid)
			return complain_at(r, t, "this is not UTF-8; save the file as UTF-8, or "
			    "run: iconv -f GBK -t UTF-8");
		if ((plain = conf_lexer_plain(one, cp)) == NULL)
			all = false;
		else
			len += (size_t)snprintf(word + len, sizeof(word) - len, "%s", plain);
	}
	if (!all)
		return complain_at(r, t, "text outside of quotes and comments; write a value as "
		    "\"...\" and a comment as /* ... */");
	if (*word == '\0')
		return complain_at(r, t, "a character that cannot be seen (U+%04X); delete it",
		    (unsigned)t->cp);
	if (*word == ' ')
		return complain_at(r, t, "a blank that is not a plain one (U+%04X); delete it and "
		    "type a blank", (unsigned)t->cp);
	return complain_at(r, t, "%s, %.*s; write %s", what_odd(word), (int)t->text.len, t->text.p,
	    word);
}

/*
 * What must not stand anywhere.
 */

static bool
is_directive_known(struct slice name)
{
	static const char *const	 names[] = {
		"if", "ifdef", "ifndef", "elif", "else", "endif", "define", "undef", "include",
		"pragma", "error", "warning", "line", "",
	};
	size_t	 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

static bool
has_typographic_quote(struct slice text)
{
	const char	*p = text.p, *end = p + text.len, *plain;
	char		 one[2];
	bool		 valid;

	while (p != end)
		if ((plain = conf_lexer_plain(one, utf8_next(&p, end, &valid))) != NULL &&
		    *plain == '"' && (unsigned char)p[-1] >= 0x80)
			return true;
	return false;
}

static bool
is_end_quote_missing(const struct reader *r, const struct conf_token *t)
{
	const struct conf_token	*before = t == r->tokens.v ? t : t - 1;

	return is_mark(before, '=') || is_mark(before, '{') || is_mark(before, ',') ||
	    before->line != t->line;
}

static bool
complain_open_string(struct reader *r, const struct conf_token *t)
{
	if (has_typographic_quote(t->text))
		return complain_at(r, t, "the text that begins here ends with a quote that is not "
		    "the plain one; write \" there");
	if (is_end_quote_missing(r, t))
		return complain_at(r, t, "the quote at the end of this text is missing; write "
		    "\"...\" and then a comma");
	return complain_at(r, t, "this quote has no partner in this line; write a text as \"...\", "
	    "and a \" inside it as \\\"");
}

/* True: the token may stand somewhere. */
static bool
check_token(struct reader *r, const struct conf_token *t)
{
	switch (t->kind) {
	case CONF_ODD:
		return complain_odd(r, t);
	case CONF_OPEN_STRING:
		return complain_open_string(r, t);
	case CONF_OPEN_COMMENT:
		return complain_at(r, t, "the end of this comment is missing; write */ there");
	case CONF_COMMENT_END:
		return complain_at(r, t, "a comment ends that has not begun; write /* before it, or "
		    "delete */");
	case CONF_DIRECTIVE:
		return is_directive_known(t->text) || complain_at(r, t, "# does not begin a "
		    "comment; write /* ... */");
	case CONF_MARK:
		if (is_mark(t, '-') && is_mark(t + 1, '-'))
			return complain_at(r, t, "-- does not begin a comment; write /* ... */");
		if (is_mark(t, '<') && is_mark(t + 1, '!'))
			return complain_at(r, t, "<!-- does not begin a comment; write /* ... */");
		return true;
	case CONF_SINGLE:
		return complain_at(r, t, "single quotes; write \"...\"");
	case CONF_END:
	case CONF_NAME_TOKEN:
	case CONF_NUMBER:
	case CONF_STRING:
		break;
	}
	return true;
}

/* Passes directives.  False: what comes then must not stand anywhere. */
static bool
look_at_next(struct reader *r)
{
	while (r->t->kind == CONF_DIRECTIVE) {
		if (!check_token(r, r->t))
			return false;
		r->t++;
	}
	return check_token(r, r->t);
}

/*
 * Values.
 */

static bool
has_word(const char *words, struct slice word)
{
	size_t	 len;

	for (; *words != '\0'; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if (len == word.len && memcmp(words, word.p, len) == 0)
			return true;
	}
	return false;
}

/* A word that is not one of the field's. */
static bool
complain_word(struct reader *r, const struct conf_token *t, const struct conf_field *f,
    struct slice word, const char *what)
{
	const char	*p;
	struct nearest	 n;
	size_t		 len;

	nearest_begin(&n, word);
	for (p = f->words; *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		nearest_try(&n, (struct slice){ p, len }, p);
	}
	if (n.best != NULL)
		return complain_at(r, t, "%s%.*s; write %.*s", what, (int)word.len, word.p,
		    (int)strcspn(n.best, " "), n.best);
	return complain_at(r, t, "%s%.*s; it is one of: %s", what, (int)word.len, word.p, f->words);
}

/* "true" and the like; -1: the word is not one of them. */
static int
truth_of(struct slice word)
{
	static const struct {
		const char	*word;
		int		 truth;
	} words[] = {
		{ "true", 1 }, { "yes", 1 }, { "on", 1 }, { "enable", 1 }, { "enabled", 1 },
		{ "y", 1 }, { "false", 0 }, { "no", 0 }, { "off", 0 }, { "disable", 0 },
		{ "disabled", 0 }, { "n", 0 }, { "null", 0 }, { "none", 0 },
	};
	char	 lower[16];
	size_t	 i;

	if (word.len >= sizeof(lower))
		return -1;
	for (i = 0; i < word.len; i++)
		lower[i] = (char)tolower((unsigned char)word.p[i]);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(words[i].word, lower, word.len) == 0 &&
		    words[i].word[word.len] == '\0')
			return words[i].truth;
	return -1;
}

static size_t
digits_of(struct slice text)
{
	size_t	 n;

	for (n = 0; n < text.len && isdigit((unsigned char)text.p[n]); n++)
		;
	return n;
}

static bool
check_number(struct reader *r, const struct conf_token *t, const struct conf_field *f)
{
	struct slice	 inner = { t->text.p + 1, t->text.len - 2 };
	int		 truth;

	switch (t->kind) {
	case CONF_STRING:
		if (inner.len != 0 && digits_of(inner) == inner.len)
			return complain_at(r, t, ".%s is a number, which has no quotes; write %.*s",
			    f->name, (int)inner.len, inner.p);
		if ((truth = truth_of(inner)) != -1)
			return complain_at(r, t, ".%s is a number; write %d", f->name, truth);
		return complain_at(r, t, ".%s is a number; write one, without quotes", f->name);
	case CONF_NAME_TOKEN:
		if (is_defined(r, t->text) || slice_is(t->text, "true") ||
		    slice_is(t->text, "false") || slice_is(t->text, "sizeof"))
			return true;
		if ((truth = truth_of(t->text)) != -1)
			return complain_at(r, t, ".%s is a number; write %d", f->name, truth);
		return complain_at(r, t, ".%s is a number; write one", f->name);
	case CONF_NUMBER:
		if (memchr(t->text.p, '.', t->text.len) != NULL)
			return complain_at(r, t, ".%s is a whole number; write one without a point",
			    f->name);
		if (strspn(t->text.p + digits_of(t->text), "uUlL") + digits_of(t->text) <
		    t->text.len && strncmp(t->text.p, "0x", 2) != 0)
			return complain_at(r, t, ".%s is a number; write %.*s, without %.*s", f->name,
			    (int)digits_of(t->text), t->text.p,
			    (int)(t->text.len - digits_of(t->text)), t->text.p + digits_of(t->text));
		if (t[1].kind == CONF_NUMBER)
			return complain_at(r, t, ".%s is one number; write %.*s%.*s", f->name,
			    (int)t->text.len, t->text.p, (int)t[1].text.len, t[1].text.p);
		if (t[1].kind == CONF_NAME_TOKEN)
			return is_mark(t + 2, '=') || is_mark(t + 2, ':') || is_on_next_line(t + 1) ||
			    is_defined(r, t[1].text) || complain_at(r, t + 1, ".%s is a number "
			    "without a unit; remove %.*s", f->name, (int)t[1].text.len,
			    t[1].text.p);
		return true;
	case CONF_ODD:
		return complain_odd(r, t);
	default:
		return true;
	}
}

/* True: each backslash in a string begins something that C knows. */
static bool
check_backslashes(struct reader *r, const struct conf_token *t)
{
	size_t	 i;

	for (i = 1; i + 1 < t->text.len; i++)
		if (t->text.p[i] == '\\' && strchr("\\\"'?abfnrtvxuU01234567\r\n", t->text.p[++i]) == NULL)
			return complain_at(r, t, "a backslash in this text; write / in a path, and "
			    "\\\\ for a backslash");
	return true;
}

/* True: this line has an open string behind t. */
static bool
is_quote_later(const struct conf_token *t)
{
	const struct conf_token	*u;

	for (u = t; u->kind != CONF_END && u->line == t->line; u++)
		if (u->kind == CONF_OPEN_STRING)
			return true;
	return false;
}

static bool
complain_no_quotes(struct reader *r, const struct conf_token *t, const struct conf_field *f)
{
	if (is_quote_later(t))
		return complain_at(r, t, "the quote at the beginning of this text is missing; write "
		    "\"...\"");
	return complain_at(r, t, ".%s is a text, which needs quotes; write \"...\"", f->name);
}

static bool
check_text_value(struct reader *r, const struct conf_token *t, const struct conf_field *f)
{
	char		 one[2];
	const char	*plain;
	int		 truth;

	switch (t->kind) {
	case CONF_STRING:
		return check_backslashes(r, t);
	case CONF_NAME_TOKEN:
		if (slice_is(t->text, "NULL") || (is_defined(r, t->text) && !is_quote_later(t)))
			return true;
		truth = truth_of(t->text);
		if (truth == 0 || slice_is(t->text, "nil") || slice_is(t->text, "undefined"))
			return complain_at(r, t, "%.*s; write NULL if there is no value",
			    (int)t->text.len, t->text.p);
		return complain_no_quotes(r, t, f);
	case CONF_NUMBER:
		return (slice_is(t->text, "0") && !is_quote_later(t)) ||
		    complain_no_quotes(r, t, f);
	case CONF_MARK:
		return strchr("({", *t->text.p) != NULL || complain_no_quotes(r, t, f);
	case CONF_ODD:
		plain = conf_lexer_plain(one, t->cp);
		return plain == NULL || isalnum((unsigned char)*plain) ?
		    complain_no_quotes(r, t, f) : complain_odd(r, t);
	default:
		return true;
	}
}

static bool
check_word_value(struct reader *r, const struct conf_token *t, const struct conf_field *f)
{
	switch (t->kind) {
	case CONF_STRING:
		return complain_word(r, t, f, (struct slice){ t->text.p + 1, t->text.len - 2 },
		    "this word has no quotes: ");
	case CONF_SINGLE:
		return complain_word(r, t, f, (struct slice){ t->text.p + 1, t->text.len - 1 -
		    (t->text.len > 1) }, "this word has no quotes: ");
	case CONF_NAME_TOKEN:
		return has_word(f->words, t->text) || is_defined(r, t->text) ||
		    complain_word(r, t, f, t->text, "there is no ");
	default:
		return true;
	}
}

/* Checks the first token of a value. */
static bool
check_value(struct reader *r, const struct conf_field *f)
{
	const struct conf_token	*t = r->t;

	if (is_mark(t, ',') || is_mark(t, '}') || is_mark(t, ';') || t->kind == CONF_END ||
	    (is_mark(t, '.') && t[1].kind == CONF_NAME_TOKEN))
		return complain_at(r, t, ".%s has no value; write one, or delete the line", f->name);
	if (is_mark(t, '='))
		return complain_at(r, t, "one = too many; delete it");
	switch (f->type) {
	case CONF_FIELD_NUMBER:
		return check_number(r, t, f);
	case CONF_FIELD_WORD:
		return check_word_value(r, t, f);
	case CONF_FIELD_RELAYS:
		return is_mark(t, '{') || complain_at(r, t, ".%s has braces, and the braces of "
		    "each relay in them; write .%s = { { .url = \"...\" } },", f->name, f->name);
	case CONF_FIELD_TEXT:
		break;
	}
	return check_text_value(r, t, f);
}

static const struct conf_field *
find_field(enum conf_in in, struct slice name)
{
	const struct conf_field	*f;

	for (f = conf_fields; f->name != NULL; f++)
		if (f->in == in && slice_is(name, f->name))
			return f;
	return NULL;
}

/* A field begins here, whose dot or comma may be missing. */
static bool
is_field_begin(const struct conf_token *t)
{
	if (is_mark(t, '.'))
		return t[1].kind == CONF_NAME_TOKEN;
	return t->kind == CONF_NAME_TOKEN && is_on_next_line(t) && (is_mark(t + 1, '=') ||
	    is_mark(t + 1, ':')) && (find_field(CONF_IN_ACCOUNT, t->text) != NULL ||
	    find_field(CONF_IN_SETTINGS, t->text) != NULL ||
	    find_field(CONF_IN_RELAY, t->text) != NULL);
}

static bool
complain_unclosed(struct reader *r, const struct block *b)
{
	return complain_at(r, r->t, "} is missing before this; the braces of %s, which begin in "
	    "line %d, must end first", block_names[b->in], b->begin->line);
}

/* What ends a value wrongly. */
static bool
check_value_end(struct reader *r, const struct block *b)
{
	const struct conf_token	*t = r->t;

	if (is_field_begin(t))
		return complain_at(r, t - 1, "a comma is missing behind this value; write , at its "
		    "end");
	if (is_mark(t, ';'))
		return complain_at(r, t, "; behind a value; write ,");
	if (is_mark(t, '{') || t->kind == CONF_END || is_declaration(t))
		return complain_unclosed(r, b);
	if (is_mark(t, ']'))
		return complain_at(r, t, "] where braces end; write }");
	return true;
}

/* Passes a value, up to the comma or brace behind it. */
static bool
read_value(struct reader *r, const struct block *b, const struct conf_field *f)
{
	int	 depth = 0;

	if (r->t->kind != CONF_SINGLE && r->t->kind != CONF_ODD && !look_at_next(r))
		return false;
	if (f != NULL && !check_value(r, f))
		return false;
	for (;;) {
		if (!look_at_next(r))
			return false;
		if (depth == 0 && (is_mark(r->t, ',') || is_mark(r->t, '}')))
			return true;
		if (r->t->kind == CONF_END || (depth == 0 && !check_value_end(r, b)))
			return r->t->kind == CONF_END ? complain_unclosed(r, b) : false;
		if (is_mark(r->t, '(') || is_mark(r->t, '{'))
			depth++;
		else if (is_mark(r->t, ')') || is_mark(r->t, '}'))
			depth--;
		r->t++;
	}
}

/*
 * Fields.
 */

/* A name with dashes in it, which are tokens of their own: "aes-key". */
static struct slice
dashed_name(const struct conf_token *t)
{
	struct slice	 name = t->text;

	while (is_mark(t + 1, '-') && t[2].kind == CONF_NAME_TOKEN &&
	    t[2].text.p == name.p + name.len + 1) {
		t += 2;
		name.len += 1 + t->text.len;
	}
	return name;
}

/* What the consoles of WeChat and QT call a field. */
static void
try_console_names(struct nearest *n, enum conf_in in)
{
	static const struct {
		const char	*name, *field;
	} names[] = {
		{ "EncodingAESKey", "aes_key" }, { "encoding_aes_key", "aes_key" },
		{ "AppSecret", "secret" }, { "app_secret", "secret" }, { "url", "qt_url" },
		{ "server_url", "qt_url" }, { "application_key", "app_key" },
	};
	size_t	 i;

	for (i = 0; in == CONF_IN_ACCOUNT && i < sizeof(names) / sizeof(names[0]); i++)
		nearest_try(n, slice_of(names[i].name), names[i].field);
}

static bool
complain_unknown_field(struct reader *r, const struct conf_token *t, enum conf_in in)
{
	const enum conf_in	 other = in == CONF_IN_ACCOUNT ? CONF_IN_SETTINGS : CONF_IN_ACCOUNT;
	const struct slice	 name = dashed_name(t);
	const struct conf_field	*f;
	struct nearest		 n;

	if (find_field(other, t->text) != NULL)
		return complain_at(r, t, ".%.*s is a field of %s; move it there", (int)t->text.len,
		    t->text.p, block_names[other]);
	nearest_begin(&n, name);
	try_console_names(&n, in);
	for (f = conf_fields; f->name != NULL; f++)
		if (f->in == in)
			nearest_try_text(&n, f->name);
	if (n.best != NULL)
		return complain_at(r, t, "there is no field .%.*s; write .%s", (int)name.len,
		    name.p, n.best);
	for (f = conf_fields; f->name != NULL; f++)
		if (f->in == other)
			nearest_try_text(&n, f->name);
	if (n.best != NULL)
		return complain_at(r, t, "there is no field .%.*s; .%s is a field of %s",
		    (int)t->text.len, t->text.p, n.best, block_names[other]);
	return complain_at(r, t, "there is no field .%.*s in %s; qtoa-config(5) has all",
	    (int)t->text.len, t->text.p, block_names[in]);
}

static bool
check_repeat(struct reader *r, struct block *b, const struct conf_token *name)
{
	size_t	 i;

	for (i = 0; i < b->n; i++)
		if (b->seen[i].text.len == name->text.len &&
		    memcmp(b->seen[i].text.p, name->text.p, name->text.len) == 0)
			return complain_at(r, name, ".%.*s is here twice, first in line %d; delete "
			    "one, or begin the next account with }, {", (int)name->text.len,
			    name->text.p, b->seen[i].line);
	if (b->n < FIELDS)
		b->seen[b->n++] = *name;
	return true;
}

/* What stands between a field's name and its value. */
static bool
read_equals(struct reader *r, const struct conf_token *name)
{
	if (r->t->kind == CONF_ODD)
		return complain_odd(r, r->t);
	if (is_mark(r->t, ':'))
		return complain_at(r, r->t, ": behind .%.*s; write =", (int)name->text.len,
		    name->text.p);
	if (!is_mark(r->t, '='))
		return complain_at(r, r->t, "= is missing behind .%.*s; write .%.*s = VALUE,",
		    (int)name->text.len, name->text.p, (int)name->text.len, name->text.p);
	r->t++;
	if (is_mark(r->t, '=') || is_mark(r->t, '>'))
		return complain_at(r, r->t, "=%c; write =", *r->t->text.p);
	return true;
}

static void
note_place(struct reader *r, const struct block *b, const struct conf_token *name)
{
	const int	 i = b->in == CONF_IN_ACCOUNT ? r->accounts - 1 : -1;

	if (b->in == CONF_IN_RELAY)
		return;
	if (r->place != NULL && r->place->i == i && r->place->field.len == name->text.len &&
	    memcmp(r->place->field.p, name->text.p, name->text.len) == 0)
		r->place->line = name->line;
}

static bool	read_block(struct reader *r, enum conf_in in);

/* Reads the braces of all relays of an account. */
static bool
read_relays(struct reader *r, const struct block *b, const struct conf_field *f)
{
	const struct conf_token	*begin = r->t++;
	int			 n = 0;

	while (look_at_next(r)) {
		if (is_mark(r->t, '}')) {
			r->t++;
			return true;
		}
		if (is_mark(r->t, '{')) {
			if (n++ == atoi(f->words))
				return complain_at(r, r->t, "an account has up to %s relays; "
				    "delete this one", f->words);
			if (!read_block(r, CONF_IN_RELAY))
				return false;
			if (is_mark(r->t, '{'))
				return complain_at(r, r->t - 1, "a comma is missing behind this "
				    "relay; write },");
		} else if (is_mark(r->t, '.')) {
			return complain_at(r, r->t, "each relay has braces of its own; write { "
			    "before its first field, and }, behind its last");
		} else if (r->t->kind == CONF_END || is_mark(r->t, ';') || is_declaration(r->t)) {
			return complain_at(r, r->t, "} is missing before this; the relays, which "
			    "begin in line %d, must end first", begin->line);
		} else if (!read_value(r, b, NULL)) {
			return false;
		}
		if (is_mark(r->t, ','))
			r->t++;
	}
	return false;
}

/* Reads a field from its name on. */
static bool
read_field(struct reader *r, struct block *b)
{
	const struct conf_token	*name = r->t;
	const struct conf_field	*f = NULL;

	if (name->kind == CONF_ODD)
		return complain_odd(r, name);
	if (name->kind != CONF_NAME_TOKEN)
		return complain_at(r, name, "a field has no name here; write .NAME = VALUE,");
	if ((f = find_field(b->in, name->text)) == NULL && !is_defined(r, name->text))
		return complain_unknown_field(r, name, b->in);
	if (!check_repeat(r, b, name))
		return false;
	note_place(r, b, name);
	if (dashed_name(name).len != name->text.len)
		return complain_unknown_field(r, name, b->in);
	r->t++;
	if (!read_equals(r, name))
		return false;
	return f != NULL && f->type == CONF_FIELD_RELAYS && is_mark(r->t, '{') ?
	    read_relays(r, b, f) : read_value(r, b, f);
}

/* Says what is wrong with something that stands where a field should begin. */
static bool
complain_no_field(struct reader *r, const struct block *b)
{
	const struct conf_token	*t = r->t;
	const struct slice	 inner = { t->text.p + 1, t->text.len > 2 ? t->text.len - 2 : 0 };

	if (is_mark(t, ','))
		return complain_at(r, t, "one comma too many; delete it");
	if (is_mark(t, '{') || is_mark(t, ';') || t->kind == CONF_END || is_declaration(t))
		return complain_unclosed(r, b);
	if (is_mark(t, ']') || is_mark(t, ')'))
		return complain_at(r, t, "%c where braces end; write }", *t->text.p);
	if (t->kind == CONF_STRING && (find_field(b->in, inner) != NULL || is_mark(t + 1, ':')))
		return complain_at(r, t, "a name of a field has no quotes; write .%.*s = VALUE,",
		    (int)inner.len, inner.p);
	if (t->kind == CONF_NUMBER)
		return complain_at(r, t, "a comma inside of a number, or a value without a field; "
		    "write a number without commas");
	if (t->kind == CONF_NAME_TOKEN && (is_mark(t + 1, '=') || is_mark(t + 1, ':') ||
	    find_field(b->in, t->text) != NULL))
		return complain_at(r, t, "a field begins with a dot; write .%.*s = VALUE,",
		    (int)t->text.len, t->text.p);
	return true;
}

/* Reads the braces of an account or of the settings, with the fields in them. */
static bool
read_block(struct reader *r, enum conf_in in)
{
	struct block	 b = { .in = in, .begin = r->t++ };

	if (r->place != NULL && in != CONF_IN_RELAY &&
	    r->place->i == (in == CONF_IN_ACCOUNT ? r->accounts - 1 : -1))
		r->place->line = b.begin->line;
	while (look_at_next(r)) {
		if (is_mark(r->t, '}')) {
			r->t++;
			return true;
		}
		if (is_mark(r->t, '.')) {
			r->t++;
			if (!read_field(r, &b))
				return false;
		} else if (!complain_no_field(r, &b) || !read_value(r, &b, NULL)) {
			return false;
		}
		if (is_mark(r->t, ','))
			r->t++;
	}
	return false;
}

/*
 * Declarations.
 */

/* Behind the braces of an account. */
static bool
read_between_accounts(struct reader *r)
{
	if (!look_at_next(r))
		return false;
	if (is_mark(r->t, ',')) {
		r->t++;
		return true;
	}
	if (is_mark(r->t, '{'))
		return complain_at(r, r->t - 1, "a comma is missing behind this account; write },");
	if (is_mark(r->t, ';') || r->t->kind == CONF_END || is_declaration(r->t))
		return complain_at(r, r->t, "the } of the accounts is missing before this; write },"
		    " and then };");
	return true;
}

/* Reads the braces of all accounts. */
static bool
read_accounts(struct reader *r)
{
	const struct conf_token	*begin = r->t++;

	while (look_at_next(r) && !is_mark(r->t, '}')) {
		if (is_mark(r->t, '{')) {
			r->accounts++;
			if (!read_block(r, CONF_IN_ACCOUNT) || !read_between_accounts(r))
				return false;
		} else if (is_mark(r->t, '.')) {
			return complain_at(r, r->t, "each account has braces of its own; write { "
			    "before its first field, and }, behind its last");
		} else if (is_mark(r->t, ';') || r->t->kind == CONF_END || is_declaration(r->t)) {
			return complain_at(r, r->t, "} is missing before this; the accounts, which "
			    "begin in line %d, must end with };", begin->line);
		} else if (is_mark(r->t, ',') || is_mark(r->t, ']')) {
			return complain_at(r, r->t, is_mark(r->t, ',') ? "one comma too many; "
			    "delete it" : "] where braces end; write }");
		} else {
			r->unsure = true;
			r->t += is_mark(r->t, '[') && r->t[1].kind == CONF_NUMBER ? 3 : 1;
		}
	}
	if (*r->m->text != '\0')
		return false;
	if (r->accounts == 0 && !r->unsure)
		return complain_at(r, begin, "there is no account; write one between these braces, "
		    "as in config.h");
	r->t++;
	return true;
}

/* Reads what is between the name and the value: "[] =". */
static bool
read_declarator(struct reader *r, enum conf_in in)
{
	bool	 array = false;

	for (;; r->t++) {
		if (!look_at_next(r))
			return false;
		if (is_mark(r->t, '=') || is_mark(r->t, '{') || is_mark(r->t, ';') ||
		    is_mark(r->t, ':') || r->t->kind == CONF_END || is_declaration(r->t))
			break;
		array = array || is_mark(r->t, '[');
	}
	if (is_mark(r->t, ';'))
		return true;
	if (in == CONF_IN_ACCOUNT && !array)
		return complain_at(r, r->t, "the accounts are an array; write accounts[] = {");
	if (!is_mark(r->t, '='))
		return complain_at(r, r->t, "= is missing before this; write %s = {",
		    in == CONF_IN_ACCOUNT ? "accounts[]" : "settings");
	r->t++;
	if (!look_at_next(r))
		return false;
	return is_mark(r->t, '{') || r->t->kind == CONF_NAME_TOKEN || complain_at(r, r->t,
	    "{ is missing before this; write %s = {", in == CONF_IN_ACCOUNT ? "accounts[]" :
	    "settings");
}

/* True: another token of this name follows. */
static bool
is_name_later(const struct reader *r, const char *name)
{
	const struct conf_token	*t;

	for (t = r->t; t->kind != CONF_END; t++)
		if (is_name(t, name))
			return true;
	return false;
}

static bool
read_semicolon(struct reader *r)
{
	if (!look_at_next(r))
		return false;
	if (is_mark(r->t, '}'))
		return complain_at(r, r->t, "one } too many; delete it");
	if (!is_mark(r->t, ';'))
		return complain_at(r, r->t - 1, "; is missing behind this; write };");
	r->t++;
	return true;
}

/* Reads a declaration of accounts or settings, from the name of the variable on. */
static bool
read_declaration(struct reader *r, enum conf_in in)
{
	const char	*must = in == CONF_IN_ACCOUNT ? "accounts" : "settings";

	if (r->t->kind == CONF_NAME_TOKEN && !is_name(r->t, must) && !is_name_later(r, must))
		return complain_at(r, r->t, "the name is %.*s; write %s", (int)r->t->text.len,
		    r->t->text.p, must);
	if (r->t->kind == CONF_NAME_TOKEN)
		r->t++;
	if (!read_declarator(r, in))
		return false;
	if (!is_mark(r->t, '{'))
		return true;
	if (in == CONF_IN_SETTINGS) {
		r->settings = true;
		return read_block(r, in) && read_semicolon(r);
	}
	if (r->accounts == -1)
		r->accounts = 0;
	return read_accounts(r) && read_semicolon(r);
}

/* A name outside of the accounts and settings: it may be declared there. */
static void
note_outer(struct reader *r)
{
	if (r->t->kind == CONF_NAME_TOKEN)
		r->tokens.v[r->t - r->tokens.v].defines = r->t->text;
}

/* Passes the braces of something that is not ours. */
static bool
skip_braces(struct reader *r)
{
	int	 depth = 0;

	do {
		if (!check_token(r, r->t))
			return false;
		note_outer(r);
		depth += is_mark(r->t, '{') - is_mark(r->t, '}');
		r->t += r->t->kind != CONF_END;
	} while (depth > 0 && r->t->kind != CONF_END);
	return true;
}

/* A word outside of all braces that is not quite one of those that a declaration has. */
static bool
check_outer_word(struct reader *r)
{
	static const char *const	 words[] = {
		"static", "const", "struct", "account", "settings", "accounts",
	};
	struct nearest	 n;
	size_t		 i;

	nearest_begin(&n, r->t->text);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_name(r->t, words[i]))
			return true;
		else
			nearest_try_text(&n, words[i]);
	return n.best == NULL || n.mistakes == NEVER || is_defined(r, r->t->text) ||
	    complain_at(r, r->t, "there is no word %.*s; write %s", (int)r->t->text.len,
	    r->t->text.p, n.best);
}

static bool
complain_outer(struct reader *r)
{
	const struct conf_token	*t = r->t;

	if (is_mark(t, '.') && t[1].kind == CONF_NAME_TOKEN)
		return complain_at(r, t, "a field outside of the braces; move it before the } above");
	if (is_mark(t, '}'))
		return complain_at(r, t, "one } too many; delete it");
	return true;
}

/* Reads what stands outside of all braces. */
static bool
read_outer(struct reader *r)
{
	const bool	 accounts = is_name(r->t, "struct") && is_name(r->t + 1, "account");

	if (!look_at_next(r))
		return false;
	if (accounts || (is_name(r->t, "struct") && is_name(r->t + 1, "settings"))) {
		r->t += 2;
		return read_declaration(r, accounts ? CONF_IN_ACCOUNT : CONF_IN_SETTINGS);
	}
	if (is_mark(r->t, '{'))
		return skip_braces(r);
	if (r->t->kind == CONF_NAME_TOKEN && !check_outer_word(r))
		return false;
	if (!complain_outer(r))
		return false;
	note_outer(r);
	r->t += r->t->kind != CONF_END;
	return true;
}

/* A file in another language.  False: it is, and the mistake says so. */
static bool
check_language(struct reader *r)
{
	const struct conf_token	*t, *first = r->tokens.v;

	for (t = first; t->kind != CONF_END; t++)
		if (is_name(t, "struct") || is_name(t, "accounts") || is_name(t, "settings"))
			return (t == first && !is_name(t, "struct")) || is_mark(first, '{') ?
			    complain_at(r, t, "this is not C; begin as config.h does, with: "
			    "static const struct account accounts[] = {") : true;
	if (r->tokens.includes)
		return true;
	r->m->line = 0;
	(void)snprintf(r->m->text, sizeof(r->m->text), "%s; copy config.h of qtoa and fill it in",
	    first->kind == CONF_END ? "has nothing but comments" : is_mark(first, '{') ||
	    (is_mark(first, '[') && is_mark(first + 1, '{')) ? "is JSON, and not C" :
	    "has no accounts");
	return false;
}

static void
check_whole(struct reader *r)
{
	const char	*what = NULL;

	if (r->tokens.includes || r->unsure)
		return;
	if (r->accounts == -1)
		what = "has no accounts; write: static const struct account accounts[] = { ... };";
	else if (!r->settings)
		what = "has no settings; write: static const struct settings settings = { ... };";
	if (what == NULL)
		return;
	r->m->line = 0;
	(void)snprintf(r->m->text, sizeof(r->m->text), "%s", what);
}

static void
read_file(struct reader *r, struct slice text)
{
	r->accounts = -1;
	*r->m = (struct conf_mistake){ .line = 0 };
	if (!conf_lexer_read(&r->tokens, text))
		return;
	r->t = r->tokens.v;
	if (!check_language(r))
		return;
	while (r->t->kind != CONF_END)
		if (!read_outer(r))
			return;
	check_whole(r);
}

void
conf_mistake_find(struct conf_mistake *m, struct slice text)
{
	struct reader	 r = { .m = m };

	read_file(&r, text);
	conf_lexer_free(&r.tokens);
}

int
conf_mistake_comma(int *column, struct slice text)
{
	struct conf_tokens	 tokens;
	const struct conf_token	*t;
	int			 line = 0;

	if (conf_lexer_read(&tokens, text))
		for (t = tokens.v; t->kind != CONF_END && line == 0; t++)
			if (is_mark(t, '=') && t[1].kind == CONF_NUMBER && is_mark(t + 2, ',') &&
			    t[3].kind == CONF_NUMBER && t[3].text.len == 3 &&
			    t[3].text.p == t[2].text.p + 1) {
				line = t[1].line;
				*column = t[1].column;
			}
	conf_lexer_free(&tokens);
	return line;
}

int
conf_mistake_line(struct slice text, int i, struct slice field)
{
	struct conf_mistake	 m;
	struct place		 place = { .i = i, .field = field };
	struct reader		 r = { .m = &m, .place = &place };
	const bool		 clear = (read_file(&r, text), !r.unsure && !r.tokens.includes);

	conf_lexer_free(&r.tokens);
	return clear ? place.line : 0;
}
