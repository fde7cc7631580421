/*
 * qt_client.h: envelopes to QT, and what QT's answers mean.
 *
 * They are classified after "Response description" (QT, 3.4): the body's code decides,
 * HTTP 200 alone is no success.
 */
#ifndef FORWARDER_QT_CLIENT_H
#define FORWARDER_QT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "net/http_client.h"

enum qt_outcome {
	QT_DELIVERED,	/* QT has it */
	QT_RETRY,		/* try again later */
	QT_CONFIG,		/* our configuration is wrong: say so, try slowly */
	QT_REFUSED,	/* this message is refused for good */
	QT__MAX
};

struct qt_result {
	enum qt_outcome		 outcome;
	bool			 alive;		/* QT itself answered: a code of its own came */
	char			 code[32];	/* QT's code, "" if there was none */
	struct http_answer	 http;

	/* Private: the last answer that had a code of QT's, and what it was. */
	struct buf		 known;
	char			 known_code[32];
	enum qt_outcome		 known_outcome;
};

void		 qt_client_result_free(struct qt_result *res);	/* what it points to */

extern const char *const qt_client_names[QT__MAX];
extern const char *const qt_client_hints[QT__MAX];	/* for the operator */

/*
 * One envelope to the account's QT, within forward_ms and done before deadline_ms
 * (monotonic).  The standby's answer replaces the first one's, but for the time: ms is of
 * both.
 */
void		 qt_client_post(struct http_client *h, const struct settings *set,
		    struct qt_result *res, const struct account *a,
		    struct slice envelope, int64_t deadline_ms);

/*
 * call, to a's qt_url, was answered got.  If the standby is to be tried next, because
 * nothing of the request was sent and there is time left: true, and call leads there.
 */
bool		 qt_client_standby(struct http_call *call, const struct account *a,
		    const struct http_answer *got);

/* The class of an answer: HTTP status and body.  Sets outcome, alive and code. */
enum qt_outcome	 qt_client_classify(struct qt_result *res);

/* Where an answer has neither a code nor a why, its why becomes the HTTP status. */
void		 qt_client_explain(struct qt_result *res);

#endif
