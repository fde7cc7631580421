#include <limits.h>
#include <string.h>

#include "core/nearest.h"

enum { BEGINNING = 3 };		/* letters of a word that are enough to mean it */

void
nearest_begin(struct nearest *n, struct slice word)
{
	*n = (struct nearest){ .word = word, .mistakes = INT_MAX };
}

static int
fold_letter(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '-' ? '_' : (unsigned char)c;
}

static bool
is_same(struct slice a, size_t i, struct slice b, size_t j)
{
	return fold_letter(a.p[i]) == fold_letter(b.p[j]);
}

/* The number of mistakes that make b of a; both have up to NEAREST_WORD bytes. */
static int
count_mistakes(struct slice a, struct slice b)
{
	int	 rows[3][NEAREST_WORD + 1] = { { 0 } };
	int	*before = rows[0], *last = rows[1], *now = rows[2], *spare;
	size_t	 i, j;

	for (j = 0; j <= b.len; j++)
		last[j] = (int)j;
	for (i = 1; i <= a.len; i++) {
		now[0] = (int)i;
		for (j = 1; j <= b.len; j++) {
			now[j] = last[j - 1] + !is_same(a, i - 1, b, j - 1);
			if (last[j] + 1 < now[j])
				now[j] = last[j] + 1;
			if (now[j - 1] + 1 < now[j])
				now[j] = now[j - 1] + 1;
			if (i > 1 && j > 1 && is_same(a, i - 1, b, j - 2) &&
			    is_same(a, i - 2, b, j - 1) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[b.len];
}

static bool
is_beginning(struct slice a, struct slice of)
{
	size_t	 i;

	if (a.len < BEGINNING || a.len >= of.len)
		return false;
	for (i = 0; i < a.len && is_same(a, i, of, i); i++)
		;
	return i == a.len;
}

void
nearest_try(struct nearest *n, struct slice known, const char *means)
{
	const size_t	 longer = known.len > n->word.len ? known.len : n->word.len;
	const int	 most = longer < BEGINNING ? 0 : (int)((longer + 1) / 3);
	int		 mistakes;

	if (longer > NEAREST_WORD || known.len == 0 || n->word.len == 0 ||
	    means == NULL)
		return;
	mistakes = count_mistakes(n->word, known);
	if (mistakes > most) {
		if (!is_beginning(n->word, known))
			return;
		mistakes = INT_MAX - 1;
	}
	if (mistakes < n->mistakes) {
		n->mistakes = mistakes;
		n->best = means;
	}
}

void
nearest_try_text(struct nearest *n, const char *known)
{
	nearest_try(n, slice_of(known), known);
}
