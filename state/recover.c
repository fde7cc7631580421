#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/rebuild.h"
#include "state/recover.h"

enum {
	STEP = 500,		/* rows in a transaction */
	PATIENCE_MS = 5000	/* with other processes at the store */
};

/* Skips ids after a read that failed, twice as many each time: behind the damage it can go on. */
static void
skip_damage(struct recover *r)
{
	enum { FAR = 40 };	/* 2^40 is beyond all ids */

	r->at += r->skip;
	r->skip = r->skip * 2 + 1;
	r->over = r->skip >> FAR != 0;
}

enum error
recover_step(struct db *db, struct recover *r, int max)
{
	struct db_rows	 rows;
	enum error	 er = ERR_OK, read;
	int		 n = 0;

	read = db_start(r->from, &rows, r->source->select, DB_VALUES(db_i(r->at)));
	while (er == ERR_OK && n++ < max && read == ERR_OK && db_next(&rows, &read)) {
		r->at = db_col_int(&rows, 0);
		r->at += r->at != INT64_MAX;
		er = r->source->copy(db, &rows, &r->copied);
	}
	db_end(&rows);
	if (read != ERR_OK)
		skip_damage(r);
	else if (n <= max)
		r->over = true;
	else
		r->skip = 0;
	return er;
}

/* A step: where it begins, and where it has ended. */
struct step {
	struct recover	 begin, end;
};

/* A store_work, which may be run again: so it begins from a copy. */
static enum error
run_step(struct db *db, void *arg)
{
	struct step	*t = arg;

	t->end = t->begin;
	return recover_step(db, &t->end, STEP);
}

/* Takes the rows of one table over. */
static enum error
recover_rows(struct store *s, struct db *from, const struct recover_source *source,
    int64_t *copied)
{
	struct step	 t = { .begin = { .from = from, .source = source } };
	enum error	 er = ERR_OK;

	while (!t.begin.over && (er = store_do(s, STORE_SYNC, run_step, &t,
	    clock_mono_ms() + PATIENCE_MS)) == ERR_OK)
		t.begin = t.end;
	*copied = t.begin.copied;
	return er;
}

static const char	 damaged[] = "qtoa.db.damaged-", newer[] = "qtoa.db.newer-";

static bool
has_beginning(const char *name, const char *begin)
{
	return strncmp(name, begin, strlen(begin)) == 0;
}

/*
 * Opens a database in quarantine for reading.  A damaged one is read page by page, and what was
 * read is opened.  *lost: how many waiting messages could not be read.
 */
static enum error
open_quarantine(struct db **db, int64_t *lost, const char *dir, const char *file, const char *path)
{
	enum error	 er;

	*lost = 0;
	if (has_beginning(file, damaged))
		return rebuild_run(db, lost, path, dir);
	/* With this, SQLite reads a schema that is damaged in part. */
	if ((er = db_open(db, path, DB_READ_ONLY)) == ERR_OK)
		(void)db_script(*db, "PRAGMA writable_schema = ON");
	return er;
}

/* Renames a database whose rows are taken over, and says what they were. */
static void
end_quarantine(const char *path, const struct recover_source *const sources[RECOVER_SOURCES],
    const int64_t copied[RECOVER_SOURCES], int64_t lost)
{
	char	 to[1420], some[64] = "", *kind;

	(void)snprintf(to, sizeof(to), "%s", path);
	kind = strrchr(to, '.');
	(void)snprintf(kind, sizeof(to) - (size_t)(kind - to), ".rescued-%s",
	    strrchr(path, '-') + 1);
	(void)db_rename(path, to);
	if (lost != 0)
		(void)snprintf(some, sizeof(some), "; %lld %s could not be read", (long long)lost,
		    sources[0]->what);
	log_msg(lost != 0 ? LEVEL_WARNING : LEVEL_NOTICE, "store", "%s: %lld %s and %lld %s are "
	    "taken over%s; the file is now called %s", path, (long long)copied[0],
	    sources[0]->what, (long long)copied[1], sources[1]->what, some, to);
}

/* Takes the rows of a database in quarantine over, and then renames it. */
static bool
recover_file(struct store *s, const char *dir, const char *file,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	int64_t		 copied[RECOVER_SOURCES], lost;
	char		 path[1400];
	struct db	*db;
	enum error	 er;
	size_t		 i;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	er = open_quarantine(&db, &lost, dir, file, path);
	for (i = 0; i < RECOVER_SOURCES && er == ERR_OK; i++)
		er = recover_rows(s, db, sources[i], &copied[i]);
	db_close(db);
	if (er != ERR_OK)
		return false;
	store_raise(s);
	end_quarantine(path, sources, copied, lost);
	return true;
}

/*
 * Finds a database in quarantine whose rows are not taken over yet.  False: no such file is left.
 */
static bool
find_quarantine(const char *dir, char *name, size_t size)
{
	struct dirent		*e;
	bool			 found = false;
	DIR			*d;

	if ((d = opendir(dir)) == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL)
		if ((has_beginning(e->d_name, damaged) || has_beginning(e->d_name, newer)) &&
		    !db_is_beside(e->d_name)) {
			(void)snprintf(name, size, "%s", e->d_name);
			found = true;
		}
	(void)closedir(d);
	return found;
}

/*
 * Takes over from a database that was removed while this process had it open, and closes that.
 * the store cannot be written now.
 */
static bool
recover_orphan(struct store *s, struct db *db,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	int64_t		 copied[RECOVER_SOURCES];
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < RECOVER_SOURCES && er == ERR_OK; i++)
		er = recover_rows(s, db, sources[i], &copied[i]);
	if (er != ERR_OK) {
		store_keep_orphan(s, db);
		return false;
	}
	db_close(db);
	store_raise(s);
	log_msg(LEVEL_NOTICE, "store", "%lld %s and %lld %s are taken over from the database that "
	    "was removed", (long long)copied[0], sources[0]->what, (long long)copied[1],
	    sources[1]->what);
	return true;
}

void
recover_run(struct store *s, struct locks *locks, const char *dir,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	unsigned char	 key[LOCK_KEY];
	struct db	*db;
	char		 name[256];
	struct lock	 lock;

	lock_name(key, "rescue", dir);
	if (lock_take(locks, &lock, key, 0) != LOCK_MINE)
		return;
	while ((db = store_take_orphan(s)) != NULL && recover_orphan(s, db, sources))
		;
	while (find_quarantine(dir, name, sizeof(name)) && recover_file(s, dir, name, sources))
		;
	lock_release(locks, &lock, false);
}
