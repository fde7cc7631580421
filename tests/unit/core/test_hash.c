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

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(known) };

	return RUN("hash", tests);
}
