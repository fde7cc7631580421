/*
 * health_state.h: the state of the program now: the store, the messages that wait in it, breakers,
 * access_tokens, the disk.  /-/metrics, /-/health and `qtoa status` show the same state.
 */
#ifndef MONITOR_HEALTH_STATE_H
#define MONITOR_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/breaker.h"
#include "monitor/shared_state.h"
#include "state/observed.h"
#include "state/store.h"

enum { HEALTH_STATE_WHY = 256 };	/* bytes of a reason, with its NUL */

struct health_account {
	const struct account	*account;
	int64_t			 pending, dead;		/* messages; -1: not known */
	int64_t			 pending_age_ms;	/* of the oldest one; -1: no message */
	int64_t			 dead_age_ms;		/* the same for dead messages */
	enum breaker_gate	 gate;
	int64_t			 probe_ms;		/* not GATE_GO: next probe, epoch ms */
	int64_t			 probe_in_ms;		/* until then; 0: it is due, or GATE_GO */
	int64_t			 gateway_age_ms;	/* for so long a gateway has answered in
							   QT's place; 0: it does not */
	char			 gateway_why[128];	/* its last answer, "HTTP 404" */

	/* The access_token.  -1: the account has no .secret, or WeChat was never asked. */
	int64_t			 token_age_s;		/* -1 also: there is no token */
	int64_t			 token_left_s;		/* the same; 0: it has expired */
	int64_t			 token_fails;		/* failed requests in a row */
	char			 token_why[HEALTH_STATE_WHY];	/* of the last; "": all is well */

	int64_t			 silent_s;	/* see monitor/silence.h; 0: it is not silent */

	/* The end of the last day of WeChat's statistics in the store, epoch s; -1: no day. */
	int64_t			 datacube_s;

	/* What the last `qtoa reconcile` has noted; -1: nothing. */
	int64_t			 missing;		/* calls of WeChat's that never came */
	int64_t			 missing_s;		/* the last day compared ended then */

	/* What is wrong with the file of .replies; "": nothing, or there is no such file. */
	char			 replies_why[HEALTH_STATE_WHY];
};

struct health_state {
	const struct conf	*conf;
	int64_t			 now_ms;		/* epoch ms */

	/* The configuration is usable.  A caller that knows better sets it to false. */
	bool			 usable;
	bool			 readable, writable;	/* the store; false: it was tried */
	char			 why[HEALTH_STATE_WHY];	/* what failed */
	char			 gone[64];	/* a reminder that qtoa.db was removed; or "" */
	char			 lock_why[160];	/* qtoa.lock cannot be used; "": it can */
	char			 quarantined[64];	/* a database in quarantine, with messages
							   not yet taken over; "": no such file */

	/* Bytes on the disk; -1: not known. */
	int64_t			 db_bytes;		/* qtoa.db and its -wal */
	int64_t			 state_bytes;		/* all of state_dir, qtoa.db included */
	int64_t			 free_bytes, disk_bytes;	/* of its file system */
	int64_t			 margin_bytes;		/* with fewer free ones nothing is queued */
	int64_t			 free_inodes, inodes;	/* 0, 0: it does not count them */

	/* The list of WeChat's addresses; -1: settings.wechat_only is OFF. */
	int64_t			 wechat_only;		/* the setting, an enum conf_wechat_only */
	int64_t			 ips;			/* entries of the list */
	int64_t			 ips_age_s;		/* -1 also: there is no list */

	int64_t			 alerts_sent, alerts_failed;	/* -1: there is no alert_url */

	/* Notes of verbs: certificates, and what is in the accounts. */
	struct observed		 observed;

	struct shared_state	 shared;		/* the store that hosts share, and these */
	int64_t			 degraded, kept, hosts;	/* of it, for /-/metrics; -1: not shared */

	int64_t			 events;		/* the collector's, about; -1: not known */
	struct health_account	*accounts;		/* in the order of conf */
	size_t			 n;
	size_t			 nrelays;		/* behind those: core/conf.h */
};

/*
 * Reads the state.  A part that cannot be read is marked so in *h; only ERR_NOMEM is an error.
 * s NULL: there is no store yet, which counts as well and empty.  b: the breakers, which are
 * brought up to date from the store; NULL: their state is not read.  try_write: a few bytes are
 * written and synced, to see if the store can be written.  While another process holds the store,
 * the call waits until deadline_ms (monotonic).  Messages are counted on a connection of its own,
 * half a microsecond each, so that no other work has to wait.  Call health_state_free() always.
 */
enum error	 health_state_read(struct health_state *h, const struct conf *c, struct store *s,
		    struct breakers *b, bool try_write, int64_t deadline_ms);
void		 health_state_free(struct health_state *h);

/*
 * A sign that something is wrong.  what is one of the words configuration, store, lock, disk,
 * silent, stopped, breaker, gateway, pending, token, addresses, replies, dead, relay, hosts.  bad:
 * a problem, for which /-/health answers 503; else a warning for people (dead messages, a disk that
 * is nearly full).
 */
struct health_sign {
	const char	*what;
	const char	*account;	/* its name; "": it is not about an account */
	bool		 bad;
	char		 text[HEALTH_STATE_WHY * 2];	/* what is wrong, then what to do */
};

/* Calls fn for each sign, problems first. */
typedef void	 health_state_each(void *ctx, const struct health_sign *s);
void		 health_state_judge(const struct health_state *h, health_state_each *fn, void *ctx);

#endif
