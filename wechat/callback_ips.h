/*
 * callback_ips.h: the addresses and networks that WeChat's pushes come from (WeChat,
 * "getcallbackip"), for settings.wechat_only.
 *
 * They are the same for all accounts.  They are asked for once a day with the access_token of any
 * account that has .secret, and kept in state_dir/qtoa.wechat-ips, so that a CGI need not open the
 * database.  While WeChat changes its list, old and new addresses send side by side: an address
 * counts until the list has been without it for 7 days.  If WeChat cannot be asked, the last list
 * serves; before there is a list, nobody is refused.
 *
 * The file is text: a line "qtoa-wechat-ips 1 FETCHED TRIED", then a line "NETWORK SEEN" for each
 * entry; the times are epoch seconds.
 */
#ifndef WECHAT_CALLBACK_IPS_H
#define WECHAT_CALLBACK_IPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/lock.h"
#include "wechat/access_token.h"

enum { CALLBACK_IPS_WHY = TOKEN_WHY + 64 };	/* bytes, with the NUL */

/* What the file says. */
struct callback_ips_state {
	int64_t	 networks;	/* entries; 0: there is no list */
	int64_t	 fetched_s;	/* when WeChat gave the newest list; 0: never */
	int64_t	 tried_s;	/* when WeChat was asked last; 0: never */
};

struct callback_ips;

/* Reads the file, if it is there; keeps conf.  NULL: no memory. */
struct callback_ips	*callback_ips_new(const struct conf *conf);
void			 callback_ips_free(struct callback_ips *ips);

/* True: there is a list, and the address peer is not in it.  For all threads. */
bool			 callback_ips_lacks(struct callback_ips *ips, struct slice peer);

/* Reads the file again, if it is another one. */
void			 callback_ips_refresh(struct callback_ips *ips);

void			 callback_ips_state(struct callback_ips *ips, struct callback_ips_state *s);

/* Reads the state alone; zeros: there is no list. */
void			 callback_ips_read_state(struct callback_ips_state *s, const char *dir);

/*
 * True: an account can ask, a day has passed since the last answer, and 10 min since the last
 * failure.
 */
bool			 callback_ips_is_due(struct callback_ips *ips);

/* What WeChat is asked with. */
struct callback_ips_asker {
	struct access_tokens	*tokens;
	struct http_client	*http;
	struct locks		*locks;
};

enum callback_ips_result {
	CALLBACK_IPS_FETCHED,
	CALLBACK_IPS_ELSEWHERE,	/* another process is asking, or has just asked */
	CALLBACK_IPS_FAILED	/* see why */
};

/*
 * Asks WeChat with the accounts that have .secret, one after the other, until one gets an answer;
 * then writes the file.  why is one line for the log and the operator.
 */
enum callback_ips_result callback_ips_fetch(struct callback_ips *ips,
			    const struct callback_ips_asker *asker, int64_t deadline_ms,
			    char why[CALLBACK_IPS_WHY]);

/* Does what a process with time does: reads the file again, asks if that is due, logs failures. */
void			 callback_ips_housekeep(struct callback_ips *ips,
			    const struct callback_ips_asker *asker, int64_t deadline_ms);

#endif
