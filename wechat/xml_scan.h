/*
 * xml_scan.h: finds some elements of an XML text, without a tree of the rest.
 *
 * Before the signature of a push is checked its body is not trusted, and only this module reads
 * it.  So it takes one pass, needs no memory but that of the output, and does not recurse.  It
 * knows only the five predefined entities and numeric references, and refuses a document type.
 */
#ifndef WECHAT_XML_SCAN_H
#define WECHAT_XML_SCAN_H

#include "core/buf.h"

enum { XML_SCAN_NAMES_MAX = 8 };

/*
 * Finds n (up to XML_SCAN_NAMES_MAX) direct children of the root element <xml>.  inside[i] is the
 * raw text between the tags of the first child names[i]; it is absent if there is no such child.
 * ERR_XML: the body is not well nested, or its root is not <xml>.
 */
enum error	xml_scan_children(struct slice *inside, const char *const *names, size_t n,
		    struct slice body);

/*
 * Appends the text of an element; inside is from xml_scan_children().  With CDATA sections it is
 * their text and the text beside them, without blanks beside them; else it is the text, trimmed.
 * References are resolved.  ERR_XML: an unknown entity.  ERR_NOMEM.
 */
enum error	xml_scan_text(struct buf *out, struct slice inside);

/*
 * Finds the first direct child `name` and appends its text.  ERR_XML: also if there is no such
 * child.
 */
enum error	xml_scan_child(struct buf *out, struct slice body, const char *name);

#endif
