#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "state/sqlite/quarantine.h"
#include "state/sqlite/rebuild.h"
#include "state/sqlite/sqlite_db.h"

enum { PATH = 1400 };

static const char	 damaged[] = "qtoa.db.damaged-", newer[] = "qtoa.db.newer-";

static bool
has_beginning(const char *name, const char *begin)
{
	return strncmp(name, begin, strlen(begin)) == 0;
}

bool
quarantine_find(const char *dir, char *name, size_t size)
{
	struct dirent	*e;
	bool		 found = false;
	DIR		*d;

	if ((d = opendir(dir)) == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL) {
		found = (has_beginning(e->d_name, damaged) || has_beginning(e->d_name, newer)) &&
		    !sqlite_db_is_beside(e->d_name);
		if (found && name != NULL)
			(void)snprintf(name, size, "%s", e->d_name);
	}
	(void)closedir(d);
	return found;
}

enum error
quarantine_open(struct db **db, int64_t *lost, const char *dir, const char *name)
{
	char		 path[PATH];
	enum error	 er;

	*lost = 0;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (has_beginning(name, damaged))
		return rebuild_run(db, lost, path, dir);
	/* With this, SQLite reads a schema that is damaged in part. */
	if ((er = sqlite_db_open(db, path, SQLITE_DB_READ)) == ERR_OK)
		(void)db_script(*db, "PRAGMA writable_schema = ON");
	return er;
}

void
quarantine_end(char *to, size_t size, const char *dir, const char *name)
{
	char	 path[PATH];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)snprintf(to, size, "%s/qtoa.db.rescued-%s", dir, strrchr(name, '-') + 1);
	(void)sqlite_db_rename(path, to);
}
