/*
 * event.h: one WeChat message or event in QT's terms (QT, "Official account tracking",
 * section 2): event code, typed attributes, user, time.
 */
#ifndef WECHAT_EVENT_H
#define WECHAT_EVENT_H

#include <stdint.h>

#include "core/buf.h"

enum { EVENT_ATTRS_MAX = 32 };

enum event_type {
	EVENT_STRING,	/* value is text */
	EVENT_NUMBER	/* value is a JSON number, the digits that came in */
};

struct event_attr {
	const char	*key;		/* QT's attribute key, static */
	enum event_type	 type;
	struct slice	 value;		/* points into event.text */
};

/* Kept by a worker from message to message; event_reset() empties it. */
struct event {
	const char		*code;		/* QT's event code, static; NULL: no row */
	struct slice		 msgtype, event;/* MsgType and Event as received */
	struct slice		 user;		/* FromUserName, absent if there is none */
	int64_t			 time_s;	/* CreateTime, epoch seconds; 0 unknown */
	struct event_attr	 attr[EVENT_ATTRS_MAX];
	size_t			 nattr;
	struct buf		 text;		/* owns what the slices point to */
};

void		event_reset(struct event *ev);
void		event_free(struct event *ev);

/*
 * Appends {"event_code":..,"user":..,"time":..,"attributes":{..}} as one line without
 * line end: code null without a row, user null and time null where unknown, numbers as
 * JSON numbers, attributes in the table's order.
 */
enum error	event_json(struct buf *out, const struct event *ev);

/* Appends the attributes alone, {"MsgType":"event",..}. */
enum error	event_attributes(struct buf *out, const struct event *ev);

#endif
