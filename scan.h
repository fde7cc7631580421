/*
 * scan.h: one element of an XML body, without parsing the rest.
 *
 * Before the signature holds nothing of a body is trusted; this is all that looks at
 * it until then: a single pass, no memory but the output, no recursion, no entity
 * but the five predefined and numeric ones.  A document type is refused.
 */
#ifndef SCAN_H
#define SCAN_H

#include "buf.h"

/*
 * Appends the text of the first direct child `name` of the root element <xml>: CDATA
 * sections joined, else plain text trimmed, entities resolved.  The whole body must be
 * well nested.  QT_EXML if it is not, or has no such child; QT_ENOMEM.
 */
enum qt_err	scan_child(struct buf *out, struct slice body, const char *name);

#endif
