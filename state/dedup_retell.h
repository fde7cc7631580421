/*
 * dedup_retell.h: the marks that hosts which share a store may not know, to be told again.
 *
 * A mark does not wait for a disk (state/dedup_shared.h): when the server dies, the last ones are
 * gone, and while it is away, no mark gets there.  So each host remembers its last marks.  Those
 * that failed, and those that were made a moment before the connection was lost, are written again
 * when the store works.
 */
#ifndef STATE_DEDUP_RETELL_H
#define STATE_DEDUP_RETELL_H

#include <stdbool.h>

#include "state/dedup.h"
#include "state/store.h"

struct dedup_retell;

struct dedup_retell	*dedup_retell_new(void);	/* NULL: no memory */
void			 dedup_retell_free(struct dedup_retell *r);

/* Remembers a mark; told: it was written.  The oldest one is forgotten for it.  For all threads. */
void			 dedup_retell_note(struct dedup_retell *r,
			    const unsigned char key[DEDUP_KEY], enum dedup_as as, bool told);

/* The server may have lost what was written a moment before the last mark. */
void			 dedup_retell_doubt(struct dedup_retell *r);

/* True: a mark was made lately, so it matters whether the server still has it. */
bool			 dedup_retell_is_fresh(struct dedup_retell *r);

/*
 * Writes some of the marks that the others may not know, the oldest first.  True: there are more of
 * them, and the store works.
 */
bool			 dedup_retell_some(struct dedup_retell *r, struct store *shared,
			    int64_t until_ms);

#endif
