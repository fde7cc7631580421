/*
 * datacube_pull.h: asks WeChat for the statistics that are missing, and stores them.
 *
 * One call after the other, each stored in a transaction of its own with the note that it is
 * there: who goes on after a kill repeats one call at most.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_PULL_H
#define WECHAT_DATACUBE_DATACUBE_PULL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "net/http_client.h"
#include "state/lock.h"
#include "state/store.h"
#include "wechat/access_token.h"
#include "wechat/datacube/datacube.h"

struct datacube_pull_sum {
	int64_t	 planned, done;		/* calls; pages count with the first */
	int64_t	 calls;			/* requests made */
	int64_t	 rows;			/* stored */
	int64_t	 missing;		/* units that are ready and not there */
	int64_t	 off;			/* end points that WeChat does not allow */
	int64_t	 again;			/* units that were empty, asked again later */
	int64_t	 again_s;		/* ... the first of them, epoch seconds */
};

struct datacube_pull {
	const struct conf		*conf;
	struct http_client		*http;
	struct locks			*locks;
	struct store			*store;
	struct access_tokens		*tokens;
	int64_t				 now_s;
	uint64_t			 chosen;	/* a bit each of datacube_endpoints; 0: all */
	int64_t				 from, to;	/* days, or DATACUBE_DEFAULT */
	bool				 all;		/* also what is there already */
	bool				 retry;		/* also what WeChat has not allowed */
	const _Atomic int64_t		*stop_ms;	/* not 0: ends after the call under way */

	/* A line for people; what has been done so far.  ctx is theirs. */
	void	(*say)(void *ctx, const char *line);
	void	(*progress)(void *ctx, const struct datacube_pull_sum *sum);
	void	*ctx;
};

/*
 * Pulls one account, which has a secret, and adds to *sum.  False: it could not be done at all,
 * and why has been said.
 */
bool	datacube_pull_account(struct datacube_pull *p, struct datacube_pull_sum *sum, const struct account *a);

#endif
