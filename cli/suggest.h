/*
 * suggest.h: for a word of the command line that means nothing, the known word that is nearest to
 * it.
 */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include "cli/verb.h"
#include "core/conf.h"
#include "core/nearest.h"
#include "report/questions.h"

/* The end of a sentence, in the language that is used: "; did you mean WORD?", or "". */
enum { SUGGEST_TEXT = 160 };
struct suggest {
	char	 text[SUGGEST_TEXT];
};

/* Each returns s->text.  The first is for words that the others do not know. */
const char	*suggest_best(struct suggest *s, const struct nearest *n);
const char	*suggest_verb(struct suggest *s, const char *word);
const char	*suggest_in_group(struct suggest *s, const struct verb *first, const char *word);
const char	*suggest_question(struct suggest *s, const char *word);

/* Says that no account has `what`, such as ".path", that is word. */
void		 suggest_account(const struct conf *c, const char *what, const char *word);

/* An option of a verb, or of its question q, which may be NULL.  "--name=value" is two words. */
const char	*suggest_option(struct suggest *s, const struct verb *v,
		    const struct report_question *q, const char *word);

/* One of several words with blanks or | between them: "pending|dead". */
const char	*suggest_choice(struct suggest *s, const char *choices, const char *word);

#endif
