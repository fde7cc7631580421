/*
 * reply_table.h: the replies that users got: how many by which rule, how fast, and who got the
 * default reply within the hour.  All threads, processes and CGI runs map one file,
 * state_dir/qtoa.replied, and write to it without a lock.
 *
 * The file, in the machine's byte order:
 *
 *	at 0		"qtoarepl", u32 version (1), u32 places (256), u32 users (32768), u32 bytes
 *			of a place; zeros up to 4096
 *	4096 + 1024 n	place n: u64 the hash of account, kind and rule (0: the place is free); u64
 *			how many replies; u64 the sum of their ms; 14 u64, how many of them took up
 *			to 1, 2, 5, 10, 20 ... 4864 ms, or longer; account, kind and rule, padded
 *			with NULs; 80 u64, of which number d % 80 is for day d (from 1970-01-01, in
 *			China): 24 bits of d, and how many replies.  The last place is for rules
 *			that have no room
 *	266240 + 8 n	user n: 24 bits of the hash of account and user (others of its bits say
 *			where it is), 20 bits of the minute since 2020, 20 bits of the hash of the
 *			message; 0: free
 *
 * It takes 516 KiB, which are reserved before they are used.  Eight places of users are a row,
 * which the hash chooses.  If all eight are taken, the oldest goes: that user may get the default
 * reply sooner again.  Without the file each process has such a table of its own.  A file of
 * another layout goes into quarantine (state/state_file.h).
 */
#ifndef STATE_REPLY_TABLE_H
#define STATE_REPLY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/slice.h"
#include "state/lock.h"

enum {
	REPLY_TABLE_PLACES = 256,
	REPLY_TABLE_USERS = 32768,
	REPLY_TABLE_EDGES = 13,		/* and one more bucket, for all that took longer */
	REPLY_TABLE_DAYS = 80,
	REPLY_TABLE_ACCOUNT = 72, REPLY_TABLE_KIND = 16, REPLY_TABLE_RULE = 104
};

extern const int reply_table_edges[REPLY_TABLE_EDGES];	/* ms */

struct reply_table;

/* Opens nothing yet; keeps dir and locks.  NULL: no memory. */
struct reply_table	*reply_table_new(const char *dir, struct locks *locks);
void			 reply_table_free(struct reply_table *t);

/*
 * True: in the last `minutes` the user of this hash got nothing, or got it for the message of this
 * hash.  Then this is noted.  now_s: epoch seconds.  For all threads.
 */
bool			 reply_table_may(struct reply_table *t, uint64_t user, uint64_t message,
			    int64_t now_s, int minutes);

/*
 * Counts a reply that took ms, at the epoch second now_s.  Texts that are too long are cut.  For
 * all threads.
 */
void			 reply_table_count(struct reply_table *t, struct slice account,
			    const char *kind, struct slice rule, int64_t ms, int64_t now_s);

/* What was counted of a rule. */
struct reply_table_entry {
	char		 account[REPLY_TABLE_ACCOUNT], kind[REPLY_TABLE_KIND];
	char		 rule[REPLY_TABLE_RULE];	/* printable; "*": rules without room */
	uint64_t	 count, sum_ms, bucket[REPLY_TABLE_EDGES + 1];
	uint64_t	 day[REPLY_TABLE_DAYS];		/* private */
};

/*
 * How many replies of these days (core/calendar.h), both included.  Only the last REPLY_TABLE_DAYS
 * are known.
 */
uint64_t		 reply_table_in(const struct reply_table_entry *e, int64_t from,
			    int64_t to);

/*
 * Calls fn for each rule that has answered, in order of account, kind and rule.  A file that is
 * absent or has another layout has none.  ERR_STORE: errno says why; ERR_NOMEM.
 */
typedef void		 reply_table_each(void *ctx, const struct reply_table_entry *e);
enum error		 reply_table_read(const char *dir, reply_table_each *fn, void *ctx);

#endif
