#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/number.h"
#include "monitor/alert_file.h"
#include "state/state_file.h"

enum {
	HEAD	= 4096,
	COPY	= 20480,	/* bytes between the copies */
	VERSION	= 1
};

struct copy {
	char			 magic[8];
	uint32_t		 version, size;
	uint64_t		 number;	/* the higher one is newer */
	uint64_t		 hash;		/* of number and state */
	struct alert_file_state	 state;
};

_Static_assert(sizeof(struct copy) <= COPY, "a copy has room");

static const char	magic[8] = { 'q', 't', 'o', 'a', 'a', 'l', 'r', 't' };

static uint64_t
hash_of(const struct copy *c)
{
	return hash_add(hash_add(HASH_EMPTY, &c->number, sizeof(c->number)), &c->state,
	    sizeof(c->state));
}

static bool
is_whole(const struct copy *c)
{
	return memcmp(c->magic, magic, sizeof(magic)) == 0 && c->version == VERSION &&
	    c->size == sizeof(c->state) && c->hash == hash_of(c) &&
	    c->state.nsigns >= 0 && c->state.nsigns <= ALERT_FILE_SIGNS;
}

static bool
is_later(const struct copy *c)
{
	return memcmp(c->magic, magic, sizeof(magic)) == 0 && c->version > VERSION;
}

/* Reads the newer copy that is whole; without one the state is all zeros. */
static bool
read_copies(struct alert_file *f)
{
	struct copy	*c;
	bool		 later = false;
	int		 i;

	f->number = 0;
	memset(&f->state, 0, sizeof(f->state));
	if ((c = malloc(sizeof(*c))) == NULL)
		return false;
	for (i = 0; i < 2; i++) {
		if (pread(f->fd, c, sizeof(*c), HEAD + (off_t)i * COPY) != (ssize_t)sizeof(*c))
			continue;
		later = later || is_later(c);
		if (is_whole(c) && c->number > f->number) {
			f->number = c->number;
			f->state = c->state;
		}
	}
	free(c);
	if (later)
		errno = ENOTSUP;
	return !later;
}

static void
write_file_path(char path[STATE_FILE_PATH], const char *dir)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/qtoa.alerts", dir);
}

/* All of the file is on the disk, with no holes.  False: errno. */
static bool
reserve_all(int fd)
{
	struct stat	 st;
	int		 rc;

	if (fstat(fd, &st) == -1)
		return false;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return false;
	}
	if (st.st_size >= HEAD + 2 * COPY)
		return true;
	if ((rc = posix_fallocate(fd, 0, HEAD + 2 * COPY)) != 0)
		errno = rc;
	return rc == 0;
}

bool
alert_file_open(struct alert_file *f, const char *dir)
{
	char	 path[STATE_FILE_PATH];

	memset(f, 0, sizeof(*f));
	write_file_path(path, dir);
	f->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	return f->fd != -1 && reserve_all(f->fd) && read_copies(f);
}

void
alert_file_close(struct alert_file *f)
{
	if (f->fd != -1)
		(void)close(f->fd);
	f->fd = -1;
}

bool
alert_file_save(struct alert_file *f)
{
	struct copy	*c;
	bool		 good;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return false;
	memcpy(c->magic, magic, sizeof(magic));
	c->version = VERSION;
	c->size = sizeof(c->state);
	c->number = f->number + 1;
	c->state = f->state;
	c->hash = hash_of(c);
	errno = ENOSPC;		/* if not all is written */
	good = pwrite(f->fd, c, sizeof(*c), HEAD + (off_t)(c->number % 2) * COPY) ==
	    (ssize_t)sizeof(*c) && fdatasync(f->fd) == 0;
	if (good)
		f->number = c->number;
	free(c);
	return good;
}

int64_t
alert_file_looked_ms(const char *dir)
{
	char	 path[STATE_FILE_PATH];
	int64_t	 ms = 0;
	int	 fd;

	write_file_path(path, dir);
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1)
		return 0;
	if (pread(fd, &ms, sizeof(ms), 0) != (ssize_t)sizeof(ms))
		ms = 0;
	(void)close(fd);
	return number_bounded(ms);
}

void
alert_file_look(const struct alert_file *f, int64_t now_ms)
{
	/* If that fails, others look more often than they need to. */
	(void)!pwrite(f->fd, &now_ms, sizeof(now_ms), 0);
}

bool
alert_file_read(struct alert_file_state *st, const char *dir)
{
	struct alert_file	 f = { .fd = -1 };
	char			 path[STATE_FILE_PATH];
	bool			 good = false;

	write_file_path(path, dir);
	if ((f.fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) != -1)
		good = read_copies(&f) && f.number != 0;
	if (good)
		*st = f.state;
	alert_file_close(&f);
	return good;
}
