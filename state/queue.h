/*
 * queue.h: the messages in the store (table message, see state/schema.c): those that wait for QT,
 * those that QT refused, and for keep_days those that it has.
 *
 * The functions with a struct db are for store_work: they run within a transaction and
 * fail with ERR_STORE.  Times are ms since the epoch.
 */
#ifndef STATE_QUEUE_H
#define STATE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/db.h"
#include "state/recover.h"

enum {
	QUEUE_KEY	= 24,		/* bytes: CreateTime in eight, half of the digest */
	QUEUE_BACKOFF_MAX_MS = 300000
};

enum queue_state { QUEUE_NEW, QUEUE_PENDING, QUEUE_DELIVERED, QUEUE_DEAD, QUEUE__MAX };

extern const char *const queue_states[QUEUE__MAX];	/* as in the table; "" for NEW */

/*
 * The key of a message in the table: CreateTime first, so that keys of one time are
 * neighbours on disk, then of message_key()'s digest 128 bits.
 */
void		 queue_key(unsigned char key[QUEUE_KEY], int64_t time_s, const char *hex);

/* What is known of that key. */
enum error	 queue_look(struct db *db, enum queue_state *state,
		    const unsigned char key[QUEUE_KEY]);

/* A message as it comes into the table and out of it.  Slices are borrowed. */
struct queue_message {
	int64_t			 id;
	unsigned char		 key[QUEUE_KEY];
	struct slice		 account;	/* its path */
	struct slice		 code;		/* QT's event code; absent: no row for it */
	int64_t			 received_ms;
	enum queue_state	 state;
	int64_t			 attempts;
	int64_t			 next_ms;	/* pending: not before */
	struct slice		 outcome;	/* of the last attempt, in words */
	int64_t			 qt_ms;		/* that it took */
	struct slice		 query, body;	/* as they came; absent: not kept */
};

/*
 * A message that has been dealt with; id is given.  If its key is there already that row
 * stays, but for a pending one that is delivered now.
 */
enum error	 queue_add(struct db *db, const struct queue_message *m);

/*
 * What became of an attempt to send a pending row: all but account, code, received, query,
 * body.  A delivered one goes, unless it is to be kept.  Where the row is gone, dropped or
 * with a file that was set aside, another may have its id by now: the key tells.
 */
enum error	 queue_settle(struct db *db, const struct queue_message *m, bool keep);

/*
 * Calls fn for up to max pending messages of an account, oldest first, that may be sent at
 * now_ms; those after (after_next_ms, after_id) in that order.
 */
typedef enum error	 queue_each(void *ctx, const struct queue_message *m);
struct queue_place {
	int64_t	 next_ms, id;
};
enum error	 queue_due(struct db *db, const char *account, const struct queue_place *after,
		    int64_t now_ms, int max, queue_each *fn, void *ctx);

/* When the first pending message of an account may be sent; INT64_MAX: there is none. */
enum error	 queue_next(struct db *db, const char *account, int64_t *next_ms);

/* What waits for a time after now_ms may be sent at once, a thousand of them.  *n: how many. */
enum error	 queue_make_due(struct db *db, const char *account, int64_t now_ms, int64_t *n);

/*
 * What waits for a time so far away that only a clock set back explains it may be sent now, a
 * thousand of them.
 */
enum error	 queue_repair_times(struct db *db, const char *account, int64_t now_ms);

/* Pause after so many attempts: 1 s doubling to 5 min, up to a quarter of it less by chance. */
int64_t		 queue_backoff_ms(int64_t attempts, uint64_t chance);

/*
 * Forgetting what is old, step by step from the oldest row on.  No index leads there, since
 * each message would pay for it; so a sweep remembers how far it has come.
 */
struct queue_sweep {
	int64_t	 before_ms;	/* delivered rows received before that go */
	int64_t	 at;		/* id: all up to here has been looked at */
	bool	 more;		/* there is more to do */
};

/* A step: looks at max rows at most, and gives some free pages back. */
enum error				 queue_sweep(struct db *db, struct queue_sweep *sw, int max);

/* Of a file that was set aside: what waits in it, and what QT has refused. */
extern const struct recover_source	 queue_recovered;

/*
 * For the operator.
 */

/* Pending and dead messages, oldest first, after id. */
enum error				 queue_list(struct db *db, int64_t after_id, int max, queue_each *fn, void *ctx);
enum error				 queue_show(struct db *db, int64_t id, queue_each *fn, void *ctx);
enum error				 queue_count(struct db *db, enum queue_state state, int64_t *n);

/*
 * How many of an account are pending or dead, and when the oldest of them came; -1: there is none.
 * An index counts them, and the oldest is looked for next to the lowest id: only what was taken
 * over from a file that was set aside can be older than its id says.
 */
enum error				 queue_depth(struct db *db, const char *account, enum queue_state state, int64_t *n,
					    int64_t *oldest_ms);

enum error				 queue_last(struct db *db, int64_t *id);	/* 0: the table is empty */

/* Those of an account (NULL: of all) with ids in a range are to be sent at once.  *n: how many. */
enum error				 queue_retry(struct db *db, int64_t from, int64_t to, const char *account,
					    int64_t *n);
enum error				 queue_drop(struct db *db, int64_t id, int64_t *n);

#endif
