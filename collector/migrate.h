/*
 * migrate.h: moves what hosts share from one store to another: from the SQLite of a host to the
 * store that .store names, and back.
 *
 * A batch of rows is deleted in one store and put into the other one.  The other one commits first,
 * as durably as a message that is acknowledged.  If the process dies between the two commits, both
 * stores have the rows, and the next run puts them again, which changes nothing; only a message
 * that was delivered in between is delivered once more.  So a run needs no note of how far another
 * one has come: what is moved is not there any more.
 *
 * The other store may have rows of other hosts.  Numbers of accounts, devices and events become
 * those of the other store.  Of a row that both have, the newer one stays; an event that both have
 * is there once; gaps between events, first and last times become those of all events together.
 * Users who are forgotten in the other store stay forgotten.
 *
 * Rows of which a store has many (events, devices) are put by a few statements for all rows of a
 * batch (db_run_rows()): a way to a server for each row would take long.
 *
 * Processes may work on both stores meanwhile; rows that come after their table was moved are left
 * for a further run.
 *
 * WeChat's statistics of a unit that the other store has asked for itself stay as they are there.
 *
 * Leases and the counts of addresses that got a token are not moved: they live for seconds.  The
 * files qtoa.seen-N are not moved either: a process goes on to look into those of its host.  The
 * other way, what hosts know together becomes marks in these files.
 */
#ifndef COLLECTOR_MIGRATE_H
#define COLLECTOR_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/dedup.h"
#include "state/store.h"

enum { MIGRATE_NAMES = 16 };

/* What is counted: tables, and "datacube" for all of WeChat's statistics. */
extern const char *const	 migrate_names[MIGRATE_NAMES];

/* How many rows the tables of a store have; -1: there is no such table. */
enum error	 migrate_count(struct store *s, int64_t n[MIGRATE_NAMES], int64_t until_ms);

/* Begins as { .from = ..., .to = ..., .dedup = ... }. */
struct migrate {
	struct store	*from, *to;
	struct dedup	*dedup;		/* the files of this host; dedup_share() was not called */
	size_t		 at;		/* the table that is next */
	size_t		 cube;		/* the same of WeChat's statistics */
	int64_t		 moved[MIGRATE_NAMES];
	bool		 at_target;	/* the last step failed in `to` */
};

/*
 * Moves a batch of rows.  *more: call it again.  ERR_STORE: store_why() of one of the stores says
 * why; nothing is lost, and the step can be done again.
 */
enum error	 migrate_step(struct migrate *m, bool *more, int64_t until_ms);

/* True: not all messages are moved.  Hold the leases of those who send them (state/lease.h). */
bool		 migrate_moves_messages(const struct migrate *m);

#endif
