#include <arpa/inet.h>
#include <stdint.h>
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

static bool
read_address(struct network *n, const char *text)
{
	static const unsigned char	 mapped[ADDRESS] = { [10] = 0xff, [11] = 0xff };

	n->bits = BITS;
	if (inet_pton(AF_INET6, text, n->address) == 1)
		return true;
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
