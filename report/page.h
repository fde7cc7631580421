/*
 * page.h: the pages GET /-/report, which show the data of the store in a browser.
 *
 *	.../-/report			the overview
 *	.../-/report/NAME		one question (report/questions.h)
 *	.../-/report/NAME.json, .csv	the table of its answer
 *
 * The query has account, from, to and the question's options.  A page is plain HTML with one style
 * sheet and charts in SVG, without scripts.  It is in English or Chinese, by Accept-Language.  All
 * foreign text is escaped.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "core/conf.h"
#include "core/query.h"
#include "state/store.h"

#define PAGE_PATH	"/-/report"

struct page_request {
	struct slice		 path;		/* of the URL, with PAGE_PATH in it */
	const struct query	*query;
	struct slice		 language;	/* Accept-Language; absent: no such header */
	int64_t			 deadline_ms;	/* monotonic, for all questions */
};

struct page_reply {
	int		 status;	/* 200, 400, 404 */
	const char	*type;		/* Content-Type */
	const char	*headers;	/* further headers, each with CRLF */
};

/* True: the path is one of these pages. */
bool		 page_is(struct slice path);

/*
 * Makes the page for a request, with its body in out.  ERR_STORE, ERR_NOMEM: there is no page, and
 * why (size bytes) says more, or is "".
 */
enum error	 page_make(struct page_reply *r, struct buf *out, const struct conf *c,
		    struct store *s, const struct page_request *q, char *why, size_t size);

#endif
