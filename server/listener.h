/*
 * listener.h: the socket that FastCGI listens on: finds out who can connect to it, and makes it
 * where no web server and no systemd does.
 *
 * A peer there is believed: it says which address a request comes from.  So only the web server
 * should be able to connect.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

enum { LISTENER_WHY = 256 };

/*
 * True: others can connect as well: from other hosts, or all users of this one.  why says where it
 * listens, and what to do.  False: they cannot, or that cannot be told.
 */
bool	 listener_is_open(char why[LISTENER_WHY], int fd);

/*
 * Makes the socket file of that name and mode, and listens on it at descriptor 0.  The file goes
 * when the process exits, unless another has taken its place.  A socket file on which nobody
 * listens is replaced.  Signals of the thread pool are held first, so that none ends the process
 * while the file is there.  False: why says what is wrong, and what to do.  Call it once.
 */
bool	 listener_open(char why[LISTENER_WHY], const char *file, mode_t mode);

#endif
