/*
 * worker.h: what all threads of a process share, and what one thread keeps from request to request.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <stdatomic.h>

#include "collector/collect.h"
#include "core/conf.h"
#include "crypto.h"
#include "forwarder/deliver.h"
#include "forwarder/services.h"
#include "reply/replies.h"
#include "server/access_log.h"
#include "server/gate.h"
#include "server/key_limit.h"
#include "server/maintenance.h"
#include "server/request.h"
#include "sign.h"
#include "wechat/message.h"
#include "wechat/push.h"
#include "wechat/token_server.h"

struct alert_thread;
struct worker;

/* Answers one request that has begun.  er is what request_cgi() or request_fcgi() said of it. */
typedef void	worker_serve(struct worker *w, enum error er);

/* One step of the work on a request, or all steps.  It reads from w and writes to w. */
typedef enum error worker_step(struct worker *w);

/* One for all threads of a process. */
struct app {
	struct conf		 conf;
	bool			 usable;	/* false: every request is answered ERR_CONF */
	struct services		 services;
	struct unionid		*unionid;	/* NULL: the collector is off */
	struct replies		*replies;	/* NULL: no account has .replies */
	struct maintenance	*maintenance;	/* NULL: a CGI, which has no such thread */
	struct alert_thread	*alerts;	/* NULL: the same, or there is no alert_url */
	struct gate		*senders;	/* NULL: all workers may send at once */
	struct gate		*bodies;	/* for bytes of large ones; NULL: no limit */
	struct key_limit	*keys;		/* NULL in a CGI */
	worker_serve		*serve;		/* answers each request */
	_Atomic int		 reports;	/* workers that make one or wait for it */
	_Atomic int64_t		 stop_ms;	/* 0, or the end of transfers: net/http_client.h */
};

/* One for each thread. */
struct worker {
	struct app			*app;
	struct request			*request;
	struct access_log		*access_log;
	struct crypto			*crypto;	/* NULL until worker_need_crypto() */
	struct signer			*signer;	/* NULL until worker_need_signer() */
	struct collector		*collector;	/* NULL until it is needed */
	struct message			 message;
	struct delivery			 delivery;
	struct collect_result		 collected;
	struct token_server_reply	 token;
	struct buf			 opened, work;	/* message, and scratch, of crypto_open() */
	struct replies_choice		 choice;	/* the reply to the message, by rules */
	struct buf			 out;		/* body of an answer */
	struct buf			 roots[REQUEST_ROOTS];	/* those without our state */

	/* Of the present request; worker_reset() empties it. */
	struct access_entry		 entry;
	struct reply			 reply;
	struct push			 push;
	struct slice			 xml;		/* the message, decrypted */
	struct slice			 body;		/* what goes to QT */
	char				 key[MESSAGE_KEY_HEX + 1];
	char				 why[320];	/* for entry.detail */
};

/* NULL: no memory.  The worker keeps app. */
struct worker	*worker_new(struct app *app);
void		 worker_free(struct worker *w);

/* Forgets the last request.  The reply is the text "not accepted" until a step sets another. */
void		 worker_reset(struct worker *w);

/* After a request: nothing that a large one has needed is kept. */
void		 worker_rest(struct worker *w);

/* Make w->crypto or w->signer, if it is not there yet.  ERR_NOMEM. */
enum error	 worker_need_crypto(struct worker *w);
enum error	 worker_need_signer(struct worker *w);

/*
 * its turn for so long that the time for QT is still left.  True: call worker_leave_network().
 */
bool		 worker_enter_network(struct worker *w);
void		 worker_leave_network(struct worker *w, bool entered);

/* When the answer to the present request must be ready: monotonic ms. */
int64_t		 worker_deadline(const struct worker *w);

#endif
