#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/hex.h"
#include "core/json_flat.h"
#include "core/utf8.h"

enum {
	LEVELS_MAX = 64,	/* bits of struct levels */
	HEX = 4,		/* digits of an escape like \u0041 */
	HIGH = 0xD800, LOW = 0xDC00, AFTER = 0xE000	/* surrogates: the high ones come first */
};

/* A text that is being read. */
struct reader {
	char			*p, *end;	/* what is left of it */
	struct json_flat	*out;
	struct slice		 name;		/* of the present member */
};

enum scalar { STRING, BARE, FRACTION, NOTHING };	/* NOTHING is null */

/* The next byte; 0, which no JSON has, at the end. */
static char
next_of(const struct reader *r)
{
	return r->p == r->end ? '\0' : *r->p;
}

static void
pass_blanks(struct reader *r)
{
	while (r->p != r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

/* Goes over c and the blanks around it.  False: another byte is there. */
static bool
skip_byte(struct reader *r, char c)
{
	pass_blanks(r);
	if (next_of(r) != c)
		return false;
	r->p++;
	pass_blanks(r);
	return true;
}

/*
 * Strings.
 */

/* The UTF-16 unit of four digits; -1: they are not there. */
static int
read_unit(struct reader *r)
{
	int	 i, digit, unit = 0;

	if (r->end - r->p < HEX)
		return -1;
	for (i = 0; i < HEX; i++) {
		if ((digit = hex_digit(*r->p++)) < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* The character behind \u; -1: that is not an escape. */
static int
read_character(struct reader *r)
{
	const int	 first = read_unit(r);
	int		 second;

	if (first < HIGH || first >= AFTER)
		return first;
	if (first >= LOW || r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
		return -1;
	r->p += 2;
	second = read_unit(r);
	return second < LOW || second >= AFTER ? -1 :
	    0x10000 + ((first - HIGH) << 10) + (second - LOW);
}

/* Writes a character as UTF-8.  Returns where the next one goes. */
static char *
write_character(char *to, int c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xC0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xE0 | c >> 12);
		} else {
			*to++ = (char)(0xF0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3F));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
	}
	*to++ = (char)(0x80 | (c & 0x3F));
	return to;
}

/* Decodes what a backslash begins.  False: it is not an escape. */
static bool
decode_escape(struct reader *r, char **to)
{
	static const char	 from[] = "\"\\/bfnrt", as[] = "\"\\/\b\f\n\r\t";
	const char		*at;
	char			 c;
	int			 character;

	r->p++;
	c = next_of(r);
	r->p += r->p != r->end;
	if (c == 'u') {
		if ((character = read_character(r)) < 0)
			return false;
		*to = write_character(*to, character);
		return true;
	}
	if (c == '\0' || (at = strchr(from, c)) == NULL)
		return false;
	*(*to)++ = as[at - from];
	return true;
}

/* Goes over the bytes of a string that stand for themselves.  False: they are not UTF-8. */
static bool
skip_plain(struct reader *r)
{
	const char	*at;
	bool		 valid = true;

	while (valid && r->p != r->end && (unsigned char)*r->p >= 0x20 && *r->p != '"' &&
	    *r->p != '\\') {
		if ((unsigned char)*r->p < 0x80) {
			r->p++;
			continue;
		}
		at = r->p;
		(void)utf8_next(&at, r->end, &valid);
		r->p += at - r->p;
	}
	return valid;
}

static bool
read_string(struct reader *r, struct slice *s)
{
	char	*to, *from;

	if (next_of(r) != '"')
		return false;
	to = ++r->p;
	s->p = to;
	for (;;) {
		from = r->p;
		if (!skip_plain(r))
			return false;
		if (to != from)
			memmove(to, from, (size_t)(r->p - from));
		to += r->p - from;
		if (next_of(r) != '\\')
			break;
		if (!decode_escape(r, &to))
			return false;
	}
	s->len = (size_t)(to - s->p);
	if (next_of(r) != '"')
		return false;
	r->p++;
	return true;
}

/*
 * Other values.
 */

static size_t
skip_digits(struct reader *r)
{
	const char	*from = r->p;

	while (next_of(r) >= '0' && next_of(r) <= '9')
		r->p++;
	return (size_t)(r->p - from);
}

/* Goes over what makes a number a fraction.  False: that is wrong. */
static bool
skip_fraction(struct reader *r)
{
	if (next_of(r) == '.') {
		r->p++;
		if (skip_digits(r) == 0)
			return false;
	}
	if (next_of(r) == 'e' || next_of(r) == 'E') {
		r->p++;
		if (next_of(r) == '+' || next_of(r) == '-')
			r->p++;
		return skip_digits(r) != 0;
	}
	return true;
}

/*
 * Reads a number that an int64_t or a double can hold.  strtoll() and strtod() end where the number
 * does, because another byte is behind it: an object has to end, too.
 */
static bool
read_number(struct reader *r, struct slice *s, enum scalar *kind)
{
	const char	*from = r->p;
	double		 value;
	size_t		 digits;
	bool		 zero;

	r->p += *r->p == '-';
	zero = next_of(r) == '0';
	digits = skip_digits(r);
	if (digits == 0 || (zero && digits > 1))
		return false;
	*kind = next_of(r) == '.' || next_of(r) == 'e' || next_of(r) == 'E' ? FRACTION : BARE;
	if (!skip_fraction(r) || r->p == r->end)
		return false;
	if (*kind == FRACTION) {
		value = strtod(from, NULL);
		return value != HUGE_VAL && value != -HUGE_VAL;
	}
	from += zero && *from == '-';	/* QT's library prints -0 as 0 */
	*s = (struct slice){ from, (size_t)(r->p - from) };
	errno = 0;
	(void)strtoll(from, NULL, 10);
	return errno == 0;
}

static bool
read_word(struct reader *r, struct slice *s, enum scalar *kind)
{
	static const struct {
		const char	*word;
		enum scalar	 kind;
	} words[] = { { "true", BARE }, { "false", BARE }, { "null", NOTHING } };
	size_t	 i, len;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i].word);
		if ((size_t)(r->end - r->p) < len || memcmp(r->p, words[i].word, len) != 0)
			continue;
		*s = (struct slice){ r->p, len };
		*kind = words[i].kind;
		r->p += len;
		return true;
	}
	return false;
}

static bool
read_scalar(struct reader *r, struct slice *s, enum scalar *kind)
{
	const char	 c = next_of(r);

	*s = (struct slice){ "", 0 };
	*kind = STRING;
	if (c == '"')
		return read_string(r, s);
	return c == '-' || (c >= '0' && c <= '9') ? read_number(r, s, kind) :
	    read_word(r, s, kind);
}

/* Reads a name and the colon behind it.  The library that was here before refused a NUL, too. */
static bool
read_name(struct reader *r, struct slice *name)
{
	return read_string(r, name) && memchr(name->p, '\0', name->len) == NULL &&
	    skip_byte(r, ':');
}

/*
 * A nested value has no place in the result, but must be JSON all the same.
 */

/* The containers around a value: a bit for each, the innermost lowest; 1: it is an object. */
struct levels {
	uint64_t	objects;
	int		n;
};

static char
end_of(const struct levels *l)
{
	return (l->objects & 1) != 0 ? '}' : ']';
}

/* Goes into the container that begins here.  *empty: there is no value in it. */
static bool
enter_container(struct reader *r, struct levels *l, bool *empty)
{
	struct slice	 name;
	const bool	 object = *r->p == '{';

	if (l->n == LEVELS_MAX)
		return false;
	l->objects = l->objects << 1 | object;
	l->n++;
	r->p++;
	pass_blanks(r);
	*empty = next_of(r) == end_of(l);
	return *empty || !object || read_name(r, &name);
}

/* Leaves the containers that end here, and goes on to the next value of one that does not. */
static bool
leave_containers(struct reader *r, struct levels *l)
{
	struct slice	 name;

	for (pass_blanks(r); l->n != 0 && next_of(r) == end_of(l); pass_blanks(r)) {
		r->p++;
		l->objects >>= 1;
		l->n--;
	}
	return l->n == 0 ||
	    (skip_byte(r, ',') && ((l->objects & 1) == 0 || read_name(r, &name)));
}

static bool
skip_nested(struct reader *r)
{
	struct levels	 l = { 0, 0 };
	struct slice	 s;
	enum scalar	 kind;
	bool		 empty;

	do {
		pass_blanks(r);
		if (next_of(r) == '{' || next_of(r) == '[') {
			if (!enter_container(r, &l, &empty))
				return false;
			if (!empty)
				continue;
		} else if (!read_scalar(r, &s, &kind)) {
			return false;
		}
		if (!leave_containers(r, &l))
			return false;
	} while (l.n != 0);
	return true;
}

/*
 * The object.
 */

/* Drops what an earlier member of the same name has left. */
static void
drop_member(struct json_flat *j, struct slice name)
{
	size_t	 i, n = 0;

	for (i = 0; i < j->n; i++) {
		if (j->v[i].name.len == name.len &&
		    memcmp(j->v[i].name.p, name.p, name.len) == 0)
			continue;
		if (n != i)
			j->v[n] = j->v[i];
		n++;
	}
	j->n = n;
}

static bool
read_value(struct reader *r, bool array)
{
	struct json_flat	*j = r->out;
	struct slice		 s;
	enum scalar		 kind;

	if (next_of(r) == '{' || next_of(r) == '[') {
		j->odd = true;
		return skip_nested(r);
	}
	if (!read_scalar(r, &s, &kind))
		return false;
	if (kind == NOTHING && !array)
		return true;
	if (kind == NOTHING || kind == FRACTION || j->n == JSON_FLAT_MAX)
		j->odd = true;
	else
		j->v[j->n++] = (struct json_flat_value){ r->name, s, array, kind == BARE };
	return true;
}

static bool
read_array(struct reader *r)
{
	(void)skip_byte(r, '[');
	if (next_of(r) == ']') {	/* there is no element to keep */
		r->out->odd = true;
	} else {
		do
			if (!read_value(r, true))
				return false;
		while (skip_byte(r, ','));
	}
	return skip_byte(r, ']');
}

static bool
read_member(struct reader *r)
{
	if (!read_name(r, &r->name))
		return false;
	drop_member(r->out, r->name);
	return next_of(r) == '[' ? read_array(r) : read_value(r, false);
}

bool
json_flat_read(struct json_flat *j, char *text, size_t len)
{
	struct reader	 r = { .p = text, .end = text + len, .out = j };

	j->n = 0;
	j->odd = false;
	if (len == 0 || !skip_byte(&r, '{'))
		return false;
	if (next_of(&r) != '}')
		do
			if (!read_member(&r))
				return false;
		while (skip_byte(&r, ','));
	return skip_byte(&r, '}') && r.p == r.end;
}
