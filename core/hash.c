#include "core/hash.h"

uint64_t
hash_add(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char	*p = bytes;

	for (; n != 0; n--, p++)
		h = (h ^ *p) * UINT64_C(1099511628211);
	return h;
}
