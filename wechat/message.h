/*
 * message.h: the elements that every message of WeChat has, its event code and its deduplication
 * key.
 *
 * message_read() takes one pass over the text (wechat/xml_scan.h) and builds no tree, because
 * every request pays for it.  xmlmap.h reads the other elements too.
 */
#ifndef WECHAT_MESSAGE_H
#define WECHAT_MESSAGE_H

#include <stdint.h>

#include "core/buf.h"

enum { MESSAGE_KEY_HEX = 64 };	/* digits of a deduplication key */

/* Children of the root. */
enum message_element {
	MESSAGE_MSGTYPE, MESSAGE_EVENT, MESSAGE_USER, MESSAGE_TIME, MESSAGE_MSGID,
	MESSAGE_MSGID_OTHER, MESSAGE_INFOTYPE, MESSAGE_ENCRYPT, MESSAGE_ELEMENT__MAX
};

/* Their names in WeChat's XML: "MsgType", "Event", "FromUserName" ... */
extern const char *const message_elements[MESSAGE_ELEMENT__MAX];

/*
 * A thread can use one struct for many messages.  The slices point into `text`; an element that
 * the message does not have is absent (p NULL).  All zero is a good start.
 */
struct message {
	const char	*code;		/* QT's event code, static; NULL: its table has no row */
	struct slice	 msgtype, event;/* MsgType and Event as received */
	struct slice	 user;		/* FromUserName, an openid */
	struct slice	 msgid;		/* MsgId or MsgID */
	struct slice	 infotype;	/* InfoType, of pushes to a third-party platform */
	int64_t		 time_s;	/* CreateTime, epoch seconds; 0: unknown */
	bool		 encrypted;	/* it has Encrypt and no MsgType: it must be decrypted */
	const char	*why;		/* what is wrong with the XML; "": nothing */
	const char	*repaired;	/* what was repaired (xml_repair.h); "": nothing */
	struct buf	 text;		/* owns the bytes of the slices */
	struct buf	 work;		/* private */
	struct digest	*sha256;	/* private */
};

/*
 * Reads xml into m, but for the code (xmlmap_message() sets it, too).  If a text that a user has
 * typed makes it not well-formed, it is repaired first.  What is no XML even then is no error: only
 * QT can judge it.  Then `why` is set and the rest is absent.  ERR_NOMEM.
 */
enum error	message_read(struct message *m, struct slice xml);

/*
 * The time that counts for a message, from its CreateTime: WeChat has been seen to send
 * milliseconds, and times that cannot be.  *when_s is time_s itself, or the seconds of a time_s in
 * ms or us; and now_s, the time of receipt, if it is more than a day ahead or before 2012.  The
 * result tells in a few words why it is not time_s, a static string; "": it is.
 */
const char	*message_when(int64_t *when_s, int64_t time_s, int64_t now_s);

/*
 * The deduplication key in hex, with a NUL: SHA-256 over account, FromUserName, CreateTime,
 * MsgType, Event, MsgId or MsgID, and the whole xml.  Before them go the lengths of these seven
 * parts; lengths and CreateTime are eight bytes each, big endian.
 *
 * A repeated push has the key of the first push, even if it is encrypted in another way.  Two
 * different messages never have the same key, not even from one user in one second.  m must be
 * what message_read() has read from this xml.  ERR_NOMEM.
 */
enum error	message_key(struct message *m, char hex[MESSAGE_KEY_HEX + 1], struct slice account,
		    struct slice xml);

/* True: a push to a third-party platform, about its ticket or its accounts, and no message. */
bool		message_is_notice(const struct message *m);

/*
 * True: a body that WeChat has sent to a third-party platform: an envelope with the platform's
 * AppID, which is not this one, instead of the account's name.
 */
bool		message_is_platform(struct slice body, const char *appid);

/* True: JSON.  WeChat sends it instead of XML if its console says so. */
bool		message_is_json(struct slice text);

/* Empties m and keeps its memory. */
void		message_reset(struct message *m);
void		message_free(struct message *m);

#endif
