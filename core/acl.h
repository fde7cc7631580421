/*
 * acl.h: lists of addresses that may do something.
 *
 * A list is text: addresses and networks (192.0.2.7, 10.0.0.0/8, ::1, 2001:db8::/32),
 * separated by blanks or commas.  An IPv4 address mapped into IPv6 (::ffff:192.0.2.7) is the
 * IPv4 address.
 */
#ifndef CORE_ACL_H
#define CORE_ACL_H

#include <stdbool.h>

#include "core/buf.h"

/* Whether the list (NULL: an empty one) has the address; a peer that is no address is in none. */
bool	acl_has(const char *list, struct slice peer);

/* True: an entry, *wrong, is neither address nor network. */
bool	acl_is_wrong(struct slice *wrong, const char *list);

#endif
