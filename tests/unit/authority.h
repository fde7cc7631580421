/*
 * authority.h: certificate authorities and certificates for tests, the same at any date.
 *
 * A failure ends the test.
 */
#ifndef TESTS_UNIT_AUTHORITY_H
#define TESTS_UNIT_AUTHORITY_H

#include <stdbool.h>

enum { AUTHORITY_HASH = 16 };		/* bytes of a hash as a name: "1a2b3c4d.0" */

struct authority;			/* a certificate and its key */

/* signer NULL: it signs itself. */
struct authority	*authority_new(const char *name, const struct authority *signer);
void			 authority_free(struct authority *a);

/* An older certificate of the same authority, with its key, that has ended. */
struct authority	*authority_ended(const struct authority *a, const struct authority *signer);

/* The name by which OpenSSL looks for it in a directory. */
void			 authority_hash(const struct authority *a, char name[AUTHORITY_HASH]);

/* Writes the certificate as PEM.  append: behind what the file has. */
void			 authority_write(const struct authority *a, const char *file, bool append);

/*
 * Writes a server's certificate for 127.0.0.1, and its key, into a file.  between: an intermediate
 * authority that the server sends too; NULL: a signs it.  usage: "serverAuth", or another one.
 */
void			 authority_issue(const struct authority *a, const char *file,
			    const struct authority *between, const char *usage);

#endif
