/*
 * forward.h: HTTP requests that we make, with libcurl, inside a deadline.
 *
 * One struct forward serves all threads.  Its handles stand on a last-in-first-out
 * stack, so that the connections in use stay few and warm.  Nothing of the environment
 * is heeded; certificates and host names are always verified; no redirect is followed;
 * an answer is at most 64 KiB.
 *
 * QT's answers are classified after "Response description" (QT, 3.4): the body's code
 * decides, HTTP 200 alone is no success.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdatomic.h>
#include <stdint.h>

#include "buf.h"
#include "conf.h"

enum outcome {
	FORWARD_DELIVERED,	/* QT has it */
	FORWARD_RETRY,		/* try again later */
	FORWARD_CONFIG,		/* our configuration is wrong: say so, try slowly */
	FORWARD_REFUSED,	/* this message is refused for good */
	FORWARD__MAX
};

struct http_call {
	const char	*url;
	bool		 xml;		/* Content-Type text/xml instead of application/json */
	struct slice	 body;
	int64_t		 deadline_ms;	/* monotonic, absolute */
};

struct http_answer {
	int		 status;	/* 0: no answer, see why */
	int		 ms;		/* spent */
	int		 retry_after_s;	/* Retry-After, 0 without one */
	struct buf	 body;		/* owned by who owns the answer */
	char		 why[128];	/* in words, "" if an answer came */
};

struct forward_result {
	enum outcome		 outcome;
	char			 code[32];	/* QT's code, "" if there was none */
	struct http_answer	 http;

	/* Private: the last answer that had a code, and what it was. */
	struct buf		 known;
	char			 known_code[32];
	enum outcome		 known_outcome;
};

void		 forward_result_free(struct forward_result *res);	/* what it points to */


extern const char *const forward_names[FORWARD__MAX];
extern const char *const forward_hints[FORWARD__MAX];	/* for the operator */

struct forward;

/*
 * Keeps set; connects to nothing yet.  NULL: no memory.  *stop_ms, where it is not 0, is
 * the monotonic time at which every transfer gives up (shutdown); may be NULL.
 */
struct forward	*forward_new(const struct settings *set, const _Atomic int64_t *stop_ms);
void		 forward_free(struct forward *f);

/* One POST.  Fills a, whose body it empties first. */
void		 forward_http(struct forward *f, struct http_answer *a,
		    const struct http_call *call);

/* One envelope to the account's QT, done before deadline_ms (monotonic). */
void		 forward_post(struct forward *f, struct forward_result *res,
		    const struct account *a, struct slice envelope, int64_t deadline_ms);

/* The class of an answer: HTTP status and body. */
enum outcome	 forward_classify(struct forward_result *res);

#endif
