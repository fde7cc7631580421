/*
 * status.h: the facts that `qtoa status` shows: the state of the program (monitor/health_state.h),
 * today's messages, recent failures, the sources of bad signatures, and how fast the disk fills.
 */
#ifndef MONITOR_STATUS_H
#define MONITOR_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "monitor/health_state.h"
#include "state/counters.h"
#include "state/log_ratelimit.h"
#include "state/store.h"

enum {
	STATUS_DAYS = 7,	/* before today, from which the growth is estimated */
	STATUS_FAILURES = 8,
	STATUS_BAD_PEERS = 64
};

/* A source of pushes with bad signatures. */
struct status_bad_peer {
	char		 peer[LOG_RATELIMIT_TEXT];	/* its address; "*": many addresses */
	char		 account[LOG_RATELIMIT_TEXT];	/* path of the last push */
	uint64_t	 count;
	int64_t		 last_ms;		/* epoch ms */
};

struct status {
	struct health_state	 health;

	int64_t			 day;		/* today, in China (core/calendar.h) */
	bool			 counted;	/* false: the counters could not be read */
	bool			 whole;		/* false: the other hosts' could not be read */
	struct counter_numbers	*today;		/* of each destination, in the order of conf */
	int64_t			 peer_unknown;	/* today's pushes not from WeChat's addresses */

	/* Estimates from the last STATUS_DAYS days. */
	int64_t			 daily_bytes;	/* what a day adds; -1: nothing is counted yet */
	int64_t			 full_days;	/* until the disk is full; -1: not known */

	struct log_ratelimit_entry	 failures[STATUS_FAILURES];	/* newest first */
	size_t				 nfailures;
	struct status_bad_peer		 bad_peers[STATUS_BAD_PEERS];	/* highest count first */
	size_t				 nbad_peers;
};

/*
 * Reads all of it.  s, b: as for health_state_read().  usable: the configuration is.  A part that
 * cannot be read is marked so; only ERR_NOMEM is an error.  Call status_free() in any case.
 */
enum error	 status_read(struct status *st, const struct conf *c, bool usable,
		    struct store *s, struct breakers *b, int64_t deadline_ms);
void		 status_free(struct status *st);

/* A day's numbers as they are shown; a time of -1: nothing was timed. */
struct status_counts {
	int64_t	 handshakes;
	int64_t	 received, delivered, queued, dead, repeats, refused, unsafe;
	int64_t	 p50_ms, p99_ms;	/* until WeChat was answered */
	int64_t	 qt_p50_ms, qt_p99_ms;	/* QT's part of that */
};
void		 status_count(struct status_counts *n, const struct counter_numbers *t);

extern const char *const status_gates[];	/* an enum breaker_gate in words */

/*
 * Appends all of it as a JSON object with the members health (see monitor/health.h), accounts,
 * relays, failures, knocking (the bad peers), disk, wechat_only, store and hosts.  null: not known.
 */
enum error	 status_json(struct buf *out, const struct status *st);

/*
 * Calls fn for the signs of health_state_judge(), then for two warnings of its own: unsafe (pushes
 * that were answered 503 today) and tally (the counters cannot be read).
 */
void		 status_judge(const struct status *st, health_state_each *fn, void *ctx);

#endif
