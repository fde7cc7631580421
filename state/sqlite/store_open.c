#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "state/disk.h"
#include "state/reserve.h"
#include "state/sqlite/quarantine.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_fault.h"
#include "state/sqlite/store_open.h"
#include "state/sqlite/store_orphan.h"
#include "state/sqlite/store_wal.h"
#include "state/sqlite/wal_guard.h"
#include "state/state_file.h"

enum {
	WAL_PAGES_BRIEF = 200,	/* SQLite copies a WAL of so many pages, in a STORE_BRIEF process */
	WAL_BYTES_MAX = 32 << 20, /* that the WAL keeps when it begins again: */
	WAL_BYTES_MIN = 512 << 10,
	WAL_SHARE = 16,		/* of a small disk */
	NAP_MS = 5,		/* between two tries to open a file that others make */
	FLAG_S = 5		/* the flag of a message that is about to be stored is not so old */
};

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

	(void)snprintf(path, sizeof(path), "%s/" STORE_FLAG, f->dir);
	if (store_orphan_has(f) || f->has_quarantine || stat(path, &st) == -1 ||
	    stat(f->file, &new) == -1 || st.st_ctime >= new.st_ctime - FLAG_S ||
	    quarantine_find(f->dir, NULL, 0))
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
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + STORE_STATE_ASIDE_MS) != LOCK_MINE)
		return;
	state_file_quarantine_path(to, f->file, "gone");
	if (access(f->file, F_OK) == -1 && errno == ENOENT) {
		(void)sqlite_db_rename(f->file, to);
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

	if ((er = sqlite_db_open(&f->db, f->file, SQLITE_DB_WRITE)) != ERR_OK)
		return er;
	/* Another process may make its tables. */
	open_ms = clock_mono_ms() + STORE_STATE_RESTART_MS;
	db_patience(f->db, until_ms > open_ms ? until_ms : open_ms);
	f->synced = false;
	switch (schema_prepare(f->db)) {
	case SCHEMA_READY:
		break;
	case SCHEMA_FOREIGN:
		if (schema_is_broken(f->db))
			store_fault_quarantine(f, "damaged", "its mark is not this program's");
		else
			store_fault_quarantine(f, "foreign", "another program's database");
		return ERR_STORE;
	case SCHEMA_NEWER:
		store_fault_quarantine(f, "newer", "a later qtoa's database");
		return ERR_STORE;
	case SCHEMA_FAULT:
		return ERR_STORE;
	}
	if ((er = db_script(f->db, "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; "
	    "PRAGMA cache_size = -1024")) != ERR_OK || (er = limit_wal(f)) != ERR_OK ||
	    (er = set_journal(f)) != ERR_OK ||
	    (er = sqlite_db_number(f->db, &f->page, "PRAGMA page_size", DB_NO_VALUES)) != ERR_OK ||
	    (er = sqlite_db_number(f->db, &f->erasure, "PRAGMA secure_delete", DB_NO_VALUES)) !=
	    ERR_OK)
		return er;
	f->pages = 0;
	f->is_tight = false;
	if (f->life == STORE_SERVER)
		store_wal_watch(f);
	return ERR_OK;
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

	store_fault_handle(f);
	store_fault_close(f);
	if (fault == DB_TROUBLE && is_out_of_inodes(f)) {
		(void)snprintf(f->why, sizeof(f->why), "%s: the disk has no inodes left for the "
		    "files beside it", f->file);
		fault = DB_FULL;
		given = reserve_give_all(f->dir);
	} else if (fault == DB_FULL) {
		given = reserve_give(f->dir);
	}
	if (fault == DB_FULL)
		f->reopen_ms = given ? 0 : clock_mono_ms() + STORE_STATE_REOPEN_MS;
	return fault;
}

void
store_open_run(struct store_file *f, int64_t until_ms)
{
	const int64_t	 restart_ms = clock_mono_ms() + STORE_STATE_RESTART_MS;
	const bool	 is_wal_over = guard_wal(f);
	enum db_fault	 fault = DB_FINE;
	int		 tries, left;

	for (tries = 0; tries < 2; tries += fault != DB_BUSY && fault != DB_FULL) {
		if (!make_file(f)) {
			f->reopen_ms = clock_mono_ms() + STORE_STATE_REOPEN_MS;
			return;
		}
		if (open_file(f, until_ms) == ERR_OK) {
			/* Else what is behind the damage would be found at the next start, too. */
			if (is_wal_over || f->restart_wal)
				(void)sqlite_db_checkpoint(f->db, true, &left);
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
