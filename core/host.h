/*
 * host.h: the host in a URL of ours, from the header Host, and lists of such hosts.
 *
 * A web page can point a name of its own to our address (DNS rebinding), and its scripts then ask
 * us with the visitor's address.  Their requests have that name in Host: no script can change it.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <stdbool.h>

#include "core/slice.h"

/*
 * Cuts the port, a last dot and the brackets of an IPv6 address off the header.  False: it is
 * malformed.
 */
bool	host_parse(struct slice *host, struct slice header);

/* True: an IP address; nobody can point it elsewhere. */
bool	host_is_address(struct slice host);

/* True: a name or an address by which a program asks its own host: localhost, 127.0.0.1, ::1. */
bool	host_is_loopback(struct slice host);

/*
 * True: the list has this host.  The list (NULL: empty) has names, "*.example.com" for all below
 * a name, addresses, networks, or "*" for all hosts, separated by commas or blanks.
 */
bool	host_is_listed(const char *list, struct slice host);

/* True: the entry *wrong of the list is not one of these. */
bool	host_is_wrong(struct slice *wrong, const char *list);

#endif
