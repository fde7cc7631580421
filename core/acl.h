/*
 * acl.h: lists of the IP addresses that may do something.
 *
 * A list is text: addresses and networks (192.0.2.7, 10.0.0.0/8, ::1, 2001:db8::/32),
 * separated by blanks or commas.  An IPv4 address mapped into IPv6 (::ffff:192.0.2.7) is the
 * IPv4 address.
 */
#ifndef CORE_ACL_H
#define CORE_ACL_H

#include <stdbool.h>

#include "core/buf.h"

/* True: the list has the address peer.  False: it has not, list is NULL, or peer is not one. */
bool	acl_has(const char *list, struct slice peer);

/* True: both are addresses, and they are the same one. */
bool	acl_is_same(struct slice a, struct slice b);

/* True: the entry *wrong of the list is neither an address nor a network. */
bool	acl_is_wrong(struct slice *wrong, const char *list);

/*
 * A list for many searches: it is read once, and sorted.  All zero is an empty set.  Its owner
 * calls acl_set_settle() after the last addition, and acl_set_free() in the end.
 */
struct acl_range;

struct acl_set {
	struct acl_range	*range;
	size_t			 n, room;
};

/* Adds an address or a network.  ERR_REQUEST: the text is neither; ERR_NOMEM. */
enum error	acl_set_add(struct acl_set *s, struct slice network);
void		acl_set_settle(struct acl_set *s);
void		acl_set_free(struct acl_set *s);

/* True: the set has the address peer.  False: it has not, or peer is not an address. */
bool		acl_set_has(const struct acl_set *s, struct slice peer);

/* True: the network has more than 2^24 addresses of IPv4, or 2^96 of IPv6; or it is not one. */
bool		acl_is_wide(struct slice network);

#endif
