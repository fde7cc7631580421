/*
 * event_store.h: the events that the collector has counted (tables account, device, event, past,
 * forgotten, unionid; see state/sqlite/schema.c).  It also forgets the oldest events.
 *
 * Events are forgotten by whole days of China, by the event's own time.  The figures of the other
 * days do not change, because some facts stay: when a device was seen first, so that it is never
 * new again; the gap between an event and the event before it; and for each device and account
 * the time of the last forgotten event, and whether the device followed the account then.
 *
 * An event of a forgotten day that comes later is not counted but forgotten at once.  The result is
 * the same, however often it comes.
 *
 * The functions are for store_work: they run in a transaction and fail with ERR_STORE.  To forget
 * a user see collector/forget.h.
 */
#ifndef COLLECTOR_EVENT_STORE_H
#define COLLECTOR_EVENT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "state/db.h"
#include "state/queue.h"
#include "state/recover.h"

struct event_store_event {
	const char	*code;		/* QT's event code; NULL: its table has no row */
	struct slice	 attributes;	/* a JSON object */
};

/* What is the same for the messages of one transaction; all zero when it begins. */
struct event_store_batch {
	const struct account	*account;	/* private: the last one, and its id */
	int64_t			 id;
	int64_t			 first_day;	/* private */
	bool			 has_first_day;
};

/* A message and its events.  Everything is borrowed. */
struct event_store_message {
	const struct account		*account;
	struct slice			 device;	/* the user's openid or unionid */
	bool				 openid_only;	/* WeChat has no unionid of this openid */
	struct slice			 openid;	/* absent: device is it */
	struct slice			 leaver;	/* openid of a user to forget, because this
							   event says so; absent: it does not */
	unsigned char			 key[QUEUE_KEY]; /* see queue_key() */
	int64_t				 time_s;	/* epoch seconds, by message_when() */
	int64_t				 received_ms;	/* epoch ms */
	const struct event_store_event	*events;
	size_t				 n;
	struct event_store_batch	*batch;		/* NULL: one message in its transaction */
};

enum event_store_result {
	EVENT_STORE_NEW,	/* the message is counted now */
	EVENT_STORE_REPEAT,	/* it was counted before, and not again */
	EVENT_STORE_FORGOTTEN	/* its day is forgotten, so it is not counted */
};

/*
 * Counts a message, if it was not counted before.  A message of a user who is forgotten is counted
 * without the user (collector/erased.h).  openid_only: the device is marked as an openid
 * (unionid_hold()), unless another process has stored its unionid by now; then it is the unionid.
 * A follow or unfollow is noted in the table of followers, too (collector/follower_store.h).
 */
enum error	event_store_add(struct db *db, enum event_store_result *result,
		    const struct event_store_message *m);

/*
 * The events, and all that is known, of the device that is an openid become those of the device
 * that is the unionid, in every application that the account is in.  Everything is then as if the
 * events had been counted under the unionid: gaps, first, last, and who followed.
 */
enum error	event_store_join(struct db *db, const char *appid, struct slice openid,
		    struct slice unionid);

/*
 * Forgets up to max events of days that are more than `days` days before today (now_s, epoch
 * seconds), the oldest first.  days 0: forgets only the rest of days that are forgotten already.
 * *more: there are more events to forget, so call again.
 *
 * If the newest event is older than today, days are counted back from its day.  So nothing is
 * forgotten while no event comes, and a clock that is ahead does no harm.
 */
enum error	event_store_forget(struct db *db, bool *more, int64_t now_s, int days, int max);

/* The first day that is not forgotten (see core/calendar.h); INT64_MIN: no day is forgotten. */
enum error	event_store_first_day(struct db *db, int64_t *day);

/* Recovery from a quarantined file: the events; what stays of the forgotten ones; marks. */
extern const struct recover_source	event_store_recovered, event_store_recovered_past,
					event_store_recovered_marks;

/* A device: its number, application, name, first and last time (collector/migrate.h). */
extern const struct recover_source	event_store_recovered_devices;

/* All that is recovered from such a file: the queue first, then these three. */
extern const struct recover_source	*const event_store_sources[RECOVER_SOURCES];

#endif
