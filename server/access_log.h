/*
 * access_log.h: the one line that each request leaves in the log, and the counter that it adds to.
 */
#ifndef SERVER_ACCESS_LOG_H
#define SERVER_ACCESS_LOG_H

#include "core/error.h"
#include "forwarder/deliver.h"
#include "forwarder/services.h"
#include "server/request.h"
#include "wechat/message.h"

/* What is to be logged of one request.  It borrows all that it points to. */
struct access_entry {
	const struct request	*request;
	const struct account	*account;	/* NULL: the URL names no account */
	enum error		 er;
	int			 status;	/* HTTP status of the answer */
	enum counter		 counts_as;	/* counter, unless an error or a delivery has one */
	const char		*verdict;	/* NULL: "rejected" */
	const char		*detail;	/* more than the error says; NULL: nothing */
	const char		*hint;		/* what to do; NULL: that of the error */
	const char		*code;		/* of QT's answer, or the one that we gave; or "" */
	const char		*event;		/* collected event; NULL: nothing was collected */
	struct slice		 user;		/* openid of the message; absent: not known */
	enum log_level		 level;		/* of the line; an error may raise it */
	const struct message	*message;	/* NULL: the push was not decrypted */
	const char		*key;		/* from message_key(); set if message is */
	const struct delivery	*delivery;	/* NULL: there was no delivery */
	const char		*reply;		/* kind of the reply that was given; NULL: none */
	const char		*rule;		/* and its rule; "" or NULL: it has none */
	bool			 again;		/* it does nothing: it was done before */
	bool			 peer_unknown;	/* the push is not from WeChat's addresses */
};

/* One for each thread. */
struct access_log;

/* Keeps services.  NULL: no memory. */
struct access_log	*access_log_new(const struct services *services);
void			 access_log_free(struct access_log *a);

/* Adds what a delivery tells: verdict, code, detail, hint.  d must live as long as e. */
void			 access_log_add_delivery(struct access_entry *e, const struct delivery *d);

/* Writes the line and counts the request.  Call it after the answer has been given. */
void			 access_log_write(struct access_log *a, const struct access_entry *e);

#endif
