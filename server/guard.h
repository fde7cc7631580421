/*
 * guard.h: who may see what is below /-/, and whose address counts.
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "server/worker.h"

/*
 * Sets the request's peer to the client that a proxy names, if the proxy is one of
 * settings.trusted_proxies.  It must run before anything that looks at the peer.
 */
void		 guard_name_peer(struct worker *w);

/*
 * True: the request came through a proxy that is not trusted, or that does not name its client; so
 * the peer's address is not the client's, and may be in no list.  That is so if the peer is this
 * host.  An address of a private network counts only if allow (core/acl.h) also has the address
 * that the proxy names.  A public address was listed by somebody who knows what is behind it.
 */
bool		 guard_hides_client(const struct worker *w, const char *allow);

/* Tells the log that a client was refused because a proxy hides it. */
void		 guard_explain(struct worker *w);

/*
 * ERR_ADDRESS: the client's address is not in allow.  ERR_HOST: the URL's host is neither in
 * settings.report_hosts nor a loopback name or address.  Without that setting a client elsewhere
 * may also use an IP address, and by HTTPS any name.  w->entry says what can be done.
 */
enum error	 guard_check(struct worker *w, const char *allow);

#endif
