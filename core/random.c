#include <errno.h>
#include <sys/random.h>

#include "core/random.h"

int64_t
random_id(void)
{
	uint64_t	 n = 0;

	while (getrandom(&n, sizeof(n), 0) == -1 && errno == EINTR)
		;
	return (int64_t)(n >> 2 | 1);
}
