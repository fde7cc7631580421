/*
 * follower_pull.h: asks WeChat who follows an account, and about each follower.
 *
 * A pull reads the list, 10,000 openids a call, and then asks about those users that nobody was
 * asked about before, who have come back, have followed again, or were asked about too long ago,
 * 100 a call.  Each answer is stored before the next call, so a pull that is killed goes on where
 * it was, and repeats one call at most.  Memory does not grow with the number of followers.
 *
 * WeChat does not say what has changed of a user (remark, tags): therefore the age.
 *
 * First WeChat is asked how many calls are left today.  A tenth of the day's calls is left to
 * others.  A call that fails by chance is made again after a pause, TRIES times.  When WeChat
 * refuses the quota, nobody is asked before the next day in China; when it does not allow the call,
 * for a week.
 *
 * For one account only one process at a time asks, of all hosts that share the store.  A pull waits
 * a few seconds for the other, since those that only ask about new followers soon end.
 */
#ifndef COLLECTOR_FOLLOWER_PULL_H
#define COLLECTOR_FOLLOWER_PULL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "net/http_client.h"
#include "state/store.h"
#include "wechat/access_token.h"

struct follower_pull_sum {
	int64_t	 planned, done;		/* calls */
	int64_t	 calls;			/* HTTP requests made, without those for quotas */
	int64_t	 followers;		/* that WeChat's list has */
	int64_t	 fresh, back, gone;	/* new in it, there again, there no more */
	int64_t	 told;			/* users that WeChat has told about */
	int64_t	 left;			/* users that are left for the next run */
};

/* The modules that a pull uses. */
struct follower_pull_tools {
	const struct conf	*conf;
	struct http_client	*http;
	struct store		*store;
	struct access_tokens	*tokens;
};

enum { FOLLOWER_PULL_DAYS = 30 };	/* age after which WeChat is asked about a user again */

struct follower_pull {
	struct follower_pull_tools	 tools;
	int64_t				 days;		/* as FOLLOWER_PULL_DAYS; 0: ask all */
	bool				 retry;		/* although WeChat has refused */
	const _Atomic int64_t		*stop_ms;	/* not 0: stop after the current call */

	/* Called with ctx: a line for people; the totals so far. */
	void	(*say)(void *ctx, const char *line);
	void	(*progress)(void *ctx, const struct follower_pull_sum *sum);
	void	*ctx;
};

/*
 * Pulls the followers of an account, which must have a secret, and adds to *sum.  False: something
 * is left for the next run, and say() was called with the reason.
 */
bool	follower_pull_account(struct follower_pull *p, struct follower_pull_sum *sum,
	    const struct account *a);

/*
 * Asks about users who have followed since, one call for each account that has any.  For a thread
 * with time, every FOLLOWER_PULL_TURN_MS; a failure is logged, and makes a pause that doubles, up
 * to an hour.  True: there may be more of them.
 */
enum { FOLLOWER_PULL_TURN_MS = 10000 };
bool	follower_pull_new(const struct follower_pull_tools *tools, int64_t deadline_ms);

#endif
