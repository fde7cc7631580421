#include <stddef.h>

#include "state/dedup_table.h"

enum {
	MORE_AT = 48,		/* bits */
	IS_AT = 62,
	CHOICE = 10,		/* where in a key the four bytes are that choose the bucket */
	TAG = 14		/* where the six bytes are that a slot has */
};

#define TAG_MASK	((UINT64_C(1) << MORE_AT) - 1)

static uint64_t
read_bytes(const unsigned char *p, int n)
{
	uint64_t	 v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* A message's part of its word.  It is not 0: so is a slot that nobody ever took. */
static uint64_t
tag_of(const unsigned char *key)
{
	const uint64_t	 tag = read_bytes(key + TAG, 6);

	return tag != 0 ? tag : 1;
}

static dedup_slot *
bucket_of(const struct dedup_table *t, const unsigned char *key)
{
	const uint64_t	 choice = read_bytes(key + CHOICE, 4) & ((UINT64_C(1) << t->bits) - 1);

	return t->slots + choice * DEDUP_TABLE_SLOTS;
}

uint64_t
dedup_table_word(const unsigned char key[DEDUP_TABLE_KEY], enum dedup_is is, unsigned more)
{
	return (uint64_t)is << IS_AT | (uint64_t)(more & DEDUP_TABLE_MORE_MAX) << MORE_AT |
	    tag_of(key);
}

enum dedup_is
dedup_table_is(uint64_t word)
{
	return (enum dedup_is)(word >> IS_AT);
}

unsigned
dedup_table_more(uint64_t word)
{
	return (unsigned)(word >> MORE_AT) & DEDUP_TABLE_MORE_MAX;
}

/* The slot with the tag that is not free and is not `mine`; NULL: there is no such slot. */
static dedup_slot *
find_tag(dedup_slot *bucket, uint64_t *word, uint64_t tag, const dedup_slot *mine)
{
	int	 i;

	for (i = 0; i < DEDUP_TABLE_SLOTS; i++) {
		*word = atomic_load_explicit(&bucket[i], memory_order_acquire);
		if (*word == 0)		/* a bucket is filled from its beginning */
			return NULL;
		if ((*word & TAG_MASK) == tag && dedup_table_is(*word) != DEDUP_IS_FREE &&
		    &bucket[i] != mine)
			return &bucket[i];
	}
	return NULL;
}

dedup_slot *
dedup_table_find(const struct dedup_table *t, uint64_t *word,
    const unsigned char key[DEDUP_TABLE_KEY])
{
	return find_tag(bucket_of(t, key), word, tag_of(key), NULL);
}

/* Takes the first free slot of a bucket for the word; NULL: no slot is free. */
static dedup_slot *
take_free(dedup_slot *bucket, uint64_t word)
{
	uint64_t	 was;
	int		 i;

	for (i = 0; i < DEDUP_TABLE_SLOTS; i++) {
		was = atomic_load(&bucket[i]);
		if (dedup_table_is(was) == DEDUP_IS_FREE &&
		    dedup_table_change(&bucket[i], was, word))
			return &bucket[i];
	}
	return NULL;
}

enum dedup_put
dedup_table_put(const struct dedup_table *t, dedup_slot **slot, uint64_t *word,
    const unsigned char key[DEDUP_TABLE_KEY])
{
	const uint64_t	 mine = *word;
	dedup_slot	*bucket = bucket_of(t, key), *met;

	if ((met = find_tag(bucket, word, tag_of(key), NULL)) == NULL) {
		if ((*slot = take_free(bucket, mine)) == NULL)
			return DEDUP_FULL;
		atomic_thread_fence(memory_order_seq_cst);
		met = find_tag(bucket, word, tag_of(key), *slot);
		if (met == NULL) {
			*word = mine;
			return DEDUP_PUT;
		}
		/* Free, but not 0, since the bucket may go on behind it. */
		(void)dedup_table_change(*slot, mine, tag_of(key));
	}
	*slot = met;
	return DEDUP_MET;
}

dedup_slot *
dedup_table_oldest(const struct dedup_table *t, uint64_t *word,
    const unsigned char key[DEDUP_TABLE_KEY], unsigned now)
{
	dedup_slot	*bucket = bucket_of(t, key), *slot, *oldest = NULL;
	unsigned	 age, most = 0, from = key[TAG], i;
	uint64_t	 w;

	/* Of those that are equally old, not always the same one. */
	for (i = 0; i < DEDUP_TABLE_SLOTS; i++) {
		slot = &bucket[(from + i) % DEDUP_TABLE_SLOTS];
		w = atomic_load(slot);
		if (dedup_table_is(w) == DEDUP_IS_CLAIMED)
			continue;
		age = (now - dedup_table_more(w)) & DEDUP_TABLE_MORE_MAX;
		if (oldest == NULL || age > most) {
			oldest = slot;
			most = age;
			*word = w;
		}
	}
	return oldest;
}
