/*
 * check_wechat.h: the part of `qtoa check` that asks WeChat how it sees this host: to which
 * addresses the URL of WeChat's console leads, and whether they answer a ping (callback/check);
 * from where pushes come (getcallbackip); what an outgoing firewall must let through
 * (get_api_domain_ip); and how many calls for access_tokens are left (openapi/quota/get).
 *
 * No answer of WeChat's makes a check fail: at most it is a warning.  Each call is bounded in time
 * and bytes; when one gets no answer, the others are left out.
 */
#ifndef CLI_CHECK_CHECK_WECHAT_H
#define CLI_CHECK_CHECK_WECHAT_H

#include "cli/check/check_result.h"
#include "core/conf.h"
#include "forwarder/services.h"

/* What has been asked, for all accounts. */
struct check_wechat {
	struct check_results	*r;
	const struct conf	*c;
	struct services		*services;	/* SERVICES_TOKENS */
	const char		*host;		/* in the URL of WeChat's console; or NULL */
	bool			 is_silent;	/* a call got no answer: ask nothing more */
	bool			 has_ips;	/* what is the same for all accounts was asked */
};

/* Asks for one account, which has an access_token. */
void	check_wechat_account(struct check_wechat *w, const struct account *a);

/* Reports settings.wechat_only: its mode, the list, and today's pushes from elsewhere. */
void	check_wechat_only(struct check_results *r, const struct conf *c);

#endif
