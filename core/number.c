#include "core/number.h"

char *
number_write(char *end, uint64_t n, int width)
{
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
	} while (--width > 0 || n != 0);
	return end;
}

char *
number_write_hex(char *end, uint64_t n)
{
	do {
		*--end = "0123456789abcdef"[n & 15];
		n >>= 4;
	} while (n != 0);
	return end;
}

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
