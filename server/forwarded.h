/*
 * forwarded.h: what a proxy says of the client whose request it passes on.
 *
 * A reverse proxy or a tunnel (frp, cloudflared) on this host connects from a loopback address,
 * whoever its client is.  It names the client in a header: X-Forwarded-For, Forwarded (RFC 7239),
 * CF-Connecting-IP and others.  A client can write such headers as well, and most proxies append
 * to them; so of a list the last address counts that is not a proxy we trust.
 */
#ifndef SERVER_FORWARDED_H
#define SERVER_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "core/slice.h"

enum { FORWARDED_MAX = 24 };	/* headers of a request; more tell nothing */

/* A header that a proxy adds, by its CGI variable. */
struct forwarded_header {
	const struct forwarded_name	*name;
	struct slice			 value;
};

/* Those of one request, in its order.  All zero: it came without a proxy. */
struct forwarded {
	struct forwarded_header	 header[FORWARDED_MAX];
	size_t			 n;	/* more than FORWARDED_MAX: some were left out */
};

/*
 * Adds "HTTP_NAME=value" if this is such a header, and is not empty.  f keeps a pointer into the
 * variable.
 */
void		 forwarded_add(struct forwarded *f, const char *variable);

/*
 * Drops what Caddy itself adds to a request of the client peer: it says no more than peer does.
 * What Caddy was told by a proxy stays.
 */
void		 forwarded_drop_caddy(struct forwarded *f, struct slice peer);

/*
 * Finds the client's address: in each header the last one that is not in the list trusted
 * (core/acl.h), or the first one if all are.  False: no header has an address, one has something
 * else in its place, or they do not agree.
 */
bool		 forwarded_client(struct slice *client, const struct forwarded *f,
		    const char *trusted);

/* What the log calls the first header: "X-Forwarded-For", "a proxy's header"; "": no header. */
const char	*forwarded_label(const struct forwarded *f);

#endif
