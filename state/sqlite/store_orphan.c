#include <stdatomic.h>

#include "core/log.h"
#include "state/sqlite/store_orphan.h"

bool
store_orphan_has(struct store_file *f)
{
	int	 i;

	for (i = 0; i < STORE_STATE_ORPHANS && atomic_load(&f->orphans[i]) == NULL; i++)
		;
	return i != STORE_STATE_ORPHANS;
}

struct db *
store_orphan_take(struct store_file *f)
{
	struct db	*db = NULL;
	int		 i;

	for (i = 0; i < STORE_STATE_ORPHANS && db == NULL; i++)
		db = atomic_exchange(&f->orphans[i], NULL);
	return db;
}

void
store_orphan_keep(struct store_file *f, struct db *db)
{
	struct db	*none = NULL;
	int		 i;

	for (i = 0; i < STORE_STATE_ORPHANS; i++, none = NULL)
		if (atomic_compare_exchange_strong(&f->orphans[i], &none, db))
			return;
	log_msg(LEVEL_ERROR, "store", "%s is removed again and again: what waited in one of these "
	    "files is lost", f->file);
	db_close(db);
}
