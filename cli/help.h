/*
 * help.h: prints the help of the verbs (cli/verb.h) and of the report's questions.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/verb.h"
#include "report/questions.h"

/* Prints one line for each verb. */
void	help_all(FILE *f);

/* Prints the usage of a verb, or of the group that v begins, as one line without a newline. */
void	help_usage(FILE *f, const struct verb *v, bool group);

/* Prints all about a verb, or about the question q of a verb that asks one (NULL: none given). */
void	help_verb(FILE *f, const struct verb *v, const struct report_question *q);
void	help_group(FILE *f, const struct verb *first);	/* one line for each verb of the group */

/* Prints one line for each question of the report, with its options. */
void	help_questions(FILE *f);

/* Writes what usage shows for the value of a question's option: "CODE", "N", "day|week". */
enum { HELP_ARG = 64 };
void	help_arg(char arg[HELP_ARG], const struct report_option *o);

#endif
