/*
 * alert_week.h: the figures of a week, beside those of the week before, for the summary that
 * settings.alert_weekly sends.
 *
 * A week is Monday to Sunday in China.  Pushes are those of the counters (state/counters.h),
 * follows those of the report's question `follows`, if the collector is on.
 */
#ifndef MONITOR_ALERT_WEEK_H
#define MONITOR_ALERT_WEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "state/store.h"

/* The numbers of an account in a week.  -1: not known, or nothing was timed. */
struct alert_week_numbers {
	int64_t	 received;	/* pushes, whatever became of them: the next six */
	int64_t	 delivered;	/* QT had them at once */
	int64_t	 queued, dead, repeats, unsafe, refused;
	int64_t	 late_delivered, late_dead;	/* what the drainer did of what had waited */
	int64_t	 p50_ms, p99_ms;		/* until WeChat was answered */
	int64_t	 follows, unfollows;
};

struct alert_week_account {
	const struct account		*account;
	struct alert_week_numbers	 week, before;
	int64_t				 last_day;	/* of the last push; -1: not in two weeks */
	int				 last_hour;
};

struct alert_week {
	int64_t				 monday;	/* a day (core/calendar.h) */
	const struct conf		*conf;
	struct alert_week_account	*accounts;	/* in the order of conf */
	bool				 is_counted;	/* the counters were read */
};

/*
 * The Monday of the last week whose summary is due at that time: the week is over, and it is 9
 * o'clock on Monday, or later.
 */
int64_t		 alert_week_due(int64_t now_s);

/*
 * Reads the figures of the week that begins on monday.  store NULL: there are no events; if they
 * cannot be read until deadline_ms (monotonic), follows are not known.  ERR_STORE: the counters
 * cannot be read; ERR_NOMEM.  Call alert_week_free() in any case.
 */
enum error	 alert_week_read(struct alert_week *w, const struct conf *c, struct store *store,
		    int64_t monday, int64_t deadline_ms);
void		 alert_week_free(struct alert_week *w);

/* True: there was no push, no follow and no unfollow in both weeks. */
bool		 alert_week_is_empty(const struct alert_week *w);

/* Appends it as text for people, in the language that is used. */
enum error	 alert_week_text(struct buf *out, const struct alert_week *w);

/* Appends it as members of a JSON object: "from", "to", "accounts". */
enum error	 alert_week_json(struct buf *out, const struct alert_week *w);

#endif
