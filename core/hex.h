/*
 * hex.h: writes bytes as hexadecimal digits, and reads such digits.
 */
#ifndef CORE_HEX_H
#define CORE_HEX_H

#include <stddef.h>

/* Writes n bytes as 2 * n lower-case digits and a NUL. */
void	hex_encode(char *hex, const unsigned char *p, size_t n);

/* The value of one digit in either case; -1: the character is not a digit. */
int	hex_digit(char c);

#endif
