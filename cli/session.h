/*
 * session.h: what the verb_table that work in the state directory share.
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
	SESSION_PATIENCE_MS = 5000,	/* with other processes at the store */
	SESSION_PAGE	 = 100		/* messages in hand at a time */
};

enum session_state {
	SESSION_STATE,
	SESSION_NO_STATE,	/* nothing has ever been stored there, and nothing is to be made */
	SESSION_FAULT
};

struct session {
	const struct conf	*conf;
	bool			 usable;	/* the configuration is */
	struct locks		*locks;
	struct store		*store;		/* NULL: there is no state yet */
	struct breakers		*breakers;	/* NULL: not usable */
};

/*
 * Root becomes the owner of dir, with that user's groups, so that it leaves no file of root's where
 * another user's program is to write, and can no more than that.  Anybody else, and where there
 * is no dir or it is root's: nothing happens.  False: said why it cannot be.
 */
bool			 session_become_owner(const char *dir);

/*
 * Becomes the state directory's owner where root runs the program, opens the log, and looks
 * whether there is a store.  What is wrong is said.
 */
enum session_state	 session_state(const struct conf *c);

/* False: what is wrong has been said.  session_close() in any case. */
bool			 session_open(struct session *d, const struct conf *c, bool usable);
void			 session_close(struct session *d);

/* Work in the store, which finds nothing where there is none; what goes wrong is said. */
bool			 session_do(struct session *d, enum store_need need, store_work *work, void *arg);

/* A line for each end point that is broken and each account that is stopped: what to do. */
void			 session_say_trouble(FILE *f, const struct conf *c, struct breakers *b);

/* SIGINT and SIGTERM call on_stop from here on; a reader that is gone ends nothing. */
void			 session_catch_signals(void (*on_stop)(int sig));

/* The number that an argument is; false: it is none. */
bool			 session_read_id(int64_t *id, const char *text);

/* Says that there is no such message.  CLI_WRONG. */
int			 session_say_nothing(int64_t id);

struct slice		 session_or_dash(struct slice s);
void			 session_print(const struct buf *b);	/* to stdout */

/* The verb_table below `queue`, by file; argv begins behind the verb. */
typedef int	 session_verb(struct session *d, int argc, char **argv);

session_verb	 cmd_queue_list_run;		/* cli/cmd_queue_list.c */
session_verb	 cmd_queue_show_run;		/* cli/cmd_queue_show.c */
session_verb	 cmd_queue_show_export;	/* cli/cmd_queue_show.c */

#endif
