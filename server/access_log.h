/*
 * access_log.h: the one line that each request leaves in the log, and what it is counted as.
 */
#ifndef SERVER_ACCESS_LOG_H
#define SERVER_ACCESS_LOG_H

#include "core/error.h"
#include "forwarder/deliver.h"
#include "forwarder/services.h"
#include "server/request.h"
#include "wechat/message.h"

/* What came, and what became of it. */
struct access_entry {
	const struct request	*request;
	const struct account	*account;	/* NULL: none was found */
	enum error		 er;
	int			 status;	/* that was answered */
	enum counter		 counts_as;	/* if it is done, and no verdict says more */
	const char		*verdict;	/* NULL: rejected */
	const char		*detail;	/* NULL: nothing to add */
	const char		*hint;		/* NULL: that of the error */
	const char		*code;		/* QT's, got or given; "" without one */
	const char		*event;		/* what was collected; NULL: nothing */
	struct slice		 user;		/* openid of a message that was opened or collected */
	enum log_level		 level;		/* at least; of what went well: exactly */
	const struct message	*message;	/* NULL: no message was opened */
	const char		*key;		/* message_key()'s, with head */
	const struct delivery	*delivery;	/* NULL: it did not come to that */
};

/* Of one thread. */
struct access_log;

struct access_log	*access_log_new(const struct services *m);	/* keeps m; NULL: no memory */
void			 access_log_free(struct access_log *j);

/* Takes over what a delivery has to tell; d must live as long as e. */
void			 access_log_add_delivery(struct access_entry *e, const struct delivery *d);

/* After the answer has been given. */
void			 access_log_write(struct access_log *j, const struct access_entry *e);

#endif
