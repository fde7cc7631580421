/*
 * silence.h: which accounts have gone silent: pushes came every day, and now a day has passed
 * without one.  When the URL is switched off in WeChat's console, nothing else shows it: no request
 * fails, since none comes.
 *
 * An account that does not get pushes every day is never silent: there may be nothing to push.
 */
#ifndef MONITOR_SILENCE_H
#define MONITOR_SILENCE_H

#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/store.h"

enum {
	SILENCE_S	= 86400,	/* without a push, until an account is silent */
	SILENCE_DAYS	= 7,		/* with pushes, before the day of the last one */
	SILENCE_GIVEN_UP_S = 30 * 86400	/* an account that is silent for longer is not in use */
};

/* Called for an account of conf, by its index, and how long ago its last push came. */
typedef void	 silence_each(void *ctx, size_t account, int64_t silent_s);

/*
 * Calls fn for each silent account.  It reads the counters' totals; of an account without a push
 * for SILENCE_S also the files of SILENCE_DAYS, and what other hosts that share the store s (or
 * NULL) have counted: pushes that come to one of them are no silence.  It waits for the store until
 * until_ms (monotonic).  Counters that cannot be read show no silence.  ERR_NOMEM.
 */
enum error	 silence_find(const struct conf *c, struct store *s, int64_t until_ms,
		    int64_t now_s, silence_each *fn, void *ctx);

#endif
