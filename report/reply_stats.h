/*
 * reply_stats.h: the answer to the question `replies`: how many replies users got by which rule
 * (state/reply_table.h).
 */
#ifndef REPORT_REPLY_STATS_H
#define REPORT_REPLY_STATS_H

#include "core/conf.h"
#include "state/table.h"

/*
 * Fills t with a row for each rule of an account of the configuration, or of the accounts that
 * `account` means (path, name or AppID; "": all), that has answered in the period.  The columns are
 *
 *	account		the account's name
 *	kind		follow, keyword, click or default
 *	rule		the rule's name
 *	replies		in the period; the last 80 days are known
 *	mean_ms		after which its users had their reply, of all replies
 *
 * from, to: first and last day, "YYYY-MM-DD", in China.  ERR_STORE: the file cannot be read;
 * ERR_REQUEST: not a day.
 */
enum error	 reply_stats_table(struct table *t, const struct conf *c, const char *account,
		    const char *from, const char *to);

#endif
