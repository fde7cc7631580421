/*
 * event_store.h: the events that the collector has counted (tables account, device, event,
 * past, forgotten, unionid; see state/schema.c), and forgetting the oldest of them.
 *
 * What is forgotten goes by whole days of China, by the event's own time.  The days that are
 * left are as they were: of each device there stays when it was seen first, so that it is
 * never new again, an event's gap to the one before that is gone, and of each device in each
 * account when its last forgotten event was and whether it followed then.  An event of a day
 * that has been forgotten is not counted when it comes (again): it is forgotten at once, which
 * leaves the same, however often it comes.
 *
 * The functions are for store_work: they run within a transaction and fail with ERR_STORE.
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
	const char	*code;		/* QT's event code; NULL: no row in its table */
	struct slice	 attributes;	/* a JSON object */
};

/* A message, and the events that it means.  Everything is borrowed. */
struct event_store_message {
	const struct account		*account;
	struct slice			 device;	/* the user: openid or unionid */
	unsigned char			 key[QUEUE_KEY];
	int64_t				 time_s;	/* epoch seconds */
	int64_t				 received_ms;
	const struct event_store_event	*events;
	size_t				 n;
};

enum event_store_result {
	EVENT_STORE_NEW,		/* it is counted now */
	EVENT_STORE_REPEAT,		/* it has been */
	EVENT_STORE_FORGOTTEN	/* its day has been forgotten */
};

/* Counts a message, once. */
enum error				event_store_add(struct db *db, enum event_store_result *as, const struct event_store_message *m);

/*
 * A step of forgetting what lies more than so many days before today (now_s): max events, the
 * oldest.  days 0: nothing but what is left of days that are forgotten already.  *more: there
 * is more to do.  Days are also counted from the newest event on: as long as none comes, none
 * goes, and a clock that is ahead does no harm.
 */
enum error				event_store_forget(struct db *db, bool *more, int64_t now_s, int days, int max);

/* The first day that is not forgotten, as core/calendar.h numbers them; INT64_MIN: none is. */
enum error				event_store_first_day(struct db *db, int64_t *day);

/* Of a file that was set aside: the events; what is left of those that are forgotten. */
extern const struct recover_source	 event_store_recovered, event_store_recovered_past;

/* All that is taken over of such a file: what waits comes first, then these two. */
extern const struct recover_source	*const event_store_sources[RECOVER_SOURCES];

#endif
