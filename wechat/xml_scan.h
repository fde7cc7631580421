/*
 * xml_scan.h: one element of an XML body, without parsing the rest.
 *
 * Before the signature holds nothing of a body is trusted; this is all that looks at
 * it until then: a single pass, no memory but the output, no recursion, no entity
 * but the five predefined and numeric ones.  A document type is refused.
 */
#ifndef WECHAT_XML_SCAN_H
#define WECHAT_XML_SCAN_H

#include "core/buf.h"

enum { SCAN_NAMES_MAX = 8 };

/*
 * Finds direct children of the root element <xml>: inside[i] is what the first child
 * names[i] holds, as it stands, absent without one.  n up to SCAN_NAMES_MAX.  The whole
 * body must be well nested, else QT_EXML.
 */
enum qt_err	scan_children(struct slice *inside, const char *const *names, size_t n,
		    struct slice body);

/*
 * Appends the text of what an element holds: CDATA sections joined, else plain text
 * trimmed, entities resolved.  QT_EXML: an unknown entity; QT_ENOMEM.
 */
enum qt_err	scan_text(struct buf *out, struct slice inside);

/*
 * Appends the text of the first direct child `name`: both in one.  QT_EXML also without such
 * a child.
 */
enum qt_err	scan_child(struct buf *out, struct slice body, const char *name);

#endif
