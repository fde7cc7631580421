/*
 * health_state.h: how the program is, now: the store, what waits in it, breakers, access_tokens, the
 * disk.  /-/metrics, /-/health and `qtoa status` show the same.
 */
#ifndef MONITOR_HEALTH_STATE_H
#define MONITOR_HEALTH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "forwarder/breaker.h"
#include "state/store.h"

enum { HEALTH_STATE_WHY = 256 };

struct health_account {
	const struct account	*account;
	int64_t			 pending, dead;		/* messages; -1: not known */
	int64_t			 pending_age_ms, dead_age_ms;	/* of the oldest; -1: there is none */
	enum breaker_gate	 gate;
	int64_t			 probe_ms;		/* GATE_BROKEN: ms since the epoch */

	/* Of an account with .secret that has one, or has asked for one; else -1. */
	int64_t			 token_age_s, token_left_s;	/* -1 also: it has none; left 0: over */
	int64_t			 token_fails;		/* in a row */
	char			 token_why[HEALTH_STATE_WHY];	/* the last; "" if all is well */
};

struct health_state {
	const struct conf	*conf;
	int64_t			 now_ms;		/* ms since the epoch */

	bool			 usable;		/* the configuration; who knows that it is
							   not says so here */
	bool			 readable, writable;	/* the store; false: tried in vain */
	char			 why[HEALTH_STATE_WHY];	/* of what is not */
	char			 aside[64];		/* a database that was set aside, and whose
							   messages are still to be taken over */

	/* Bytes that are taken, or free; -1: not known. */
	int64_t			 db_bytes;		/* qtoa.db and its -wal */
	int64_t			 state_bytes;		/* all of state_dir, that as well */
	int64_t			 free_bytes, disk_bytes;/* of its file system, for its owner */

	int64_t			 events;		/* that the collector keeps, about; -1: not known */
	struct health_account	*accounts;		/* as in conf */
	size_t			 n;
};

/*
 * Looks.  What cannot be read is shown as such; nothing but ERR_NOMEM is an error.  s NULL: there
 * is no state yet, all is well and empty.  b becomes what the store says of breakers; NULL: they
 * are not looked at.  try_write: something small is written and synced.  A store in other hands
 * is waited for until deadline_ms (monotonic).  Messages are counted on a connection of their own,
 * half a microsecond each, so that nobody's work waits for it.  health_state_free() in any case.
 */
enum error	 health_state_read(struct health_state *v, const struct conf *c, struct store *s,
		    struct breakers *b, bool try_write, int64_t deadline_ms);
void		 health_state_free(struct health_state *v);

/*
 * What is wrong, each in a word (configuration, store, disk, stopped, breaker, pending, token,
 * dead), for which account (its name; "": none), and in a sentence with what to do.  bad: /-/health
 * is 503 by it; else it is for people to know (dead messages, a disk that is nearly full).  What is
 * bad comes first.
 */
struct health_sign {
	const char	*what;
	const char	*account;
	bool		 bad;
	char		 text[HEALTH_STATE_WHY * 2];
};
typedef void	 health_state_each(void *ctx, const struct health_sign *s);
void		 health_state_judge(const struct health_state *v, health_state_each *fn, void *ctx);

#endif
