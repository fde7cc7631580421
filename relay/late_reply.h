/*
 * late_reply.h: a reply that comes too late for the answer to a push, as a customer-service message
 * (WeChat, "Customer Service Messages").
 */
#ifndef RELAY_LATE_REPLY_H
#define RELAY_LATE_REPLY_H

#include "core/buf.h"

/* The path of WeChat's API that takes it. */
#define LATE_REPLY_PATH	"/cgi-bin/message/custom/send"

/*
 * Appends the JSON for a reply, which passive_judge() has found good, to a user.  ERR_REQUEST:
 * there are no customer-service messages of its type; ERR_NOMEM.
 */
enum error	late_reply_write(struct buf *out, struct slice xml, struct slice user);

#endif
