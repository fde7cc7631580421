#include "core/file.h"

bool
file_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool
file_is_at(const char *path, const struct stat *st)
{
	struct stat	 now;

	return stat(path, &now) == 0 && file_is_same(&now, st);
}
