/*
 * reconcile.h: compares WeChat's own count of its calls with our counters (state/counters.h).
 * WeChat's count is callback_count and fail_count of getinterfacesummary and
 * getinterfacesummaryhour.
 *
 * A call of WeChat is accounted for when we answered it with `success`, or when its signature was
 * good and we answered something else (our fault, or the configuration's).  A push that was refused
 * because of its signature, or before that was checked, may come from WeChat or from a forger: it
 * does not count as a missing call, and only makes the result unclear.
 *
 * WeChat counts a call when it makes it, we count it when it arrives.  So a small difference
 * between two neighbouring hours, of as many calls as are made in five seconds, is explained by
 * the clocks.
 */
#ifndef WECHAT_DATACUBE_RECONCILE_H
#define WECHAT_DATACUBE_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/counters.h"

enum reconcile_state {
	RECONCILE_OK,
	RECONCILE_MORE,		/* all calls are accounted for, and there were other pushes */
	RECONCILE_UNCLEAR,	/* calls are missing, or are among those refused */
	RECONCILE_MISSING,	/* calls never came here */
	RECONCILE_UNKNOWN,	/* WeChat's numbers are not stored: run qtoa datacube pull */
	RECONCILE__MAX
};

extern const char *const reconcile_states[RECONCILE__MAX];

/* An hour, or a whole day where WeChat's hours are not stored. */
struct reconcile_row {
	int64_t	 day;		/* China's, see core/calendar.h */
	int	 hour;		/* -1: the whole day */

	/* WeChat's count; -1: not known. */
	int64_t	 calls, fails;

	/* Our count. */
	int64_t	 acknowledged;	/* answered `success` */
	int64_t	 slow;		/* of these, answered after WeChat had hung up (5 s) */
	int64_t	 failed;	/* not stored: answered 503 */
	int64_t	 proved;	/* refused, though the signature was WeChat's */
	int64_t	 refused;	/* refused, and it is not known if they were WeChat's */

	/* Set by reconcile_judge(). */
	int64_t	 missing;	/* calls that never came */
	int64_t	 unclear;	/* calls that never came, or are among `refused` */
	int64_t	 unheard;	/* failed for WeChat, though we answered `success` */
	enum reconcile_state state;
};

/* Adds our counters of an hour to a row. */
void	reconcile_count(struct reconcile_row *r, const struct counter_numbers *n);

/* Judges the rows of one account, which are in order of time. */
void	reconcile_judge(struct reconcile_row *rows, size_t n);

/* Adds up rows; the state of the sum is their worst. */
void	reconcile_sum(struct reconcile_row *sum, const struct reconcile_row *rows, size_t n);

#endif
