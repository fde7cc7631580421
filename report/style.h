/*
 * style.h: the style sheet of the report's page, and the headers that let a browser use it and
 * nothing else.  Both are made of page.css by style.sh.
 */
#ifndef REPORT_STYLE_H
#define REPORT_STYLE_H

#include "report/i18n.h"

extern const char	 style_text[];
extern const char *const style_headers[LANGUAGE__MAX];

/* For data, which nobody may show as a page; for a page whose style sheet has this hash. */
#define STYLE_DATA	"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n" \
			STYLE_COMMON
#define STYLE_COMMON	"Referrer-Policy: no-referrer\r\n"
#define STYLE_PAGE(hash, language) \
	"Content-Security-Policy: default-src 'none'; style-src '" hash "'; img-src data:; " \
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n" STYLE_COMMON \
	"Vary: Accept-Language\r\nContent-Language: " language "\r\n"

#endif
