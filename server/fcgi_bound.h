/*
 * fcgi_bound.h: a look at the bytes of FastCGI before libfcgi reads them.
 *
 * libfcgi allocates what a name or a value is said to have, and ends the process if it cannot.
 * This module reads along, keeps only where it is, and finds a length that no web server sends.  It
 * finds names and values in the same places as libfcgi does.
 */
#ifndef SERVER_FCGI_BOUND_H
#define SERVER_FCGI_BOUND_H

#include <stdbool.h>
#include <stddef.h>

enum {
	FCGI_BOUND_PAIR = 256 * 1024,	/* bytes of a name and its value */
	FCGI_BOUND_ALL = 1024 * 1024	/* bytes of all of them in one request */
};

/* Where it is in the names and values of a stream. */
struct fcgi_bound_pairs {
	unsigned char	 lengths[8];
	unsigned	 have;		/* bytes of lengths */
	size_t		 rest;		/* bytes of the pair that are still to come */
	size_t		 all;		/* bytes of all pairs */
};

/* All zero at the start of a request. */
struct fcgi_bound {
	unsigned char	 head[8];	/* of a record */
	unsigned	 have;		/* bytes of head */
	size_t		 content, padding; /* bytes of the record that are still to come */
	bool		 begun, refused;
	unsigned	 id;		/* of the request, once it has begun */
	struct fcgi_bound_pairs	 params, values, *pairs; /* pairs: what the content is; or NULL */
};

/*
 * Reads along.  False: the connection must be closed, and libfcgi must not see these bytes; from
 * then on it is always false.
 */
bool	 fcgi_bound_take(struct fcgi_bound *b, const char *p, size_t n);

#endif
