#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "net/ca_store.h"

const struct ca_place	ca_store_places[] = {
	/* Debian, Arch, Alpine, Fedora */
	{ "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs" },
	/* RHEL, older Fedora */
	{ "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/directory-hash" },
	/* openSUSE */
	{ "/etc/ssl/ca-bundle.pem", "/etc/ssl/certs" },
	/* BSD */
	{ "/etc/ssl/cert.pem", "/etc/ssl/certs" },
	{ NULL, NULL },
};

void
ca_store_init(struct ca_store *t, const char *ca_file)
{
	memset(t, 0, sizeof(*t));
	t->ca_file = ca_file;
	t->places = ca_store_places;
	(void)pthread_mutex_init(&t->lock, NULL);
}

void
ca_store_fini(struct ca_store *t)
{
	X509_STORE_free(t->store);
	X509_STORE_free(t->bundle);
	(void)pthread_mutex_destroy(&t->lock);
}

/* The first place whose bundle is readable; else the last one, which is empty. */
static const struct ca_place *
find_place(const struct ca_store *t)
{
	const struct ca_place	*p = t->places;

	while (p->bundle != NULL && access(p->bundle, R_OK) == -1)
		p++;
	return p;
}

const char *
ca_store_file(const struct ca_store *t)
{
	return t->ca_file != NULL ? t->ca_file : find_place(t)->bundle;
}

bool
ca_store_is_directory(const char *path)
{
	struct stat	 st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
ca_store_is_hashed(const char *dir)
{
	const struct dirent	*e;
	DIR			*d;

	if ((d = opendir(dir)) == NULL)
		return false;
	while ((e = readdir(d)) != NULL)
		if (strspn(e->d_name, "0123456789abcdef") == 8 && strcmp(e->d_name + 8, ".0") == 0)
			break;
	(void)closedir(d);
	return e != NULL;
}

/* Finds out what is to be used.  Both NULL: there is nothing. */
static struct ca_place
find_sources(const struct ca_store *t)
{
	struct ca_place	 from = { t->ca_file, NULL };

	if (t->ca_file == NULL)
		from = *find_place(t);
	else if (ca_store_is_directory(t->ca_file))
		from = (struct ca_place){ NULL, t->ca_file };
	if (from.dir != NULL && !ca_store_is_hashed(from.dir))
		from.dir = NULL;
	return from;
}

/* One of bundle and dir is NULL.  NULL: the bundle cannot be read, or no memory. */
static X509_STORE *
make_store(const char *bundle, const char *dir)
{
	X509_STORE	*store;

	if ((bundle == NULL && dir == NULL) || (store = X509_STORE_new()) == NULL)
		return NULL;
	if (X509_STORE_load_locations(store, bundle, dir) != 1) {
		ERR_clear_error();
		X509_STORE_free(store);
		return NULL;
	}
	/* As libcurl does: an intermediate CA in the file is trusted without its root. */
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

/* The bundle, which is read now if it was not before.  NULL: it cannot be read, or is not there. */
static X509_STORE *
take_bundle(struct ca_store *t)
{
	X509_STORE	*bundle;

	(void)pthread_mutex_lock(&t->lock);
	if (t->bundle == NULL)
		t->bundle = make_store(t->from.bundle, NULL);
	bundle = t->bundle;
	(void)pthread_mutex_unlock(&t->lock);
	return bundle;
}

/* Verifies the chain of ctx by another store.  The result in ctx becomes that of this try. */
static bool
verify_by(X509_STORE_CTX *ctx, X509_STORE *store)
{
	X509		*cert = X509_STORE_CTX_get0_cert(ctx);
	X509_STORE_CTX	*again = X509_STORE_CTX_new();
	bool		 good = false;

	/* The parameters say that it is a server's chain, and how strong its keys must be. */
	if (again != NULL && X509_STORE_CTX_init(again, store, cert,
	    X509_STORE_CTX_get0_untrusted(ctx)) == 1 &&
	    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(again),
	    X509_STORE_CTX_get0_param(ctx)) == 1) {
		good = X509_verify_cert(again) == 1;
		X509_STORE_CTX_set_error(ctx, X509_STORE_CTX_get_error(again));
		X509_STORE_CTX_set_error_depth(ctx, X509_STORE_CTX_get_error_depth(again));
		X509_STORE_CTX_set_current_cert(ctx, cert);
		X509_STORE_CTX_set0_verified_chain(ctx, X509_STORE_CTX_get1_chain(again));
	}
	X509_STORE_CTX_free(again);
	return good;
}

/*
 * Verifies a server's chain by the directory, else by the bundle.  A file in the directory that is
 * damaged leaves errors behind, which would be taken for errors of the connection.
 */
static int
verify_chain(X509_STORE_CTX *ctx, void *arg)
{
	X509_STORE	*bundle;
	bool		 good;

	(void)ERR_set_mark();
	good = X509_verify_cert(ctx) == 1;
	if (!good && (bundle = take_bundle(arg)) != NULL)
		good = verify_by(ctx, bundle);
	(void)ERR_pop_to_mark();
	return good;
}

static void
begin_store(struct ca_store *t)
{
	t->from = find_sources(t);
	t->store = make_store(t->from.dir != NULL ? NULL : t->from.bundle, t->from.dir);
}

int
ca_store_apply(struct ca_store *t, void *ssl_ctx)
{
	X509_STORE	*store;

	(void)pthread_mutex_lock(&t->lock);
	if (t->store == NULL)
		begin_store(t);
	if ((store = t->store) != NULL) {
		SSL_CTX_set1_cert_store(ssl_ctx, store);
		if (t->from.dir != NULL)
			SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_chain, t);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return store != NULL ? 0 : -1;
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
