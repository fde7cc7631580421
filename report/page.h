/*
 * page.h: GET /-/report: what the store knows, for a browser.
 *
 *	.../-/report			the overview
 *	.../-/report/NAME		one question (report/questions.h) with its options
 *	.../-/report/NAME.json, .csv	its table
 *
 * with account, from, to and the question's options as query.  Plain HTML without any
 * script, charts as inline SVG, one style sheet inside, light and dark; English or Chinese by
 * Accept-Language.  All that comes from outside is escaped.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "core/conf.h"
#include "core/query.h"
#include "state/store.h"

#define PAGE_PATH	"/-/report"

struct page_request {
	struct slice		 path;		/* whole, ends with PAGE_PATH... */
	const struct query	*query;
	struct slice		 language;	/* Accept-Language; absent: none */
	int64_t			 deadline_ms;	/* monotonic, for the questions */
};

struct page_reply {
	int		 status;	/* 200, 400, 404 */
	const char	*type;		/* Content-Type */
	const char	*headers;	/* further ones, each with CRLF: CSP and so on */
};

/* True if a path leads here. */
bool		 page_is(struct slice path);

/* out gets the body.  ERR_STORE, ERR_NOMEM: there is no answer; *why says more. */
enum error	 page_make(struct page_reply *r, struct buf *out, const struct conf *c,
		    struct store *s, const struct page_request *q, char *why, size_t size);

#endif
