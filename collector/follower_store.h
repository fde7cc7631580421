/*
 * follower_store.h: the followers of official accounts in the store (tables follower and
 * follower_pull; see state/schema.c).
 *
 * Three sources fill them: WeChat's list of openids, WeChat's answers about users, and the events
 * that are counted here.  Each may come first, and late; times decide what holds.
 *
 * The functions are for store_work: they run in a transaction and fail with ERR_STORE.  A user is
 * known by the account's AppID and an openid.
 */
#ifndef COLLECTOR_FOLLOWER_STORE_H
#define COLLECTOR_FOLLOWER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "state/db.h"
#include "wechat/user_info.h"

/*
 * Notes a follow or unfollow that was counted.  Does nothing if the account has no secret, because
 * nobody can be asked then.
 */
enum error	 follower_store_turn(struct db *db, const struct account *a, struct slice openid,
		    bool follows, int64_t time_s);

/* The table follower_pull of an account; a row that is not there is all zeros. */
enum follower_pull_state {
	FOLLOWER_PULL_NONE, FOLLOWER_PULL_LIST, FOLLOWER_PULL_CLOSE, FOLLOWER_PULL_ASK
};
struct follower_pull_row {
	enum follower_pull_state state;
	int64_t	 began_s, listed, total, ended_s, followers, since_s, pause_s, errcode, fails;
	char	 cursor[USER_INFO_OPENID + 1];
};
enum error	 follower_store_row(struct db *db, struct follower_pull_row *r, const char *appid);

/*
 * Begins to read the list, and makes the account known to the report.  *began_s: the name of this
 * pull, now_s or a later second if that is taken.
 */
enum error	 follower_store_begin(struct db *db, const struct account *a, int64_t *began_s,
		    int64_t now_s);

/* A part of a page of the list. */
struct follower_part {
	const struct account	*account;
	const char		*openids;	/* each with its NUL */
	size_t			 n;
	int64_t			 began_s;	/* of the pull */
	int64_t			 asked_s;	/* for this page */
	int64_t			 fresh, back;	/* set: new rows; users who have come back */
};
enum error	 follower_store_part(struct db *db, struct follower_part *p);

/* The list is read up to next, all parts of the page are stored; is_last: it has ended. */
enum error	 follower_store_page(struct db *db, const char *appid, const struct user_list *l,
		    bool is_last);

/*
 * After the last page: FOLLOWER_CLOSE rows at a time, marks those as gone that no page has had, and
 * makes users due that WeChat was asked about after again_s.  *more: call it again.  *gone: so many
 * were marked.
 */
enum { FOLLOWER_CLOSE = 5000 };
struct follower_close {
	const char	*appid;
	int64_t		 now_s, again_s;
	int64_t		 gone;		/* set */
	bool		 more;		/* set */
};
enum error	 follower_store_close(struct db *db, struct follower_close *c);

/* Nobody is left to be asked about: the pull has ended. */
enum error	 follower_store_end(struct db *db, const char *appid);

/* Which users to ask WeChat about. */
enum follower_due {
	FOLLOWER_NEW,		/* those who have followed since they were asked about last */
	FOLLOWER_ALL		/* these, all that were never asked about, or before before_s */
};

/* Counts them. */
enum error	 follower_store_count_due(struct db *db, int64_t *n, const char *appid,
		    enum follower_due due, int64_t before_s);
/* Appends up to USER_INFO_BATCH openids, each with its NUL, and counts them in *n. */
enum error	 follower_store_due(struct db *db, struct buf *openids, size_t *n,
		    const char *appid, enum follower_due due, int64_t before_s);

/* An answer about users. */
struct follower_batch {
	const struct account	*account;
	const char		*openids;	/* that were asked for, each with its NUL */
	size_t			 n;
	struct slice		 answer;	/* absent: WeChat knows none of them */
	int64_t			 asked_s, answered_s;
	int64_t			 told, gone;	/* set: users who follow; who do not any more */
	bool			 strange;	/* set: it is no such answer; nothing is stored */
};

/* Stores it, with the UnionIDs (collector/unionid.h) if the account counts by them. */
enum error	 follower_store_batch(struct db *db, struct follower_batch *b);

/* Nobody is asked before until_s; 0: no pause.  fails: failures in a row. */
enum error	 follower_store_pause(struct db *db, const char *appid, int64_t until_s,
		    int64_t errcode, int64_t fails);

#endif
