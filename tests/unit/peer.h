/*
 * peer.h: an HTTP server for the tests of what calls one, in threads of this process.
 *
 * It listens on a free loopback port.  What it does is the path, unless peer_say() has said
 * something else:
 *	ok	200 and the request's body
 *	gate	the same, but not before peer_open()
 *	later	503 with Retry-After: 7
 *	moved	302 to elsewhere
 *	long	200 and one byte over 64 KiB
 *	full	200 and 64 KiB
 *	silent	no answer
 *	cut	ends the connection instead of an answer
 *	half	ends it within the answer's body
 *	once	as ok, where it is the connection's first request, else as cut
 *	last	as cut, and nobody listens any more
 *	code	200 and QT's code for success
 *	wait	the same, but not before peer_open()
 *	secret	200 and QT's code for an illegal signature
 *	event	200 and QT's code for an illegal event
 *	union	200 and QT's code for no unionid
 *	head	200 and the request's head
 *	now	what peer_now() has named last, at first code
 */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include <stdbool.h>

enum { PEER_URL = 64, PEER_TARGET = 4096 };

struct peer;

struct peer	*peer_new(void);
void		 peer_free(struct peer *p);	/* ends all connections */

/* http://127.0.0.1:PORT/path */
void		 peer_url(const struct peer *p, char url[PEER_URL], const char *path);

int		 peer_connections(struct peer *p);	/* that there ever were */
int		 peer_requests(struct peer *p);		/* read to their end */

void		 peer_await(struct peer *p, int requests);	/* until there were so many */
void		 peer_open(struct peer *p);
void		 peer_now(struct peer *p, const char *path);

/*
 * What a target that begins so answers from here on: a status with its reason, and a body.
 * The longest beginning counts.  With held it answers after peer_open().  The texts must
 * stay.
 */
void		 peer_say(struct peer *p, const char *begin, const char *status,
		    const char *body, bool held);

/* How many requests such an answer was for; the target of the last one (may be NULL). */
int		 peer_asked(struct peer *p, const char *begin, char target[PEER_TARGET]);

/* The URL of a port at which nobody listens, as long as the descriptor is open. */
int		 peer_refused(char url[PEER_URL]);

/* The https URL of a port at which nobody says a word, likewise. */
int		 peer_mute(char url[PEER_URL]);

#endif
