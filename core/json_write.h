/*
 * json_write.h: writes JSON that is not signed.
 *
 * The signed envelope has a writer of its own in sign.c: its bytes must be those that QT expects.
 */
#ifndef CORE_JSON_WRITE_H
#define CORE_JSON_WRITE_H

#include "core/buf.h"

/* Appends UTF-8 text as a JSON string with its quotes.  Only what JSON demands is escaped. */
enum error	json_write_string(struct buf *out, struct slice text);

#endif
