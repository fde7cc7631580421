/*
 * forget.h: forgets users.  The store is as if their events had come from people without a name,
 * and no figure changes (collector/erased.h); copies of their messages are deleted.
 *
 * What QT does not have yet goes to QT first: a message that waits is marked (table leaving), and
 * is deleted when QT has it.  One that QT has refused stays until the operator sends it or says
 * that it goes.
 *
 * A user of one account may be known under a UnionID in others.  If only one account is to forget
 * the user, the others keep their events under the UnionID: figures over all accounts count this
 * user as two from then on, those of each account stay.
 *
 * The functions with a struct db are for store_work.  They take few rows at a time, and can be
 * done again.
 */
#ifndef COLLECTOR_FORGET_H
#define COLLECTOR_FORGET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "state/db.h"

/*
 * All names of one user, each with a NUL behind it: the name that was asked for, the UnionID, and
 * the openids that have this UnionID.  appid: only those of this account; NULL: of all.
 */
enum error	forget_names(struct db *db, struct buf *names, const char *appid,
		    struct slice name);

/* The name after `at`, or the first one if that is NULL; NULL: there is no further name. */
const char	*forget_next(const struct buf *names, const char *at);

/* True: one of the names is in the text. */
bool		 forget_is_in(const struct buf *names, struct slice text);

struct forget_order {
	const char	*appid;		/* the account that forgets; NULL: all accounts */
	int64_t		 until_s;	/* events up to this time, epoch seconds */
	int64_t		 late_s;	/* the same of events that are not counted yet */
};

/* What was found; the functions add to it. */
struct forget_count {
	int64_t	 events;	/* they stay, without a name */
	int64_t	 mentions;	/* events of others that had one of the names in a scene or a key */
	int64_t	 copies;	/* messages that QT has: deleted */
	int64_t	 waiting;	/* they go to QT first */
	int64_t	 dead;		/* that QT refused: deleted, or they stay */
	int64_t	 closed;	/* encrypted messages that no key of the configuration opens */
};

/* Forgets the names in events, devices, and what is known of UnionIDs. */
enum error	forget_events(struct db *db, struct forget_count *n, const struct buf *names,
		    const struct forget_order *order);

/*
 * Looks at up to max messages of the queue after id *at, which it moves on.  *more: there are
 * further ones.  drop_dead: those that QT has refused are deleted, too.
 */
struct forget_messages {
	const struct conf	*conf;		/* has the keys of encrypted messages */
	const struct buf	*names;
	bool			 drop_dead;
	int64_t			 at;
	bool			 more;
};
enum error	forget_messages(struct db *db, struct forget_count *n, struct forget_messages *m,
		    int max);

/*
 * Replaces the names in events of other users by "forgotten", as in the scene of a QR code that was
 * made for a user: up to max events after id *at, which it moves on.  Short names are left alone,
 * since they may be part of something else.
 */
enum error	forget_mentions(struct db *db, struct forget_count *n, const struct buf *names,
		    int64_t *at, bool *more, int max);

/*
 * Looks for the names where they stand alone: devices, followers, UnionIDs, QR codes.  Calls fn for
 * each table that still has one, because it came after it was forgotten, or is the operator's own.
 */
typedef void	 forget_found(void *ctx, struct slice table, int64_t rows);
enum error	forget_search(struct db *db, const struct buf *names, forget_found *fn, void *ctx);

/*
 * For settings.forget_unsubscribed and forget_revoked: one step of forgetting the users who have
 * left (table departed), at most max rows.  A user who has left only just now is left for later,
 * since copies of messages may still be on their way into the store.  *more: call it again.
 */
enum error	forget_departed(struct db *db, bool *more, const struct conf *conf, int64_t now_ms,
		    int max);

#endif
