#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "core/clock.h"
#include "core/file.h"
#include "core/format.h"
#include "core/log.h"
#include "state/disk.h"
#include "state/reserve.h"
#include "state/schema.h"
#include "state/state_file.h"
#include "state/store_file.h"
#include "state/wal_guard.h"

enum {
	REOPEN_MS = 100,	/* between two tries to open a file that cannot be opened */
	MOVED_MS = 50,		/* between two looks whether the name still leads to the file */
	BUSY_MIN_MS = 800,	/* the shortest wait for other processes, whatever the deadline */
	WAL_PAGES = 1000,	/* a WAL of so many pages is copied into the file */
	WAL_PAGES_MAX = 8000,	/* with so many, writers wait until it is copied */
	WAL_PAGES_BRIEF = 200,	/* the same as WAL_PAGES, in a STORE_BRIEF process */
	WAL_BYTES_MAX = 32 << 20, /* that the WAL keeps when it begins again: */
	WAL_BYTES_MIN = 512 << 10,
	WAL_SHARE = 16,		/* of a small disk */
	RESTART_MS = 300,	/* the longest wait for others: to copy, or to make the file */
	NAP_MS = 5,		/* between two tries to open a file that others make */
	FLAG_S = 5,		/* the flag of a message that is about to be stored is not so old */
	ORPHANS = 4,
	CUT_MS = 3000,		/* a WAL that is too short has so long to be written again */
	QUARANTINE_MS = 2000,	/* the longest wait for another process that renames the file */
	DISK_MS = 100,		/* between two looks at a disk with much room */
	ROOM_MS = 250,		/* between two copies of the WAL because nothing can be added */
	ROOM_WAIT_MS = 50,	/* the longest wait for readers, to copy it */
	RESERVE_MS = 10000	/* between two looks at the reserve */
};

struct store_file {
	struct locks		*locks;
	enum store_life		 life;
	char			 dir[1040], file[1056];
	struct db		*db;
	struct stat		 opened;	/* the file that db is */
	bool			 synced;	/* commits of db are */
	int64_t			 reopen_ms;	/* do not open it before */
	int64_t			 looked_ms;	/* when has_moved() was called; 0: call it again */
	bool			 is_network_logged;
	int64_t			 cut_ms;	/* since when the WAL is too short; 0: it is not */
	bool			 has_quarantine;
	bool			 is_wal_guarded;
	bool			 restart_wal;	/* a commit failed: what it has left in the WAL
						   would look like damage at the next start */
	_Atomic(struct db *)	 orphans[ORPHANS];	/* to their files no name leads any more */
	char			 why[1240];

	enum store_need		 need;		/* of the current use */
	bool			 in_transaction;
	bool			 is_out;	/* it was refused: the disk is nearly full */
	bool			 was_out;	/* and so were earlier ones */

	bool			 has_wal;
	int64_t			 erasure;	/* PRAGMA secure_delete, as it was at first */
	bool			 is_tight;	/* nothing is erased: see set_tight() */
	int64_t			 page;		/* bytes of a page */
	int64_t			 pages;		/* that the file had at the last commit */
	int64_t			 disk_ms;	/* do not look at the disk before */
	int64_t			 room_ms;	/* do not copy the WAL for STORE_ADD before */

	int64_t			 reserve_ms;	/* do not look at the reserve before */
	_Atomic int		 wal_pages;
	pthread_mutex_t		 copying;	/* of the next two */
	struct db		*copier;	/* the connection of store_file_housekeep() */
	struct stat		 copied;	/* the file that copier is */
	_Atomic bool		 is_copier_bad;	/* it must be opened again */
};

struct store_file *
store_file_new(const char *dir, struct locks *locks, enum store_life life)
{
	struct store_file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->locks = locks;
	f->life = life;
	(void)pthread_mutex_init(&f->copying, NULL);
	(void)snprintf(f->dir, sizeof(f->dir), "%s", dir);
	(void)snprintf(f->file, sizeof(f->file), "%s/qtoa.db", f->dir);
	return f;
}

void
store_file_free(struct store_file *f)
{
	struct db	*orphan;

	if (f == NULL)
		return;
	db_close(f->db);
	db_close(f->copier);
	while ((orphan = store_file_take_orphan(f)) != NULL)
		db_close(orphan);
	(void)pthread_mutex_destroy(&f->copying);
	free(f);
}

/* True: the name leads to another file than the one that was opened, or to none. */
static bool
has_moved(const struct store_file *f, const struct stat *opened)
{
	return !file_is_at(f->file, opened);
}

/* Whether dir is on a network file system: WAL needs memory that all processes share. */
static bool
is_on_network(const char *dir)
{
#ifdef __linux__
	static const unsigned long	 types[] = {
		0x6969,		/* NFS */
		0x517b, 0xff534d42, 0xfe534d42,		/* SMB, CIFS, SMB 2 */
		0x5346414f, 0x73757245, 0x564c, 0x01021997, 0x00c36400
					/* AFS, Coda, NCP, 9P, Ceph */
	};
	struct statfs	 fs;
	size_t		 i;

	if (statfs(dir, &fs) == 0)
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (((unsigned long)fs.f_type & 0xffffffff) == types[i])
				return true;
#else
	(void)dir;
#endif
	return false;
}

static enum error
set_journal(struct store_file *f)
{
	char		 sql[64];
	enum error	 er;

	if (is_on_network(f->dir)) {
		if (!f->is_network_logged)
			log_msg(LEVEL_WARNING, "store", "%s is on a network file system, where "
			    "SQLite cannot use its WAL: each message takes longer; give state_dir "
			    "a local disk", f->dir);
		f->is_network_logged = true;
		f->has_wal = false;
		return db_script(f->db, "PRAGMA journal_mode = TRUNCATE");
	}
	if ((er = db_script(f->db, "PRAGMA journal_mode = WAL")) != ERR_OK)
		return er;
	f->has_wal = true;
	if (f->life == STORE_SERVER)
		return db_script(f->db, "PRAGMA wal_autocheckpoint = 0");
	(void)snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint = %d", WAL_PAGES_BRIEF);
	return db_script(f->db, sql);
}

static void
note_wal_pages(void *ctx, int pages)
{
	struct store_file	*f = ctx;

	atomic_store_explicit(&f->wal_pages, pages, memory_order_relaxed);
}

/* What a copy-on-write file system needs to write the WAL's index in place; see core/file.h. */
static void
keep_blocks(const char *dir)
{
	const int	 fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return;
	file_no_cow(fd);
	(void)close(fd);
}

/* Whether a database is in quarantine whose messages are not taken over yet, in any process. */
static bool
has_rescue(const char *dir)
{
	struct dirent	*e;
	bool		 found = false;
	DIR		*d;

	if ((d = opendir(dir)) == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL)
		found = strncmp(e->d_name, "qtoa.db.damaged-", 16) == 0 ||
		    strncmp(e->d_name, "qtoa.db.newer-", 14) == 0;
	(void)closedir(d);
	return found;
}

/*
 * The file is new.  A flag that is older says that messages waited in one that somebody has removed
 * while no process had it open, or that another process takes over.  Both times are the file
 * system's, whatever our clock says.
 */
static void
look_for_lost(struct store_file *f)
{
	char		 path[STATE_FILE_PATH];
	struct stat	 st, new;
	int		 fd;

	(void)snprintf(path, sizeof(path), "%s/" STORE_FILE_FLAG, f->dir);
	if (store_file_has_orphan(f) || f->has_quarantine || stat(path, &st) == -1 ||
	    stat(f->file, &new) == -1 || st.st_ctime >= new.st_ctime - FLAG_S ||
	    has_rescue(f->dir))
		return;
	state_file_quarantine_path(path, f->file, "gone");
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) != -1)
		(void)close(fd);
	log_msg(LEVEL_ERROR, "store", "%s is gone, and messages waited in it: they are lost, "
	    "unless a process that still has it open takes them over; find out who removes files "
	    "there; %s is to remind you: remove it", f->file, path);
}

/*
 * Makes the file, if it does not exist.  A WAL that is there belongs to a database that somebody
 * has removed; SQLite would take it for the new one's.
 */
static void
make_new(struct store_file *f)
{
	unsigned char	 key[LOCK_KEY];
	char		 to[STATE_FILE_PATH];
	struct lock	 lock;
	int		 fd = -1;

	if (access(f->file, F_OK) == 0)
		return;
	(void)mkdir(f->dir, 0700);	/* if this fails, so does the next line */
	keep_blocks(f->dir);
	lock_name(key, "set aside", f->file);
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + QUARANTINE_MS) != LOCK_MINE)
		return;
	state_file_quarantine_path(to, f->file, "gone");
	if (access(f->file, F_OK) == -1 && errno == ENOENT) {
		(void)db_rename(f->file, to);
		fd = open(f->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd != -1) {
		(void)close(fd);
		look_for_lost(f);
	}
	lock_release(f->locks, &lock, false);
}

/*
 * Makes the file if it does not exist, with mode 0600, and notes which file it is.  The file must
 * not be open in SQLite: close() would drop its POSIX locks.
 */
static bool
make_file(struct store_file *f)
{
	make_new(f);
	if (stat(f->file, &f->opened) == -1) {
		(void)snprintf(f->why, sizeof(f->why), "%s: %s", f->file, strerror(errno));
		return false;
	}
	if ((f->opened.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		(void)chmod(f->file, 0600);
	return true;
}

static void
close_file(struct store_file *f)
{
	db_close(f->db);
	f->db = NULL;
}

/*
 * Puts the file into quarantine; the next use makes a new one.  Of several processes that find it
 * damaged one renames it, and the others see that it has moved.
 */
static void
quarantine_file(struct store_file *f, const char *kind, const char *why)
{
	unsigned char	 key[LOCK_KEY];
	char		 to[STATE_FILE_PATH];
	struct lock	 lock;

	close_file(f);
	lock_name(key, "set aside", f->file);
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + QUARANTINE_MS) != LOCK_MINE)
		return;
	if (!has_moved(f, &f->opened)) {
		state_file_quarantine_path(to, f->file, kind);
		if (db_rename(f->file, to))
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
 * Lets a WAL that has grown give its blocks back when it begins again.  It keeps enough for what
 * empties a full disk.
 */
static enum error
limit_wal(struct store_file *f)
{
	struct disk	 d;
	char		 sql[64];
	int64_t		 limit = WAL_BYTES_MAX;

	if (disk_look(&d, f->dir) && d.bytes / WAL_SHARE < limit)
		limit = d.bytes / WAL_SHARE < WAL_BYTES_MIN ? WAL_BYTES_MIN : d.bytes / WAL_SHARE;
	(void)snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %lld", (long long)limit);
	return db_script(f->db, sql);
}

/* Opens the file that make_file() noted. */
static enum error
open_file(struct store_file *f, int64_t until_ms)
{
	int64_t		 open_ms;
	enum error	 er;

	if ((er = db_open(&f->db, f->file, DB_READ_WRITE)) != ERR_OK)
		return er;
	open_ms = clock_mono_ms() + RESTART_MS;		/* another process may make its tables */
	db_patience(f->db, until_ms > open_ms ? until_ms : open_ms);
	f->synced = false;
	switch (schema_prepare(f->db)) {
	case SCHEMA_READY:
		break;
	case SCHEMA_FOREIGN:
		if (schema_is_broken(f->db))
			quarantine_file(f, "damaged", "its mark is not this program's");
		else
			quarantine_file(f, "foreign", "another program's database");
		return ERR_STORE;
	case SCHEMA_NEWER:
		quarantine_file(f, "newer", "a later qtoa's database");
		return ERR_STORE;
	case SCHEMA_FAULT:
		return ERR_STORE;
	}
	if ((er = db_script(f->db, "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; "
	    "PRAGMA cache_size = -1024")) != ERR_OK || (er = limit_wal(f)) != ERR_OK ||
	    (er = set_journal(f)) != ERR_OK ||
	    (er = db_number(f->db, &f->page, "PRAGMA page_size", DB_NO_VALUES)) != ERR_OK ||
	    (er = db_number(f->db, &f->erasure, "PRAGMA secure_delete", DB_NO_VALUES)) != ERR_OK)
		return er;
	f->pages = 0;
	f->is_tight = false;
	if (f->life == STORE_SERVER)
		db_watch_wal(f->db, note_wal_pages, f);
	return ERR_OK;
}

static void
close_copier(struct store_file *f)
{
	db_close(f->copier);
	f->copier = NULL;
}

/*
 * Closes the file in all threads, as the connections of a process share the WAL's index.  A query
 * of a report may still have it open; then the next try finds the same as this one.
 */
static void
close_all(struct store_file *f)
{
	close_file(f);
	(void)pthread_mutex_lock(&f->copying);
	close_copier(f);
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
	if (!db_rename_beside(f->db, to))
		return;
	log_msg(LEVEL_WARNING, "store", "%s-wal belonged to the file that is gone: it is set aside "
	    "as %s-wal", f->file, to);
}

/*
 * The name leads to another file or to none.  If qtoa has not set the file aside, it stays open:
 * store_file_take_orphan() gives it to the thread that takes over what waits in it.
 */
static void
leave_file(struct store_file *f)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;

	f->has_quarantine = true;
	if (is_set_aside(f)) {
		close_file(f);
		return;
	}
	lock_name(key, "set aside", f->file);
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + QUARANTINE_MS) == LOCK_MINE) {
		move_beside(f);
		lock_release(f->locks, &lock, false);
	}
	log_msg(LEVEL_ERROR, "store", "%s was removed or replaced while it was in use: what waits "
	    "in it is taken over from this process, which has it open still; find out who does "
	    "that, and stop qtoa before", f->file);
	store_file_keep_orphan(f, f->db);
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
		quarantine_file(f, "damaged", why);
	else
		f->reopen_ms = clock_mono_ms() + REOPEN_MS;
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
		return db_restore_wal(f->db, wal);
	case DB_INDEX_APART:
		/* Messages are taken over from the copy as from a damaged file. */
		state_file_quarantine_path(to, f->file, "damaged");
		(void)db_script(f->db, "ROLLBACK");
		f->has_quarantine = true;
		errno = EIO;
		return db_run(f->db, NULL, "VACUUM INTO ?", DB_VALUES(db_s(to))) == ERR_OK;
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
static bool
check_beside(struct store_file *f)
{
	const enum db_index_beside	 is = db_look_beside(f->db);
	bool				 restored;

	if (has_moved(f, &f->opened)) {
		(void)db_script(f->db, "ROLLBACK");
		leave_file(f);
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
static void
look_beside(struct store_file *f)
{
	if (db_look_beside(f->db) == DB_INDEX_HOLDS)
		return;
	db_patience(f->db, clock_mono_ms() + RESTART_MS);
	(void)db_script(f->db, "ROLLBACK");	/* if a fault of a transaction led here */
	/* If it fails, the file stays open: only in it is what has no name any more. */
	if (db_script(f->db, "BEGIN IMMEDIATE") == ERR_OK && check_beside(f))
		(void)db_script(f->db, "ROLLBACK");
}

/*
 * An error of the disk, or of files beside the database that were taken away: then a new try may
 * succeed at once.
 */
static void
handle_trouble(struct store_file *f)
{
	const bool			 moved = has_moved(f, &f->opened);
	const enum db_index_beside	 is = db_look_beside(f->db);

	if (moved) {
		(void)db_script(f->db, "ROLLBACK");
		leave_file(f);
	} else if (is == DB_INDEX_WAL_CUT) {
		(void)snprintf(f->why, sizeof(f->why), "%s-wal was cut short", f->file);
		handle_cut(f);
	} else if (is != DB_INDEX_HOLDS) {
		look_beside(f);
	}
	/*
	 * All connections of a process share the WAL's index.  If one of them could open it
	 * for reading only, all must be closed before it can be opened for writing.
	 */
	close_all(f);
	if (!moved && is == DB_INDEX_HOLDS)
		f->reopen_ms = clock_mono_ms() + REOPEN_MS;
}

/* Closes the file after a fault of the disk; puts a damaged one into quarantine. */
static void
handle_fault(struct store_file *f)
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
			quarantine_file(f, "damaged", why);
		else
			handle_trouble(f);
		break;
	case DB_DAMAGED:
		/* Pages out of another WAL look like damage. */
		if (has_moved(f, &f->opened) || db_look_beside(f->db) != DB_INDEX_HOLDS)
			handle_trouble(f);
		else
			quarantine_file(f, "damaged", why);
		break;
	}
}

/* Sleeps NAP_MS, if one of two times has not come by then.  False: both have come. */
static bool
nap_until(int64_t one_ms, int64_t other_ms)
{
	const struct timespec	 pause = { 0, NAP_MS * 1000000 };
	const int64_t		 end_ms = clock_mono_ms() + NAP_MS;

	if (end_ms > one_ms && end_ms > other_ms)
		return false;
	(void)nanosleep(&pause, NULL);
	return true;
}

/*
 * Copies a WAL that is damaged, before SQLite opens it.  A server does this once; a brief process
 * has no time to read the WAL.  True: it is copied, so that it can begin again.
 */
static bool
guard_wal(struct store_file *f)
{
	if (f->life != STORE_SERVER || f->is_wal_guarded)
		return false;
	f->is_wal_guarded = true;
	if (!wal_guard_run(f->file))
		return false;
	f->has_quarantine = true;
	return true;
}

/* True: no further file can be made on the disk. */
static bool
is_out_of_inodes(const struct store_file *f)
{
	struct disk	 d;

	return disk_look(&d, f->dir) && d.inodes != 0 && d.free_inodes == 0;
}

/* Handles a try to open the file that has failed, and says why it did. */
static enum db_fault
handle_open_fault(struct store_file *f)
{
	enum db_fault	 fault = f->db == NULL ? DB_TROUBLE : db_fault(f->db);
	bool		 given = false;

	handle_fault(f);
	close_file(f);
	if (fault == DB_TROUBLE && is_out_of_inodes(f)) {
		(void)snprintf(f->why, sizeof(f->why), "%s: the disk has no inodes left for the "
		    "files beside it", f->file);
		fault = DB_FULL;
		given = reserve_give_all(f->dir);
	} else if (fault == DB_FULL) {
		given = reserve_give(f->dir);
	}
	if (fault == DB_FULL)
		f->reopen_ms = given ? 0 : clock_mono_ms() + REOPEN_MS;
	return fault;
}

/* Opens the file; if it goes into quarantine, makes and opens a new one. */
static void
reopen_file(struct store_file *f, int64_t until_ms)
{
	const int64_t	 restart_ms = clock_mono_ms() + RESTART_MS;
	const bool	 is_wal_over = guard_wal(f);
	enum db_fault	 fault = DB_FINE;
	int		 tries, left;

	for (tries = 0; tries < 2; tries += fault != DB_BUSY && fault != DB_FULL) {
		if (!make_file(f)) {
			f->reopen_ms = clock_mono_ms() + REOPEN_MS;
			return;
		}
		if (open_file(f, until_ms) == ERR_OK) {
			/* Else what is behind the damage would be found at the next start, too. */
			if (is_wal_over || f->restart_wal)
				(void)db_checkpoint(f->db, true, &left);
			f->restart_wal = false;
			if (f->life == STORE_BRIEF)
				reserve_make(f->dir);
			return;
		}
		fault = handle_open_fault(f);
		/* SQLite does not wait in all cases for another process that makes the file. */
		if (f->reopen_ms != 0 || (fault == DB_BUSY && !nap_until(until_ms, restart_ms)))
			return;
	}
}

/* Opens the file if it is not open or has moved.  False: it cannot be opened. */
static bool
ensure_open(struct store_file *f, int64_t until_ms)
{
	const int64_t	 now_ms = clock_mono_ms();

	if (f->db != NULL && now_ms < f->looked_ms + MOVED_MS)
		return true;
	f->looked_ms = now_ms;
	if (f->db != NULL && has_moved(f, &f->opened))
		leave_file(f);
	else if (f->db != NULL)
		look_beside(f);
	if (f->db != NULL)
		return true;
	if (now_ms < f->reopen_ms)
		return false;
	f->reopen_ms = 0;
	reopen_file(f, until_ms);
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
	if (db_number(f->db, &unused, "PRAGMA freelist_count", DB_NO_VALUES) == ERR_OK &&
	    unused * f->page >= margin)
		return false;
	f->was_out = true;
	format_bytes(left, d.free_bytes);
	format_bytes(least, margin);
	(void)snprintf(f->why, sizeof(f->why), "the disk is nearly full: %s are free at %s, and "
	    "with less than %s nothing is queued", left, f->dir, least);
	return true;
}

struct db *
store_file_use(struct store_file *f, enum store_need need, bool transaction, int64_t until_ms)
{
	int64_t	 least_ms;

	f->need = need;
	f->in_transaction = f->is_out = false;
	if (!ensure_open(f, until_ms))
		return NULL;
	least_ms = clock_mono_ms() + BUSY_MIN_MS;
	db_patience(f->db, transaction && until_ms < least_ms ? least_ms : until_ms);
	if (!transaction)
		return f->db;
	if ((need != STORE_READ && set_sync(f, need >= STORE_SYNC) != ERR_OK) ||
	    db_run(f->db, NULL, need == STORE_READ ? "BEGIN" : "BEGIN IMMEDIATE",
	    DB_NO_VALUES) != ERR_OK)
		return NULL;
	f->in_transaction = true;
	if (need >= STORE_SYNC && !check_beside(f))
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
	er = db_number(f->db, &pages, "PRAGMA page_count", DB_NO_VALUES);
	if (er != ERR_OK || pages == f->pages)
		return er;
	if ((er = db_cover(f->db, pages * f->page)) == ERR_OK) {
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
	er = db_run(f->db, NULL, "COMMIT", DB_NO_VALUES);
	f->restart_wal = f->restart_wal || er != ERR_OK;
	/* A copy of the WAL that ended meanwhile has cut the file to what it was before. */
	if (er == ERR_OK && grown && db_cover(f->db, f->pages * f->page) != ERR_OK)
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
	    db_in_transaction(f->db))
		(void)db_run(f->db, NULL, "ROLLBACK", DB_NO_VALUES);
	handle_fault(f);	/* if it closes the file, SQLite undoes the work */
	if (fault == DB_FULL && f->need >= STORE_ADD)
		f->was_out = true;
	if (fault == DB_FULL)
		set_tight(f, true);
	return f->is_out ? DB_FULL : fault;
}

enum error
store_file_done(struct store_file *f, struct store_file_end *end, enum error er)
{
	*end = (struct store_file_end){ .fault = DB_FINE, .why = f->why };
	if (er == ERR_OK && f->in_transaction)
		er = commit(f);
	if (er == ERR_OK && f->need >= STORE_ADD)
		set_tight(f, false);
	if (er != ERR_OK) {
		end->fault = undo_work(f);
	} else if (f->need >= STORE_SYNC && (has_moved(f, &f->opened) ||
	    db_look_beside(f->db) != DB_INDEX_HOLDS)) {
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

bool
store_file_make_room(struct store_file *f)
{
	const int64_t	 now_ms = clock_mono_ms();
	int		 left = 0;

	if (f->db == NULL || f->is_out || (f->need >= STORE_ADD && now_ms < f->room_ms))
		return false;
	f->room_ms = now_ms + ROOM_MS;
	db_patience(f->db, f->need >= STORE_ADD ? 0 : now_ms + ROOM_WAIT_MS);
	return db_checkpoint(f->db, true, &left) == ERR_OK && left == 0;
}

/* Opens a connection of its own, so that writers can go on. */
static bool
open_copier(struct store_file *f)
{
	if (f->copier != NULL && !has_moved(f, &f->copied))
		return true;
	close_copier(f);
	if (stat(f->file, &f->copied) == -1)
		return false;
	if (db_open(&f->copier, f->file, DB_READ_WRITE) == ERR_OK &&
	    db_script(f->copier, "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; "
	    "PRAGMA cache_size = -64") == ERR_OK)
		return true;
	close_copier(f);
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
		close_copier(f);
	if (pages < WAL_PAGES || !open_copier(f) || db_look_beside(f->copier) != DB_INDEX_HOLDS)
		return;
	/* A failure is not logged here: the transactions fail, too, and log it. */
	db_patience(f->copier, 0);
	if (db_checkpoint(f->copier, false, &left) != ERR_OK || pages < WAL_PAGES_MAX) {
		if (left == 0)	/* the next writer begins the WAL again */
			atomic_store_explicit(&f->wal_pages, 0, memory_order_relaxed);
		return;
	}
	db_patience(f->copier, clock_mono_ms() + RESTART_MS);
	(void)db_checkpoint(f->copier, true, &left);
}

void
store_file_housekeep(struct store_file *f)
{
	(void)pthread_mutex_lock(&f->copying);
	copy_wal(f);
	(void)pthread_mutex_unlock(&f->copying);
}

bool
store_file_has_orphan(struct store_file *f)
{
	int	 i;

	for (i = 0; i < ORPHANS && atomic_load(&f->orphans[i]) == NULL; i++)
		;
	return i != ORPHANS;
}

struct db *
store_file_take_orphan(struct store_file *f)
{
	struct db	*db = NULL;
	int		 i;

	for (i = 0; i < ORPHANS && db == NULL; i++)
		db = atomic_exchange(&f->orphans[i], NULL);
	return db;
}

void
store_file_keep_orphan(struct store_file *f, struct db *db)
{
	struct db	*none = NULL;
	int		 i;

	for (i = 0; i < ORPHANS; i++, none = NULL)
		if (atomic_compare_exchange_strong(&f->orphans[i], &none, db))
			return;
	log_msg(LEVEL_ERROR, "store", "%s is removed again and again: what waited in one of these "
	    "files is lost", f->file);
	db_close(db);
}
