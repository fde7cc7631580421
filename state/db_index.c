#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "state/db_index.h"
#include "state/map_guard.h"

enum {
	REGIONS		= 64,		/* of 32 KiB each; one is the index of 16 MiB of a WAL */
	FIRST		= 4096,		/* bytes of the first region: its head is in them */
	WRITE_LOCK	= 0,		/* SQLite's lock of whoever appends to the WAL */
	HEAD		= 136,		/* bytes of the head: SQLite, "WAL-mode File Format" */
	FRAMES_AT	= 16,		/* where the head has the number of frames, a u32 */
	FIRST_FRAMES	= 4062,		/* that the first region is the index of */
	REGION_FRAMES	= 4096,		/* the same of each further region */
	PATH		= 1100
};

/* The index as one connection has it; it stands behind SQLite's own struct for the file. */
struct wal_index {
	const char	*name;		/* of the database */
	struct {
		void			*at;
		size_t			 len;
		struct map_guard	*guard;
	} regions[REGIONS];
	int	 n;
};

static pthread_once_t			 once = PTHREAD_ONCE_INIT;
static sqlite3_vfs			*real;		/* SQLite's own VFS */
static sqlite3_vfs			 ours;
static const sqlite3_io_methods		*real_io;	/* of its main databases */
static sqlite3_io_methods		 our_io;
/* Of the two above. */
static pthread_mutex_t			 lock = PTHREAD_MUTEX_INITIALIZER;

static struct wal_index *
index_of(sqlite3_file *file)
{
	const size_t	 size = sizeof(uint64_t);

	return (void *)((char *)file + ((size_t)real->szOsFile + size - 1) / size * size);
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
	x->n++;
	return true;
}

static void
forget_regions(struct wal_index *x)
{
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
	char		 path[PATH];
	struct stat	 st;
	off_t		 len = 0;
	int		 i;

	for (i = 0; i < x->n; i++)
		len += (off_t)x->regions[i].len;
	(void)snprintf(path, sizeof(path), "%s-shm", x->name);
	return stat(path, &st) == 0 && st.st_size < len;
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
	if ((flags & SQLITE_OPEN_MAIN_DB) != 0)
		*index_of(file) = (struct wal_index){ .name = name };
	rc = real->xOpen(real, name, file, flags, out);
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
		take_over(file);
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
