#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "state/disk.h"
#include "state/reserve.h"
#include "state/state_file.h"

enum {
	SIZE_MAX_BYTES = 1 << 20,
	SHARE = 32,		/* of a small disk */
	PIECE = 32768		/* the smallest piece: an index of SQLite's WAL */
};

static void
write_path(char path[STATE_FILE_PATH], const char *dir)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/" RESERVE_FILE, dir);
}

/* Opens the file.  False: there is no such file, or it is not ours. */
static bool
open_reserve(struct state_file *f, const char *path, int flags)
{
	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	if (f->fd != -1 && (fstat(f->fd, &f->st) == -1 || !S_ISREG(f->st.st_mode)))
		state_file_close(f);
	return f->fd != -1;
}

static off_t
size_of(const struct disk *d)
{
	const int64_t	 share = d->bytes / SHARE;
	const int64_t	 size = share < SIZE_MAX_BYTES ? share : SIZE_MAX_BYTES;

	return (off_t)(size < PIECE ? PIECE : size - size % PIECE);
}

void
reserve_make(const char *dir)
{
	struct state_file	 f = { .fd = -1 };
	struct disk		 d;
	char			 path[STATE_FILE_PATH];
	off_t			 size;

	write_path(path, dir);
	if (!disk_look(&d, dir) || disk_room(&d) == DISK_OUT)
		return;
	size = size_of(&d);
	if (stat(path, &f.st) == 0 && f.st.st_size >= size &&
	    (off_t)f.st.st_blocks * 512 >= size)
		return;
	if (d.free_bytes < disk_margin(&d) + size || !open_reserve(&f, path, O_CREAT))
		return;
	if (!state_file_reserve(&f, size))
		(void)unlink(path);
	state_file_close(&f);
}

bool
reserve_give_all(const char *dir)
{
	char	 path[STATE_FILE_PATH];

	write_path(path, dir);
	return unlink(path) == 0;
}

bool
reserve_give(const char *dir)
{
	struct state_file	 f = { .fd = -1 };
	char			 path[STATE_FILE_PATH];
	off_t			 half;
	bool			 given;

	write_path(path, dir);
	if (!open_reserve(&f, path, 0))
		return false;
	half = f.st.st_size / 2 / PIECE * PIECE;
	given = half > 0 && ftruncate(f.fd, half) == 0;
	state_file_close(&f);
	return given || unlink(path) == 0;
}
