/*
 * archive.h: the events that the collector has counted (tables account, device, event,
 * unionid; see schema.c).
 *
 * The functions are for store_work: they run within a transaction and fail with QT_ESTORE.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "conf.h"
#include "db.h"
#include "queue.h"
#include "salvage.h"

struct archive_event {
	const char	*code;		/* QT's event code; NULL: no row in its table */
	struct slice	 attributes;	/* a JSON object */
};

/* A message, and the events that it means.  Everything is borrowed. */
struct archive_message {
	const struct account		*account;
	struct slice			 device;	/* the user: openid or unionid */
	unsigned char			 key[QUEUE_KEY];
	int64_t				 time_s;	/* epoch seconds */
	int64_t				 received_ms;
	const struct archive_event	*events;
	size_t				 n;
};

/* Counts a message, unless it has been: *new false. */
enum qt_err	archive_add(struct db *db, bool *new, const struct archive_message *m);

/* Of a file that was set aside: the events. */
extern const struct salvage_source	 archive_salvage;

/* The unionid of a user of an official account is appended to out; nothing if it is not known. */
enum qt_err	archive_unionid(struct db *db, struct buf *out, const char *appid,
		    struct slice openid);
enum qt_err	archive_set_unionid(struct db *db, const char *appid, struct slice openid,
		    struct slice unionid);

#endif
