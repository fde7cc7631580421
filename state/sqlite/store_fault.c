#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_fault.h"
#include "state/sqlite/store_orphan.h"
#include "state/sqlite/store_wal.h"
#include "state/state_file.h"

enum { CUT_MS = 3000 };		/* a WAL that is too short has so long to be written again */

void
store_fault_close(struct store_file *f)
{
	db_close(f->db);
	f->db = NULL;
}

/*
 * Puts the file into quarantine; the next use makes a new one.  Of several processes that find it
 * damaged one renames it, and the others see that it has moved.
 */
void
store_fault_quarantine(struct store_file *f, const char *kind, const char *why)
{
	unsigned char	 key[LOCK_KEY];
	char		 to[STATE_FILE_PATH];
	struct lock	 lock;

	store_fault_close(f);
	lock_name(key, "set aside", f->file);
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + STORE_STATE_ASIDE_MS) != LOCK_MINE)
		return;
	if (file_is_at(f->file, &f->opened)) {
		state_file_quarantine_path(to, f->file, kind);
		if (sqlite_db_rename(f->file, to))
			log_msg(LEVEL_ERROR, "store", "%s: %s: it is set aside as %s, and a new "
			    "one is begun; messages that wait in it are taken over if they can "
			    "be read", f->file, why, to);
		else
			log_msg(LEVEL_ERROR, "store", "%s: %s, and it cannot be renamed: %s; "
			    "look at the owner and permissions of %s", f->file, why,
			    strerror(errno), f->dir);
	}
	lock_release(f->locks, &lock, false);
	f->has_quarantine = true;
	f->reopen_ms = 0;
}

/*
 * Closes the file in all threads, as the connections of a process share the WAL's index.  A query
 * of a report may still have it open; then the next try finds the same as this one.
 */
static void
close_all(struct store_file *f)
{
	store_fault_close(f);
	(void)pthread_mutex_lock(&f->copying);
	store_wal_close_copier(f);
	(void)pthread_mutex_unlock(&f->copying);
}

/* True: the file has another name now, which qtoa gave it: it is in quarantine. */
static bool
is_set_aside(const struct store_file *f)
{
	char		 path[STATE_FILE_PATH];
	struct dirent	*e;
	struct stat	 st;
	bool		 found = false;
	DIR		*d;

	if ((d = opendir(f->dir)) == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL)
		found = strncmp(e->d_name, "qtoa.db.", 8) == 0 &&
		    snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name) < (int)sizeof(path) &&
		    stat(path, &st) == 0 && file_is_same(&st, &f->opened);
	(void)closedir(d);
	return found;
}

/*
 * A database that somebody puts in the place of ours must not find our WAL: SQLite would take it
 * for its own.
 */
static void
move_beside(const struct store_file *f)
{
	char	 to[STATE_FILE_PATH];

	state_file_quarantine_path(to, f->file, "gone");
	if (!sqlite_db_rename_beside(f->db, to))
		return;
	log_msg(LEVEL_WARNING, "store", "%s-wal belonged to the file that is gone: it is set aside "
	    "as %s-wal", f->file, to);
}

/*
 * The name leads to another file or to none.  If qtoa has not set the file aside, it stays open:
 * store_file_take_orphan() gives it to the thread that takes over what waits in it.
 */
void
store_fault_leave(struct store_file *f)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;

	f->has_quarantine = true;
	if (is_set_aside(f)) {
		store_fault_close(f);
		return;
	}
	lock_name(key, "set aside", f->file);
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + STORE_STATE_ASIDE_MS) == LOCK_MINE) {
		move_beside(f);
		lock_release(f->locks, &lock, false);
	}
	log_msg(LEVEL_ERROR, "store", "%s was removed or replaced while it was in use: what waits "
	    "in it is taken over from this process, which has it open still; find out who does "
	    "that, and stop qtoa before", f->file);
	store_orphan_keep(f, f->db);
	f->db = NULL;
	close_all(f);
}

/* How the log tells it. */
static const struct {
	const char	*end, *what;
} besides[] = {
	[DB_INDEX_WAL_GONE]	= { "-wal", "removed or replaced" },
	[DB_INDEX_WAL_OTHER]	= { "-wal", "replaced by one that has the same" },
	[DB_INDEX_WAL_CUT]	= { "-wal", "cut short" },
	[DB_INDEX_APART]	= { "-wal and its -shm", "removed or replaced" },
	[DB_INDEX_GONE]		= { "-shm", "removed or replaced" },
};

/*
 * The WAL is too short.  It may be one that SQLite has just made because the true one was removed,
 * and the process that has that open may write it again; so wait some time before the file goes
 * into quarantine.
 */
static void
handle_cut(struct store_file *f)
{
	char		 why[sizeof(f->why)], wal[STATE_FILE_PATH];
	struct stat	 st;

	(void)snprintf(wal, sizeof(wal), "%s-wal", f->file);
	(void)snprintf(why, sizeof(why), "%s", f->why);
	if (f->cut_ms == 0)
		f->cut_ms = clock_mono_ms();
	if (clock_mono_ms() >= f->cut_ms + CUT_MS ||
	    (stat(wal, &st) == 0 && st.st_mtime < (clock_wall_ms() - CUT_MS) / 1000))
		store_fault_quarantine(f, "damaged", why);
	else
		f->reopen_ms = clock_mono_ms() + STORE_STATE_REOPEN_MS;
	close_all(f);
}

/* Keeps what only the files have that we have open.  False: errno. */
static bool
restore_beside(struct store_file *f, enum db_index_beside is)
{
	char	 to[STATE_FILE_PATH], wal[STATE_FILE_PATH + 8];

	switch (is) {
	case DB_INDEX_WAL_GONE:
		state_file_quarantine_path(to, f->file, "gone");
		(void)snprintf(wal, sizeof(wal), "%s-wal", to);
		return sqlite_db_restore_wal(f->db, wal);
	case DB_INDEX_APART:
		/* Messages are taken over from the copy as from a damaged file. */
		state_file_quarantine_path(to, f->file, "damaged");
		(void)db_script(f->db, "ROLLBACK");
		f->has_quarantine = true;
		errno = EIO;
		return sqlite_db_run(f->db, NULL, "VACUUM INTO ?", DB_VALUES(db_s(to))) == ERR_OK;
	case DB_INDEX_HOLDS:
	case DB_INDEX_WAL_OTHER:
	case DB_INDEX_WAL_CUT:
	case DB_INDEX_GONE:
		break;
	}
	return true;
}

/*
 * Looks at the names of the files beside the database, in a transaction that writes, so that no
 * process that sees the same files writes meanwhile.  A WAL without a name gets it back.  False:
 * something was wrong, and the file is closed.
 */
bool
store_fault_check_beside(struct store_file *f)
{
	const enum db_index_beside	 is = sqlite_db_look_beside(f->db);
	bool				 restored;

	if (!file_is_at(f->file, &f->opened)) {
		(void)db_script(f->db, "ROLLBACK");
		store_fault_leave(f);
		return false;
	}
	if (is != DB_INDEX_WAL_CUT)
		f->cut_ms = 0;
	if (is == DB_INDEX_HOLDS)
		return true;
	(void)snprintf(f->why, sizeof(f->why), "%s%s was %s while it was in use", f->file,
	    besides[is].end, besides[is].what);
	if (is == DB_INDEX_WAL_CUT) {
		handle_cut(f);
		return false;
	}
	restored = restore_beside(f, is);
	log_msg(LEVEL_ERROR, "store", "%s: %s%s; find out who does that, and stop qtoa before",
	    f->why, restored ? "nothing is lost" : "it cannot be written again, and messages may "
	    "be lost: ", restored ? "" : strerror(errno));
	close_all(f);
	return false;
}

/* The same, outside of a transaction. */
void
store_fault_look_beside(struct store_file *f)
{
	if (sqlite_db_look_beside(f->db) == DB_INDEX_HOLDS)
		return;
	db_patience(f->db, clock_mono_ms() + STORE_STATE_RESTART_MS);
	(void)db_script(f->db, "ROLLBACK");	/* if a fault of a transaction led here */
	/* If it fails, the file stays open: only in it is what has no name any more. */
	if (db_script(f->db, "BEGIN IMMEDIATE") == ERR_OK && store_fault_check_beside(f))
		(void)db_script(f->db, "ROLLBACK");
}

/*
 * An error of the disk, or of files beside the database that were taken away: then a new try may
 * succeed at once.
 */
static void
handle_trouble(struct store_file *f)
{
	const bool			 moved = !file_is_at(f->file, &f->opened);
	const enum db_index_beside	 is = sqlite_db_look_beside(f->db);

	if (moved) {
		(void)db_script(f->db, "ROLLBACK");
		store_fault_leave(f);
	} else if (is == DB_INDEX_WAL_CUT) {
		(void)snprintf(f->why, sizeof(f->why), "%s-wal was cut short", f->file);
		handle_cut(f);
	} else if (is != DB_INDEX_HOLDS) {
		store_fault_look_beside(f);
	}
	/*
	 * All connections of a process share the WAL's index.  If one of them could open it
	 * for reading only, all must be closed before it can be opened for writing.
	 */
	close_all(f);
	if (!moved && is == DB_INDEX_HOLDS)
		f->reopen_ms = clock_mono_ms() + STORE_STATE_REOPEN_MS;
}

/* Closes the file after a fault of the disk; puts a damaged one into quarantine. */
void
store_fault_handle(struct store_file *f)
{
	enum db_fault	 fault;
	char		 why[160];

	/* The error may be the work's own: then the database is fine. */
	if (f->db == NULL || (fault = db_fault(f->db)) == DB_FINE)
		return;
	(void)snprintf(why, sizeof(why), "%s", db_why(f->db));
	(void)snprintf(f->why, sizeof(f->why), "qtoa.db: %s", why);
	switch (fault) {
	case DB_FINE:
	case DB_BUSY:
	case DB_FULL:
		break;
	case DB_TROUBLE:
		if (schema_is_broken(f->db))
			store_fault_quarantine(f, "damaged", why);
		else
			handle_trouble(f);
		break;
	case DB_DAMAGED:
		/* Pages out of another WAL look like damage. */
		if (!file_is_at(f->file, &f->opened) ||
		    sqlite_db_look_beside(f->db) != DB_INDEX_HOLDS)
			handle_trouble(f);
		else
			store_fault_quarantine(f, "damaged", why);
		break;
	}
}
