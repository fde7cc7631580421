/*
 * store_state.h: what the modules of the back end know of the file state_dir/qtoa.db:
 *
 *	store_file	uses and transactions
 *	store_open	makes and opens the file
 *	store_fault	what is done about a file that was moved, damaged or taken away
 *	store_wal	copies the WAL into the file
 *	store_orphan	files that somebody has removed while they were open
 */
#ifndef STATE_SQLITE_STORE_STATE_H
#define STATE_SQLITE_STORE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "state/db.h"
#include "state/lock.h"
#include "state/store_engine.h"

enum {
	STORE_STATE_REOPEN_MS = 100,	/* between two tries to open a file that cannot be opened */
	STORE_STATE_RESTART_MS = 300,	/* the longest wait for others: to copy, or to make it */
	STORE_STATE_ASIDE_MS = 2000,	/* the longest wait for a process that renames the file */
	STORE_STATE_ORPHANS = 4
};

struct store_file {
	struct store_base	 base;
	struct locks		*locks;
	enum store_life		 life;
	char			 dir[1040], file[1056];
	struct db		*db;
	struct stat		 opened;	/* the file that db is */
	bool			 synced;	/* commits of db are */
	int64_t			 reopen_ms;	/* do not open it before */
	int64_t			 looked_ms;	/* when the name was looked at; 0: look again */
	bool			 is_network_logged;
	int64_t			 cut_ms;	/* since when the WAL is too short; 0: it is not */
	bool			 has_quarantine;
	bool			 is_wal_guarded;
	bool			 restart_wal;	/* a commit failed: what it has left in the WAL
						   would look like damage at the next start */
	_Atomic(struct db *)	 orphans[STORE_STATE_ORPHANS];	/* no name leads to their files */
	char			 why[1240];

	enum store_need		 need;		/* of the current use */
	bool			 in_transaction;
	bool			 is_out;	/* it was refused: the disk is nearly full */
	bool			 was_out;	/* and so were earlier ones */

	bool			 has_wal;
	int64_t			 erasure;	/* PRAGMA secure_delete, as it was at first */
	bool			 is_tight;	/* nothing is erased: see store_file.c */
	int64_t			 page;		/* bytes of a page */
	int64_t			 pages;		/* that the file had at the last commit */
	int64_t			 disk_ms;	/* do not look at the disk before */
	int64_t			 room_ms;	/* do not copy the WAL for STORE_ADD before */

	int64_t			 reserve_ms;	/* do not look at the reserve before */
	_Atomic int		 wal_pages;
	pthread_mutex_t		 copying;	/* of the next two */
	struct db		*copier;	/* the connection of store_wal_housekeep() */
	struct stat		 copied;	/* the file that copier is */
	_Atomic bool		 is_copier_bad;	/* it must be opened again */
};

#endif
