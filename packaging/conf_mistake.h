/*
 * conf_mistake.h: finds the first mistake in a configuration file that the compiler has refused, in
 * words for people who do not know C.
 *
 * It is asked only about such files: it guesses what was meant, as a reader would, and must not
 * decide whether a file is right.  It shows no value of a text, which may be a secret.
 */
#ifndef PACKAGING_CONF_MISTAKE_H
#define PACKAGING_CONF_MISTAKE_H

#include <stdbool.h>

#include "core/slice.h"

enum { CONF_MISTAKE_TEXT = 256 };

struct conf_mistake {
	int	 line, column;		/* from 1; line 0: the whole file */
	char	 text[CONF_MISTAKE_TEXT];	/* "": no mistake was found */
};

void	conf_mistake_find(struct conf_mistake *m, struct slice text);

/*
 * The line and column of a number that is written with commas, "4,000": the compiler may take it for
 * two values.  0: there is no such number.
 */
int	conf_mistake_comma(int *column, struct slice text);

/*
 * The line of a field of the i-th account (-1: of the settings), or where its braces begin if they
 * do not have the field.  0: it is not known.
 */
int	conf_mistake_line(struct slice text, int i, struct slice field);

#endif
