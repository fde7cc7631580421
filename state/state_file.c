#define _GNU_SOURCE		/* SEEK_HOLE */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "state/state_file.h"

enum { RETRY_MS = 1000 };

enum state_file_is
state_file_open(struct state_file *f, const char *path, int flags, void *head,
    const struct state_file_layout *layout)
{
	static const char	 no_magic[sizeof(layout->magic)];
	uint32_t		 version;
	ssize_t			 n;

	memset(head, 0, layout->head);
	f->fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd == -1)
		return errno == ENOENT ? STATE_FILE_ABSENT : STATE_FILE_UNREADABLE;
	if (fstat(f->fd, &f->st) == -1 || (n = pread(f->fd, head, layout->head, 0)) == -1)
		return STATE_FILE_UNREADABLE;
	if (memcmp(head, no_magic, sizeof(no_magic)) == 0)
		return STATE_FILE_EMPTY;
	memcpy(&version, (const char *)head + sizeof(layout->magic), sizeof(version));
	if (n != (ssize_t)layout->head || memcmp(head, layout->magic, sizeof(no_magic)) != 0)
		return STATE_FILE_OTHER;
	return version == layout->version ? STATE_FILE_SOUND :
	    version > layout->version ? STATE_FILE_LATER : STATE_FILE_OTHER;
}

void
state_file_close(struct state_file *f)
{
	const int	 error = errno;

	if (f->fd != -1)
		(void)close(f->fd);
	f->fd = -1;
	errno = error;
}

void
state_file_quarantine_path(char to[STATE_FILE_PATH], const char *path, const char *kind)
{
	(void)snprintf(to, STATE_FILE_PATH, "%s.%s-%lld", path, kind, (long long)clock_wall_ms());
}

const char *
state_file_clear(enum state_file_is is, const char *path, const char *what)
{
	char	 to[STATE_FILE_PATH];

	switch (is) {
	case STATE_FILE_SOUND:
	case STATE_FILE_ABSENT:
		return NULL;
	case STATE_FILE_EMPTY:
		return unlink(path) == 0 ? NULL : strerror(errno);
	case STATE_FILE_LATER:
		return "a later version of qtoa made it; install that one again or move the file";
	case STATE_FILE_UNREADABLE:
		return strerror(errno);
	case STATE_FILE_OTHER:
		break;
	}
	state_file_quarantine_path(to, path, "foreign");
	if (rename(path, to) == -1)
		return strerror(errno);
	log_msg(LEVEL_WARNING, what, "%s does not have the layout of this program's files: it is "
	    "set aside as %s, and a new file is begun", path, to);
	return NULL;
}

/*
 * True: the disk has all bytes up to len.  False: perhaps not; a file system may call blocks a hole
 * that are reserved, but were never written.
 */
static bool
has_no_hole(const struct state_file *f, off_t len)
{
#ifdef SEEK_HOLE
	return f->st.st_size >= len && lseek(f->fd, 0, SEEK_HOLE) >= len;
#else
	return f->st.st_size >= len && (off_t)f->st.st_blocks * 512 >= len;
#endif
}

bool
state_file_replace(const char *path, struct slice bytes)
{
	char	 new[STATE_FILE_PATH + 4];
	int	 fd, fault = 0;

	(void)snprintf(new, sizeof(new), "%s.new", path);
	(void)unlink(new);	/* a process that has died has left it */
	if ((fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == -1)
		return false;
	errno = ENOSPC;		/* if not all is written */
	if (write(fd, bytes.p, bytes.len) != (ssize_t)bytes.len || fsync(fd) == -1)
		fault = errno;
	(void)close(fd);
	if (fault == 0 && rename(new, path) == 0)
		return true;
	if (fault == 0)
		fault = errno;
	(void)unlink(new);
	errno = fault;
	return false;
}

bool
state_file_reserve(struct state_file *f, off_t len)
{
	int	 rc;

	if (has_no_hole(f, len))
		return true;
	if (f->st.st_size == 0)
		file_no_cow(f->fd);
	if ((rc = posix_fallocate(f->fd, 0, len)) != 0)
		errno = rc;
	return rc == 0 && fstat(f->fd, &f->st) == 0;
}

bool
state_file_map(struct state_file *f, const struct state_file *from, size_t len)
{
	void	*map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, from->fd, 0);

	if (map == MAP_FAILED)
		return false;
	if ((f->was_lost || state_file_is_lost(f)) && !map_guard_can_write(map, len)) {
		(void)munmap(map, len);
		errno = ENOSPC;
		return false;
	}
	state_file_unmap(f);
	f->map = map;
	f->len = len;
	f->guard = map_guard_add(map, len, MAP_GUARD_LOSE, "");
	f->was_lost = false;
	f->st = from->st;
	return true;
}

void
state_file_unmap(struct state_file *f)
{
	f->was_lost = f->was_lost || state_file_is_lost(f);
	map_guard_remove(f->guard);
	f->guard = NULL;
	if (f->map != NULL)
		(void)munmap(f->map, f->len);
	f->map = NULL;
}

bool
state_file_is_lost(const struct state_file *f)
{
	return map_guard_is_lost(f->guard);
}

bool
state_file_note(struct state_file_trouble *t, const char *path, const char *why)
{
	const bool	 was_logged = t->is_logged;

	if (why != NULL && !was_logged)
		log_msg(t->level, t->what, "%s%s%s: %s until this is fixed; %s%s",
		    path == NULL ? "" : path, path == NULL ? "" : ": ", why, t->effect,
		    t->dir == NULL ? t->remedy : "look at the owner, permissions and free space "
		    "of ", t->dir == NULL ? "" : t->dir);
	t->is_logged = why != NULL;
	atomic_store(&t->retry_ms, why == NULL ? 0 : clock_mono_ms() + RETRY_MS);
	return why == NULL && was_logged;
}

bool
state_file_may_try(const struct state_file_trouble *t)
{
	return clock_mono_ms() >= atomic_load(&t->retry_ms);
}
