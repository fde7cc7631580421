/*
 * json_write.h: writes JSON that is not signed.
 *
 * The signed envelope has a writer of its own in sign.c: its bytes must be those that QT expects.
 */
#ifndef CORE_JSON_WRITE_H
#define CORE_JSON_WRITE_H

#include "core/buf.h"

/*
 * Appends UTF-8 text as a JSON string with its quotes.  What JSON demands is escaped, and what is
 * not printable (core/utf8.h): so the JSON is harmless on a screen and has all of the text.  Bytes
 * that are not UTF-8 become U+FFFD.
 */
enum error	json_write_string(struct buf *out, struct slice text);

/* The same for JSON that is itself the value of an attribute: only what JSON demands is escaped. */
enum error	json_write_value(struct buf *out, struct slice text);

#endif
