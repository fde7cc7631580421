/*
 * proxy.h: the address of an outgoing proxy, and the hosts that are reached without it.
 */
#ifndef CORE_PROXY_H
#define CORE_PROXY_H

#include <stdbool.h>

#include "core/buf.h"

enum { PROXY_WHERE = 288, PROXY_LOGIN = 256 };

struct proxy {
	char	 where[PROXY_WHERE];	/* "http://host:port": it has no secret and may be logged */
	char	 user[PROXY_LOGIN], password[PROXY_LOGIN];	/* decoded; "": it wants no login */
};

/*
 * Reads "SCHEME://USER:PASSWORD@HOST:PORT", where the scheme is http, https or socks5h.  USER and
 * PASSWORD may be left out; characters that a URL cannot have are written as %XX in them.  NULL:
 * *p is filled; else a text that says what is wrong, without the address.
 */
const char	*proxy_parse(struct proxy *p, const char *url);

/* The host of a URL, without brackets and port. */
struct slice	 proxy_host(const char *url);

/*
 * True: the list names the host, which is reached without the proxy.  The list (NULL: empty) has
 * names, each of which stands for its subdomains too, addresses, networks, or "*" for all hosts,
 * separated by commas or blanks.
 */
bool		 proxy_is_spared(const char *list, struct slice host);

/* True: an entry of the list is not one of these. */
bool		 proxy_is_wrong(const char *list);

#endif
