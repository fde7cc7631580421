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
struct services {
	const struct conf	*conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;
	struct dedup		*dedup;
	struct breakers		*breakers;
	struct counters		*counters;
	struct log_ratelimit	*log_ratelimit;
	enum store_life		 life;
	const _Atomic int64_t	*stop_ms;	/* see net/http_client.h; may be NULL */
};

/* Opens no file yet.  False: no memory.  The conf must be usable and outlive it. */
bool	services_open(struct services *m, const struct conf *c, enum store_life life,
	    const _Atomic int64_t *stop_ms);
void	services_close(struct services *m);		/* also after a failed services_open() */

/* True once the process has been told to stop: what is cut short now says nothing of QT. */
bool	services_stopping(const struct services *m);

#endif
