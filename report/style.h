/*
 * style.h: the style sheet of the report's page, and the HTTP headers that allow a browser to use
 * this style sheet and nothing else.  style.sh makes both from page.css.
 */
#ifndef REPORT_STYLE_H
#define REPORT_STYLE_H

#include "report/i18n.h"

extern const char	 style_text[];
extern const char *const style_headers[LANGUAGE__MAX];

/* Headers for data, which must not be shown as a page, and for a page with this style sheet. */
#define STYLE_DATA	"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n" \
			STYLE_COMMON
#define STYLE_COMMON	"Referrer-Policy: no-referrer\r\n"
#define STYLE_PAGE(hash, language) \
	"Content-Security-Policy: default-src 'none'; style-src '" hash "'; img-src data:; " \
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n" STYLE_COMMON \
	"Vary: Accept-Language\r\nContent-Language: " language "\r\n"

#endif
