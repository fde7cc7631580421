/*
 * services.h: the handles that the threads of a process share, opened and closed together.
 *
 * A caller names the handles that it needs.  The others stay NULL and cost nothing.
 */
#ifndef FORWARDER_SERVICES_H
#define FORWARDER_SERVICES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/breaker.h"
#include "net/http_client.h"
#include "state/arrivals.h"
#include "state/counters.h"
#include "state/dedup.h"
#include "state/lock.h"
#include "state/log_ratelimit.h"
#include "state/spare.h"
#include "state/store.h"
#include "wechat/access_token.h"
#include "wechat/callback_ips.h"

/* Bits that name handles.  A handle that is made of others brings these, too. */
enum services_need {
	SERVICES_HTTP		= 1 << 0,
	SERVICES_LOCKS		= 1 << 1,
	SERVICES_STORE		= 1 << 2,	/* and locks */
	SERVICES_DEDUP		= 1 << 3,	/* and locks */
	SERVICES_BREAKERS	= 1 << 4,	/* all accounts must have a qt_url */
	SERVICES_COUNTERS	= 1 << 5,	/* and locks */
	SERVICES_LOG_RATELIMIT	= 1 << 6,	/* and locks */
	SERVICES_TOKENS		= 1 << 7,	/* and http, locks, store */
	SERVICES_CALLBACK_IPS	= 1 << 8,	/* and what SERVICES_TOKENS needs */
	SERVICES_ARRIVALS	= 1 << 9,	/* and locks */
	SERVICES_SPARE		= 1 << 12,	/* and locks */

	/* The handles that deliver() and struct drain need. */
	SERVICES_FORWARDING	= SERVICES_HTTP | SERVICES_LOCKS | SERVICES_STORE | SERVICES_DEDUP |
				  SERVICES_BREAKERS | SERVICES_COUNTERS | SERVICES_LOG_RATELIMIT
};

/* One for all threads of a process.  NULL: the handle was not asked for. */
struct services {
	const struct conf	*conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;		/* that settings.store names */
	struct store		*local;		/* the file of this host; NULL: that is store */
	struct store		*claims;	/* of dedup, if hosts share the store */
	struct dedup		*dedup;
	struct breakers		*breakers;
	struct counters		*counters;
	struct log_ratelimit	*log_ratelimit;
	struct spare		*spare;
	struct access_tokens	*tokens;
	struct callback_ips	*callback_ips;
	struct arrivals		*arrivals;
	struct caller		*caller;	/* of the process; NULL: no account has relays */
	enum store_life		 life;
	const _Atomic int64_t	*stop_ms;	/* see http_client_new() */
};

/*
 * Makes the handles that need names (bits of enum services_need).  No file is opened yet, but the
 * one of callback_ips: each handle does that when it is first used.  The conf must outlive them.
 * False: no memory; call services_close() then, too.
 */
bool	services_open(struct services *s, const struct conf *c, unsigned need, enum store_life life,
	    const _Atomic int64_t *stop_ms);

/*
 * What the queue and the work beside it need: SERVICES_FORWARDING, SERVICES_SPARE, and more if
 * settings.wechat_only or .count is on, or an account has a secret.
 */
unsigned services_of_queue(const struct conf *c);

/* Makes further handles after services_open(); those that are there stay.  False: no memory. */
bool	services_add(struct services *s, unsigned need);

/* The store that is a file of this host; NULL: no store was asked for. */
struct store	*services_own_store(const struct services *s);

/*
 * The time, ms since the epoch: that of the server if hosts share the store, so that a host whose
 * own clock is wrong takes no push for an old one, and signs with the right time.
 */
int64_t	services_now_ms(const struct services *s);

/* Frees all handles; s is empty then, and another services_close() does nothing. */
void	services_close(struct services *s);

/*
 * True once the process has been told to stop.  If a request to QT fails then, it was cut short,
 * and that says nothing of QT.
 */
bool	services_stopping(const struct services *s);

#endif
