/*
 * fuzz.h: helpers of the fuzz targets.  A target gives any bytes to its module.  If the module
 * breaks a promise the target aborts, and libFuzzer keeps the input.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts if the condition is false; libFuzzer then keeps the input. */
static inline void
must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

/*
 * A copy of the input in memory of exactly its size, so that a read beyond it is found.  The caller
 * frees it.
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
