#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/acl.h"
#include "core/number.h"

enum { ADDRESS = 16, BITS = 128, MAPPED = 96, TEXT_MAX = 64 };

static const char separators[] = " \t\r\n,";

/* All addresses are of IPv6; those of IPv4 are mapped into it (RFC 4291, 2.5.5.2). */
struct network {
	unsigned char	 address[ADDRESS];
	unsigned	 bits;	/* how many bits of the address count */
};

static const unsigned char	 mapped[ADDRESS] = { [10] = 0xff, [11] = 0xff };

static bool
read_address(struct network *n, const char *text)
{
	n->bits = BITS;
	if (strchr(text, ':') != NULL)
		return inet_pton(AF_INET6, text, n->address) == 1;
	memcpy(n->address, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, n->address + ADDRESS - 4) == 1;
}

static bool
read_network(struct network *n, struct slice s)
{
	char	 text[TEXT_MAX], *slash;
	int64_t	 bits, most;

	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.p, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if ((slash = strchr(text, '/')) == NULL)
		return read_address(n, text);
	*slash++ = '\0';
	most = strchr(text, ':') != NULL ? BITS : BITS - MAPPED;
	if (!read_address(n, text) || !number_parse(&bits, slice_of(slash)) || bits > most)
		return false;
	n->bits = (unsigned)(bits + BITS - most);
	return true;
}

static bool
has_address(const struct network *n, const struct network *a)
{
	const size_t	 whole = n->bits / 8;
	const unsigned	 rest = n->bits % 8;

	return memcmp(n->address, a->address, whole) == 0 && (rest == 0 ||
	    (n->address[whole] ^ a->address[whole]) >> (8 - rest) == 0);
}

/* Reads the next entry of a list and moves *list behind it.  False: the list is at its end. */
static bool
read_entry(struct slice *entry, const char **list)
{
	*list += strspn(*list, separators);
	entry->p = *list;
	entry->len = strcspn(*list, separators);
	*list += entry->len;
	return entry->len != 0;
}

bool
acl_has(const char *list, struct slice peer)
{
	struct network	 n, a;
	struct slice	 entry;

	if (list == NULL || !read_network(&a, peer) || a.bits != BITS)
		return false;
	while (read_entry(&entry, &list))
		if (read_network(&n, entry) && has_address(&n, &a))
			return true;
	return false;
}

bool
acl_is_same(struct slice a, struct slice b)
{
	struct network	 x, y;

	return read_network(&x, a) && read_network(&y, b) &&
	    memchr(a.p, '/', a.len) == NULL && memchr(b.p, '/', b.len) == NULL &&
	    memcmp(x.address, y.address, ADDRESS) == 0;
}

bool
acl_is_wrong(struct slice *wrong, const char *list)
{
	struct network	 n;

	while (read_entry(wrong, &list))
		if (!read_network(&n, *wrong))
			return true;
	return false;
}

/*
 * Sets.
 */

struct acl_range {
	unsigned char	 first[ADDRESS], last[ADDRESS];
};

static struct acl_range
range_of(const struct network *n)
{
	struct acl_range	 r;
	unsigned		 i, bits;

	memcpy(r.first, n->address, ADDRESS);
	memcpy(r.last, n->address, ADDRESS);
	for (i = 0; i < ADDRESS; i++) {
		bits = n->bits <= i * 8 ? 0 : n->bits - i * 8;	/* of this byte that count */
		if (bits < 8) {
			r.first[i] = (unsigned char)(r.first[i] & ~(0xFFu >> bits));
			r.last[i] = (unsigned char)(r.last[i] | 0xFFu >> bits);
		}
	}
	return r;
}

enum error
acl_set_add(struct acl_set *s, struct slice network)
{
	const size_t		 room = s->room == 0 ? 32 : s->room * 2;
	struct network		 n;
	struct acl_range	*more;

	if (!read_network(&n, network))
		return ERR_REQUEST;
	if (s->n == s->room) {
		if ((more = realloc(s->range, room * sizeof(*more))) == NULL)
			return ERR_NOMEM;
		s->range = more;
		s->room = room;
	}
	s->range[s->n++] = range_of(&n);
	return ERR_OK;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct acl_range	*x = a, *y = b;

	return memcmp(x->first, y->first, ADDRESS);
}

void
acl_set_settle(struct acl_set *s)
{
	struct acl_range	*to = s->range;
	size_t			 i;

	if (s->n == 0)
		return;
	qsort(s->range, s->n, sizeof(*s->range), compare_ranges);
	/* Of ranges that overlap one is made, so that a search meets at most one. */
	for (i = 1; i < s->n; i++)
		if (memcmp(s->range[i].first, to->last, ADDRESS) > 0)
			*++to = s->range[i];
		else if (memcmp(s->range[i].last, to->last, ADDRESS) > 0)
			memcpy(to->last, s->range[i].last, ADDRESS);
	s->n = (size_t)(to - s->range) + 1;
}

void
acl_set_free(struct acl_set *s)
{
	free(s->range);
	*s = (struct acl_set){ 0 };
}

static int
compare_address(const void *key, const void *range)
{
	const struct acl_range	*r = range;

	if (memcmp(key, r->first, ADDRESS) < 0)
		return -1;
	return memcmp(key, r->last, ADDRESS) > 0;
}

bool
acl_set_has(const struct acl_set *s, struct slice peer)
{
	struct network	 a;

	return s->n != 0 && read_network(&a, peer) && a.bits == BITS &&
	    bsearch(a.address, s->range, s->n, sizeof(*s->range), compare_address) != NULL;
}

bool
acl_is_wide(struct slice network)
{
	enum { LEAST_V4 = MAPPED + 8, LEAST_V6 = 32 };
	const struct network	 v4 = { { [10] = 0xff, [11] = 0xff }, BITS };
	struct network		 n, head;

	if (!read_network(&n, network))
		return true;
	head = n;
	if (head.bits > MAPPED)
		head.bits = MAPPED;
	return n.bits < LEAST_V6 || (n.bits < LEAST_V4 && has_address(&head, &v4));
}
