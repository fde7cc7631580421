/*
 * nearest.h: finds the known word that a misspelt word probably means.
 *
 * A letter too many, too few or wrong, and two letters in the wrong order, are one mistake each.
 * Capitals count as small letters, and - as _.  About a third of the letters may be mistakes, so
 * that nonsense has no nearest word.  The beginning of a word, three letters or more, means it too.
 */
#ifndef CORE_NEAREST_H
#define CORE_NEAREST_H

#include "core/slice.h"

enum { NEAREST_WORD = 64 };	/* longer words, in bytes, have no nearest word */

struct nearest {
	struct slice	 word;		/* as it was written; borrowed */
	const char	*best;		/* NULL: there is no near word so far */
	int		 mistakes;	/* of best; for the beginning of a word, as bad as can be */
};

void	nearest_begin(struct nearest *n, struct slice word);

/* Compares one more known word.  means: what the user should write then; borrowed. */
void	nearest_try(struct nearest *n, struct slice known, const char *means);

/* The same for a known word that means itself. */
void	nearest_try_text(struct nearest *n, const char *known);

#endif
