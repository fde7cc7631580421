/*
 * means.h: what delivering and draining work with, made and ended together.
 */
#ifndef MEANS_H
#define MEANS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "breaker.h"
#include "claim.h"
#include "conf.h"
#include "flood.h"
#include "http.h"
#include "seen.h"
#include "store.h"
#include "tally.h"

/* For all threads of a process. */
struct means {
	const struct conf	*conf;
	struct http		*http;
	struct claims		*claims;
	struct store		*store;
	struct seen		*seen;
	struct breakers		*breakers;
	struct tally		*tally;
	struct flood		*flood;
	enum store_life		 life;
	const _Atomic int64_t	*stop_ms;	/* see http.h; may be NULL */
};

/* Opens no file yet.  False: no memory.  The conf must be usable and outlive it. */
bool	means_open(struct means *m, const struct conf *c, enum store_life life,
	    const _Atomic int64_t *stop_ms);
void	means_close(struct means *m);		/* also after a failed means_open() */

/* True once the process has been told to stop: what is cut short now says nothing of QT. */
bool	means_stopping(const struct means *m);

#endif
