#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/scrub.h"
#include "state/sqlite/sqlite_db.h"

enum {
	CHUNK = 256 * 1024,	/* bytes that are read at a time */
	NAME_MAX_LEN = 1024,	/* bytes of a name that can be found across two chunks */
	DEPTH = 8,		/* directories below each other */
	COPY_KIB = 4096,	/* memory of SQLite's for a new copy of the database */
	TRY_MS = 500		/* the longest wait for others, for each try */
};

static void
write_why(char why[SCRUB_WHY], const char *path, const char *what)
{
	(void)snprintf(why, SCRUB_WHY, "%.*s: %.160s", STATE_FILE_PATH, path, what);
}

/*
 * The database.
 */

/* Gives all free pages back. */
static enum error
free_pages(struct db *db, int64_t until_ms)
{
	int64_t		 pages = 1, before = 0;
	enum error	 er = ERR_OK;

	while (er == ERR_OK && pages != before && clock_mono_ms() < until_ms) {
		before = pages;
		pages = 0;
		er = sqlite_db_number(db, &pages, "PRAGMA freelist_count", DB_NO_VALUES);
		if (er == ERR_OK && pages != 0)
			er = db_script(db, "PRAGMA incremental_vacuum(64)");
		else
			break;
	}
	return er;
}

/* Copies the WAL and makes it empty, between what others write and read. */
static bool
empty_wal(struct db *db, int64_t until_ms)
{
	int64_t	 is_busy = 1;

	do {
		db_patience(db, clock_mono_ms() + TRY_MS);
		if (sqlite_db_number(db, &is_busy, "PRAGMA wal_checkpoint(TRUNCATE)",
		    DB_NO_VALUES) != ERR_OK)
			return false;
	} while (is_busy != 0 && clock_mono_ms() < until_ms);
	return is_busy == 0;
}

static enum error
rewrite_database(struct db *db, const char *dir, int64_t until_ms)
{
	enum error	 er;

	if ((er = sqlite_db_spill(db, dir, COPY_KIB)) != ERR_OK)
		return er;
	db_patience(db, until_ms);
	return db_script(db, "VACUUM");
}

static bool
scrub_open(struct db *db, const char *dir, bool rewrite, int64_t until_ms)
{
	db_patience(db, until_ms);
	if (db_script(db, "PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0") != ERR_OK ||
	    free_pages(db, until_ms) != ERR_OK ||
	    (rewrite && rewrite_database(db, dir, until_ms) != ERR_OK))
		return false;
	return empty_wal(db, until_ms);
}

bool
scrub_database(const char *dir, bool rewrite, int64_t until_ms, char why[SCRUB_WHY])
{
	char		 path[STATE_FILE_PATH];
	struct db	*db = NULL;
	bool		 good;

	(void)snprintf(path, sizeof(path), "%s/qtoa.db", dir);
	if (access(path, F_OK) == -1)
		return true;
	good = sqlite_db_open(&db, path, SQLITE_DB_WRITE) == ERR_OK &&
	    scrub_open(db, dir, rewrite, until_ms);
	if (!good)
		write_why(why, path, db != NULL && *db_why(db) != '\0' ? db_why(db) :
		    "other processes use it all the time");
	db_close(db);
	return good;
}

int64_t
scrub_database_size(const char *dir)
{
	char		 path[STATE_FILE_PATH];
	struct stat	 st;

	(void)snprintf(path, sizeof(path), "%s/qtoa.db", dir);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

/*
 * The search.
 */

/* How often a name begins in the first `starts` bytes. */
static int64_t
count_name(const char *p, size_t len, size_t starts, const char *name)
{
	const size_t	 n = strlen(name);
	const char	*at = p, *end = p + (len < n ? 0 : len - n + 1);
	int64_t		 times = 0;

	if (end > p + starts)
		end = p + starts;
	while (at < end && (at = memchr(at, *name, (size_t)(end - at))) != NULL)
		times += memcmp(at++, name, n) == 0;
	return times;
}

static int64_t
count_names(const char *p, size_t len, size_t starts, const struct buf *names)
{
	const char	*name;
	int64_t		 times = 0;

	for (name = names->p; name != NULL && name < names->p + names->len;
	    name += strlen(name) + 1)
		if (*name != '\0')
			times += count_name(p, len, starts, name);
	return times;
}

/* Reads up to the size of the buffer; 0 at the end of the file, -1: errno. */
static ssize_t
read_full(int fd, char *p, size_t size)
{
	size_t	 len = 0;
	ssize_t	 n = 1;

	while (len < size && n > 0) {
		if ((n = read(fd, p + len, size - len)) > 0)
			len += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	return n == -1 ? -1 : (ssize_t)len;
}

/* The end of a chunk is looked at together with the next one. */
static bool
search_fd(int fd, const struct buf *names, int64_t *times, struct buf *b)
{
	const size_t	 tail = NAME_MAX_LEN - 1;
	size_t		 kept = 0, len;
	ssize_t		 n;

	if (buf_reserve(b, CHUNK + tail) != ERR_OK)
		return false;
	while ((n = read_full(fd, b->p + kept, CHUNK)) > 0) {
		len = kept + (size_t)n;
		kept = n == CHUNK ? tail : 0;
		*times += count_names(b->p, len, len - kept, names);
		memmove(b->p, b->p + len - kept, kept);
	}
	if (n == 0)
		*times += count_names(b->p, kept, kept, names);
	return n == 0;
}

bool
scrub_search_file(const char *path, const struct buf *names, int64_t *times)
{
	struct buf	 b = { 0 };
	int		 fd, error;
	bool		 good;

	*times = 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return errno == ENOENT;		/* another process has removed it */
	good = search_fd(fd, names, times, &b);
	error = errno;
	buf_free(&b);
	(void)close(fd);
	errno = error;
	return good;
}

struct searching {
	const struct buf	*names;
	scrub_found		*fn;
	void			*ctx;
	int64_t			*files;
	char			*why;
};

static bool	search_directory(struct searching *s, const char *dir, int depth);

/* Searches what has that name: a file, or a directory.  Sockets and links have no content. */
static bool
search_entry(struct searching *s, const char *path, int depth)
{
	struct stat	 st;
	int64_t		 times;

	if (lstat(path, &st) == -1 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return true;
	if (S_ISDIR(st.st_mode))
		return depth == 0 || search_directory(s, path, depth - 1);
	if (!scrub_search_file(path, s->names, &times)) {
		write_why(s->why, path, strerror(errno));
		return false;
	}
	++*s->files;
	if (times != 0)
		s->fn(s->ctx, path, times);
	return true;
}

static bool
search_directory(struct searching *s, const char *dir, int depth)
{
	char		 path[STATE_FILE_PATH];
	struct dirent	*e;
	DIR		*d;
	bool		 good = true;

	if ((d = opendir(dir)) == NULL) {
		write_why(s->why, dir, strerror(errno));
		return false;
	}
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
			good = search_entry(s, path, depth) && good;
		}
	(void)closedir(d);
	return good;
}

bool
scrub_search(const char *dir, const struct buf *names, scrub_found *fn, void *ctx, int64_t *files,
    char why[SCRUB_WHY])
{
	struct searching	 s = { names, fn, ctx, files, why };

	*files = 0;
	return search_directory(&s, dir, DEPTH);
}

/*
 * Databases whose rows were taken over.
 */

/* *has: the database or a file beside it has one of the names. */
static bool
search_family(const char *path, const struct buf *names, bool *has)
{
	static const char *const	 ends[] = { "", "-wal", "-journal" };
	char				 file[STATE_FILE_PATH + 16];
	int64_t				 times;
	size_t				 i;

	*has = false;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		if (!scrub_search_file(file, names, &times))
			return false;
		*has = *has || times != 0;
	}
	return true;
}

static bool
remove_family(const char *path)
{
	static const char *const	 ends[] = { "-wal", "-shm", "-journal", "" };
	char				 file[STATE_FILE_PATH + 16];
	size_t				 i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		if (unlink(file) == -1 && errno != ENOENT)
			return false;
	}
	return true;
}

bool
scrub_rescued(const char *dir, const struct buf *names, int64_t *n, char why[SCRUB_WHY])
{
	static const char	 rescued[] = "qtoa.db.rescued-";
	char			 path[STATE_FILE_PATH];
	struct dirent		*e;
	DIR			*d;
	bool			 good = true, has;

	*n = 0;
	if ((d = opendir(dir)) == NULL)
		return errno == ENOENT;
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, rescued, sizeof(rescued) - 1) != 0 ||
		    sqlite_db_is_beside(e->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (!search_family(path, names, &has) || (has && !remove_family(path))) {
			write_why(why, path, strerror(errno));
			good = false;
		} else
			*n += has;
	}
	(void)closedir(d);
	return good;
}
