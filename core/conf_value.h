/*
 * conf_value.h: a text of config.h that is "@FILE" or "$NAME", and the characters of its value.
 *
 * People edit these files on Windows: white space and byte order marks around a value are not part
 * of it.  A reason never shows the value.
 */
#ifndef CORE_CONF_VALUE_H
#define CORE_CONF_VALUE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONF_VALUE_FILE = 4096, CONF_VALUE_WHY = 512 };	/* bytes of a file; of a reason */

/* Why a value is refused, in words. */
struct conf_value_reason {
	char	 text[CONF_VALUE_WHY];
};

/* Writes the reason.  Always false, so that a check can return it. */
bool	conf_value_refuse(struct conf_value_reason *r, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Which characters a value may have. */
enum conf_alphabet {
	CONF_ANY,
	CONF_TEXT,	/* printable ones */
	CONF_NAME,	/* the same, for the name of an account */
	CONF_KEY,	/* printable ones, no blank but U+0020 */
	CONF_LIST,	/* printable ones, tabs and line ends */
	CONF_GRAPHIC,	/* printable ASCII without blanks */
	CONF_ALNUM,	/* letters and digits */
	CONF_PATH,	/* letters, digits and . _ ~ - */
	CONF_ALPHABETS
};

/* False: v has another character, or, unless it is a list, begins or ends with white space. */
bool	conf_value_has_only(struct conf_value_reason *r, const char *v,
	    enum conf_alphabet alphabet);

/* True: v is "@FILE" or "$NAME", and not the value itself. */
bool	conf_value_is_indirect(const char *v);

/* Checks such a text, but not the file or variable, which is on the host. */
bool	conf_value_check_indirect(struct conf_value_reason *r, const char *v);

/* The "@FILE" that such a text is, or that its variable holds; NULL: neither. */
const char *conf_value_file(const char *v);

/*
 * Reads the value of such a text, without byte order marks and white space around it.  The value of
 * a variable may be "@FILE".  NULL: *r says why.  The caller frees the result.
 */
char	*conf_value_read(struct conf_value_reason *r, const char *v);

#endif
