/*
 * dedup.h: which messages have been dealt with, for all processes of a state directory.
 *
 * Each message pays for this twice, so it is no table of a database but a hash set in plain
 * files, qtoa.seen-1, qtoa.seen-2, ...: buckets of 512 bytes with 32 slots of 16, of which
 * one read fetches a bucket and one write marks a key.  When a bucket is full, or after
 * dedupe_days, a further file is begun, twice as large where the one before did not last;
 * a file that holds nothing younger than dedupe_days goes.  A mark survives the death of the
 * process at once, a power cut most often: what is lost there may at worst be forwarded
 * twice, never not at all.
 */
#ifndef STATE_DEDUP_H
#define STATE_DEDUP_H

#include "core/conf.h"
#include "state/lock.h"

enum { DEDUP_KEY = 24 };		/* bytes; the last sixteen are a digest's */

enum dedup_as {
	DEDUP_NEVER,
	DEDUP_QUEUED,	/* in the queue, if it is there: look */
	DEDUP_DONE	/* QT has it, or it is not to be sent */
};

struct dedup;

struct dedup	*dedup_new(const struct settings *set, struct locks *cs);
void		 dedup_free(struct dedup *s);

/*
 * For all threads.  ERR_STORE: the files cannot be read, or written, and the log says why;
 * of a look also: it cannot tell, since of late keys could not be marked.
 * A key that has been marked longer ago than dedupe_days has never been seen.
 */
enum error	 dedup_find(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY]);

/* was: what dedup_find() said, of a key that is claimed since; if unknown, DEDUP_QUEUED. */
enum error	 dedup_mark(struct dedup *s, const unsigned char key[DEDUP_KEY], enum dedup_as as,
		    enum dedup_as was);

#endif
