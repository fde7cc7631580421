/*
 * cmd.h: the command line.  Verbs are a table; each prints to stdout, complaints go to
 * stderr, and the exit status tells how it went.
 */
#ifndef CMD_H
#define CMD_H

#include "conf.h"

enum {
	CMD_DONE	= 0,
	CMD_WRONG	= 1,	/* something was found wrong */
	CMD_USAGE	= 2
};

int	cmd_main(int argc, char **argv);

/*
 * Says how a verb is used, which begins with that name ("queue list"; "queue" for all of them),
 * and why that is said, unless it is plain.  CMD_USAGE.
 */
int	cmd_usage(const char *verb);
int	cmd_usage_why(const char *verb, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * The larger verbs.  argv[0] is the verb; problems: how many the configuration has, all
 * of them said already.  Each returns the exit status.
 */
typedef int	cmd_verb(struct conf *c, int problems, int argc, char **argv);

cmd_verb	check_run;	/* check.c */
cmd_verb	send_run;	/* send.c */
cmd_verb	queuecmd_run;	/* queuecmd.c */
cmd_verb	draincmd_run;	/* draincmd.c */
cmd_verb	reportcmd_run;	/* reportcmd.c */
cmd_verb	datacubecmd_run;/* datacubecmd.c */
cmd_verb	tokencmd_run;	/* tokencmd.c */
cmd_verb	reconcilecmd_run; /* reconcilecmd.c */
cmd_verb	completion_run;	/* completion.c */
cmd_verb	statuscmd_run;	/* statuscmd.c */

#endif
