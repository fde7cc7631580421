/*
 * peer.h: an HTTP server in threads of this process, for tests of modules that call one.
 *
 * It listens on a free loopback port.  The path of a request says what the server does, unless
 * peer_say() has set something else:
 *	ok	200 and the request's body
 *	gate	the same, but not before peer_open()
 *	later	503 with Retry-After: 7
 *	moved	302 to elsewhere
 *	long	200 and one byte over 64 KiB
 *	full	200 and 64 KiB
 *	silent	no answer
 *	cut	ends the connection instead of an answer
 *	half	ends it within the answer's body
 *	once	as ok for the first request of a connection, else as cut
 *	last	as cut, and no new connection is accepted
 *	code	200 and QT's code for success
 *	wait	the same, but not before peer_open()
 *	secret	200 and QT's code for an illegal signature
 *	event	200 and QT's code for an illegal event
 *	union	200 and QT's code for no unionid
 *	head	200 and the request's head
 *	now	as the path that peer_now() has named last; at first code
 */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include <stdbool.h>

enum { PEER_URL = 64, PEER_TARGET = 4096 };

struct peer;

struct peer	*peer_new(void);
struct peer	*peer_new_tls(const char *pem);	/* HTTPS; a file with its certificate and key */
void		 peer_free(struct peer *p);	/* closes all connections */

/* Writes http://127.0.0.1:PORT/path, or https. */
void		 peer_url(const struct peer *p, char url[PEER_URL], const char *path);

int		 peer_connections(struct peer *p);	/* accepted so far */
int		 peer_requests(struct peer *p);		/* read completely so far */

void		 peer_await(struct peer *p, int requests);	/* until so many were read */
void		 peer_open(struct peer *p);
void		 peer_now(struct peer *p, const char *path);

/*
 * From now on requests whose target begins so are answered with this status ("503 Busy") and body.
 * If several beginnings fit, the longest counts.  held: the answer waits for peer_open().  The
 * texts must stay until peer_free().
 */
void		 peer_say(struct peer *p, const char *begin, const char *status,
		    const char *body, bool held);

/* How many requests were for such an answer, and the target of the last (target may be NULL). */
int		 peer_asked(struct peer *p, const char *begin, char target[PEER_TARGET]);

/* Writes a URL at which connections are refused as long as the returned descriptor is open. */
int		 peer_refused(char url[PEER_URL]);

/* Writes an https URL at which a server is silent as long as the returned descriptor is open. */
int		 peer_mute(char url[PEER_URL]);

#endif
