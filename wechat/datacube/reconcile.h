/*
 * reconcile.h: WeChat's own count of its calls (datacube getinterfacesummary and ...hour:
 * callback_count, fail_count) beside what was counted here (state/counters.h).
 *
 * A call of WeChat's is accounted for when it was answered `success`, or could be proved to be
 * WeChat's and was answered otherwise (our fault, or the configuration's).  A push that was
 * refused before its signature held may be WeChat's or a forger's: it is never taken for a call
 * that is missing, only the doubt is shown.
 *
 * WeChat counts a call when it makes it, we when it comes: what differs between two hours
 * that follow each other by no more than is made in five seconds is a matter of clocks.
 */
#ifndef WECHAT_DATACUBE_RECONCILE_H
#define WECHAT_DATACUBE_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/counters.h"

enum reconcile_state {
	RECONCILE_OK,
	RECONCILE_MORE,		/* all calls are accounted for, and there were others */
	RECONCILE_UNCLEAR,	/* calls are missing, or among those refused */
	RECONCILE_MISSING,	/* calls never came here */
	RECONCILE_UNKNOWN,	/* WeChat's numbers are not there: qtoa datacube pull */
	RECONCILE__MAX
};

extern const char *const reconcile_states[RECONCILE__MAX];

/* An hour, or a whole day where WeChat's hours are not there. */
struct reconcile_row {
	int64_t	 day;		/* of China, see core/calendar.h */
	int	 hour;		/* -1: the day */

	/* WeChat's, -1: not known. */
	int64_t	 calls, fails;

	/* Ours. */
	int64_t	 acknowledged;	/* answered `success` */
	int64_t	 slow;		/* of these after WeChat had hung up (5 s) */
	int64_t	 failed;	/* not stored: answered 503 */
	int64_t	 proved;	/* refused, though WeChat's signature held */
	int64_t	 refused;	/* refused before that */

	/* What follows. */
	int64_t	 missing;	/* calls that never came */
	int64_t	 unclear;	/* calls that never came or are among `refused` */
	int64_t	 unheard;	/* failed to WeChat, though we answered `success` */
	enum reconcile_state state;
};

/* What was counted here in an hour is added to a row. */
void	reconcile_count(struct reconcile_row *r, const struct counter_numbers *n);

/* Judges rows of one account, in order of time. */
void	reconcile_judge(struct reconcile_row *rows, size_t n);

/* Sums of rows; their worst state. */
void	reconcile_sum(struct reconcile_row *sum, const struct reconcile_row *rows, size_t n);

#endif
