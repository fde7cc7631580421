/*
 * message.h: what a message is, at a glance: the elements that all have, its event code and
 * its deduplication key.  One pass over the text (wechat/xml_scan.h) and no tree, because every
 * request pays for it; the attributes are xmlmap's.
 */
#ifndef WECHAT_MESSAGE_H
#define WECHAT_MESSAGE_H

#include <stdint.h>

#include "core/buf.h"

enum { MESSAGE_KEY_HEX = 64 };

/* Kept by a worker from message to message.  The slices point into text. */
struct message {
	const char	*code;		/* QT's event code, static; NULL: no row; xmlmap_message() sets it */
	struct slice	 msgtype, event;/* MsgType and Event as received */
	struct slice	 user;		/* FromUserName */
	struct slice	 msgid;		/* MsgId or MsgID */
	int64_t		 time_s;	/* CreateTime, epoch seconds; 0 unknown */
	const char	*why;		/* what is wrong with the XML; "" if nothing */
	struct buf	 text;		/* private */
	struct digest	*sha256;	/* private */
};

/*
 * Fills h; what the message lacks is absent.  Text that is no XML, or holds a control
 * character that XML forbids, has no code but a why: it is for QT to judge.  ERR_NOMEM.
 */
enum error	message_read(struct message *h, struct slice xml);

/*
 * Deduplication key, hex, NUL terminated: SHA-256 over account, FromUserName, CreateTime,
 * MsgType, Event, MsgId or MsgID, and the message itself, led by the lengths of these
 * seven (lengths and CreateTime as eight bytes, big endian).  A repeat of a push has the
 * key of the push, however it was encrypted; two messages never share one, be they of
 * one user in one second.  h is message_read()'s of this xml.  ERR_CRYPTO.
 */
enum error	message_key(struct message *h, char hex[MESSAGE_KEY_HEX + 1], struct slice account,
		    struct slice xml);

void		message_free(struct message *h);

#endif
