/*
 * check_net.h: `qtoa check`: whom the program has to reach: QT, control servers, WeChat's API.
 * For each its name, the connection, the certificate; QT's answer and clock; access_tokens.
 *
 * QT gets an unsigned {}, which it refuses; control servers are asked for a token as by the
 * Test button of QT's console; WeChat only where wechat/access_token.h would ask it anyway.
 */
#ifndef CLI_CHECK_CHECK_NET_H
#define CLI_CHECK_CHECK_NET_H

#include <stdint.h>

#include "cli/check/check_result.h"
#include "core/conf.h"
#include "net/tls_probe.h"

/* store: it can be used, for access_tokens. */
void		check_net_run(struct check_results *f, const struct conf *c, bool store);

/*
 * What a look at an https address has shown.  where: scheme, host, port; ca_file: what is
 * trusted, NULL: nothing.
 */
void		check_net_certificate(struct check_results *f, const char *subject, const char *where,
		    const struct tls_probe *l, const char *ca_file, int64_t now_s);

/* QT's clock against ours, which is ahead_s after it. */
void		check_net_clock(struct check_results *f, const char *subject, int64_t ahead_s, int fresh_s);

/* The host in a URL, without the brackets of an IPv6 address; empty: there is none. */
struct slice	check_net_host(const char *url);

#endif
