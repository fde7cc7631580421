#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "state/dedup_import.h"

enum {
	SLOT = 16,		/* bytes: 4 time (s, little endian), 1 what it is, 11 of the key */
	SLOTS = 32,
	BUCKET = SLOT * SLOTS,
	HEAD = 4096,		/* bytes before the first bucket */
	BITS_AT = 8,		/* in the head: a u32 in the machine's own byte order */
	BITS_MIN = 12,
	BITS_MAX = 24,
	WAS_DONE = 2
};

bool
dedup_import_is_old(const char magic[DEDUP_IMPORT_MAGIC])
{
	return memcmp(magic, "qtoaseen", DEDUP_IMPORT_MAGIC) == 0;
}

unsigned
dedup_import_bits(int fd)
{
	uint32_t	 bits;

	if (pread(fd, &bits, sizeof(bits), BITS_AT) != (ssize_t)sizeof(bits) || bits < BITS_MIN)
		return BITS_MIN;
	return bits < BITS_MAX ? bits : BITS_MAX;
}

static void
import_slot(const struct dedup_table *t, const unsigned char *slot, int64_t unit_s)
{
	const int64_t	 time_s = (int64_t)((uint32_t)slot[0] | (uint32_t)slot[1] << 8 |
			    (uint32_t)slot[2] << 16 | (uint32_t)slot[3] << 24);
	unsigned char	 key[DEDUP_TABLE_KEY] = { 0 };
	dedup_slot	*at;
	uint64_t	 word;

	if (slot[4] == 0)	/* nobody took it */
		return;
	memcpy(key + DEDUP_TABLE_FROM, slot + SLOT - DEDUP_TABLE_BYTES, DEDUP_TABLE_BYTES);
	word = dedup_table_word(key, slot[4] == WAS_DONE ? DEDUP_IS_DONE : DEDUP_IS_QUEUED,
	    (unsigned)(time_s / unit_s));
	(void)dedup_table_put(t, &at, &word, key);
}

bool
dedup_import_marks(const struct dedup_table *t, int fd, int64_t unit_s)
{
	unsigned char	 bucket[BUCKET];
	off_t		 at = HEAD;
	ssize_t		 n;
	int		 i;

	for (;; at += BUCKET) {
		while ((n = pread(fd, bucket, BUCKET, at)) == -1 && errno == EINTR)
			;
		if (n != BUCKET)
			return n == 0;
		for (i = 0; i < SLOTS; i++)
			import_slot(t, bucket + (ptrdiff_t)i * SLOT, unit_s);
	}
}
