/*
 * queue.h: the messages in the store (table message): those that wait for QT,
 * those that QT refused, and for keep_days those that QT has.
 *
 * A function with a struct db is called within a transaction (store_do()), and returns ERR_STORE
 * if it fails.  Times are ms since the epoch, by this host's clock; the table has the server's
 * (state/db.h: db_stored_ms()).
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

extern const char *const queue_states[QUEUE__MAX];	/* as in the table; NEW is "" */

/*
 * Makes the key of a message in the table: CreateTime (epoch seconds) in eight bytes, so that
 * messages of the same time are neighbours on disk; then 128 bits of the digest that
 * message_key() gave, as hex.
 */
void		 queue_key(unsigned char key[QUEUE_KEY], int64_t time_s, const char *hex);

/* The state of the message with that key; QUEUE_NEW: there is no such row. */
enum error	 queue_look(struct db *db, enum queue_state *state,
		    const unsigned char key[QUEUE_KEY]);

/* The same for a STORE_CONFIRM: if there is such a row, it is durable when store_do() returns. */
enum error	 queue_confirm(struct db *db, enum queue_state *state,
		    const unsigned char key[QUEUE_KEY]);

/* A row of the table.  Slices are borrowed: they are valid until the callback returns. */
struct queue_message {
	int64_t			 id;
	unsigned char		 key[QUEUE_KEY];
	struct slice		 account;	/* path of the destination: core/conf.h */
	struct slice		 code;		/* QT's event code; absent: QT has no row for it */
	int64_t			 received_ms;
	enum queue_state	 state;
	int64_t			 attempts;
	int64_t			 unread;	/* weight of answers without a code */
	int64_t			 next_ms;	/* pending: not to be sent before */
	struct slice		 outcome;	/* of the last attempt, in words */
	int64_t			 qt_ms;		/* how long that attempt took at QT */
	struct slice		 query, body;	/* as WeChat sent them; absent: not kept */
};

/*
 * Adds a message that was handled; the table gives it an id.  If the key is there already, that
 * row is left as it is, except that a pending one becomes delivered if m is.
 */
enum error	 queue_add(struct db *db, const struct queue_message *m);

/*
 * Writes the outcome of an attempt to a pending row: all members but account, code, received_ms,
 * query and body.  A delivered row is deleted unless keep is true; so is that of a user who is
 * forgotten (table leaving).  The key is compared, too: if the row is gone meanwhile, another
 * message may have its id.
 */
enum error	 queue_settle(struct db *db, const struct queue_message *m, bool keep);

/* The same for the pending row with that key, if there is one.  A delivered row is deleted. */
enum error	 queue_settle_key(struct db *db, const struct queue_message *m);

/*
 * The pending messages of an account are in two parts: those that were never sent, and those that
 * have failed at least once.
 */
enum queue_part { QUEUE_FRESH, QUEUE_FAILED, QUEUE__PARTS };

/*
 * Calls fn for up to max pending messages of one part of an account whose next_ms is not after
 * until_ms, in order of (next_ms, id).  A fresh message may be sent at any time: with the clock
 * right, its next_ms is when it came.
 */
typedef enum error	 queue_each(void *ctx, const struct queue_message *m);
enum error	 queue_due(struct db *db, const char *account, enum queue_part part,
		    int64_t until_ms, int max, queue_each *fn, void *ctx);

/*
 * When the first pending message of a part of an account may be sent; INT64_MAX: no message is
 * pending.  It is now_ms at the latest for a fresh message, and for a time that
 * queue_repair_times() changes.
 */
enum error	 queue_next(struct db *db, const char *account, enum queue_part part,
		    int64_t now_ms, int64_t *next_ms);

/*
 * Makes up to a thousand messages of each part of an account due that wait for a time after
 * now_ms.  *n: how many.
 */
enum error	 queue_make_due(struct db *db, const char *account, int64_t now_ms, int64_t *n);

/* Makes up to n messages of an account due that have failed, those whose time comes first. */
enum error	 queue_hasten(struct db *db, const char *account, int64_t now_ms, int n);

/*
 * Makes up to a thousand messages of each part of an account due whose time is farther away than
 * the longest pause: the clock must have been set back.
 */
enum error	 queue_repair_times(struct db *db, const char *account, int64_t now_ms);

/* The pause after so many attempts: 1 s, doubling up to 5 min, less up to a quarter by chance. */
int64_t		 queue_backoff_ms(int64_t attempts, uint64_t chance);

/*
 * Old delivered rows are deleted step by step, from the lowest id on.  There is no index for it,
 * because each message would have to write it; so a sweep remembers how far it has come.
 */
struct queue_sweep {
	int64_t	 before_ms;	/* delivered rows that were received before go */
	int64_t	 at;		/* rows up to this id were looked at */
	bool	 more;		/* there is more to do */
	bool	 idle;		/* the last step had nothing to delete or to give back */
};

/* One step: looks at up to max rows, and gives some free pages back to the file system. */
enum error	 queue_sweep(struct db *db, struct queue_sweep *sw, int max);

/* Takes over the pending and dead messages of a database in quarantine (state/recover.h). */
extern const struct recover_source queue_recovered;

/*
 * For the operator.
 */

/* Calls fn for up to max pending and dead messages with a higher id, the oldest first. */
enum error	 queue_list(struct db *db, int64_t after_id, int max, queue_each *fn, void *ctx);

/* Calls fn for the message with that id, if there is one. */
enum error	 queue_show(struct db *db, int64_t id, queue_each *fn, void *ctx);
enum error	 queue_count(struct db *db, enum queue_state state, int64_t *n);

/* When the oldest pending message came.  *ms is left as it is if there is no such message. */
enum error	 queue_oldest(struct db *db, int64_t *ms);

/*
 * How many messages of an account are pending (or dead), and when the oldest of them came; -1:
 * there are no such messages.  Only the 200 ids from the lowest on are searched for the oldest:
 * later ids are older only if they come from a database in quarantine.
 */
enum error	 queue_depth(struct db *db, const char *account, enum queue_state state, int64_t *n,
		    int64_t *oldest_ms);

enum error	 queue_last(struct db *db, int64_t *id);	/* the highest id; 0: no rows */

/* Which pending and dead messages queue_retry() makes due. */
struct queue_choice {
	int64_t		 from, to;	/* their ids */
	const char	*account;	/* NULL: all accounts */
	const char	*outcome;	/* of their last attempt; NULL: any */
};
enum error	 queue_retry(struct db *db, const struct queue_choice *choice, int64_t now_ms,
		    int64_t *n);

/* Gives fn each outcome that a pending or dead message has, once. */
enum error	 queue_outcomes(struct db *db, void (*fn)(void *ctx, struct slice outcome),
		    void *ctx);

/* Deletes a pending or dead message.  *n: 1, or 0 if there is no such message. */
enum error	 queue_drop(struct db *db, int64_t id, int64_t *n);

#endif
