#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "state/recover.h"

enum {
	STEP = 500,		/* rows a transaction */
	PATIENCE_MS = 5000	/* with other processes at the store */
};

/* Where reading failed, it may go on behind the damaged pages. */
static void
leap(struct recover *s)
{
	enum { FAR = 40 };	/* as a power of two: beyond all ids */

	s->at += s->skip;
	s->skip = s->skip * 2 + 1;
	s->over = s->skip >> FAR != 0;
}

enum error
recover_step(struct db *db, struct recover *s, int max)
{
	struct db_rows	 rows;
	enum error	 er = ERR_OK, read;
	int		 n = 0;

	read = db_start(s->from, &rows, s->source->select, DB_VALUES(db_i(s->at)));
	while (er == ERR_OK && n++ < max && read == ERR_OK && db_next(&rows, &read)) {
		s->at = db_col_int(&rows, 0) + 1;
		er = s->source->copy(db, &rows, &s->copied);
	}
	db_end(&rows);
	if (read != ERR_OK)
		leap(s);
	else if (n <= max)
		s->over = true;
	else
		s->skip = 0;
	return er;
}

/* A transaction's share of a rescue; was is what it begins from. */
struct rescue {
	struct recover	 was, is;
};

static enum error
rescue_step(struct db *db, void *arg)
{
	struct rescue	*r = arg;

	r->is = r->was;
	return recover_step(db, &r->is, STEP);
}

/* The rows of one table. */
static enum error
rescue_rows(struct store *s, struct db *from, const struct recover_source *source,
    int64_t *copied)
{
	struct rescue	 r = { .was = { .from = from, .source = source } };
	enum error	 er = ERR_OK;

	while (!r.was.over && (er = store_do(s, STORE_SYNC, rescue_step, &r,
	    clock_mono_ms() + PATIENCE_MS)) == ERR_OK)
		r.was = r.is;
	*copied = r.was.copied;
	return er;
}

/* Takes over what a file that was set aside has, and gives it a name that says so. */
static bool
rescue_file(struct store *s, const char *dir, const char *file,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	int64_t		 copied[RECOVER_SOURCES];
	char		 from[1400], to[1420], *kind;
	struct db	*db;
	enum error	 er;
	size_t		 i;

	(void)snprintf(from, sizeof(from), "%s/%s", dir, file);
	/* A schema that is damaged in part is better than none. */
	if ((er = db_open(&db, from, DB_READ_ONLY)) == ERR_OK)
		(void)db_script(db, "PRAGMA writable_schema = ON");
	for (i = 0; i < RECOVER_SOURCES && er == ERR_OK; i++)
		er = rescue_rows(s, db, sources[i], &copied[i]);
	db_close(db);
	if (er != ERR_OK)
		return false;
	store_raise(s);
	(void)snprintf(to, sizeof(to), "%s", from);
	kind = strrchr(to, '.');
	(void)snprintf(kind, sizeof(to) - (size_t)(kind - to), ".rescued-%s",
	    strrchr(from, '-') + 1);
	(void)db_rename(from, to);
	log_msg(LEVEL_NOTICE, "store", "%s: %lld %s and %lld %s taken over; what is left of it "
	    "is %s", from, (long long)copied[0], sources[0]->what, (long long)copied[1],
	    sources[1]->what, to);
	return true;
}

/* The next file to rescue in the state directory.  False: none. */
static bool
find_file(const char *dir, char *name, size_t size)
{
	static const char	 damaged[] = "qtoa.db.damaged-", newer[] = "qtoa.db.newer-";
	struct dirent		*e;
	bool			 found = false;
	DIR			*d;

	if ((d = opendir(dir)) == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL)
		if ((strncmp(e->d_name, damaged, sizeof(damaged) - 1) == 0 ||
		    strncmp(e->d_name, newer, sizeof(newer) - 1) == 0) && !db_is_beside(e->d_name)) {
			(void)snprintf(name, size, "%s", e->d_name);
			found = true;
		}
	(void)closedir(d);
	return found;
}

void
recover_run(struct store *s, struct locks *cs, const char *dir,
    const struct recover_source *const sources[RECOVER_SOURCES])
{
	unsigned char	 key[LOCK_KEY];
	char		 name[256];
	struct lock	 c;

	lock_name(key, "rescue", dir);
	if (lock_take(cs, &c, key, 0) != LOCK_MINE)
		return;
	while (find_file(dir, name, sizeof(name)) && rescue_file(s, dir, name, sources))
		;
	lock_release(cs, &c, false);
}
