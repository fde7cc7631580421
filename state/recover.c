#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/recover.h"
#include "state/sqlite/quarantine.h"

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

/* Renames a database whose rows are taken over, and says what they were. */
static void
end_quarantine(const char *dir, const char *file,
    const struct recover_source *const sources[RECOVER_SOURCES],
    const int64_t copied[RECOVER_SOURCES], int64_t lost)
{
	char	 to[1420], some[64] = "";

	quarantine_end(to, sizeof(to), dir, file);
	if (lost != 0)
		(void)snprintf(some, sizeof(some), "; %lld %s could not be read", (long long)lost,
		    sources[0]->what);
	log_msg(lost != 0 ? LEVEL_WARNING : LEVEL_NOTICE, "store", "%s/%s: %lld %s and %lld %s are "
	    "taken over%s; the file is now called %s", dir, file, (long long)copied[0],
	    sources[0]->what, (long long)copied[1], sources[1]->what, some, to);
}

/* Takes the rows of a database in quarantine over, and then renames it. */
static bool
recover_file(struct store *s, const char *dir, const char *file,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	int64_t		 copied[RECOVER_SOURCES], lost;
	struct db	*db;
	enum error	 er;
	size_t		 i;

	er = quarantine_open(&db, &lost, dir, file);
	for (i = 0; i < RECOVER_SOURCES && er == ERR_OK; i++)
		er = recover_rows(s, db, sources[i], &copied[i]);
	db_close(db);
	if (er != ERR_OK)
		return false;
	store_raise(s);
	end_quarantine(dir, file, sources, copied, lost);
	return true;
}

/*
 * Takes over from a database that was removed while this process had it open, and closes that.
 * False: the store cannot be written now.
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
	while (quarantine_find(dir, name, sizeof(name)) && recover_file(s, dir, name, sources))
		;
	lock_release(locks, &lock, false);
}
