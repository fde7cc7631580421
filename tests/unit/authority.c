#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/authority.h"
#include "tests/unit/unit.h"

#define ALWAYS	"99991231235959Z"

struct authority {
	X509		*cert;
	EVP_PKEY	*key;
};

static EVP_PKEY *
make_key(void)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY	*key = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) != 1 ||
	    EVP_PKEY_keygen(ctx, &key) != 1)
		fail_msg("no key");
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION	*e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (e == NULL || X509_add_ext(cert, e, -1) != 1)
		fail_msg("no extension %s", value);
	X509_EXTENSION_free(e);
}

/* A certificate without a signature, valid at any date.  issuer NULL: itself. */
static X509 *
make_cert(const char *name, EVP_PKEY *key, const struct authority *issuer)
{
	static _Atomic long	 serial = 1;
	X509			*cert = X509_new();

	if (cert == NULL || X509_set_version(cert, 2) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++) != 1 ||
	    ASN1_TIME_set_string(X509_getm_notBefore(cert), "700101000000Z") != 1 ||
	    ASN1_TIME_set_string(X509_getm_notAfter(cert), ALWAYS) != 1 ||
	    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer->cert :
	    cert)) != 1 || X509_set_pubkey(cert, key) != 1)
		fail_msg("no certificate %s", name);
	return cert;
}

static void
sign_cert(X509 *cert, EVP_PKEY *key)
{
	if (X509_sign(cert, key, EVP_sha256()) == 0)
		fail_msg("no signature");
}

/* It takes over the key. */
static struct authority *
make_authority(const char *name, EVP_PKEY *key, const struct authority *signer, const char *until)
{
	struct authority	*a = calloc(1, sizeof(*a));

	if (a == NULL)
		fail_msg("no memory");
	a->key = key;
	a->cert = make_cert(name, key, signer);
	if (ASN1_TIME_set_string(X509_getm_notAfter(a->cert), until) != 1)
		fail_msg("not until %s", until);
	add_extension(a->cert, NID_basic_constraints, "critical,CA:TRUE");
	sign_cert(a->cert, signer != NULL ? signer->key : key);
	return a;
}

struct authority *
authority_new(const char *name, const struct authority *signer)
{
	return make_authority(name, make_key(), signer, ALWAYS);
}

struct authority *
authority_ended(const struct authority *a, const struct authority *signer)
{
	char	 name[32];

	if (EVP_PKEY_up_ref(a->key) != 1 || X509_NAME_get_text_by_NID(
	    X509_get_subject_name(a->cert), NID_commonName, name, sizeof(name)) == -1)
		fail_msg("no name");
	return make_authority(name, a->key, signer, "710101000000Z");
}

void
authority_free(struct authority *a)
{
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
	free(a);
}

void
authority_hash(const struct authority *a, char name[AUTHORITY_HASH])
{
	(void)snprintf(name, AUTHORITY_HASH, "%08lx.0", X509_subject_name_hash(a->cert));
}

static void
write_pem(const char *file, const char *mode, X509 *cert, EVP_PKEY *key)
{
	FILE	*f = fopen(file, mode);

	if (f == NULL || PEM_write_X509(f, cert) != 1 || (key != NULL &&
	    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1) || fclose(f) != 0)
		fail_msg("cannot write %s", file);
}

void
authority_write(const struct authority *a, const char *file, bool append)
{
	write_pem(file, append ? "a" : "w", a->cert, NULL);
}

void
authority_issue(const struct authority *a, const char *file, const struct authority *between,
    const char *usage)
{
	const struct authority	*signer = between != NULL ? between : a;
	EVP_PKEY		*key = make_key();
	X509			*cert = make_cert("server", key, signer);

	add_extension(cert, NID_subject_alt_name, "IP:127.0.0.1");
	add_extension(cert, NID_ext_key_usage, usage);
	sign_cert(cert, signer->key);
	write_pem(file, "w", cert, key);
	if (between != NULL)
		authority_write(between, file, true);
	X509_free(cert);
	EVP_PKEY_free(key);
}
