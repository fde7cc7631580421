#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/sqlite/store_reader.h"
#include "state/sqlite/wal_guard.h"
#include "state/state_file.h"
#include "state/store_examine.h"

void
store_examine_fault(struct store_examined *x)
{
	x->is = STORE_IS_FAULTY;
	x->fault = x->db == NULL ? DB_TROUBLE : db_fault(x->db);
	(void)snprintf(x->why, sizeof(x->why), "%s", x->db == NULL ? "" : db_why(x->db));
}

/* Looks whose database it is.  False: it is not to be read further. */
static bool
examine_version(struct store_examined *x)
{
	switch (schema_look(x->db, &x->version, &x->ours)) {
	case SCHEMA_READY:
		return x->version == x->ours;
	case SCHEMA_FAULT:
		store_examine_fault(x);
		return false;
	case SCHEMA_FOREIGN:
		x->is = schema_is_broken(x->db) ? STORE_IS_NAMELESS : STORE_IS_FOREIGN;
		return false;
	case SCHEMA_NEWER:
		x->is = STORE_IS_NEWER;
		return false;
	}
	return false;
}

/* Lets SQLite check the whole file, if quick_ms are enough for that. */
static void
examine_pages(struct store_examined *x, int quick_ms)
{
	const int64_t	 end_ms = clock_mono_ms() + quick_ms;
	struct db_rows	 rows;
	struct slice	 said;
	enum error	 er;

	db_limit(x->db, end_ms);
	er = sqlite_db_start(x->db, &rows, "PRAGMA quick_check(1)", DB_NO_VALUES);
	if (er == ERR_OK && db_next(&rows, &er)) {
		said = db_col(&rows, 0);
		if (!slice_is(said, "ok")) {
			x->is = STORE_IS_DAMAGED;
			(void)snprintf(x->why, sizeof(x->why), "%.*s", (int)said.len, said.p);
		}
	}
	db_end(&rows);
	db_limit(x->db, 0);
	if (er == ERR_OK)
		return;
	if (db_fault(x->db) == DB_DAMAGED || clock_mono_ms() < end_ms)
		store_examine_fault(x);
	else
		x->is_partly = true;
}

void
store_examine_run(struct store_examined *x, const struct settings *set, int64_t until_ms,
    int quick_ms)
{
	char	 file[STATE_FILE_PATH];

	*x = (struct store_examined){ .is = STORE_IS_SOUND };
	(void)snprintf(file, sizeof(file), "%s/qtoa.db", set->state_dir);
	if (access(file, F_OK) == -1 && errno == ENOENT) {
		x->is = STORE_IS_ABSENT;
		return;
	}
	/* This closes the file again, and SQLite has not opened it yet. */
	x->is_wal_damaged = wal_guard_is_damaged(file);
	if (store_reader_open(&x->db, set->state_dir, until_ms) != ERR_OK)
		store_examine_fault(x);
	else if (examine_version(x))
		examine_pages(x, quick_ms);
}
