#include "core/hash.h"

uint64_t
hash_add(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char	*p = bytes;

	for (; n != 0; n--, p++)
		h = (h ^ *p) * UINT64_C(1099511628211);
	return h;
}

uint64_t
hash_jitter(int64_t time_ms, int64_t id)
{
	return hash_add(hash_add(HASH_EMPTY, &time_ms, sizeof(time_ms)), &id, sizeof(id));
}
