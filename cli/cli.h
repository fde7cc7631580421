/*
 * cli.h: the command line.  Verbs are a table; each prints to stdout, complaints go to
 * stderr, and the exit status tells how it went.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "core/conf.h"

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

cmd_verb	check_run;	/* cli/check/cmd_check.c */
cmd_verb	send_run;	/* cli/cmd_send.c */
cmd_verb	queuecmd_run;	/* cli/cmd_queue.c */
cmd_verb	draincmd_run;	/* cli/cmd_drain.c */
cmd_verb	reportcmd_run;	/* cli/cmd_report.c */
cmd_verb	datacubecmd_run;/* cli/cmd_datacube.c */
cmd_verb	tokencmd_run;	/* cli/cmd_token.c */
cmd_verb	reconcilecmd_run; /* cli/cmd_reconcile.c */
cmd_verb	completion_run;	/* cli/cmd_completion.c */
cmd_verb	statuscmd_run;	/* cli/cmd_status.c */

#endif
