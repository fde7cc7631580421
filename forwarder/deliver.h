/*
 * deliver.h: what becomes of one message: claimed, forwarded while WeChat waits, settled in
 * the store.
 *
 * WeChat may hear `success` when QT has the message or the disk has it.  A repeat of what has
 * been settled is not forwarded again; one of what is in hand waits for that one's end.
 */
#ifndef FORWARDER_DELIVER_H
#define FORWARDER_DELIVER_H

#include <stdint.h>

#include "core/conf.h"
#include "forwarder/qt_client.h"
#include "forwarder/services.h"
#include "sign.h"
#include "state/queue.h"
#include "wechat/message.h"
#include "wechat/push.h"

enum verdict {
	VERDICT_DELIVERED,	/* QT has it */
	VERDICT_QUEUED,		/* the disk has it, QT gets it later */
	VERDICT_DEAD,		/* the disk has it, QT does not want it */
	VERDICT_REPEAT,		/* seen before */
	VERDICT_UNSAFE,		/* neither has it */
	VERDICT__MAX
};

extern const char *const deliver_verdicts[VERDICT__MAX];

/* One message; kept by a worker from message to message. */
struct delivery {
	/* Given: the account, the push, its body, its head and key. */
	const struct account	*account;
	const struct push	*push;
	struct slice		 body;
	const struct message	*head;
	const char		*key;		/* message_key()'s */
	int64_t			 deadline_ms;	/* monotonic */

	/* What became of it. */
	enum verdict		 verdict;
	const char		*why_not;	/* class of what kept it from QT; NULL: nothing */
	const char		*hint;		/* for the operator, "" without one */
	struct qt_result	 qt;		/* QT's answer; not asked: http.status 0, ms 0 */
	char			 detail[200];	/* in words, "" if there is nothing to say */

	struct buf		 out, query;	/* private */
};

void		 deliver_free(struct delivery *d);	/* what it points to */

/*
 * ERR_OK: delivered, or a repeat.  ERR_FORWARD: queued.  ERR_REFUSED: dead.  These are safe.
 * ERR_STORE: unsafe.  ERR_LATE: another has had it in hand all the time.
 */
enum error	 deliver(const struct services *m, struct signer *s, struct delivery *d);

/* The row of the queue that an answer of QT's leads to: state, outcome and time of it. */
void		 deliver_judge(struct queue_message *row, const struct qt_result *qt);

#endif
