/*
 * event.h: a message of WeChat as QT's event: event code, typed attributes, user and time (QT,
 * "Official account tracking", section 2).  xmlmap.h fills it.
 */
#ifndef WECHAT_EVENT_H
#define WECHAT_EVENT_H

#include "wechat/message.h"

enum { EVENT_ATTRS_MAX = 32 };

enum event_type {
	EVENT_STRING,	/* the value is text */
	EVENT_NUMBER	/* the value is a JSON number, with the digits that WeChat sent */
};

struct event_attr {
	const char	*key;		/* QT's attribute key, static */
	enum event_type	 type;
	struct slice	 value;		/* points into message.text */
};

/* A thread can use one struct for many messages.  All zero is a good start. */
struct event {
	struct message		 message;	/* without what only message_read() fills */
	struct event_attr	 attr[EVENT_ATTRS_MAX];
	size_t			 nattr;
};

/* Empties ev and keeps its memory. */
void		event_reset(struct event *ev);
void		event_free(struct event *ev);

/*
 * Appends {"event_code":..,"user":..,"time":..,"attributes":{..}}, without a line end.  The code
 * is null if QT's table has no row; user and time are null if the message has none.  Attributes
 * are in the table's order; numbers are JSON numbers.  ERR_NOMEM.
 */
enum error	event_json(struct buf *out, const struct event *ev);

/* Appends the attributes alone, {"MsgType":"event",..}.  ERR_NOMEM. */
enum error	event_attributes(struct buf *out, const struct event *ev);

#endif
