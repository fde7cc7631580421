/*
 * delivery_stats.h: how deliveries are doing: what was counted (state/counters.h) in a period beside what waits
 * in the store now.
 */
#ifndef REPORT_DELIVERY_STATS_H
#define REPORT_DELIVERY_STATS_H

#include "core/conf.h"
#include "state/db.h"
#include "state/table.h"

/*
 * t becomes a row for each account of the configuration, or for those that account (path, name
 * or AppID; "": all) means, with the columns
 *
 *	account		its name
 *	received	pushes: acknowledged, refused, and those that nobody took (503)
 *	acknowledged	answered `success`
 *	delivered	QT has them, at once or later
 *	pending, dead	in the store now
 *	repeats		acknowledged, and not sent again
 *	refused		not WeChat's, not readable or not in time
 *	oldest_ms	age of the oldest that is pending
 *	p50_ms ...	within that time half of the acknowledged were answered; p90, p99
 *
 * NULL stands where there is none.  from, to: first and last day, "YYYY-MM-DD", in China.
 * ERR_STORE: the database (db_why()) or a file of the tally; ERR_REQUEST: no such day.
 */
enum error	 delivery_stats_table(struct table *t, struct db *db, const struct conf *c,
		    const char *account, const char *from, const char *to);

#endif
