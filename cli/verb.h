/*
 * verb.h: the table of all verbs of the command line, their arguments and options, and the text of
 * their help.  Help, completion and the check of options use this table; an option that is not in
 * it is refused.
 *
 * Arguments are written as usage shows them: "ACCOUNT URL FILE...", "[QUESTION]",
 * "ID|all|ACCOUNT".  A word in capitals stands for a value (enum verb_kind), any other word for
 * itself.  An argument in brackets may be left out; one with "..." may be given several times.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum { VERB_OPTIONS = 10, VERB_EXAMPLES = 4 };

struct verb_option {
	const char	*name;		/* "--from" */
	const char	*arg;		/* its value, as an argument is written; NULL: no value */
	const char	*what;		/* its help */
	bool		 or_next;	/* this option excludes the next one */
};

/* The purposes of verbs.  The list of all verbs has a part for each. */
enum verb_topic {
	VERB_DAILY, VERB_DELIVERY, VERB_REPORTS, VERB_WECHAT, VERB_SETUP, VERB__TOPICS
};
extern const char *const	 verb_topics[VERB__TOPICS];	/* their headings */

struct verb {
	const char		*name;	/* "check"; two words for a verb of a group */
	const char		*args;
	const char		*what;	/* its help in a line */
	const char		*about;	/* its help in a paragraph */
	enum verb_topic		 topic;
	const char		*status; /* what the exit status 0 and 1 means */
	struct verb_option	 options[VERB_OPTIONS];		/* ended by name NULL */
	const char		*examples[VERB_EXAMPLES];	/* ended by NULL */
};

/* The end has the name NULL; the verbs of a group stand side by side. */
extern const struct verb	 verb_table[];

/* The kinds of values that completion can offer for a word of an argument. */
enum verb_kind {
	VERB_OTHER,	/* a number, a day, a URL: completion offers nothing */
	VERB_WORD,	/* the word itself */
	VERB_ACCOUNT,
	VERB_FILE,
	VERB_ID,	/* the number of a message in the queue */
	VERB_QUESTION,	/* a question of the report */
	VERB_ENDPOINT,	/* an end point of WeChat's statistics */
	VERB_TABLE,	/* a table of WeChat's statistics in the store */
	VERB_VERB
};
enum verb_kind		 verb_kind(struct slice word);

/*
 * Finds the verb that the argc words begin with.  If they name only a group, *group is true and
 * the result is the group's first verb.  NULL: there is no such verb.
 */
const struct verb	*verb_find(bool *group, int argc, char *const *argv);

/* A verb's group is the first word of its name; one that is alone has a name of one word. */
struct slice		 verb_group(const struct verb *v);
bool			 verb_in_group(const struct verb *v);
bool			 verb_leads(const struct verb *v);	/* first of its group, or alone */
const struct verb	*verb_next(const struct verb *v);	/* NULL after the group's last */

/* NULL: the verb has no such option. */
const struct verb_option *verb_option(const struct verb *v, const char *name);

/* True: this argument, of an option or of a verb, may be left out. */
bool		 verb_may_lack(const char *arg);

/* The verb's n-th argument, counted from 0, as it stands in args; absent after the last one. */
struct slice	 verb_arg(const struct verb *v, int n);

/*
 * Takes the next word of an argument such as "[ID|all]" off *rest, without brackets and dots.
 * False: there is no further word.
 */
bool		 verb_alternative(struct slice *word, struct slice *rest);

/* True: the verb takes a question of the report, and each question has options of its own. */
bool		 verb_asks(const struct verb *v);

#endif
