#include "core/hex.h"

void
hex_encode(char *hex, const unsigned char *p, size_t n)
{
	static const char	 digits[] = "0123456789abcdef";

	for (; n != 0; n--, p++) {
		*hex++ = digits[*p >> 4];
		*hex++ = digits[*p & 15];
	}
	*hex = '\0';
}

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
