/*
 * xml_repair.h: makes XML of what users type well-formed again.
 *
 * WeChat copies what users type into its XML, and not all of it can stand there: control
 * characters, text that was cut inside a character, text in another encoding, the end of a CDATA
 * section.  The repair changes only such texts.  XML that is not well-formed in its tags, or that
 * has a document type, stays so.
 *
 *	forbidden character, broken UTF-8, reference to one	becomes U+FFFD
 *	`&` that begins no reference, unknown entity		is text, as it was typed
 *	`]]>` within the text of a CDATA section		is text, as it was typed
 */
#ifndef WECHAT_XML_REPAIR_H
#define WECHAT_XML_REPAIR_H

#include "core/buf.h"

/*
 * Replaces the content of out by the repaired text.  *what tells in a few words the first thing
 * that was repaired, a static string; "": nothing.  It takes linear time, and out may be five times
 * as long as xml.  ERR_NOMEM.
 */
enum error	xml_repair(struct buf *out, const char **what, struct slice xml);

/* True: the text is UTF-8 and has only characters that XML allows. */
bool		xml_repair_is_clean(struct slice xml);

#endif
