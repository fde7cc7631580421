/*
 * relay_filter.h: which messages a relay gets, as .only says.
 *
 * It has words with blanks between.  A word is a MsgType ("text", "event" for all events) or an
 * Event ("subscribe", "CLICK"), written as WeChat does.  Behind a colon it may have a pattern of
 * the EventKey: `*` stands for any characters, `?` for one.
 */
#ifndef RELAY_RELAY_FILTER_H
#define RELAY_RELAY_FILTER_H

#include <stdbool.h>

#include "wechat/message.h"

/*
 * True: the relay gets the message; only NULL or empty: it gets all.  xml is the message; scratch
 * is for its EventKey, which is read if a pattern asks for it.
 */
bool	relay_filter_wants(const char *only, const struct message *m, struct slice xml,
	    struct buf *scratch);

/* True: the text fits the pattern. */
bool	relay_filter_fits(struct slice pattern, struct slice text);

#endif
