/*
 * xmlmap.h: turns WeChat's XML into QT's event (QT, "Official account tracking", section 2).
 *
 * xmlmap.c has one table: QT's event code for each type of message, and the element for each of
 * QT's keys.  A type without a row is no error: its event has the code NULL.
 *
 * Values: the first element of exactly this path counts.  Text with a CDATA section stays as it
 * is; other text is trimmed.  Without the element there is no key; an empty element gives "".  A
 * number that does not follow JSON's grammar gives no key.  The values of a list are joined with
 * commas.
 *
 * The library mxml (3.3 or 4) is used only here.  A struct xmlmap belongs to one thread at a time.
 */
#ifndef XMLMAP_H
#define XMLMAP_H

#include "core/conf.h"
#include "wechat/event.h"
#include "wechat/message.h"

/* Choices that QT's table leaves open.  All zero is how we read the table. */
struct xmlmap_options {
	/* Values of is_scan.  NULL: "true" and "false". */
	const char	*is_scan_yes, *is_scan_no;

	/* The key of an article's address in $$_publish_job_finish.  NULL: "article_URL". */
	const char	*article_url;

	/*
	 * For messages with lists (templates of a subscription, articles).  false: one event, the
	 * values joined with commas.  true: one event for each item; the n-th event has the n-th
	 * item of every list.  Event XMLMAP_EVENTS_MAX has all items that are left, joined.
	 */
	bool		 one_per_item;
};

enum { XMLMAP_EVENTS_MAX = 64 };

struct xmlmap;

/* opt may be NULL; its strings must outlive the xmlmap.  NULL: no memory. */
struct xmlmap	*xmlmap_new(const struct xmlmap_options *opt);

/* The same with the options of the configuration, which must outlive the xmlmap. */
struct xmlmap	*xmlmap_for(const struct settings *set);
void		 xmlmap_free(struct xmlmap *map);

/*
 * Empties ev and fills it with the (first) event of this xml.  The code is NULL if the table has
 * no row for the type.  If a text that a user has typed makes the xml not well-formed, it is
 * repaired first, and xmlmap_repaired() tells how.  ERR_XML: this is not XML, or not a message;
 * xmlmap_why() tells more.  ERR_NOMEM.
 */
enum error	 xmlmap_event(struct xmlmap *map, struct event *ev, struct slice xml);

/*
 * After xmlmap_event() was ERR_OK.  True: the message has one more event, which xmlmap_next()
 * fills into ev.  Only with one_per_item.
 */
bool		 xmlmap_more(const struct xmlmap *map);
enum error	 xmlmap_next(struct xmlmap *map, struct event *ev);

/* What was wrong with the last XML, in a few words; "": nothing. */
const char	*xmlmap_why(const struct xmlmap *map);

/* What was repaired in the last XML (wechat/xml_repair.h), in a few words; "": nothing. */
const char	*xmlmap_repaired(const struct xmlmap *map);

/* QT's event code for a message of this MsgType and Event.  NULL: the table has no row for it. */
const char	*xmlmap_code(struct slice msgtype, struct slice event);

/* Calls message_read() and sets the event code. */
enum error	 xmlmap_message(struct message *m, struct slice xml);

const char	*xmlmap_library(void);	/* the version of mxml */

#endif
