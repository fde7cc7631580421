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

enum { XML_SCAN_NAMES_MAX = 8 };

/*
 * Finds direct children of the root element <xml>: inside[i] is what the first child
 * names[i] holds, as it stands, absent without one.  n up to XML_SCAN_NAMES_MAX.  The whole
 * body must be well nested, else ERR_XML.
 */
enum error	xml_scan_children(struct slice *inside, const char *const *names, size_t n,
		    struct slice body);

/*
 * Appends the text of what an element holds: CDATA sections joined, else plain text
 * trimmed, entities resolved.  ERR_XML: an unknown entity; ERR_NOMEM.
 */
enum error	xml_scan_text(struct buf *out, struct slice inside);

/*
 * Appends the text of the first direct child `name`: both in one.  ERR_XML also without such
 * a child.
 */
enum error	xml_scan_child(struct buf *out, struct slice body, const char *name);

#endif
