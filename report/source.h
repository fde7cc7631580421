/*
 * source.h: says where the data of the report come from, and why a report is empty.
 */
#ifndef REPORT_SOURCE_H
#define REPORT_SOURCE_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/conf.h"
#include "report/i18n.h"

/*
 * Appends one or two sentences, as plain text without a line end: "Counted while forwarding to
 * qt.example.com."  is_empty: the store has no event at all, and a sentence says what to do.
 * ERR_NOMEM.
 */
enum error	 source_write(struct buf *out, const struct conf *c, enum language language,
		    bool is_empty);

#endif
