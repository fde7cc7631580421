/*
 * dedup.h: knows which messages were handled already and which ones somebody works on, for all
 * processes of a state directory.
 *
 * Each message is looked up, claimed and marked here, so this is not a table of the database but
 * memory that the processes share: hash tables in mapped files, qtoa.seen-1, qtoa.seen-2, ...
 * (state/dedup_table.h).  A claim and a mark cost no system call.  When a bucket is full, and after
 * dedupe_days, a further file is made, four times as large if the last one was full before that.
 * A file whose marks are all older than dedupe_days is removed.  The death of a process loses no
 * mark and ends its claims; a power cut may lose some marks: then a message may be forwarded
 * twice, but is never lost.
 */
#ifndef STATE_DEDUP_H
#define STATE_DEDUP_H

#include "core/conf.h"
#include "state/dedup_table.h"
#include "state/lock.h"

struct store;

enum { DEDUP_KEY = DEDUP_TABLE_KEY };	/* bytes; the last sixteen are a digest's */

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
 * From here on messages are claimed and known among all hosts that share this store, which is for
 * that alone (see state/dedup_shared.h).  The files go on to know what this host has marked, and
 * while the store fails, only they are asked: then another host may work on the same message.
 */
void		 dedup_share(struct dedup *s, struct store *shared);

/*
 * Looks a message up and claims it: until the caller has marked it, no other thread or process can
 * claim it.  Waits until until_ms (monotonic) while another one has it.  For all threads.
 * ERR_OK: *as says what is known.  If that is not DEDUP_DONE, the caller has the claim, and
 *	dedup_mark() must follow.
 * ERR_LATE: another one still has it.
 * ERR_STORE: the files cannot be used, and the log says why; nothing is claimed.
 */
enum error	 dedup_claim(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY],
		    int64_t until_ms);

/*
 * The same for a call with the message that may take call_ms.  A claim that hosts share ends when
 * its host must be dead; this one does not end before the call.
 */
enum error	 dedup_claim_call(struct dedup *s, enum dedup_as *as,
		    const unsigned char key[DEDUP_KEY], int64_t until_ms, int call_ms);

/* Looks a message up, with the errors of dedup_claim().  One that is claimed is DEDUP_QUEUED. */
enum error	 dedup_find(struct dedup *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY]);

/*
 * Where hosts share the known messages, tells the others some of what they may not know because the
 * store failed.  True: there is more.  Call it now and then, before what the host has kept itself
 * is moved (state/carry.h).
 */
bool		 dedup_retell(struct dedup *s);

/*
 * Where hosts share the known messages, looks at up to max, and forgets those that are older than
 * dedupe_days.  True: there may be more.  For one thread.  The files need no such call.
 */
bool		 dedup_sweep(struct dedup *s, int max);

/*
 * Marks a message as DEDUP_QUEUED or DEDUP_DONE, whether the caller has claimed it or not.  One
 * that is DEDUP_DONE stays so.  ERR_STORE: it cannot be written, and the log says why.
 */
enum error	 dedup_mark(struct dedup *s, const unsigned char key[DEDUP_KEY], enum dedup_as as);

/*
 * The two halves of dedup_mark(), DEDUP_DONE, for a caller that has claimed the message: this host
 * knows it at once, so that the caller can answer its client; the others hear of it by the second,
 * which must follow soon.  Until then they wait for the claim.
 */
enum error	 dedup_mark_here(struct dedup *s, const unsigned char key[DEDUP_KEY]);
void		 dedup_tell(struct dedup *s, const unsigned char key[DEDUP_KEY]);

#endif
