/*
 * dedup_table.h: the slots of one file of known messages (state/dedup.h), in memory that all
 * processes of a state directory share.
 *
 * A slot is a word of 64 bits: two say what is known of a message, fourteen say when it was
 * marked or who works on it, and 48 are of the message's digest.  Each change of a slot is one
 * compare-and-swap: nobody sees half a slot, and a process that dies leaves none behind.  2^bits
 * buckets have 64 slots each.  The digest chooses the bucket; a bucket is filled from its
 * beginning.
 *
 * Two who put the same message in at the same time cannot both succeed: after a put each of them
 * looks through the bucket once more, and who sees the other one takes its own word back.
 */
#ifndef STATE_DEDUP_TABLE_H
#define STATE_DEDUP_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	DEDUP_TABLE_KEY		= 24,		/* bytes; the last sixteen are a digest's */
	DEDUP_TABLE_SLOTS	= 64,		/* in a bucket */
	DEDUP_TABLE_BUCKET	= 512,		/* bytes */
	DEDUP_TABLE_MORE_MAX	= (1 << 14) - 1
};

typedef _Atomic uint64_t	dedup_slot;

struct dedup_table {
	dedup_slot	*slots;
	unsigned	 bits;
};

/* What a slot says of its message.  The numbers are in files. */
enum dedup_is {
	DEDUP_IS_FREE	= 0,	/* nothing: the slot may be taken */
	DEDUP_IS_CLAIMED = 1,	/* somebody works on it; more: who */
	DEDUP_IS_QUEUED	= 2,	/* more: when */
	DEDUP_IS_DONE	= 3	/* more: when */
};

uint64_t	 dedup_table_word(const unsigned char key[DEDUP_TABLE_KEY], enum dedup_is is,
		    unsigned more);
enum dedup_is	 dedup_table_is(uint64_t word);
unsigned	 dedup_table_more(uint64_t word);

/* The slot of a message, and its word; NULL: it has none. */
dedup_slot	*dedup_table_find(const struct dedup_table *t, uint64_t *word,
		    const unsigned char key[DEDUP_TABLE_KEY]);

enum dedup_put {
	DEDUP_PUT,	/* done */
	DEDUP_MET,	/* the message has a slot: it is as dedup_table_find() gives it */
	DEDUP_FULL	/* the bucket has no free slot */
};

/* Puts a word of the message into a free slot of its bucket, unless the message has a slot. */
enum dedup_put	 dedup_table_put(const struct dedup_table *t, dedup_slot **slot, uint64_t *word,
		    const unsigned char key[DEDUP_TABLE_KEY]);

/* One of the slots of the message's bucket that were marked first; NULL: all are claimed. */
dedup_slot	*dedup_table_oldest(const struct dedup_table *t, uint64_t *word,
		    const unsigned char key[DEDUP_TABLE_KEY], unsigned now);

/* Puts `to` into a slot that still has the word `from`. */
static inline bool
dedup_table_change(dedup_slot *slot, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(slot, &from, to);
}

/*
 * For tables in another format: a message is known there by eleven bytes of its key, from the
 * tenth on.  They are all that this one uses.
 */
enum { DEDUP_TABLE_FROM = 9, DEDUP_TABLE_BYTES = 11 };

#endif
