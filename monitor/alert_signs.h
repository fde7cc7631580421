/*
 * alert_signs.h: which changes of health are worth a message, and when.
 *
 * A sign that came or went is told after it has stayed so for settings.alert_after_s, so one
 * that flaps faster is never told.  In an hour settings.alert_per_hour messages are sent.  A sign
 * that comes and goes while nothing can be sent is not told any more: it is counted, and the next
 * message has the number.  So there is never more to tell than the signs themselves.
 *
 * Signs that follow from each other are one.  A queue that is late (pending) belongs to its stopped
 * account, or to the breaker; so does a gateway in QT's place.
 */
#ifndef MONITOR_ALERT_SIGNS_H
#define MONITOR_ALERT_SIGNS_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/alert_file.h"
#include "monitor/health_state.h"

enum { ALERT_SIGNS_TEXT = HEALTH_STATE_WHY * 2 };

/* A sign as it is now. */
struct alert_signs_now {
	char	 what[ALERT_FILE_WHAT], account[ALERT_FILE_ACCOUNT];
	bool	 is_bad;
	char	 text[ALERT_SIGNS_TEXT];
};

/* Those that are there now.  All zeros is an empty list; after ALERT_FILE_SIGNS it is full. */
struct alert_signs {
	struct alert_signs_now	 now[ALERT_FILE_SIGNS];
	size_t			 n;
};

/*
 * Adds a sign, or its text to a sign that is the same one.  It is a health_state_each, and needs
 * causes before their consequences, as health_state_judge() gives them.
 */
void	 alert_signs_add(void *ctx, const struct health_sign *s);

struct alert_signs_rule {
	int64_t	 after_ms;	/* settings.alert_after_s */
	int64_t	 per_hour;	/* settings.alert_per_hour */
};

/* Notes what has come and gone.  True: st has changed. */
bool	 alert_signs_see(struct alert_file_state *st, const struct alert_signs *now,
	    const struct alert_signs_rule *rule, int64_t now_ms);

/* True: this sign is to be told: that it is there, or that it is over. */
bool	 alert_signs_is_news(const struct alert_file_sign *s, const struct alert_signs_rule *rule,
	    int64_t now_ms);

/* True: there is something to tell, and the hour has room for a message. */
bool	 alert_signs_due(const struct alert_file_state *st, const struct alert_signs_rule *rule,
	    int64_t now_ms);

/*
 * A message with all that is_news() was sent, or given up: then the changes count as missed.  News
 * stop to be news.
 */
void	 alert_signs_told(struct alert_file_state *st, const struct alert_signs_rule *rule,
	    int64_t now_ms, bool sent);

/* The sign now that belongs to a sign of the file; NULL: it is over. */
const struct alert_signs_now *alert_signs_find(const struct alert_signs *now,
	    const struct alert_file_sign *s);

#endif
