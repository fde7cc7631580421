#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/format.h"
#include "state/disk.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_fault.h"
#include "state/sqlite/store_file.h"
#include "state/sqlite/store_open.h"
#include "state/sqlite/store_orphan.h"
#include "state/sqlite/store_state.h"
#include "state/sqlite/store_wal.h"

enum {
	MOVED_MS = 50,		/* between two looks whether the name still leads to the file */
	BUSY_MIN_MS = 800,	/* the shortest wait for other processes, whatever the deadline */
	DISK_MS = 100,		/* between two looks at a disk with much room */
	ROOM_MS = 250,		/* between two copies of the WAL because nothing can be added */
	ROOM_WAIT_MS = 50	/* the longest wait for readers, to copy it */
};

static struct store_file *
file_of(struct store_base *base)
{
	return (struct store_file *)base;
}

/* Opens the file if it is not open or has moved.  False: it cannot be opened. */
static bool
ensure_open(struct store_file *f, int64_t until_ms)
{
	const int64_t	 now_ms = clock_mono_ms();

	if (f->db != NULL && now_ms < f->looked_ms + MOVED_MS)
		return true;
	f->looked_ms = now_ms;
	if (f->db != NULL && !file_is_at(f->file, &f->opened))
		store_fault_leave(f);
	else if (f->db != NULL)
		store_fault_look_beside(f);
	if (f->db != NULL)
		return true;
	if (now_ms < f->reopen_ms)
		return false;
	f->reopen_ms = 0;
	store_open_run(f, until_ms);
	return f->db != NULL;
}

static enum error
set_sync(struct store_file *f, bool sync)
{
	enum error	 er = ERR_OK;

	if (sync != f->synced)
		er = db_script(f->db, sync ? "PRAGMA synchronous = FULL" :
		    "PRAGMA synchronous = NORMAL");
	if (er == ERR_OK)
		f->synced = sync;
	return er;
}

/* True: the disk has too little room for further rows; f->why says so. */
static bool
is_disk_out(struct store_file *f)
{
	struct disk	 d;
	char		 left[FORMAT_SPAN], least[FORMAT_SPAN];
	int64_t		 unused = 0, margin;

	if (clock_mono_ms() < f->disk_ms || !disk_look(&d, f->dir))
		return false;
	margin = f->was_out ? disk_margin_again(&d) : disk_margin(&d);
	if (d.free_bytes >= margin) {
		if (d.free_bytes >= 4 * margin)
			f->disk_ms = clock_mono_ms() + DISK_MS;
		f->was_out = false;
		return false;
	}
	/* Pages of the file without use are room, too, and the WAL has blocks already. */
	if (sqlite_db_number(f->db, &unused, "PRAGMA freelist_count", DB_NO_VALUES) == ERR_OK &&
	    unused * f->page >= margin)
		return false;
	f->was_out = true;
	format_bytes(left, d.free_bytes);
	format_bytes(least, margin);
	(void)snprintf(f->why, sizeof(f->why), "the disk is nearly full: %s are free at %s, and "
	    "with less than %s nothing is queued", left, f->dir, least);
	return true;
}

static struct db *
use_file(struct store_base *base, enum store_need need, bool transaction, int64_t until_ms)
{
	struct store_file	*f = file_of(base);
	int64_t			 least_ms;

	f->need = need;
	f->in_transaction = f->is_out = false;
	if (!ensure_open(f, until_ms))
		return NULL;
	least_ms = clock_mono_ms() + BUSY_MIN_MS;
	db_patience(f->db, transaction && until_ms < least_ms ? least_ms : until_ms);
	if (!transaction)
		return f->db;
	if ((need != STORE_READ && set_sync(f, need >= STORE_SYNC) != ERR_OK) ||
	    sqlite_db_run(f->db, NULL, need == STORE_READ ? "BEGIN" : "BEGIN IMMEDIATE",
	    DB_NO_VALUES) != ERR_OK)
		return NULL;
	f->in_transaction = true;
	if (need >= STORE_SYNC && !store_fault_check_beside(f))
		return NULL;
	f->is_out = need >= STORE_ADD && is_disk_out(f);
	return f->is_out ? NULL : f->db;
}

/*
 * Lets the file have blocks for all its pages: if the disk is full later, the WAL can be copied all
 * the same, and begun again, and what is deleted then needs no further block.
 */
static enum error
cover_pages(struct store_file *f, bool *grown)
{
	int64_t		 pages = 0;
	enum error	 er;

	*grown = false;
	if (f->need == STORE_READ || !f->has_wal)
		return ERR_OK;
	er = sqlite_db_number(f->db, &pages, "PRAGMA page_count", DB_NO_VALUES);
	if (er != ERR_OK || pages == f->pages)
		return er;
	if ((er = sqlite_db_cover(f->db, pages * f->page)) == ERR_OK) {
		f->pages = pages;
		*grown = true;
	}
	return er;
}

static enum error
commit(struct store_file *f)
{
	enum error	 er;
	bool		 grown;

	if ((er = cover_pages(f, &grown)) != ERR_OK)
		return er;
	er = sqlite_db_run(f->db, NULL, "COMMIT", DB_NO_VALUES);
	f->restart_wal = f->restart_wal || er != ERR_OK;
	/* A copy of the WAL that ended meanwhile has cut the file to what it was before. */
	if (er == ERR_OK && grown && sqlite_db_cover(f->db, f->pages * f->page) != ERR_OK)
		f->pages = 0;
	return er;
}

/*
 * Many builds of SQLite write zeros over what is deleted, so that the WAL needs as much room for a
 * message that goes as for one that comes.  On a full disk that is not done.
 */
static void
set_tight(struct store_file *f, bool tight)
{
	char	 sql[48];

	if (f->db == NULL || f->is_tight == tight || f->erasure != 1)
		return;
	(void)snprintf(sql, sizeof(sql), "PRAGMA secure_delete = %s", tight ? "FAST" : "ON");
	if (db_script(f->db, sql) == ERR_OK)
		f->is_tight = tight;
}

/* Undoes a transaction that has failed, and handles the fault, which it returns. */
static enum db_fault
undo_work(struct store_file *f)
{
	const enum db_fault	 fault = f->db == NULL ? DB_TROUBLE : db_fault(f->db);

	if (f->in_transaction && (fault == DB_FINE || fault == DB_BUSY || fault == DB_FULL) &&
	    sqlite_db_in_transaction(f->db))
		(void)sqlite_db_run(f->db, NULL, "ROLLBACK", DB_NO_VALUES);
	store_fault_handle(f);	/* if it closes the file, SQLite undoes the work */
	if (fault == DB_FULL && f->need >= STORE_ADD)
		f->was_out = true;
	if (fault == DB_FULL)
		set_tight(f, true);
	return f->is_out ? DB_FULL : fault;
}

static enum error
end_use(struct store_base *base, struct store_end *end, enum error er)
{
	struct store_file	*f = file_of(base);

	*end = (struct store_end){ .fault = DB_FINE, .why = f->why };
	if (er == ERR_OK && f->in_transaction)
		er = commit(f);
	if (er == ERR_OK && f->need >= STORE_ADD)
		set_tight(f, false);
	if (er != ERR_OK) {
		end->fault = undo_work(f);
	} else if (f->need >= STORE_SYNC && (!file_is_at(f->file, &f->opened) ||
	    sqlite_db_look_beside(f->db) != DB_INDEX_HOLDS)) {
		/* The work went to a file without its name: it must be done again. */
		f->looked_ms = 0;
		er = ERR_STORE;
	}
	end->may_retry = er == ERR_STORE && (f->db == NULL || f->looked_ms == 0) &&
	    clock_mono_ms() >= f->reopen_ms;
	end->has_quarantine = f->has_quarantine;
	f->has_quarantine = false;
	return er;
}

static bool
make_room(struct store_base *base)
{
	struct store_file	*f = file_of(base);
	const int64_t		 now_ms = clock_mono_ms();
	int			 left = 0;

	if (f->db == NULL || f->is_out || (f->need >= STORE_ADD && now_ms < f->room_ms))
		return false;
	f->room_ms = now_ms + ROOM_MS;
	db_patience(f->db, f->need >= STORE_ADD ? 0 : now_ms + ROOM_WAIT_MS);
	return sqlite_db_checkpoint(f->db, true, &left) == ERR_OK && left == 0;
}

/*
 * The back end.
 */

static void
free_file(struct store_base *base)
{
	struct store_file	*f = file_of(base);
	struct db		*orphan;

	db_close(f->db);
	db_close(f->copier);
	while ((orphan = store_orphan_take(f)) != NULL)
		db_close(orphan);
	(void)pthread_mutex_destroy(&f->copying);
	free(f);
}

static void
housekeep(struct store_base *base)
{
	store_wal_housekeep(file_of(base));
}

static bool
has_orphan(struct store_base *base)
{
	return store_orphan_has(file_of(base));
}

static struct db *
take_orphan(struct store_base *base)
{
	return store_orphan_take(file_of(base));
}

static void
keep_orphan(struct store_base *base, struct db *db)
{
	store_orphan_keep(file_of(base), db);
}

static const struct store_engine	 engine = {
	.name		= "qtoa.db",
	.free		= free_file,
	.use		= use_file,
	.done		= end_use,
	.make_room	= make_room,
	.housekeep	= housekeep,
	.has_orphan	= has_orphan,
	.take_orphan	= take_orphan,
	.keep_orphan	= keep_orphan,
};

struct store_base *
store_file_new(const char *dir, struct locks *locks, enum store_life life)
{
	struct store_file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->base.engine = &engine;
	f->locks = locks;
	f->life = life;
	(void)pthread_mutex_init(&f->copying, NULL);
	(void)snprintf(f->dir, sizeof(f->dir), "%s", dir);
	(void)snprintf(f->file, sizeof(f->file), "%s/qtoa.db", f->dir);
	return &f->base;
}
