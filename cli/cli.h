/*
 * cli.h: the command line.  Verbs are a table; each prints to stdout, complaints go to
 * stderr, and the exit status tells how it went.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "core/conf.h"

enum {
	CLI_DONE	= 0,
	CLI_WRONG	= 1,	/* something was found wrong */
	CLI_USAGE	= 2
};

int	cli_main(int argc, char **argv);

/*
 * Says how a verb is used, which begins with that name ("queue list"; "queue" for all of them),
 * and why that is said, unless it is plain.  CLI_USAGE.
 */
int	cli_usage(const char *verb);
int	cli_usage_why(const char *verb, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * The larger verb_table.  argv[0] is the verb; problems: how many the configuration has, all
 * of them said already.  Each returns the exit status.
 */
typedef int	cli_verb(struct conf *c, int problems, int argc, char **argv);

cli_verb	cmd_check_run;	/* cli/check/cmd_check.c */
cli_verb	cmd_send_run;	/* cli/cmd_send.c */
cli_verb	cmd_queue_run;	/* cli/cmd_queue.c */
cli_verb	cmd_drain_run;	/* cli/cmd_drain.c */
cli_verb	cmd_report_run;	/* cli/cmd_report.c */
cli_verb	cmd_datacube_run;/* cli/cmd_datacube.c */
cli_verb	cmd_token_run;	/* cli/cmd_token.c */
cli_verb	cmd_reconcile_run; /* cli/cmd_reconcile.c */
cli_verb	cmd_completion_run;	/* cli/cmd_completion.c */
cli_verb	cmd_status_run;	/* cli/cmd_status.c */

#endif
