/*
 * qt_client.h: sends envelopes to QT, and says what QT's answers mean.
 *
 * Answers are classified as "Response description" of QT's manual (3.4) says: the code in the
 * body decides.  The code for success counts with a status of 2xx, every other code with any
 * status.  Only such a code, or a status of 413, makes a message dead at once: whatever else
 * answers is a gateway, and the message waits.
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
	QT_RETRY,	/* try again later */
	QT_CONFIG,	/* our configuration is wrong */
	QT_GATEWAY,	/* it is not QT who has answered */
	QT_UNREADABLE,	/* a 2xx without a code: QT may have the message */
	QT_REFUSED,	/* QT will never take this message */
	QT__MAX
};

struct qt_result {
	enum qt_outcome		 outcome;
	bool			 alive;		/* QT answered: the body has a code of QT's */
	bool			 page;		/* the body is a page of HTML or XML */
	char			 code[32];	/* QT's code; "": the answer had no code */
	struct http_answer	 http;

	/* Private: the last body that had a code of QT's, and how it was classified. */
	struct buf		 known;
	char			 known_code[32];
	enum qt_outcome		 known_outcome;
};

void		 qt_client_result_free(struct qt_result *res);	/* frees its buffers, not res */

/* Each outcome's name in the log. */
extern const char *const qt_client_names[QT__MAX];

/* Advice for the operator; "": there is nothing to do. */
const char		*qt_client_hint(const struct qt_result *res);

/* The words for QT_UNREADABLE in the queue. */
extern const char	 qt_client_unreadable[];

/*
 * Sends one envelope to the account's QT, within forward_ms and before deadline_ms (monotonic),
 * and classifies the answer.  If the first URL has no connection, it tries the standby: *res is the
 * standby's answer then, and its ms is the time of both.
 */
void		 qt_client_post(struct http_client *h, const struct settings *set,
		    struct qt_result *res, const struct account *a,
		    struct slice envelope, int64_t deadline_ms);

/*
 * A call to the account's qt_url has ended with *got.  True: the standby is to be tried next, since
 * nothing of the request was sent and there is time left; call leads there now.
 */
bool		 qt_client_standby(struct http_call *call, const struct account *a,
		    const struct http_answer *got);

/* True: this host's libcurl can use neither of the account's addresses; why says what it lacks. */
bool		 qt_client_lacks(struct http_client *h, char why[HTTP_CLIENT_LACK],
		    const struct account *a);

/* Sets outcome, alive and code from the answer's HTTP status and body.  Returns the outcome. */
enum qt_outcome	 qt_client_classify(struct qt_result *res);

/* If an answer has neither a code nor a why, its why becomes "HTTP STATUS". */
void		 qt_client_explain(struct qt_result *res);

#endif
