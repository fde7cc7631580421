/*
 * fuzz.h: what the fuzz targets share.  A target hands its module any bytes and stops
 * the run (so that libFuzzer keeps the input) when what the module promises does not hold.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer keeps the input that led here. */
static inline void
must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

/*
 * The input in memory of exactly its size, so that a byte read beyond it is found; to be
 * freed.
 */
static inline char *
exactly(const uint8_t *data, size_t size)
{
	char	*p = malloc(size == 0 ? 1 : size);
	size_t	 i;

	must(p != NULL, "memory for the input");
	for (i = 0; i < size; i++)
		p[i] = (char)data[i];
	return p;
}

#endif
