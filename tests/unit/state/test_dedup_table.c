#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "state/dedup_table.h"
#include "tests/unit/unit.h"

enum { BITS = 2, THREADS = 4, KEYS = 5000 };

static struct dedup_table
table_new(unsigned bits)
{
	struct dedup_table	 t = { .bits = bits };

	t.slots = calloc((size_t)DEDUP_TABLE_SLOTS << bits, sizeof(*t.slots));
	assert_non_null(t.slots);
	return t;
}

/* The n-th key of a bucket. */
static void
make_key(unsigned char key[DEDUP_TABLE_KEY], unsigned bucket, unsigned n)
{
	memset(key, 0, DEDUP_TABLE_KEY);
	key[13] = (unsigned char)bucket;
	key[14] = (unsigned char)n;
	key[18] = (unsigned char)(n >> 8);
	key[19] = 1;
}

/* What is put into a word comes out of it; the message is part of it. */
static void
words(void **state)
{
	static const struct {
		const char	*name;
		enum dedup_is	 is;
		unsigned	 more, want;
	} cases[] = {
		{ "free", DEDUP_IS_FREE, 0, 0 },
		{ "claimed", DEDUP_IS_CLAIMED, 1, 1 },
		{ "queued", DEDUP_IS_QUEUED, 1234, 1234 },
		{ "done", DEDUP_IS_DONE, DEDUP_TABLE_MORE_MAX, DEDUP_TABLE_MORE_MAX },
		{ "more wraps", DEDUP_IS_DONE, DEDUP_TABLE_MORE_MAX + 2, 1 },
	};
	unsigned char	 key[DEDUP_TABLE_KEY] = { 0 };
	uint64_t	 word;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		word = dedup_table_word(key, cases[i].is, cases[i].more);
		check_int(cases[i].name, dedup_table_is(word), cases[i].is);
		check_int(cases[i].name, dedup_table_more(word), cases[i].want);
		CHECK("never a slot that nobody took", word != 0);
	}
}

static void
one_bucket(void **state)
{
	struct dedup_table	 t = table_new(BITS);
	unsigned char		 key[DEDUP_TABLE_KEY];
	dedup_slot		*slot;
	uint64_t		 word;
	unsigned		 n;

	(void)state;
	for (n = 0; n < DEDUP_TABLE_SLOTS; n++) {
		make_key(key, 1, n);
		check_int("not there", dedup_table_find(&t, &word, key) == NULL, 1);
		word = dedup_table_word(key, DEDUP_IS_DONE, n == 7 ? 1 : 2);
		check_int("put", dedup_table_put(&t, &slot, &word, key), DEDUP_PUT);
		check_int("there", dedup_table_find(&t, &word, key) == slot, 1);
		check_int("as it was put", dedup_table_is(word), DEDUP_IS_DONE);
		word = dedup_table_word(key, DEDUP_IS_QUEUED, 3);
		check_int("again", dedup_table_put(&t, &slot, &word, key), DEDUP_MET);
		check_int("is what was there", dedup_table_is(word), DEDUP_IS_DONE);
	}
	make_key(key, 1, n);
	word = dedup_table_word(key, DEDUP_IS_DONE, 2);
	check_int("no more", dedup_table_put(&t, &slot, &word, key), DEDUP_FULL);
	check_int("the oldest", dedup_table_oldest(&t, &word, key, 2) == &t.slots[64 + 7], 1);
	make_key(key, 2, n);
	word = dedup_table_word(key, DEDUP_IS_DONE, 2);
	check_int("another bucket", dedup_table_put(&t, &slot, &word, key), DEDUP_PUT);
	free(t.slots);
}

/* A slot that was given back is taken by the next one, and what is behind it is still found. */
static void
freed_slot(void **state)
{
	struct dedup_table	 t = table_new(0);
	unsigned char		 key[3][DEDUP_TABLE_KEY];
	dedup_slot		*slot[3];
	uint64_t		 word;
	unsigned		 n;

	(void)state;
	for (n = 0; n < 3; n++) {
		make_key(key[n], 0, n);
		word = dedup_table_word(key[n], DEDUP_IS_CLAIMED, 5);
		if (n < 2)
			check_int("put", dedup_table_put(&t, &slot[n], &word, key[n]), DEDUP_PUT);
	}
	word = dedup_table_word(key[0], DEDUP_IS_CLAIMED, 5);
	CHECK("freed", dedup_table_change(slot[0], word,
	    dedup_table_word(key[0], DEDUP_IS_FREE, 0)));
	CHECK("gone", dedup_table_find(&t, &word, key[0]) == NULL);
	CHECK("the next one is there", dedup_table_find(&t, &word, key[1]) == slot[1]);
	word = dedup_table_word(key[2], DEDUP_IS_CLAIMED, 5);
	check_int("put", dedup_table_put(&t, &slot[2], &word, key[2]), DEDUP_PUT);
	CHECK("in the freed slot", slot[2] == slot[0]);
	free(t.slots);
}

struct crowd {
	struct dedup_table	 t;
	_Atomic int		 puts[KEYS];
	_Atomic int		 turn;
};

/* Puts all keys in; who meets another one's key leaves it. */
static void *
put_all(void *arg)
{
	struct crowd	*c = arg;
	unsigned char	 key[DEDUP_TABLE_KEY];
	dedup_slot	*slot;
	uint64_t	 word;
	unsigned	 n;

	atomic_fetch_add(&c->turn, 1);
	while (atomic_load(&c->turn) < THREADS)
		;
	for (n = 0; n < KEYS; n++) {
		make_key(key, n % 256, n);
		do {
			word = dedup_table_word(key, DEDUP_IS_DONE, 1);
			if (dedup_table_put(&c->t, &slot, &word, key) == DEDUP_PUT)
				atomic_fetch_add(&c->puts[n], 1);
		} while (dedup_table_find(&c->t, &word, key) == NULL);
	}
	return NULL;
}

/* Many put the same messages in at the same time: each message gets one slot. */
static void
same_message(void **state)
{
	struct crowd	*c = calloc(1, sizeof(*c));
	pthread_t	 t[THREADS];
	int		 i, once = 0;

	(void)state;
	assert_non_null(c);
	c->t = table_new(8);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, put_all, c), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	for (i = 0; i < KEYS; i++)
		once += c->puts[i] == 1;
	check_int("once", once, KEYS);
	free(c->t.slots);
	free(c);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(words), TEST(one_bucket), TEST(freed_slot), TEST(same_message),
	};

	return RUN("dedup_table", tests);
}
