/*
 * verb.h: the command line as a table: its verb_table, what each takes, and what is to be said of it.
 * Help, completion and the check of options are made of it: what is not in here is refused.
 *
 * Arguments are as usage shows them: "ACCOUNT URL FILE...", "[QUESTION]", "ID|all|ACCOUNT".
 * Words in capitals stand for something (verb_kinds); others stand for themselves; what is in
 * brackets may be left out, and "..." may be given several times.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum { VERB_OPTIONS = 8, VERB_EXAMPLES = 4 };

struct verb_option {
	const char	*name;		/* "--from" */
	const char	*arg;		/* NULL: it takes none */
	const char	*what;
	bool		 or_next;	/* it or the next one, not both */
};

struct verb {
	const char		*name;	/* "check"; in two words where it is one of a group */
	const char		*args;
	const char		*what;	/* in a line */
	const char		*about;	/* in a paragraph */
	const char		*status; /* of the exit: what 0 and 1 mean */
	struct verb_option	 options[VERB_OPTIONS];		/* ended by name NULL */
	const char		*examples[VERB_EXAMPLES];	/* ended by NULL */
};

/* Ended by name NULL; those of a group side by side. */
extern const struct verb	 verb_table[];

/* What can stand for an argument, as completion knows it. */
enum verb_kind {
	VERB_OTHER,	/* a number, a day, a URL: nothing to offer */
	VERB_WORD,	/* itself */
	VERB_ACCOUNT,
	VERB_FILE,
	VERB_ID,	/* of a message in the queue */
	VERB_QUESTION,	/* of the report */
	VERB_ENDPOINT,	/* of WeChat's statistics */
	VERB_TABLE,	/* of these in the store */
	VERB_VERB
};
enum verb_kind		 verb_kind(struct slice word);

/* The verb that words begin with, or the first of the group, *group.  NULL: there is none. */
const struct verb	*verb_find(bool *group, int argc, char *const *argv);

/* The first word of its name; whether it is one of a group; the next one of that, else NULL. */
struct slice		 verb_group(const struct verb *v);
bool			 verb_in_group(const struct verb *v);
bool			 verb_leads(const struct verb *v);	/* the first of one, or alone */
const struct verb	*verb_next(const struct verb *v);

/* NULL: it has no such option. */
const struct verb_option *verb_option(const struct verb *v, const char *name);

/* Whether an argument, an option's or the verb's n-th (from 0), may be left out. */
bool		 verb_may_lack(const char *arg);

/* The verb's n-th argument, from 0: as in args, absent behind the last. */
struct slice	 verb_arg(const struct verb *v, int n);

/* The next of an argument's alternatives, without brackets and dots; false: there is none. */
bool		 verb_alternative(struct slice *word, struct slice *rest);

/* Whether it asks one of the report's questions, which have options of their own. */
bool		 verb_asks(const struct verb *v);

#endif
