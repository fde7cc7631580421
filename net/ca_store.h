/*
 * ca_store.h: the CA certificates, read once a process and shared by all connections.
 *
 * Reading the system's bundle takes about 20 ms and 1 MiB; libcurl left alone does it
 * for each handle.
 */
#ifndef NET_CA_STORE_H
#define NET_CA_STORE_H

#include <pthread.h>

struct ca_store {
	const char	*ca_file;	/* NULL: the first bundle of known places */
	pthread_mutex_t	 lock;
	void		*store;		/* X509_STORE, once read */
};

void		 ca_store_init(struct ca_store *t, const char *ca_file);
void		 ca_store_fini(struct ca_store *t);

/* The file in use, NULL if no place has one. */
const char	*ca_store_file(const struct ca_store *t);

/* Gives an SSL_CTX our store.  0, or -1: the file is not readable or has none. */
int		 ca_store_apply(struct ca_store *t, void *ssl_ctx);

#endif
