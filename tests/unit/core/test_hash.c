#include <string.h>

#include "core/hash.h"
#include "tests/unit/unit.h"

/* The values that the authors of FNV publish. */
static void
known(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 hash;
	} cases[] = {
		{ "", UINT64_C(0xcbf29ce484222325) }, { "a", UINT64_C(0xaf63dc4c8601ec8c) },
		{ "foobar", UINT64_C(0x85944171f73967e8) },
	};
	size_t	 i, len;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		len = strlen(cases[i].text);
		CHECK(cases[i].text, hash_add(HASH_EMPTY, cases[i].text, len) == cases[i].hash);
		CHECK(cases[i].text, hash_add(hash_add(HASH_EMPTY, cases[i].text, len / 2),
		    cases[i].text + len / 2, len - len / 2) == cases[i].hash);
	}
}

/* The same time and id give the same number; other times and ids hardly ever do. */
static void
jitter(void **state)
{
	size_t	 i, same = 0;

	(void)state;
	CHECK("the same", hash_jitter(1700000000000, 7) == hash_jitter(1700000000000, 7));
	for (i = 1; i < 1000; i++)
		same += hash_jitter(1700000000000, 7) % 250 ==
		    hash_jitter(1700000000000 + (int64_t)i, 7) % 250;
	CHECK("another time", same < 30);
	for (i = 1, same = 0; i < 1000; i++)
		same += hash_jitter(1700000000000, 7) % 250 ==
		    hash_jitter(1700000000000, 7 + (int64_t)i) % 250;
	CHECK("another id", same < 30);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(known), TEST(jitter) };

	return RUN("hash", tests);
}
