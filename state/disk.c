#include <sys/statvfs.h>

#include "state/disk.h"

#define MB	INT64_C(1000000)

enum {
	MARGIN_SHARE = 16,	/* of a small disk */
	INODES_LOW = 1000,
	INODES_OUT = 20
};

static const int64_t	 margin_max = 10 * MB, low = 100 * MB;

bool
disk_look(struct disk *d, const char *dir)
{
	struct statvfs	 fs;

	if (statvfs(dir, &fs) == -1)
		return false;
	d->free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	d->bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	d->free_inodes = (int64_t)fs.f_favail;
	d->inodes = (int64_t)fs.f_files;
	return true;
}

int64_t
disk_margin(const struct disk *d)
{
	return d->bytes / MARGIN_SHARE < margin_max ? d->bytes / MARGIN_SHARE : margin_max;
}

int64_t
disk_margin_again(const struct disk *d)
{
	return disk_margin(d) + disk_margin(d) / 4;
}

enum disk_room
disk_room(const struct disk *d)
{
	const bool	 counts = d->inodes != 0;

	if (d->free_bytes < disk_margin(d) || (counts && d->free_inodes < INODES_OUT))
		return DISK_OUT;
	if (d->free_bytes < low || (counts && d->free_inodes < INODES_LOW))
		return DISK_LOW;
	return d->free_bytes < d->bytes / 10 ? DISK_TENTH : DISK_FINE;
}
