/*
 * session.h: what the verbs that work in the state directory have in common.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stdio.h>

#include "core/conf.h"
#include "forwarder/services.h"

enum {
	SESSION_PATIENCE_MS = 5000,	/* how long other processes at the store are waited for */
	SESSION_PAGE	 = 100		/* messages that are read at a time */
};

enum session_state {
	SESSION_STATE,
	SESSION_NO_STATE,	/* nothing was ever stored there; a verb then creates nothing */
	SESSION_FAULT
};

struct session {
	/*
	 * The conf, and the store with its locks (NULL: there is no state yet) and the breakers
	 * (NULL: the configuration is not usable).
	 */
	struct services	 services;
	bool		 usable;	/* the configuration is */
};

/*
 * If root runs this process, lets it go on as the user who owns dir, with the groups and rights of
 * that user: then it creates no files that the program below the web server cannot use.  Does
 * nothing for other users, and nothing where dir does not exist or belongs to root.  False: it
 * failed, and stderr says why.
 */
bool			 session_become_owner(const char *dir);

/*
 * The same for a verb that also reads and writes files that root names: between
 * session_as_root(true) and session_as_root(false) the process has root's rights again, if root
 * runs it.
 */
bool			 session_act_for_owner(const char *dir);
void			 session_as_root(bool root);

/*
 * Calls session_become_owner() for the state directory, opens the log, and looks for a store.
 * SESSION_FAULT: stderr says what is wrong.
 */
enum session_state	 session_state(const struct conf *c);

/*
 * Does session_state() and makes the handles.  False: stderr says what is wrong.  Call
 * session_close() in both cases.
 */
bool			 session_open(struct session *s, const struct conf *c, bool usable);
void			 session_close(struct session *s);

/*
 * Runs work in the store (state/store.h), on a full disk with what is reserved for that.  Where
 * there is no store it does nothing and succeeds.
 * False: stderr says what is wrong.
 */
bool			 session_do(struct session *s, enum store_need need, store_work *work,
			    void *arg);

/* Prints a line for each broken end point and each stopped account, with what to do. */
void			 session_say_trouble(FILE *f, const struct conf *c, struct breakers *b);

/*
 * Lets the first SIGINT, SIGTERM or SIGHUP call on_stop, which may be NULL, but SIGHUP stays
 * ignored if it was.  A reader of stdout that ends does not end the process.
 */
void			 session_catch_signals(void (*on_stop)(int sig));

/* The name of the signal that has come, "SIGINT"; NULL: no signal has. */
const char		*session_signal(void);

/* The exit status of a verb that ended with status: after a signal 128 and its number. */
int			 session_exit_status(int status);

/* Drops the log if it would go to the terminal and tear a bar or a screen apart. */
void			 session_silence_log(const struct conf *c);

/* Reads a message's number from an argument.  False: it is not a number. */
bool			 session_read_id(int64_t *id, const char *text);

/* Says that there was no memory for a handle.  Returns CLI_WRONG. */
int			 session_say_no_handle(void);

/*
 * Says which accounts' messages this host's libcurl cannot send, and what it lacks.  False: it can
 * send all.
 */
bool			 session_say_unsendable(struct http_client *h, const struct conf *c);

/* Says that there is no such message.  Returns CLI_WRONG. */
int			 session_say_no_message(int64_t id);

struct slice		 session_or_dash(struct slice s);	/* s, or "-" when it is empty */
void			 session_print(const struct buf *b);	/* to stdout */

/* The larger verbs of `queue`; argv begins after the verb.  Each returns the exit status. */
typedef int	 session_verb(struct session *s, int argc, char **argv);

session_verb	 cmd_queue_list_run;		/* cli/cmd_queue_list.c */
session_verb	 cmd_queue_show_run;		/* cli/cmd_queue_show.c */
session_verb	 cmd_queue_show_export;		/* cli/cmd_queue_show.c */

#endif
