/*
 * arrival_fold.h: counts the messages that the forwarder has acknowledged (state/arrivals.h), as
 * the collector counts those that are posted to it: the same tables, the same rules.  A message is
 * counted once, also if both have it.
 *
 * A UnionID is not asked for here.  One that the store has is used; other users are counted under
 * their openid, with a mark, until their UnionID is known (collector/unionid.h).
 */
#ifndef COLLECTOR_ARRIVAL_FOLD_H
#define COLLECTOR_ARRIVAL_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/arrivals.h"
#include "state/store.h"

/* Belongs to one thread. */
struct arrival_fold;

/* All three must outlive it.  NULL: no memory. */
struct arrival_fold *arrival_fold_new(const struct conf *conf, struct store *s,
		    struct arrivals *as);
void		 arrival_fold_free(struct arrival_fold *f);

/*
 * Counts up to ARRIVAL_FOLD_STEP messages, in one transaction unless hosts share the store, and
 * waits for the store until until_ms (monotonic).  True: call it again, there may be more.  False:
 * all that could be taken is counted, or the store cannot be used now; then nothing is lost.
 */
enum { ARRIVAL_FOLD_STEP = 64 };
bool		 arrival_fold_some(struct arrival_fold *f, int64_t until_ms);

/* Counts all that waits, for at most ms; for a process that shows or drains. */
void		 arrival_fold_all(const struct conf *conf, struct store *s, struct arrivals *as,
		    int ms);

#endif
