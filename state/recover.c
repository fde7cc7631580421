#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/recover.h"
#include "state/sqlite/quarantine.h"

enum {
	STEP = 500,		/* rows in a transaction */
	SHARED_STEP = 32,	/* the same over a network: it has settings.store_ms */
	PATIENCE_MS = 5000	/* with other processes at the store */
};

/* Where rows go, and what they are. */
struct target {
	struct store				*own, *to;
	const struct recover_source *const	*sources;
	int64_t					 copied[RECOVER_SOURCES];
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
	int		 rows;
};

/* A store_work, which may be run again: so it begins from a copy. */
static enum error
run_step(struct db *db, void *arg)
{
	struct step	*t = arg;

	t->end = t->begin;
	return recover_step(db, &t->end, t->rows);
}

/*
 * Takes the rows of one table over.  A step that fails is tried with fewer rows: it may have had
 * too little time.
 */
static enum error
recover_rows(struct store *s, struct db *from, const struct recover_source *source,
    int64_t *copied)
{
	struct step	 t = {
		.begin = { .from = from, .source = source },
		.rows = store_is_shared(s) ? SHARED_STEP : STEP,
	};
	enum error	 er = ERR_OK;

	while (!t.begin.over && er == ERR_OK) {
		er = store_do(s, STORE_SYNC, run_step, &t, clock_mono_ms() + PATIENCE_MS);
		if (er == ERR_OK) {
			t.begin = t.end;
		} else if (store_is_shared(s) && t.rows > 1) {
			t.rows /= 4;
			t.rows += t.rows == 0;
			er = ERR_OK;
		}
	}
	*copied = t.begin.copied;
	return er;
}

/*
 * Takes the rows of all tables over.  Messages come last if other rows go into another store, which
 * may fail in between: a message that is taken over twice is sent twice.
 */
static enum error
recover_tables(struct target *t, struct db *from)
{
	const size_t	 first = t->own != t->to;
	enum error	 er = ERR_OK;
	size_t		 k, i;

	for (k = 0; k < RECOVER_SOURCES && er == ERR_OK; k++) {
		i = (first + k) % RECOVER_SOURCES;
		er = recover_rows(t->sources[i]->is_carried ? t->own : t->to, from,
		    t->sources[i], &t->copied[i]);
	}
	if (er == ERR_OK)
		store_raise(t->own);
	return er;
}

/* Renames a database whose rows are taken over, and says what they were. */
static void
end_quarantine(const struct target *t, const char *dir, const char *file, int64_t lost)
{
	char	 to[1420], some[64] = "";

	quarantine_end(to, sizeof(to), dir, file);
	if (lost != 0)
		(void)snprintf(some, sizeof(some), "; %lld %s could not be read", (long long)lost,
		    t->sources[0]->what);
	log_msg(lost != 0 ? LEVEL_WARNING : LEVEL_NOTICE, "store", "%s/%s: %lld %s and %lld %s are "
	    "taken over%s; the file is now called %s", dir, file, (long long)t->copied[0],
	    t->sources[0]->what, (long long)t->copied[1], t->sources[1]->what, some, to);
}

/* A store_work. */
static enum error
touch_store(struct db *db, void *arg)
{
	(void)arg;
	return db_touch(db);
}

/* True: both stores can be written.  To read a damaged file for nothing would take long. */
static bool
can_write(const struct target *t)
{
	return store_do(t->to, STORE_SYNC, touch_store, NULL, clock_mono_ms() + PATIENCE_MS) ==
	    ERR_OK && (t->own == t->to || store_do(t->own, STORE_SYNC, touch_store, NULL,
	    clock_mono_ms() + PATIENCE_MS) == ERR_OK);
}

/* Takes the rows of a database in quarantine over, and then renames it. */
static bool
recover_file(struct target *t, const char *dir, const char *file)
{
	int64_t		 lost;
	struct db	*db;
	enum error	 er;

	er = quarantine_open(&db, &lost, dir, file);
	if (er == ERR_OK)
		er = recover_tables(t, db);
	db_close(db);
	if (er == ERR_OK)
		end_quarantine(t, dir, file, lost);
	return er == ERR_OK;
}

/*
 * Takes over from a database that was removed while this process had it open, and closes that.
 * False: a store cannot be written now.
 */
static bool
recover_orphan(struct target *t, struct db *db)
{
	if (!can_write(t) || recover_tables(t, db) != ERR_OK) {
		store_keep_orphan(t->own, db);
		return false;
	}
	db_close(db);
	log_msg(LEVEL_NOTICE, "store", "%lld %s and %lld %s are taken over from the database that "
	    "was removed", (long long)t->copied[0], t->sources[0]->what, (long long)t->copied[1],
	    t->sources[1]->what);
	return true;
}

bool
recover_run(struct store *own, struct store *to, const char *dir,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	struct target	 t = { .own = own, .to = to, .sources = sources };
	struct locks	*locks = store_locks(own);
	unsigned char	 key[LOCK_KEY];
	struct db	*db;
	char		 name[256];
	struct lock	 lock;
	bool		 good = true;

	lock_name(key, "rescue", dir);
	if (lock_take(locks, &lock, key, 0) != LOCK_MINE)
		return false;
	/* A file that cannot be used goes into quarantine when it is opened. */
	(void)store_do(own, STORE_READ, store_nothing, NULL, clock_mono_ms() + PATIENCE_MS);
	while (good && (db = store_take_orphan(own)) != NULL)
		good = recover_orphan(&t, db);
	while (good && quarantine_find(dir, name, sizeof(name)))
		good = can_write(&t) && recover_file(&t, dir, name);
	lock_release(locks, &lock, false);
	return good;
}
