/*
 * listener.h: finds out who can connect to the socket that FastCGI listens on.
 *
 * A peer there is believed: it says which address a request comes from.  So only the web server
 * should be able to connect.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <stdbool.h>

enum { LISTENER_WHY = 256 };

/*
 * True: others can connect as well: from other hosts, or all users of this one.  why says where it
 * listens, and what to do.  False: they cannot, or that cannot be told.
 */
bool	 listener_is_open(char why[LISTENER_WHY], int fd);

#endif
