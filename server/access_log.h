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
struct entry {
	const struct request	*request;
	const struct account	*account;	/* NULL: none was found */
	enum qt_err		 er;
	int			 status;	/* that was answered */
	enum tally_count	 counts_as;	/* if it is done, and no verdict says more */
	const char		*verdict;	/* NULL: rejected */
	const char		*detail;	/* NULL: nothing to add */
	const char		*hint;		/* NULL: that of the error */
	const char		*code;		/* QT's, got or given; "" without one */
	const char		*event;		/* what was collected; NULL: nothing */
	struct slice		 user;		/* openid of a message that was opened or collected */
	enum log_level		 level;		/* at least; of what went well: exactly */
	const struct head	*head;		/* of a message that was opened, else NULL */
	const char		*key;		/* head_key()'s, with head */
	const struct delivery	*posted;	/* of a message that was delivered or kept, else NULL */
};

/* Of one thread. */
struct journal;

struct journal	*journal_new(const struct means *m);	/* keeps m; NULL: no memory */
void		 journal_free(struct journal *j);

/* After the answer has been given. */
void		 journal_write(struct journal *j, const struct entry *e);

#endif
