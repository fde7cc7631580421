/*
 * html.h: writing HTML and SVG.
 *
 * A struct html remembers its first failure, so that who writes looks once, at the end.
 * Text from elsewhere can never become markup: <, >, &, quotes are escaped, what is not UTF-8,
 * control characters and those that turn the direction of text are U+FFFD, line ends and
 * tabs blanks.  That holds between tags and in quoted attributes.
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "core/buf.h"

struct html {
	struct buf	*out;
	enum error	 er;	/* ERR_NOMEM, ERR_TOOBIG: what was to be written first and was not */
};

/* Markup of our own. */
void	html_raw(struct html *h, const char *markup);
void	html_printf(struct html *h, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Text. */
void	html_text(struct html *h, const char *text);
void	html_slice(struct html *h, struct slice text);

/*
 * Text of strangers, of which max characters and an ellipsis are left.  Its direction stays
 * its own: html_foreign() puts it into an element, html_isolate() between U+2068 and U+2069,
 * for attributes and where there can be no element.
 */
void	html_foreign(struct html *h, struct slice text, size_t max);
void	html_isolate(struct html *h, struct slice text, size_t max);

/* Percent-encoded, for a value in a query; no further escaping is needed. */
void	html_url(struct html *h, struct slice text);

#endif
