/*
 * xml_scan.h: finds some elements of an XML text, without a tree of the rest.
 *
 * Before the signature of a push is checked its body is not trusted, and only this module reads
 * it.  So it takes one pass, and does not recurse.  It needs no memory but that of the output; only
 * a text that is not well nested is repaired (wechat/xml_repair.h) and read once more.  It knows
 * only the five predefined entities and numeric references, and refuses a document type.
 */
#ifndef WECHAT_XML_SCAN_H
#define WECHAT_XML_SCAN_H

#include "core/buf.h"

enum { XML_SCAN_NAMES_MAX = 8 };

/*
 * Finds n (up to XML_SCAN_NAMES_MAX) direct children of the root element <xml>.  inside[i] is the
 * raw text between the tags of the first child names[i]; it is absent if there is no such child.
 * *stray: a `]]>` stands where it must not, so the text of a CDATA section ended too early.
 * ERR_XML: the body is not well nested, or its root is not <xml>.
 */
enum error	xml_scan_children(struct slice *inside, bool *stray, const char *const *names,
		    size_t n, struct slice body);

/*
 * Appends the text of an element; inside is from xml_scan_children().  With CDATA sections it is
 * their text and the text beside them, without blanks beside them; else it is the text, trimmed.
 * References are resolved.  ERR_XML: an unknown entity, or a reference to a character that XML
 * forbids.  ERR_NOMEM.
 */
enum error	xml_scan_text(struct buf *out, struct slice inside);

/*
 * Finds the first direct child `name` and appends its text, also if what a user has typed makes
 * the body not well nested.  ERR_XML: also if there is no such child.
 */
enum error	xml_scan_child(struct buf *out, struct slice body, const char *name);

#endif
