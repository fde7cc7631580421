/*
 * xml_sanitize.h: what stands between foreign XML and the library that reads it (mxml).
 *
 * Checks that a text is one well-formed XML 1.0 document in UTF-8 without a document type
 * and within limits, and writes its root element anew with only what carries meaning:
 * no comments, instructions, attributes, nor runs of nothing but blanks; line ends are
 * LF.  The library thus meets neither what it reads wrongly (bytes FE and FF, U+FEFF
 * within text, <!---->, wild character references) nor what makes it slow (many
 * attributes).  One pass, linear, no recursion.
 *
 * More lenient than XML in two things that matter to nobody: which characters beyond
 * ASCII a name may have, and what the XML declaration says.
 */
#ifndef WECHAT_XML_SANITIZE_H
#define WECHAT_XML_SANITIZE_H

#include "core/buf.h"

/* WeChat's messages are five levels deep and have a few hundred nodes at most. */
enum {
	XML_SIZE_MAX	= 1024 * 1024,
	XML_DEPTH_MAX	= 64,
	XML_NODES_MAX	= 4096,		/* elements, CDATA sections and texts */
	XML_ATTRS_MAX	= 32		/* of one element */
};

/*
 * Replaces what out held by the root element, a NUL behind it.  ERR_XML: *why says in a
 * few words what is wrong with the text; ERR_NOMEM.
 */
enum error	xml_sanitize(struct buf *out, const char **why, struct slice xml);

#endif
