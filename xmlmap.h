/*
 * xmlmap.h: WeChat's XML into QT's event (QT, "Official account tracking", section 2).
 *
 * What is a row of QT's table and which element feeds which key is one table in
 * xmlmap.c.  A type without a row is no error: its event has code NULL.  Rules for
 * values: an element is found by its exact path, the first one counts; text beside a
 * CDATA section is taken as it is, other text is trimmed; an absent element gives no
 * key, an empty one ""; a number that is none by JSON's grammar gives no key; the values
 * of a list's items are joined with commas.
 *
 * mxml (3.3 or 4) is behind this door.  A struct xmlmap belongs to one thread at a time.
 */
#ifndef XMLMAP_H
#define XMLMAP_H

#include "core/conf.h"
#include "wechat/event.h"
#include "wechat/message.h"

/* Where QT's table leaves a choice.  All zero is what we take it to mean. */
struct xmlmap_options {
	/* Values of is_scan.  NULL: "true" and "false". */
	const char	*is_scan_yes, *is_scan_no;

	/* Key of an article's address in $$_publish_job_finish.  NULL: "article_URL". */
	const char	*article_url;

	/*
	 * Lists (templates of a subscription, articles).  false: one event, values joined
	 * with commas.  true: one event an item, with the n-th of every list in the n-th;
	 * event XMLMAP_EVENTS_MAX has all that are left, joined.
	 */
	bool		 one_per_item;
};

enum { XMLMAP_EVENTS_MAX = 64 };

struct xmlmap;

/* NULL: no memory.  opt may be NULL; its strings must outlive the xmlmap. */
struct xmlmap	*xmlmap_new(const struct xmlmap_options *opt);
struct xmlmap	*xmlmap_for(const struct settings *set);	/* which must outlive it */
void		 xmlmap_free(struct xmlmap *m);

/*
 * Fills ev, which is emptied first, with the (first) event that xml means.  ERR_OK, code
 * NULL where the type has no row; ERR_XML: no XML or not a message, see xmlmap_why();
 * ERR_NOMEM.
 */
enum error	 xmlmap_event(struct xmlmap *m, struct event *ev, struct slice xml);

/*
 * After a good xmlmap_event(): whether the message means a further event (only with
 * one_per_item), and that event into ev.
 */
bool		 xmlmap_more(const struct xmlmap *m);
enum error	 xmlmap_next(struct xmlmap *m, struct event *ev);

/* What was wrong with the last XML, in a few words; "" if nothing. */
const char	*xmlmap_why(const struct xmlmap *m);

/* QT's event code for a message of this MsgType and Event, NULL without a row. */
const char	*xmlmap_code(struct slice msgtype, struct slice event);

/* message_read(), and the event code of what it has read. */
enum error	 xmlmap_message(struct message *m, struct slice xml);

#endif
