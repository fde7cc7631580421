/*
 * host_counters.h: the counters (state/counters.h) of all hosts that share a store.
 *
 * Each host counts in files of its own, and copies the hours that have changed to rows of the
 * store.  A row has the sums of an hour as they are in the host's file, so it does no harm to write
 * it twice.  A row belongs to a file: if a host loses its state directory, the new one has new
 * files and so other rows, and what the old rows say still counts.
 */
#ifndef STATE_HOST_COUNTERS_H
#define STATE_HOST_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/counters.h"
#include "state/db.h"
#include "state/store.h"

/* Rows that are to be written.  All zeros is an empty list. */
struct host_counters_rows {
	int64_t		 home;		/* whose they are: see state/hosts.h */
	struct host_counters_row	*v;
	size_t		 n, room;
	struct buf	 texts;
	enum error	 er;
};

/*
 * Adds the hours of this host from from_s on, up to now_s (epoch seconds).  After some hundred rows
 * it ends, with a whole hour, but not before two hours.  *until_s: where it ended.  ERR_STORE: a
 * file cannot be read, errno.
 */
enum error	 host_counters_take(struct host_counters_rows *r, const char *dir, int64_t from_s,
		    int64_t now_s, int64_t *until_s);

/* A part of a store_work: writes the rows. */
enum error	 host_counters_write(struct db *db, const struct host_counters_rows *r);

void		 host_counters_free(struct host_counters_rows *r);

/* Which counters are read. */
struct host_counters_of {
	const struct settings	*set;
	struct store		*store;		/* NULL: there is no store yet, or db is there */
	int64_t			 until_ms;	/* monotonic, for the store */
	struct db		*db;		/* a connection that store_read() has opened; or
						   NULL */
};

/*
 * The same as counters_read(), for all hosts: this host's files, and the rows of the others.  An
 * hour of an account comes once for each host.  *whole (may be NULL) is false if the store cannot
 * be read: then fn has got only what this host has counted.
 */
enum error	 host_counters_read(const struct host_counters_of *of, bool *whole,
		    int64_t from_day, int64_t to_day, counters_each *fn, void *ctx);

/* A store_work's part: deletes rows of days that are too old to be asked for, some at a time. */
enum error	 host_counters_sweep(struct db *db, int64_t today);

#endif
