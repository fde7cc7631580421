/*
 * xml_sanitize.h: checks and cleans foreign XML before the library mxml reads it.
 *
 * The text must be one well-formed XML 1.0 document in UTF-8, without a document type and within
 * the limits below.  The result is its root element without comments, instructions, attributes and
 * text of blanks only; line ends are LF.
 *
 * So mxml never gets what it reads wrongly (bytes FE and FF, U+FEFF in text, <!---->, references to
 * forbidden characters) or slowly (many attributes).  There is one pass, in linear time and
 * without recursion.
 *
 * Two things are not checked, because they matter to nobody: which characters beyond ASCII a name
 * has, and what the XML declaration says.
 */
#ifndef WECHAT_XML_SANITIZE_H
#define WECHAT_XML_SANITIZE_H

#include "core/buf.h"

/* WeChat's messages have five levels and a few hundred nodes at most. */
enum {
	XML_SIZE_MAX	= 1024 * 1024,	/* bytes */
	XML_DEPTH_MAX	= 64,
	XML_NODES_MAX	= 4096,		/* elements, CDATA sections and texts */
	XML_ATTRS_MAX	= 32		/* of one element */
};

/*
 * Replaces the content of out by the root element and a NUL.  ERR_XML: *why tells in a few words
 * what is wrong with the text.  ERR_NOMEM.
 */
enum error	xml_sanitize(struct buf *out, const char **why, struct slice xml);

#endif
