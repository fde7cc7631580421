/*
 * json_write.h: JSON that is not signed, written into a buf.  The signed envelope has a writer of
 * its own in sign.c, whose bytes are QT's.
 */
#ifndef CORE_JSON_WRITE_H
#define CORE_JSON_WRITE_H

#include "core/buf.h"

/* Appends UTF-8 text as a JSON string, quotes included; nothing needless is escaped. */
enum error	json_write_string(struct buf *out, struct slice text);

#endif
