/*
 * crypto.c: a library to preload with which OpenSSL offers no algorithm that NO_CRYPTO names
 * ("MD5,SHA1"), as in a FIPS mode.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef void	*fetch(void *ctx, const char *name, const char *properties);

static char	 missing[256];

__attribute__((constructor)) static void
begin(void)
{
	const char	*names = getenv("NO_CRYPTO");

	if (names != NULL)
		(void)strncpy(missing, names, sizeof(missing) - 1);
}

static void *
fetch_unless_missing(const char *function, void *ctx, const char *name, const char *properties)
{
	const char	*at = strstr(missing, name);
	const size_t	 len = strlen(name);
	fetch		*real;

	if (at != NULL && (at == missing || at[-1] == ',') && (at[len] == '\0' || at[len] == ','))
		return NULL;
	*(void **)&real = dlsym(RTLD_NEXT, function);
	return real(ctx, name, properties);
}

void	*EVP_MD_fetch(void *ctx, const char *name, const char *properties);
void	*EVP_CIPHER_fetch(void *ctx, const char *name, const char *properties);

void *
EVP_MD_fetch(void *ctx, const char *name, const char *properties)
{
	return fetch_unless_missing("EVP_MD_fetch", ctx, name, properties);
}

void *
EVP_CIPHER_fetch(void *ctx, const char *name, const char *properties)
{
	return fetch_unless_missing("EVP_CIPHER_fetch", ctx, name, properties);
}
