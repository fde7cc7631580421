#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "net/ca_store.h"

/* The files in which distributions keep their bundle. */
static const char *const places[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Arch, Alpine */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",		/* openSUSE */
	"/etc/ssl/cert.pem",			/* BSD */
};

void
ca_store_init(struct ca_store *t, const char *ca_file)
{
	t->ca_file = ca_file;
	t->store = NULL;
	(void)pthread_mutex_init(&t->lock, NULL);
}

void
ca_store_fini(struct ca_store *t)
{
	X509_STORE_free(t->store);
	(void)pthread_mutex_destroy(&t->lock);
}

const char *
ca_store_file(const struct ca_store *t)
{
	size_t	 i;

	if (t->ca_file != NULL)
		return t->ca_file;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static X509_STORE *
read_store(const char *file)
{
	X509_STORE	*store;

	if (file == NULL || (store = X509_STORE_new()) == NULL)
		return NULL;
	if (X509_STORE_load_locations(store, file, NULL) != 1) {
		ERR_clear_error();
		X509_STORE_free(store);
		return NULL;
	}
	/* As libcurl does: an intermediate CA in the file is trusted without its root. */
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

int
ca_store_apply(struct ca_store *t, void *ssl_ctx)
{
	X509_STORE	*store;

	(void)pthread_mutex_lock(&t->lock);
	if (t->store == NULL)
		t->store = read_store(ca_store_file(t));
	store = t->store;
	(void)pthread_mutex_unlock(&t->lock);
	if (store == NULL)
		return -1;
	SSL_CTX_set1_cert_store(ssl_ctx, store);
	return 0;
}

void
ca_store_omit_ciphers(void)
{
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ADD_ALL_CIPHERS, NULL);
}

const char *
ca_store_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
