/*
 * help.h: what there is to say of the verb_table (cli/verb.h), and of the report's questions.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/verb.h"
#include "report/questions.h"

/* All verb_table, a line each. */
void	help_all(FILE *f);

/* How a verb is used, in a line without its end; of a group: which verb_table it has. */
void	help_usage(FILE *f, const struct verb *v, bool group);

/* All about a verb; q, of one that asks: all about that question, or NULL. */
void	help_verb(FILE *f, const struct verb *v, const struct report_question *q);
void	help_group(FILE *f, const struct verb *first);

/* The questions and their options, a line each. */
void	help_questions(FILE *f);

/* "CODE", "N", "day|week": what stands for the value of a question's option. */
enum { HELP_ARG = 64 };
void	help_arg(char arg[HELP_ARG], const struct report_option *o);

#endif
