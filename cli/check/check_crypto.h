/*
 * check_crypto.h: the part of `qtoa check` that looks whether OpenSSL offers what WeChat's and QT's
 * protocols need.
 */
#ifndef CLI_CHECK_CHECK_CRYPTO_H
#define CLI_CHECK_CHECK_CRYPTO_H

#include "cli/check/check_result.h"

void	check_crypto_run(struct check_results *r);

#endif
