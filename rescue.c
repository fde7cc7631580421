#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "rescue.h"
#include "schema.h"
#include "storefile.h"

enum {
	STEP = 500,		/* messages a transaction */
	PATIENCE_MS = 5000	/* with other processes at the store */
};

/* A transaction's share of a rescue; was is what it begins from. */
struct rescue {
	struct schema_rescue	 was, is;
};

static enum qt_err
rescue_step(struct db *db, void *arg)
{
	struct rescue	*r = arg;

	r->is = r->was;
	return schema_rescue(db, &r->is, STEP);
}

/* Takes over what waits in a file that was set aside, and gives it a name that says so. */
static bool
rescue_file(struct store *s, const char *dir, const char *file)
{
	struct rescue	 r = { .was = { 0 } };
	char		 from[1400], to[1420], *kind;
	enum qt_err	 er;

	(void)snprintf(from, sizeof(from), "%s/%s", dir, file);
	/* A schema that is damaged in part is better than none. */
	if ((er = db_open(&r.was.from, from, DB_READ_ONLY)) == QT_OK)
		(void)db_script(r.was.from, "PRAGMA writable_schema = ON");
	while (er == QT_OK && !r.was.over && (er = store_do(s, STORE_SYNC, rescue_step, &r,
	    clock_mono_ms() + PATIENCE_MS)) == QT_OK)
		r.was = r.is;
	db_close(r.was.from);
	if (er != QT_OK)
		return false;
	store_raise(s);
	(void)snprintf(to, sizeof(to), "%s", from);
	kind = strrchr(to, '.');
	(void)snprintf(kind, sizeof(to) - (size_t)(kind - to), ".rescued-%s",
	    strrchr(from, '-') + 1);
	(void)storefile_rename(from, to);
	log_msg(LEVEL_NOTICE, "store", "%s: %lld waiting messages taken over; what is left of "
	    "it is %s", from, (long long)r.was.copied, to);
	return true;
}

static bool
is_log(const char *name)
{
	const char	*end = strrchr(name, '-');

	return end != NULL && (strcmp(end, "-wal") == 0 || strcmp(end, "-shm") == 0 ||
	    strcmp(end, "-journal") == 0);
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
		    strncmp(e->d_name, newer, sizeof(newer) - 1) == 0) && !is_log(e->d_name)) {
			(void)snprintf(name, size, "%s", e->d_name);
			found = true;
		}
	(void)closedir(d);
	return found;
}

void
rescue_run(struct store *s, struct claims *cs, const char *dir)
{
	unsigned char	 key[CLAIM_KEY];
	char		 name[256];
	struct claim	 c;

	claim_name(key, "rescue", dir);
	if (claim_begin(cs, &c, key, 0) != CLAIM_MINE)
		return;
	while (find_file(dir, name, sizeof(name)) && rescue_file(s, dir, name))
		;
	claim_end(cs, &c, false);
}
