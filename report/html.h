/*
 * html.h: writes HTML and SVG.
 *
 * A struct html keeps its first error, and writes nothing after it: check it once, at the end.
 *
 * Text never becomes markup, neither between tags nor in quoted attributes: <, >, & and quotes are
 * escaped.  Bytes that are not UTF-8, control characters, and characters that change the direction
 * of text become U+FFFD.  Line ends and tabs become blanks.
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "core/buf.h"

struct html {
	struct buf	*out;
	enum error	 er;	/* the first error: ERR_NOMEM, ERR_TOOBIG */
};

/* Write markup of our own, as it is. */
void	html_raw(struct html *h, const char *markup);
void	html_printf(struct html *h, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Write text, escaped. */
void	html_text(struct html *h, const char *text);
void	html_slice(struct html *h, struct slice text);

/*
 * Write foreign text, which others chose: max characters of it, then an ellipsis.  Its direction
 * does not change the text around it: html_foreign() writes an element around it, html_isolate()
 * U+2068 and U+2069, for attributes and places where no element may be.
 */
void	html_foreign(struct html *h, struct slice text, size_t max);
void	html_isolate(struct html *h, struct slice text, size_t max);

/* Writes a value for the query of a URL, percent-encoded; it needs no further escaping. */
void	html_url(struct html *h, struct slice text);

#endif
