/*
 * ca_store.h: the CA certificates, which a process reads once and all its connections share.
 *
 * To read the system's bundle takes about 20 ms and 1 MiB.  libcurl by itself does so for each
 * handle.
 */
#ifndef NET_CA_STORE_H
#define NET_CA_STORE_H

#include <pthread.h>

struct ca_store {
	const char	*ca_file;	/* NULL: the first bundle that is readable */
	pthread_mutex_t	 lock;
	void		*store;		/* X509_STORE; NULL: not read yet */
};

void		 ca_store_init(struct ca_store *t, const char *ca_file);
void		 ca_store_fini(struct ca_store *t);

/* The file with the certificates; NULL: no known place has one. */
const char	*ca_store_file(const struct ca_store *t);

/* Gives an SSL_CTX the store.  0, or -1: the file cannot be read or has no certificate. */
int		 ca_store_apply(struct ca_store *t, void *ssl_ctx);

/*
 * Before libcurl starts: OpenSSL makes no table of its ciphers by name then, which is an eighth of
 * all that a CGI does for a message.  TLS does not look into it; a private key with a password may.
 */
void		 ca_store_omit_ciphers(void);

/* OpenSSL's name and version, as it runs here. */
const char	*ca_store_library(void);

#endif
