#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/digest.h"
#include "core/hex.h"
#include "tests/unit/unit.h"

static void
digests(void **state)
{
	static const struct {
		const char		*name;
		enum digest_kind	 kind;
		struct slice		 parts[3];
		const char		*want;
	} cases[] = {
		{ "RFC 1321", DIGEST_MD5, { BYTES("message digest") },
		    "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "FIPS 180", DIGEST_SHA1, { BYTES("abc") },
		    "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "FIPS 180", DIGEST_SHA256, { BYTES("abc") },
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "in parts", DIGEST_SHA256, { BYTES("a"), BYTES(""), BYTES("bc") },
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "nothing", DIGEST_SHA256, { { NULL, 0 } },
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	};
	char		 hex[DIGEST_SHA256_HEX + 1];
	struct digest	*d;
	size_t		 i;
	int		 again;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_non_null(d = digest_new(cases[i].kind));
		for (again = 0; again < 2; again++) {
			digest_hex(d, hex, cases[i].parts, 3);
			check_text(cases[i].name, hex, cases[i].want);
		}
		digest_free(d);
	}
	digest_free(NULL);
}

/* Every length about the ends of blocks, in one part and in two: the same as OpenSSL's digest. */
static void
lengths(void **state)
{
	static const struct {
		const char		*name;
		enum digest_kind	 kind;
	} kinds[] = {
		{ "MD5", DIGEST_MD5 }, { "SHA1", DIGEST_SHA1 }, { "SHA256", DIGEST_SHA256 },
	};
	char		 text[300], name[32], hex[DIGEST_SHA256_HEX + 1];
	char		 want[2 * EVP_MAX_MD_SIZE + 1];
	unsigned char	 md[EVP_MAX_MD_SIZE];
	unsigned	 n;
	struct digest	*d;
	size_t		 i, len, cut;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 37 + 11);
	for (i = 0; i < COUNT(kinds); i++) {
		assert_non_null(d = digest_new(kinds[i].kind));
		for (len = 0; len <= sizeof(text); len++) {
			(void)snprintf(name, sizeof(name), "%s of %zu", kinds[i].name, len);
			assert_int_equal(EVP_Digest(text, len, md, &n,
			    EVP_get_digestbyname(kinds[i].name), NULL), 1);
			hex_encode(want, md, n);
			for (cut = 0; cut <= len; cut += 1 + len / 7) {
				/* What was begun and not ended is forgotten. */
				digest_begin(d);
				digest_add(d, slice_of("something else"));
				digest_hex(d, hex, (const struct slice[]){ { text, cut },
				    { text + cut, len - cut } }, 2);
				check_text(name, hex, want);
			}
		}
		digest_free(d);
	}
}

/* The same as `printf %s USER | sha256sum | cut -c1-12` prints. */
static void
aliases(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 user;
		const char	*want;
	} cases[] = {
		{ "openid", BYTES("oDemo1x9Q7kVtW2nB4mC6zL8sR0h"), "e7f697cd57cc" },
		{ "one letter less", BYTES("oDemo1x9Q7kVtW2nB4mC6zL8sR0"), "0030e78cd570" },
		{ "nobody", BYTES(""), "e3b0c44298fc" },
		{ "no text", BYTES("a\0\n"), "4fda62f3a9ac" },
	};
	char		 alias[DIGEST_ALIAS + 1];
	struct digest	*d;
	size_t		 i;

	(void)state;
	assert_non_null(d = digest_new(DIGEST_SHA256));
	for (i = 0; i < COUNT(cases); i++) {
		digest_alias(d, alias, cases[i].user);
		check_text(cases[i].name, alias, cases[i].want);
	}
	digest_free(d);
}

/* RFC 4231, the first three test cases; `openssl dgst -sha256 -hmac KEY -binary | base64`. */
static void
hmacs(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 key, text;
		const char	*want;
	} cases[] = {
		{ "20 bytes", BYTES("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
		    "\x0b\x0b\x0b\x0b\x0b"), BYTES("Hi There"),
		    "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c=" },
		{ "words", BYTES("Jefe"), BYTES("what do ya want for nothing?"),
		    "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=" },
		{ "nothing", BYTES(""), BYTES(""),
		    "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=" },
	};
	char	 base64[DIGEST_HMAC_BASE64 + 1];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		digest_hmac_base64(base64, cases[i].key, cases[i].text);
		check_text(cases[i].name, base64, cases[i].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(digests), TEST(lengths), TEST(aliases), TEST(hmacs),
	};

	return RUN("digest", tests);
}
