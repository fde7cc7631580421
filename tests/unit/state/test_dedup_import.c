#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/dedup_import.h"
#include "tests/unit/unit.h"

enum { HEAD = 4096, BUCKET = 512, SLOT = 16, UNIT_S = 4096 };

/* A file with one bucket: slots from 1 on, the n-th with n in its key and in its time. */
static int
open_old(size_t cut, unsigned slots)
{
	static char	 bytes[HEAD + BUCKET];
	const uint32_t	 bits = 13;
	char		*slot;
	unsigned	 n;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "qtoaseen", 8);
	memcpy(bytes + 8, &bits, sizeof(bits));
	for (n = 0; n < slots; n++) {
		slot = bytes + HEAD + (size_t)n * SLOT;
		slot[1] = (char)(n << 4);	/* so many units of 4096 s */
		slot[4] = n % 2 == 0 ? 2 : 1;
		slot[15] = (char)(n + 1);
	}
	return open(unit_file("old", (struct slice){ bytes, sizeof(bytes) - cut }), O_RDONLY);
}

static void
marks_of_old_files(void **state)
{
	static const struct {
		const char	*name;
		size_t		 cut;
		unsigned	 slots, found;
		bool		 whole;
	} cases[] = {
		{ "no marks", 0, 0, 0, true },
		{ "some", 0, 7, 7, true },
		{ "a full bucket", 0, 32, 32, true },
		{ "cut within a bucket", 1, 32, 0, false },
		{ "no bucket", BUCKET, 0, 0, true },
	};
	struct dedup_table	 t = { .bits = 0 };
	unsigned char		 key[DEDUP_TABLE_KEY] = { 0 };
	uint64_t		 word;
	unsigned		 n, found;
	size_t			 i;
	int			 fd;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		t.slots = calloc(DEDUP_TABLE_SLOTS, sizeof(*t.slots));
		assert_non_null(t.slots);
		assert_int_not_equal(fd = open_old(cases[i].cut, cases[i].slots), -1);
		check_int(cases[i].name, dedup_import_bits(fd), 13);
		check_int(cases[i].name, dedup_import_marks(&t, fd, UNIT_S), cases[i].whole);
		for (found = n = 0; n < 32; n++) {
			key[DEDUP_TABLE_FROM + DEDUP_TABLE_BYTES - 1] = (unsigned char)(n + 1);
			if (dedup_table_find(&t, &word, key) == NULL)
				continue;
			found++;
			check_int("what", dedup_table_is(word),
			    n % 2 == 0 ? DEDUP_IS_DONE : DEDUP_IS_QUEUED);
			check_int("when", dedup_table_more(word), n & 15);
		}
		check_int(cases[i].name, found, cases[i].found);
		(void)close(fd);
		free(t.slots);
	}
}

static void
magic(void **state)
{
	(void)state;
	CHECK("old", dedup_import_is_old("qtoaseen"));
	CHECK("new", !dedup_import_is_old("qtoasets"));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(marks_of_old_files), TEST(magic) };

	return RUN("dedup_import", tests);
}
