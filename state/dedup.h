/*
 * dedup.h: knows which messages were handled already, for all processes of a state directory.
 *
 * Each message is looked up and marked here, so this is not a table of the database but a hash
 * set in plain files, qtoa.seen-1, qtoa.seen-2, ...  A file has buckets of 512 bytes with 32
 * slots of 16 bytes; one read gets a bucket, and one write marks a key.  When a bucket is full,
 * and after dedupe_days, a further file is made, twice as large if the last one was full before
 * dedupe_days.  A file whose marks are all older than dedupe_days is removed.  The death of a
 * process loses no mark; a power cut may lose some: then a message may be forwarded twice, but is
 * never lost.
 */
#ifndef STATE_DEDUP_H
#define STATE_DEDUP_H

#include "core/conf.h"
#include "state/lock.h"

enum { DEDUP_KEY = 24 };		/* bytes; the last sixteen are a digest's */

enum dedup_as {
	DEDUP_NEVER,	/* it was not seen within dedupe_days */
	DEDUP_QUEUED,	/* it may be in the queue: look there */
	DEDUP_DONE	/* QT has it, or it is not to be sent */
};

struct dedup;

/* Opens nothing yet; keeps set and locks.  NULL: no memory. */
struct dedup	*dedup_new(const struct settings *set, struct locks *locks);
void		 dedup_free(struct dedup *s);

/*
 * Looks a key up.  For all threads.  ERR_STORE: the files cannot be read, and the log says why; or
 * marks could not be written before, so nobody knows whether this key was seen.
 */
enum error	 dedup_find(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY]);

/*
 * Marks a key.  was: what dedup_find() found after the caller had taken the key's lock
 * (state/lock.h), or DEDUP_QUEUED if that is not known.  ERR_STORE: it cannot be written, and the
 * log says why.
 */
enum error	 dedup_mark(struct dedup *s, const unsigned char key[DEDUP_KEY], enum dedup_as as,
		    enum dedup_as was);

#endif
