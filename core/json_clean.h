/*
 * json_clean.h: makes JSON that others have written wrongly into JSON that a parser reads.
 *
 * WeChat puts the bytes of a nickname or a title into its JSON as they are: control characters,
 * characters cut in the middle.  A file that was edited on Windows puts a byte order mark in front.
 */
#ifndef CORE_JSON_CLEAN_H
#define CORE_JSON_CLEAN_H

#include "core/buf.h"

/* How bytes that are not ASCII are read. */
enum json_bytes {
	JSON_BYTES_UTF8,
	JSON_BYTES_PAIRS,	/* two at a time, as in GBK, where the second may be a backslash */
	JSON_BYTES__MAX
};

/*
 * Appends a JSON text to out.  Blanks and byte order marks before it are left out.  Within strings
 * a control character is escaped; a NUL (also an escaped one), half of a surrogate pair and bytes
 * that are not UTF-8 become U+FFFD; a backslash that begins no escape stands for itself.  All bytes
 * outside of strings stay.  The result is up to six times as long as text.
 */
enum error	json_clean(struct buf *out, struct slice text, enum json_bytes bytes);

#endif
