/*
 * check_net.h: the part of `qtoa check` that asks QT, the control servers and WeChat's API.  For
 * each it checks the name, the connection and the certificate; then QT's answer and clock, and the
 * access_tokens; then WeChat how it sees this host (check_wechat.h).
 *
 * QT gets an unsigned {}, which it refuses.  A control server is asked for a token as the Test
 * button of QT's console asks it.  WeChat is asked only where the store has no valid token.
 */
#ifndef CLI_CHECK_CHECK_NET_H
#define CLI_CHECK_CHECK_NET_H

#include <stdint.h>

#include "cli/check/check_result.h"
#include "core/conf.h"
#include "net/tls_probe.h"

/* Reports whether this host's libcurl can send to the accounts' addresses.  It asks nobody. */
void		check_net_libcurl(struct check_results *r, const struct conf *c);

/* store: the store can be used, which access_tokens need. */
void		check_net_run(struct check_results *r, const struct conf *c, bool store);

/*
 * Reports the probe of an https address.  where: its scheme, host and port; ca_file: as from
 * http_client_ca_file().
 */
void		check_net_certificate(struct check_results *r, const char *subject,
		    const char *where, const struct tls_probe *l, const char *ca_file,
		    int64_t now_s);

/*
 * Reports the probe of this host by its public name: WeChat gets that certificate.  where: the name
 * after https://.  Many hosts cannot reach themselves by that name, which is no fault.
 */
void		check_net_own_certificate(struct check_results *r, const char *where,
		    const struct tls_probe *l, int64_t now_s);

/* Reports how far this host's clock is ahead of QT's (seconds, may be negative). */
void		check_net_clock(struct check_results *r, const char *subject, int64_t ahead_s,
		    int fresh_s);

#endif
