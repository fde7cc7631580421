/*
 * completion.h: the shell scripts completion.bash and completion.zsh as text, each with a line
 * COMPLETION_TABLE in it.  cmd_completion.c prints a table of all verbs in place of that line.
 *
 * completion.sh makes completion.c of the two scripts when qtoa is built.
 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#define COMPLETION_TABLE	"@TABLE@\n"

extern const char	 completion_bash[];	/* for bash 4 and later */
extern const char	 completion_zsh[];	/* a file _qtoa in fpath, or after compinit */

#endif
