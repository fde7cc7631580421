/*
 * completion_scripts.h: what makes a shell complete the command line: scripts made of the verb_table' table.
 *
 * What only the configuration or the store knows the scripts ask for when it is needed, by
 * `qtoa completion accounts` and `qtoa completion ids`.
 */
#ifndef CLI_COMPLETION_SCRIPTS_H
#define CLI_COMPLETION_SCRIPTS_H

#include <stdio.h>

/* For bash 4 and later, with or without the package bash-completion. */
void	scripts_bash(FILE *f);

/* For zsh: a file _qtoa in fpath, or evaluated after compinit. */
void	scripts_zsh(FILE *f);

#endif
