#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "core/file.h"
#include "state/sqlite/db_index.h"
#include "state/map_guard.h"

enum {
	MAPPED		= 16,		/* databases that a process has open at a time */
	REGIONS		= 64,		/* of 32 KiB each; one is the index of 16 MiB of a WAL */
	FIRST		= 4096,		/* bytes of the first region: its head is in them */
	WRITE_LOCK	= 0,		/* SQLite's lock of whoever appends to the WAL */
	HEAD		= 136,		/* bytes of the head: SQLite, "WAL-mode File Format" */
	FRAMES_AT	= 16,		/* where the head has the number of frames, a u32 */
	FIRST_FRAMES	= 4062,		/* that the first region is the index of */
	REGION_FRAMES	= 4096,		/* the same of each further region */
	PAGE_AT		= 14,		/* the same for the size of a page, a u16 */
	SUM_AT		= 24,		/* the same for the checksum of the last frame, two u32 */
	SALTS_AT	= 32,		/* the same for the salts */
	SALTS		= 8,
	WAL_HEAD	= 32,		/* bytes of the WAL's head */
	FRAME_HEAD	= 24,		/* bytes of the head of each of its frames */
	FRAME_SALTS_AT	= 8,
	FRAME_SUM_AT	= 16,
	PATH		= 1100
};

/* The index as one connection has it; it stands behind SQLite's own struct for the file. */
struct wal_index {
	const char	*name;		/* of the database, or of the WAL */
	struct stat	 st;		/* of the WAL, if this is one */
	struct {
		void			*at;
		size_t			 len;
		struct map_guard	*guard;
	} regions[REGIONS];
	int	 n;
};

/* Which files are mapped: connections of one process share a mapping.  The lock is held. */
static struct mapped {
	void		*at;
	int		 users;		/* 0: this place is free */
	struct stat	 st;
} mapped[MAPPED];

static pthread_once_t			 once = PTHREAD_ONCE_INIT;
static sqlite3_vfs			*real;		/* SQLite's own VFS */
static sqlite3_vfs			 ours;
static const sqlite3_io_methods		*real_io;	/* of its main databases */
static sqlite3_io_methods		 our_io;
/* Of the two above, and of mapped[]. */
static pthread_mutex_t			 lock = PTHREAD_MUTEX_INITIALIZER;

static struct wal_index *
index_of(sqlite3_file *file)
{
	const size_t	 size = sizeof(uint64_t);

	return (void *)((char *)file + ((size_t)real->szOsFile + size - 1) / size * size);
}

static struct mapped *
find_mapped(const void *at)
{
	struct mapped	*m;

	for (m = mapped; m != mapped + MAPPED; m++)
		if (m->users != 0 && m->at == at)
			return m;
	return NULL;
}

static void
stat_beside(struct stat *st, const char *name, const char *end)
{
	char	 path[PATH];

	(void)snprintf(path, sizeof(path), "%s%s", name, end);
	if (stat(path, st) == -1)
		*st = (struct stat){ 0 };
}

/* Notes which file the first region is of, when the first connection maps it. */
static void
enter_mapped(const struct wal_index *x)
{
	struct mapped	*m;

	(void)pthread_mutex_lock(&lock);
	if ((m = find_mapped(x->regions[0].at)) == NULL) {
		for (m = mapped; m != mapped + MAPPED && m->users != 0; m++)
			;
		if (m != mapped + MAPPED) {
			m->at = x->regions[0].at;
			stat_beside(&m->st, x->name, "-shm");
		}
	}
	if (m != mapped + MAPPED)
		m->users++;
	(void)pthread_mutex_unlock(&lock);
}

static void
leave_mapped(const struct wal_index *x)
{
	struct mapped	*m;

	(void)pthread_mutex_lock(&lock);
	if (x->n != 0 && (m = find_mapped(x->regions[0].at)) != NULL)
		m->users--;
	(void)pthread_mutex_unlock(&lock);
}

/* Keeps a region that SQLite has mapped.  False: it cannot be written. */
static bool
add_region(struct wal_index *x, void *at, int len)
{
	int	 i;

	for (i = 0; i < x->n; i++)
		if (x->regions[i].at == at)
			return true;
	if (!map_guard_can_write(at, (size_t)len))
		return false;
	if (x->n == REGIONS)
		return true;
	x->regions[x->n].at = at;
	x->regions[x->n].len = (size_t)len;
	x->regions[x->n].guard = map_guard_add(at, (size_t)len, MAP_GUARD_END, "qtoa.db-shm");
	if (x->n++ == 0)
		enter_mapped(x);
	return true;
}

static void
forget_regions(struct wal_index *x)
{
	leave_mapped(x);
	while (x->n > 0)
		map_guard_remove(x->regions[--x->n].guard);
}

/*
 * Makes the index invalid: the next connection that reads it makes it again, from the WAL.  The
 * caller has the lock to write.
 */
static void
spoil_index(struct wal_index *x)
{
	/* Where its first page is missing, the file has no head. */
	if (x->n != 0 && map_guard_can_write(x->regions[0].at, FIRST))
		memset(x->regions[0].at, 0, HEAD);
}

/* How many frames of the WAL are committed, as the index says. */
static uint32_t
frames_of(const struct wal_index *x)
{
	uint32_t	 n = 0;

	if (x->n != 0)
		memcpy(&n, (const char *)x->regions[0].at + FRAMES_AT, sizeof(n));
	return n;
}

/* How many frames fit in the regions before that one. */
static uint32_t
frames_before(int region)
{
	return region == 0 ? 0 : (uint32_t)(FIRST_FRAMES + (region - 1) * REGION_FRAMES);
}

/* True: somebody has cut the file short. */
static bool
is_cut(const struct wal_index *x)
{
	struct stat	 st;
	off_t		 len = 0;
	int		 i;

	for (i = 0; i < x->n; i++)
		len += (off_t)x->regions[i].len;
	stat_beside(&st, x->name, "-shm");
	return st.st_ino != 0 && st.st_size < len;
}

/*
 * A region of committed frames is missing.  If nobody writes now, the index is made again; else by
 * the next call.
 */
static int
handle_missing(sqlite3_file *file)
{
	static const int	 exclusive = SQLITE_SHM_EXCLUSIVE;

	if (real_io->xShmLock(file, WRITE_LOCK, 1, exclusive | SQLITE_SHM_LOCK) != SQLITE_OK)
		return SQLITE_BUSY;
	spoil_index(index_of(file));
	(void)real_io->xShmLock(file, WRITE_LOCK, 1, exclusive | SQLITE_SHM_UNLOCK);
	errno = EIO;
	return SQLITE_IOERR_SHMSIZE;
}

/*
 * SQLite's xShmMap: maps a region.  SQLite extends the file only while it has the lock to write.
 * A file that was cut short may have kept its head, so what the head says then is not true.
 */
static int
map_region(sqlite3_file *file, int region, int len, int extend, void volatile **at)
{
	struct wal_index	*x = index_of(file);
	int			 rc = real_io->xShmMap(file, region, len, 0, at);
	bool			 is_new = rc == SQLITE_OK && *at == NULL;

	if (is_new && extend == 0)
		return region == 0 ? rc : handle_missing(file);
	if (is_new)
		rc = real_io->xShmMap(file, region, len, extend, at);
	if (rc != SQLITE_OK || *at == NULL)
		return rc;
	if (!add_region(x, (void *)*at, len)) {
		*at = NULL;
		return SQLITE_FULL;
	}
	if (is_new && (region == 0 || frames_of(x) > frames_before(region))) {
		spoil_index(x);
		errno = EIO;
		return region == 0 ? rc : SQLITE_IOERR_SHMSIZE;
	}
	return rc;
}

/* Whether the pages that the lock is for can be written. */
static bool
can_write(const struct wal_index *x, int which)
{
	int	 i;

	if (x->n != 0 && which != WRITE_LOCK)
		return map_guard_can_write(x->regions[0].at, FIRST);
	for (i = 0; i < x->n; i++)
		if (!map_guard_can_write(x->regions[i].at, x->regions[i].len))
			return false;
	return true;
}

/* SQLite's xShmLock. */
static int
lock_index(sqlite3_file *file, int first, int n, int flags)
{
	static const int	 exclusive = SQLITE_SHM_EXCLUSIVE | SQLITE_SHM_LOCK;
	struct wal_index	*x = index_of(file);
	int			 rc = real_io->xShmLock(file, first, n, flags);
	bool			 cut;

	if (rc != SQLITE_OK || flags != exclusive || can_write(x, first))
		return rc;
	if ((cut = is_cut(x)) && first == WRITE_LOCK)
		spoil_index(x);
	(void)real_io->xShmLock(file, first, n, SQLITE_SHM_EXCLUSIVE | SQLITE_SHM_UNLOCK);
	errno = cut ? EIO : ENOSPC;
	return cut ? SQLITE_IOERR_SHMSIZE : SQLITE_FULL;
}

/* SQLite's xShmUnmap. */
static int
unmap_index(sqlite3_file *file, int remove)
{
	forget_regions(index_of(file));
	return real_io->xShmUnmap(file, remove);
}

/* Gives a main database our functions in place of SQLite's. */
static void
take_over(sqlite3_file *file)
{
	(void)pthread_mutex_lock(&lock);
	if (real_io == NULL && file->pMethods->iVersion >= 2) {
		our_io = *file->pMethods;
		our_io.xShmMap = map_region;
		our_io.xShmLock = lock_index;
		our_io.xShmUnmap = unmap_index;
		real_io = file->pMethods;
	}
	/* A file system on which SQLite locks in another way has other functions. */
	if (file->pMethods == real_io)
		file->pMethods = &our_io;
	(void)pthread_mutex_unlock(&lock);
}

/* SQLite's xOpen. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	int	 rc;

	(void)vfs;
	if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0)
		*index_of(file) = (struct wal_index){ .name = name };
	rc = real->xOpen(real, name, file, flags, out);
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
		take_over(file);
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0)
		stat_beside(&index_of(file)->st, name, "");
	return rc;
}

static void
make_vfs(void)
{
	if ((real = sqlite3_vfs_find(NULL)) == NULL)
		return;
	ours = *real;
	ours.zName = "qtoa";
	ours.pNext = NULL;
	ours.szOsFile += (int)(sizeof(uint64_t) + sizeof(struct wal_index));
	ours.xOpen = open_file;
	if (sqlite3_vfs_register(&ours, 0) != SQLITE_OK)
		real = NULL;
}

const char *
db_index_vfs(void)
{
	(void)pthread_once(&once, make_vfs);
	return real == NULL ? NULL : ours.zName;
}

/*
 * The files beside a database.
 */

/* The database's file and the one of its WAL.  False: it has no WAL. */
static bool
find_files(struct sqlite3 *sq, sqlite3_file **db, sqlite3_file **wal)
{
	*db = *wal = NULL;
	(void)sqlite3_file_control(sq, "main", SQLITE_FCNTL_FILE_POINTER, db);
	(void)sqlite3_file_control(sq, "main", SQLITE_FCNTL_JOURNAL_POINTER, wal);
	return *db != NULL && *wal != NULL && (*db)->pMethods == &our_io &&
	    (*wal)->pMethods != NULL && index_of(*db)->n != 0 && index_of(*wal)->st.st_ino != 0;
}

static uint32_t
read_big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Where the WAL has the last frame that is committed, and where that frame ends. */
static off_t
last_frame_of(const struct wal_index *x, off_t *end)
{
	uint16_t	 page;
	off_t		 size;

	memcpy(&page, (const char *)x->regions[0].at + PAGE_AT, sizeof(page));
	size = FRAME_HEAD + (page == 1 ? 65536 : page);	/* 1: a page is of 64 KiB */
	*end = WAL_HEAD + (off_t)frames_of(x) * size;
	return *end - size;
}

/*
 * Whether a WAL is the one that the index is about: these bytes of it are where the last frame that
 * is committed begins.  The frame has the WAL's salts, and a checksum over all frames up to it.
 */
static bool
is_last_frame(const struct wal_index *x, const unsigned char frame[FRAME_HEAD])
{
	const char	*head = x->regions[0].at;
	uint32_t	 sum[2];

	memcpy(sum, head + SUM_AT, sizeof(sum));
	return memcmp(frame + FRAME_SALTS_AT, head + SALTS_AT, SALTS) == 0 &&
	    read_big_endian(frame + FRAME_SUM_AT) == sum[0] &&
	    read_big_endian(frame + FRAME_SUM_AT + 4) == sum[1];
}

/* Whether the WAL that is open has all that is committed. */
static bool
is_open_whole(const struct wal_index *x, sqlite3_file *wal)
{
	unsigned char	 frame[FRAME_HEAD];
	off_t		 end, at = last_frame_of(x, &end);

	return wal->pMethods->xRead(wal, frame, sizeof(frame), at) == SQLITE_OK &&
	    is_last_frame(x, frame);
}

/* The same of the file that has the WAL's name. */
static bool
is_named_whole(const struct wal_index *x)
{
	unsigned char	 frame[FRAME_HEAD];
	char		 path[PATH];
	struct stat	 st;
	off_t		 end, at = last_frame_of(x, &end);
	bool		 whole;
	int		 fd;

	(void)snprintf(path, sizeof(path), "%s-wal", x->name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return false;
	whole = fstat(fd, &st) == 0 && st.st_size >= end &&
	    pread(fd, frame, sizeof(frame), at) == (ssize_t)sizeof(frame) &&
	    is_last_frame(x, frame);
	(void)close(fd);
	return whole;
}

/* True: the name of the index leads to another file than the one that is mapped, or to none. */
static bool
has_index_moved(const struct wal_index *x)
{
	const struct mapped	*m;
	struct stat		 st, was = { 0 };

	stat_beside(&st, x->name, "-shm");
	(void)pthread_mutex_lock(&lock);
	if ((m = find_mapped(x->regions[0].at)) != NULL)
		was = m->st;
	(void)pthread_mutex_unlock(&lock);
	return was.st_ino != 0 && !file_is_same(&st, &was);
}

/* How the WAL is, when its name leads to a file of len bytes that is not ours, or to none. */
static enum db_index_beside
judge_wal(const struct wal_index *x, sqlite3_file *wal, off_t len)
{
	if (frames_of(x) == 0 || is_named_whole(x))
		return DB_INDEX_WAL_OTHER;
	if (!is_open_whole(x, wal))
		return DB_INDEX_WAL_CUT;
	/* Others may use new files, and an index that we do not see. */
	return len != 0 && has_index_moved(x) ? DB_INDEX_APART : DB_INDEX_WAL_GONE;
}

enum db_index_beside
db_index_look(struct sqlite3 *sq)
{
	sqlite3_file		*db, *wal;
	const struct wal_index	*x;
	struct stat		 st;
	uint32_t		 frames;
	off_t			 end;

	if (!find_files(sq, &db, &wal))
		return DB_INDEX_HOLDS;
	x = index_of(db);
	/* Others may write now: the file is never shorter than the index has said before. */
	frames = frames_of(x);
	(void)last_frame_of(x, &end);
	stat_beside(&st, x->name, "-wal");
	if (!file_is_same(&st, &index_of(wal)->st))
		return judge_wal(x, wal, st.st_size);
	if (frames != 0 && st.st_size < end && frames_of(x) == frames)
		return DB_INDEX_WAL_CUT;
	return has_index_moved(x) ? DB_INDEX_GONE : DB_INDEX_HOLDS;
}

/* Copies the bytes of a file that SQLite has open. */
static bool
copy_file(int to, sqlite3_file *from)
{
	char		 part[16384];
	sqlite3_int64	 len = 0, at, n;

	if (from->pMethods->xFileSize(from, &len) != SQLITE_OK)
		return false;
	for (at = 0; at < len; at += n) {
		n = len - at < (sqlite3_int64)sizeof(part) ? len - at : (sqlite3_int64)sizeof(part);
		if (from->pMethods->xRead(from, part, (int)n, at) != SQLITE_OK ||
		    pwrite(to, part, (size_t)n, at) != n)
			return false;
	}
	return fsync(to) == 0;
}

bool
db_index_restore_wal(struct sqlite3 *sq, const char *aside)
{
	sqlite3_file	*db, *wal;
	char		 path[PATH], new[PATH + 8];
	struct stat	 st;
	bool		 ok;
	int		 fd;

	if (!find_files(sq, &db, &wal))
		return true;
	(void)snprintf(path, sizeof(path), "%s-wal", index_of(db)->name);
	(void)snprintf(new, sizeof(new), "%s.new", path);
	if ((fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return false;
	ok = copy_file(fd, wal);
	(void)close(fd);
	if (ok && stat(path, &st) == 0 && st.st_size != 0)
		ok = rename(path, aside) == 0;
	if (ok && rename(new, path) == 0)
		return true;
	(void)unlink(new);
	return false;
}

bool
db_index_rename(struct sqlite3 *sq, const char *to)
{
	static const char *const	 ends[] = { "-wal", "-shm" };
	sqlite3_file			*db, *wal;
	char				 old[PATH], new[PATH];
	struct stat			 st;
	size_t				 i;

	if (!find_files(sq, &db, &wal))
		return false;
	stat_beside(&st, index_of(db)->name, "-wal");
	if (!file_is_same(&st, &index_of(wal)->st))
		return false;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(old, sizeof(old), "%s%s", index_of(db)->name, ends[i]);
		(void)snprintf(new, sizeof(new), "%s%s", to, ends[i]);
		(void)rename(old, new);
	}
	return true;
}
