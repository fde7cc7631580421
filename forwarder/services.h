/*
 * services.h: what delivering and draining work with, made and ended together.
 */
#ifndef FORWARDER_SERVICES_H
#define FORWARDER_SERVICES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/breaker.h"
#include "net/http_client.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "state/log_ratelimit.h"
#include "state/store.h"

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
	const _Atomic int64_t	*stop_ms;	/* see net/http_client.h; may be NULL */
};

/* Opens no file yet.  False: no memory.  The conf must be usable and outlive it. */
bool	means_open(struct means *m, const struct conf *c, enum store_life life,
	    const _Atomic int64_t *stop_ms);
void	means_close(struct means *m);		/* also after a failed means_open() */

/* True once the process has been told to stop: what is cut short now says nothing of QT. */
bool	means_stopping(const struct means *m);

#endif
