#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/file.h"
#include "state/reserve.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_wal.h"

enum {
	WAL_PAGES = 1000,	/* a WAL of so many pages is copied into the file */
	WAL_PAGES_MAX = 8000,	/* with so many, writers wait until it is copied */
	RESERVE_MS = 10000	/* between two looks at the reserve */
};

static void
note_wal_pages(void *ctx, int pages)
{
	struct store_file	*f = ctx;

	atomic_store_explicit(&f->wal_pages, pages, memory_order_relaxed);
}

void
store_wal_close_copier(struct store_file *f)
{
	db_close(f->copier);
	f->copier = NULL;
}

/* Opens a connection of its own, so that writers can go on. */
static bool
open_copier(struct store_file *f)
{
	if (f->copier != NULL && file_is_at(f->file, &f->copied))
		return true;
	store_wal_close_copier(f);
	if (stat(f->file, &f->copied) == -1)
		return false;
	if (sqlite_db_open(&f->copier, f->file, SQLITE_DB_WRITE) == ERR_OK &&
	    db_script(f->copier, "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; "
	    "PRAGMA cache_size = -64") == ERR_OK)
		return true;
	store_wal_close_copier(f);
	return false;
}

/* Copies the WAL, with the mutex held: the leader may have to close the connection. */
static void
copy_wal(struct store_file *f)
{
	int	 pages = atomic_load_explicit(&f->wal_pages, memory_order_relaxed), left;

	if (clock_mono_ms() >= f->reserve_ms) {
		reserve_make(f->dir);
		f->reserve_ms = clock_mono_ms() + RESERVE_MS;
	}
	if (atomic_exchange(&f->is_copier_bad, false))
		store_wal_close_copier(f);
	if (pages < WAL_PAGES || !open_copier(f) ||
	    sqlite_db_look_beside(f->copier) != DB_INDEX_HOLDS)
		return;
	/* A failure is not logged here: the transactions fail, too, and log it. */
	db_patience(f->copier, 0);
	if (sqlite_db_checkpoint(f->copier, false, &left) != ERR_OK || pages < WAL_PAGES_MAX) {
		if (left == 0)	/* the next writer begins the WAL again */
			atomic_store_explicit(&f->wal_pages, 0, memory_order_relaxed);
		return;
	}
	db_patience(f->copier, clock_mono_ms() + STORE_STATE_RESTART_MS);
	(void)sqlite_db_checkpoint(f->copier, true, &left);
}

void
store_wal_housekeep(struct store_file *f)
{
	(void)pthread_mutex_lock(&f->copying);
	copy_wal(f);
	(void)pthread_mutex_unlock(&f->copying);
}

void
store_wal_watch(struct store_file *f)
{
	sqlite_db_watch_wal(f->db, note_wal_pages, f);
}
