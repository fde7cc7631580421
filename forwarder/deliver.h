/*
 * deliver.h: what happens to one message: it is locked, forwarded while WeChat waits, and settled
 * in the store.
 *
 * WeChat may be told `success` when QT has the message or our disk has it.  If QT is not asked
 * because a breaker is open, and the disk does not take the message, then QT is asked all the same;
 * but if there is a reply to the user, the spare room takes the message first (state/spare.h).
 * A message that has been settled is not forwarded again when WeChat repeats it.  A repeat of one
 * that another request is forwarding waits for that request.
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
	VERDICT_DEAD,		/* the disk has it, QT refuses it */
	VERDICT_REPEAT,		/* it was settled before */
	VERDICT_UNSAFE,		/* neither QT nor the disk has it */
	VERDICT__MAX
};

extern const char *const deliver_verdicts[VERDICT__MAX];

/* One message; a worker uses the same struct for all its messages. */
struct delivery {
	/* The caller sets these. */
	const struct account	*account;
	const struct push	*push;
	struct slice		 body;
	const struct message	*message;
	const char		*key;		/* from message_key() */
	int64_t			 deadline_ms;	/* monotonic */
	struct slice		 raw_query, raw_body;	/* as WeChat sent them, for relays */
	struct slice		 xml;		/* the message in plain, for relays */
	bool			 has_reply;	/* there is a reply to its user */

	/* deliver() sets these. */
	enum verdict		 verdict;
	const char		*why_not;	/* class of the failure; NULL: QT has the message */
	const char		*hint;		/* what the operator can do; "": nothing */
	struct qt_result	 qt;		/* QT's answer; not asked: http.status 0, ms 0 */
	char			 detail[200];	/* what happened, in words; may be "" */
	enum {
		DELIVER_NO_ANSWER,	/* no relay has something to say to the user */
		DELIVER_ANSWER,		/* one has: answer */
		DELIVER_ANSWER_LATER	/* it may have by the next delivery of the message */
	} answered;
	bool			 tells;		/* deliver_tell() must be called */
	unsigned char		 told[QUEUE_KEY];	/* private: of the message */
	struct buf		 answer;	/* a reply of WeChat's, <xml>, not encrypted */
	char			 relays[256];	/* "crm:delivered hook:queued"; "": no relay */

	struct buf		 out, query;	/* private */
	struct fanout		*fanout;	/* private: NULL until a message has relays */
};

void		 deliver_free(struct delivery *d);	/* frees what it points to, not d */

/*
 * If the account has relays, they get the message, too: forwarder/fanout.h.
 *
 * ERR_OK: delivered, or a repeat.  ERR_FORWARD: queued.  ERR_REFUSED: dead.  After these WeChat
 * may be told `success`.  ERR_STORE: unsafe.  ERR_LATE: another request had the same message
 * until the deadline; unsafe.
 */
enum error	 deliver(const struct services *s, struct signer *signer, struct delivery *d);

/* Tells the other hosts that QT has the message; call it when WeChat has its answer. */
void		 deliver_tell(const struct services *s, struct delivery *d);

/*
 * Sets state, outcome, unread and qt_ms of a queue's row after QT's answer; outcome points into qt.
 * unread must be that of the row before: QT has probably counted a message each time that its
 * answer could not be read, so after five such answers it is dead.  A page may well be a gateway's
 * for some hours: it weighs less, and 300 pages take a day.
 */
enum { DELIVER_UNREADABLE = 60, DELIVER_PAGE = 1, DELIVER_UNREAD_MAX = 300 };
void		 deliver_judge(struct queue_message *row, const struct qt_result *qt);

/*
 * For forwarder/fanout.h.
 */

/* Reasons not to ask a destination: their classes in the log, and what the operator can do. */
enum deliver_bar {
	BAR_NONE, BAR_BREAKER, BAR_STOPPED, BAR_SATURATED,
	BAR_ELSEWHERE,	/* another host has the message in hand */
	BARS
};

extern const struct deliver_bar_words {
	const char	*why_not, *hint;
} deliver_bars[BARS];

/*
 * True: this request is to probe the broken end point, and nobody else does before lease_end().
 */
bool		 deliver_may_probe(const struct services *s, struct lease *probe,
		    const struct account *a);

/* How a message is kept from other threads and processes. */
struct deliver_claim {
	bool		 by_lock;	/* the files of known messages cannot be used */
	struct lock	 lock;
};

/* ERR_OK, *was not DEDUP_DONE: deliver_unclaim() must follow.  ERR_LATE: another one has it. */
enum error	 deliver_claim(const struct services *s, struct deliver_claim *c,
		    enum dedup_as *was, const unsigned char *key, int64_t deadline_ms);
void		 deliver_unclaim(const struct services *s, struct deliver_claim *c,
		    const unsigned char *key, bool is_done, bool is_safe);

/* Empties what deliver() sets: the verdict is that of a repeat. */
void		 deliver_reset(struct delivery *d);

/* Says in d->detail where the spare room has put the message (state/spare.h). */
void		 deliver_note_spare(struct delivery *d, const char *where);

/* Neither QT nor the disk has the message.  ERR_STORE. */
enum error	 deliver_mark_unsafe(struct delivery *d);

/* True: this host can send no message of the account.  It must not be acknowledged. */
bool		 deliver_is_impossible(const struct services *s, struct delivery *d);

/* How a request ends, by the state of the row that it leaves. */
extern const struct deliver_end {
	enum verdict	 verdict;
	enum error	 er;
} deliver_ends[QUEUE__MAX];

/*
 * Where breaker_settle() writes within a transaction of db.  If that is this host's own store, in
 * place of the shared one that fails, a server has its copy for that; NULL then.
 */
struct db	*deliver_breaker_db(const struct services *s, struct db *db);

/* Brings the copy of the breakers up to date, where no drainer does it. */
void		 deliver_look_at_breakers(const struct services *s, int64_t deadline_ms);

#endif
