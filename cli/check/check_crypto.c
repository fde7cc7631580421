#include "cli/check/check_crypto.h"
#include "crypto.h"

void
check_crypto_run(struct check_results *r)
{
	char	 names[CRYPTO_LACKING];

	if (crypto_is_lacking(names))
		check_result_add(r, CHECK_FAILED, "OpenSSL", "it offers no %s here, without which "
		    "no push can be checked, opened or signed: WeChat gets 503\nif this host is in "
		    "FIPS mode, or its openssl.cnf says fips=yes (openssl version -d), run qtoa on "
		    "another host; else activate OpenSSL's default provider", names);
}
