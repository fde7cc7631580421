/*
 * key_limit.h: how many wrong keys an address may send.
 *
 * Ten wrong keys for one account within a minute are the limit of an address.  After that its
 * requests are refused until the minute is over, also those with the right key: a guess that is
 * answered would tell.  Other addresses and other accounts are not concerned.  The networks of
 * IPv6 that one customer gets (/64) count as one address.
 *
 * The table has a fixed size and is in memory, one in each process; a CGI process lives for one
 * request, so there each guess costs the start of a process and is not limited.  When the table is
 * full, the address with the fewest wrong keys makes room.
 */
#ifndef SERVER_KEY_LIMIT_H
#define SERVER_KEY_LIMIT_H

#include <stdint.h>

#include "core/conf.h"

enum { KEY_LIMIT_TRIES = 10, KEY_LIMIT_MS = 60000, KEY_LIMIT_PLACES = 512 };

struct key_limit;

struct key_limit *key_limit_new(void);		/* NULL: no memory */
void		 key_limit_free(struct key_limit *k);

/*
 * For how many ms the address is still refused; 0: it may send a key.  now_ms: monotonic.  Here and
 * below k may be NULL: then there is no limit.
 */
int64_t		 key_limit_left_ms(struct key_limit *k, const struct account *a,
		    struct slice peer, int64_t now_ms);

/* Counts a wrong key.  Both functions are for all threads. */
void		 key_limit_add(struct key_limit *k, const struct account *a, struct slice peer,
		    int64_t now_ms);

#endif
