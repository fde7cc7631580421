/*
 * session.h: what the verbs that work in the state directory share.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stdio.h>

#include "core/conf.h"
#include "forwarder/breaker.h"
#include "state/lock.h"
#include "state/store.h"

enum {
	DESK_PATIENCE_MS = 5000,	/* with other processes at the store */
	DESK_PAGE	 = 100		/* messages in hand at a time */
};

enum desk_state {
	DESK_STATE,
	DESK_NO_STATE,	/* nothing has ever been stored there, and nothing is to be made */
	DESK_FAULT
};

struct desk {
	const struct conf	*conf;
	bool			 usable;	/* the configuration is */
	struct claims		*claims;
	struct store		*store;		/* NULL: there is no state yet */
	struct breakers		*breakers;	/* NULL: not usable */
};

/*
 * Root becomes the owner of dir, with that user's groups, so that it leaves no file of root's where
 * another user's program is to write, and can no more than that.  Anybody else, and where there
 * is no dir or it is root's: nothing happens.  False: said why it cannot be.
 */
bool		 desk_become_owner(const char *dir);

/*
 * Becomes the state directory's owner where root runs the program, opens the log, and looks
 * whether there is a store.  What is wrong is said.
 */
enum desk_state	 desk_state(const struct conf *c);

/* False: what is wrong has been said.  desk_close() in any case. */
bool		 desk_open(struct desk *d, const struct conf *c, bool usable);
void		 desk_close(struct desk *d);

/* Work in the store, which finds nothing where there is none; what goes wrong is said. */
bool		 desk_do(struct desk *d, enum store_need need, store_work *work, void *arg);

/* A line for each end point that is broken and each account that is stopped: what to do. */
void		 desk_trouble(FILE *f, const struct conf *c, struct breakers *b);

/* SIGINT and SIGTERM call on_stop from here on; a reader that is gone ends nothing. */
void		 desk_heed_signals(void (*on_stop)(int sig));

/* The number that an argument is; false: it is none. */
bool		 desk_read_id(int64_t *id, const char *text);

/* Says that there is no such message.  CMD_WRONG. */
int		 desk_say_none(int64_t id);

struct slice	 desk_or_dash(struct slice s);
void		 desk_print(const struct buf *b);	/* to stdout */

/* The verbs below `queue`, by file; argv begins behind the verb. */
typedef int	 desk_verb(struct desk *d, int argc, char **argv);

desk_verb	 queuelist_run;		/* cli/cmd_queue_list.c */
desk_verb	 queueshow_run;		/* cli/cmd_queue_show.c */
desk_verb	 queueexport_run;	/* cli/cmd_queue_show.c */

#endif
