/*
 * datacube_pull.h: asks WeChat for the statistics that are missing, and stores them.
 *
 * The calls are made one after the other.  Each answer is stored together with the note that it is
 * there, in one transaction: after a kill, the next run repeats one call at most.
 *
 * A call that fails is left for the next run, and so are the other calls of its end point.  But if
 * it is the first call of an end point that was pulled before, the next calls are made too: so one
 * day whose answer is always wrong does not stand before all later days.  Other end points are not
 * affected.
 *
 * An account is left if WeChat refuses its access_token, this host's address or the quota, or if
 * DATACUBE_PULL_SILENT end points in a row do not answer.  Only one process at a time pulls the
 * statistics of an account, of all hosts that share the store.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_PULL_H
#define WECHAT_DATACUBE_DATACUBE_PULL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "net/http_client.h"
#include "state/store.h"
#include "wechat/access_token.h"
#include "wechat/datacube/datacube.h"

/* Totals of a pull.  Further pages of an answer are not calls of their own in planned and done. */
struct datacube_pull_sum {
	int64_t	 planned, done;		/* calls */
	int64_t	 calls;			/* HTTP requests made */
	int64_t	 rows;			/* rows stored */
	int64_t	 missing;		/* units that are ready, but were not stored */
	int64_t	 off;			/* end points that WeChat does not allow */
	int64_t	 again;			/* units that were empty or delayed: due again later */
	int64_t	 again_s;		/* when the first of these is due, epoch seconds */
};

enum { DATACUBE_PULL_SILENT = 3 };

/* What is missing of an end point. */
struct datacube_pull_gap {
	const struct account		*account;
	const struct datacube_endpoint	*e;
	int64_t				 units;
	const char			*why;
};

/* A pull: the modules that it uses, what to ask for, and functions that report. */
struct datacube_pull {
	const struct conf		*conf;
	struct http_client		*http;
	struct store			*store;
	struct access_tokens		*tokens;

	int64_t				 now_s;
	uint64_t			 chosen;	/* one bit per end point; 0: all of them */
	int64_t				 from, to;	/* days, or DATACUBE_DEFAULT */
	bool				 all;		/* also units that are stored already */
	bool				 retry;		/* also end points that are switched off */
	const _Atomic int64_t		*stop_ms;	/* not 0: stop after the current call */

	/* Called with ctx: a line for people; the totals so far; what is missing, in the end. */
	void	(*say)(void *ctx, const char *line);
	void	(*progress)(void *ctx, const struct datacube_pull_sum *sum);
	void	(*missing)(void *ctx, const struct datacube_pull_gap *gap);
	void	*ctx;
};

/*
 * Pulls the statistics of an account, which must have a secret, and adds to *sum.  False: nothing
 * could be done, and say() was called with the reason.
 */
bool	datacube_pull_account(struct datacube_pull *p, struct datacube_pull_sum *sum,
	    const struct account *a);

#endif
