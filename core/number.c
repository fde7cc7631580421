#include "core/number.h"

bool
number_parse(int64_t *n, struct slice text)
{
	int64_t	 value = 0;
	size_t	 i;

	if (text.len == 0 || text.len > NUMBER_DIGITS)
		return false;
	for (i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (text.p[i] - '0');
	}
	*n = value;
	return true;
}
