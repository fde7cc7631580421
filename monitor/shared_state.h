/*
 * shared_state.h: the state of a store that hosts share, as this host sees it, and the hosts.
 */
#ifndef MONITOR_SHARED_STATE_H
#define MONITOR_SHARED_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/db.h"
#include "state/hosts.h"
#include "state/store.h"

enum { SHARED_STATE_WHY = 256, SHARED_STATE_NAMES = 200 };

/* All zeros if hosts share no store. */
struct shared_state {
	bool			 is_shared;
	bool			 is_degraded;	/* it fails */
	int64_t			 since_ms;	/* that began then, epoch ms; 0: it is not known */
	char			 why[SHARED_STATE_WHY];		/* its last fault; or "" */
	char			 where[SHARED_STATE_WHY];	/* "HOST:PORT"; "": not connected */
	int64_t			 kept;		/* messages that this host keeps until it works */
	struct hosts_seen	*hosts;		/* by name */
	size_t			 n, room;
};

/* Reads what this host knows by itself, before the store is asked. */
void	shared_state_begin(struct shared_state *g, const struct settings *set, struct store *s,
	    int64_t until_ms);

/* Adds what the store knows; db is a connection to it.  ERR_NOMEM, ERR_STORE. */
enum error shared_state_ask(struct shared_state *g, struct db *db);

/* Notes that the store could not be read, or not written. */
void	shared_state_fail(struct shared_state *g, struct store *s);

void	shared_state_free(struct shared_state *g);

/* How many hosts work now: seen within HOSTS_LOST_MS. */
int64_t	shared_state_working(const struct shared_state *g);

/*
 * Writes the names of the hosts for which is() is true, "a, b".  Returns how many there are;
 * *age_ms: the least of their ages.
 */
int	shared_state_names(char names[SHARED_STATE_NAMES], int64_t *age_ms,
	    const struct shared_state *g, bool (*is)(const struct hosts_seen *s));

#endif
