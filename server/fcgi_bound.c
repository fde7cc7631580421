#include <string.h>

#include "server/fcgi_bound.h"

/* Types of records that matter here (FastCGI 1.0, section 8). */
enum { VERSION = 1, BEGIN_REQUEST = 1, PARAMS = 4, GET_VALUES = 9, BEGIN_BYTES = 8 };

/* The bytes of a length that begins with this one. */
static unsigned
bytes_of_length(unsigned char first)
{
	return (first & 0x80) != 0 ? 4 : 1;
}

static size_t
length_of(const unsigned char *p)
{
	if (bytes_of_length(*p) == 1)
		return *p;
	return (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* Takes one byte of two lengths.  False: they are too long. */
static bool
take_length(struct fcgi_bound_pairs *s, unsigned char c)
{
	unsigned	 name, value;
	size_t		 len;

	s->lengths[s->have++] = c;
	name = bytes_of_length(s->lengths[0]);
	if (s->have <= name)
		return true;
	value = bytes_of_length(s->lengths[name]);
	if (s->have < name + value)
		return true;
	len = length_of(s->lengths) + length_of(s->lengths + name);
	s->have = 0;
	s->rest = len;
	if (len > FCGI_BOUND_PAIR || s->all > FCGI_BOUND_ALL - len)
		return false;
	s->all += len;
	return true;
}

static bool
take_pairs(struct fcgi_bound_pairs *s, const char *p, size_t n)
{
	size_t	 k;

	while (n != 0) {
		if ((k = s->rest < n ? s->rest : n) == 0) {
			if (!take_length(s, (unsigned char)*p))
				return false;
			k = 1;
		} else {
			s->rest -= k;
		}
		p += k;
		n -= k;
	}
	return true;
}

/*
 * Reads the head of a record.  False: no web server sends it, and libfcgi would take the content
 * for something else, or close the connection.
 */
static bool
begin_record(struct fcgi_bound *b)
{
	const unsigned char	*h = b->head;
	const unsigned		 type = h[1], id = (unsigned)h[2] << 8 | h[3];

	b->content = (size_t)h[4] << 8 | h[5];
	b->padding = h[6];
	b->pairs = NULL;
	if (h[0] != VERSION)
		return false;
	if (type == BEGIN_REQUEST) {
		if (!b->begun)
			b->id = id;
		b->begun = true;
		return id != 0 && b->content == BEGIN_BYTES;
	}
	if (id == 0) {
		memset(&b->values, 0, sizeof(b->values));
		b->pairs = &b->values;
		return type == GET_VALUES || b->content == 0;
	}
	if (type == PARAMS && b->begun && id == b->id)
		b->pairs = &b->params;
	return true;
}

/* Takes up to n bytes of the record.  Their number; 0: the connection must be closed. */
static size_t
take_some(struct fcgi_bound *b, const char *p, size_t n)
{
	size_t	*left = b->content != 0 ? &b->content : &b->padding;

	if (b->have < sizeof(b->head)) {
		b->head[b->have++] = (unsigned char)*p;
		return b->have < sizeof(b->head) || begin_record(b) ? 1 : 0;
	}
	if (n > *left)
		n = *left;
	if (left == &b->content && b->pairs != NULL && !take_pairs(b->pairs, p, n))
		return 0;
	*left -= n;
	return n;
}

bool
fcgi_bound_take(struct fcgi_bound *b, const char *p, size_t n)
{
	size_t	 k;

	while (n != 0 && !b->refused) {
		if ((k = take_some(b, p, n)) == 0)
			b->refused = true;
		p += k;
		n -= k;
		if (b->have == sizeof(b->head) && b->content == 0 && b->padding == 0)
			b->have = 0;
	}
	return !b->refused;
}
