/*
 * replies.h: what an account answers by its rules (reply/rules.h), the file that .replies names.
 *
 * The file is read when the first message comes, and again when it has changed: each message costs
 * a stat(2), about a microsecond.  A thread uses the rules that it has found to the end; old rules
 * are freed when no thread uses them.  While the file is wrong, the last good rules serve, and one
 * line of the log says so.  They are also kept in state_dir/qtoa.rules-ACCOUNT, for processes that
 * start then, as each CGI does.
 *
 * To find a reply needs no store and no QT.
 */
#ifndef REPLY_REPLIES_H
#define REPLY_REPLIES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "reply/rules.h"
#include "state/lock.h"
#include "state/log_ratelimit.h"
#include "wechat/message.h"

enum {
	REPLIES_MINUTES = 60,	/* after which a user may get the default reply again */
	REPLIES_RULE = 104	/* bytes of a rule's name, with the NUL */
};

/* One for all threads of a process. */
struct replies;

/* Opens nothing yet, and keeps all three.  log may be NULL.  NULL: no memory. */
struct replies	*replies_new(const struct conf *c, struct locks *locks,
		    struct log_ratelimit *log);
void		 replies_free(struct replies *r);

/* A reply to a message.  A thread can use one struct for many.  All zero is a good start. */
struct replies_choice {
	bool		 found;
	enum rules_kind	 kind;
	char		 rule[REPLIES_RULE];	/* its name */
	size_t		 place;			/* in its list, from 0 */
	struct buf	 xml;			/* the reply, not encrypted */
	struct buf	 text, work;		/* private */
};

/*
 * Finds the reply to a message: xml is its text, decrypted, key is from message_key().  Nothing is
 * noted yet.  The reply's CreateTime is that of the message, so a repeat gets the same bytes.
 * False: there is no reply.
 */
bool		 replies_choose(struct replies *r, struct replies_choice *c,
		    const struct account *a, const struct message *m, struct slice xml,
		    const char *key);
void		 replies_choice_free(struct replies_choice *c);

/*
 * Call it before the reply is given.  False: it is the default reply, and this user got that within
 * the hour, for another message.
 */
bool		 replies_take(struct replies *r, const struct replies_choice *c,
		    const struct account *a, const struct message *m, const char *key);

/* Counts a reply that was given, ms after the request came. */
void		 replies_count(struct replies *r, const struct replies_choice *c,
		    const struct account *a, int64_t ms);

/*
 * Reads a file as the program does.  NULL: it cannot be used, and say was told why.
 */
struct rules	*replies_read(const char *file, rules_say *say, void *ctx);

/* Fills c with the reply of these rules, as replies_choose() does it. */
bool		 replies_apply(struct replies_choice *c, const struct rules *rules,
		    const struct message *m, struct slice xml, const char *key);

#endif
