/*
 * ca_store.h: the CA certificates, which all connections of a process share.
 *
 * To read the system's bundle takes about 30 ms and 1 MiB.  libcurl by itself does so for each
 * handle, and a CGI would for each message.  Most systems have the same certificates in a directory
 * too, where their names are hashes (see openssl-rehash(1)), so that OpenSSL reads only the one
 * that it needs.  The store is such a directory where there is one.  When a server's chain is not
 * verified by it, it is verified by the bundle alone, within the same handshake.  For that the
 * bundle is read once in a process.
 */
#ifndef NET_CA_STORE_H
#define NET_CA_STORE_H

#include <pthread.h>
#include <stdbool.h>

/* Where a distribution keeps its certificates. */
struct ca_place {
	const char	*bundle;	/* a PEM file */
	const char	*dir;		/* hashed, if the host has made the hashes; or NULL */
};

struct ca_store {
	const char		*ca_file;	/* NULL: the first of places that is readable */
	const struct ca_place	*places;	/* the last one is { NULL, NULL } */
	pthread_mutex_t		 lock;
	struct ca_place		 from;		/* what is used; members can be NULL */
	void			*store;		/* X509_STORE of from.dir, else from.bundle */
	void			*bundle;	/* of from.bundle beside from.dir; NULL: not read */
};

/* The places of the distributions that are known, as ca_store_init() sets them. */
extern const struct ca_place	ca_store_places[];

/* ca_file: a PEM file, or a hashed directory; NULL: the system's. */
void		 ca_store_init(struct ca_store *t, const char *ca_file);
void		 ca_store_fini(struct ca_store *t);

/* The file with the certificates, or ca_file as a directory; NULL: no known place has a file. */
const char	*ca_store_file(const struct ca_store *t);

bool		 ca_store_is_directory(const char *path);

/* True: the directory has a certificate whose name is a hash, such as 1a2b3c4d.0. */
bool		 ca_store_is_hashed(const char *dir);

/*
 * Gives an SSL_CTX the store; t must outlive it.  0, or -1: the file cannot be read or has no
 * certificate, or ca_file is a directory that is not hashed.
 */
int		 ca_store_apply(struct ca_store *t, void *ssl_ctx);

/*
 * Before libcurl starts: OpenSSL makes no table of its ciphers by name then, which is an eighth of
 * all that a CGI does for a message.  TLS does not look into it; a private key with a password may.
 */
void		 ca_store_omit_ciphers(void);

/* OpenSSL's name and version, as it runs here. */
const char	*ca_store_library(void);

#endif
