/*
 * cli.h: runs the verbs of the command line (cli/verb.h).  A verb prints to stdout, complains on
 * stderr, and its exit status says how it went.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "core/conf.h"

enum {
	CLI_DONE	= 0,
	CLI_WRONG	= 1,	/* something is wrong; each verb's help says what that can be */
	CLI_USAGE	= 2,
	CLI_SERVE	= -1	/* no exit status: descriptor 0 listens, and FastCGI is next */
};

int	cli_main(int argc, char **argv);	/* returns the exit status, or CLI_SERVE */

/*
 * Prints the usage of a verb ("queue list") or a group ("queue") on stderr; cli_usage_why() adds
 * the reason in parentheses.  Returns CLI_USAGE.
 */
int	cli_usage(const char *verb);
int	cli_usage_why(const char *verb, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * A verb; argv[0] is its name, and the result is the exit status.  problems: how many problems the
 * configuration has; a message has told each of them already.
 */
typedef int	cli_verb(struct conf *c, int problems, int argc, char **argv);

cli_verb	cmd_check_run;	/* cli/check/cmd_check.c */
cli_verb	cmd_send_run;	/* cli/cmd_send.c */
cli_verb	cmd_queue_run;	/* cli/cmd_queue.c */
cli_verb	cmd_listen_run;	/* cli/cmd_listen.c */
cli_verb	cmd_drain_run;	/* cli/cmd_drain.c */
cli_verb	cmd_report_run;	/* cli/cmd_report.c */
cli_verb	cmd_datacube_run;/* cli/cmd_datacube.c */
cli_verb	cmd_followers_run;/* cli/cmd_followers.c */
cli_verb	cmd_token_run;	/* cli/cmd_token.c */
cli_verb	cmd_rid_run;	/* cli/cmd_rid.c */
cli_verb	cmd_reply_run;	/* cli/cmd_reply.c */
cli_verb	cmd_menu_run;	/* cli/cmd_menu.c */
cli_verb	cmd_reconcile_run; /* cli/cmd_reconcile.c */
cli_verb	cmd_qrcode_run;	/* cli/cmd_qrcode.c */
cli_verb	cmd_forget_run;	/* cli/cmd_forget.c */
cli_verb	cmd_completion_run;	/* cli/cmd_completion.c */
cli_verb	cmd_config_run;	/* cli/cmd_config.c */
cli_verb	cmd_log_run;	/* cli/cmd_log.c */
cli_verb	cmd_alert_run;	/* cli/cmd_alert.c */
cli_verb	cmd_status_run;	/* cli/cmd_status.c */
cli_verb	cmd_store_run;	/* cli/cmd_store.c */

#endif
