#ifdef __linux__
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#endif

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

void
file_no_cow(int fd)
{
#ifdef __linux__
	static const unsigned long	 btrfs = 0x9123683e;
	struct statfs			 fs;
	int				 flags = 0;

	if (fstatfs(fd, &fs) == -1 || ((unsigned long)fs.f_type & 0xffffffff) != btrfs ||
	    ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1 || (flags & FS_NOCOW_FL) != 0)
		return;
	flags |= FS_NOCOW_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
#else
	(void)fd;
#endif
}
