/*
 * conf_env.h: values of the configuration that come from environment variables.
 *
 * The variables have a common prefix.  A struct that has .environment = "QTOA_" takes its member
 * token from the variable QTOA_TOKEN, if that is set and not empty.
 */
#ifndef CORE_CONF_ENV_H
#define CORE_CONF_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "core/conf_value.h"

enum { CONF_ENV_NAME = 64 };	/* bytes of a variable's name, with a $ and a NUL */

/* Checks a prefix: capitals, digits and _, with a _ at its end.  False: *r says why not. */
bool	conf_env_is_prefix(struct conf_value_reason *r, const char *prefix);

/*
 * True: variables with this prefix can give the member its value.  The prefix may be NULL or wrong:
 * false then.  They never give the member environment itself, or a member of a relay.
 */
bool	conf_env_has(const char *prefix, const char *member);

/*
 * Writes the text "$NAME" of the variable that gives a member its value.  False: the variable is
 * not set, or is empty; the name is written all the same.
 */
bool	conf_env_find(char name[CONF_ENV_NAME], const char *prefix, const char *member);

/* Reads a whole number.  False: it is no number from min to max, and *r says so. */
bool	conf_env_number(struct conf_value_reason *r, int *n, const char *text, int min, int max);

/*
 * Finds one of n names; capitals and small letters are the same.  False: it is not one of them, and
 * *r lists them.
 */
bool	conf_env_choice(struct conf_value_reason *r, int *choice, const char *text,
	    const char *const *names, int n);

#endif
