/*
 * lang.h: the language in which the command line and alerts speak.
 *
 * A text stands in the code in English, and is the key of its own translation: lang_text() gives
 * the other language's text, or the English one if there is no row for it.  The command line speaks
 * the language of lang_use(); everywhere else, in CGI and FastCGI too, the language is English.
 * The log, JSON and CSV are English always.  A thread that writes to people in a chat takes another
 * language for that time: lang_here().
 */
#ifndef CORE_LANG_H
#define CORE_LANG_H

#include <stdbool.h>

enum language { ENGLISH, CHINESE, LANGUAGE__MAX };	/* MAX: the language of lang_use() */

/*
 * A text and its translation.  The translation of a printf format has the same conversions, in the
 * same order or numbered (%2$s); %.0s prints nothing of a value that Chinese does not need.
 */
struct lang_row {
	const char	*english, *chinese;
};

/*
 * The language of a locale, as POSIX says: the first of the three that is not empty.  A name that
 * begins with zh is Chinese if it ends in .UTF-8 or has no charset; all else is English.
 */
enum language	 lang_of_locale(const char *lc_all, const char *lc_messages, const char *lang);

/* The same, of the environment's LC_ALL, LC_MESSAGES and LANG. */
enum language	 lang_of_environment(void);

/* Reads "en" or "zh".  False: it is neither. */
bool		 lang_read(enum language *l, const char *name);

/*
 * From now on texts are in that language.  tables: arrays of rows, each ended by a row of NULL; the
 * list is ended by NULL.  Call it before there are threads.
 */
void		 lang_use(enum language l, const struct lang_row *const *tables);
enum language	 lang_used(void);

/* This thread alone: from now on texts are in that language. */
void		 lang_here(enum language l);

/* The text in the language that is used. */
const char	*lang_text(const char *english) __attribute__((format_arg(1)));

enum { LANG_PARTS = 512 };	/* bytes */

/*
 * Writes a text that was put together in English, "WeChat: errcode 40164: put this address on the
 * IP whitelist": each part between ": " that has a row is in the language that is used.  Returns
 * text.  For reasons that were stored, and those that go into the log as well.
 */
const char	*lang_parts(char text[LANG_PARTS], const char *english);

/* What errno means, in the language that is used. */
const char	*lang_errno(int error);

#endif
