#include <errno.h>
#include <fcntl.h>
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
#include "core/log.h"
#include "state/schema.h"
#include "state/store_file.h"

enum {
	REOPEN_MS = 100,	/* between two tries to open a file that could not be */
	MOVED_MS = 50,		/* between two looks whether the file is still there */
	LOG_PAGES = 1000,	/* a log so long is worth copying into the file */
	LOG_PAGES_MAX = 8000,	/* one so long must end: writers wait a moment */
	LOG_PAGES_BRIEF = 200,
	RESTART_MS = 300,	/* patience with writers then */
	NAP_MS = 5,		/* between two tries to open a file that others are making */
	ASIDE_MS = 2000		/* patience with who sets the file aside */
};

struct store_file {
	struct locks		*locks;
	enum store_life		 life;
	char			 dir[1040], file[1056];
	struct db		*db;
	struct stat		 opened;	/* the file that db is */
	bool			 synced;	/* are its commits */
	int64_t			 reopen_ms;	/* not before */
	int64_t			 looked_ms;	/* whether the file has moved */
	bool			 told_network;
	char			 why[1240];

	_Atomic int		 log_pages;
	struct db		*tender;	/* store_file_housekeep()'s own */
	struct stat		 tended;
	_Atomic bool		 tender_ill;	/* it is to be opened anew */
	_Atomic bool		 aside;		/* a file has been set */
};

struct store_file *
store_file_new(const char *dir, struct locks *cs, enum store_life life)
{
	struct store_file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->locks = cs;
	f->life = life;
	(void)snprintf(f->dir, sizeof(f->dir), "%s", dir);
	(void)snprintf(f->file, sizeof(f->file), "%s/qtoa.db", f->dir);
	return f;
}

void
store_file_free(struct store_file *f)
{
	if (f == NULL)
		return;
	db_close(f->db);
	db_close(f->tender);
	free(f);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* True: the file that we have open is not the one of that name any more. */
static bool
has_moved(const struct store_file *f, const struct stat *opened)
{
	struct stat	 st;

	return stat(f->file, &st) == -1 || !same_file(&st, opened);
}

/* True where WAL cannot work: its index is memory that all processes share. */
static bool
on_network(const char *dir)
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

	if (on_network(f->dir)) {
		if (!f->told_network)
			log_msg(LEVEL_WARNING, "store", "%s is on a network file system: no WAL "
			    "there, each message costs more; a local disk is better", f->dir);
		f->told_network = true;
		return db_script(f->db, "PRAGMA journal_mode = TRUNCATE");
	}
	if ((er = db_script(f->db, "PRAGMA journal_mode = WAL")) != ERR_OK)
		return er;
	if (f->life == STORE_SERVER)
		return db_script(f->db, "PRAGMA wal_autocheckpoint = 0");
	(void)snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint = %d", LOG_PAGES_BRIEF);
	return db_script(f->db, sql);
}

static void
on_log_pages(void *ctx, int pages)
{
	struct store_file	*f = ctx;

	atomic_store_explicit(&f->log_pages, pages, memory_order_relaxed);
}

/* The file is there, ours alone, and f->opened is it.  Not while it is open: POSIX locks. */
static bool
touch(struct store_file *f)
{
	int	 fd;

	(void)mkdir(f->dir, 0700);	/* whether it is there now shows below */
	fd = open(f->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd != -1)
		(void)close(fd);
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

/* The log first: a new file must not find it. */
bool
store_file_rename(const char *from, const char *to)
{
	static const char *const	 ends[] = { "-wal", "-shm", "-journal", "" };
	char				 old[1440], new[1440];
	size_t				 i;
	int				 error = 0;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(old, sizeof(old), "%s%s", from, ends[i]);
		(void)snprintf(new, sizeof(new), "%s%s", to, ends[i]);
		if (rename(old, new) == -1 && errno != ENOENT)
			error = errno;
	}
	errno = error;
	return error == 0;
}

/*
 * Sets the file aside as qtoa.db.KIND-TIME; the next transaction begins a new one.  Of
 * several processes that find it damaged one does so: the others find it moved.
 */
static void
set_aside(struct store_file *f, const char *kind, const char *why)
{
	unsigned char	 key[LOCK_KEY];
	char		 to[1140];
	struct lock	 c;

	close_file(f);
	lock_name(key, "set aside", f->file);
	if (lock_take(f->locks, &c, key, clock_mono_ms() + ASIDE_MS) != LOCK_MINE)
		return;
	if (!has_moved(f, &f->opened)) {
		(void)snprintf(to, sizeof(to), "%s.%s-%lld", f->file, kind,
		    (long long)clock_wall_ms());
		if (store_file_rename(f->file, to))
			log_msg(LEVEL_ERROR, "store", "%s: %s: it is set aside as %s, a new one is "
			    "begun; what waits in it is taken over if it can be read", f->file,
			    why, to);
		else
			log_msg(LEVEL_ERROR, "store", "%s: %s, and it cannot be set aside: %s",
			    f->file, why, strerror(errno));
	}
	lock_release(f->locks, &c, false);
	atomic_store(&f->aside, true);
	f->reopen_ms = 0;
}

/* Opens what touch() found. */
static enum error
open_file(struct store_file *f, int64_t until_ms)
{
	int64_t		 open_ms;
	enum error	 er;

	if ((er = db_open(&f->db, f->file, DB_READ_WRITE)) != ERR_OK)
		return er;
	open_ms = clock_mono_ms() + RESTART_MS;		/* others may be making it now */
	db_patience(f->db, until_ms > open_ms ? until_ms : open_ms);
	f->synced = false;
	switch (schema_prepare(f->db)) {
	case SCHEMA_READY:
		break;
	case SCHEMA_FOREIGN:
		set_aside(f, "foreign", "another program's database");
		return ERR_STORE;
	case SCHEMA_NEWER:
		set_aside(f, "newer", "a later qtoa's database");
		return ERR_STORE;
	case SCHEMA_FAULT:
		return ERR_STORE;
	}
	if ((er = db_script(f->db, "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; "
	    "PRAGMA cache_size = -1024; PRAGMA journal_size_limit = 33554432")) != ERR_OK ||
	    (er = set_journal(f)) != ERR_OK)
		return er;
	if (f->life == STORE_SERVER)
		db_watch_log(f->db, on_log_pages, f);
	return ERR_OK;
}

void
store_file_handle_error(struct store_file *f)
{
	enum db_fault	 fault;
	char		 why[160];

	if (f->db == NULL)
		return;
	if ((fault = db_fault(f->db)) == DB_FINE)	/* the work's own */
		return;
	(void)snprintf(why, sizeof(why), "%s", db_why(f->db));
	(void)snprintf(f->why, sizeof(f->why), "qtoa.db: %s", why);
	switch (fault) {
	case DB_FINE:
	case DB_BUSY:
	case DB_FULL:
		break;
	case DB_TROUBLE:
		close_file(f);
		/*
		 * An index of the log that could once be opened for reading only is shared by
		 * all connections of the process, as long as there is one.
		 */
		atomic_store(&f->tender_ill, true);
		f->reopen_ms = clock_mono_ms() + REOPEN_MS;
		break;
	case DB_DAMAGED:
		set_aside(f, "damaged", why);
		break;
	}
}

/* A pause, if it ends before one of these times.  False: both have come. */
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

struct db *
store_file_ready(struct store_file *f, int64_t until_ms)
{
	int64_t	 now_ms = clock_mono_ms();
	bool	 busy;
	int	 tries;

	if (f->db != NULL && now_ms < f->looked_ms + MOVED_MS)
		return f->db;
	f->looked_ms = now_ms;
	if (f->db != NULL && !has_moved(f, &f->opened))
		return f->db;
	if (f->db != NULL)	/* another process may have set it aside */
		atomic_store(&f->aside, true);
	close_file(f);
	if (now_ms < f->reopen_ms)
		return NULL;
	f->reopen_ms = 0;
	for (tries = 0; tries < 2;) {	/* twice: after the first was set aside */
		if (!touch(f)) {
			f->reopen_ms = clock_mono_ms() + REOPEN_MS;
			break;
		}
		if (open_file(f, until_ms) == ERR_OK)
			return f->db;
		busy = f->db != NULL && db_fault(f->db) == DB_BUSY;
		store_file_handle_error(f);
		close_file(f);
		/* Not all that SQLite finds busy it waits for: others may be making it now. */
		if (f->reopen_ms != 0 || (busy && !nap_until(until_ms, now_ms + RESTART_MS)))
			break;
		tries += !busy;
	}
	return NULL;
}

enum error
store_file_sync(struct store_file *f, bool sync)
{
	enum error	 er = ERR_OK;

	if (sync != f->synced)
		er = db_script(f->db, sync ? "PRAGMA synchronous = FULL" :
		    "PRAGMA synchronous = NORMAL");
	if (er == ERR_OK)
		f->synced = sync;
	return er;
}

bool
store_file_holds(struct store_file *f)
{
	if (!has_moved(f, &f->opened))
		return true;
	f->looked_ms = 0;
	return false;
}

bool
store_file_is_other(const struct store_file *f)
{
	return (f->db == NULL || f->looked_ms == 0) && clock_mono_ms() >= f->reopen_ms;
}

const char *
store_file_why(const struct store_file *f)
{
	return f->why;
}

bool
store_file_quarantine(struct store_file *f)
{
	return atomic_exchange(&f->aside, false);
}

/* A connection of its own, so that writers go on meanwhile. */
static bool
open_tender(struct store_file *f)
{
	if (f->tender != NULL && !has_moved(f, &f->tended))
		return true;
	db_close(f->tender);
	f->tender = NULL;
	if (stat(f->file, &f->tended) == -1)
		return false;
	if (db_open(&f->tender, f->file, DB_READ_WRITE) == ERR_OK &&
	    db_script(f->tender, "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; "
	    "PRAGMA cache_size = -64") == ERR_OK)
		return true;
	db_close(f->tender);
	f->tender = NULL;
	return false;
}

void
store_file_housekeep(struct store_file *f)
{
	int	 pages = atomic_load_explicit(&f->log_pages, memory_order_relaxed), left;

	if (atomic_exchange(&f->tender_ill, false)) {
		db_close(f->tender);
		f->tender = NULL;
	}
	if (pages < LOG_PAGES || !open_tender(f))
		return;
	/* A failure shows in the transactions, too, and is told there. */
	db_patience(f->tender, 0);
	if (db_checkpoint(f->tender, false, &left) != ERR_OK || pages < LOG_PAGES_MAX) {
		if (left == 0)	/* the next writer begins it anew */
			atomic_store_explicit(&f->log_pages, 0, memory_order_relaxed);
		return;
	}
	db_patience(f->tender, clock_mono_ms() + RESTART_MS);
	(void)db_checkpoint(f->tender, true, &left);
}
