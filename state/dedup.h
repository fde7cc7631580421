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

enum { SEEN_KEY = 24 };		/* bytes; the last sixteen are a digest's */

enum seen_as {
	SEEN_NEVER,
	SEEN_QUEUED,	/* in the queue, if it is there: look */
	SEEN_DONE	/* QT has it, or it is not to be sent */
};

struct seen;

struct seen	*seen_new(const struct settings *set, struct claims *cs);
void		 seen_free(struct seen *s);

/*
 * For all threads.  QT_ESTORE: the files cannot be read, or written, and the log says why;
 * of a look also: it cannot tell, since of late keys could not be marked.
 * A key that has been marked longer ago than dedupe_days has never been seen.
 */
enum qt_err	 seen_look(struct seen *s, enum seen_as *as, const unsigned char key[SEEN_KEY]);

/* was: what seen_look() said, of a key that is claimed since; if unknown, SEEN_QUEUED. */
enum qt_err	 seen_mark(struct seen *s, const unsigned char key[SEEN_KEY], enum seen_as as,
		    enum seen_as was);

#endif
