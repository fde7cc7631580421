/*
 * delivery_stats.h: the answer to the question `health`: the counters of a period
 * (state/counters.h) beside the messages that wait in the store now.
 */
#ifndef REPORT_DELIVERY_STATS_H
#define REPORT_DELIVERY_STATS_H

#include "core/conf.h"
#include "state/db.h"
#include "state/table.h"

/*
 * Fills t with a row for each account of the configuration, or for the accounts that `account`
 * means (path, name or AppID; "": all).  The columns are
 *
 *	account		the account's name
 *	received	pushes, without regard to their answer
 *	acknowledged	pushes that were answered `success`
 *	delivered	pushes that QT has, at once or later
 *	pending, dead	messages in the store now
 *	repeats		acknowledged pushes that were known already and not sent again
 *	refused		pushes that were not from WeChat, not readable or too late
 *	oldest_ms	age of the oldest pending message
 *	p50_ms ...	half of the acknowledged pushes were answered within this time; p90, p99
 *
 * A value that does not exist is NULL.  from, to: first and last day, "YYYY-MM-DD", in China.
 * ERR_STORE: the database (see db_why()) or a file of counters failed; ERR_REQUEST: not a day.
 */
enum error	 delivery_stats_table(struct table *t, struct db *db, const struct conf *c,
		    const char *account, const char *from, const char *to);

#endif
