/*
 * dedup_shared.h: what state/dedup.h says, for messages that come to several hosts: the known
 * messages are a table of the store that the hosts share.
 *
 * The claims and marks of all threads that wait are one statement.  A claim ends by the server's
 * clock, so a host that dies keeps no message.
 */
#ifndef STATE_DEDUP_SHARED_H
#define STATE_DEDUP_SHARED_H

#include <stdbool.h>

#include "state/dedup.h"
#include "state/store.h"

/* A claim lasts so long: in that time a request ends, or its host is dead. */
enum { DEDUP_SHARED_CLAIM_MS = 6000 };

/* From here on s, which hosts share, is for known messages. */
void		 dedup_shared_begin(struct store *s);

/*
 * As dedup_claim_call(), dedup_find() and dedup_mark().  ERR_STORE: store_why() says why.  A mark
 * may be written a moment later: until then other hosts find the claim.
 */
enum error	 dedup_shared_claim(struct store *s, enum dedup_as *as,
		    const unsigned char key[DEDUP_KEY], int64_t until_ms, int call_ms);
enum error	 dedup_shared_find(struct store *s, enum dedup_as *as,
		    const unsigned char key[DEDUP_KEY], int64_t until_ms);
enum error	 dedup_shared_mark(struct store *s, const unsigned char key[DEDUP_KEY],
		    enum dedup_as as, int64_t until_ms);

/*
 * What a row says, for a file of this host (SQL_MIGRATE_SEEN_TAKE): its number for what is known;
 * and from its key one that state/dedup.h takes for the message.
 */
enum { DEDUP_SHARED_KEY = 16 };
enum dedup_as	 dedup_shared_as(int64_t known);
void		 dedup_shared_key(unsigned char key[DEDUP_KEY],
		    const unsigned char seen[DEDUP_SHARED_KEY]);

/* The same for up to DEDUP_SHARED_MARKS messages. */
enum { DEDUP_SHARED_MARKS = STORE_TOGETHER };

struct dedup_shared_known {
	unsigned char	 key[DEDUP_KEY];
	enum dedup_as	 as;
};

enum error	 dedup_shared_mark_all(struct store *s, const struct dedup_shared_known *v,
		    size_t n, int64_t until_ms);

/* The same for a store_work of any store that hosts share. */
enum error	 dedup_shared_put_all(struct db *db, const struct dedup_shared_known *v, size_t n);

/*
 * Old messages are forgotten step by step, in the order of their times.  A message that waited for
 * long was marked later than its neighbours, so a sweep must begin at the oldest again at times.
 */
struct dedup_shared_sweep {
	unsigned char	 at[DEDUP_SHARED_KEY];	/* keys up to this were looked at; 0: none yet */
	bool		 more;			/* there is more to look at */
};

/* One step: looks at up to max messages, and forgets those that were marked more than days ago. */
enum error	 dedup_shared_sweep(struct store *s, struct dedup_shared_sweep *sw, int days,
		    int max, int64_t until_ms);

#endif
