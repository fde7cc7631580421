/*
 * status.h: what `qtoa status` shows: how the program is (monitor/health_state.h), what came today, what failed
 * of late, who knocks with signatures that do not hold, and how fast the disk fills.
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

enum { STATUS_DAYS = 7, STATUS_FAILURES = 8, STATUS_BAD_PEERS = 64 };

/* Who sends what is not WeChat's. */
struct status_bad_peer {
	char		 peer[LOG_RATELIMIT_TEXT];	/* its address; "*": many */
	char		 account[LOG_RATELIMIT_TEXT];	/* to whom it was the last time */
	uint64_t	 count;
	int64_t		 last_ms;		/* ms since the epoch */
};

struct status {
	struct health_state		 health;

	int64_t			 day;		/* today, in China (core/calendar.h) */
	bool			 counted;	/* what was counted could be read */
	struct counter_numbers	*today;		/* by account, as in conf */

	/* What a day of the last STATUS_DAYS has added, about; in how many days that fills the disk. */
	int64_t			 daily_bytes;	/* -1: nothing has been counted yet */
	int64_t			 full_days;	/* -1: never, or not known */

	/* Newest first; those that knock most often first. */
	struct log_ratelimit_entry	 failures[STATUS_FAILURES];
	size_t				 nfailures;
	struct status_bad_peer		 knockers[STATUS_BAD_PEERS];
	size_t				 nknockers;
};

/*
 * Looks: s and b as for health_state_read(), usable: the configuration is.  What cannot be read is shown
 * as such.  ERR_NOMEM.  status_free() in any case.
 */
enum error	 status_read(struct status *st, const struct conf *c, bool usable,
		    struct store *s, struct breakers *b, int64_t deadline_ms);
void		 status_free(struct status *st);

/* A day's numbers, as they are shown; a time of -1: nothing was timed. */
struct status_counts {
	int64_t	 received, delivered, queued, dead, repeats, refused, unsafe;
	int64_t	 p50_ms, p99_ms;	/* until WeChat was answered */
	int64_t	 qt_p50_ms, qt_p99_ms;	/* of that at QT */
};
void		 status_count(struct status_counts *n, const struct counter_numbers *t);

extern const char *const status_gates[];	/* an enum breaker_gate in words */

/*
 * Appends all of it as a JSON object: health (see monitor/health.h), accounts, failures, knocking, disk.
 * What is not known is null.
 */
enum error	 status_json(struct buf *out, const struct status *st);

/* health_state_judge(), and what today's counts say (unsafe, tally): warnings all of them. */
void		 status_judge(const struct status *st, health_state_each *fn, void *ctx);

#endif
