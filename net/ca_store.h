/*
 * ca_store.h: the CA certificates, read once a process and shared by all connections.
 *
 * Reading the system's bundle takes about 20 ms and 1 MiB; libcurl left alone does it
 * for each handle.
 */
#ifndef NET_CA_STORE_H
#define NET_CA_STORE_H

#include <pthread.h>

struct trust {
	const char	*ca_file;	/* NULL: the first bundle of known places */
	pthread_mutex_t	 lock;
	void		*store;		/* X509_STORE, once read */
};

void		 trust_init(struct trust *t, const char *ca_file);
void		 trust_fini(struct trust *t);

/* The file in use, NULL if no place has one. */
const char	*trust_file(const struct trust *t);

/* Gives an SSL_CTX our store.  0, or -1: the file is not readable or has none. */
int		 trust_apply(struct trust *t, void *ssl_ctx);

#endif
