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

#endif
