/*
 * store_worth.h: what an acknowledgement is worth on a store that hosts share: what its server says
 * of itself, and how long commits take.  `qtoa check` asks for it.
 */
#ifndef STATE_STORE_WORTH_H
#define STATE_STORE_WORTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"

struct store_worth {
	/*
	 * False: there is no connection, and why says what is wrong.  No text of this struct has
	 * a password in it.
	 */
	bool	 is_connected;
	char	 where[200];		/* "HOST:PORT" */
	char	 why[300];		/* also if a question had no answer */

	char	 version[80];		/* "PostgreSQL 15.20" */
	bool	 is_asked;		/* the next members are known */
	bool	 is_standby;		/* of another server; nothing can be written */
	bool	 is_read_only;
	bool	 syncs;			/* a commit is on the server's disk: fsync */
	bool	 writes_full_pages;	/* full_page_writes */
	bool	 is_off;		/* synchronous_commit is off or local */
	char	 standbys[200];		/* synchronous_standby_names */
	int64_t	 waited_for;		/* standbys that it waits for now; -1: it does not tell */
	int64_t	 following;		/* standbys that follow it now */
	int64_t	 ahead_ms;		/* its clock is so far ahead of ours; below 0: behind */
	bool	 is_encrypted;		/* the connection */
	bool	 is_near;		/* it does not leave this host */

	int64_t	 schema, ours;		/* versions of the tables; schema -1: there are no tables */
	bool	 may_create;		/* tables, as a newer program needs */
	char	 forbidden[200];	/* tables that may not be read or written; "": none */

	/* Commits as an acknowledgement needs them; probes 0: it was not tried. */
	int	 probes, failed;
	int64_t	 p50_us, p99_us;
};

/* Asks, until until_ms (monotonic).  It changes nothing.  False: hosts share no store. */
bool	store_worth_ask(struct store_worth *w, const struct settings *set, int64_t until_ms);

#endif
