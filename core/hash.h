/*
 * hash.h: a hash for tables, FNV-1a of 64 bits.  It is not for secrets: others can make two texts
 * that have the same hash (for those: core/digest.h).
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_EMPTY	UINT64_C(14695981039346656037)	/* the hash of no bytes */

/* The hash of the bytes whose hash is h, followed by n more. */
uint64_t	hash_add(uint64_t h, const void *bytes, size_t n);

/*
 * A number to vary pauses with, so that not all of them end at once.  It looks random, but the same
 * time and id give the same number.
 */
uint64_t	hash_jitter(int64_t time_ms, int64_t id);

#endif
