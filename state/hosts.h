/*
 * hosts.h: the hosts that share a store know of each other: each has a row there, which it writes
 * again and again, with its counters (state/host_counters.h).
 *
 * A host is a state directory.  It gets a number when it first writes; its name is settings.host,
 * else that of the system.  Times are those of the store's server.  A state directory that is lost
 * and made again is a new host.  If a directory is copied to another host, one of the two gets
 * another number as soon as both write.  If two hosts that work at the same time have one name,
 * is_double says so.
 *
 * To write is also to try: if a commit with all that an acknowledgement needs fails, the shared
 * store is degraded from then on (struct host_file.degraded_ms), also if no message comes.
 */
#ifndef STATE_HOSTS_H
#define STATE_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/counters.h"
#include "state/db.h"
#include "state/lock.h"
#include "state/store.h"

enum {
	HOSTS_NAME	= 64,		/* bytes, with the NUL */
	HOSTS_TURN_MS	= 5000,		/* between two times, if something was counted */
	HOSTS_IDLE_MS	= 60000,	/* the same, if nothing was */
	HOSTS_LOST_MS	= 300000,	/* a server's host that is silent for so long is lost */
	HOSTS_SHOWN_MS	= 7 * 86400000	/* one that was not seen for longer is not shown */
};

struct hosts;

/* Keeps its arguments.  NULL: no memory. */
struct hosts	*hosts_new(const struct settings *set, struct store *s, struct locks *locks,
		    struct counters *counters, enum store_life life);
void		 hosts_free(struct hosts *h);

/*
 * Writes what is due, if hosts share the store; one process of a host at a time does that.  Returns
 * the ms until it is to be called again; INT64_MAX: there is nothing to do.
 */
int64_t		 hosts_turn(struct hosts *h, int64_t until_ms);

/* True: hosts_turn() has something to do. */
bool		 hosts_is_due(const struct hosts *h);

/* A server ends: its host is not lost when it is not seen any more. */
void		 hosts_stop(struct hosts *h, int64_t until_ms);

/* A host as the others see it. */
struct hosts_seen {
	int64_t	 home;
	char	 name[HOSTS_NAME];
	char	 version[24];		/* of its program */
	int64_t	 age_ms;		/* how long ago it was seen */
	bool	 is_server;		/* it is to be seen every minute: no CGI */
	bool	 has_stopped;		/* its server has ended as it should */
	bool	 is_double;		/* another one has its name, and both work */
};

/*
 * Calls fn for each host that was seen within HOSTS_SHOWN_MS, by name.  A host that another one of
 * that name has followed is left out.
 */
typedef void	 hosts_each(void *ctx, const struct hosts_seen *s);
enum error	 hosts_list(struct db *db, hosts_each *fn, void *ctx);

/* True: it should be there, and is not. */
bool		 hosts_is_lost(const struct hosts_seen *s);

void		 hosts_name(char name[HOSTS_NAME], const struct settings *set);	/* of this host */

#endif
